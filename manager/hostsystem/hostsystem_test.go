package hostsystem

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/inventory"
	"hanok/manager/store"
	"hanok/manager/task"
	"hanok/manager/task/tasktest"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	admin = dc.Caller{User: "user-1", Name: "alice", Role: dc.RoleAdmin}
)

const host = dc.HostID("host-1")

// world is a data center with one host, its datastore and the machine "web" on it.
type world struct {
	*testing.T
	st  *store.Store
	svc *Service
}

// newWorld plays the host's agent, which connects and goes as Spec says, and the administrator of the machine, who powers it
// off when its host enters maintenance.
func newWorld(t *testing.T, prepare func(h *dc.Host, vm *dc.VirtualMachine)) *world {
	w := &world{T: t, st: store.OpenMemory()}
	t.Cleanup(func() { w.st.Close() })
	h := &dc.Host{ID: host, Meta: dc.Meta{Name: "alpha", Parent: "domain-c1"}, Status: dc.HostStatus{Connection: dc.Connected}}
	vm := &dc.VirtualMachine{ID: "vm-1", Meta: dc.Meta{Name: "web", Parent: "group-v1"}, Spec: dc.VirtualMachineSpec{Host: host},
		Status: dc.VirtualMachineStatus{Power: dc.PoweredOff}}
	prepare(h, vm)
	w.change(func(tx *store.Tx) error {
		tx.Put(h)
		tx.Put(&dc.Datastore{ID: "datastore-1", Meta: dc.Meta{Name: "local", Parent: "group-s1"}, Spec: dc.DatastoreSpec{Host: host, Path: "/srv"}})
		if vm.Name != "" {
			tx.Put(vm)
		}
		return nil
	})
	w.svc, _ = newService(w.st)
	return w
}

func newService(st *store.Store) (*Service, *task.Engine) {
	e := task.New(st, quiet)
	acc := access.New(st, quiet)
	return New(st, acc, e, inventory.New(st, acc, quiet)), e
}

func (w *world) change(fn func(tx *store.Tx) error) {
	w.Helper()
	if err := w.st.Change(w.Context(), fn); err != nil {
		w.Fatal(err)
	}
}

// play lets the agent and the machine's administrator do what they do, until the test ends.
func (w *world) play() *world {
	go func() {
		for ctx := w.Context(); ; {
			v := w.st.View()
			_ = w.st.Change(ctx, react)
			if w.st.Wait(ctx, v.Revision()) != nil {
				return
			}
		}
	}()
	return w
}

func react(tx *store.Tx) error {
	h, err := store.Load[*dc.Host](tx, dc.ID(host))
	if err != nil {
		return nil // it was removed
	}
	want := map[bool]dc.Connection{false: dc.Connected, true: dc.NotResponding}[h.Spec.Disconnected]
	if h.Status.Connection != want {
		h.Status.Connection = want
		tx.Put(h)
	}
	if vm, err := store.Load[*dc.VirtualMachine](tx, "vm-1"); err == nil && h.Spec.Maintenance == dc.MaintenanceEntering && vm.HasPower() {
		vm.Status.Power = dc.PoweredOff
		tx.Put(vm)
	}
	return nil
}

func picture(v *store.View) string {
	var lines []string
	for h := range store.List[*dc.Host](v) {
		lines = append(lines, fmt.Sprint(h.Name, h.Spec))
	}
	for ds := range store.List[*dc.Datastore](v) {
		lines = append(lines, ds.Name)
	}
	return strings.Join(lines, "\n")
}

func events(v *store.View) (types []dc.EventType) {
	for e := range store.List[*dc.Event](v) {
		types = append(types, e.Type)
	}
	return types
}

func powered(_ *dc.Host, vm *dc.VirtualMachine) { vm.Status.Power = dc.PoweredOn }

func inMaintenance(h *dc.Host, vm *dc.VirtualMachine) {
	h.Spec.Maintenance = dc.InMaintenance
	vm.Name = "" // without a machine
}

func disconnected(h *dc.Host, _ *dc.VirtualMachine) {
	h.Spec.Disconnected, h.Status.Connection = true, dc.NotResponding
}

