package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/attribute"
	"hanok/manager/bulk"
	"hanok/manager/compute"
	"hanok/manager/inventory"
	"hanok/manager/resource"
	"hanok/manager/store"
	"hanok/manager/tag"
	"hanok/manager/task"
	"hanok/manager/task/tasktest"
)

var quiet = slog.New(slog.DiscardHandler)

// world is a data center with machines a, b, c in a folder, tags, and ann, who may do everything there.
type world struct {
	*testing.T
	st     *store.Store
	svc    *Service
	engine *task.Engine
}

var ann = dc.Caller{User: "user-1", Name: "ann"}

func newWorld(t *testing.T, machines int) *world {
	w := &world{T: t, st: store.OpenMemory()}
	t.Cleanup(func() { w.st.Close() })
	in := func(parent dc.ID, name string) dc.Meta { return dc.Meta{Name: name, Parent: parent} }
	w.put(
		&dc.Folder{ID: dc.RootFolder, Type: dc.FolderDatacenter},
		&dc.Datacenter{ID: "datacenter-1", Meta: in("group-root", "dc1"), VMFolder: "group-vm"},
		&dc.Folder{ID: "group-vm", Meta: in("datacenter-1", "vm"), Type: dc.FolderVM},
		&dc.Folder{ID: "group-web", Meta: in("group-vm", "web"), Type: dc.FolderVM},
		&dc.TagCategory{ID: "tagcategory-1", Meta: dc.Meta{Name: "Tier"}},
		&dc.Tag{ID: "tag-1", Meta: in("tagcategory-1", "prod")},
		&dc.Tag{ID: "tag-2", Meta: in("tagcategory-1", "test")},
		&dc.User{ID: "user-1", Meta: dc.Meta{Name: "ann"}},
		&dc.User{ID: "user-2", Meta: dc.Meta{Name: "bob"}},
		&dc.Permission{ID: "permission-1", Entity: "group-vm", Principal: "user-1", Role: dc.RoleAdmin, Propagate: true},
		&dc.Permission{ID: "permission-2", Entity: "group-vm", Principal: "user-2", Role: dc.RoleAdmin, Propagate: true},
	)
	for i := range machines {
		w.put(&dc.VirtualMachine{ID: machine(i), Meta: in("group-web", name(i)), Status: dc.VirtualMachineStatus{Power: dc.PoweredOff}})
	}
	w.restart()
	return w
}

func name(i int) string                 { return fmt.Sprintf("m%04d", i) }
func machine(i int) dc.VirtualMachineID { return dc.VirtualMachineID("vm-" + name(i)) }

// restart is a new process of the manager.
func (w *world) restart() {
	acc := access.New(w.st, quiet)
	w.engine = task.New(w.st, quiet)
	b := bulk.New(bulk.Config{Store: w.st, Access: acc, Tasks: w.engine, Inventory: inventory.New(w.st, acc, quiet), Tags: tag.New(w.st, acc),
		Machines: compute.New(compute.Config{Store: w.st, Access: acc, Tasks: w.engine, Resources: resource.New(w.st, acc), Log: quiet}),
		Fields:   attribute.New(w.st, acc), Log: quiet})
	w.svc = New(Config{Store: w.st, Access: acc, Bulk: b, Log: quiet})
}

// run carries out tasks until the test ends.
func (w *world) run() {
	ctx, stop := context.WithCancel(context.Background())
	engine, ended := w.engine, make(chan error, 1) // another process has another one
	go func() { ended <- engine.Run(ctx) }()
	w.Cleanup(func() { stop(); <-ended })
}

func (w *world) put(objects ...dc.Object) {
	w.Helper()
	w.change(func(tx *store.Tx) error {
		for _, o := range objects {
			tx.Put(o)
		}
		return nil
	})
}

func (w *world) change(f func(*store.Tx) error) {
	w.Helper()
	if err := w.st.Change(context.Background(), f); err != nil {
		w.Fatal(err)
	}
}

func (w *world) remove(id dc.ID) {
	w.Helper()
	w.change(func(tx *store.Tx) error {
		o, err := tx.Load(id)
		if err == nil {
			tx.Delete(o)
		}
		return err
	})
}

