package qemu

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

// OpenConsole implements the agent's Hypervisor. A serial console first shows what the port has said last; a reader that
// is slower than the guest misses what was in between. What is written to it is typed on the port by everybody.
func (d *Driver) OpenConsole(ctx context.Context, id dc.VirtualMachineID, kind dc.ConsoleKind) (io.ReadWriteCloser, error) {
	m, err := d.running(id)
	if err != nil {
		return nil, err
	}
	switch kind {
	case dc.ConsoleVNC:
		return m.openVNC(ctx)
	case dc.ConsoleSerial:
		if consoleOf(m.spec.Hardware) == 0 {
			return nil, failure(dc.WrongState, m.spec, "none of its serial ports has a console").Fix("add a serial port with a console")
		}
		return m.serial.open()
	}
	return nil, failure(dc.Invalid, m.spec, "it has no console of the kind %q", kind).Fix(`ask for "vnc" or "serial"`)
}

// openVNC gives QEMU one end of a connection: QEMU listens nowhere.
func (m *machine) openVNC(ctx context.Context) (io.ReadWriteCloser, error) {
	mon, err := m.monitor()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, failure(dc.Exhausted, m.spec, "opening a console: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "vnc"), os.NewFile(uintptr(fds[1]), "vnc")
	defer ours.Close()
	defer theirs.Close()
	name := fmt.Sprintf("vnc%d", m.d.names.Add(1))
	if err := mon.ExecuteFD(ctx, "getfd", map[string]any{"fdname": name}, nil, theirs); err != nil {
		return nil, m.failed(err)
	}
	// Whoever reaches this has been authorized by the manager.
	add := map[string]any{"protocol": "vnc", "fdname": name, "skipauth": true}
	if err := mon.Execute(ctx, "add_client", add, nil); err != nil {
		return nil, m.failed(err)
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, failure(dc.Internal, m.spec, "opening a console: %w", err)
	}
	return conn, nil
}
