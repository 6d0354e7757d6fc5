package compute

import (
	"context"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

// addHardware adds a machine whose hardware is complete, with a disk of 1 GB.
func (w *world) addHardware(status dc.VirtualMachineStatus) {
	vm := w.addVM("hello", status)
	vm.Spec.Hardware = dc.Hardware{UUID: "420f3a1e-3c1d-4f4e-9a57-0123456789ab", InstanceUUID: "500f3a1e-3c1d-4f4e-9a57-0123456789ab",
		Version: dc.DefaultHardwareVersion, GuestID: "otherLinux64Guest", Firmware: dc.BIOS, CPUs: 1, CoresPerSocket: 1, MemoryMB: 1024}
	disk, _ := vm.Spec.Hardware.AddDisk(dc.ControllerVirtio)
	disk.CapacityBytes, disk.File = 1<<30, "hello/hello.vmdk"
	w.put(vm)
}

func TestReconfigureTask(t *testing.T) {
	change := dc.HardwareChange{CPUs: 2, MemoryMB: 2048, AddDisks: []dc.NewDisk{{CapacityBytes: 1 << 20}}, RemoveDisks: []int32{dc.FirstDiskKey},
		AddNICs: []dc.NewNIC{{PortGroup: "network-1"}}}
	check(t, "", func(w *world) { w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOff}) },
		func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Reconfigure(ctx, admin, "vm-hello", change)
		},
		func(t testing.TB, v *store.View) {
			vm := only(t, v)
			h := vm.Spec.Hardware
			if h.CPUs != 2 || h.MemoryMB != 2048 || len(h.NICs) != 1 || h.NICs[0].MAC == "" || vm.Spec.Discarded != nil ||
				vm.Status.Configured.Generation != vm.Spec.Configuration {
				t.Errorf("got %+v", vm)
			}
			// The new disk took neither the old one's key nor its file, which was still there.
			if len(h.Disks) != 1 || h.Disks[0].Key != dc.FirstDiskKey+1 || h.Disks[0].File != "hello/hello_1.vmdk" {
				t.Errorf("the disks are %+v", h.Disks)
			}
		})
}

// TestReconfigureFails: what the host refuses is taken back, and what it may have made is discarded; a disk that may have grown stays so.
func TestReconfigureFails(t *testing.T) {
	w := newWorld(t).run()
	w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOff})
	w.hosts.set(func(h *hosts) { h.configure = &dc.Failure{Kind: dc.Exhausted, Message: "full"} })
	got := w.ended(w.svc.Reconfigure(t.Context(), admin, "vm-hello", dc.HardwareChange{AddDisks: []dc.NewDisk{{CapacityBytes: 1 << 20}},
		ExtendDisks: map[int32]int64{dc.FirstDiskKey: 2 << 30}}))
	if got.State == dc.TaskSuccess || got.Failure.Kind != dc.Exhausted {
		t.Fatalf("it ended as %s: %+v", got.State, got.Failure)
	}
	spec := w.vm("vm-hello").Spec
	if len(spec.Hardware.Disks) != 1 || spec.Hardware.Disks[0].CapacityBytes != 2<<30 {
		t.Errorf("the disks are %+v", spec.Hardware.Disks)
	}
	if len(spec.Discarded) != 1 || spec.Discarded[0] != "hello/hello_1.vmdk" {
		t.Errorf("discarded are %q", spec.Discarded)
	}
	// What is not known to be gone gives no disk its name.
	w.hosts.set(func(h *hosts) { h.configure = nil })
	w.succeeded(w.svc.Reconfigure(t.Context(), admin, "vm-hello", dc.HardwareChange{AddDisks: []dc.NewDisk{{CapacityBytes: 1 << 20}}}))
	spec = w.vm("vm-hello").Spec
	if spec.Hardware.Disks[1].File != "hello/hello_2.vmdk" || spec.Discarded != nil {
		t.Errorf("the disks are %+v, discarded %q", spec.Hardware.Disks, spec.Discarded)
	}
}

