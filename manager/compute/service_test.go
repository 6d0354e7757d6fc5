package compute

import (
	"context"
	"io"
	"strings"
	"testing"

	"hanok/dc"
)

func TestGetAndList(t *testing.T) {
	w := newWorld(t)
	w.addVM("b", off)
	w.addVM("a", off)
	reader := dc.Caller{Name: "bob", Role: dc.RoleReadOnly}
	got, err := w.svc.List(reader)
	if err != nil || len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" {
		t.Errorf("got %v, %v", got, err)
	}
	if vm, err := w.svc.Get(reader, "vm-a"); err != nil || vm.Name != "a" {
		t.Errorf("got %v, %v", vm, err)
	}
	if _, err := w.svc.Get(reader, "vm-none"); dc.KindOf(err) != dc.NotFound {
		t.Errorf("got %v", err)
	}
	for _, id := range []dc.VirtualMachineID{"vm-a", "vm-none"} {
		if _, err := w.svc.Get(dc.Caller{}, id); dc.KindOf(err) != dc.Unauthenticated {
			t.Errorf("nobody learns about %s: %v", id, err)
		}
	}
	if all, err := w.svc.List(dc.Caller{Name: "eve"}); err != nil || len(all) > 0 {
		t.Errorf("a caller without a role sees %v, %v", all, err)
	}
}

func TestRename(t *testing.T) {
	w := newWorld(t)
	w.addVM("a", off)
	w.addVM("b", off)
	for _, tt := range []struct {
		name string
		by   dc.Caller
		to   string
		kind dc.ErrorKind
		text string
	}{
		{"denied", dc.Caller{Name: "bob", Role: dc.RoleReadOnly}, "c", dc.Denied,
			`virtual machine "a": this needs the privilege VirtualMachine.Config.Rename, which user "bob" does not have here`},
		{"bad name", admin, "a/b", dc.Invalid, `virtual machine "a/b": the name has a slash or backslash in it`},
		{"taken", admin, "b", dc.Exists, `virtual machine "b": its folder has a virtual machine of this name already`},
		{"taken by a folder", admin, "sub", dc.Exists, `virtual machine "sub": its folder has a folder of this name already`},
		{"its own name", admin, "a", "", ""},
		{"free", admin, "c", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantError(t, w.svc.Rename(t.Context(), tt.by, "vm-a", tt.to), tt.kind, tt.text)
		})
	}
	if vm := w.vm("vm-a"); vm.Name != "c" || vm.Spec.Folder != "a" {
		t.Errorf("got %q in the folder %q", vm.Name, vm.Spec.Folder)
	}
}

func TestDeleteRefusals(t *testing.T) {
	w := newWorld(t)
	w.addVM("on", running)
	w.addVM("off", off)
	_, err := w.svc.Delete(t.Context(), admin, "vm-on")
	wantError(t, err, dc.WrongState, `virtual machine "on": it is powered on`)
	_, err = w.svc.Delete(t.Context(), dc.Caller{Name: "bob", Role: dc.RoleReadOnly}, "vm-off")
	if dc.KindOf(err) != dc.Denied {
		t.Errorf("got %v", err)
	}
	w.hosts.set(func(h *hosts) { h.away = true })
	_, err = w.svc.Delete(t.Context(), admin, "vm-off")
	wantError(t, err, dc.Unavailable, `host "a": it is not connected`)
	if got := w.vm("vm-off"); got.Spec.Deleted {
		t.Error("a refused deletion left a tombstone")
	}
}

// A machine that was powered on between the request and the task is not deleted.
func TestDeleteLooksAgain(t *testing.T) {
	w := newWorld(t)
	vm := w.addVM("hello", off)
	submitted, err := w.svc.Delete(t.Context(), admin, vm.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.report(vm.ID, func(s *dc.VirtualMachineStatus) { s.Power = dc.PoweredOn })
	w.run()
	if got := w.ended(submitted, nil); got.Failure == nil || got.Failure.Kind != dc.WrongState {
		t.Errorf("got %+v", got)
	}
	if w.vm(vm.ID).Spec.Deleted {
		t.Error("it has a tombstone")
	}
}

func TestStreams(t *testing.T) {
	w := newWorld(t)
	w.addVM("on", running)
	w.addVM("off", off)
	w.hosts.set(func(h *hosts) { h.sends = "bytes" })

	png, err := w.svc.Screenshot(t.Context(), admin, "vm-on")
	if err != nil || string(png) != "bytes of screenshot of vm-on on host-a" {
		t.Errorf("got %q, %v", png, err)
	}
	for _, kind := range []dc.ConsoleKind{dc.ConsoleVNC, dc.ConsoleSerial} {
		conn, err := w.svc.OpenConsole(t.Context(), admin, "vm-on", kind)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || string(got) != "bytes of "+string(kind)+" of vm-on on host-a" {
			t.Errorf("got %q, %v", got, err)
		}
		conn.Close()
	}

	open := func(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) map[dc.Privilege]error {
		_, shot := w.svc.Screenshot(ctx, by, id)
		_, console := w.svc.OpenConsole(ctx, by, id, dc.ConsoleVNC)
		return map[dc.Privilege]error{dc.PrivVMScreenshot: shot, dc.PrivVMConsole: console}
	}
	for p, err := range open(t.Context(), dc.Caller{Name: "bob", Role: dc.RoleReadOnly}, "vm-on") {
		if dc.KindOf(err) != dc.Denied || !strings.Contains(err.Error(), string(p)) {
			t.Errorf("%s: %v", p, err)
		}
	}
	for _, err := range open(t.Context(), admin, "vm-off") {
		wantError(t, err, dc.WrongState, `virtual machine "off": it is not powered on`)
	}
	_, err = w.svc.OpenConsole(t.Context(), admin, "vm-on", "telepathy")
	wantError(t, err, dc.Invalid, `no console "telepathy"`)
	w.hosts.set(func(h *hosts) { h.away = true })
	for _, err := range open(t.Context(), admin, "vm-on") {
		wantError(t, err, dc.Unavailable, `host "a": it is not connected`)
	}
}

func TestScreenshotEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.addVM("on", running)
	w.hosts.set(func(h *hosts) { h.silent = true })
	ctx, stop := context.WithCancel(t.Context())
	w.hosts.opened = stop // canceled while the host sends nothing
	if _, err := w.svc.Screenshot(ctx, admin, "vm-on"); dc.KindOf(err) != dc.Canceled {
		t.Errorf("got %v", err)
	}
}
