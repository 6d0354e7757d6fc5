package store

import (
	"context"
	"strings"
	"testing"

	"hanok/dc"
)

// slow is a backend that does not answer.
type slow struct {
	memory
	asked chan struct{}
}

func (b *slow) commit(ctx context.Context, t transaction) (int64, bool, error) {
	close(b.asked)
	<-ctx.Done()
	return 0, false, commitError(ctx, ctx.Err(), len(t.operations))
}

// A change that is given up while the backend works on it does not claim to know what became of it.
func TestOutcomeUnknown(t *testing.T) {
	tests := []struct {
		name   string
		giveUp func(s *Store, cancel context.CancelFunc)
		cause  string
	}{
		{"the context ends", func(_ *Store, cancel context.CancelFunc) { cancel() }, "context canceled"},
		{"the store ends", func(s *Store, _ context.CancelFunc) { s.Close() }, "the store is closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			b := &slow{asked: make(chan struct{})}
			s := newStore()
			s.backend = b
			failed := make(chan error)
			go func() {
				failed <- s.Change(ctx, func(tx *Tx) error { tx.Put(&dc.Secret{ID: "secret-a"}); return nil })
			}()
			<-b.asked
			tt.giveUp(s, cancel)
			err := <-failed
			if dc.KindOf(err) != dc.Unavailable || !strings.Contains(err.Error(), "outcome unknown") || !strings.Contains(err.Error(), tt.cause) {
				t.Errorf("error %v, want one of kind Unavailable with %q", err, tt.cause)
			}
		})
	}
}