func TestReconfigureRefused(t *testing.T) {
	yes := true
	for _, tt := range []struct {
		name    string
		power   dc.PowerState
		old     bool
		change  dc.HardwareChange
		kind    dc.ErrorKind
		message string
	}{
		{"nothing", dc.PoweredOff, false, dc.HardwareChange{}, dc.Invalid, "nothing is to change"},
		{"too many CPUs", dc.PoweredOff, false, dc.HardwareChange{CPUs: 129}, dc.Invalid, "cpus: 129"},
		{"more CPUs than the host has", dc.PoweredOff, false, dc.HardwareChange{CPUs: 8}, dc.Exhausted, "needs 8 CPUs"},
		{"no disk", dc.PoweredOff, false, dc.HardwareChange{RemoveDisks: []int32{2009}}, dc.NotFound, "no disk with the key 2009"},
		{"a smaller disk", dc.PoweredOff, false, dc.HardwareChange{ExtendDisks: map[int32]int64{2000: 1 << 20}}, dc.Invalid, "never shrinks"},
		{"no port group", dc.PoweredOff, false, dc.HardwareChange{AddNICs: []dc.NewNIC{{PortGroup: "network-9"}}}, dc.NotFound, "network-9"},
		{"CPUs while it runs", dc.PoweredOn, false, dc.HardwareChange{CPUs: 2}, dc.WrongState, "hot-add of CPUs is not enabled"},
		{"memory while it runs", dc.PoweredOn, false, dc.HardwareChange{MemoryMB: 2048}, dc.WrongState, "hot-add of memory is not enabled"},
		{"hot-add while it runs", dc.PoweredOn, false, dc.HardwareChange{CPUHotAdd: &yes}, dc.WrongState, "can't be changed while"},
		{"suspended", dc.Suspended, false, dc.HardwareChange{AddDisks: []dc.NewDisk{{CapacityBytes: 1 << 20}}}, dc.WrongState, "it is suspended"},
		{"an old host", dc.PoweredOff, true, dc.HardwareChange{CPUs: 2}, dc.Unsupported, "too old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.addHardware(dc.VirtualMachineStatus{Power: tt.power})
			w.hosts.set(func(h *hosts) { h.old = tt.old })
			before := w.vm("vm-hello")
			_, err := w.svc.Reconfigure(t.Context(), admin, "vm-hello", tt.change)
			if f := dc.FailureOf(err); f == nil || f.Kind != tt.kind || !strings.Contains(f.Message, tt.message) && !strings.Contains(f.Object, tt.message) {
				t.Errorf("got %+v, want %s: %s", f, tt.kind, tt.message)
			}
			if w.vm("vm-hello") != before {
				t.Error("something was written")
			}
		})
	}
}

// TestMoveNIC: an adapter gets another network while its machine has power, where the program of its host can do that.
func TestMoveNIC(t *testing.T) {
	w := newWorld(t).run()
	w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOn, Files: dc.FilesReady})
	w.change(func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, "vm-hello")
		vm.Spec.Hardware.NICs = []dc.NIC{{Key: dc.FirstNICKey, Type: dc.VirtioNet, MAC: "52:54:00:00:00:01"}}
		vm.Spec.Power = vm.NextPower(dc.PowerOn, 0)
		vm.Status.Outcome.Generation = vm.Spec.Power.Generation
		tx.Put(vm)
		return err
	})
	move := dc.HardwareChange{UpdateNICs: map[int32]dc.NICChange{dc.FirstNICKey: {PortGroup: "network-1"}}}
	w.hosts.set(func(h *hosts) { h.features = dc.UnnamedFeatures() })
	_, err := w.svc.Reconfigure(t.Context(), admin, "vm-hello", move)
	if f := dc.FailureOf(err); f == nil || f.Kind != dc.Unsupported || !strings.Contains(f.Remedy, "power the machine off first") {
		t.Errorf("a host that can't: got %+v", f)
	}
	far := int32(20)
	_, err = w.svc.Reconfigure(t.Context(), admin, "vm-hello", dc.HardwareChange{AddDisks: []dc.NewDisk{{CapacityBytes: 1 << 20, Controller: dc.FirstSCSIKey, Unit: &far}}})
	if f := dc.FailureOf(err); f == nil || f.Kind != dc.Unsupported || !strings.Contains(f.Remedy, "program") {
		t.Errorf("a unit that the host has no words for: got %+v", f)
	}
	w.hosts.set(func(h *hosts) { h.features = dc.HostFeatures() })
	w.succeeded(w.svc.Reconfigure(t.Context(), admin, "vm-hello", move))
	if n := w.vm("vm-hello").Spec.Hardware.NICs[0]; n.PortGroup != "network-1" || n.Connected {
		t.Errorf("the adapter is %+v", n)
	}
}