// tagging attaches the tag prod to machines.
func tagging(machines ...dc.VirtualMachineID) dc.ScheduledAction {
	b := dc.Bulk{Op: dc.BulkAttachTag, Tag: "tag-1"}
	for _, id := range machines {
		b.Objects = append(b.Objects, dc.BulkObject{ID: dc.ID(id), Name: string(id)})
	}
	return dc.ScheduledAction{Bulk: b}
}

// daily is due at midnight.
func daily() dc.Scheduler { return dc.Scheduler{Type: dc.ScheduleDaily, Interval: 1} }

func (w *world) create(by dc.Caller, name string, s dc.Scheduler, a dc.ScheduledAction) *dc.ScheduledTask {
	w.Helper()
	o, err := w.svc.Create(w.Context(), by, name, dc.ScheduledTaskSpec{Scheduler: s, Action: a})
	if err != nil {
		w.Fatal(err)
	}
	return o
}

func (w *world) look(now time.Time) {
	w.Helper()
	if err := w.svc.look(context.Background(), now); err != nil {
		w.Fatal(err)
	}
}

func (w *world) get(id dc.ScheduledTaskID) *dc.ScheduledTask {
	w.Helper()
	o, err := store.Get[*dc.ScheduledTask](w.st.View(), dc.ID(id))
	if err != nil {
		w.Fatal(err)
	}
	return o
}

// settled waits for the end of the open tasks, and lets the service see it at the moment.
func (w *world) settled(now time.Time) {
	w.Helper()
	open := func(v *store.View) bool {
		for t := range store.List[*dc.Task](v) {
			if !t.Done() {
				return true
			}
		}
		return false
	}
	for v := w.st.View(); open(v); v = w.st.View() {
		if err := w.st.Wait(w.Context(), v.Revision()); err != nil {
			w.Fatal(err)
		}
	}
	w.look(now)
}

// events returns how many events there are of a type about scheduled tasks: "Started".
func (w *world) events(typ string) (n int) {
	for e := range store.List[*dc.Event](w.st.View()) {
		if string(e.Type) == "ScheduledTask"+typ+"Event" {
			n++
		}
	}
	return n
}

func (w *world) wantEvents(want string) {
	w.Helper()
	var got []string
	for _, typ := range []string{"Created", "Started", "Completed", "Failed", "Reconfigured", "Removed"} {
		if n := w.events(typ); n > 0 {
			got = append(got, fmt.Sprintf("%s %d", typ, n))
		}
	}
	if text := strings.Join(got, ", "); text != want {
		w.Errorf("events: %s, want %s", text, want)
	}
}

func (w *world) wantFailure(id dc.ScheduledTaskID, want string) {
	w.Helper()
	last := w.get(id).Status.Last
	if last.State != dc.TaskError || last.Failure == nil || !strings.Contains(last.Failure.Err().Error(), want) {
		w.Errorf("the last run is %+v, %v, want an error with %q", last, last.Failure.Err(), want)
	}
}

func TestPrivilegesComeFirst(t *testing.T) {
	accesstest.Check(t, newWorld(t, 0).svc, "List", "Create") // whose zero request is on nothing
}

// TestRuns: a run starts when it is due and once, and the task says how it went and when the next is.
func TestRuns(t *testing.T) {
	w := newWorld(t, 2)
	w.run()
	o := w.create(ann, "nightly", daily(), tagging(machine(0), machine(1)))
	due := o.Status.Next
	w.look(due.Add(-time.Second))
	w.wantEvents("Created 1")
	w.look(due)
	started := w.get(o.ID)
	if last := started.Status.Last; last.State != dc.TaskRunning || last.Task == "" || !last.Due.Equal(due) || !started.Status.Next.Equal(due.Add(24*time.Hour)) {
		t.Errorf("started as %+v", started.Status)
	}
	w.settled(due)
	w.look(due)
	w.look(due.Add(-2 * time.Hour)) // the clock goes back
	w.look(due)
	if last := w.get(o.ID).Status.Last; last.State != dc.TaskSuccess || last.Objects != 2 || last.Failed != 0 {
		t.Errorf("ended as %+v", last)
	}
	w.wantEvents("Created 1, Started 1, Completed 1")
	vm, err := store.Get[*dc.VirtualMachine](w.st.View(), dc.ID(machine(1)))
	if err != nil || len(vm.Tags) != 1 {
		t.Errorf("%v, %v", vm, err)
	}
	w.look(due.Add(24 * time.Hour))
	w.settled(due.Add(24 * time.Hour))
	w.wantEvents("Created 1, Started 2, Completed 2")
}

