package compute

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hanok/dc"
	"hanok/manager/store"
)

// orphan returns a machine with power on host a, which was given seven power requests and has carried out six.
func orphan(name string) dc.Orphan {
	return dc.Orphan{
		Machine: dc.Machine{ID: dc.VirtualMachineID("vm-" + name), Name: name, Datastore: "datastore-a", Folder: name, Hardware: dc.Hardware{
			UUID: "3f2b6a10-0000-4000-8000-000000000001", InstanceUUID: "502b6a10-0000-4000-8000-000000000001", GuestID: "otherLinux64Guest",
			Version: dc.DefaultHardwareVersion, Firmware: dc.BIOS, CPUs: 2, CoresPerSocket: 1, MemoryMB: 512,
			Controllers: []dc.Controller{{Key: dc.FirstSCSIKey, Type: dc.ControllerVirtio}},
			Disks: []dc.Disk{{Key: dc.FirstDiskKey, Controller: dc.FirstSCSIKey, CapacityBytes: 1 << 30,
				Provisioning: dc.Thin, Mode: dc.Persistent}},
			NICs: []dc.NIC{{Key: dc.FirstNICKey, Type: dc.VirtioNet, MAC: "52:54:00:00:00:01", PortGroup: "network-1"}}}},
		Path: "/srv/a", Host: "host-a", Generation: 7,
		Status: dc.VirtualMachineStatus{Files: dc.FilesReady, Power: dc.PoweredOn, Outcome: dc.PowerOutcome{Generation: 6}},
	}
}

func TestAdopt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		orphan func(o *dc.Orphan)
		world  func(w *world)
		req    AdoptRequest
		// want changes what is expected of the object; with kind, the request is refused.
		want    func(vm *dc.VirtualMachine)
		kind    dc.ErrorKind
		refusal string // what the error says
	}{
		{name: "as it is"},
		{name: "with another name", req: AdoptRequest{Name: "found"}, want: func(vm *dc.VirtualMachine) { vm.Name = "found" }},
		{name: "in a folder", req: AdoptRequest{Folder: "group-sub"}, want: func(vm *dc.VirtualMachine) { vm.Parent = "group-sub" }},
		{name: "off", orphan: func(o *dc.Orphan) { o.Status.Power, o.Generation = dc.PoweredOff, 0 },
			want: func(vm *dc.VirtualMachine) { vm.Status.Power, vm.Spec.Power.Generation = dc.PoweredOff, 7 }},
		{name: "on a new datastore at the same place", orphan: func(o *dc.Orphan) { o.Machine.Datastore = "datastore-before" },
			world: func(w *world) {
				w.put(&dc.Datastore{ID: "datastore-new", Meta: dc.Meta{Name: "again"}, Spec: dc.DatastoreSpec{Host: "host-a", Path: "/srv/a"}})
			},
			want: func(vm *dc.VirtualMachine) { vm.Spec.Datastore = "datastore-new" }},
		{name: "on another network", orphan: func(o *dc.Orphan) { o.Machine.NICs[0].PortGroup = "network-gone" }, req: AdoptRequest{PortGroup: "network-1"}},

		{name: "nobody", req: AdoptRequest{ID: "vm-nobody"}, kind: dc.NotFound, refusal: "no connected host has it"},
		{name: "another host's", orphan: func(o *dc.Orphan) { o.Owner = "host-b" }, kind: dc.WrongState, refusal: "it is on another host, host-b"},
		{name: "a tombstone", orphan: func(o *dc.Orphan) { o.Deleted = true }, kind: dc.WrongState, refusal: "asked to delete it"},
		{name: "of an old program", orphan: func(o *dc.Orphan) { o.Machine = dc.Machine{ID: o.Machine.ID, Name: o.Machine.Name} }, kind: dc.Unsupported,
			refusal: "install the manager's program on the host"},
		{name: "without files", orphan: func(o *dc.Orphan) {
			o.Status.Files, o.Status.FilesFailure = dc.FilesMissing, &dc.Failure{Message: "its folder is gone"}
		}, kind: dc.WrongState, refusal: "its folder is gone"},
		{name: "of a host that went away", world: func(w *world) { w.hosts.set(func(h *hosts) { h.away = true }) }, kind: dc.Unavailable, refusal: "not connected"},
		{name: "of an unknown datastore", orphan: func(o *dc.Orphan) { o.Machine.Datastore = "datastore-before" }, kind: dc.WrongState,
			refusal: "hanok datastore create NAME --host a --path /srv/a"},
		{name: "of a datastore that its host does not know", orphan: func(o *dc.Orphan) { o.Machine.Datastore, o.Path = "datastore-before", "" },
			kind: dc.WrongState, refusal: `does not know where that is; find its folder "lost"`},
		{name: "of an unknown network", orphan: func(o *dc.Orphan) { o.Machine.NICs[0].PortGroup = "network-gone" }, kind: dc.WrongState, refusal: "--network"},
		{name: "on an unknown network, again", orphan: func(o *dc.Orphan) { o.Machine.NICs[0].PortGroup = "network-gone" },
			req: AdoptRequest{PortGroup: "network-none"}, kind: dc.NotFound},
		{name: "a name that is taken", world: func(w *world) { w.addVM("lost", off) }, orphan: func(o *dc.Orphan) { o.Machine.ID, o.Machine.Folder = "vm-x", "x" },
			req: AdoptRequest{ID: "vm-x"}, kind: dc.Exists, refusal: "choose another name"},
		{name: "a folder that is taken", world: func(w *world) { w.addVM("other", off) }, orphan: func(o *dc.Orphan) { o.Machine.Folder = "other" },
			kind: dc.Exists, refusal: `is that of virtual machine "other"`},
		{name: "an address that is taken", world: func(w *world) {
			w.put(&dc.VirtualMachine{ID: "vm-other", Meta: dc.Meta{Name: "other", Parent: "group-vm"},
				Spec: dc.VirtualMachineSpec{Hardware: dc.Hardware{NICs: []dc.NIC{{MAC: "52:54:00:00:00:01", PortGroup: "network-1"}}}}})
		}, kind: dc.Exists, refusal: `is that of virtual machine "other"`},
		{name: "nonsense hardware", orphan: func(o *dc.Orphan) { o.Machine.CPUs = 0 }, kind: dc.Invalid},
		{name: "a bad name", orphan: func(o *dc.Orphan) { o.Machine.Name = "../x" }, kind: dc.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.world != nil {
				tt.world(w)
			}
			o := orphan("lost")
			if tt.orphan != nil {
				tt.orphan(&o)
			}
			w.hosts.set(func(h *hosts) { h.orphans = []dc.Orphan{o} })
			if tt.req.ID == "" {
				tt.req.ID = "vm-lost"
			}
			if tt.kind != "" {
				_, err := w.svc.Adopt(t.Context(), admin, tt.req)
				if dc.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.refusal) {
					t.Errorf("error %v of kind %s, want %s with %q", err, dc.KindOf(err), tt.kind, tt.refusal)
				}
				return
			}
			w.run()
			w.succeeded(w.svc.Adopt(t.Context(), admin, tt.req))
			vm := w.vm(tt.req.ID)
			reference := orphan("lost")
			want := &dc.VirtualMachine{ID: "vm-lost", Meta: dc.Meta{Name: "lost", Parent: "group-vm", Created: vm.Created, Revision: vm.Revision},
				Spec: dc.VirtualMachineSpec{Hardware: reference.Machine.Hardware, Pool: "resgroup-1", Host: "host-a", Datastore: "datastore-a", Folder: "lost",
					Power: dc.PowerRequest{Generation: 8}}, Status: reference.Status}
			if tt.want != nil {
				tt.want(want)
			}
			want.Status.Outcome.Generation = want.Spec.Power.Generation
			want.Spec.Power.Op = vm.Spec.Power.Op // the reconciler may have followed
			if diff := cmp.Diff(want, vm); diff != "" {
				t.Errorf("it is otherwise:\n%s", diff)
			}
			if got := w.events(); got != "VmRegisteredEvent" {
				t.Errorf("the events are %s", got)
			}
		})
	}
}

