package qemu

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"testing"

	"hanok/dc"
	"hanok/host/usernet"
	"hanok/host/volume"
)

// tinyCode is the boot sector of a guest that starts in no time. It says H on the first serial port and then does what it
// reads there: n counts and says the digit, p panics (pvpanic), o powers the machine off, anything else is echoed.
var tinyCode = []byte{
	0x31, 0xc0, // xor ax, ax
	0x8e, 0xd8, // mov ds, ax
	0x31, 0xdb, // xor bx, bx
	0xb0, 'H', // mov al, 'H'
	0xba, 0xf8, 0x03, 0xee, // say: out 0x3f8, al
	0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf8, // wait: in al, 0x3fd; test al, 1; jz wait
	0xba, 0xf8, 0x03, 0xec, // in al, 0x3f8
	0x3c, 'n', 0x74, 0x0a, // cmp al, 'n'; je count
	0x3c, 'p', 0x74, 0x0d, // cmp al, 'p'; je panic
	0x3c, 'o', 0x74, 0x11, // cmp al, 'o'; je off
	0xeb, 0xe2, // jmp say
	0x43, 0x88, 0xd8, 0x04, '0', 0xeb, 0xdb, // count: inc bx; mov al, bl; add al, '0'; jmp say
	0xba, 0x05, 0x05, 0xb0, 0x01, 0xee, 0xeb, 0xd7, // panic: out 0x505, 1; jmp wait
	0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xeb, 0xce, // off: out 0x604, 0x2000; jmp wait
}

const tinySize = 1 << 20

// tinyMachine is a machine that boots tinyCode. Its name has in it what might confuse QEMU's parsers.
func tinyMachine() dc.Machine {
	return dc.Machine{
		ID: "vm-tiny", Name: `a,b=c "Müller",id=x`, Datastore: testStore, Folder: "a,b=c",
		Hardware: dc.Hardware{
			UUID: "3f2b6a10-0000-4000-8000-0000000000aa", GuestID: "otherGuest", Firmware: dc.BIOS, CPUs: 1, MemoryMB: 32,
			Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerVirtio}},
			Disks:       []dc.Disk{{Key: 2000, Controller: 1000, CapacityBytes: tinySize, File: "a,b=c/a,b=c.vmdk", Image: "sha256:tiny"}},
			NICs:        []dc.NIC{{Key: 4000, MAC: "52:54:00:00:00:aa", PortGroup: "network-1", Connected: true, StartConnected: true}},
			SerialPorts: []dc.SerialPort{{Key: 9000, Console: true}},
		},
	}
}

// tinyImage is the content of its disk.
func tinyImage() []byte {
	disk := make([]byte, tinySize)
	copy(disk, tinyCode)
	copy(disk[510:], []byte{0x55, 0xaa})
	return disk
}

// lab is one machine on a site of its own.
type lab struct {
	*site
	d      *Driver
	v      *volume.Local
	m      dc.Machine
	handle dc.Handle
}

// newLab makes the machine's files.
func newLab(t testing.TB, m dc.Machine) *lab {
	t.Helper()
	l := &lab{site: newSite(t), m: m}
	t.Cleanup(func() {
		if l.d == nil {
			return
		}
		if err := l.d.Stop(context.Background(), l.m); err != nil {
			t.Error("stop at the end: ", err)
		}
		if err := l.d.Close(); err != nil {
			t.Error("close at the end: ", err)
		}
	})
	l.reopen()
	fetch := func(context.Context, string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(tinyImage())), nil
	}
	if err := l.v.CreateMachine(t.Context(), m, fetch, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	return l
}

// folder is the datastore's.
func (l *lab) folder() string { return filepath.Join(l.path, "store1") }

// reopen is the end of the agent's process and a new one.
func (l *lab) reopen() {
	l.t.Helper()
	if l.d != nil {
		if err := l.d.Close(); err != nil {
			l.t.Fatal(err)
		}
	}
	l.d, l.v = l.open()
	if err := l.v.Mount(l.t.Context(), testStore, l.folder()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) tryStart() error {
	nics, err := (usernet.Network{}).Plug(l.t.Context(), l.m)
	if err != nil {
		return err
	}
	return l.d.Start(l.t.Context(), l.m, nics, func(h dc.Handle) error {
		l.handle = h
		return nil
	})
}

func (l *lab) start() {
	l.t.Helper()
	if err := l.tryStart(); err != nil {
		l.t.Fatal(err)
	}
}

// serial opens the serial port and waits until the guest has started.
func (l *lab) serial() *terminal {
	l.t.Helper()
	port, err := l.d.OpenConsole(l.t.Context(), l.m.ID, dc.ConsoleSerial)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { port.Close() })
	return &terminal{t: l.t, port: port}
}

// until waits for the machine's state to satisfy done.
func (l *lab) until(what string, done func(dc.MachineState) bool) dc.MachineState {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for {
		state, err := l.d.State(ctx, l.m)
		if err != nil {
			l.t.Fatal(err)
		}
		if done(state) {
			return state
		}
		select {
		case <-l.d.Changed():
		case <-ctx.Done():
			l.t.Fatalf("no %s: %+v", what, state)
		}
	}
}

// stopped waits until the machine has no power, and returns how that came.
func (l *lab) stopped() dc.MachineExit {
	l.t.Helper()
	state := l.until("end", func(s dc.MachineState) bool { return s.Run == dc.RunStopped })
	if state.Exit == nil {
		l.t.Fatal("it does not say how it has ended")
	}
	return *state.Exit
}

// is fails the test unless the machine is in the run state.
func (l *lab) is(want dc.RunState) dc.MachineState {
	l.t.Helper()
	state, err := l.d.State(l.t.Context(), l.m)
	if err != nil || state.Run != want {
		l.t.Fatalf("it is %+v, %v, want %s", state, err, want)
	}
	return state
}
