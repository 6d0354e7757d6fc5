package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/host/volume"
	"hanok/internal/qmp"
)

// startTimeout bounds the time from QEMU's start until its monitor answers, on a host that is very busy.
const startTimeout = time.Minute

// Start implements the agent's Hypervisor.
//
// When this process dies before keep has written the handle, a QEMU with halted CPUs may be left: the next Start or Stop
// finds it by its socket (orphan.go). After that, Recover finds it.
func (d *Driver) Start(ctx context.Context, spec dc.Machine, nics []dc.Attachment, keep func(dc.Handle) error) error {
	release, err := d.reserve(spec)
	if err != nil {
		return err
	}
	defer release()
	if err := unsupported(spec); err != nil {
		return err
	}
	if err := d.refuseOrphan(ctx, spec); err != nil {
		return err
	}
	found, err := d.Probe(ctx)
	if err != nil {
		return err
	}
	files, err := d.cfg.Volume.Files(ctx, spec)
	if err != nil {
		return err
	}
	defer files.Close()
	l := &launch{d: d, spec: spec, files: files, sockets: d.sockets(spec.ID)}
	m, err := l.start(ctx, nics, found.Accelerator, keep)
	l.close()
	if err == nil {
		err = d.add(m)
	}
	if err != nil {
		l.discard()
		return err
	}
	return nil
}

// launch is the start of one machine.
type launch struct {
	d       *Driver
	spec    dc.Machine
	files   *volume.Files
	sockets string

	command   Command
	inherited []*os.File
	log       *os.File
	nvram     *os.File // the variables of EFI firmware; nil for BIOS
	memory    *os.File // to wake up with; nil for a machine that boots
	proc      *process
	// tpmProgram is executed with tpmFiles as the machine's TPM, which tpm is then; all nil for none.
	tpmProgram string
	tpmFiles   []*os.File
	tpm        *process
	mon        *qmp.Client
	// unenforced says what of its resources can't be enforced.
	unenforced []string
}

// start does everything up to the first instruction, which follows its success. The caller discards what a failure leaves.
func (l *launch) start(ctx context.Context, nics []dc.Attachment, accel dc.Accelerator, keep func(dc.Handle) error) (*machine, error) {
	defer l.closeLog()
	l.command = Command{Machine: l.spec, NICs: nics, Accelerator: accel, Type: machineType}
	if err := l.open(); err != nil {
		return nil, err
	}
	if err := l.spawn(); err != nil {
		return nil, err
	}
	l.unenforced = l.d.place(l.spec, l.proc, l.tpm) // before the guest's memory is touched, which is counted where it is first
	id := handle{Boot: l.d.boot, PID: l.proc.pid, Start: l.proc.start, UUID: l.spec.UUID, Sockets: l.sockets}
	if l.tpm != nil {
		id.TPM = &tpmHandle{PID: l.tpm.pid, Start: l.tpm.start}
	}
	h, err := id.encode()
	if err != nil {
		return nil, failure(dc.Internal, l.spec, "encoding its handle: %w", err)
	}
	// QEMU gets ready meanwhile.
	written := make(chan error, 1)
	go func() { written <- l.write(h, keep) }()
	err = l.connect(ctx)
	if writeErr := <-written; writeErr != nil {
		return nil, writeErr
	}
	if err != nil {
		return nil, err
	}
	m := l.d.newMachine(l.spec, l.proc, l.sockets, l.mon)
	m.unenforced, m.tpm = l.unenforced, l.tpm
	if err := l.release(ctx, m); err != nil {
		if dc.KindOf(err) == dc.WrongState { // which would say that it has power already
			err = failure(dc.Unavailable, l.spec, "QEMU does not let it run: %w", err)
		}
		return nil, err
	}
	l.note("its CPUs run")
	return m, nil
}

