// Package crash is the seam at which tasktest stops the task engine: it is told of the moments just before and just
// after each commit of the engine and its steps. Nothing else may use it; without a hook in the context it does nothing.
package crash

import "context"

type key struct{}

// With returns a context in which Point calls hook, on the goroutine that is about to commit or has just committed. An
// error of hook takes the place of the commit's answer, as though the store could not be reached at that moment.
func With(ctx context.Context, hook func() error) context.Context {
	return context.WithValue(ctx, key{}, hook)
}

// Point is a moment at which the process may die, or lose the store.
func Point(ctx context.Context) error {
	if hook, ok := ctx.Value(key{}).(func() error); ok {
		return hook()
	}
	return nil
}
