package task_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

var quiet = slog.New(slog.DiscardHandler)

// steps returns a definition with the Do functions given, as steps "1", "2" and so on.
func steps(dos ...func(context.Context, *task.Run) error) task.Definition {
	d := task.Definition{Type: "Test.run"}
	for i, do := range dos {
		d.Steps = append(d.Steps, task.Step{Name: fmt.Sprint(i + 1), Do: do})
	}
	return d
}

func nothing(context.Context, *task.Run) error { return nil }

func forever(ctx context.Context, r *task.Run) error {
	return r.Wait(ctx, func(*store.View) (bool, error) { return false, nil })
}

// run starts an engine with the definition, which ends with the test.
func run(t *testing.T, st *store.Store, log *slog.Logger, d task.Definition) *task.Engine {
	e := task.New(st, log)
	e.Register(d)
	ctx, stop := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-end; err != nil && dc.KindOf(err) != dc.Conflict {
			t.Errorf("Run: %v", err)
		}
	})
	return e
}

// await returns the task when it has ended.
func await(t *testing.T, st *store.Store, id dc.TaskID) *dc.Task {
	t.Helper()
	return awaitState(t, st, id, dc.TaskSuccess, dc.TaskError)
}

func awaitState(t *testing.T, st *store.Store, id dc.TaskID, states ...dc.TaskState) *dc.Task {
	t.Helper()
	for {
		v := st.View()
		got, err := store.Get[*dc.Task](v, dc.ID(id))
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(states, got.State) {
			return got
		}
		if err := st.Wait(t.Context(), v.Revision()); err != nil {
			t.Fatal(err)
		}
	}
}

func mustSubmit(t *testing.T, st *store.Store, e *task.Engine, typ string) *dc.Task {
	t.Helper()
	submitted, err := submit(t.Context(), st, e, typ)
	if err != nil {
		t.Fatal(err)
	}
	return submitted
}

func TestTaskRecordsWhatHappened(t *testing.T) {
	st := openStore(t)
	e := run(t, st, quiet, steps(nothing, nothing))
	got := await(t, st, mustSubmit(t, st, e, "Test.run").ID)
	if got.State != dc.TaskSuccess || got.Cursor != 2 || got.User != "alice" || got.Target != dc.ID(target) ||
		got.TargetName != string(target) || got.Created.IsZero() || got.Started.Before(got.Created) || got.Completed.Before(got.Started) {
		t.Errorf("got %+v", got)
	}
}

func TestFailureIsRecordedAsAnEvent(t *testing.T) {
	st := openStore(t)
	e := run(t, st, quiet, steps(nothing, func(context.Context, *task.Run) error {
		return &dc.Error{Kind: dc.Exhausted, Object: "host", Message: "full", Remedy: "make room", Err: errors.New("secret")}
	}))
	got := await(t, st, mustSubmit(t, st, e, "Test.run").ID)
	want := dc.Failure{Kind: dc.Exhausted, Object: "host", Message: "full", Remedy: "make room"}
	if got.State != dc.TaskError || *got.Failure != want {
		t.Errorf("got %s %+v", got.State, got.Failure)
	}
	var events []*dc.Event
	for ev := range store.List[*dc.Event](st.View()) {
		events = append(events, ev)
	}
	if len(events) != 1 || events[0].Type != dc.EventTask || events[0].Task != got.ID || events[0].User != "alice" ||
		events[0].Target != dc.ID(target) || events[0].Message != "Test.run failed: host: full; make room" {
		t.Errorf("got events %+v", events)
	}
}

func TestReportedFailureIsKeptAsItIs(t *testing.T) {
	st := openStore(t)
	want := dc.Failure{Kind: dc.Internal, Object: "machine", Message: "the log of its host has the cause", Remedy: "look there"}
	e := run(t, st, quiet, steps(func(context.Context, *task.Run) error { return task.Failed(want) }))
	if got := await(t, st, mustSubmit(t, st, e, "Test.run").ID); *got.Failure != want {
		t.Errorf("got %+v", got.Failure)
	}
}

func TestPanicIsAFailure(t *testing.T) {
	st := openStore(t)
	var log bytes.Buffer
	e := run(t, st, slog.New(slog.NewTextHandler(&log, nil)), steps(func(context.Context, *task.Run) error { panic("ouch") }))
	got := await(t, st, mustSubmit(t, st, e, "Test.run").ID)
	if got.State != dc.TaskError || got.Failure.Kind != dc.Internal || strings.Contains(got.Failure.Message, "ouch") {
		t.Errorf("got %s %+v", got.State, got.Failure)
	}
	if s := log.String(); !strings.Contains(s, "ouch") || !strings.Contains(s, "engine_test.go") {
		t.Errorf("the log has no stack:\n%s", s)
	}
}

