package qemu

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hanok/dc"
	"hanok/host/usernet"
)

// TestRefused takes the answers of a guest to an eject request for what they are.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		source, status int
		want           bool
	}{{3, 0, false}, {3, 0x84, false}, {3, 1, true}, {0x103, 0x81, true}, {1, 1, false}} {
		if got := refused(test.source, test.status); got != test.want {
			t.Errorf("source %#x, status %#x: %v", test.source, test.status, got)
		}
	}
}

// TestParseModules takes a memory's note, and refuses one that can't be.
func TestParseModules(t *testing.T) {
	for _, test := range []struct {
		tail string
		want []int64
		ok   bool
	}{
		{"a stream", nil, true},
		{"", nil, true},
		{"a stream\n[128,256]\n" + modulesNote, []int64{128, 256}, true},
		{"[128]\n" + modulesNote, []int64{128}, true},
		{"a stream\n[128\n" + modulesNote, nil, false},
		{"a stream\n[0]\n" + modulesNote, nil, false},
		{"a stream\n[-128]\n" + modulesNote, nil, false},
		{"a stream\n[" + strings.Repeat("128,", memorySlots) + "128]\n" + modulesNote, nil, false},
		{modulesNote, nil, false},
	} {
		got, err := parseModules([]byte(test.tail))
		if !slices.Equal(got, test.want) || (err == nil) != test.ok {
			t.Errorf("%q: %v, %v", test.tail, got, err)
		}
	}
}

// newPortLab is a machine with root ports, two NICs and two SCSI controllers, whose CPUs and memory may grow.
func newPortLab(t *testing.T) *lab {
	m := tinyMachine()
	m.RootPorts, m.CPUHotAdd, m.CPUHotRemove, m.MemoryHotAdd = true, true, true, true
	m.MemoryMB = 128
	return newLab(t, m)
}

// withNIC returns the machine with another NIC.
func withNIC(m dc.Machine, n dc.NIC) dc.Machine {
	m.NICs = append(slices.Clone(m.NICs), n)
	slices.SortFunc(m.NICs, func(a, b dc.NIC) int { return cmp.Compare(a.Key, b.Key) })
	return m
}

// What comes to a machine with power needs no consent, is there after it slept, and is not added twice, wherever a change was cut.
func TestHotAdd(t *testing.T) {
	l := newPortLab(t)
	l.start()
	l.inLine()
	m, err := l.d.running(l.m.ID)
	if err != nil {
		t.Fatal(err)
	}
	// What changes that were cut off have left.
	for command, left := range map[string]map[string]any{
		"netdev_add": {"id": "net4009", "type": "user"},
		"object-add": {"id": moduleID(0), "qom-type": "memory-backend-ram", "size": 64 << 20},
	} {
		if err := m.execute(t.Context(), command, left, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, change := range []func(){
		func() {
			l.m = withNIC(l.m, dc.NIC{Key: 4009, Type: dc.VMXNET3, MAC: "52:54:00:00:00:09", Connected: true})
		},
		func() { l.m = withNIC(l.m, dc.NIC{Key: 4001, Type: dc.E1000E, MAC: "52:54:00:00:00:01"}) },
		func() {
			l.m.Controllers = append(slices.Clone(l.m.Controllers), dc.Controller{Key: 1002, Type: dc.ControllerPVSCSI})
			l.m.Disks = append(slices.Clone(l.m.Disks), dc.Disk{Key: 2033, Controller: 1002, Unit: 1, CapacityBytes: 1 << 20,
				File: l.m.Folder + "/hot.vmdk"})
		},
		func() { l.m.CPUs = 3 },
		func() { l.m.MemoryMB = 256 },
		func() { l.m.CPUs, l.m.MemoryMB = 4, 640 },
	} {
		change()
		for range 2 {
			if err := l.reconfigure([]int32{2033}); err != nil {
				t.Fatal(i, err)
			}
		}
		l.inLine()
	}
	for range 2 {
		if err := l.d.Suspend(t.Context(), l.m); err != nil {
			t.Fatal(err)
		}
		l.is(dc.RunSuspended)
		if err := l.tryStart(); err != nil {
			t.Fatal(err, l.d.logTail(l.m))
		}
		l.inLine()
	}
	l.m.MemoryMB += 128
	if err := l.reconfigure(nil); err != nil {
		t.Fatal(err)
	}
	l.inLine()
	if err := l.d.Stop(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	l.start() // with all of it from the start
	l.inLine()
}

// A guest that does not answer keeps its devices, and the machine says so.
func TestHotRemoveWithoutConsent(t *testing.T) {
	l := newPortLab(t)
	l.start()
	before := l.m
	for range 2 {
		l.m.NICs = nil
		nics, err := (usernet.Network{}).Plug(t.Context(), l.m)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := l.d.Reconfigure(ctx, l.m, nics); dc.KindOf(err) != dc.Unavailable || !strings.Contains(err.Error(), "does not let go") {
				t.Errorf("error %v, want one of a guest that keeps it", err)
			}
			cancel()
		}
		l.reopen()
		if err := l.d.Recover(t.Context(), l.m, l.handle); err != nil {
			t.Fatal(err)
		}
		if got := l.is(dc.RunRunning).Differences; !strings.Contains(fmt.Sprint(got), "nic4000 (virtio-net-pci) is still there") {
			t.Errorf("the differences are %q", got)
		}
		l.m = before
		if err := l.reconfigure(nil); err != nil {
			t.Fatal(err)
		}
		l.inLine()
	}
}
