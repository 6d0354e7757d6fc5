package task

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
)

// FenceName is the fence of the manager that leads: whoever runs the engine takes it.
const FenceName = "manager"

// Engine carries tasks out. Submit, Cancel and Progress may be called at any time and from many goroutines; tasks move
// while Run runs.
type Engine struct {
	store       *store.Store
	log         *slog.Logger
	definitions map[string]Definition

	mu   sync.Mutex
	term *term // of the Run in progress, or nil
}

// New returns an engine that knows no tasks yet.
func New(st *store.Store, log *slog.Logger) *Engine {
	return &Engine{store: st, log: log, definitions: map[string]Definition{}}
}

// Register adds definitions, before Run and before the first Submit. It panics on a type that it has already and on a
// definition that is no good.
func (e *Engine) Register(definitions ...Definition) {
	for _, d := range definitions {
		d.check()
		if _, ok := e.definitions[d.Type]; ok {
			panic("task: two definitions of " + d.Type)
		}
		e.definitions[d.Type] = d
	}
}

// Definitions returns all that were registered, in no order: the tests of packages whose tasks have parts of other packages' types need
// them all.
func (e *Engine) Definitions() []Definition { return slices.Collect(maps.Values(e.definitions)) }

// Submit adds a task to tx, the transaction in which a service asks for the change: both are accepted or neither. args
// are kept as JSON. The task returned is the caller's copy; it gets its revision when tx is committed. A target that has
// an open task is refused with Conflict.
func (e *Engine) Submit(tx *store.Tx, by dc.Caller, typ string, target dc.Object, args any) (*dc.Task, error) {
	return e.submit(tx, by, typ, target, dc.Task{}, args)
}

// SubmitReading is Submit for a task that reads other objects (dc.Task.Reads). One on which a task works is refused with Conflict.
func (e *Engine) SubmitReading(tx *store.Tx, by dc.Caller, typ string, target dc.Object, reads []dc.Object, args any) (*dc.Task, error) {
	t := dc.Task{}
	for _, read := range reads {
		if err := e.checkUntouched(tx, read); err != nil {
			return nil, err
		}
		tx.Exists(read.Identity())
		t.Reads = append(t.Reads, read.Identity())
	}
	return e.submit(tx, by, typ, target, t, args)
}

// CheckIdle returns an error of kind Conflict where a task works on the object or reads it, and makes it a condition of tx that none
// does when it is committed: for changes without a task.
func (e *Engine) CheckIdle(tx *store.Tx, o dc.Object) error {
	if err := e.checkUntouched(tx, o); err != nil {
		return err
	}
	return e.checkUnread(tx, o)
}

// checkUntouched is CheckIdle for tasks that work on the object.
func (e *Engine) checkUntouched(tx *store.Tx, o dc.Object) error {
	claim := dc.TaskClaim(o.Identity())
	if holder, ok := store.Claimed(tx.View(), claim); ok {
		return busy(tx.View(), dc.Describe(o.Kind(), o.Metadata().Name), holder)
	}
	tx.Free(claim)
	return nil
}

// checkUnread is CheckIdle for tasks that read the object.
func (e *Engine) checkUnread(tx *store.Tx, o dc.Object) error {
	prefix := dc.ReadClaims(o.Identity())
	if holder, ok := store.ClaimedBelow(tx.View(), prefix); ok {
		return busy(tx.View(), dc.Describe(o.Kind(), o.Metadata().Name), holder)
	}
	tx.FreeBelow(prefix)
	return nil
}

// SubmitParts is Submit for a task that works on parts of its target (dc.Task.Parts), where each may have one open task.
func (e *Engine) SubmitParts(tx *store.Tx, by dc.Caller, typ string, target dc.Object, parts []string, args any) (*dc.Task, error) {
	return e.submit(tx, by, typ, target, dc.Task{Parts: parts}, args)
}

// SubmitFor is SubmitParts for a task that works on objects below its target, and shows what says of them in the place of the target's name.
func (e *Engine) SubmitFor(tx *store.Tx, by dc.Caller, typ string, target dc.Object, what string, parts []string, args any) (*dc.Task, error) {
	return e.submit(tx, by, typ, target, dc.Task{TargetName: what, Parts: parts}, args)
}

