package qemu

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/host/usernet"
)

// reconfigure makes the machine's hardware what l.m says, files and all.
func (l *lab) reconfigure(added []int32, discarded ...string) error {
	l.t.Helper()
	nothing := func(context.Context, string) (io.ReadCloser, error) { return nil, os.ErrNotExist }
	if err := l.v.ConfigureMachine(l.t.Context(), l.m, added, nil, nothing, func(int64, int64) {}); err != nil {
		l.t.Fatal(err)
	}
	nics, err := (usernet.Network{}).Plug(l.t.Context(), l.m)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.d.Reconfigure(l.t.Context(), l.m, nics); err != nil {
		return err
	}
	if len(discarded) > 0 {
		err = l.v.ConfigureMachine(l.t.Context(), l.m, nil, discarded, nothing, func(int64, int64) {})
	}
	return err
}

// inLine fails the test unless QEMU has what l.m says, also by the word of an agent that has just found it.
func (l *lab) inLine() {
	l.t.Helper()
	for range 2 {
		got := slices.DeleteFunc(l.is(dc.RunRunning).Differences, func(s string) bool { return strings.Contains(s, "LSI Logic") })
		if len(got) > 0 {
			l.t.Errorf("differences: %q", got)
		}
		l.reopen()
		if err := l.d.Recover(l.t.Context(), l.m, l.handle); err != nil {
			l.t.Fatal(err)
		}
	}
}

// sets counts the files that QEMU has by descriptors.
func (l *lab) sets() int {
	l.t.Helper()
	m, err := l.d.running(l.m.ID)
	if err != nil {
		l.t.Fatal(err)
	}
	has, err := m.inventory(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return len(has.labels)
}

// Disks come, grow and go, on every controller that tells the guest; nothing of them stays open.
func TestHotPlugDisks(t *testing.T) {
	l := newDeviceLab(t)
	l.m.Drives = nil
	l.start()
	before, open := l.m, l.sets()
	for _, controller := range []int32{1000, 1003} {
		l.m.Disks = slices.Clone(before.Disks)
		key, _ := dc.UnitKey(controller, 5)
		added := dc.Disk{Key: key, Controller: controller, Unit: 5, CapacityBytes: 1 << 20,
			File: fmt.Sprintf("%s/hot%d.vmdk", l.m.Folder, key)}
		at, _ := slices.BinarySearchFunc(l.m.Disks, key, func(d dc.Disk, key int32) int { return int(d.Key - key) })
		l.m.Disks = slices.Insert(l.m.Disks, at, added)
		for range 2 { // again is a success
			if err := l.reconfigure([]int32{key}); err != nil {
				t.Fatal(err)
			}
		}
		l.inLine()
		l.m.Disks[at].CapacityBytes = 3 << 20
		if err := l.reconfigure(nil); err != nil {
			t.Fatal(err)
		}
		l.inLine()
		l.m = before
		if err := l.reconfigure(nil, added.File); err != nil { // its file can be removed: it is not in use
			t.Fatal(err)
		}
		l.inLine()
		if now := l.sets(); now != open {
			t.Errorf("QEMU has %d files, had %d", now, open)
		}
	}
	// One that was there at the power-on goes, too.
	gone := l.m.Disks[0]
	l.m.Disks = l.m.Disks[1:]
	if err := l.reconfigure(nil, gone.File); err != nil {
		t.Fatal(err)
	}
	l.inLine()
}

// Media change in every drive, and cables are pulled.
func TestHotMedia(t *testing.T) {
	l := newDeviceLab(t)
	for _, name := range []string{"b.iso", "a.flp"} {
		if err := os.WriteFile(filepath.Join(l.folder(), name), make([]byte, 1440<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.start()
	l.inLine()
	open := l.sets()
	for _, path := range []string{"b.iso", "a.iso", "", "b.iso"} {
		l.m.Drives = slices.Clone(l.m.Drives)
		for i := range l.m.Drives {
			d := &l.m.Drives[i]
			d.Connected, d.Media = path != "", dc.Media{Datastore: testStore, Path: path}
		}
		for range 2 {
			if err := l.reconfigure(nil); err != nil {
				t.Fatal(path, err)
			}
		}
		l.inLine()
	}
	if now, want := l.sets(), open+2; now != want { // two drives were empty before
		t.Errorf("QEMU has %d files, want %d", now, want)
	}
	l.m.NICs = slices.Clone(l.m.NICs)
	l.m.NICs[0].Connected = false
	if err := l.reconfigure(nil); err != nil {
		t.Fatal(err)
	}
}

// What needs the power off is refused with its reason, and nothing of the change is made.
func TestReconfigureRefused(t *testing.T) {
	l := newDeviceLab(t)
	l.m.Drives = nil
	l.start()
	for want, change := range map[string]func(*dc.Machine){
		"nic4000 (vmxnet3) is still there": func(m *dc.Machine) { m.NICs = m.NICs[1:] },
		"nic4000 is a vmxnet3, not a e1000": func(m *dc.Machine) {
			m.NICs = slices.Clone(m.NICs)
			m.NICs[0].Type = dc.E1000
		},
		"has 4 CPUs, not 2":        func(m *dc.Machine) { m.CPUs = 2 },
		"can't give any back":      func(m *dc.Machine) { m.MemoryMB = 128 },
		"multiples of 128 MB":      func(m *dc.Machine) { m.MemoryMB += 64 },
		"grows to 4096 MB at most": func(m *dc.Machine) { m.MemoryMB = 8192 },
		"hot-add of CPUs is not":   func(m *dc.Machine) { m.CPUs, m.CPUHotAdd = 6, false },
		"hot-add of memory is not": func(m *dc.Machine) { m.MemoryMB, m.MemoryHotAdd = 512, false },
		"(e1000e) is not there": func(m *dc.Machine) {
			m.NICs = append(m.NICs[:4:4], dc.NIC{Key: 4009, Type: dc.E1000E, MAC: "52:54:00:00:0e:99"})
		},
		"scsi3 (virtio-scsi-pci) is ": func(m *dc.Machine) { m.Controllers = slices.Delete(slices.Clone(m.Controllers), 3, 4) },
		"watchdog0":                   func(m *dc.Machine) { m.Watchdog = nil },
		"does not tell the guest": func(m *dc.Machine) {
			m.Disks = slices.DeleteFunc(slices.Clone(m.Disks), func(d dc.Disk) bool { return d.Controller == 1001 || d.Controller == 1002 })
		},
		"on SATA and IDE": func(m *dc.Machine) {
			m.Disks = append(slices.Clone(m.Disks), dc.Disk{Key: 16001, Controller: 15000, Unit: 1, CapacityBytes: 1 << 20})
		},
	} {
		m := l.m
		change(&m)
		nics, err := (usernet.Network{}).Plug(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.d.Reconfigure(t.Context(), m, nics); dc.KindOf(err) != dc.Unsupported || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want one that says %q", err, want)
		}
		l.inLine()
	}
}
