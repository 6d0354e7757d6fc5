package task

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
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

// Submit adds a task to tx, the transaction in which a service asks for the change: both are accepted or neither. args
// are kept as JSON. The task returned is the caller's copy; it gets its revision when tx is committed. A target that has
// an open task is refused with Conflict.
func (e *Engine) Submit(tx *store.Tx, by dc.Caller, typ string, target dc.Object, args any) (*dc.Task, error) {
	return e.SubmitParts(tx, by, typ, target, nil, args)
}

// SubmitParts is Submit for a task that works on parts of its target (dc.Task.Parts), where each may have one open task.
func (e *Engine) SubmitParts(tx *store.Tx, by dc.Caller, typ string, target dc.Object, parts []string, args any) (*dc.Task, error) {
	d, ok := e.definitions[typ]
	if !ok {
		return nil, dc.Errorf(dc.Internal, "no definition of task %s", typ)
	}
	name := target.Metadata().Name
	claims := []dc.ID{target.Identity()}
	if len(parts) > 0 {
		claims = claims[:0]
		for _, part := range parts {
			claims = append(claims, dc.ID(part))
		}
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
	t := &dc.Task{
		ID:   dc.TaskID(dc.NewID(dc.KindTask, random.Ordered(now))),
		Meta: dc.Meta{Created: now}, Type: typ,
		Target: target.Identity(), TargetName: name, Parts: parts, User: by.Name,
		Args: encoded, State: dc.TaskQueued, Steps: d.stepNames(),
	}
	tx.Put(t)
	return t, nil
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
	return e.store.Change(ctx, func(tx *store.Tx) error {
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
	})
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
