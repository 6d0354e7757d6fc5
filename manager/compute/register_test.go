package compute

import (
	"context"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

// foundWeb is what a host has found in a folder.
func foundWeb() *dc.FoundMachine {
	return &dc.FoundMachine{
		Name: "web 01", Annotation: "front end", Folder: "web", Config: "web 01.vmx", Networks: map[int32]string{4000: "VM Network", 4001: "dmz"},
		Hardware: dc.Hardware{
			UUID: "564d7f2b-9a0c-4e11-8d35-60a1b2c3d4e5", InstanceUUID: "52f3c1d0-77aa-4b2e-91c8-0d1e2f3a4b5c", Version: 14, GuestID: "debian11_64Guest",
			Firmware: dc.BIOS, CPUs: 1, CoresPerSocket: 1, MemoryMB: 512,
			Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerPVSCSI}, {Key: 15000, Type: dc.ControllerSATA}},
			Disks: []dc.Disk{{Key: 2000, Controller: 1000, CapacityBytes: 1 << 30, Provisioning: dc.Thin, Mode: dc.Persistent,
				File: "web/web 01.vmdk"}},
			Drives: []dc.Drive{{Key: 16000, Type: dc.CDROM, Controller: 15000, Connected: true, Media: dc.Media{Datastore: "local-a", Path: "iso/a.iso"}},
				{Key: 16001, Type: dc.CDROM, Controller: 15000, Unit: 1, Connected: true, Media: dc.Media{Datastore: "san", Path: "iso/b.iso"}}},
			NICs: []dc.NIC{{Key: 4000, Type: dc.VMXNET3, MAC: "00:50:56:9a:11:22", Connected: true, StartConnected: true},
				{Key: 4001, Type: dc.VMXNET3, Connected: true, StartConnected: true}},
		},
	}
}

var webFile = dc.FileRef{Datastore: "datastore-a", Path: "web/web 01.vmx"}

func TestRegister(t *testing.T) {
	w := newWorld(t)
	w.hosts.found = foundWeb()
	w.run()
	submitted, warnings, err := w.svc.Register(t.Context(), admin, RegisterRequest{File: webFile})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ended(submitted, nil); got.Failure != nil {
		t.Fatalf("got %+v", got.Failure)
	}
	all := strings.Join(warnings, "\n")
	if len(warnings) != 2 || !strings.Contains(all, `network adapter 2 is not connected: there is no port group "dmz"`) || !strings.Contains(all, "san/iso/b.iso") {
		t.Errorf("warnings %q", warnings)
	}
	vm := w.vm(dc.VirtualMachineID(submitted.Target))
	s, h := vm.Spec, vm.Spec.Hardware
	if vm.Name != "web 01" || s.Annotation != "front end" || s.Host != "host-a" || s.Datastore != "datastore-a" || s.Folder != "web" || s.Config != "web 01.vmx" ||
		s.Registered == nil || h.UUID != foundWeb().Hardware.UUID || h.NICs[0].PortGroup != "network-1" || h.NICs[0].MAC != "00:50:56:9a:11:22" {
		t.Errorf("got %+v", s)
	}
	if n := h.NICs[1]; n.PortGroup != "" || n.Connected || n.MAC == "" {
		t.Errorf("the adapter without a port group: %+v", n)
	}
	if h.Drives[0].Media != (dc.Media{Datastore: "datastore-a", Path: "iso/a.iso"}) || h.Drives[1].Connected || h.Drives[1].Media != (dc.Media{}) {
		t.Errorf("the drives: %+v", h.Drives)
	}
}