// TestNotThere: a run for which the manager was not there is late, or missed.
func TestNotThere(t *testing.T) {
	w := newWorld(t, 1)
	w.run()
	o := w.create(ann, "nightly", daily(), tagging(machine(0)))
	once := w.create(ann, "once", dc.Scheduler{Type: dc.ScheduleOnce, RunAt: o.Status.Next}, tagging(machine(0)))
	due := o.Status.Next
	w.restart()
	w.look(due.Add(50*time.Hour + grace)) // of three that were due, the last is late by less than the grace, and not looked for
	for _, id := range []dc.ScheduledTaskID{o.ID, once.ID} {
		got := w.get(id).Status
		if got.Skipped == nil || !got.Skipped.Due.Equal(due) || got.Last.State != "" {
			t.Errorf("%+v", got)
		}
	}
	if next := w.get(once.ID).Status.Next; !next.IsZero() {
		t.Errorf("it is due once more at %s", next)
	}
	next := w.get(o.ID).Status.Next
	if !next.Equal(due.Add(72 * time.Hour)) {
		t.Errorf("it is due next at %s", next)
	}
	w.look(next.Add(grace))
	w.settled(next.Add(grace))
	w.wantEvents("Created 2, Started 1, Completed 1, Failed 2")
}

// TestNow: what is to run at once is due, though the request took a while.
func TestNow(t *testing.T) {
	w := newWorld(t, 1)
	now := time.Now()
	w.create(ann, "now", dc.Scheduler{Type: dc.ScheduleOnce, RunAt: now.Add(-time.Second)}, tagging(machine(0)))
	w.look(now)
	w.wantEvents("Created 1, Started 1")
	late := dc.ScheduledTaskSpec{Scheduler: dc.Scheduler{Type: dc.ScheduleOnce, RunAt: now.Add(-2 * justNow)}, Action: tagging(machine(0))}
	if _, err := w.svc.Create(t.Context(), ann, "too late", late); dc.KindOf(err) != dc.Invalid {
		t.Errorf("what has passed: %v", err)
	}
}

func TestAfterStartup(t *testing.T) {
	w := newWorld(t, 1)
	w.run()
	now := time.Now().Add(time.Hour)
	w.look(now)
	o := w.create(ann, "at first", dc.Scheduler{Type: dc.ScheduleAfterStartup, Delay: 5 * time.Minute}, tagging(machine(0)))
	w.look(now.Add(time.Hour))
	w.wantEvents("Created 1")
	for i := range 2 {
		now = now.Add(24 * time.Hour)
		w.restart()
		w.run()
		w.look(now)
		w.look(now.Add(5 * time.Minute))
		w.settled(now.Add(5 * time.Minute))
		w.look(now.Add(time.Hour))
		w.wantEvents(fmt.Sprintf("Created 1, Started %d, Completed %[1]d", i+1))
	}
	if got := w.get(o.ID).Status; !got.Next.IsZero() || got.Last.State != dc.TaskSuccess {
		t.Errorf("%+v", got)
	}
}

// TestStillGoing: nobody begins a second run beside the first.
func TestStillGoing(t *testing.T) {
	w := newWorld(t, 1)
	o := w.create(ann, "nightly", daily(), tagging(machine(0)))
	w.look(o.Status.Next)
	if _, err := w.svc.RunNow(t.Context(), ann, o.ID); dc.KindOf(err) != dc.WrongState {
		t.Errorf("a second run: %v", err)
	}
	w.look(o.Status.Next.Add(24 * time.Hour))
	if got := w.get(o.ID).Status; got.Skipped == nil || got.Skipped.Reason != "the run before is still going" || !got.Next.Equal(o.Status.Next.Add(48*time.Hour)) {
		t.Errorf("%+v", got)
	}
	w.wantEvents("Created 1, Started 1, Failed 1")
	w.run()
	w.settled(o.Status.Next.Add(25 * time.Hour))
	if _, err := w.svc.RunNow(t.Context(), ann, o.ID); err != nil {
		t.Error(err)
	}
	if got := w.get(o.ID).Status; !got.Last.Due.IsZero() || !got.Next.Equal(o.Status.Next.Add(48*time.Hour)) {
		t.Errorf("%+v", got)
	}
}