// TestOldHost: a host of the oldest protocol is asked for nothing that it has no words for, and is told what it knows.
func TestOldHost(t *testing.T) {
	w := newWorld(t).run()
	w.hosts.set(func(h *hosts) { h.old = true })
	old := func(what string, _ *dc.Task, err error) {
		t.Helper()
		if f := dc.FailureOf(err); f == nil || f.Kind != dc.Unsupported || !strings.Contains(f.Remedy, "program") {
			t.Errorf("%s: got %+v", what, f)
		}
	}
	w.succeeded(w.svc.Create(t.Context(), admin, CreateRequest{Name: "plain", Disks: []DiskRequest{{CapacityBytes: 1 << 20}}, PowerOn: true}))
	if w.named("plain").Spec.Hardware.RootPorts {
		t.Error("it has root ports that its host has no words for")
	}
	failed := w.ended(w.svc.Create(t.Context(), admin, CreateRequest{Name: "new", GuestID: "windows9_64Guest"}))
	old("create", nil, failed.Failure.Err())
	w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOff, Files: dc.FilesReady})
	vm := w.vm("vm-hello")
	_, err := w.svc.CreateAll(t.Context(), admin, []CreateRequest{{Name: "all", Host: vm.Spec.Host, Datastore: vm.Spec.Datastore, GuestID: "windows9_64Guest"}})
	old("create all", nil, err)
	w.change(func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, "vm-hello")
		vm.Spec.Hardware.Watchdog = &dc.Watchdog{}
		tx.Put(vm)
		return err
	})
	task, err := w.svc.Power(t.Context(), admin, "vm-hello", dc.PowerOn, 0)
	old("power on", task, err)
	task, err = w.svc.Delete(t.Context(), admin, "vm-hello")
	old("delete", task, err)
	task, err = w.svc.Upgrade(t.Context(), admin, "vm-hello", 0)
	old("upgrade", task, err)
	w.hosts.set(func(h *hosts) { h.old = false })
	w.succeeded(w.svc.Power(t.Context(), admin, "vm-hello", dc.PowerOn, 0))
}

func TestUpgradeTask(t *testing.T) {
	check(t, "", func(w *world) { w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOff}) },
		func(ctx context.Context, s *Service) (*dc.Task, error) { return s.Upgrade(ctx, admin, "vm-hello", 0) },
		func(t testing.TB, v *store.View) {
			if vm := only(t, v); vm.Spec.Hardware.Version != dc.NewestHardwareVersion() || vm.Status.Configured.Generation != vm.Spec.Configuration {
				t.Errorf("got %+v", vm)
			}
		})
}

// TestFilesOfDrives: who may not look at a datastore puts none of its files into a drive, and who may not write there no port's file.
func TestFilesOfDrives(t *testing.T) {
	w := newWorld(t).run()
	w.addHardware(dc.VirtualMachineStatus{Power: dc.PoweredOff})
	iso := dc.Media{Datastore: "datastore-a", Path: "iso/a.iso"}
	change := dc.HardwareChange{AddDrives: []dc.NewDrive{{Type: dc.CDROM, Media: iso}}, AddSerialPorts: []dc.SerialPort{{File: dc.Media{Datastore: "datastore-a", Path: "log.txt"}}}}
	w.succeeded(w.svc.Reconfigure(t.Context(), admin, "vm-hello", change))
	if h := w.vm("vm-hello").Spec.Hardware; h.Drives[0].Media != iso || len(h.SerialPorts) != 1 {
		t.Errorf("got %+v", h)
	}
	for path, kind := range map[string]dc.ErrorKind{"hello/hello.vmdk": dc.Invalid, "../a.iso": dc.Invalid} {
		_, err := w.svc.Reconfigure(t.Context(), admin, "vm-hello", dc.HardwareChange{SetMedia: map[int32]dc.Media{w.vm("vm-hello").Spec.Hardware.Drives[0].Key: {Datastore: "datastore-a", Path: path}}})
		if dc.KindOf(err) != kind {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, m := range []dc.Media{{Datastore: "datastore-9", Path: "a.iso"}} {
		if _, err := w.svc.Reconfigure(t.Context(), admin, "vm-hello", dc.HardwareChange{SetMedia: map[int32]dc.Media{2001: m}}); dc.KindOf(err) != dc.NotFound {
			t.Errorf("%+v: %v", m, err)
		}
	}
}