// TestAdoptPrivileges: everybody who sees machines sees orphans; who may create one may adopt one.
func TestAdoptPrivileges(t *testing.T) {
	w := newWorld(t)
	w.hosts.set(func(h *hosts) { h.orphans = []dc.Orphan{orphan("lost")} })
	reader := dc.Caller{Name: "rita", Role: dc.RoleReadOnly}
	if all, err := w.svc.Orphans(reader); err != nil || len(all) != 1 {
		t.Errorf("got %v, %v", all, err)
	}
	if _, err := w.svc.Orphans(dc.Caller{}); dc.KindOf(err) != dc.Unauthenticated {
		t.Errorf("nobody gets %v", err)
	}
	if _, err := w.svc.Adopt(t.Context(), reader, AdoptRequest{ID: "vm-lost"}); dc.KindOf(err) != dc.Denied {
		t.Errorf("a reader gets %v", err)
	}
}

// TestAdoptCanceled: an adoption that its host never answered leaves an orphan, and no tombstone.
func TestAdoptCanceled(t *testing.T) {
	w := newWorld(t).run()
	w.hosts.set(func(h *hosts) { h.orphans, h.hold = []dc.Orphan{orphan("lost")}, true })
	submitted, err := w.svc.Adopt(t.Context(), admin, AdoptRequest{ID: "vm-lost"})
	if err != nil {
		t.Fatal(err)
	}
	w.until(func(v *store.View) bool {
		task, err := store.Get[*dc.Task](v, dc.ID(submitted.ID))
		return err == nil && task.State == dc.TaskRunning
	})
	w.change(func(tx *store.Tx) error {
		task, err := store.Load[*dc.Task](tx, dc.ID(submitted.ID))
		task.CancelRequested = true
		tx.Put(task)
		return err
	})
	w.ended(submitted, nil)
	for vm := range store.List[*dc.VirtualMachine](w.st.View()) {
		t.Errorf("%s is in the inventory: %+v", vm.ID, vm.Spec)
	}
}
