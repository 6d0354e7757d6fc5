package task

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/store"
	"hanok/manager/task/internal/crash"
)

// errCanceled is the failure of a task that was canceled.
var errCanceled = &dc.Error{Kind: dc.Canceled, Message: "canceled by request"}

// execution carries one task on, in its own goroutine.
type execution struct {
	*term
	id dc.TaskID
	// forward is the context of every Do that may be canceled; cancel ends it for good.
	forward context.Context
	cancel  context.CancelCauseFunc
	report  atomic.Pointer[func() (percent int, message string)]
	// slot is whether this execution holds one of the term's slots.
	slot  bool
	pause *backoff.ExponentialBackOff
}

func newExecution(ctx context.Context, t *term, id dc.TaskID) *execution {
	x := &execution{term: t, id: id, pause: newPause()}
	x.forward, x.cancel = context.WithCancelCause(ctx)
	x.setReport(0, "queued")
	return x
}

// newPause returns the pauses between repetitions: 100 ms doubling up to 30 s, each half shorter or longer by chance.
func newPause() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{InitialInterval: 100 * time.Millisecond, Multiplier: 2,
		RandomizationFactor: 0.5, MaxInterval: 30 * time.Second}
	b.Reset()
	return b
}

func (x *execution) setReport(percent int, message string) {
	report := func() (int, string) { return percent, message }
	x.report.Store(&report)
}

// run moves the task until it has ended. Its error ends the term; at the end of ctx it is nil.
func (x *execution) run(ctx context.Context) error {
	defer x.release()
	for {
		if err := x.acquire(ctx); err != nil {
			return nil
		}
		t, err := store.Get[*dc.Task](x.store.View(), dc.ID(x.id))
		if err != nil || t.Done() {
			return nil
		}
		switch err := x.move(ctx, t); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			x.pause.Reset()
			continue
		case dc.KindOf(err) == dc.Conflict:
			if lost := x.lost(ctx); lost != nil {
				return lost
			}
			fallthrough
		default:
			x.log.Warn("task: trying again", "task", t.ID, "type", t.Type, "target", t.Target, "err", err)
			x.sleep(ctx)
		}
	}
}

// move takes the task one step further from what t says. An error means that nothing was recorded: move is to be
// repeated.
func (x *execution) move(ctx context.Context, t *dc.Task) error {
	d, ok := x.resumable(t)
	switch {
	case !ok:
		return x.commit(ctx, t, func(tx *store.Tx, t *dc.Task) error {
			return x.fail(tx, t, &dc.Failure{Kind: dc.Unsupported, Message: "this version of the program can't carry on the task",
				Remedy: "look at the object and repeat what is missing"})
		})
	case t.State == dc.TaskQueued:
		return x.commit(ctx, t, func(_ *store.Tx, t *dc.Task) error {
			t.State, t.Started = dc.TaskRunning, time.Now().UTC()
			return nil
		})
	case t.Undoing:
		return x.undo(ctx, t, d.Steps[t.Cursor])
	}
	return x.do(ctx, t, d.Steps[t.Cursor])
}

// do does a step. Its end, or the failure, is recorded; where that is impossible for now, the step is to be done again.
func (x *execution) do(ctx context.Context, t *dc.Task, step Step) error {
	if t.CancelRequested && !step.Final {
		return x.turn(ctx, t, errCanceled)
	}
	if step.Needless == nil || !step.Needless(t) {
		x.setReport(100*t.Cursor/len(t.Steps), step.Name)
	}
	within := x.forward
	if step.Final {
		within = ctx
	}
	r := &Run{x: x, term: ctx, task: t}
	err := x.call(within, step.Do, r)
	if err == nil {
		err = x.commit(ctx, t, func(tx *store.Tx, t *dc.Task) error {
			if t.CancelRequested && !step.Final {
				return errCanceled
			}
			return r.advance(tx, t)
		})
	}
	var away *storeError
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case step.Final:
		return x.repeat(step.Name, err)
	case x.forward.Err() != nil:
		return x.turn(ctx, t, errCanceled) // whatever Do made of it
	case errors.As(err, &away):
		return x.repeat(step.Name, err)
	}
	return x.turn(ctx, t, err)
}