// TestMany: of very many that are due at once so many run at a time and no more, each once, and none is missed for that.
func TestMany(t *testing.T) {
	const many = 1000
	w := newWorld(t, many)
	now := time.Now()
	var due time.Time
	for i := range many {
		due = w.create(ann, name(i), daily(), tagging(machine(i))).Status.Next
	}
	w.look(due)
	if n := w.events("Started"); n != maxOpen {
		t.Fatalf("%d have started", n)
	}
	w.run()
	for i := 0; w.events("Completed") < many; i++ {
		if i > 2*many {
			t.Fatalf("%d have completed", w.events("Completed"))
		}
		due = due.Add(time.Minute) // which is long after the grace in the end
		w.settled(due)
	}
	w.wantEvents(fmt.Sprintf("Created %d, Started %[1]d, Completed %[1]d", many))
	t.Logf("%d runs in %s", many, time.Since(now))
}

// TestTwoManagers: whoever looks at the same moment, each run starts once.
func TestTwoManagers(t *testing.T) {
	w := newWorld(t, 20)
	var due time.Time
	for i := range 20 {
		due = w.create(ann, name(i), daily(), tagging(machine(i))).Status.Next
	}
	first := w.svc
	w.restart()
	ended := make(chan error)
	for _, svc := range []*Service{first, w.svc} {
		go func() { ended <- svc.look(context.Background(), due) }()
	}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	n := 0
	for range store.List[*dc.Task](w.st.View()) {
		n++
	}
	w.wantEvents("Created 20, Started 20")
	if n != 20 {
		t.Errorf("%d tasks", n)
	}
}

// TestRightsOfTheMoment: a run may do what its user may when it starts, and no more.
func TestRightsOfTheMoment(t *testing.T) {
	for _, test := range []struct {
		name  string
		token dc.TokenScope
		spoil func(w *world)
		want  string
	}{
		{"who is deleted", dc.TokenScope{}, func(w *world) { w.remove("permission-1"); w.remove("user-1") }, `user "ann": he is not there any more; let somebody`},
		{"who is disabled", dc.TokenScope{}, func(w *world) {
			w.change(func(tx *store.Tx) error {
				u, err := store.Load[*dc.User](tx, "user-1")
				if err == nil {
					u.Disabled = true
					tx.Put(u)
				}
				return err
			})
		}, `user "ann": he is disabled`},
		{"who may not any more", dc.TokenScope{}, func(w *world) { w.remove("permission-1") }, "it does not exist"},
		{"a token that is revoked", dc.TokenScope{}, func(w *world) {
			if err := w.svc.Access.RevokeToken(w.Context(), ann, "", "ci"); err != nil {
				w.Fatal(err)
			}
		}, `api token "ci": the API token was revoked`},
		{"a token that has expired", dc.TokenScope{}, func(w *world) {
			w.change(func(tx *store.Tx) error {
				for known := range store.List[*dc.APIToken](tx.View()) {
					token, err := store.Load[*dc.APIToken](tx, dc.ID(known.ID))
					if err != nil {
						return err
					}
					token.Expires = time.Now().Add(-time.Second)
					tx.Put(token)
				}
				return nil
			})
		}, `api token "ci": the API token has expired`},
		{"a token with a scope", dc.TokenScope{Roles: []dc.RoleID{"role-1"}}, func(w *world) {
			w.change(func(tx *store.Tx) error {
				role, err := store.Load[*dc.Role](tx, "role-1")
				if err == nil {
					role.Privileges = []dc.Privilege{dc.PrivScheduleCreate}
					tx.Put(role)
				}
				return err
			})
		}, string(dc.PrivTagAttach)},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.run()
			w.put(&dc.Role{ID: "role-1", Meta: dc.Meta{Name: "Tagger"}, Privileges: []dc.Privilege{dc.PrivScheduleCreate, dc.PrivTagAttach}})
			by := ann
			if strings.HasPrefix(test.name, "a token") {
				_, token, err := w.svc.Access.CreateToken(t.Context(), ann, dc.TokenRequest{Name: "ci", Scope: test.token})
				if err != nil {
					t.Fatal(err)
				}
				by.Token, by.TokenName, by.Narrow = token.ID, token.Name, !test.token.IsZero()
			}
			o := w.create(by, "nightly", daily(), tagging(machine(0)))
			w.look(o.Status.Next)
			w.settled(o.Status.Next)
			w.wantEvents("Created 1, Started 1, Completed 1")
			test.spoil(w)
			tomorrow := o.Status.Next.Add(24 * time.Hour)
			w.look(tomorrow)
			w.settled(tomorrow)
			w.wantFailure(o.ID, test.want)
			w.wantEvents("Created 1, Started 1, Completed 1, Failed 1")
		})
	}
}

