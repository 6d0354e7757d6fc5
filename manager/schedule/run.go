package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

const (
	// lookEvery is how late a run starts at most where nothing holds it up, and how soon a step of the clock is seen.
	lookEvery = time.Second
	// grace is how late a run may be for which the manager was not there. A later one is missed.
	grace = 10 * time.Minute
	// maxOpen is how many runs are going at once. The others that are due wait, and are not missed for that.
	maxOpen = 32
)

// clock is what the one goroutine that looks remembers.
type clock struct {
	// began is set when what runs after the manager's start is planned.
	began bool
	// waiting are the runs that wait for others to end, by when they were due.
	waiting map[dc.ScheduledTaskID]time.Time
}

// Run starts what is due, and writes down how it ended, until ctx ends or the store does, and returns why. One call at a time.
func (s *Service) Run(ctx context.Context) error {
	s.clock = clock{}
	r := task.Reconciler{Name: "scheduled tasks", Every: lookEvery, Concerns: concerns,
		Reconcile: func(ctx context.Context) error { return s.look(ctx, time.Now().UTC()) }}
	return r.Run(ctx, s.Store, s.Log)
}

// concerns reports whether a change may end a run, make one due or take away what a task is scheduled on.
func concerns(c store.Change) bool {
	switch o := c.Object.(type) {
	case *dc.ScheduledTask:
		return true
	case *dc.Task:
		return o.Done() && o.Batch == ""
	}
	return c.Object == nil
}

