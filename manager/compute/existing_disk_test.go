package compute

import (
	"context"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

const dataFile = "disks/data.vmdk"

var addData = dc.HardwareChange{AddDisks: []dc.NewDisk{{File: dc.FileRef{Datastore: "datastore-a", Path: dataFile}}}}

// addData is a disk on the datastore that no machine has.
func (w *world) addData() {
	w.hosts.set(func(h *hosts) {
		h.disks = map[string]dc.Disk{dataFile: {File: dataFile, CapacityBytes: 1 << 30, Provisioning: dc.ThickLazyZeroed}}
	})
}

func (w *world) holder(file string) dc.ID {
	id, _ := store.Claimed(w.st.View(), dc.DiskClaim("datastore-a", file))
	return id
}

func TestAttachDiskTask(t *testing.T) {
	check(t, "", func(w *world) { w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOff}); w.addData() },
		func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Reconfigure(ctx, admin, "vm-hello", addData)
		},
		func(t testing.TB, v *store.View) {
			vm := only(t, v)
			if d := vm.Spec.Hardware.Disks; len(d) != 2 || d[1].File != dataFile || !d[1].Attached || d[1].CapacityBytes != 1<<30 ||
				d[1].Provisioning != dc.ThickLazyZeroed {
				t.Errorf("the disks are %+v", d)
			}
		})
}

// A disk that is taken out stays, and is the machine's until its host has let go of it; then another machine may have it.
func TestKeepDisk(t *testing.T) {
	w := newWorld(t).run()
	w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOff})
	w.addData()
	w.succeeded(w.svc.Reconfigure(t.Context(), admin, "vm-hello", addData))
	if w.holder(dataFile) != "vm-hello" {
		t.Errorf("%s is that of %q", dataFile, w.holder(dataFile))
	}
	w.hosts.set(func(h *hosts) { h.hold = true })
	submitted, err := w.svc.Reconfigure(t.Context(), admin, "vm-hello", dc.HardwareChange{KeepDisks: []int32{dc.FirstDiskKey + 1}})
	if err != nil {
		t.Fatal(err)
	}
	if vm := w.vm("vm-hello"); len(vm.Spec.Hardware.Disks) != 1 || w.holder(dataFile) != "vm-hello" {
		t.Errorf("it has %+v, and %s is that of %q while the host has it", vm.Spec.Hardware.Disks, dataFile, w.holder(dataFile))
	}
	create := CreateRequest{Name: "second", Disks: []DiskRequest{{Form: addData.AddDisks[0]}}}
	w.hosts.set(func(h *hosts) { h.hold = false })
	w.succeeded(submitted, nil)
	if vm := w.vm("vm-hello"); vm.Spec.Discarded != nil || vm.Spec.Leaving != nil || w.holder(dataFile) != "" {
		t.Errorf("discarded %q, leaving %q, claimed by %q", vm.Spec.Discarded, vm.Spec.Leaving, w.holder(dataFile))
	}
	w.succeeded(w.svc.Create(t.Context(), admin, create))
	second := w.named("second")
	if d := second.Spec.Hardware.Disks; len(d) != 1 || d[0].File != dataFile || d[0].CapacityBytes != 1<<30 || w.holder(dataFile) != dc.ID(second.ID) {
		t.Errorf("the second has %+v, and the disk is that of %q", d, w.holder(dataFile))
	}
	_, err = w.svc.Reconfigure(t.Context(), admin, "vm-hello", addData)
	if dc.KindOf(err) != dc.Exists || !strings.Contains(err.Error(), `the disk disks/data.vmdk is that of virtual machine "second"`) {
		t.Errorf("a second machine gets the disk: %v", err)
	}
	_, err = w.svc.Create(t.Context(), admin, CreateRequest{Name: "third", Disks: create.Disks})
	if dc.KindOf(err) != dc.Exists || w.holder(dataFile) != dc.ID(second.ID) {
		t.Errorf("a third machine gets the disk: %v", err)
	}
}

