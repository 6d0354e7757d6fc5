package bulk

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/attribute"
	"hanok/manager/compute"
	"hanok/manager/hostsystem"
	"hanok/manager/inventory"
	"hanok/manager/resource"
	"hanok/manager/store"
	"hanok/manager/tag"
	"hanok/manager/task"
	"hanok/manager/task/tasktest"
)

var quiet = slog.New(slog.DiscardHandler)

// world is a data center with a host that does what it is asked, unless it holds it back, and machines a, b, c... without power.
type world struct {
	t   testing.TB
	st  *store.Store
	svc *Service

	mu   sync.Mutex
	hold bool
}

func newWorld(t testing.TB, machines int) *world {
	w := &world{t: t, st: store.OpenMemory()}
	t.Cleanup(func() { w.st.Close() })
	in := func(parent dc.ID, name string) dc.Meta { return dc.Meta{Name: name, Parent: parent} }
	w.put(
		&dc.Folder{ID: dc.RootFolder, Type: dc.FolderDatacenter},
		&dc.Datacenter{ID: "datacenter-1", Meta: in("group-root", "dc1"), VMFolder: "group-vm", HostFolder: "group-host",
			NetworkFolder: "group-net", DatastoreFolder: "group-store"},
		&dc.Folder{ID: "group-net", Meta: in("datacenter-1", "network"), Type: dc.FolderNetwork},
		&dc.Folder{ID: "group-store", Meta: in("datacenter-1", "datastore"), Type: dc.FolderDatastore},
		&dc.Folder{ID: "group-vm", Meta: in("datacenter-1", "vm"), Type: dc.FolderVM},
		&dc.Folder{ID: "group-web", Meta: in("group-vm", "web"), Type: dc.FolderVM},
		&dc.Folder{ID: "group-deep", Meta: in("group-web", "deep"), Type: dc.FolderVM},
		&dc.Folder{ID: "group-host", Meta: in("datacenter-1", "host"), Type: dc.FolderHost},
		&dc.Cluster{ID: "domain-c1", Meta: in("group-host", "c1"), RootPool: "resgroup-1"},
		&dc.ResourcePool{ID: "resgroup-1", Meta: in("domain-c1", "Resources")},
		&dc.ResourcePool{ID: "resgroup-2", Meta: in("resgroup-1", "gold"), Config: dc.DefaultPoolConfig()},
		&dc.Host{ID: "host-a", Meta: in("domain-c1", "a"), Status: dc.HostStatus{Connection: dc.Connected, CPUs: 4, CPUMHz: 1000, MemoryMB: 1 << 22}},
		&dc.TagCategory{ID: "tagcategory-1", Meta: dc.Meta{Name: "Tier"}, Cardinality: dc.SingleTag},
		&dc.Tag{ID: "tag-1", Meta: in("tagcategory-1", "prod")},
		&dc.Tag{ID: "tag-2", Meta: in("tagcategory-1", "test")},
		&dc.CustomField{ID: "customfield-1", Meta: dc.Meta{Name: "owner"}, Key: 1},
	)
	for i := range machines {
		w.put(&dc.VirtualMachine{ID: machine(i), Meta: in("group-web", name(i)), Spec: dc.VirtualMachineSpec{Pool: "resgroup-2", Host: "host-a",
			Hardware: dc.Hardware{CPUs: 1, MemoryMB: 16}, Power: dc.PowerRequest{Op: dc.PowerOff}}, Status: dc.VirtualMachineStatus{Files: dc.FilesReady, Power: dc.PoweredOff}})
	}
	go w.carryOut(t.Context())
	w.svc = w.manager(task.New(w.st, quiet))
	return w
}

