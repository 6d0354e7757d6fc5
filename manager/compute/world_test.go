package compute

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"hanok/api/convert"
	"hanok/api/filestream"
	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/resource"
	"hanok/manager/store"
	"hanok/manager/task"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	admin = dc.Caller{Name: "alice", Role: dc.RoleAdmin}
)

const imageMB = 100

// hostMemoryMB is what holds four machines of 1024 MB and what executing them takes, and reservedMB more.
const hostMemoryMB, reservedMB = 4*(1024+83) + reservedMB, 100

// world is a data center with one cluster and one host, "a", which has 4 CPUs, memory for four machines and the datastore "local".
type world struct {
	t     testing.TB
	st    *store.Store
	hosts *hosts
	svc   *Service
}

// newWorld starts the host. No engine runs yet.
func newWorld(t testing.TB) *world {
	w := &world{t: t, st: store.OpenMemory(), hosts: &hosts{usage: map[dc.DatastoreID]dc.DatastoreUsage{}, fail: map[dc.PowerOp]*dc.Failure{}, features: dc.HostFeatures()}}
	t.Cleanup(func() { w.st.Close() })
	w.hosts.st = w.st
	root := dc.Meta{Parent: dc.ID(dc.RootFolder)}
	within := func(parent dc.ID, name string) dc.Meta { return dc.Meta{Name: name, Parent: parent} }
	w.put(
		&dc.Folder{ID: dc.RootFolder, Type: dc.FolderDatacenter},
		&dc.Datacenter{ID: "datacenter-1", Meta: dc.Meta{Name: "dc1", Parent: root.Parent}, VMFolder: "group-vm", HostFolder: "group-host"},
		&dc.Folder{ID: "group-vm", Meta: within("datacenter-1", "vm"), Type: dc.FolderVM},
		&dc.Folder{ID: "group-sub", Meta: within("group-vm", "sub"), Type: dc.FolderVM},
		&dc.Folder{ID: "group-host", Meta: within("datacenter-1", "host"), Type: dc.FolderHost},
		&dc.Folder{ID: "group-network", Meta: within("datacenter-1", "network"), Type: dc.FolderNetwork},
		&dc.Cluster{ID: "domain-c1", Meta: within("group-host", "c1"), RootPool: "resgroup-1"},
		&dc.ResourcePool{ID: "resgroup-1", Meta: within("domain-c1", "Resources")},
		&dc.PortGroup{ID: "network-1", Meta: within("group-network", "VM Network")},
		&dc.Image{ID: "image-1", Meta: dc.Meta{Name: "starter"}, Digest: "sha256:" + strings.Repeat("0", 64),
			SizeBytes: imageMB<<20 - 512, GuestID: "debian12_64Guest"},
	)
	w.addHost("host-a", "a")
	go w.hosts.run(t.Context())
	w.svc = w.manager(task.New(w.st, quiet))
	return w
}

// manager returns the service of a freshly started manager.
func (w *world) manager(e *task.Engine) *Service {
	acc := access.New(w.st, quiet)
	return New(Config{Store: w.st, Access: acc, Tasks: e, Hosts: w.hosts, Resources: resource.New(w.st, acc), Log: quiet})
}

// run starts the engine and the reconcilers until the test ends.
func (w *world) run() *world {
	ctx, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { _ = w.svc.tasks.Run(ctx) })
	loops.Go(func() { _ = w.svc.Run(ctx) })
	w.t.Cleanup(func() { stop(); loops.Wait() })
	return w
}

func (w *world) addHost(id dc.HostID, name string) {
	ds := dc.DatastoreID("datastore-" + name)
	w.put(
		&dc.Host{ID: id, Meta: dc.Meta{Name: name, Parent: "domain-c1"}, Status: dc.HostStatus{Connection: dc.Connected, CPUs: 4, CPUMHz: 1000,
			MemoryMB: hostMemoryMB, ReservedMemoryMB: reservedMB}},
		&dc.Datastore{ID: ds, Meta: dc.Meta{Name: "local-" + name, Parent: "group-ds"}, Spec: dc.DatastoreSpec{Type: dc.LocalDatastore, Host: id},
			Status: dc.DatastoreStatus{Accessible: true}},
	)
	w.hosts.set(func(h *hosts) { h.usage[ds] = dc.DatastoreUsage{CapacityBytes: 10 << 30, FreeBytes: 5 << 30} })
}

func (w *world) put(objs ...dc.Object) {
	w.t.Helper()
	w.change(func(tx *store.Tx) error {
		for _, o := range objs {
			tx.Put(o)
		}
		return nil
	})
}

func (w *world) change(fn func(tx *store.Tx) error) {
	w.t.Helper()
	if err := w.st.Change(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// report changes a machine's status, as its host would.
func (w *world) report(id dc.VirtualMachineID, fn func(s *dc.VirtualMachineStatus)) {
	w.t.Helper()
	w.change(func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(id))
		if err != nil {
			return err
		}
		fn(&vm.Status)
		tx.Put(vm)
		return nil
	})
}

