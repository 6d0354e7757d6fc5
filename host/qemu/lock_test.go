package qemu

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/host/usernet"
)

// inUse fails the test unless the error says that the disk is in use, and by whom.
func inUse(t *testing.T, err error, words ...string) {
	t.Helper()
	t.Log(err)
	if dc.KindOf(err) != dc.Unavailable {
		t.Errorf("got %v of kind %s", err, dc.KindOf(err))
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("it does not say %q", word)
		}
	}
}

// TestSecondLock: the manager of another data center, whose store knows nothing of the first machine, has the same folder as a datastore.
// It gets neither the machine's disk for a machine of its own, nor the machine.
func TestSecondLock(t *testing.T) {
	l := newLab(t, tinyMachine())
	l.start()
	l.serial().await("H")
	first := []string{"in use", "by process " + strconv.Itoa(pid(l.m.ID)), `which executes "a,b=c \"Müller\",id=x"`, "is locked"}

	const elsewhere dc.DatastoreID = "datastore-elsewhere"
	d, v := l.open()
	defer d.Close()
	if err := v.Mount(t.Context(), elsewhere, l.folder()); err != nil {
		t.Fatal(err)
	}
	_, err := v.DescribeDisk(t.Context(), elsewhere, l.m.Disks[0].File)
	inUse(t, err, first...)

	// As one that was described while nobody used it.
	second := tinyMachine()
	second.ID, second.Name, second.Folder, second.UUID, second.Datastore = "vm-second", "second", "second", "3f2b6a10-0000-4000-8000-0000000000bb", elsewhere
	second.Disks[0].Image, second.Disks[0].Attached = "", true
	none := func(context.Context, string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(nil)), nil }
	if err := v.CreateMachine(t.Context(), second, none, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	nics, err := (usernet.Network{}).Plug(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(dc.Handle) error { return nil }
	inUse(t, d.Start(t.Context(), second, nics, keep), first...)

	// Nor by the machine's own folder.
	third := l.m
	third.ID, third.Datastore = "vm-third", elsewhere
	inUse(t, v.RegisterMachine(t.Context(), third, dc.Registration{Owner: l.m.ID}), "in use", ".vmx.lck is locked")
	l.is(dc.RunRunning)

	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context(), second, nics, keep); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
	if err := d.Stop(t.Context(), second); err != nil {
		t.Error(err)
	}
}

// TestThirdLock: QEMU's own lock keeps a process from a machine's disk that knows of no other, and a machine from a disk that such a
// process has.
func TestThirdLock(t *testing.T) {
	l := newLab(t, tinyMachine())
	flat := filepath.Join(l.folder(), dc.FlatFile(l.m.Disks[0].File))
	// By hand, without our locks.
	byHand := func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "qemu-system-x86_64", "-name", "guest=by hand", "-nodefaults", "-display", "none", "-S", "-monitor", "stdio",
			"-blockdev", `{"driver":"file","node-name":"d","filename":"`+flat+`"}`, "-device", "virtio-blk-pci,drive=d")
	}
	l.start()
	l.serial().await("H")
	bounded, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := byHand(bounded).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `Failed to get "write" lock`) {
		t.Errorf("a process gets the disk of a machine that runs: %v\n%s", err, out)
	}
	l.is(dc.RunRunning)
	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}

	ctx, end := context.WithCancel(t.Context())
	other := byHand(ctx)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	says, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); end(); _ = other.Wait() })
	if _, err := io.WriteString(in, "info status\n"); err != nil {
		t.Fatal(err)
	}
	(&terminal{t: t, port: struct {
		io.Reader
		io.Writer
	}{says, in}}).await("VM status") // it answers when it has its devices, and so the disk
	inUse(t, l.tryStart(), "in use by process "+strconv.Itoa(other.Process.Pid), `which executes "by hand"`, `Failed to get "write" lock`)
}