// What was there before a machine is not deleted when its making or its attaching is taken back.
func TestAttachFails(t *testing.T) {
	w := newWorld(t).run()
	w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOff})
	w.addData()
	w.hosts.set(func(h *hosts) {
		h.configure, h.files = &dc.Failure{Kind: dc.Exhausted, Message: "full"}, &dc.Failure{Kind: dc.Exhausted, Message: "full"}
	})
	if got := w.ended(w.svc.Reconfigure(t.Context(), admin, "vm-hello", addData)); got.State == dc.TaskSuccess {
		t.Fatal("it succeeded")
	}
	if vm := w.vm("vm-hello"); len(vm.Spec.Discarded) != 0 || len(vm.Spec.Hardware.Disks) != 1 || w.holder(dataFile) != "" {
		t.Errorf("it has %+v, discarded are %q", vm.Spec.Hardware.Disks, vm.Spec.Discarded)
	}
	w.hosts.set(func(h *hosts) { h.hold = true })
	submitted, err := w.svc.Create(t.Context(), admin, CreateRequest{Name: "second", Disks: []DiskRequest{{Form: addData.AddDisks[0]}, {CapacityBytes: 1 << 20}}})
	if err != nil {
		t.Fatal(err)
	}
	var asked []dc.Disk
	w.until(func(v *store.View) bool {
		vm, err := store.Get[*dc.VirtualMachine](v, submitted.Target)
		if err != nil {
			t.Fatal(err)
		}
		asked = vm.Spec.Hardware.Disks
		return vm.Spec.Deleted
	})
	if len(asked) != 1 || asked[0].File == dataFile {
		t.Errorf("the host is asked to delete %+v", asked)
	}
	w.hosts.set(func(h *hosts) { h.hold = false })
	if got := w.ended(submitted, nil); got.State == dc.TaskSuccess {
		t.Error("it succeeded")
	}
}

func TestAttachRefused(t *testing.T) {
	file := func(ds dc.DatastoreID, path string) dc.HardwareChange {
		return dc.HardwareChange{AddDisks: []dc.NewDisk{{File: dc.FileRef{Datastore: ds, Path: path}}}}
	}
	sized := file("datastore-a", dataFile)
	sized.AddDisks[0].CapacityBytes = 1 << 20
	for name, tt := range map[string]struct {
		change  dc.HardwareChange
		prepare func(w *world)
		by      dc.Caller
		kind    dc.ErrorKind
		text    string
	}{
		"no disk":       {file("datastore-a", "disks/other.vmdk"), nil, admin, dc.NotFound, "no such file"},
		"no descriptor": {file("datastore-a", "disks/data-flat.vmdk"), nil, admin, dc.Invalid, "not the descriptor"},
		"climbing":      {file("datastore-a", "../data.vmdk"), nil, admin, dc.Invalid, "has an element"},
		"elsewhere":     {file("datastore-b", dataFile), nil, admin, dc.Invalid, "on another datastore"},
		"no datastore":  {file("datastore-9", dataFile), nil, admin, dc.NotFound, "datastore-9"},
		"with a size":   {sized, nil, admin, dc.Invalid, "its own capacity"},
		"its own":       {file("datastore-a", "hello/hello.vmdk"), nil, admin, dc.Invalid, "another disk's"},
		"twice":         {dc.HardwareChange{AddDisks: append(file("datastore-a", dataFile).AddDisks, addData.AddDisks...)}, nil, admin, dc.Invalid, "another disk's"},
		"denied":        {addData, nil, dc.Caller{Name: "bob", Role: dc.RoleReadOnly}, dc.Denied, ""},
		"host away":     {addData, func(w *world) { w.hosts.away = true }, admin, dc.Unavailable, ""},
		"old host":      {addData, func(w *world) { w.hosts.disks = nil }, admin, dc.Unsupported, "no files"},
		"an orphan's": {addData, func(w *world) {
			o := orphan("lost")
			o.Path, o.Machine.Disks = "", []dc.Disk{{File: dataFile}}
			w.hosts.orphans = []dc.Orphan{o}
		}, admin, dc.Exists, "orphan"},
		"on its way out":    {file("datastore-a", "hello/old.vmdk"), nil, admin, dc.WrongState, "is being removed"},
		"no configurations": {addData, func(w *world) { w.hosts.old = true }, admin, dc.Unsupported, "too old"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.addHost("host-b", "b")
			w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOff})
			w.addData()
			w.hosts.disks["hello/hello.vmdk"] = dc.Disk{File: "hello/hello.vmdk", CapacityBytes: 1 << 30, Provisioning: dc.Thin}
			w.hosts.disks["hello/old.vmdk"] = dc.Disk{File: "hello/old.vmdk", CapacityBytes: 1 << 30, Provisioning: dc.Thin}
			vm := *w.vm("vm-hello")
			vm.Spec.Discarded = []string{"hello/old.vmdk"}
			w.put(&vm)
			before := w.vm("vm-hello")
			if tt.prepare != nil {
				w.hosts.set(func(*hosts) { tt.prepare(w) })
			}
			_, err := w.svc.Reconfigure(t.Context(), tt.by, "vm-hello", tt.change)
			if dc.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v of kind %s, want %s: %s", err, dc.KindOf(err), tt.kind, tt.text)
			}
			if w.vm("vm-hello") != before {
				t.Error("something was written")
			}
		})
	}
}
