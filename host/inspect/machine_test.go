package inspect

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/host/qemu"
	"hanok/host/volume"
	"hanok/internal/qmp"
	"hanok/internal/testhost"
)

// patience bounds what would otherwise hang a broken test for ever.
const patience = time.Minute

// lab is a host with one machine that the real driver executes, and the records that its agent would have.
type lab struct {
	*testing.T
	records, store, run string
	m                   dc.Machine
	driver              *qemu.Driver
}

func newLab(t *testing.T) *lab {
	t.Helper()
	testhost.Require(t)
	l := &lab{T: t, records: t.TempDir(), store: filepath.Join(t.TempDir(), "store"), m: dc.Machine{
		ID: "vm-1", Name: "we,b", Datastore: "datastore-1", Folder: "we,b",
		Hardware: dc.Hardware{UUID: "3f2b6a10-0000-4000-8000-0000000000ab", GuestID: "otherGuest", Firmware: dc.BIOS, CPUs: 2, MemoryMB: 64,
			Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerVirtio}},
			Disks: []dc.Disk{{Key: 2000, Controller: 1000, CapacityBytes: 1 << 20, File: "we,b/we,b.vmdk"},
				{Key: 2005, Controller: 1000, Unit: 5, CapacityBytes: 2 << 20, File: "we,b/we,b_5.vmdk"}}},
	}}
	var err error
	if l.run, err = os.MkdirTemp("/run", "inspect"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(l.run) })
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	v := volume.NewLocal(log)
	l.ok(v.Mount(t.Context(), l.m.Datastore, l.store))
	nothing := func(context.Context, string) (io.ReadCloser, error) { return nil, os.ErrNotExist }
	l.ok(v.CreateMachine(t.Context(), l.m, nothing, func(int64, int64) {}))
	l.driver, err = qemu.New(qemu.Config{Volume: v, RunDir: l.run, Accelerator: dc.TCG, Log: log})
	l.ok(err)
	t.Cleanup(func() {
		if err := l.driver.Stop(context.Background(), l.m); err != nil {
			t.Error(err)
		}
		l.driver.Close()
	})
	path, err := json.Marshal(l.store)
	l.ok(err)
	write(t, l.records, map[string]string{"datastores/datastore-1.json": `{"id": "datastore-1", "revision": 3, "path": ` + string(path) + `}`})
	l.ok(l.driver.Start(t.Context(), l.m, nil, func(h dc.Handle) error {
		record, err := json.Marshal(map[string]any{"assignment": dc.Assignment{Machine: l.m}, "handle": h, "bootId": "x"})
		if err == nil {
			write(t, l.records, map[string]string{"machines/vm-1.json": string(record)})
		}
		return err
	}))
	return l
}

func (l *lab) ok(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// look inspects the host. It returns the process of the machine besides.
func (l *lab) look() (dc.Inspection, *dc.InspectedProcess) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), patience)
	defer cancel()
	found := New(l.records).Inspect(ctx)
	for _, what := range found.Unseen {
		l.Error("unseen: ", what)
	}
	at := slices.IndexFunc(found.Processes, func(p dc.InspectedProcess) bool { return p.UUID == l.m.UUID })
	if at < 0 {
		l.Fatalf("no process executes the machine: %+v", found)
	}
	return found, &found.Processes[at]
}

func (l *lab) file(name string) string { return filepath.Join(l.store, l.m.Folder, name) }

func TestInspectMachine(t *testing.T) {
	l := newLab(t)
	found, p := l.look()
	if len(found.Processes) != 1 || len(found.Records) != 1 || len(found.Datastores) != 1 || len(found.Datastores[0].Folders) != 1 {
		t.Fatalf("found %+v", found)
	}
	r, f := found.Records[0], found.Datastores[0].Folders[0]
	if r.Failure != "" || !r.On || !r.ThisBoot || r.PID != p.PID || r.Start != p.Start {
		t.Errorf("the record is %+v, the process %+v", r, p)
	}
	if f.Owner != "vm-1" || f.Failure != "" || len(f.Disks) != 2 || f.Memory != "" {
		t.Errorf("the folder is %+v", f)
	}
	if p.Folder != filepath.Join(l.store, l.m.Folder) || p.Agent || !strings.HasPrefix(p.Name, "qemu") {
		t.Errorf("the process is %+v", p)
	}
	if p.Capabilities || !p.Seccomp || len(p.Users) != 4 || p.Users[0] == 0 || slices.Max(p.Users) != slices.Min(p.Users) {
		t.Errorf("its rights are %+v", p)
	}
	files := map[string]bool{}
	for _, open := range p.Disks {
		if !open.Writable || !open.Locked || open.Deleted {
			t.Errorf("it has open %+v", open)
		}
		files[open.File] = true
	}
	for _, d := range f.Disks {
		if !files[d.File] || d.CapacityBytes != d.ExtentBytes || d.Failure != "" {
			t.Errorf("the disk is %+v, and open is %+v", d, p.Disks)
		}
	}
	want := dc.InspectedMonitor{Status: "running", UUID: l.m.UUID, CPUs: 2, MemoryBytes: 64 << 20}
	if m := p.Monitor; m == nil || m.Status != want.Status || m.UUID != want.UUID || m.CPUs != want.CPUs || m.MemoryBytes != want.MemoryBytes ||
		!slices.Equal(m.Disks, []dc.InspectedDrive{{Device: "disk2000", CapacityBytes: 1 << 20}, {Device: "disk2005", CapacityBytes: 2 << 20}}) {
		t.Errorf("QEMU says %+v (%s), want %+v", m, p.MonitorFailure, want)
	}
	// Again, since the socket serves one after the other, and while the driver has the other monitor.
	if _, p = l.look(); p.Monitor == nil {
		t.Errorf("the second time QEMU says nothing: %s", p.MonitorFailure)
	}
	if state, err := l.driver.State(t.Context(), l.m); err != nil || state.Run != dc.RunRunning {
		t.Errorf("the driver sees %+v, %v", state, err)
	}
}

