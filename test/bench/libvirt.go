package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

// libvirt is a libvirtd of our own, with one domain. Its folders, mounted over the distribution's in this program's mount
// namespace, vanish with it.
type libvirt struct {
	name    string
	serial  *net.UnixListener
	daemon  *exec.Cmd
	log     bytes.Buffer
	version string
}

// libvirtConfig are libvirtd's files. Where they depart from the distribution's, libvirt has less to do: no second daemon that
// keeps its machines' logs, no mount namespace for each machine, no security module. (It uses no control groups either:
// scripts/bench shows it none.)
var libvirtConfig = map[string]string{
	"libvirtd.conf": "auth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\nlog_outputs = \"3:stderr\"\n",
	"qemu.conf":     "stdio_handler = \"file\"\nnamespaces = []\nsecurity_driver = \"none\"\n",
}

// domain is the machine in libvirt's words: the driver's devices at the places where the driver has them.
//
//go:embed domain.xml
var domain string

func newLibvirt(ctx context.Context, work string, m dc.Machine, accelerator dc.Accelerator, image string) (*libvirt, error) {
	l := &libvirt{name: m.Name}
	dir := filepath.Join(work, "libvirt")
	for name, over := range map[string]string{"etc": "/etc/libvirt", "lib": "/var/lib/libvirt", "cache": "/var/cache/libvirt", "log": "/var/log/libvirt"} {
		own := filepath.Join(dir, name)
		if err := os.MkdirAll(own, 0o755); err != nil {
			return nil, err
		}
		if err := unix.Mount(own, over, "", unix.MS_BIND, ""); err != nil {
			return nil, fmt.Errorf("mount over %s: %w", over, err)
		}
	}
	for name, content := range libvirtConfig {
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	if accelerator == dc.TCG {
		if err := hideKVM(dir); err != nil {
			return nil, err
		}
	}
	disk := filepath.Join(dir, "disk.img")
	if err := copyDisk(image, disk); err != nil {
		return nil, err
	}
	serial := "/run/libvirt-serial" // which QEMU, as libvirt's user, connects to
	var err error
	if l.serial, err = net.ListenUnix("unix", &net.UnixAddr{Name: serial, Net: "unix"}); err != nil {
		return nil, err
	}
	if err := os.Chmod(serial, 0o666); err != nil {
		return nil, err
	}
	kind := "qemu"
	if accelerator == dc.KVM {
		kind = "kvm"
	}
	var definition bytes.Buffer
	if err := template.Must(template.New("domain").Parse(domain)).Execute(&definition,
		map[string]any{"Type": kind, "Machine": m, "Disk": disk, "Serial": serial}); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "domain.xml")
	if err := os.WriteFile(file, definition.Bytes(), 0o644); err != nil {
		return nil, err
	}
	if err := l.start(ctx); err != nil {
		l.close()
		return nil, err
	}
	if err := l.virsh("define", file); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// hideKVM hides a /dev/kvm that is there and is no use, which costs libvirt half a second at every start: it asks QEMU for its
// abilities again each time. Everybody else has chosen already what to do without.
func hideKVM(dir string) error {
	const device = "/dev/kvm"
	if _, err := os.Stat(device); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	closed := filepath.Join(dir, "kvm")
	if err := os.WriteFile(closed, nil, 0); err != nil {
		return err
	}
	if err := unix.Mount(closed, device, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount over %s: %w", device, err)
	}
	return nil
}

// start returns when libvirtd answers.
func (l *libvirt) start(ctx context.Context) error {
	version, err := exec.Command("libvirtd", "--version").Output()
	if err != nil {
		return fmt.Errorf("libvirtd can't be executed: %w: run scripts/setup --bench", err)
	}
	words := strings.Fields(string(version))
	l.version = words[len(words)-1]
	l.daemon = exec.Command("libvirtd")
	l.daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	l.daemon.Stderr = &l.log
	if err := l.daemon.Start(); err != nil {
		return err
	}
	deadline, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for deadline.Err() == nil {
		if err = l.virsh("list"); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("libvirtd does not answer: %w", err)
}

// virsh runs one command of libvirt's client.
func (l *libvirt) virsh(args ...string) error {
	return execute("virsh", append([]string{"--quiet", "--connect", "qemu:///system"}, args...)...)
}

func (l *libvirt) powerOn(context.Context) (r reached, err error) {
	if err := l.serial.SetDeadline(time.Now().Add(patience)); err != nil {
		return r, err
	}
	type spoken struct {
		after time.Duration
		err   error
	}
	first := make(chan spoken, 1)
	since := stopwatch()
	go func() {
		port, err := l.serial.Accept()
		if err == nil {
			defer port.Close()
			err = firstOutput(port)
		}
		first <- spoken{since(), err}
	}()
	if err := l.virsh("start", l.name); err != nil {
		return r, fmt.Errorf("%w: %s", err, &l.log)
	}
	r.running = since()
	r.told = r.running
	output := <-first
	r.output = output.after
	return r, output.err
}

func (l *libvirt) powerOff(context.Context) error { return l.virsh("destroy", l.name) }

// close ends the domain and libvirtd, whatever became of them.
func (l *libvirt) close() {
	l.serial.Close()
	if l.daemon == nil || l.daemon.Process == nil {
		return
	}
	_ = l.virsh("destroy", l.name)
	_ = l.daemon.Process.Signal(os.Interrupt)
	var ended *exec.ExitError
	if err := l.daemon.Wait(); err != nil && !errors.As(err, &ended) {
		fmt.Fprintln(os.Stderr, "bench: libvirtd:", err)
	}
}