// Two machines never have one folder, one disk, one address or one identifier: who asks for the second is told which is the first.
func TestRegisterRefusals(t *testing.T) {
	first := func(w *world) *dc.VirtualMachine {
		h := foundWeb().Hardware
		h.NICs = h.NICs[:1]
		return &dc.VirtualMachine{ID: "vm-first", Meta: dc.Meta{Name: "first", Parent: "group-vm"},
			Spec: dc.VirtualMachineSpec{Hardware: h, Host: "host-a", Datastore: "datastore-a", Folder: "first", Pool: "resgroup-1"}, Status: off}
	}
	for name, test := range map[string]struct {
		prepare func(w *world, first *dc.VirtualMachine)
		request func(r *RegisterRequest)
		by      dc.Caller
		kind    dc.ErrorKind
		text    string
	}{
		"UUID": {nil, nil, admin, dc.Exists, `its uuid.bios 564d7f2b-9a0c-4e11-8d35-60a1b2c3d4e5 is that of virtual machine "first"`},
		"MAC": {func(w *world, first *dc.VirtualMachine) { w.hosts.found.Hardware.UUID = "" }, nil, admin, dc.Exists,
			`the address 00:50:56:9a:11:22 of its network adapter 4000 is that of virtual machine "first"`},
		"disk": {nil, func(r *RegisterRequest) { r.Identity = dc.IdentityCopied }, admin, dc.Exists, `the disk web/web 01.vmdk is that of virtual machine "first"`},
		"discarded disk": {func(w *world, first *dc.VirtualMachine) {
			first.Spec.Hardware.Disks, first.Spec.Discarded = nil, []string{"web/web 01.vmdk"}
		}, func(r *RegisterRequest) { r.Identity = dc.IdentityCopied }, admin, dc.Exists, `the disk web/web 01.vmdk is that of virtual machine "first"`},
		"folder": {func(w *world, first *dc.VirtualMachine) { first.Spec.Hardware.Disks, first.Spec.Folder = nil, "web" },
			func(r *RegisterRequest) { r.Identity = dc.IdentityCopied }, admin, dc.Exists, `its name or its folder "web" is that of virtual machine "first"`},
		"owner": {func(w *world, first *dc.VirtualMachine) { w.hosts.found.Owner, first.Spec.Folder = "vm-first", "web" }, nil, admin, dc.Exists,
			`[local-a] web/web 01.vmx is that of virtual machine "first"`},
		"copy":    {func(w *world, first *dc.VirtualMachine) { w.hosts.found.Owner = "vm-first" }, nil, admin, dc.Exists, `is a copy of that of virtual machine "first"`},
		"foreign": {func(w *world, _ *dc.VirtualMachine) { w.hosts.found.Owner = "vm-elsewhere" }, nil, admin, dc.WrongState, "is that of a machine of another data center, vm-elsewhere"},
		"orphan": {func(w *world, _ *dc.VirtualMachine) {
			o := orphan("lost")
			w.hosts.found.Owner, w.hosts.orphans = o.Machine.ID, []dc.Orphan{o}
		}, nil, admin, dc.Exists, "is that of an orphan which its host has, vm-lost"},
		"hardware": {func(w *world, _ *dc.VirtualMachine) { w.hosts.found.Hardware.MemoryMB = 513 }, func(r *RegisterRequest) { r.Identity = dc.IdentityCopied }, admin, dc.Invalid,
			"memoryMB: 513 is no multiple"},
		"old host": {func(w *world, _ *dc.VirtualMachine) { w.hosts.found = nil }, nil, admin, dc.Unsupported, "no files"},
		"away":     {func(w *world, _ *dc.VirtualMachine) { w.hosts.away = true }, nil, admin, dc.Unavailable, "it is not connected"},
		"path":     {nil, func(r *RegisterRequest) { r.File.Path = "../x.vmx" }, admin, dc.Invalid, "has an element"},
		"identity": {nil, func(r *RegisterRequest) { r.Identity = "stolen" }, admin, dc.Invalid, "neither moved nor copied"},
		"denied":   {nil, nil, dc.Caller{Name: "bob", Role: dc.RoleReadOnly}, dc.Denied, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.hosts.found = foundWeb()
			vm := first(w)
			if test.prepare != nil {
				w.hosts.set(func(*hosts) { test.prepare(w, vm) })
			}
			w.put(vm)
			req := RegisterRequest{File: webFile}
			if test.request != nil {
				test.request(&req)
			}
			_, _, err := w.svc.Register(t.Context(), test.by, req)
			if dc.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v of kind %s, want %s: %s", err, dc.KindOf(err), test.kind, test.text)
			}
		})
	}
}

// A copy in another folder becomes a machine of its own.
func TestRegisterCopy(t *testing.T) {
	w := newWorld(t)
	w.hosts.found = foundWeb()
	w.run()
	register := func(req RegisterRequest) *dc.VirtualMachine {
		t.Helper()
		submitted, _, err := w.svc.Register(t.Context(), admin, req)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.ended(submitted, nil); got.Failure != nil {
			t.Fatalf("got %+v", got.Failure)
		}
		return w.vm(dc.VirtualMachineID(submitted.Target))
	}
	first := register(RegisterRequest{File: webFile})
	w.hosts.set(func(h *hosts) {
		h.found = foundWeb()
		h.found.Owner, h.found.Folder, h.found.Config = first.ID, "copy", "copy.vmx"
		h.found.Hardware.Disks[0].File = "copy/web 01.vmdk"
	})
	second := register(RegisterRequest{File: dc.FileRef{Datastore: "datastore-a", Path: "copy/copy.vmx"}, Name: "copy", Template: true,
		Identity: dc.IdentityCopied, Networks: map[string]dc.PortGroupID{"": "network-1"}})
	a, b := first.Spec.Hardware, second.Spec.Hardware
	if a.UUID == b.UUID || a.InstanceUUID == b.InstanceUUID || a.NICs[0].MAC == b.NICs[0].MAC || !second.Spec.Template || second.Spec.Pool != "" ||
		second.Spec.Registered.Owner != first.ID || second.Spec.Config != "" || b.NICs[1].PortGroup != "network-1" {
		t.Errorf("got %+v", second.Spec)
	}
}