// open opens everything that QEMU is to inherit.
func (l *launch) open() error {
	lock, err := l.files.Lock()
	if err != nil {
		return err
	}
	l.inheritFile(lock, l.files.Path)
	if err := l.openSockets(); err != nil {
		return err
	}
	disks, err := l.files.Disks()
	if err != nil {
		return err
	}
	l.command.Disks = map[int32]string{}
	for _, disk := range disks {
		l.command.Disks[disk.Key] = l.inheritFile(disk.File, filepath.Join(filepath.Dir(l.files.Path), dc.FlatFile(disk.Disk.File)))
	}
	if err := l.openFirmware(); err != nil {
		return err
	}
	if err := l.openMemory(); err != nil {
		return err
	}
	if err := l.enterSetup(); err != nil {
		return err
	}
	if err := l.openTPM(); err != nil {
		return err
	}
	if l.log, err = l.files.RotateLog(); err != nil {
		return err
	}
	return l.openMedia()
}

// openMedia opens what lies in the drives, and the files of the serial ports. A drive whose media can't be opened is empty, which
// the machine's differences say (compare.go): it is no reason not to start.
func (l *launch) openMedia() error {
	l.command.Media, l.command.Ports = map[int32]string{}, map[int32]string{}
	for _, d := range l.spec.Drives {
		if !d.Connected || d.Media == (dc.Media{}) {
			continue
		}
		file, path, err := l.d.cfg.Volume.Media(l.spec, d.Media)
		if err != nil {
			l.note("%s is empty: %v", describeDrive(d), err)
			l.d.log.Warn("a drive is empty", "machine", l.spec.ID, "drive", d.Key, "error", err)
			continue
		}
		l.command.Media[d.Key] = l.inheritFile(file, path)
	}
	console := consoleOf(l.spec.Hardware)
	for _, p := range l.spec.SerialPorts {
		if p.Key == console || p.File == (dc.Media{}) {
			continue
		}
		file, path, err := l.d.cfg.Volume.PortFile(l.spec, p.File)
		if err != nil {
			return err
		}
		l.command.Ports[p.Key] = l.inheritFile(file, path)
	}
	for _, said := range differences(l.spec.Hardware) {
		l.note("%s", said)
		l.d.log.Warn("a machine gets other hardware than was asked for", "machine", l.spec.ID, "message", said)
	}
	return nil
}

// openSockets makes the folder of the machine's sockets anew.
func (l *launch) openSockets() error {
	err := os.RemoveAll(l.sockets)
	if err == nil {
		err = os.MkdirAll(l.sockets, 0o700)
	}
	if err != nil {
		return failure(dc.Unavailable, l.spec, "making its sockets: %w", err).Fix("look at the folder %s", l.d.cfg.RunDir)
	}
	for _, s := range []struct {
		name    string
		backend *string
	}{{monitorSocket, &l.command.Monitor}, {serialSocket, &l.command.Serial}, {agentSocket, &l.command.Agent}, {checkSocket, &l.command.Check}} {
		socket, err := listen(l.sockets, s.name)
		if err != nil {
			return failure(dc.Unavailable, l.spec, "making its sockets: %w", err).
				Fix("check that the path of the folder %s is short enough for a socket's (107 characters)", l.d.cfg.RunDir)
		}
		*s.backend = fmt.Sprintf("fd=%d", l.inherit(socket))
	}
	return nil
}

// inherit gives QEMU an open file and returns the descriptor's number there.
func (l *launch) inherit(file *os.File) int {
	l.inherited = append(l.inherited, file)
	return 2 + len(l.inherited)
}

// inheritFile is inherit for one that QEMU opens by name, which it returns. label is what a process list shows.
func (l *launch) inheritFile(file *os.File, label string) string {
	f := InheritedFile{FD: l.inherit(file), Set: len(l.command.Files) + 1, Label: label}
	l.command.Files = append(l.command.Files, f)
	return fmt.Sprintf("/dev/fdset/%d", f.Set)
}

// spawn starts the process. Afterwards it alone has the files and the locks on them.
func (l *launch) spawn() error {
	args, user := sabotaged(l.command.Args()), userOf(l.spec.ID)
	l.note("starting %s (%s) with %s as user %d", describe(l.spec), l.spec.ID, l.command.Accelerator, user)
	l.d.log.Debug("starting QEMU", "machine", l.spec.ID, "arguments", args)
	proc, err := spawn(l.d.cfg.Binary, args, user, l.d.probe.groups(), l.log, l.inherited)
	l.proc = proc
	if err == nil {
		err = l.spawnTPM()
	}
	l.close()
	switch {
	case proc != nil:
		return err
	case errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EAGAIN):
		return failure(dc.Exhausted, l.spec, "the host can't hold another process: %w", err).
			Fix("power off other machines on this host")
	case err != nil:
		return failure(dc.Unavailable, l.spec, "QEMU can't be executed: %w", err).
			Fix("install the package qemu-system-x86, and see that every user may enter the folders it is in")
	}
	return nil
}

