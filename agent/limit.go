package agent

import "context"

// limit lets a number of machines at most do the same costly thing at once.
type limit chan struct{}

// acquire waits for a place. Its error is the cause of ctx's end.
func (l limit) acquire(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// release gives the place to the next one.
func (l limit) release() { <-l }