func TestRegisterTask(t *testing.T) {
	check(t, "", func(w *world) { w.hosts.found = foundWeb() },
		func(ctx context.Context, s *Service) (*dc.Task, error) {
			submitted, _, err := s.Register(ctx, admin, RegisterRequest{File: webFile})
			return submitted, err
		},
		func(t testing.TB, v *store.View) {
			if vm := only(t, v); vm.Status.Files != dc.FilesReady || vm.Spec.Released || vm.Spec.Deleted {
				t.Errorf("got %+v", vm)
			}
		})
}

// What the host has taken over when the task fails it lets go of, and deletes nothing.
func TestRegisterFails(t *testing.T) {
	w := newWorld(t)
	w.hosts.found, w.hosts.files = foundWeb(), &dc.Failure{Kind: dc.Unavailable, Message: "a disk is in use"}
	w.run()
	submitted, _, err := w.svc.Register(t.Context(), admin, RegisterRequest{File: webFile})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ended(submitted, nil); got.Failure == nil || got.Failure.Message != "a disk is in use" {
		t.Errorf("got %+v", got)
	}
	for vm := range store.List[*dc.VirtualMachine](w.st.View()) {
		t.Errorf("%s is there", vm.Name)
	}
	if w.hosts.deletions() > 0 {
		t.Error("the host was asked to delete files")
	}
}

func TestUnregisterTask(t *testing.T) {
	check(t, "", func(w *world) {
		w.hosts.found = foundWeb()
		w.addVM("hello", off)
	},
		func(ctx context.Context, s *Service) (*dc.Task, error) { return s.Unregister(ctx, admin, "vm-hello") },
		func(t testing.TB, v *store.View) {
			for vm := range store.List[*dc.VirtualMachine](v) {
				t.Errorf("%s is still there", vm.Name)
			}
		})
}

// A host that goes away is waited for; nothing else than letting go is ever asked of it.
func TestUnregisterWaits(t *testing.T) {
	w := newWorld(t)
	w.hosts.found = foundWeb()
	w.hosts.set(func(h *hosts) { h.hold = true })
	vm := w.addVM("hello", off)
	w.run()
	submitted, err := w.svc.Unregister(t.Context(), admin, vm.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.until(func(v *store.View) bool {
		vm, err := store.Get[*dc.VirtualMachine](v, dc.ID(vm.ID))
		return err == nil && vm.Spec.Released
	})
	w.hosts.set(func(h *hosts) { h.away = true })
	if _, err := w.svc.Delete(t.Context(), admin, vm.ID); dc.KindOf(err) != dc.Conflict && dc.KindOf(err) != dc.Unavailable {
		t.Errorf("a deletion meanwhile: %v", err)
	}
	w.hosts.set(func(h *hosts) { h.away, h.hold = false, false })
	if got := w.ended(submitted, nil); got.Failure != nil {
		t.Errorf("got %+v", got.Failure)
	}
	if w.hosts.deletions() > 0 {
		t.Error("the host was asked to delete files")
	}
}

func TestUnregisterRefusals(t *testing.T) {
	w := newWorld(t)
	w.addVM("on", running)
	w.addVM("asleep", dc.VirtualMachineStatus{Files: dc.FilesReady, Power: dc.Suspended})
	w.addVM("off", off)
	_, err := w.svc.Unregister(t.Context(), admin, "vm-off")
	wantError(t, err, dc.Unsupported, `host "a": no files`)
	w.hosts.set(func(h *hosts) { h.found = foundWeb() })
	_, err = w.svc.Unregister(t.Context(), admin, "vm-on")
	wantError(t, err, dc.WrongState, `virtual machine "on": it is powered on`)
	_, err = w.svc.Unregister(t.Context(), admin, "vm-asleep")
	wantError(t, err, dc.WrongState, `virtual machine "asleep": it is suspended`)
	_, err = w.svc.Unregister(t.Context(), dc.Caller{Name: "bob", Role: dc.RoleReadOnly}, "vm-off")
	if dc.KindOf(err) != dc.Denied {
		t.Errorf("got %v", err)
	}
	w.hosts.set(func(h *hosts) { h.away = true })
	_, err = w.svc.Unregister(t.Context(), admin, "vm-off")
	wantError(t, err, dc.Unavailable, `host "a": it is not connected`)
	if w.vm("vm-off").Spec.Released {
		t.Error("a refused request has let go of it")
	}
}
