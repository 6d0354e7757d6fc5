// Package tasktest tries task definitions for what package task asks of them: every step repeated, every step failing,
// every undo repeated, and before and after every commit a crash of the manager, a store that does not answer, and a
// request to cancel.
// Tests of packages that define tasks call Check; nothing else does.
package tasktest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
	"hanok/manager/task/internal/crash"
)

// World is a small data center in which the task under test can run. It is used once.
type World struct {
	Store *store.Store
	// Definitions returns all definitions that the world needs, as a freshly started manager would have them.
	Definitions func() []task.Definition
	// Submit asks for the task under test. It is called once.
	Submit func(ctx context.Context) (*dc.Task, error)
	// Picture returns everything that must be after an undone task as it was before. Tasks and events are not in it.
	Picture func(v *store.View) string
	// Succeeded fails the test where the view does not show the task's effect.
	Succeeded func(t testing.TB, v *store.View)
	// Keeps names the first step whose effect outlives a failure, because nothing can take it back; "" means that every
	// effect is taken back.
	Keeps string
}

// Check runs the task that open's worlds submit in every way that package tasktest knows, each in a new world and each a
// subtest in a bubble of package synctest: what open starts must end with the test.
func Check(t *testing.T, open func(t *testing.T) World) {
	plain := play(t, "plain", open, scenario{})
	if t.Failed() {
		return
	}
	play(t, "repeat every step", open, scenario{alter: func(_ int, s task.Step) task.Step { return repeated(s) }})
	play(t, "cancel while queued", open, scenario{cancelQueued: true})

	back := -1 // the last step that can fail
	for i, s := range plain.steps {
		if i < plain.begun {
			continue // it is committed with the task
		}
		for _, before := range []bool{true, false} {
			moment := map[bool]string{true: "at the beginning of", false: "at the end of"}[before]
			play(t, fmt.Sprintf("fail %s %q", moment, s.Name), open, scenario{alter: failing(i, before), fail: &i})
		}
		if !s.Final {
			back = i
		}
	}
	for n := range plain.points {
		play(t, fmt.Sprintf("crash at commit point %d", n), open, scenario{crash: &n})
		play(t, fmt.Sprintf("no answer at commit point %d", n), open, scenario{deaf: &n})
		play(t, fmt.Sprintf("cancel at commit point %d", n), open, scenario{cancel: &n})
	}
	if back < 0 {
		return
	}
	undone := play(t, fmt.Sprintf("fail and undo from %q", plain.steps[back].Name), open, scenario{alter: failing(back, false), fail: &back})
	for n := range undone.points {
		play(t, fmt.Sprintf("crash at commit point %d of a task that fails", n), open,
			scenario{alter: failing(back, false), fail: &back, crash: &n})
		play(t, fmt.Sprintf("no answer at commit point %d of a task that fails", n), open,
			scenario{alter: failing(back, false), fail: &back, deaf: &n})
	}
}

// scenario is one way to run a task.
type scenario struct {
	// alter changes the steps of the task under test.
	alter func(i int, s task.Step) task.Step
	// fail is the step that alter lets fail, if any.
	fail *int
	// crash, deaf and cancel are the commit point at which the manager dies, the store gives no answer, or the task is
	// canceled.
	crash, deaf, cancel *int
	cancelQueued        bool
}

// outcome is what a scenario shows about the task.
type outcome struct {
	steps []task.Step
	// begun is how many steps are committed with the task.
	begun  int
	points int
}

const injected = "the test let it fail"

// failing lets step i fail before it has begun or after it has ended. A Final step fails only once, as it is repeated.
func failing(i int, before bool) func(int, task.Step) task.Step {
	return func(at int, s task.Step) task.Step {
		do := s.Do
		var failed atomic.Bool
		if at == i {
			s.Do = func(ctx context.Context, r *task.Run) error {
				if s.Final && failed.Swap(true) {
					return do(ctx, r)
				}
				if !before {
					if err := do(ctx, r); err != nil {
						return err
					}
				}
				return dc.Errorf(dc.Exhausted, injected)
			}
		}
		return repeatedUndo(s)
	}
}

func repeated(s task.Step) task.Step {
	s.Do = twice(s.Do)
	return s
}

func repeatedUndo(s task.Step) task.Step {
	if s.Undo != nil {
		s.Undo = twice(s.Undo)
	}
	return s
}

func twice(fn func(context.Context, *task.Run) error) func(context.Context, *task.Run) error {
	return func(ctx context.Context, r *task.Run) error {
		if err := fn(ctx, r); err != nil {
			return err
		}
		return fn(ctx, r)
	}
}

// play runs one scenario as a subtest.
func play(t *testing.T, name string, open func(t *testing.T) World, sc scenario) outcome {
	var out outcome
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &player{T: t, World: open(t), scenario: sc}
			p.play()
			out = outcome{steps: p.steps, begun: p.begun, points: p.points}
		})
	})
	return out
}

// player plays one scenario.
type player struct {
	*testing.T
	World
	scenario
	id     dc.TaskID
	steps  []task.Step // of the task under test
	begun  int         // how many of them are committed with the task
	points int         // commit points passed by the first engine

	cursorAtCancel int
	errOfCancel    error
}