// close closes what QEMU inherits. A copy that stays would keep the locks beyond QEMU's end.
func (l *launch) close() {
	for _, file := range l.inherited {
		file.Close()
	}
	for _, file := range l.tpmFiles {
		file.Close()
	}
	l.inherited, l.tpmFiles = nil, nil
}

// note writes a line into the machine's log, between those of QEMU.
func (l *launch) note(format string, args ...any) {
	fmt.Fprintf(l.log, "%s hanok: %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), fmt.Sprintf(format, args...))
}

func (l *launch) closeLog() {
	if l.log != nil {
		l.log.Close()
	}
}

// write writes down what has to be on the disk before the CPUs run.
func (l *launch) write(h dc.Handle, keep func(dc.Handle) error) error {
	if err := l.files.SaveConfig(); err != nil {
		return err
	}
	if l.memory == nil {
		// Half a memory may be there. A whole one is not given up before it was read.
		if err := l.files.RemoveSuspended(); err != nil {
			return err
		}
	}
	return keep(h)
}

// connect waits for QEMU to be ready.
func (l *launch) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	mon, err := qmp.Dial(ctx, filepath.Join(l.sockets, monitorSocket))
	if err == nil {
		l.mon = mon
		return nil
	}
	return l.explain(ctx, err)
}

// explain turns QEMU's end during its start into an error with QEMU's own words.
func (l *launch) explain(ctx context.Context, cause error) error {
	wait, cancel := context.WithTimeout(ctx, quitTime)
	defer cancel()
	select {
	case <-l.proc.dead:
	case <-wait.Done():
		return failure(dc.Unavailable, l.spec, "QEMU does not answer after its start: %w", cause).
			Fix("try again when the host is less busy")
	}
	said, err := l.files.LogTail(logLines)
	if err != nil {
		said = err.Error()
	}
	how := ending{status: l.proc.status.Load()}.how()
	switch {
	case strings.Contains(said, "Cannot allocate memory"):
		return failure(dc.Exhausted, l.spec, "the host has not enough memory for it: %s", said).
			Fix("give it less memory, or power off other machines on this host")
	case strings.Contains(said, `Failed to get "write" lock`):
		return failure(dc.Unavailable, l.spec, "its disks are in use%s: %s", l.files.DiskHolder(), said).
			Fix("find out which one has them open (fuser -v %s/*)", l.files.Path)
	}
	return failure(dc.Unavailable, l.spec, "QEMU %s while it started: %s", how, said).
		Fix("look at vmware.log in %s", l.files.Path)
}

// release lets the CPUs run, for the first time or from where they stopped.
func (l *launch) release(ctx context.Context, m *machine) error {
	for _, nic := range l.command.unplugged() {
		if err := m.execute(ctx, "set_link", map[string]any{"name": nic, "up": false}, nil); err != nil {
			return err
		}
	}
	if l.memory != nil {
		defer l.memory.Close()
		if err := l.wake(ctx, m); err != nil {
			return err
		}
		// From here on the disks change, and a memory that remembers them otherwise must not come back.
		if err := l.files.RemoveSuspended(); err != nil {
			return err
		}
	}
	if err := m.execute(ctx, "cont", nil, nil); err != nil {
		return err
	}
	if l.memory != nil {
		return m.synchronize(ctx) // the guest's agent may have its port open already
	}
	return m.compare(ctx)
}

// discard removes what a failed start has left.
func (l *launch) discard() {
	if l.memory != nil {
		l.memory.Close()
	}
	if l.mon != nil {
		l.mon.Close()
	}
	if l.proc != nil {
		l.proc.kill()
		<-l.proc.dead
		endTPM(l.tpm)
		l.d.cfg.Groups.Remove(string(l.spec.ID))
	}
	if err := os.RemoveAll(l.sockets); err != nil {
		l.d.log.Warn("the sockets of a machine that did not start stay", "machine", l.spec.ID, "error", err)
	}
}