func TestInspectFaults(t *testing.T) {
	l := newLab(t)
	_, p := l.look()
	pid := p.PID

	t.Run("CPUs stand still", func(t *testing.T) {
		mon, err := qmp.Dial(t.Context(), filepath.Join(l.run, "vm-1", "check"))
		l.ok(err)
		l.ok(mon.Execute(t.Context(), "stop", nil, nil))
		mon.Close()
		if _, p := l.look(); p.Monitor == nil || p.Monitor.Status != "paused" {
			t.Errorf("QEMU says %+v", p.Monitor)
		}
	})
	t.Run("another writer", func(t *testing.T) {
		file, err := os.OpenFile(l.file("we,b-flat.vmdk"), os.O_RDWR, 0)
		l.ok(err)
		writer := exec.Command("sleep", "1000")
		writer.ExtraFiles = []*os.File{file}
		l.ok(writer.Start())
		defer writer.Wait()
		defer writer.Process.Kill()
		defer file.Close()
		found, p := l.look()
		var names []string
		for _, other := range found.Processes {
			if len(other.Disks) > 0 && other.Disks[0].Writable && other.PID != p.PID && other.Disks[0].File == p.Disks[0].File {
				names = append(names, other.Name)
				if other.Agent != (other.PID == os.Getpid()) || other.Disks[0].Locked || other.UUID != "" {
					t.Errorf("the writer is %+v", other)
				}
			}
		}
		if slices.Sort(names); len(names) != 2 || !slices.Contains(names, "sleep") {
			t.Errorf("the other writers are %v, want this process and sleep", names)
		}
	})
	t.Run("disk is gone", func(t *testing.T) {
		l.ok(os.Rename(l.file("we,b_5-flat.vmdk"), l.file("elsewhere")))
		found, _ := l.look()
		if d := found.Datastores[0].Folders[0].Disks[1]; d.ExtentBytes != -1 || d.File != "" {
			t.Errorf("the disk is %+v", d)
		}
		l.ok(os.Rename(l.file("elsewhere"), l.file("we,b_5-flat.vmdk")))
		l.ok(os.Remove(l.file("we,b-flat.vmdk")))
		if _, p := l.look(); !slices.ContainsFunc(p.Disks, func(f dc.InspectedFile) bool {
			return f.Deleted && f.Writable && f.Path == l.file("we,b-flat.vmdk")
		}) {
			t.Errorf("it has open %+v", p.Disks)
		}
	})
	t.Run("process stands still", func(t *testing.T) {
		l.ok(unix.Kill(pid, unix.SIGSTOP))
		defer unix.Kill(pid, unix.SIGCONT)
		if _, p := l.look(); p.Monitor != nil || !strings.Contains(p.MonitorFailure, "has said nothing") {
			t.Errorf("QEMU says %+v, %q", p.Monitor, p.MonitorFailure)
		}
	})
	t.Run("no socket", func(t *testing.T) {
		l.ok(os.Remove(filepath.Join(l.run, "vm-1", "check")))
		if _, p := l.look(); p.Monitor != nil || !strings.Contains(p.MonitorFailure, "no such file") {
			t.Errorf("QEMU says %+v, %q", p.Monitor, p.MonitorFailure)
		}
	})
}

// TestInspectInTurn: two who ask at once both get an answer.
func TestInspectInTurn(t *testing.T) {
	l := newLab(t)
	i := New(l.records)
	answers := make(chan dc.Inspection)
	for range 4 {
		go func() { answers <- i.Inspect(t.Context()) }()
	}
	for range 4 {
		if found := <-answers; len(found.Processes) != 1 || found.Processes[0].Monitor == nil {
			t.Errorf("found %+v", found)
		}
	}
	<-i.turn // somebody does not end
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found := i.Inspect(ctx); len(found.Unseen) != 1 {
		t.Errorf("found %+v", found)
	}
}