// addVM adds a machine of 1024 MB on host a with its files, as its host reported it. Its power request stands at
// generation 1, carried out.
func (w *world) addVM(name string, status dc.VirtualMachineStatus) *dc.VirtualMachine {
	w.t.Helper()
	status.Files, status.Outcome.Generation = dc.FilesReady, 1
	op := dc.PowerOff
	if status.Power == dc.PoweredOn {
		op = dc.PowerOn
	}
	vm := &dc.VirtualMachine{ID: dc.VirtualMachineID("vm-" + name), Meta: dc.Meta{Name: name, Parent: "group-vm"}, Status: status,
		Spec: dc.VirtualMachineSpec{Pool: "resgroup-1", Host: "host-a", Datastore: "datastore-a", Folder: name,
			Hardware: dc.Hardware{CPUs: 1, MemoryMB: 1024}, Power: dc.PowerRequest{Generation: 1, Op: op}}}
	w.put(vm)
	return vm
}

func (w *world) vm(id dc.VirtualMachineID) *dc.VirtualMachine {
	w.t.Helper()
	vm, err := store.Get[*dc.VirtualMachine](w.st.View(), dc.ID(id))
	if err != nil {
		w.t.Fatal(err)
	}
	return vm
}

// until waits for a view in which cond holds.
func (w *world) until(cond func(v *store.View) bool) {
	w.t.Helper()
	for v := w.st.View(); !cond(v); v = w.st.View() {
		if err := w.st.Wait(w.t.Context(), v.Revision()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// ended returns a task that a call started, when it has ended.
func (w *world) ended(submitted *dc.Task, err error) *dc.Task {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	var got *dc.Task
	w.until(func(v *store.View) bool {
		got, err = store.Get[*dc.Task](v, dc.ID(submitted.ID))
		if err != nil {
			w.t.Fatal(err)
		}
		return got.Done()
	})
	return got
}

// succeeded fails the test unless the task succeeds.
func (w *world) succeeded(submitted *dc.Task, err error) *dc.Task {
	w.t.Helper()
	got := w.ended(submitted, err)
	if got.State != dc.TaskSuccess {
		w.t.Fatalf("the task failed: %v", got.Failure.Err())
	}
	return got
}

// events returns the types of all events, oldest first, without those of tasks.
func (w *world) events() string {
	var types []string
	for e := range store.List[*dc.Event](w.st.View()) {
		if !strings.Contains(e.Message, " failed: ") {
			types = append(types, string(e.Type))
		}
	}
	return strings.Join(types, " ")
}

// picture is what an undone task must restore: everything about the machines but the numbers of their power requests.
func picture(v *store.View) string {
	var b strings.Builder
	for vm := range store.List[*dc.VirtualMachine](v) {
		spec, s := vm.Spec, vm.Status
		fmt.Fprintf(&b, "%s in %s on %s/%s/%s deleted=%v op=%s files=%s power=%s cpus=%d memory=%d disks=%d nics=%d\n", vm.Name, vm.Parent, spec.Host, spec.Datastore,
			spec.Folder, spec.Deleted, spec.Power.Op, s.Files, s.Power, spec.Hardware.CPUs, spec.Hardware.MemoryMB,
			len(spec.Hardware.Disks), len(spec.Hardware.NICs))
	}
	return b.String()
}

// hosts plays all hosts: it carries out assignments at once and reports in Status. Its settings are changed with set.
type hosts struct {
	st *store.Store

	mu    sync.Mutex
	away  bool                       // not connected, and nothing is carried out
	old   bool                       // of a program of the oldest protocol, which changes no hardware
	hold  bool                       // power requests and tombstones are not carried out
	slow  bool                       // files are being made and not ready
	fail  map[dc.PowerOp]*dc.Failure // how power operations fail
	files *dc.Failure                // how the making of files fails
	// configure is how a change of the hardware to what was not there at first fails.
	configure *dc.Failure
	usage     map[dc.DatastoreID]dc.DatastoreUsage
	features  []dc.HostFeature
	// orphans are what the hosts have besides the machines of the store.
	orphans []dc.Orphan
	deleted int                // machines that hosts were asked to delete
	found   *dc.FoundMachine   // what its files say of a machine, or nil for a host that reads none
	disks   map[string]dc.Disk // what they find of disks, by their descriptors
	sends   string             // what a stream sends
	silent  bool               // a stream sends nothing and stays open
	opened  func()             // called with every stream, if not nil
}

// set changes the settings, and makes the hosts look again.
func (h *hosts) set(fn func(h *hosts)) {
	h.mu.Lock()
	fn(h)
	h.mu.Unlock()
	_ = h.st.Change(context.Background(), func(tx *store.Tx) error {
		s, err := store.Load[*dc.Secret](tx, "secret-kick")
		if err != nil {
			s = &dc.Secret{ID: "secret-kick"}
		}
		tx.Put(s)
		return nil
	})
}

func (h *hosts) run(ctx context.Context) {
	for {
		v := h.st.View()
		for vm := range store.List[*dc.VirtualMachine](v) {
			if a, ok := dc.AssignmentOf(vm); !ok || !h.due(a, vm.Status) {
				continue
			}
			_ = h.st.Change(ctx, func(tx *store.Tx) error {
				vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(vm.ID))
				if err != nil {
					return err
				}
				if a, _ := dc.AssignmentOf(vm); h.due(a, vm.Status) {
					h.carryOut(a, &vm.Status)
					tx.Put(vm)
				}
				return nil
			})
		}
		if h.st.Wait(ctx, v.Revision()) != nil {
			return
		}
	}
}

// due reports whether the host has something to do for the assignment.
func (h *hosts) due(a dc.Assignment, s dc.VirtualMachineStatus) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away {
		return false
	}
	if a.Deleted || a.Released {
		return !s.Files.Gone() && !h.hold
	}
	return s.Files == "" && !h.slow || s.Files == dc.FilesReady && !h.hold && (s.Outcome.Generation < a.Power.Generation || s.Configured.Generation < a.Configuration)
}

func (h *hosts) carryOut(a dc.Assignment, s *dc.VirtualMachineStatus) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case a.Deleted:
		h.deleted++
		*s = dc.VirtualMachineStatus{Files: dc.FilesRemoved, Power: dc.PoweredOff}
		return
	case a.Released:
		*s = dc.VirtualMachineStatus{Files: dc.FilesReleased, Power: dc.PoweredOff}
		return
	case s.Files == "" && h.files != nil:
		s.Files, s.FilesFailure = dc.FilesFailed, h.files
		return
	case s.Files == "":
		s.Files, s.Power = dc.FilesReady, dc.PoweredOff
		return
	}
	if s.Configured.Generation < a.Configuration {
		s.Configured = dc.ConfigurationOutcome{Generation: a.Configuration, Failure: h.configure}
		return
	}
	s.Outcome = dc.PowerOutcome{Generation: a.Power.Generation, Failure: h.fail[a.Power.Op]}
	if s.Outcome.Failure != nil {
		return
	}
	switch a.Power.Op {
	case dc.PowerOn:
		s.Power, s.Paused, s.Fault = dc.PoweredOn, nil, nil
	case dc.PowerOff, dc.ShutdownGuest:
		s.Power, s.Paused = dc.PoweredOff, nil
	case dc.Suspend:
		s.Power = dc.Suspended
	}
}

