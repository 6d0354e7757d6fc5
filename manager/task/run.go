package task

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

// Run is what one call of a step's Do or Undo works with. It belongs to the goroutine of that call.
type Run struct {
	x    *execution
	term context.Context
	task *dc.Task
	last func(tx *store.Tx, t *dc.Task) error
}

// Task returns the task as it was when the step began. It is shared and must not be changed.
func (r *Run) Task() *dc.Task { return r.task }

// Args decodes the task's arguments into args, a pointer.
func (r *Run) Args(args any) error { return Args(r.task, args) }

// View returns the newest view of the store.
func (r *Run) View() *store.View { return r.x.store.View() }

// Change commits a transaction in the middle of a step, as Store.Change does, on condition that this engine still leads.
// After a crash it is committed again when the step is repeated, so fn must look first. It is not cut short by a request
// to cancel: what is committed is known when Undo begins.
func (r *Run) Change(ctx context.Context, fn func(tx *store.Tx) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.x.change(r.term, fn)
}

// Finish makes fn part of the transaction that records the end of this step: what it writes is written exactly once,
// whatever crashes. fn runs after Do or Undo has returned nil, maybe several times, and must have no effect besides tx.
// It may replace t.Args (see SetArgs) and t.Results; the rest of t is the engine's. Its error is that of the step. A later call replaces
// an earlier one.
func (r *Run) Finish(fn func(tx *store.Tx, t *dc.Task) error) { r.last = fn }

// Args decodes a task's arguments into args, a pointer.
func Args(t *dc.Task, args any) error {
	if err := json.Unmarshal(t.Args, args); err != nil {
		return fmt.Errorf("decode the arguments of %s: %w", t.Type, err)
	}
	return nil
}

// SetArgs replaces a task's arguments, for the steps that follow.
func SetArgs(t *dc.Task, args any) error {
	encoded, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("encode the arguments of %s: %w", t.Type, err)
	}
	t.Args = encoded
	return nil
}

// Wait waits until cond, called with the newest view and again with each newer one, returns true or an error, which Wait
// then returns. cond must be quick and may not wait. A waiting step holds up no other task. The end of ctx, such as a
// request to cancel, ends the wait.
func (r *Run) Wait(ctx context.Context, cond func(*store.View) (bool, error)) error {
	for {
		v := r.View()
		met, err := cond(v)
		if err != nil {
			return err
		}
		if met {
			return r.x.acquire(r.term)
		}
		r.x.release()
		if err := r.x.store.Wait(ctx, v.Revision()); ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil {
			return &storeError{err}
		}
	}
}

// Away calls work, which takes long and for which this manager does little, such as a host's copying of a file. Like a step that
// waits it holds up no other task. The end of ctx, such as a request to cancel, is work's to see.
func (r *Run) Away(ctx context.Context, work func(ctx context.Context) error) error {
	r.x.release()
	err := work(ctx)
	if err := r.x.acquire(r.term); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Progress says how far the task is: percent from 0 to 100 of the whole task, and what it does now, as a fragment of a
// sentence. It is kept in memory only.
func (r *Run) Progress(percent int, message string) { r.x.setReport(percent, message) }

// ProgressFrom makes report the source of the task's progress until the step ends or says otherwise. It is called, maybe
// by several goroutines at once, when somebody asks.
func (r *Run) ProgressFrom(report func() (percent int, message string)) { r.x.report.Store(&report) }

// advance moves the cursor over the step.
func (r *Run) advance(tx *store.Tx, t *dc.Task) error {
	if err := r.finished(tx, t); err != nil {
		return err
	}
	t.Cursor++
	if t.Cursor == len(t.Steps) {
		t.State, t.Completed = dc.TaskSuccess, time.Now().UTC()
	}
	return nil
}

func (r *Run) finished(tx *store.Tx, t *dc.Task) error {
	if r.last == nil {
		return nil
	}
	return r.last(tx, t)
}
