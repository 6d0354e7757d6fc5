// Package schedule keeps the scheduled tasks and starts their runs: bulk tasks, by the clock, for the user who has last said what a task
// does or when, with what he may do at that moment. That a run has started, when the next is due and the bulk task are one transaction, so
// that none is lost or started twice whatever crashes, and whoever else looks.
//
// When a task is due is dc's to know (dc.Scheduler), what is done package bulk's, and whether it may be package access's and guard's. The
// manager calls Run, and the facades the rest.
package schedule

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"
	_ "time/tzdata" // the zones, wherever the program runs

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/access"
	"hanok/manager/bulk"
	"hanok/manager/event"
	"hanok/manager/store"
)

// Config is what the service works with. All fields are needed.
type Config struct {
	Store  *store.Store
	Access *access.Service
	Bulk   *bulk.Service
	Log    *slog.Logger
}

// Service keeps the scheduled tasks. It is safe for concurrent use. A privilege that a method names is needed on every object that the task
// is scheduled on; the errors of that are of the kinds Unauthenticated, Denied and NotFound.
type Service struct {
	Config
	clock clock
}

// New returns the service. Nothing runs before Run.
func New(c Config) *Service { return &Service{Config: c} }

// List returns the scheduled tasks that the caller may see, by name, without the names that he may not know. They are shared and must not
// be changed.
func (s *Service) List(by dc.Caller) ([]*dc.ScheduledTask, error) {
	visible, err := s.Access.Visible(by)
	if err != nil {
		return nil, err
	}
	shown, err := s.Access.Shown(by)
	if err != nil {
		return nil, err
	}
	var out []*dc.ScheduledTask
	for o := range store.List[*dc.ScheduledTask](s.Store.View()) {
		if visible(o) {
			out = append(out, shown(o).(*dc.ScheduledTask))
		}
	}
	slices.SortFunc(out, func(a, b *dc.ScheduledTask) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// Get returns the scheduled task that a name or an ID means, as List does. One that the caller may not see is NotFound.
func (s *Service) Get(by dc.Caller, ref string) (*dc.ScheduledTask, error) {
	all, err := s.List(by)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if string(o.ID) == ref || o.Name == ref {
			return o, nil
		}
	}
	return nil, dc.Errorf(dc.NotFound, "there is none of this name or ID").On(dc.Describe(dc.KindScheduledTask, ref)).Fix(`look at "hanok schedule list"`)
}

// Create makes a scheduled task, which runs for the caller. Privileges: PrivScheduleCreate, and what the operation asks for on the objects
// that are named. Kinds: Invalid, Unsupported for objects that the operation is not for, Exists for a name that is taken, Exhausted where there are dc.MaxScheduledTasks.
func (s *Service) Create(ctx context.Context, by dc.Caller, name string, spec dc.ScheduledTaskSpec) (*dc.ScheduledTask, error) {
	if err := s.Access.Authenticated(by); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	o := &dc.ScheduledTask{ID: dc.ScheduledTaskID(dc.NewID(dc.KindScheduledTask, random.Ordered(now))), Meta: dc.Meta{Name: name, Created: now}, Spec: spec}
	if err := s.authorize(by, dc.PrivScheduleCreate, o.Spec.Action); err != nil {
		return nil, err
	}
	if err := s.settle(o, by, now); err != nil {
		return nil, err
	}
	err := s.Store.Change(ctx, func(tx *store.Tx) error {
		count := 0
		for range store.List[*dc.ScheduledTask](tx.View()) {
			count++
		}
		if count >= dc.MaxScheduledTasks {
			return dc.Errorf(dc.Exhausted, "there are %d of them", count).On(describe(o)).Fix("delete those that nobody needs")
		}
		for _, id := range o.Spec.Action.Entities() {
			tx.Exists(id)
		}
		tx.Put(o)
		record(tx, now, dc.EventScheduleCreated, o, by.Name, "", "was created: "+o.Spec.Scheduler.String())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Edit replaces name and spec of a scheduled task by what change, which may be called several times, makes of them. It runs for who has
// changed what it does or when; who renames, describes, enables or disables it leaves that as it is. What is due next is counted from now.
// Privileges: PrivScheduleEdit on what it was and is scheduled on, and as Create where the operation changes. Kinds: those of Create, NotFound.
func (s *Service) Edit(ctx context.Context, by dc.Caller, id dc.ScheduledTaskID, change func(*dc.ScheduledTask)) (*dc.ScheduledTask, error) {
	if err := s.mayChange(by, dc.PrivScheduleEdit, id); err != nil {
		return nil, err
	}
	var o *dc.ScheduledTask
	err := s.Store.Change(ctx, func(tx *store.Tx) (err error) {
		if o, err = store.Load[*dc.ScheduledTask](tx, dc.ID(id)); err != nil {
			return err
		}
		before := o.Spec
		change(o)
		o.Spec.Runner = before.Runner
		if err := s.authorize(by, dc.PrivScheduleEdit, o.Spec.Action); err != nil {
			return err
		}
		now := time.Now().UTC()
		o.Spec.Modified, o.Spec.ModifiedBy = now, by.Name
		timed := !reflect.DeepEqual(before.Scheduler, o.Spec.Scheduler)
		switch {
		case timed || !reflect.DeepEqual(before.Action, o.Spec.Action):
			err = s.settle(o, by, now)
		case before.Disabled != o.Spec.Disabled:
			err = s.plan(o, now)
		default:
			err = dc.CheckScheduledTask(o)
		}
		if err != nil {
			return err
		}
		tx.Put(o)
		record(tx, now, dc.EventScheduleChanged, o, by.Name, "", "was changed: "+state(o)+o.Spec.Scheduler.String())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Delete removes a scheduled task. A run that has started goes on. Privilege: PrivScheduleDelete. Kinds: NotFound.
func (s *Service) Delete(ctx context.Context, by dc.Caller, id dc.ScheduledTaskID) error {
	if err := s.mayChange(by, dc.PrivScheduleDelete, id); err != nil {
		return err
	}
	return s.Store.Change(ctx, func(tx *store.Tx) error {
		o, err := store.Load[*dc.ScheduledTask](tx, dc.ID(id))
		if err != nil {
			return err
		}
		tx.Delete(o)
		record(tx, time.Now(), dc.EventScheduleRemoved, o, by.Name, "", "was removed")
		return nil
	})
}

// RunNow starts a run at once, also of a task that is disabled, for who it always runs for. What is due next stays. Privilege: PrivScheduleRun. Kinds: NotFound, WrongState
// while a run is going, and whatever a run fails with that can't be started; that is written down, too.
func (s *Service) RunNow(ctx context.Context, by dc.Caller, id dc.ScheduledTaskID) (*dc.Task, error) {
	if err := s.mayChange(by, dc.PrivScheduleRun, id); err != nil {
		return nil, err
	}
	o, err := store.Get[*dc.ScheduledTask](s.Store.View(), dc.ID(id))
	if err != nil {
		return nil, err
	}
	if o.Status.Last.State == dc.TaskRunning {
		return nil, dc.Errorf(dc.WrongState, "its last run is still going").On(describe(o)).Fix("wait for %s or cancel it", o.Status.Last.Task)
	}
	return s.start(ctx, o, time.Time{}, time.Now().UTC())
}

// settle makes by who the task runs for, checks it and plans its next run.
func (s *Service) settle(o *dc.ScheduledTask, by dc.Caller, now time.Time) error {
	o.Spec.Runner, o.Spec.Modified, o.Spec.ModifiedBy = dc.RunnerOf(by), now, by.Name
	if sch := &o.Spec.Scheduler; sch.Active.IsZero() {
		sch.Active = now
		if sch.Type == dc.ScheduleOnce && sch.RunAt.Before(now) {
			sch.Active = sch.RunAt
		}
	}
	if err := dc.CheckScheduledTask(o); err != nil {
		return err
	}
	for _, object := range o.Spec.Action.Bulk.Objects {
		p, ok := o.Spec.Action.Bulk.Op.Privilege(object.ID.Kind())
		if !ok {
			return on(o.Spec.Action.Bulk.Op.CheckKind(object.ID.Kind()), o)
		}
		needed := []dc.Privilege{p}
		if change := o.Spec.Action.Bulk.Change; change != nil {
			needed = change.Privileges()
		}
		for _, p := range needed {
			if err := s.Access.Authorize(by, p, object.ID); err != nil {
				return err
			}
		}
	}
	return s.plan(o, now)
}

// justNow is how long ago the time of a task that runs once may be when it is asked for.
const justNow = time.Minute

// plan sets when the task is due next, as of now.
func (s *Service) plan(o *dc.ScheduledTask, now time.Time) error {
	o.Status.Next = time.Time{}
	zone, err := zoneOf(o.Spec.Scheduler)
	if err != nil {
		return on(err, o)
	}
	if o.Spec.Disabled || o.Spec.Scheduler.Type == dc.ScheduleAfterStartup {
		return nil
	}
	after := now
	if o.Spec.Scheduler.Type == dc.ScheduleOnce {
		after = now.Add(-justNow)
	}
	next, ok := o.Spec.Scheduler.Next(after, zone)
	if !ok {
		return dc.Errorf(dc.Invalid, "it would never run: its time has passed").On(describe(o)).Fix("give a later time")
	}
	o.Status.Next = next
	return nil
}

// zoneOf returns the time zone of a scheduler, or an error of kind Invalid.
func zoneOf(s dc.Scheduler) (*time.Location, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil || s.Zone == "Local" { // which is another one on each machine
		return nil, dc.Errorf(dc.Invalid, "zone: there is no time zone %q", s.Zone).Fix(`name one such as "Europe/Berlin", or none for UTC`)
	}
	return zone, nil
}

// mayChange returns nil where the caller sees the task and has the privilege on all that it is scheduled on.
func (s *Service) mayChange(by dc.Caller, p dc.Privilege, id dc.ScheduledTaskID) error {
	visible, err := s.Access.Visible(by)
	if err != nil {
		return err
	}
	o, err := store.Get[*dc.ScheduledTask](s.Store.View(), dc.ID(id))
	if err == nil && !visible(o) {
		err = dc.Errorf(dc.NotFound, "it does not exist").On(dc.Describe(dc.KindScheduledTask, string(id)))
	}
	if err != nil {
		return err
	}
	return s.authorize(by, p, o.Spec.Action)
}

// authorize returns nil where the caller has the privilege on all that the action is scheduled on.
func (s *Service) authorize(by dc.Caller, p dc.Privilege, a dc.ScheduledAction) error {
	for _, id := range a.Entities() {
		if err := s.Access.Authorize(by, p, id); err != nil {
			return err
		}
	}
	return nil
}

func describe(o *dc.ScheduledTask) string { return dc.Describe(dc.KindScheduledTask, o.Name) }

func state(o *dc.ScheduledTask) string { return map[bool]string{true: "disabled, "}[o.Spec.Disabled] }

// on returns the error as one about the task.
func on(err error, o *dc.ScheduledTask) error {
	if e, ok := err.(*dc.Error); ok {
		return e.On(describe(o))
	}
	return err
}

// record adds an event about a scheduled task, on the first object that it is scheduled on.
func record(tx *store.Tx, now time.Time, typ dc.EventType, o *dc.ScheduledTask, user string, task dc.TaskID, what string) {
	e := dc.Event{Type: typ, User: user, Task: task}
	about := describe(o)
	if entities := o.Spec.Action.Entities(); len(entities) > 0 {
		e.Target = entities[0]
		if target := tx.View().Find(e.Target); target != nil {
			e.TargetName = target.Metadata().Name
			about += " on " + dc.Describe(target.Kind(), e.TargetName)
		}
		if len(entities) > 1 {
			about += fmt.Sprintf(" and %d more", len(entities)-1)
		}
	}
	e.Message = about + " " + what
	event.Add(tx, now, e)
}