func name(i int) string                                       { return fmt.Sprintf("m%04d", i) }
func machine(i int) dc.VirtualMachineID                       { return dc.VirtualMachineID("vm-" + name(i)) }
func (w *world) Connected(dc.HostID) bool                     { return true }
func (w *world) Configures(dc.HostID) bool                    { return true }
func (w *world) Offers(dc.HostID, []dc.HostFeature) bool      { return true }
func (w *world) Executes(dc.HostID, dc.Hardware, string) bool { return true }
func (w *world) Orphans() []dc.Orphan                         { return nil }
func (w *world) Usage(dc.DatastoreID) (dc.DatastoreUsage, bool) {
	return dc.DatastoreUsage{}, false
}
func (w *world) Progress(dc.VirtualMachineID) (int64, int64, bool) { return 0, 0, false }
func (w *world) OpenStream(context.Context, dc.HostID, dc.VirtualMachineID, string) (net.Conn, error) {
	return nil, dc.Errorf(dc.Unavailable, "no streams")
}

// carryOut does what is asked of the host.
func (w *world) carryOut(ctx context.Context) {
	for {
		v := w.st.View()
		w.mu.Lock()
		hold := w.hold
		w.mu.Unlock()
		for vm := range store.List[*dc.VirtualMachine](v) {
			if hold || vm.Status.Outcome.Generation == vm.Spec.Power.Generation && (!vm.Spec.Deleted || vm.Status.Files == dc.FilesRemoved) {
				continue
			}
			_ = w.st.Change(ctx, func(tx *store.Tx) error {
				vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(vm.ID))
				if err != nil {
					return err
				}
				vm.Status.Outcome.Generation = vm.Spec.Power.Generation
				switch {
				case vm.Spec.Deleted:
					vm.Status = dc.VirtualMachineStatus{Files: dc.FilesRemoved, Power: dc.PoweredOff}
				case vm.Spec.Power.Op == dc.PowerOn:
					vm.Status.Power = dc.PoweredOn
				default:
					vm.Status.Power = dc.PoweredOff
				}
				tx.Put(vm)
				return nil
			})
		}
		if w.st.Wait(ctx, v.Revision()) != nil {
			return
		}
	}
}