func (p *player) play() {
	ctx, stop := context.WithCancel(p.Context())
	defer stop()
	before := p.Picture(p.Store.View())
	submitted, err := p.Submit(ctx)
	if err != nil {
		p.Fatalf("submit: %v", err)
	}
	p.id, p.begun = submitted.ID, submitted.Cursor
	first := p.engine(submitted.Type)
	if p.cancelQueued {
		p.cancelNow(ctx, first)
	}

	died, revive := make(chan struct{}), make(chan struct{})
	hooked := crash.With(ctx, func() error {
		n := p.points
		p.points++
		switch {
		case p.crash != nil && n == *p.crash:
			close(died)
			<-revive
		case p.cancel != nil && n == *p.cancel:
			p.cancelNow(ctx, first)
		case p.deaf != nil && n == *p.deaf:
			return dc.Errorf(dc.Unavailable, "the store does not answer")
		}
		return nil
	})
	firstEnd := start(hooked, first)
	ended := make(chan struct{})
	go func() { p.await(ctx); close(ended) }()
	if p.crash == nil {
		<-ended
	} else {
		select {
		case <-died:
		case <-ended: // with the commit after which the manager dies, or too early
			synctest.Wait()
			select {
			case <-died:
			default:
				p.Fatal("the task ended without coming to this point, which it passed before")
			}
		}
		secondEnd := start(ctx, p.engine(submitted.Type))
		<-ended
		defer func() { p.wants(<-secondEnd, "") }()
	}

	// A manager that was only held up, not dead, comes back and must not do any harm.
	synctest.Wait()
	revision := p.Store.View().Revision()
	close(revive)
	synctest.Wait()
	if now := p.Store.View().Revision(); p.crash != nil && now != revision {
		p.Errorf("the replaced manager changed the store after its end")
	}
	p.judge(before)
	stop()
	p.wants(<-firstEnd, dc.Conflict)
}

// wants checks the error of an engine's Run: nil, or one of the kind.
func (p *player) wants(err error, kind dc.ErrorKind) {
	if err != nil && dc.KindOf(err) != kind {
		p.Errorf("Run ended with %v", err)
	}
}

func start(ctx context.Context, e *task.Engine) <-chan error {
	end := make(chan error, 1)
	go func() { end <- e.Run(ctx) }()
	return end
}

// engine returns a new engine, as a freshly started manager has it.
func (p *player) engine(typ string) *task.Engine {
	definitions := p.Definitions()
	for i, d := range definitions {
		if d.Type != typ {
			continue
		}
		definitions[i].Steps = slices.Clone(d.Steps)
		if p.alter != nil {
			for k, s := range d.Steps {
				definitions[i].Steps[k] = p.alter(k, s)
			}
		}
		p.steps = definitions[i].Steps
	}
	e := task.New(p.Store, slog.New(slog.DiscardHandler))
	e.Register(definitions...)
	return e
}

func (p *player) task(v *store.View) *dc.Task {
	t, err := store.Get[*dc.Task](v, dc.ID(p.id))
	if err != nil {
		p.Errorf("the task is gone: %v", err)
		return &dc.Task{State: dc.TaskError, Failure: &dc.Failure{}}
	}
	return t
}

func (p *player) await(ctx context.Context) {
	for v := p.Store.View(); !p.task(v).Done(); v = p.Store.View() {
		if err := p.Store.Wait(ctx, v.Revision()); err != nil {
			p.Errorf("the task did not end: %v", err)
			return
		}
	}
}

func (p *player) cancelNow(ctx context.Context, e *task.Engine) {
	p.cursorAtCancel = p.task(p.Store.View()).Cursor
	p.errOfCancel = e.Cancel(ctx, p.id)
}

// judge checks how the task ended and what it left behind.
func (p *player) judge(before string) {
	t := p.task(p.Store.View())
	canceled := (p.cancel != nil || p.cancelQueued) && p.errOfCancel == nil
	keeps := len(p.steps)
	if i := slices.IndexFunc(p.steps, func(s task.Step) bool { return s.Name == p.Keeps }); i >= 0 {
		keeps = i
	}
	var turned int // the step at which the task turned round
	switch {
	case canceled:
		if t.State != dc.TaskError || t.Failure.Kind != dc.Canceled {
			p.Errorf("canceled, but it ended as %s: %v", t.State, t.Failure.Err())
		}
		turned = p.cursorAtCancel
	case p.fail != nil && !p.steps[*p.fail].Final:
		if t.State != dc.TaskError || t.Failure.Message != injected {
			p.Errorf("a step failed, but the task ended as %s: %v", t.State, t.Failure.Err())
		}
		turned = *p.fail
	default:
		if p.errOfCancel != nil && dc.KindOf(p.errOfCancel) != dc.WrongState {
			p.Errorf("cancel: %v", p.errOfCancel)
		}
		if t.State != dc.TaskSuccess {
			p.Fatalf("ended as %s: %v", t.State, t.Failure.Err())
		}
		p.Succeeded(p.T, p.Store.View())
		return
	}
	if after := p.Picture(p.Store.View()); turned < keeps && after != before {
		p.Errorf("undone, but the world is not as before\nbefore:\n%s\nafter:\n%s", before, after)
	}
}