func (h *hosts) Connected(dc.HostID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.away
}

func (h *hosts) Configures(id dc.HostID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.away && !h.old
}

func (h *hosts) Offers(_ dc.HostID, features []dc.HostFeature) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return dc.HasAll(h.features, features)
}

func (h *hosts) Executes(_ dc.HostID, hw dc.Hardware, folder string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.old || convert.SpeaksMachine(convert.OldestProtocol, h.features, dc.Machine{Hardware: hw, Folder: folder})
}

func (h *hosts) Usage(ds dc.DatastoreID) (dc.DatastoreUsage, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u, ok := h.usage[ds]
	return u, ok
}

func (h *hosts) Orphans() []dc.Orphan {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.orphans
}

func (h *hosts) Progress(dc.VirtualMachineID) (int64, int64, bool) { return 25 << 20, 100 << 20, true }

func (h *hosts) OpenStream(_ context.Context, host dc.HostID, vm dc.VirtualMachineID, kind string) (net.Conn, error) {
	if kind == filestream.Kind {
		return h.openFiles()
	}
	near, far := net.Pipe()
	if h.opened != nil {
		h.opened()
	}
	if h.silent {
		return near, nil
	}
	go func() {
		_, _ = io.WriteString(far, fmt.Sprint(h.sends, " of ", kind, " of ", vm, " on ", host))
		far.Close()
	}()
	return near, nil
}

// deletions returns how many machines the hosts were asked to delete.
func (h *hosts) deletions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.deleted
}

// openFiles answers one operation on files: a description with what the host has found.
func (h *hosts) openFiles() (net.Conn, error) {
	h.mu.Lock()
	found, disks, away := h.found, h.disks, h.away
	h.mu.Unlock()
	if away {
		return nil, dc.Errorf(dc.Unavailable, "it is not connected")
	}
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		s, req, err := filestream.Accept(far)
		switch {
		case err != nil:
		case req.Op == dc.FileDescribe && disks != nil:
			if d, found := disks[req.Path]; found {
				_ = s.Reply(dc.FileReply{Disk: &d})
				return
			}
			_ = s.Fail(dc.Errorf(dc.NotFound, "there is no such file"))
		case req.Op == dc.FileDescribe && found != nil:
			_ = s.Reply(dc.FileReply{Machine: found})
		default:
			_ = s.Fail(dc.Errorf(dc.Unsupported, "no files").Fix("upgrade this host"))
		}
	}()
	return near, nil
}
