package export

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hanok/api/filestream"
	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/store"
	"hanok/manager/task"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	admin = dc.Caller{Name: "alice", User: "user-alice", Role: dc.RoleAdmin}
)

const content = "the disk as a file of the package"

// hosts have one disk, which each request gets from its offset on. One that is slow sends half of it.
type hosts struct{ away, slow bool }

func (h *hosts) Connected(dc.HostID) bool { return !h.away }

func (h *hosts) OpenStream(context.Context, dc.HostID, dc.VirtualMachineID, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer near.Close()
		s, req, err := filestream.Accept(near)
		if err != nil || req.Op != dc.FileExportDisk || req.Machine != "vm-1" || req.Disk != dc.FirstDiskKey || req.Extent != "web-disk1.vmdk" {
			return
		}
		_ = s.Reply(dc.FileReply{})
		if h.slow {
			_, _ = io.WriteString(s, content[:len(content)/2])
			s.Gone()
			return
		}
		_, _ = io.WriteString(s, content[req.Offset:])
		_ = s.Reply(dc.FileReply{SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content)))})
	}()
	return far, nil
}

type world struct {
	t     testing.TB
	st    *store.Store
	hosts *hosts
	svc   *Service
}

// newWorld has the machine "web" without power, and an engine that runs.
func newWorld(t testing.TB) *world {
	w := &world{t: t, st: store.OpenMemory(), hosts: &hosts{}}
	vm := &dc.VirtualMachine{ID: "vm-1", Meta: dc.Meta{Name: "web", Parent: "group-vm"}, Spec: dc.VirtualMachineSpec{Host: "host-a", Annotation: "a note",
		Hardware: dc.Hardware{Version: 19, GuestID: "debian12_64Guest", CPUs: 1, CoresPerSocket: 1, MemoryMB: 128, Firmware: dc.BIOS,
			NICs: []dc.NIC{{Key: dc.FirstNICKey, Type: dc.VMXNET3, PortGroup: "network-1"}}}},
		Status: dc.VirtualMachineStatus{Files: dc.FilesReady, Power: dc.PoweredOff}}
	disk, _ := vm.Spec.Hardware.AddDisk(dc.ControllerPVSCSI)
	disk.CapacityBytes = 1 << 30
	err := w.st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: dc.RootFolder, Type: dc.FolderDatacenter})
		tx.Put(&dc.PortGroup{ID: "network-1", Meta: dc.Meta{Name: "front & back", Parent: "group-network"}})
		tx.Put(vm)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.svc = w.start()
	return w
}

// start starts a manager, until the test ends.
func (w *world) start() *Service {
	e := task.New(w.st, quiet)
	svc := New(Config{Store: w.st, Access: access.New(w.st, quiet), Tasks: e, Hosts: w.hosts})
	ctx, stop := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { _ = e.Run(ctx) })
	w.t.Cleanup(func() { stop(); loop.Wait() })
	return svc
}

