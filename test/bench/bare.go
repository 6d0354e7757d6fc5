package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"hanok/dc"
	"hanok/host/qemu"
	"hanok/internal/qmp"
)

// bare starts QEMU as somebody would by hand: the devices of the driver's command, executed as root, without a sandbox and
// with nothing that could be found again.
type bare struct {
	dir  string
	args []string
	cmd  *exec.Cmd
}

// The sockets that it listens on, as its descriptors from 3 on.
var bareSockets = []string{"monitor", "serial", "agent"}

func newBare(work string, m dc.Machine, accelerator dc.Accelerator, image string) (*bare, error) {
	b := &bare{dir: "/run/bare"}
	disk := filepath.Join(work, "bare.img")
	if err := copyDisk(image, disk); err != nil {
		return nil, err
	}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return nil, err
	}
	command := qemu.Command{Machine: m, NICs: plugged(m), Accelerator: accelerator, Type: "q35",
		Monitor: "fd=3", Serial: "fd=4", Agent: "fd=5", Disks: map[int32]string{m.Disks[0].Key: disk}}
	b.args = slices.DeleteFunc(command.Args(), func(arg string) bool { return arg == "-S" })
	sandbox := slices.Index(b.args, "-sandbox")
	b.args = slices.Delete(b.args, sandbox, sandbox+2)
	return b, nil
}

func (b *bare) powerOn(ctx context.Context) (r reached, err error) {
	b.cmd = exec.Command("qemu-system-x86_64", b.args...)
	for _, name := range bareSockets {
		socket, err := listen(filepath.Join(b.dir, name))
		if err != nil {
			return r, err
		}
		defer socket.Close()
		b.cmd.ExtraFiles = append(b.cmd.ExtraFiles, socket)
	}
	since := stopwatch()
	if err := b.cmd.Start(); err != nil {
		return r, err
	}
	port, err := net.Dial("unix", filepath.Join(b.dir, "serial"))
	if err != nil {
		return r, err
	}
	defer port.Close()
	monitor, err := qmp.Dial(ctx, filepath.Join(b.dir, "monitor"))
	if err != nil {
		return r, err
	}
	defer monitor.Close()
	var status struct{ Running bool }
	if err := monitor.Execute(ctx, "query-status", nil, &status); err != nil {
		return r, err
	}
	if !status.Running {
		return r, fmt.Errorf("its CPUs do not run")
	}
	r.running = since()
	r.told = r.running
	err = firstOutput(port)
	r.output = since()
	return r, err
}

func (b *bare) powerOff(context.Context) error {
	if err := b.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = b.cmd.Wait() // which says that it was killed
	return nil
}

// listen returns a socket that is listened on, for another process.
func listen(path string) (*os.File, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	return l.File()
}