func TestTasks(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*dc.Host, *dc.VirtualMachine)
		submit  func(*Service, context.Context, dc.Caller, dc.HostID) (*dc.Task, error)
		// want is the picture afterwards, and event what is recorded once.
		want  string
		event dc.EventType
	}{
		{"enter maintenance", powered, (*Service).EnterMaintenance, "alpha{inMaintenance false}\nlocal", dc.EventHostMaintenance},
		{"exit maintenance", inMaintenance, (*Service).ExitMaintenance, "alpha{ false}\nlocal", dc.EventHostInService},
		{"disconnect", powered, (*Service).Disconnect, "alpha{ true}\nlocal", dc.EventHostDisconnected},
		{"reconnect", disconnected, (*Service).Reconnect, "alpha{ false}\nlocal", ""},
		{"remove", inMaintenance, (*Service).Remove, "", dc.EventHostRemoved},
	} {
		t.Run(test.name, func(t *testing.T) {
			tasktest.Check(t, func(t *testing.T) tasktest.World {
				w := newWorld(t, test.prepare).play()
				return tasktest.World{
					Store: w.st, Definitions: definitions, Picture: picture,
					Submit: func(ctx context.Context) (*dc.Task, error) { return test.submit(w.svc, ctx, admin, host) },
					Succeeded: func(t testing.TB, v *store.View) {
						if got := picture(v); got != test.want {
							t.Errorf("afterwards there is %q, want %q", got, test.want)
						}
						got := slices.DeleteFunc(events(v), func(t dc.EventType) bool { return t == dc.EventHostEntering })
						if n := len(got); test.event == "" && n != 0 || test.event != "" && (n != 1 || got[0] != test.event) {
							t.Errorf("recorded were %v, want one %q", got, test.event)
						}
					},
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	away := func(h *dc.Host, _ *dc.VirtualMachine) { h.Status.Connection = dc.NotResponding }
	emptied := func(h *dc.Host, _ *dc.VirtualMachine) { h.Spec.Maintenance = dc.InMaintenance }
	entering := func(h *dc.Host, _ *dc.VirtualMachine) { h.Spec.Maintenance = dc.MaintenanceEntering }
	nothing := func(*dc.Host, *dc.VirtualMachine) {}
	for _, test := range []struct {
		name    string
		prepare func(*dc.Host, *dc.VirtualMachine)
		submit  func(*Service, context.Context, dc.Caller, dc.HostID) (*dc.Task, error)
		id      dc.HostID
		kind    dc.ErrorKind
		parts   []string
	}{
		{"unknown host", nothing, (*Service).Disconnect, "host-9", dc.NotFound, []string{"host-9"}},
		{"enter twice", emptied, (*Service).EnterMaintenance, host, dc.WrongState, []string{`host "alpha"`, "already"}},
		{"enter of a silent host", away, (*Service).EnterMaintenance, host, dc.WrongState, []string{"not connected", "connect it first"}},
		{"exit in service", nothing, (*Service).ExitMaintenance, host, dc.WrongState, []string{"not in maintenance mode"}},
		{"disconnect twice", disconnected, (*Service).Disconnect, host, dc.WrongState, []string{"already"}},
		{"reconnect of a connected host", nothing, (*Service).Reconnect, host, dc.WrongState, []string{"nobody has disconnected it"}},
		{"remove in service", nothing, (*Service).Remove, host, dc.WrongState, []string{"in service", "maintenance mode first"}},
		{"remove while it enters maintenance", entering, (*Service).Remove, host, dc.WrongState, []string{"in service"}},
		{"remove of a silent host", away, (*Service).Remove, host, dc.WrongState, []string{"in service", "disconnect it"}},
		{"remove with machines", emptied, (*Service).Remove, host, dc.WrongState, []string{"the virtual machines web", "delete them first"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.prepare)
			before := picture(w.st.View())
			_, err := test.submit(w.svc, t.Context(), admin, test.id)
			if dc.KindOf(err) != test.kind {
				t.Fatalf("error %v, want kind %q", err, test.kind)
			}
			for _, p := range test.parts {
				if !strings.Contains(err.Error(), p) {
					t.Errorf("the error does not say %q: %v", p, err)
				}
			}
			if after := picture(w.st.View()); after != before {
				t.Errorf("a refusal left %q, there was %q", after, before)
			}
		})
	}
}

// A host is emptied while machines run on it: the task names them, and goes on when they are off.
func TestEnterNamesWhatKeepsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, powered)
		svc, engine := newService(w.st)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- engine.Run(ctx) }()
		defer func() {
			stop()
			<-ended
		}()
		submitted, err := svc.EnterMaintenance(ctx, admin, host)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, message, ok := engine.Progress(submitted.ID); !ok || !strings.HasSuffix(message, ": web") {
			t.Errorf("the progress says %q", message)
		}
		w.change(func(tx *store.Tx) error {
			vm, err := store.Load[*dc.VirtualMachine](tx, "vm-1")
			if err != nil {
				return err
			}
			vm.Status.Power = dc.Suspended
			tx.Put(vm)
			return nil
		})
		synctest.Wait()
		if h, err := store.Get[*dc.Host](w.st.View(), dc.ID(host)); err != nil || h.Spec.Maintenance != dc.InMaintenance {
			t.Errorf("the host is %+v, %v", h, err)
		}
		if got := events(w.st.View()); !slices.Contains(got, dc.EventHostMaintenance) {
			t.Errorf("recorded were %v", got)
		}
	})
}