// ended returns the failure of a task that has ended, nil for a success.
func (w *world) ended(id dc.TaskID) *dc.Failure {
	w.t.Helper()
	for {
		v := w.st.View()
		got, err := store.Get[*dc.Task](v, dc.ID(id))
		if err != nil {
			w.t.Fatal(err)
		}
		if got.Done() {
			return got.Failure
		}
		if err := w.st.Wait(w.t.Context(), v.Revision()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) begin() *Lease {
	w.t.Helper()
	l, err := w.svc.Begin(w.t.Context(), admin, "vm-1")
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func TestPrivileges(t *testing.T) {
	accesstest.Check(t, newWorld(t).svc)
}

func TestExport(t *testing.T) {
	w := newWorld(t)
	defer w.st.Close()
	l, ctx := w.begin(), t.Context()
	if len(l.Disks) != 1 || l.Disks[0] != (Disk{dc.FirstDiskKey, "web-disk1.vmdk", 1 << 30}) || l.Name != "web" {
		t.Errorf("got %+v", l.Disks)
	}
	for _, offset := range []int64{0, 10} {
		d, err := w.svc.Open(ctx, admin, l.Task.ID, 0, offset)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(d)
		if string(text) != content[offset:] || err != nil || d.SHA256() != fmt.Sprintf("%x", sha256.Sum256([]byte(content))) {
			t.Errorf("from %d: %q, %v", offset, text, err)
		}
		d.Close()
	}
	text, err := w.svc.Descriptor(admin, l.Task.ID, []int64{1234})
	for _, part := range []string{`ovf:size="1234"`, `ovf:capacity="1073741824"`, "front &amp; back", "a note", "VirtualSCSI", "VmxNet3", "vmx-19", `vmw:osType="debian12_64Guest"`, "#streamOptimized"} {
		if err != nil || !strings.Contains(string(text), part) {
			t.Errorf("the descriptor is without %s: %v", part, err)
		}
	}
	// Others export it, too, and nobody else has this lease; nobody works on the machine.
	other := dc.Caller{Name: "bob", User: "user-bob", Role: dc.RoleAdmin}
	if _, err := w.svc.Open(ctx, other, l.Task.ID, 0, 0); dc.KindOf(err) != dc.NotFound {
		t.Errorf("another's lease: %v", err)
	}
	second, err := w.svc.Begin(ctx, other, "vm-1")
	if err != nil {
		t.Fatal(err)
	}
	err = w.st.Change(ctx, func(tx *store.Tx) error { return w.svc.tasks.CheckIdle(tx, l.machine) })
	if dc.KindOf(err) != dc.Conflict {
		t.Errorf("the machine is free: %v", err)
	}
	for _, tt := range []struct {
		kind dc.ErrorKind
		try  func() error
	}{
		{dc.NotFound, func() error { _, err := w.svc.Open(ctx, admin, l.Task.ID, 1, 0); return err }},
		{dc.Invalid, func() error { _, err := w.svc.Descriptor(admin, l.Task.ID, nil); return err }},
		{"", func() error { return w.svc.End(ctx, admin, l.Task.ID, true) }},
		{"", func() error { return w.svc.End(ctx, other, second.Task.ID, false) }},
	} {
		if err := tt.try(); dc.KindOf(err) != tt.kind {
			t.Errorf("got %v, want %s", err, tt.kind)
		}
	}
	if f := w.ended(l.Task.ID); f != nil {
		t.Errorf("it ended with %+v", f)
	}
	if f := w.ended(second.Task.ID); f == nil || f.Kind != dc.Canceled {
		t.Errorf("what was given up ended with %+v", f)
	}
	if _, err := w.svc.Open(ctx, admin, l.Task.ID, 0, 0); dc.KindOf(err) == "" {
		t.Error("a lease that has ended gives disks")
	}
	if err := w.st.Change(ctx, func(tx *store.Tx) error { return w.svc.tasks.CheckIdle(tx, l.machine) }); err != nil {
		t.Errorf("the machine is not free: %v", err)
	}
}

// TestLeaseEnds: whoever says nothing for a minute loses it, but not while a disk is sent; and so does everybody when the manager is replaced.
func TestLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.st.Close()
		l := w.begin()
		time.Sleep(Idle - time.Second)
		w.hosts.slow = true
		ctx, hangUp := context.WithCancel(t.Context())
		d, err := w.svc.Open(ctx, admin, l.Task.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(d, make([]byte, len(content)/2)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * Idle)
		if _, message, _ := w.svc.tasks.Progress(l.Task.ID); message != "0 of 1 disks, 0 MB sent" {
			t.Errorf("the progress says %q", message)
		}
		hangUp() // the client is gone
		if _, err := io.ReadAll(d); err == nil {
			t.Error("half a disk is taken for the whole")
		}
		d.Close()
		time.Sleep(Idle + time.Second)
		if f := w.ended(l.Task.ID); f == nil || f.Kind != dc.Canceled || !strings.Contains(f.Message, "not been heard of") {
			t.Errorf("it ended with %+v", f)
		}

		canceled := w.begin()
		if err := w.svc.tasks.Cancel(t.Context(), canceled.Task.ID); err != nil {
			t.Fatal(err)
		}
		if f := w.ended(canceled.Task.ID); f == nil || f.Kind != dc.Canceled || canceled.ctx.Err() == nil {
			t.Errorf("it ended with %+v", f)
		}

		orphan := w.begin()
		w.start()
		if f := w.ended(orphan.Task.ID); f == nil || f.Kind != dc.Canceled || f.Message != "the manager was restarted" {
			t.Errorf("it ended with %+v", f)
		}
		orphan.idle.Stop()
	})
}