// turn records why the task fails: from now on it is undone, beginning with the step in progress.
func (x *execution) turn(ctx context.Context, t *dc.Task, cause error) error {
	x.log.Info("task: undoing", "task", t.ID, "type", t.Type, "target", t.Target, "step", t.Steps[t.Cursor], "err", cause)
	return x.commit(ctx, t, func(_ *store.Tx, t *dc.Task) error {
		t.Undoing, t.Failure = true, failureOf(cause)
		return nil
	})
}

// undo takes one step back.
func (x *execution) undo(ctx context.Context, t *dc.Task, step Step) error {
	name := "undo: " + step.Name
	r := &Run{x: x, term: ctx, task: t}
	if step.Undo != nil {
		x.setReport(100*t.Cursor/len(t.Steps), name)
		if err := x.call(ctx, step.Undo, r); err != nil {
			return x.repeat(name, err)
		}
	}
	err := x.commit(ctx, t, func(tx *store.Tx, t *dc.Task) error {
		if err := r.finished(tx, t); err != nil {
			return err
		}
		if t.Cursor == 0 {
			return x.fail(tx, t, t.Failure)
		}
		t.Cursor--
		return nil
	})
	if err != nil {
		return x.repeat(name, err)
	}
	return nil
}

// fail ends the task.
func (x *execution) fail(tx *store.Tx, t *dc.Task, failure *dc.Failure) error {
	now := time.Now().UTC()
	t.State, t.Completed, t.Failure = dc.TaskError, now, failure
	event.Add(tx, now, dc.Event{Type: dc.FailedEvent(t.Type), Target: t.Target, TargetName: t.TargetName, User: t.User,
		Task: t.ID, Message: fmt.Sprintf("%s failed: %s", t.Type, failure.Err())})
	return nil
}

// repeat says in the progress what is in the way, and returns err.
func (x *execution) repeat(doing string, err error) error {
	x.setReport(0, fmt.Sprintf("%s: %s; trying again", doing, failureOf(err).Err()))
	return err
}

// call runs a step's function; a panic is a failure.
func (x *execution) call(ctx context.Context, step func(context.Context, *Run) error, r *Run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			x.log.Error("task: a step panicked", "task", r.task.ID, "type", r.task.Type, "panic", p, "stack", string(debug.Stack()))
			err = dc.Errorf(dc.Internal, "panic: %v", p)
		}
	}()
	return step(ctx, r)
}

// commit changes the task in one transaction under the fence, unless it is not as from says any more: then an earlier
// commit, whose answer was lost, has moved it already.
func (x *execution) commit(ctx context.Context, from *dc.Task, fn func(tx *store.Tx, t *dc.Task) error) error {
	return x.change(ctx, func(tx *store.Tx) error {
		t, err := store.Load[*dc.Task](tx, dc.ID(x.id))
		if err != nil {
			return err
		}
		if t.State != from.State || t.Cursor != from.Cursor || t.Undoing != from.Undoing {
			return nil
		}
		if err := fn(tx, t); err != nil {
			return err
		}
		tx.Put(t)
		return nil
	})
}

// storeError is a failure of the store itself, which says nothing about the step: it passes.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// change commits under the fence.
func (x *execution) change(ctx context.Context, fn func(tx *store.Tx) error) error {
	if err := crash.Point(ctx); err != nil {
		return &storeError{err}
	}
	var refused error
	err := x.store.Change(ctx, func(tx *store.Tx) error {
		tx.Require(x.fence)
		refused = fn(tx)
		return refused
	})
	if err == nil {
		err = crash.Point(ctx)
	}
	if kind := dc.KindOf(err); refused == nil && (kind == dc.Unavailable || kind == dc.Conflict) {
		return &storeError{err}
	}
	return err
}

// acquire waits for a slot, unless this execution has one.
func (x *execution) acquire(ctx context.Context) error {
	if x.slot {
		return nil
	}
	select {
	case x.slots <- struct{}{}:
		x.slot = true
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (x *execution) release() {
	if x.slot {
		x.slot = false
		<-x.slots
	}
}

// sleep pauses before a repetition, without a slot. A request to cancel that comes meanwhile ends it.
func (x *execution) sleep(ctx context.Context) {
	x.release()
	var canceled <-chan struct{}
	if x.forward.Err() == nil {
		canceled = x.forward.Done()
	}
	select {
	case <-time.After(x.pause.NextBackOff()):
	case <-canceled:
	case <-ctx.Done():
	}
}