// What came to the host between the request and the removal keeps it.
func TestRemoveLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, inMaintenance)
		svc, engine := newService(w.st)
		submitted, err := svc.Remove(t.Context(), admin, host)
		if err != nil {
			t.Fatal(err)
		}
		w.change(func(tx *store.Tx) error {
			tx.Put(&dc.VirtualMachine{ID: "vm-2", Meta: dc.Meta{Name: "new", Parent: "group-v1"}, Spec: dc.VirtualMachineSpec{Host: host}})
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- engine.Run(ctx) }()
		synctest.Wait()
		stop()
		<-ended
		got, err := store.Get[*dc.Task](w.st.View(), dc.ID(submitted.ID))
		if err != nil || got.State != dc.TaskError || !strings.Contains(got.Failure.Message, "virtual machines new") {
			t.Errorf("the task is %+v, %v", got, err)
		}
		if _, err := store.Get[*dc.Host](w.st.View(), dc.ID(host)); err != nil {
			t.Errorf("the host is gone: %v", err)
		}
	})
}

// With a host that stands alone goes its compute resource; a datastore that others share stays with them.
func TestRemoveStandalone(t *testing.T) {
	w := newWorld(t, func(h *dc.Host, vm *dc.VirtualMachine) {
		h.Spec.Maintenance, h.Parent = dc.InMaintenance, "domain-c7"
		vm.Name = ""
	})
	w.change(func(tx *store.Tx) error {
		tx.Put(&dc.Cluster{ID: "domain-c7", Meta: dc.Meta{Name: "alpha", Parent: "group-h1"}, Standalone: true, RootPool: "resgroup-7"})
		tx.Put(&dc.ResourcePool{ID: "resgroup-7", Meta: dc.Meta{Name: "Resources", Parent: "domain-c7"}})
		tx.Put(&dc.Host{ID: "host-2", Meta: dc.Meta{Name: "beta", Parent: "domain-c1"}})
		tx.Put(&dc.Datastore{ID: "datastore-2", Meta: dc.Meta{Name: "shared", Parent: "group-s1"},
			Spec: dc.DatastoreSpec{Type: dc.SimulatedDatastore, Sharing: []dc.HostID{host, "host-2"}, Path: "/shared"}})
		return nil
	})
	svc, engine := newService(w.st)
	go engine.Run(t.Context())
	if _, err := svc.Remove(t.Context(), admin, host); err != nil {
		t.Fatal(err)
	}
	for v := w.st.View(); ; v = w.st.View() {
		if _, err := store.Get[*dc.Host](v, dc.ID(host)); dc.KindOf(err) == dc.NotFound {
			break
		}
		if err := w.st.Wait(t.Context(), v.Revision()); err != nil {
			t.Fatal(err)
		}
	}
	v := w.st.View()
	for _, id := range []dc.ID{"domain-c7", "resgroup-7", "datastore-1"} {
		if v.Find(id) != nil {
			t.Errorf("%s is still there", id)
		}
	}
	ds, err := store.Get[*dc.Datastore](v, "datastore-2")
	if err != nil || len(ds.Spec.Hosts()) != 1 || ds.Spec.ReachedBy(host) || !ds.Spec.ReachedBy("host-2") {
		t.Errorf("the shared datastore is %+v, %v", ds, err)
	}
}