// submit completes t, which says what the task works on and reads.
func (e *Engine) submit(tx *store.Tx, by dc.Caller, typ string, target dc.Object, t dc.Task, args any) (*dc.Task, error) {
	d, ok := e.definitions[typ]
	if !ok {
		return nil, dc.Errorf(dc.Internal, "no definition of task %s", typ)
	}
	name := target.Metadata().Name
	claims := []dc.ID{target.Identity()}
	if len(t.Parts) > 0 {
		claims = claims[:0]
		for _, part := range t.Parts {
			claims = append(claims, dc.ID(part))
		}
	} else if slices.Contains(t.Reads, target.Identity()) {
		claims = nil
	} else if err := e.checkUnread(tx, target); err != nil {
		return nil, err
	}
	for _, claim := range claims {
		if holder, ok := store.Claimed(tx.View(), dc.TaskClaim(claim)); ok {
			return nil, busy(tx.View(), dc.Describe(target.Kind(), name), holder)
		}
	}
	encoded, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("encode the arguments of %s: %w", typ, err)
	}
	now := time.Now().UTC()
	t.ID, t.Created = dc.TaskID(dc.NewID(dc.KindTask, random.Ordered(now))), now
	t.Type, t.Target, t.TargetName, t.User = typ, target.Identity(), cmp.Or(t.TargetName, name), by.Name
	t.Args, t.State, t.Steps = encoded, dc.TaskQueued, d.stepNames()
	tx.Put(&t)
	return &t, nil
}

// Ended adds a task to tx that has ended with it, successfully where failure is nil: what a bulk task did, or could not do, with an
// object without a task of another type. target may be "".
func Ended(tx *store.Tx, by dc.Caller, typ string, target dc.ID, name string, failure *dc.Failure) *dc.Task {
	now := time.Now().UTC()
	t := &dc.Task{
		ID:   dc.TaskID(dc.NewID(dc.KindTask, random.Ordered(now))),
		Meta: dc.Meta{Created: now}, Type: typ, Target: target, TargetName: name, User: by.Name,
		State: dc.TaskSuccess, Started: now, Completed: now, Failure: failure,
	}
	if failure != nil {
		t.State = dc.TaskError
	}
	tx.Put(t)
	return t
}

// SubmitBegun is Submit for a task whose first step needs nothing but a transaction: do is that step, and is committed with
// the task, which has it behind it from the beginning. do may change the task's arguments (SetArgs). Its error refuses the
// request. The definition has another step after it.
func (e *Engine) SubmitBegun(tx *store.Tx, by dc.Caller, typ string, target dc.Object, args any,
	do func(tx *store.Tx, t *dc.Task) error) (*dc.Task, error) {
	t, err := e.Submit(tx, by, typ, target, args)
	if err != nil {
		return nil, err
	}
	if err := do(tx, t); err != nil {
		return nil, err
	}
	t.State, t.Started, t.Cursor = dc.TaskRunning, t.Created, 1
	tx.Put(t)
	return t, nil
}

func busy(v *store.View, object string, holder dc.ID) error {
	what := "a task"
	if t, err := store.Get[*dc.Task](v, holder); err == nil {
		what = fmt.Sprintf("%s by %s", t.Type, t.User)
	}
	return &dc.Error{Kind: dc.Conflict, Object: object, Message: what + " is still working on it",
		Remedy: fmt.Sprintf("wait for %s or cancel it", holder)}
}

// Cancel asks for the task to be undone. When it returns nil the task will end with a failure of kind Canceled, unless
// it fails by itself before. Canceling twice is a success. A task that has ended, or is past its point of no return, is
// refused with WrongState.
func (e *Engine) Cancel(ctx context.Context, id dc.TaskID) error {
	return e.store.Change(ctx, func(tx *store.Tx) error { return e.CancelIn(tx, id) })
}

// CancelIn is Cancel as a part of tx.
func (e *Engine) CancelIn(tx *store.Tx, id dc.TaskID) error {
	t, err := store.Load[*dc.Task](tx, dc.ID(id))
	if err != nil {
		return err
	}
	object := dc.Describe(dc.KindTask, string(id))
	switch {
	case t.Done():
		return &dc.Error{Kind: dc.WrongState, Object: object, Message: "it has ended already"}
	case t.CancelRequested || t.Undoing:
		return nil
	case e.final(t):
		return &dc.Error{Kind: dc.WrongState, Object: object, Remedy: "wait for its end",
			Message: fmt.Sprintf("it can't be canceled any more: it is at %q", t.Steps[t.Cursor])}
	}
	t.CancelRequested = true
	tx.Put(t)
	return nil
}

// final reports whether an open task's step in progress is Final.
func (e *Engine) final(t *dc.Task) bool {
	d, ok := e.resumable(t)
	return ok && t.Cursor < len(d.Steps) && d.Steps[t.Cursor].Final
}

// resumable returns the definition of an open task, if it is the one that the task was made for.
func (e *Engine) resumable(t *dc.Task) (Definition, bool) {
	d, ok := e.definitions[t.Type]
	return d, ok && slices.Equal(d.stepNames(), t.Steps) && t.Cursor >= 0 && t.Cursor < len(d.Steps)
}

// Progress returns how far the task is: percent from 0 to 100, and what it does now, as a sentence fragment. It is
// known only in the manager that carries the task out, and only until the task's end; ok is false otherwise.
func (e *Engine) Progress(id dc.TaskID) (percent int, message string, ok bool) {
	e.mu.Lock()
	term := e.term
	e.mu.Unlock()
	if term == nil {
		return 0, "", false
	}
	return term.progress(id)
}