func TestOneOpenTaskATarget(t *testing.T) {
	st := openStore(t)
	e := run(t, st, quiet, steps(forever))
	first := mustSubmit(t, st, e, "Test.run")
	_, err := submit(t.Context(), st, e, "Test.run")
	var refusal *dc.Error
	if !errors.As(err, &refusal) || refusal.Kind != dc.Conflict || !strings.Contains(refusal.Message, "Test.run by alice") ||
		!strings.Contains(refusal.Remedy, string(first.ID)) {
		t.Errorf("got %v", err)
	}
	if err := e.Cancel(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	await(t, st, first.ID)
	mustSubmit(t, st, e, "Test.run")
}

func TestWaitingTasksHoldNobodyUp(t *testing.T) {
	st := openStore(t)
	e := run(t, st, quiet, task.Definition{Type: "Test.run", Steps: []task.Step{{Name: "maybe wait", Do: func(ctx context.Context, r *task.Run) error {
		if r.Task().Target == dc.ID(target) {
			return nil
		}
		return forever(ctx, r)
	}}}})
	const waiting = 200 // more than may compute at once
	for i := range waiting {
		id := dc.SecretID(fmt.Sprintf("secret-w%d", i))
		if err := st.Change(t.Context(), func(tx *store.Tx) error { return put(tx, id, strings.Clone) }); err != nil {
			t.Fatal(err)
		}
		if _, err := submitOn(t.Context(), st, e, "Test.run", id); err != nil {
			t.Fatal(err)
		}
	}
	if got := await(t, st, mustSubmit(t, st, e, "Test.run").ID); got.State != dc.TaskSuccess {
		t.Errorf("got %s", got.State)
	}
}

func TestUndoIsRepeatedUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openStore(t)
		var tries int
		broken := steps(func(context.Context, *task.Run) error { return dc.Errorf(dc.WrongState, "no") })
		broken.Steps[0].Undo = func(context.Context, *task.Run) error {
			if tries++; tries <= 12 {
				return dc.Errorf(dc.Unavailable, "the host is away")
			}
			return nil
		}
		e := run(t, st, quiet, broken)
		begin := time.Now()
		id := mustSubmit(t, st, e, "Test.run").ID
		time.Sleep(time.Second)
		synctest.Wait()
		if _, message, ok := e.Progress(id); !ok || !strings.Contains(message, "the host is away; trying again") {
			t.Errorf("the progress says %q", message)
		}
		got := await(t, st, id)
		// 12 pauses: 0.1, 0.2, … 25.6 s and 30 s, each half as long at least.
		if took := time.Since(begin); got.State != dc.TaskError || took < 50*time.Second || took > 4*time.Minute {
			t.Errorf("ended as %s after %s", got.State, took)
		}
	})
}

func TestUnavailableFailsAStep(t *testing.T) {
	st := openStore(t)
	e := run(t, st, quiet, steps(func(context.Context, *task.Run) error { return dc.Errorf(dc.Unavailable, "away") }))
	if got := await(t, st, mustSubmit(t, st, e, "Test.run").ID); got.State != dc.TaskError || got.Failure.Kind != dc.Unavailable {
		t.Errorf("got %s %+v", got.State, got.Failure)
	}
}

func TestCancel(t *testing.T) {
	st := openStore(t)
	d := steps(forever)
	e := run(t, st, quiet, d)
	id := mustSubmit(t, st, e, "Test.run").ID
	for range 2 { // the second finds it canceled, or done
		if err := e.Cancel(t.Context(), id); err != nil && dc.KindOf(err) != dc.WrongState {
			t.Fatal(err)
		}
	}
	if got := await(t, st, id); got.State != dc.TaskError || got.Failure.Kind != dc.Canceled {
		t.Errorf("got %s %+v", got.State, got.Failure)
	}
	if err := e.Cancel(t.Context(), id); dc.KindOf(err) != dc.WrongState {
		t.Errorf("a task that has ended: %v", err)
	}
	if err := e.Cancel(t.Context(), "task-none"); dc.KindOf(err) != dc.NotFound {
		t.Errorf("no task: %v", err)
	}
}

func TestFinalStepsCannotBeCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openStore(t)
		d := steps(func(ctx context.Context, r *task.Run) error {
			return r.Wait(ctx, func(v *store.View) (bool, error) { return data(v, target) == "go", nil })
		})
		d.Steps[0].Final = true
		e := run(t, st, quiet, d)
		id := mustSubmit(t, st, e, "Test.run").ID
		synctest.Wait()
		if err := e.Cancel(t.Context(), id); dc.KindOf(err) != dc.WrongState {
			t.Errorf("Cancel: %v", err)
		}
		if err := st.Change(t.Context(), func(tx *store.Tx) error { return put(tx, target, func(string) string { return "go" }) }); err != nil {
			t.Fatal(err)
		}
		if got := await(t, st, id); got.State != dc.TaskSuccess {
			t.Errorf("got %s", got.State)
		}
	})
}

func TestSecondEngineTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openStore(t)
		first := task.New(st, quiet)
		first.Register(steps(forever))
		end := make(chan error, 1)
		go func() { end <- first.Run(t.Context()) }()
		id := mustSubmit(t, st, first, "Test.run").ID
		synctest.Wait()
		run(t, st, quiet, steps(nothing))
		if got := await(t, st, id); got.State != dc.TaskSuccess {
			t.Errorf("got %s", got.State)
		}
		// The first one is idle and notices by itself.
		if err := <-end; dc.KindOf(err) != dc.Conflict {
			t.Errorf("the replaced engine ended with %v", err)
		}
	})
}

func TestEngineEndsWithTheStore(t *testing.T) {
	st := openStore(t)
	e := task.New(st, quiet)
	e.Register(steps(forever))
	end := make(chan error, 1)
	go func() { end <- e.Run(t.Context()) }()
	mustSubmit(t, st, e, "Test.run")
	st.Close()
	if err := <-end; dc.KindOf(err) != dc.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestTaskOfAnotherVersionFails(t *testing.T) {
	st := openStore(t)
	old := task.New(st, quiet)
	old.Register(steps(nothing, nothing))
	id := mustSubmit(t, st, old, "Test.run").ID
	run(t, st, quiet, steps(nothing))
	if got := await(t, st, id); got.State != dc.TaskError || got.Failure.Kind != dc.Unsupported {
		t.Errorf("got %s %+v", got.State, got.Failure)
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openStore(t)
		var report = []func(r *task.Run){
			func(*task.Run) {},
			func(r *task.Run) { r.Progress(10, "begun") },
			func(r *task.Run) { r.ProgressFrom(func() (int, string) { return 20, "asked" }) },
			func(*task.Run) {}, // and nobody hears of it
		}
		var dos []func(context.Context, *task.Run) error
		for i, say := range report {
			dos = append(dos, func(ctx context.Context, r *task.Run) error {
				say(r)
				return r.Wait(ctx, func(v *store.View) (bool, error) { return data(v, target) == fmt.Sprint(i), nil })
			})
		}
		def := steps(dos...)
		def.Steps[3].Needless = func(*dc.Task) bool { return true }
		e := run(t, st, quiet, def)
		id := mustSubmit(t, st, e, "Test.run").ID
		for i, want := range []string{"0 1", "10 begun", "20 asked", "20 asked"} {
			synctest.Wait()
			percent, message, ok := e.Progress(id)
			if got := fmt.Sprint(percent, " ", message); !ok || got != want {
				t.Errorf("step %d: got %q, want %q", i, got, want)
			}
			if err := st.Change(t.Context(), func(tx *store.Tx) error { return put(tx, target, func(string) string { return fmt.Sprint(i) }) }); err != nil {
				t.Fatal(err)
			}
		}
		await(t, st, id)
		synctest.Wait()
		if _, _, ok := e.Progress(id); ok {
			t.Error("a task that has ended has progress")
		}
	})
}

func TestBadDefinitionsPanic(t *testing.T) {
	good := func() task.Definition { return steps(nothing, nothing) }
	for name, change := range map[string]func(d *task.Definition){
		"no type":            func(d *task.Definition) { d.Type = "" },
		"no steps":           func(d *task.Definition) { d.Steps = nil },
		"no name":            func(d *task.Definition) { d.Steps[0].Name = "" },
		"no Do":              func(d *task.Definition) { d.Steps[0].Do = nil },
		"back from final":    func(d *task.Definition) { d.Steps[0].Final = true },
		"undo of final":      func(d *task.Definition) { d.Steps[1].Final, d.Steps[1].Undo = true, nothing },
		"registered already": func(*task.Definition) {},
	} {
		t.Run(name, func(t *testing.T) {
			e := task.New(store.OpenMemory(), quiet)
			if name == "registered already" {
				e.Register(good())
			}
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			d := good()
			change(&d)
			e.Register(d)
		})
	}
}
