package task

import (
	"context"
	"sync"
	"time"

	"hanok/dc"
	"hanok/internal/sabotage"
	"hanok/manager/store"
)

const (
	// maxRunning is how many steps compute at once. A step that waits (Run.Wait, a pause before a repetition) does
	// not count, so a thousand tasks that wait for their hosts hold nobody up.
	maxRunning = 64
	// fenceCheck is how often an idle engine looks whether it was replaced.
	fenceCheck = 5 * time.Second
)

// term is one Run of an engine: the time for which it holds the fence.
type term struct {
	*Engine
	fence store.Fence
	// end ends the term with its reason.
	end   context.CancelCauseFunc
	slots chan struct{}
	work  sync.WaitGroup

	mu         sync.Mutex
	executions map[dc.TaskID]*execution
}

// Run takes the fence and carries out all open tasks, old and new, until ctx ends (then it returns nil), another engine
// takes the fence (an error of kind Conflict) or the store ends (Unavailable). It returns when no step runs any more:
// tasks stand where their cursor says, and the next Run resumes them. One Run at a time.
func (e *Engine) Run(ctx context.Context) error {
	fence, err := e.store.TakeFence(ctx, FenceName)
	if err != nil {
		return err
	}
	office, end := context.WithCancelCause(ctx)
	t := &term{Engine: e, fence: fence, end: end, slots: make(chan struct{}, maxRunning),
		executions: map[dc.TaskID]*execution{}}
	e.setTerm(t)
	defer e.setTerm(nil)

	t.work.Go(func() { end(t.guard(office)) })
	t.work.Go(func() { end(trimmer(e.store).Run(office, e.store, e.log)) })
	end(t.follow(office))
	t.work.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(office)
}

func (e *Engine) setTerm(t *term) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.term = t
}

// follow starts an execution for every open task, until ctx ends. It looks at all tasks first, and again whenever the
// store does not remember the changes since the last look.
func (t *term) follow(ctx context.Context) error {
	for since := int64(-1); ; {
		changes, upto, ok := t.store.Changes(since)
		if ok && since >= 0 {
			for _, c := range changes {
				if task, ok := c.Object.(*dc.Task); ok {
					t.see(ctx, task)
				}
			}
			since = upto
		} else {
			v := t.store.View()
			for task := range store.List[*dc.Task](v) {
				if !sabotage.Is(sabotage.ForgottenTask) {
					t.see(ctx, task)
				}
			}
			since = v.Revision()
		}
		if err := t.store.Wait(ctx, since); err != nil {
			return err
		}
	}
}

// see makes the executions agree with what a task says. It is called for each task in the order of its changes.
func (t *term) see(ctx context.Context, task *dc.Task) {
	if task.Done() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.executions[task.ID]
	if x == nil {
		x = newExecution(ctx, t, task.ID)
		t.executions[task.ID] = x
		t.work.Go(func() {
			defer t.forget(task.ID)
			if err := x.run(ctx); err != nil {
				t.end(err)
			}
		})
	}
	if task.CancelRequested {
		x.cancel(errCanceled)
	}
}

func (t *term) forget(id dc.TaskID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.executions[id].cancel(nil)
	delete(t.executions, id)
}

func (t *term) progress(id dc.TaskID) (int, string, bool) {
	t.mu.Lock()
	x := t.executions[id]
	t.mu.Unlock()
	if x == nil {
		return 0, "", false
	}
	percent, message := (*x.report.Load())()
	return percent, message, true
}

// guard ends an idle term that was replaced.
func (t *term) guard(ctx context.Context) error {
	for tick := time.NewTicker(fenceCheck); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := t.lost(ctx); err != nil {
				return err
			}
		}
	}
}

// lost returns why the term is over, or nil as far as can be known: the fence was taken by somebody else.
func (t *term) lost(ctx context.Context) error {
	err := t.store.Change(ctx, func(tx *store.Tx) error { tx.Require(t.fence); return nil })
	if dc.KindOf(err) == dc.Conflict {
		return err
	}
	return nil
}