func (w *world) put(objects ...dc.Object) {
	w.t.Helper()
	err := w.st.Change(context.Background(), func(tx *store.Tx) error {
		for _, o := range objects {
			tx.Put(o)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) set(hold bool) {
	w.mu.Lock()
	w.hold = hold
	w.mu.Unlock()
	w.put(&dc.Secret{ID: dc.SecretID(dc.NewID(dc.KindSecret, fmt.Sprint("kick", w.st.View().Revision())))})
}

// manager returns the service of a freshly started manager.
func (w *world) manager(e *task.Engine) *Service {
	acc := access.New(w.st, quiet)
	pools, inv := resource.New(w.st, acc), inventory.New(w.st, acc, quiet)
	return New(Config{Store: w.st, Access: acc, Tasks: e, Inventory: inv, Tags: tag.New(w.st, acc),
		Fields: attribute.New(w.st, acc), Log: quiet, Hosts: hostsystem.New(w.st, acc, e, inv), Pools: pools,
		Machines: compute.New(compute.Config{Store: w.st, Access: acc, Tasks: e, Hosts: w, Resources: pools, Log: quiet})})
}

func (w *world) run() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.svc.Tasks.Run(ctx) }()
	w.t.Cleanup(func() { stop(); <-ended })
}

func (w *world) until(cond func(v *store.View) bool) {
	w.t.Helper()
	for v := w.st.View(); !cond(v); v = w.st.View() {
		if err := w.st.Wait(w.t.Context(), v.Revision()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// ended returns a task when it has ended.
func (w *world) ended(submitted *dc.Task, err error) (got *dc.Task) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	w.until(func(v *store.View) bool {
		got, err = store.Get[*dc.Task](v, dc.ID(submitted.ID))
		return err != nil || got.Done()
	})
	return got
}

// text returns results in a line.
func text(t *dc.Task) string {
	var out []string
	for _, r := range t.Results {
		one := r.Name + "=" + string(r.State)
		if r.Failure != nil {
			one += "(" + string(r.Failure.Kind) + ")"
		}
		out = append(out, one)
	}
	return strings.Join(out, " ")
}

func objects(ids ...dc.ID) (out []dc.BulkObject) {
	for _, id := range ids {
		out = append(out, dc.BulkObject{ID: id, Name: string(id)})
	}
	return out
}

func all() *dc.BulkSelection { return &dc.BulkSelection{Folder: "group-vm"} }

func TestPrivilegesComeFirst(t *testing.T) {
	accesstest.Check(t, newWorld(t, 0).svc, "Start", "StartWith", "Objects") // whose zero request is of nothing
}

func TestResults(t *testing.T) {
	w := newWorld(t, 4)
	w.run()
	ctx := t.Context()
	missing := dc.BulkObject{Name: "nobody", Failure: &dc.Failure{Kind: dc.NotFound, Message: "there is none"}}
	for _, test := range []struct {
		bulk      dc.Bulk
		selection *dc.BulkSelection
		want      string
	}{
		{dc.Bulk{Op: "powerOn", Objects: append(objects("vm-m0001", "vm-m0001"), missing)}, nil, "vm-m0001=success nobody=error(NotFound)"},
		{dc.Bulk{Op: "powerOn"}, &dc.BulkSelection{Pool: "resgroup-1"}, "m0000=success m0001=error(WrongState) m0002=success m0003=success"},
		{dc.Bulk{Op: "powerOff", Objects: objects("vm-m0003")}, &dc.BulkSelection{Folder: "group-deep"}, "vm-m0003=success"},
		{dc.Bulk{Op: dc.BulkAttachTag, Tag: "tag-2", Objects: objects("vm-m0002")}, nil, "vm-m0002=success"},
		{dc.Bulk{Op: dc.BulkAttachTag, Tag: "tag-1"}, all(), "m0000=success m0001=success m0002=error(WrongState) m0003=success"},
		{dc.Bulk{Op: dc.BulkCustomValue, Field: "customfield-1", Value: "Ann"}, &dc.BulkSelection{Tags: []dc.TagID{"tag-2"}}, "m0002=success"},
		{dc.Bulk{Op: dc.BulkMove, Folder: "group-deep"}, &dc.BulkSelection{Tags: []dc.TagID{"tag-1"}}, "m0000=success m0001=success m0003=success"},
		{dc.Bulk{Op: dc.BulkDelete}, all(), "m0000=error(WrongState) m0001=error(WrongState) m0002=error(WrongState) m0003=success"},
	} {
		done := w.ended(w.svc.Start(ctx, dc.System, test.bulk, test.selection))
		if done.State != dc.TaskSuccess || text(done) != test.want {
			t.Errorf("%s: %s, %s, want %s", test.bulk.Op, done.State, text(done), test.want)
		}
	}
	for _, bad := range []struct {
		bulk dc.Bulk
		want dc.ErrorKind
	}{
		{dc.Bulk{Op: "explode", Objects: objects("vm-m0001")}, dc.Invalid},
		{dc.Bulk{Op: "powerOn"}, dc.Invalid},
		{dc.Bulk{Op: "powerOn", Objects: make([]dc.BulkObject, dc.MaxBulk+1)}, dc.Invalid},
		{dc.Bulk{Op: "powerOn", Objects: []dc.BulkObject{missing}}, dc.NotFound},
	} {
		if _, err := w.svc.Start(ctx, dc.System, bad.bulk, nil); dc.KindOf(err) != bad.want {
			t.Errorf("%s of %d: %v", bad.bulk.Op, len(bad.bulk.Objects), err)
		}
	}
}

// TestOtherKinds: what is done with machines is done with other objects, and what is not for an object is its failure.
func TestOtherKinds(t *testing.T) {
	w := newWorld(t, 2)
	w.put(&dc.User{ID: "user-1", Meta: dc.Meta{Name: "ann"}},
		&dc.Cluster{ID: "domain-c2", Meta: dc.Meta{Name: "c2", Parent: "group-host"}, RootPool: "resgroup-3"},
		&dc.ResourcePool{ID: "resgroup-3", Meta: dc.Meta{Name: "Resources", Parent: "domain-c2"}},
		&dc.Folder{ID: "group-hosts", Meta: dc.Meta{Name: "hosts", Parent: "group-host"}, Type: dc.FolderHost})
	w.run()
	hosts := &dc.BulkSelection{Kind: dc.KindHost, Folder: "group-host"}
	for _, test := range []struct {
		bulk      dc.Bulk
		selection *dc.BulkSelection
		want      string
		what      string
	}{
		{dc.Bulk{Op: dc.BulkAttachTag, Tag: "tag-1", Objects: objects("group-web", "host-a", "domain-c1", "resgroup-2")}, nil,
			"group-web=success host-a=success domain-c1=success resgroup-2=success", "4 objects"},
		{dc.Bulk{Op: dc.BulkDetachTag, Tag: "tag-1"}, &dc.BulkSelection{Kind: dc.KindFolder, Tags: []dc.TagID{"tag-1"}}, "web=success", "1 folder"},
		{dc.Bulk{Op: dc.BulkCustomValue, Field: "customfield-1", Value: "Ann"}, hosts, "a=success", "1 host"},
		{dc.Bulk{Op: dc.BulkSetPermission, Principal: "user-1", Role: dc.RoleReadOnly, Objects: objects("group-web", "vm-m0000")}, nil,
			"group-web=success vm-m0000=success", "2 objects"},
		{dc.Bulk{Op: dc.BulkRemovePermission, Principal: "user-1", Objects: objects("group-web", "vm-m0001")}, nil,
			"group-web=success vm-m0001=error(NotFound)", "2 objects"},
		{dc.Bulk{Op: dc.BulkMove, Folder: "group-hosts", Objects: objects("domain-c2", "resgroup-2")}, nil,
			"domain-c2=success resgroup-2=error(Unsupported)", "2 objects"},
		{dc.Bulk{Op: "powerOn", Objects: objects("vm-m0000", "host-a")}, nil, "vm-m0000=success host-a=error(Unsupported)", "2 objects"},
		{dc.Bulk{Op: dc.BulkTemplate}, all(), "m0000=error(WrongState) m0001=success", "2 virtual machines"},
		{dc.Bulk{Op: dc.BulkVirtualMachine, Pool: "resgroup-2"}, all(), "m0000=success m0001=success", "2 virtual machines"},
		{dc.Bulk{Op: dc.BulkReconnect}, hosts, "a=error(WrongState)", "1 host"},
		{dc.Bulk{Op: dc.BulkDelete, Objects: objects("group-deep", "resgroup-2", "domain-c2", "domain-c1", "host-a")}, nil,
			"group-deep=success resgroup-2=success domain-c2=success domain-c1=error(WrongState) host-a=error(WrongState)", "5 objects"},
	} {
		if test.bulk.Op == dc.BulkDelete {
			test.bulk.Confirmed = len(test.bulk.Objects)
		}
		done := w.ended(w.svc.Start(t.Context(), dc.System, test.bulk, test.selection))
		if done.State != dc.TaskSuccess || text(done) != test.want || done.TargetName != test.what {
			t.Errorf("%s of %s: %s, %s, want %s", test.bulk.Op, done.TargetName, done.State, text(done), test.want)
		}
	}
	if _, err := w.svc.Start(t.Context(), dc.System, dc.Bulk{Op: "powerOn", Objects: objects("host-a")}, nil); dc.KindOf(err) != dc.Unsupported {
		t.Errorf("a host is not powered on by this: %v", err)
	}
}

// TestRightsOfTheMoment: each object is for those who may, when its turn comes.
func TestRightsOfTheMoment(t *testing.T) {
	w := newWorld(t, 3)
	w.put(&dc.User{ID: "user-1", Meta: dc.Meta{Name: "ann"}},
		&dc.Role{ID: "role-1", Meta: dc.Meta{Name: "Starter"}, Privileges: []dc.Privilege{dc.PrivView, dc.PrivRead, dc.PrivVMPowerOn}},
		&dc.Role{ID: "role-2", Meta: dc.Meta{Name: "Viewer"}, Privileges: []dc.Privilege{dc.PrivView, dc.PrivRead}})
	for i, role := range []dc.RoleID{"role-1", "role-2", "role-1"} {
		w.put(&dc.Permission{ID: dc.PermissionID(fmt.Sprintf("permission-%d", i)), Entity: dc.ID(machine(i)), Principal: "user-1", Role: role})
	}
	ann := dc.Caller{User: "user-1", Name: "ann"}
	submitted, err := w.svc.Start(t.Context(), ann, dc.Bulk{Op: "powerOn"}, all())
	if err != nil {
		t.Fatal(err)
	}
	gone, err := store.Get[*dc.Permission](w.st.View(), "permission-2")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.st.Change(t.Context(), func(tx *store.Tx) error { tx.Delete(gone); return nil }); err != nil {
		t.Fatal(err)
	}
	w.run()
	if got := text(w.ended(submitted, nil)); got != "m0000=success m0001=error(Denied) m0002=error(NotFound)" {
		t.Errorf("got %s", got)
	}
	if _, err := w.svc.Start(t.Context(), ann, dc.Bulk{Op: dc.BulkDelete}, all()); dc.KindOf(err) != dc.Denied {
		t.Errorf("nothing of it may be done: %v", err)
	}
}

// TestMany: as many as there may be, so many at once and no more, and each once.
func TestMany(t *testing.T) {
	w := newWorld(t, dc.MaxBulk)
	w.set(true)
	w.run()
	submitted, err := w.svc.Start(t.Context(), dc.System, dc.Bulk{Op: "powerOn"}, all())
	if err != nil {
		t.Fatal(err)
	}
	begun := func(v *store.View) (n int) {
		for vm := range store.List[*dc.VirtualMachine](v) {
			n += int(vm.Spec.Power.Generation)
		}
		return n
	}
	w.until(func(v *store.View) bool { return begun(v) == parallel })
	w.set(false)
	done := w.ended(submitted, nil)
	if n := begun(w.st.View()); n != dc.MaxBulk || strings.Count(text(done), "=success") != n {
		t.Errorf("%d were powered on, and %d results are good", n, strings.Count(text(done), "=success"))
	}
}

// TestCancel: what waits for its host is canceled, and what had no turn has none.
func TestCancel(t *testing.T) {
	w := newWorld(t, parallel+3)
	w.set(true)
	w.run()
	submitted, err := w.svc.Start(t.Context(), dc.System, dc.Bulk{Op: "powerOn"}, all())
	if err != nil {
		t.Fatal(err)
	}
	w.until(func(v *store.View) bool { return partOf(v, submitted.ID, parallel-1) != nil })
	if err := w.svc.Tasks.Cancel(t.Context(), submitted.ID); err != nil {
		t.Fatal(err)
	}
	done := w.ended(submitted, nil)
	if done.Failure.Kind != dc.Canceled || strings.Count(text(done), "(Canceled)") != parallel+3 || done.Results[parallel].Task != "" {
		t.Errorf("%s: %s", done.State, text(done))
	}
}

// TestFolder: a folder goes with what is in it, machines first; what can't go keeps the folders that it is in.
func TestFolder(t *testing.T) {
	w := newWorld(t, 3)
	w.run()
	ctx := t.Context()
	w.ended(w.svc.Start(ctx, dc.System, dc.Bulk{Op: dc.BulkMove, Folder: "group-deep", Objects: objects("vm-m0001")}, nil))
	w.ended(w.svc.Start(ctx, dc.System, dc.Bulk{Op: "powerOn", Objects: objects("vm-m0002")}, nil))
	done := w.ended(w.svc.Destroy(ctx, dc.System, "group-web", 5))
	if got := text(done); got != "m0001=success m0000=success m0002=error(WrongState) deep=success web=error(WrongState)" {
		t.Errorf("got %s", got)
	}
	for _, id := range []dc.ID{dc.ID(dc.RootFolder), "group-vm"} {
		if _, err := w.svc.Destroy(ctx, dc.System, id, 0); dc.KindOf(err) != dc.WrongState {
			t.Errorf("%s: %v", id, err)
		}
	}
	w.ended(w.svc.Start(ctx, dc.System, dc.Bulk{Op: "powerOff", Objects: objects("vm-m0002")}, nil))
	if done := w.ended(w.svc.Destroy(ctx, dc.System, "group-web", 0)); text(done) != "m0002=success web=success" {
		t.Errorf("got %s", text(done))
	}
}

// TestDatacenter: a data center goes with everything in it once its hosts are out of service; a cluster likewise, with the machines that are in it
// wherever they stand.
func TestDatacenter(t *testing.T) {
	maintain := func(t *testing.T, w *world) {
		if err := w.st.Change(t.Context(), func(tx *store.Tx) error {
			h, err := store.Load[*dc.Host](tx, "host-a")
			if err == nil {
				h.Spec.Maintenance = dc.InMaintenance
				tx.Put(h)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		id   dc.ID
		want string
	}{
		{"datacenter-1", "m0000=success m0001=success local=success net=success a=success gold=success c1=success deep=success web=success dc1=success"},
		{"domain-c1", "m0000=success m0001=success a=success gold=success c1=success"},
	} {
		w := newWorld(t, 2)
		w.put(&dc.PortGroup{ID: "network-1", Meta: dc.Meta{Name: "net", Parent: "group-net"}},
			&dc.Datastore{ID: "datastore-1", Meta: dc.Meta{Name: "local", Parent: "group-store"}, Spec: dc.DatastoreSpec{Host: "host-a", Path: "/srv"}})
		w.run()
		ctx := t.Context()
		if _, err := w.svc.Destroy(ctx, dc.System, test.id, 0); dc.KindOf(err) != dc.WrongState || !strings.Contains(err.Error(), "in service") {
			t.Errorf("%s with a host in service: %v", test.id, err)
		}
		maintain(t, w)
		n := len(inventory.Content(w.st.View(), test.id))
		if _, err := w.svc.Destroy(ctx, dc.System, test.id, n+1); dc.KindOf(err) != dc.WrongState {
			t.Errorf("%s with another number: %v", test.id, err)
		}
		if got := text(w.ended(w.svc.Destroy(ctx, dc.System, test.id, n))); got != test.want {
			t.Errorf("%s: got %s", test.id, got)
		}
		if w.st.View().Find(test.id) != nil {
			t.Errorf("%s is still there", test.id)
		}
	}
	w := newWorld(t, 1)
	for _, id := range []dc.ID{"host-a", "resgroup-2"} {
		if _, err := w.svc.Destroy(t.Context(), dc.System, id, 0); dc.KindOf(err) != dc.Invalid {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// TestTasks tries the tasks for what package task asks of them; nothing happens twice to any machine.
func TestTasks(t *testing.T) {
	for _, test := range []struct {
		name   string
		submit func(ctx context.Context, s *Service) (*dc.Task, error)
		event  dc.EventType
		count  int
	}{
		{"power on", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Start(ctx, dc.System, dc.Bulk{Op: "powerOn"}, all())
		}, dc.EventVMPoweredOn, 2},
		{"attach a tag", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Start(ctx, dc.System, dc.Bulk{Op: dc.BulkAttachTag, Tag: "tag-1"}, all())
		}, dc.EventTagAttached, 2},
		{"destroy a folder", func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Destroy(ctx, dc.System, "group-web", 0)
		},
			dc.EventVMRemoved, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			tasktest.Check(t, func(t *testing.T) tasktest.World {
				w := newWorld(t, 2)
				return tasktest.World{
					Store: w.st,
					Definitions: func() []task.Definition {
						e := task.New(w.st, quiet)
						w.manager(e)
						return e.Definitions()
					},
					Submit:  func(ctx context.Context) (*dc.Task, error) { return test.submit(ctx, w.svc) },
					Picture: func(*store.View) string { return "" },
					Keeps:   workStep,
					Succeeded: func(t testing.TB, v *store.View) {
						n := 0
						for e := range store.List[*dc.Event](v) {
							if e.Type == test.event {
								n++
							}
						}
						if n != test.count {
							t.Errorf("%s was recorded %d times, want %d", test.event, n, test.count)
						}
						for bulk := range store.List[*dc.Task](v) {
							if bulk.Batch == "" && slices.ContainsFunc(bulk.Results, func(r dc.TaskResult) bool { return r.State != dc.TaskSuccess }) {
								t.Errorf("got %s", text(bulk))
							}
						}
					},
				}
			})
		})
	}
}
