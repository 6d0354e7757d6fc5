package compute

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"hanok/dc"
	"hanok/manager/store"
)

// addSource adds a machine with complete hardware and the state.
func (w *world) addSource(status dc.VirtualMachineStatus, template bool) {
	vm := w.addVM("golden", status)
	vm.Spec.Hardware = dc.Hardware{UUID: "420f3a1e-3c1d-4f4e-9a57-0123456789ab", InstanceUUID: "500f3a1e-3c1d-4f4e-9a57-0123456789ab",
		Version: dc.DefaultHardwareVersion, GuestID: "otherLinux64Guest", Firmware: dc.EFI, CPUs: 1, CoresPerSocket: 1, MemoryMB: 1024,
		NICs:   []dc.NIC{{Key: dc.FirstNICKey, Type: dc.VMXNET3, MAC: "52:54:00:00:00:01", PortGroup: "network-1"}},
		Drives: []dc.Drive{{Key: dc.FirstIDEDriveKey, Type: dc.CDROM, Controller: dc.FirstIDEKey, Media: dc.Media{Datastore: "datastore-a", Path: "a.iso"}, Connected: true}}}
	disk, _ := vm.Spec.Hardware.AddDisk(dc.ControllerPVSCSI)
	disk.CapacityBytes, disk.File, disk.Provisioning = 1<<30, "golden/golden.vmdk", dc.ThickLazyZeroed
	vm.Spec.Annotation, vm.Spec.Template = "a note", template
	if template {
		vm.Spec.Pool = ""
	}
	w.put(vm)
}

func (w *world) named(name string) *dc.VirtualMachine {
	w.t.Helper()
	vm, ok := store.Named[*dc.VirtualMachine](w.st.View(), "group-vm", name)
	if !ok {
		w.t.Fatalf("there is no machine %s", name)
	}
	return vm
}

func TestCloneTask(t *testing.T) {
	for name, tt := range map[string]struct {
		template bool
		req      CloneRequest
	}{
		"a machine":          {false, CloneRequest{}},
		"with power":         {false, CloneRequest{PowerOn: true}},
		"a template of it":   {false, CloneRequest{Template: true}},
		"deploy a template":  {true, CloneRequest{PowerOn: true}},
		"a template of such": {true, CloneRequest{Template: true}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.req.Source, tt.req.Name = "vm-golden", "web"
			check(t, "", func(w *world) { w.addSource(off, tt.template) },
				func(ctx context.Context, s *Service) (*dc.Task, error) { return s.Clone(ctx, admin, tt.req) },
				func(t testing.TB, v *store.View) {
					vm, ok := store.Named[*dc.VirtualMachine](v, "group-vm", "web")
					if !ok {
						t.Fatal("there is no copy")
					}
					h := vm.Spec.Hardware
					if vm.Spec.Host != "host-a" || vm.Spec.Folder != "web" || vm.Spec.Template != tt.req.Template || (vm.Spec.Pool == "") != tt.req.Template ||
						vm.Spec.Variables != "" || h.Disks[0].Image != "" || h.Disks[0].File != "web/web.vmdk" || h.Drives[0].Media.Path != "a.iso" {
						t.Errorf("got %+v", vm.Spec)
					}
					if want := tt.req.PowerOn; vm.HasPower() != want {
						t.Errorf("it is %s", vm.Status.Power)
					}
				})
		})
	}
}

