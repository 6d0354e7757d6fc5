package qemu

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

// A machine's TPM is a process of its own, swtpm, as a user of its own that owns nothing but what the TPM keeps. It and QEMU share a pair
// of connected sockets and nothing else: whichever process ends, the other one notices. swtpm ends with QEMU; a QEMU whose swtpm has
// ended runs on, with a TPM that only fails.

// tpmProgram is swtpm, and tpmPackage what has it.
const (
	tpmProgram = "swtpm"
	tpmPackage = "swtpm"
)

// tpmUserOf is userOf for a machine's TPM.
func tpmUserOf(id dc.VirtualMachineID) uint32 { return userOf(id + "/tpm") }

// chip returns the TPM: with the interface that TPM 2.0 is specified with (CRB).
func (c Command) chip() []string {
	if !c.Machine.TPM {
		return nil
	}
	return []string{"-chardev", "socket,id=tpm," + c.TPM, "-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm,id=tpm0"}
}

// openTPM opens what the TPM keeps, and makes the sockets.
func (l *launch) openTPM() error {
	if !l.spec.TPM {
		return nil
	}
	program, err := exec.LookPath(l.d.cfg.TPM)
	if err != nil {
		return failure(dc.Unavailable, l.spec, "its TPM can't be executed: %w", err).Fix("install the package %s on its host", tpmPackage)
	}
	folder, err := l.files.TPM(tpmUserOf(l.spec.ID))
	if err != nil {
		return err
	}
	l.tpmProgram, l.tpmFiles = program, []*os.File{folder}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return failure(dc.Unavailable, l.spec, "making the sockets of its TPM: %w", err).Fix("raise the host's limit of open files")
	}
	l.tpmFiles = append(l.tpmFiles, os.NewFile(uintptr(pair[0]), "TPM"))
	l.command.TPM = fmt.Sprintf("fd=%d", l.inherit(os.NewFile(uintptr(pair[1]), "QEMU")))
	return nil
}

// spawnTPM starts the TPM, for which QEMU waits. It comes after QEMU: were this process to die between the two, QEMU would see its
// socket closed and end, while swtpm without a QEMU would wait for ever.
func (l *launch) spawnTPM() error {
	if !l.spec.TPM {
		return nil
	}
	args := []string{"socket", "--tpm2", "--tpmstate", "dir=/proc/self/fd/3,mode=0600", "--ctrl", "type=unixio,clientfd=4", "--terminate"}
	tpm, err := spawn(l.tpmProgram, args, tpmUserOf(l.spec.ID), nil, l.log, l.tpmFiles)
	if err != nil {
		return failure(dc.Unavailable, l.spec, "its TPM can't be executed: %w", err).
			Fix("see that every user may execute %s, or install the package %s again", l.tpmProgram, tpmPackage)
	}
	l.tpm = tpm
	return nil
}

// adoptTPM finds a machine's TPM again.
func (m *machine) adoptTPM(h handle) error {
	if h.TPM == nil {
		return nil
	}
	tpm, err := adopt(h.TPM.PID, h.TPM.Start)
	if errors.Is(err, fs.ErrNotExist) {
		ended := make(chan struct{})
		close(ended)
		m.tpm = &process{pid: h.TPM.PID, dead: ended}
		return nil
	}
	m.tpm = tpm
	return err
}

// watchTPM notices when the TPM ends before the machine.
func (m *machine) watchTPM() {
	select {
	case <-m.tpm.dead:
	case <-m.ctx.Done():
		return
	}
	m.look(m.compare)
}

// tpmEnded says that the TPM has ended, nothing if it has not.
func (m *machine) tpmEnded() []string {
	if m.tpm == nil {
		return nil
	}
	select {
	case <-m.tpm.dead:
		return []string{fmt.Sprintf("its TPM has ended (process %d): what the guest asks of it fails until the next power-on", m.tpm.pid)}
	default:
		return nil
	}
}

// endTPM waits for the end of a TPM whose QEMU has ended, and sees to it.
func endTPM(tpm *process) {
	if tpm == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), quitTime)
	defer cancel()
	select {
	case <-tpm.dead:
		return
	case <-ctx.Done():
	}
	tpm.kill()
	select {
	case <-tpm.dead:
	case <-time.After(quitTime): // it waits for its disk
	}
}
