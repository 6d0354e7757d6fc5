// Package crash is the seam at which tasktest stops the task engine: it is told of the moments just before and just
// after each commit of the engine and its steps. Nothing else may use it; without a hook in the context it does nothing.
package crash

import "context"

type key struct{}

// With returns a context in which Point calls hook, on the goroutine that is about to commit or has just committed.
func With(ctx context.Context, hook func()) context.Context {
	return context.WithValue(ctx, key{}, hook)
}

// Point is a moment at which the process may die.
func Point(ctx context.Context) {
	if hook, ok := ctx.Value(key{}).(func()); ok {
		hook()
	}
}