// TestCloneHardware: a clone is another machine with the same hardware.
func TestCloneHardware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.addHost("host-b", "b")
		w.addSource(off, false)
		w.hosts.set(func(h *hosts) { h.slow = true })
		w.run()
		submitted, err := w.svc.Clone(t.Context(), admin, CloneRequest{Source: "vm-golden", Name: "web", Host: "host-b", CPUs: 2, MemoryMB: 512, Provisioning: dc.Thin})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		source, vm := w.vm("vm-golden"), w.named("web")
		h, was := vm.Spec.Hardware, source.Spec.Hardware
		if h.UUID == was.UUID || h.InstanceUUID == was.InstanceUUID || h.NICs[0].MAC == was.NICs[0].MAC || h.NICs[0].Type != dc.VMXNET3 {
			t.Errorf("the identifiers are %+v", h)
		}
		if h.CPUs != 2 || h.MemoryMB != 512 || vm.Spec.Annotation != "a note" || vm.Spec.Host != "host-b" || vm.Spec.Datastore != "datastore-b" {
			t.Errorf("got %+v", vm.Spec)
		}
		d := h.Disks[0]
		if d.Image != "vm-golden/2000" || vm.Spec.Variables != "vm-golden/0" || d.Provisioning != dc.Thin || d.File != "web/web.vmdk" || d.Controller != was.Disks[0].Controller {
			t.Errorf("the disk is %+v of %s", d, vm.Spec.Variables)
		}
		if h.Drives[0].Media != (dc.Media{}) || h.Drives[0].Connected { // host b has not got that datastore
			t.Errorf("the drive is %+v", h.Drives[0])
		}
		if was.Disks[0].Image != "" || was.Disks[0].File != "golden/golden.vmdk" || was.Drives[0].Media.Path == "" {
			t.Errorf("the source has changed: %+v", was)
		}
		if _, message, _ := w.svc.tasks.Progress(submitted.ID); message != "copying the disks: 25 of 100 MB" {
			t.Errorf("the progress says %q", message)
		}

		// Others may clone it meanwhile, and nobody may do anything else with it.
		second, err := w.svc.Clone(t.Context(), admin, CloneRequest{Source: "vm-golden", Name: "web2"})
		if err != nil {
			t.Fatal(err)
		}
		_, power := w.svc.Power(t.Context(), admin, "vm-golden", dc.PowerOn, 0)
		_, gone := w.svc.Delete(t.Context(), admin, "vm-golden")
		_, other := w.svc.Reconfigure(t.Context(), admin, "vm-golden", dc.HardwareChange{CPUs: 2})
		for name, err := range map[string]error{"power on": power, "delete": gone, "reconfigure": other, "mark": w.svc.MarkAsTemplate(t.Context(), admin, "vm-golden")} {
			wantError(t, err, dc.Conflict, `virtual machine "golden": VirtualMachine.clone by alice is still working on it`)
			_ = name
		}
		_, power = w.svc.Power(t.Context(), admin, vm.ID, dc.PowerOn, 0)
		if dc.KindOf(power) != dc.Conflict {
			t.Errorf("half a clone is powered on: %v", power)
		}
		if err := w.svc.tasks.Cancel(t.Context(), submitted.ID); err != nil {
			t.Fatal(err)
		}
		if got := w.ended(submitted, nil); got.Failure == nil || got.Failure.Kind != dc.Canceled {
			t.Errorf("got %+v", got)
		}
		w.hosts.set(func(h *hosts) { h.slow = false })
		w.succeeded(second, nil)
		w.succeeded(w.svc.Power(t.Context(), admin, "vm-golden", dc.PowerOn, 0))
		if got := picture(w.st.View()); strings.Contains(got, "web in") || !strings.Contains(got, "web2 in group-vm on host-a/") {
			t.Errorf("left is %s", got)
		}
	})
}

func TestCloneRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status dc.VirtualMachineStatus
		change func(w *world, r *CloneRequest)
		kind   dc.ErrorKind
		text   string
	}{
		{"with power", dc.VirtualMachineStatus{Power: dc.PoweredOn}, nil, dc.WrongState, `virtual machine "golden": it is powered on`},
		{"suspended", dc.VirtualMachineStatus{Power: dc.Suspended}, nil, dc.WrongState, `virtual machine "golden": it is suspended`},
		{"the source's name", off, func(_ *world, r *CloneRequest) { r.Name = "golden" }, dc.Exists,
			`virtual machine "golden": its folder has a virtual machine of this name already`},
		{"a template with power", off, func(_ *world, r *CloneRequest) { r.Template, r.PowerOn = true, true }, dc.Invalid, `virtual machine "web": a template can't be powered on`},
		{"odd provisioning", off, func(_ *world, r *CloneRequest) { r.Provisioning = "fat" }, dc.Invalid, `virtual machine "web": provisioning: "fat" is none`},
		{"too many CPUs", off, func(_ *world, r *CloneRequest) { r.CPUs = 1000 }, dc.Invalid, `virtual machine "web": cpus: 1000 is out of range`},
		{"no such source", off, func(_ *world, r *CloneRequest) { r.Source = "vm-nobody" }, dc.NotFound, `virtual machine "vm-nobody": it does not exist`},
		{"the source's host is away", off, func(w *world, _ *CloneRequest) { w.hosts.set(func(h *hosts) { h.away = true }) }, dc.Unavailable, `host "a": it is not connected`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.addSource(tt.status, false)
			req := CloneRequest{Source: "vm-golden", Name: "web"}
			if tt.change != nil {
				tt.change(w, &req)
			}
			before := w.st.View().Revision()
			_, err := w.svc.Clone(t.Context(), admin, req)
			wantError(t, err, tt.kind, tt.text)
			if w.st.View().Revision() != before {
				t.Error("something was written")
			}
		})
	}
}

func TestClonePrivileges(t *testing.T) {
	for _, tt := range []struct {
		template, to bool
		want         dc.Privilege
	}{
		{false, false, "VirtualMachine.Provisioning.Clone"},
		{true, false, "VirtualMachine.Provisioning.DeployTemplate"},
		{false, true, "VirtualMachine.Provisioning.CreateTemplateFromVM"},
		{true, true, "VirtualMachine.Provisioning.CloneTemplate"},
	} {
		w := newWorld(t)
		w.addSource(off, tt.template)
		reader := dc.Caller{Name: "bob", Role: dc.RoleReadOnly}
		_, err := w.svc.Clone(t.Context(), reader, CloneRequest{Source: "vm-golden", Name: "web", Template: tt.to})
		if dc.KindOf(err) != dc.Denied || !strings.Contains(err.Error(), string(tt.want)) {
			t.Errorf("template %v to %v: %v", tt.template, tt.to, err)
		}
		if !slices.Contains(dc.Privileges(), tt.want) {
			t.Errorf("no vCenter knows %s", tt.want)
		}
	}
}