// look does what there is to be done at a moment: with each task one thing at most, for what it does is looked at again.
func (s *Service) look(ctx context.Context, now time.Time) error {
	if !s.clock.began {
		if err := s.begin(ctx, now); err != nil {
			return err
		}
		s.clock = clock{began: true, waiting: map[dc.ScheduledTaskID]time.Time{}}
	}
	v := s.Store.View()
	gone := func(id dc.ID) bool { return v.Find(id) == nil && id != dc.ID(dc.RootFolder) }
	var due []*dc.ScheduledTask
	var errs []error
	open := 0
	for o := range store.List[*dc.ScheduledTask](v) {
		running := o.Status.Last.State == dc.TaskRunning
		switch left := o.Spec.Action.Without(gone); {
		case running && ended(v, o.Status.Last.Task):
			errs = append(errs, s.finish(ctx, o, now))
			continue
		case !running && len(left.Entities()) < len(o.Spec.Action.Entities()):
			errs = append(errs, s.shrink(ctx, o, left, now))
			continue
		case running:
			open++
		}
		if !o.Spec.Disabled && !o.Status.Next.IsZero() && !o.Status.Next.After(now) {
			due = append(due, o)
		}
	}
	slices.SortStableFunc(due, func(a, b *dc.ScheduledTask) int { return a.Status.Next.Compare(b.Status.Next) })
	for _, o := range due {
		waited := s.clock.waiting[o.ID].Equal(o.Status.Next)
		delete(s.clock.waiting, o.ID)
		switch {
		case o.Status.Last.State == dc.TaskRunning:
			errs = append(errs, s.skip(ctx, o, now, "the run before is still going"))
		case now.Sub(o.Status.Next) > grace && !waited:
			errs = append(errs, s.skip(ctx, o, now, "the manager was not there"))
		case open >= maxOpen:
			s.clock.waiting[o.ID] = o.Status.Next
		default:
			open++
			if _, err := s.start(ctx, o, o.Status.Next, now); err != nil && !recorded(err) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// begin plans the runs after the manager's start, and forgets those of the start before.
func (s *Service) begin(ctx context.Context, now time.Time) error {
	for o := range store.List[*dc.ScheduledTask](s.Store.View()) {
		sch := o.Spec.Scheduler
		if sch.Type != dc.ScheduleAfterStartup || o.Spec.Disabled {
			continue
		}
		err := s.Store.Change(ctx, func(tx *store.Tx) error {
			o, err := store.Load[*dc.ScheduledTask](tx, dc.ID(o.ID))
			if err != nil {
				return err
			}
			o.Status.Next = now.Add(sch.Delay)
			if o.Status.Next.Before(sch.Active) || !sch.Expire.IsZero() && o.Status.Next.After(sch.Expire) {
				o.Status.Next = time.Time{}
			}
			tx.Put(o)
			return nil
		})
		if err != nil && dc.KindOf(err) != dc.NotFound {
			return err
		}
	}
	return nil
}

// errChanged is that of a transaction about a task that is not any more what it was looked at.
var errChanged = &dc.Error{Kind: dc.Conflict, Message: "somebody else has changed it meanwhile", Remedy: "look at it again and repeat the call"}

// change changes a task that is as it was looked at, and nothing where it is not: it is looked at again.
func (s *Service) change(ctx context.Context, seen *dc.ScheduledTask, fn func(tx *store.Tx, o *dc.ScheduledTask)) error {
	err := s.Store.Change(ctx, func(tx *store.Tx) error {
		o, err := unchanged(tx, seen)
		if err != nil {
			return err
		}
		fn(tx, o)
		tx.Put(o)
		return nil
	})
	if errors.Is(err, errChanged) {
		return nil
	}
	return err
}

// unchanged returns a task as a private copy, or errChanged where it is not what it was looked at.
func unchanged(tx *store.Tx, seen *dc.ScheduledTask) (*dc.ScheduledTask, error) {
	o, err := store.Load[*dc.ScheduledTask](tx, dc.ID(seen.ID))
	if dc.KindOf(err) == dc.NotFound || err == nil && o.Revision != seen.Revision {
		return nil, errChanged
	}
	return o, err
}

// start starts a run of a task; due is zero for one that somebody asked for. Where it can't be started, that is the run's failure, and the
// error is one that recorded knows.
func (s *Service) start(ctx context.Context, seen *dc.ScheduledTask, due, now time.Time) (*dc.Task, error) {
	run := dc.ScheduledRun{Due: due, Started: now, State: dc.TaskRunning}
	begun := func(o *dc.ScheduledTask) {
		o.Status.Last = run
		if !due.IsZero() {
			advance(o, now)
		}
	}
	submitted, err := s.submit(ctx, seen, now, func(tx *store.Tx, t *dc.Task) error {
		o, err := unchanged(tx, seen)
		if err != nil {
			return err
		}
		run.Task = t.ID
		begun(o)
		tx.Put(o)
		record(tx, now, dc.EventScheduleStarted, o, o.Spec.Runner.Name, t.ID, "has started")
		return nil
	})
	switch kind := dc.KindOf(err); {
	case err == nil:
		return submitted, nil
	case errors.Is(err, errChanged):
		return nil, &unstarted{errChanged.On(describe(seen))}
	case kind == dc.Unavailable || ctx.Err() != nil || s.Store.Err() != nil: // it is tried again
		return nil, err
	case kind == dc.Internal:
		s.Log.Error("schedule: a run can't be started", "task", seen.ID, "err", err)
	}
	run.Task, run.State, run.Ended, run.Failure = "", dc.TaskError, now, dc.FailureOf(err)
	failed := s.change(ctx, seen, func(tx *store.Tx, o *dc.ScheduledTask) {
		begun(o)
		record(tx, now, dc.EventScheduleFailed, o, o.Spec.Runner.Name, "", "could not be started: "+run.Failure.Err().Error())
	})
	if failed != nil {
		return nil, failed
	}
	return nil, &unstarted{err}
}

// unstarted is the error of a run that could not be started, where that is written down or somebody else's matter.
type unstarted struct{ error }

func (e *unstarted) Unwrap() error { return e.error }

func recorded(err error) bool { _, ok := errors.AsType[*unstarted](err); return ok }

// submit submits the bulk task of a run, for who it runs for, with more in the same transaction.
func (s *Service) submit(ctx context.Context, o *dc.ScheduledTask, now time.Time, with func(*store.Tx, *dc.Task) error) (*dc.Task, error) {
	by, b := o.Spec.Runner.Caller(), o.Spec.Action.Bulk
	if err := s.Access.Standing(by); err != nil {
		if e, ok := errors.AsType[*dc.Error](err); ok {
			return nil, &dc.Error{Kind: e.Kind, Object: e.Object, Message: e.Message,
				Remedy: "let somebody who may do what it does change what it does or when: then it runs for him"}
		}
		return nil, err
	}
	named := slices.Clone(b.Objects)
	for i := range named {
		if object := s.Store.View().Find(named[i].ID); object != nil {
			named[i].Name = object.Metadata().Name
		}
	}
	var err error
	if b.Objects, err = s.Bulk.Objects(by, named, o.Spec.Action.Selection); err != nil {
		return nil, err
	}
	b.Lenient = true
	if b.Clone != nil {
		zone, err := zoneOf(o.Spec.Scheduler)
		if err != nil {
			return nil, err
		}
		clone := b.Clone.At(now.In(zone))
		b.Clone = &clone
	}
	if n := len(b.Objects); b.Op == dc.BulkDelete && b.Confirmed > 0 {
		if n > b.Confirmed {
			return nil, dc.Errorf(dc.WrongState, "this deletes %d objects, and %d at most are confirmed", n, b.Confirmed).
				Fix("see that all of it is meant, and confirm more")
		}
		b.Confirmed = n
	}
	return s.Bulk.StartWith(ctx, by, b, nil, with)
}

// advance sets when a task that is due is due next: after now, and so after what is due, also for a clock that goes back.
func advance(o *dc.ScheduledTask, now time.Time) {
	o.Status.Next = time.Time{}
	zone, err := zoneOf(o.Spec.Scheduler)
	if err != nil { // it was there when the task was made
		zone = time.UTC
	}
	if next, ok := o.Spec.Scheduler.Next(now, zone); ok {
		o.Status.Next = next
	}
}

// skip leaves out a run that is due.
func (s *Service) skip(ctx context.Context, seen *dc.ScheduledTask, now time.Time, reason string) error {
	return s.change(ctx, seen, func(tx *store.Tx, o *dc.ScheduledTask) {
		o.Status.Skipped = &dc.SkippedRun{Due: o.Status.Next, Reason: reason}
		advance(o, now)
		record(tx, now, dc.EventScheduleFailed, o, o.Spec.Runner.Name, "",
			fmt.Sprintf("did not run at %s: %s", seen.Status.Next.UTC().Format(time.RFC3339), reason))
	})
}

// ended reports whether a bulk task has ended, or is not kept any more.
func ended(v *store.View, id dc.TaskID) bool {
	t, err := store.Get[*dc.Task](v, dc.ID(id))
	return err != nil || t.Done()
}

// finish writes down how the run of a task has ended.
func (s *Service) finish(ctx context.Context, seen *dc.ScheduledTask, now time.Time) error {
	return s.change(ctx, seen, func(tx *store.Tx, o *dc.ScheduledTask) {
		run := &o.Status.Last
		t, err := store.Get[*dc.Task](tx.View(), dc.ID(run.Task))
		if err != nil {
			t = &dc.Task{Completed: now, State: dc.TaskError, Failure: &dc.Failure{Kind: dc.Unavailable, Message: "its task is not kept any more: nobody knows how it ended"}}
		}
		run.State, run.Failure, run.Ended, run.Objects, run.Failed = t.State, t.Failure, t.Completed, len(t.Results), 0
		for _, r := range t.Results {
			if r.State != dc.TaskSuccess {
				run.Failed++
				run.State, run.Failure = dc.TaskError, cmp.Or(run.Failure, r.Failure)
			}
		}
		if run.State == dc.TaskSuccess {
			what := "has completed"
			if run.Objects > 1 {
				what += fmt.Sprintf(" with %d objects", run.Objects)
			}
			record(tx, now, dc.EventScheduleCompleted, o, o.Spec.Runner.Name, run.Task, what)
			return
		}
		record(tx, now, dc.EventScheduleFailed, o, o.Spec.Runner.Name, run.Task,
			fmt.Sprintf("has failed with %d of %d objects: %s", run.Failed, run.Objects, run.Failure.Err()))
	})
}

// shrink takes what is gone out of a task, and removes the task where nothing is left that it is scheduled on.
func (s *Service) shrink(ctx context.Context, seen *dc.ScheduledTask, left dc.ScheduledAction, now time.Time) error {
	if len(left.Entities()) > 0 {
		return s.change(ctx, seen, func(tx *store.Tx, o *dc.ScheduledTask) {
			o.Spec.Action = left
			record(tx, now, dc.EventScheduleChanged, o, "", "", "is without what is gone")
		})
	}
	err := s.Store.Change(ctx, func(tx *store.Tx) error {
		o, err := unchanged(tx, seen)
		if err != nil {
			return err
		}
		tx.Delete(o)
		record(tx, now, dc.EventScheduleRemoved, o, "", "", "was removed: what it was scheduled on is gone")
		return nil
	})
	if errors.Is(err, errChanged) {
		return nil
	}
	return err
}