// TestEdit: it runs for who has changed what it does or when, and for nobody who has only turned it on.
func TestEdit(t *testing.T) {
	w := newWorld(t, 2)
	bob := dc.Caller{User: "user-2", Name: "bob"}
	o := w.create(ann, "nightly", daily(), tagging(machine(0)))
	for _, test := range []struct {
		name   string
		change func(*dc.ScheduledTask)
		runner string
	}{
		{"rename", func(o *dc.ScheduledTask) { o.Name = "at night" }, "ann"},
		{"pretend", func(o *dc.ScheduledTask) { o.Spec.Runner = dc.RunnerOf(dc.System) }, "ann"},
		{"disable", func(o *dc.ScheduledTask) { o.Spec.Disabled = true }, "ann"},
		{"enable", func(o *dc.ScheduledTask) { o.Spec.Disabled = false }, "ann"},
		{"other time", func(o *dc.ScheduledTask) { o.Spec.Scheduler.Hour = 3 }, "bob"},
	} {
		got, err := w.svc.Edit(t.Context(), bob, o.ID, test.change)
		if err != nil || got.Spec.Runner.Name != test.runner || got.Spec.ModifiedBy != "bob" || got.Status.Next.IsZero() != got.Spec.Disabled {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
	got, err := w.svc.Edit(t.Context(), ann, o.ID, func(o *dc.ScheduledTask) { o.Spec.Action = tagging(machine(1)) })
	if err != nil || got.Spec.Runner.Name != "ann" {
		t.Errorf("%+v, %v", got, err)
	}
	w.put(&dc.Permission{ID: "permission-3", Entity: dc.ID(machine(0)), Principal: "user-2", Role: dc.RoleReadOnly})
	if _, err := w.svc.Edit(t.Context(), bob, o.ID, func(o *dc.ScheduledTask) { o.Spec.Action = tagging(machine(0)) }); dc.KindOf(err) != dc.Denied {
		t.Errorf("on what he may only look at: %v", err)
	}
	for _, bad := range []func(*dc.ScheduledTask){
		func(o *dc.ScheduledTask) { o.Spec.Scheduler.Zone = "Europe/Atlantis" },
		func(o *dc.ScheduledTask) { o.Spec.Scheduler.Zone = "Local" },
		func(o *dc.ScheduledTask) { o.Spec.Scheduler.Expire = time.Now().Add(-time.Hour) },
		func(o *dc.ScheduledTask) {
			o.Spec.Scheduler = dc.Scheduler{Type: dc.ScheduleOnce, RunAt: time.Now().Add(-time.Hour)}
		},
		func(o *dc.ScheduledTask) { o.Name = "a/b" },
		func(o *dc.ScheduledTask) { o.Spec.Action.Bulk.Op = "explode" },
		func(o *dc.ScheduledTask) { o.Spec.Action = dc.ScheduledAction{Bulk: dc.Bulk{Op: dc.BulkDelete}} },
	} {
		if _, err := w.svc.Edit(t.Context(), ann, o.ID, bad); dc.KindOf(err) != dc.Invalid {
			t.Errorf("%v", err)
		}
	}
	if _, err := w.svc.Create(t.Context(), ann, "at night", dc.ScheduledTaskSpec{Scheduler: daily(), Action: tagging(machine(1))}); dc.KindOf(err) != dc.Exists {
		t.Errorf("a second one of the name: %v", err)
	}
}

// TestGone: a scheduled task goes with the last of what it is scheduled on, and never does more because something is gone.
func TestGone(t *testing.T) {
	w := newWorld(t, 3)
	two := w.create(ann, "two", daily(), tagging(machine(0), machine(1)))
	selection := tagging(machine(2))
	selection.Selection = &dc.BulkSelection{Folder: "group-vm", Tags: []dc.TagID{"tag-2"}}
	chosen := w.create(ann, "chosen", daily(), selection)
	now := time.Now()
	w.look(now)
	w.remove(dc.ID(machine(0)))
	w.remove("tag-2")
	w.look(now)
	if got := w.get(two.ID).Spec.Action.Entities(); len(got) != 1 {
		t.Errorf("it is on %v", got)
	}
	if got := w.get(chosen.ID).Spec.Action; got.Selection != nil || len(got.Entities()) != 1 {
		t.Errorf("it is %+v", got)
	}
	w.remove(dc.ID(machine(1)))
	w.look(now)
	if _, err := w.svc.Get(dc.System, "two"); dc.KindOf(err) != dc.NotFound {
		t.Errorf("it is still there: %v", err)
	}
	w.wantEvents("Created 2, Reconfigured 2, Removed 1")
}

// TestConfirmed: a run deletes as many as were confirmed, or as the guard lets anybody delete.
func TestConfirmed(t *testing.T) {
	w := newWorld(t, 12)
	a := dc.ScheduledAction{Bulk: dc.Bulk{Op: dc.BulkDelete}, Selection: &dc.BulkSelection{Folder: "group-web"}}
	for i, test := range []struct {
		confirmed int
		want      string
	}{{0, "this deletes 12 objects"}, {11, "this deletes 12 objects, and 11 at most are confirmed"}, {20, ""}} {
		a.Bulk.Confirmed = test.confirmed
		o := w.create(ann, fmt.Sprint("clean up ", i), daily(), a)
		w.look(o.Status.Next)
		if test.want != "" {
			w.wantFailure(o.ID, test.want)
		} else if w.get(o.ID).Status.Last.State != dc.TaskRunning {
			t.Errorf("%+v", w.get(o.ID).Status.Last)
		}
	}
}

// TestVisible: who does not see all that a task is scheduled on does not see the task, unless it runs for him.
func TestVisible(t *testing.T) {
	w := newWorld(t, 2)
	w.put(&dc.User{ID: "user-3", Meta: dc.Meta{Name: "eve"}},
		&dc.Role{ID: "role-1", Meta: dc.Meta{Name: "Viewer"}, Privileges: []dc.Privilege{dc.PrivView, dc.PrivRead}},
		&dc.Permission{ID: "permission-3", Entity: dc.ID(machine(0)), Principal: "user-3", Role: "role-1"})
	w.create(ann, "seen", daily(), tagging(machine(0)))
	hidden := w.create(ann, "hidden", daily(), tagging(machine(0), machine(1)))
	eve := dc.Caller{User: "user-3", Name: "eve"}
	all, err := w.svc.List(eve)
	if err != nil || len(all) != 1 || all[0].Name != "seen" {
		t.Errorf("%v, %v", all, err)
	}
	for name, err := range map[string]error{
		"run":    func() error { _, err := w.svc.RunNow(t.Context(), eve, hidden.ID); return err }(),
		"delete": w.svc.Delete(t.Context(), eve, hidden.ID),
	} {
		if dc.KindOf(err) != dc.NotFound || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.svc.Delete(t.Context(), eve, all[0].ID); dc.KindOf(err) != dc.Denied {
		t.Errorf("delete what he sees: %v", err)
	}
	if err := w.svc.Delete(t.Context(), ann, hidden.ID); err != nil {
		t.Error(err)
	}
}

// TestTasks tries the task of a run for what package task asks of it: whatever crashes, and whoever starts again, it was one run.
func TestTasks(t *testing.T) {
	tasktest.Check(t, func(t *testing.T) tasktest.World {
		w := newWorld(t, 2)
		return tasktest.World{
			Store: w.st,
			Definitions: func() []task.Definition {
				w.restart()
				return w.engine.Definitions()
			},
			Submit: func(ctx context.Context) (*dc.Task, error) {
				o := w.create(ann, "nightly", daily(), tagging(machine(0), machine(1)))
				w.look(o.Status.Next)
				return store.Get[*dc.Task](w.st.View(), dc.ID(w.get(o.ID).Status.Last.Task))
			},
			Picture: func(*store.View) string { return "" },
			Keeps:   "work on each object",
			Succeeded: func(_ testing.TB, v *store.View) {
				w.restart()
				for o := range store.List[*dc.ScheduledTask](v) {
					w.look(o.Status.Next.Add(-time.Hour))
					w.look(o.Status.Next.Add(-time.Hour))
				}
				w.wantEvents("Created 1, Started 1, Completed 1")
			},
		}
	})
}
