package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

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

// newBare gives the machine a copy of the image as its disk.
func newBare(work string, m dc.Machine, accelerator dc.Accelerator, image string) (*bare, error) {
	disk := filepath.Join(work, "bare.img")
	if err := copyDisk(image, disk); err != nil {
		return nil, err
	}
	return newBareOn(disk, "/run/bare", m, accelerator)
}

// newBareEmpty gives the machine an empty disk.
func newBareEmpty(work string, m dc.Machine, accelerator dc.Accelerator) (*bare, error) {
	disk := filepath.Join(work, m.Name+".img")
	f, err := os.Create(disk)
	if err == nil {
		err = errors.Join(f.Truncate(m.Disks[0].CapacityBytes), f.Close())
	}
	if err != nil {
		return nil, err
	}
	return newBareOn(disk, "/run/"+m.Name, m, accelerator)
}

func newBareOn(disk, dir string, m dc.Machine, accelerator dc.Accelerator) (*bare, error) {
	b := &bare{dir: dir}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
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
	since := stopwatch()
	if err := b.start(ctx); err != nil {
		return r, err
	}
	r.running = since()
	port, err := net.Dial("unix", filepath.Join(b.dir, "serial"))
	if err != nil {
		return r, err
	}
	defer port.Close()
	r.told = r.running
	err = firstOutput(port)
	r.output = since()
	return r, err
}

// start returns when the machine's monitor has answered that its CPUs run.
func (b *bare) start(ctx context.Context) error {
	b.cmd = exec.Command("qemu-system-x86_64", b.args...)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as the driver's: the kernel shares the CPUs among sessions
	for _, name := range bareSockets {
		socket, err := listen(filepath.Join(b.dir, name))
		if err != nil {
			return err
		}
		defer socket.Close()
		b.cmd.ExtraFiles = append(b.cmd.ExtraFiles, socket)
	}
	if err := b.cmd.Start(); err != nil {
		return err
	}
	monitor, err := qmp.Dial(ctx, filepath.Join(b.dir, "monitor"))
	if err != nil {
		return err
	}
	defer monitor.Close()
	var status struct{ Running bool }
	if err := monitor.Execute(ctx, "query-status", nil, &status); err != nil {
		return err
	}
	if !status.Running {
		return fmt.Errorf("its CPUs do not run")
	}
	return nil
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
