package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/qmp"
)

// orphan is a QEMU that executes a machine without a handle that says so: the agent died in the middle of Start, or has
// lost its records.
type orphan struct {
	proc *process
	// status is QEMU's own word: "prelaunch" before the first instruction.
	status string
}

// Find implements the agent's Hypervisor. A start that was cut short before the first instruction is removed. Where nothing
// listens for this driver, the lock of the machine's folder tells whether a process has it.
func (d *Driver) Find(ctx context.Context, spec dc.Machine) (dc.Handle, error) {
	o, err := d.findOrphan(ctx, spec)
	switch {
	case err != nil:
		return nil, err
	case o == nil:
		return nil, d.findHolder(ctx, spec)
	case fresh(o.status):
		d.log.Info("a start that was cut short is removed", "machine", spec.ID, "process", o.proc.pid)
		d.end(spec, o)
		return nil, errNothing(spec)
	}
	defer o.proc.release()
	return handle{Boot: d.boot, PID: o.proc.pid, Start: o.proc.start, UUID: spec.UUID, Sockets: d.sockets(spec.ID)}.encode()
}

// findHolder returns the error for a machine whose process, if there is one, can't be talked to.
func (d *Driver) findHolder(ctx context.Context, spec dc.Machine) error {
	files, err := d.cfg.Volume.Files(ctx, spec)
	if dc.KindOf(err) == dc.NotFound {
		return errNothing(spec) // no machine runs without its files
	}
	if err != nil {
		return err
	}
	defer files.Close()
	lock, err := files.Lock()
	if err != nil {
		return err
	}
	lock.Close()
	return errNothing(spec)
}

func errNothing(spec dc.Machine) error { return failure(dc.NotFound, spec, "nothing executes it") }

// findOrphan looks for a QEMU that listens on the machine's socket. It returns nil when there is none.
func (d *Driver) findOrphan(ctx context.Context, spec dc.Machine) (*orphan, error) {
	path := filepath.Join(d.sockets(spec.ID), monitorSocket)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	mon, err := qmp.Dial(ctx, path)
	if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil // what listened has ended
	}
	if err == nil {
		defer mon.Close()
		var o *orphan
		if o, err = identify(ctx, mon, spec); err == nil {
			return o, nil
		}
	}
	return nil, failure(dc.Unavailable, spec, "a QEMU process that may execute it does not answer: %w", err).
		Fix("end the process that has its folder in its command line, then try again")
}

// identify finds the process behind a connection by one of its threads, which QEMU names.
func identify(ctx context.Context, mon *qmp.Client, spec dc.Machine) (*orphan, error) {
	var now struct {
		Status string `json:"status"`
	}
	var cpus []struct {
		Thread int `json:"thread-id"`
	}
	if err := mon.Execute(ctx, "query-status", nil, &now); err != nil {
		return nil, err
	}
	if err := mon.Execute(ctx, "query-cpus-fast", nil, &cpus); err != nil {
		return nil, err
	}
	if len(cpus) == 0 {
		return nil, errors.New("it has no CPUs")
	}
	pid, err := processOf(cpus[0].Thread)
	if err != nil {
		return nil, err
	}
	start, err := startTime(pid)
	if err != nil {
		return nil, err
	}
	proc, err := adopt(pid, start)
	if err != nil {
		return nil, err
	}
	if !proc.executes(spec.UUID) {
		proc.release()
		return nil, fmt.Errorf("process %d executes another machine", pid)
	}
	return &orphan{proc: proc, status: now.Status}, nil
}

// processOf returns the process that a thread belongs to.
func processOf(thread int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(status, []byte("\nTgid:\t"))
	pid, _, _ := bytes.Cut(rest, []byte("\n"))
	return strconv.Atoi(string(pid))
}

// end kills the process that executes a machine, and waits for its end.
func (d *Driver) end(spec dc.Machine, o *orphan) {
	o.proc.kill()
	<-o.proc.dead
	d.cfg.Groups.Remove(string(spec.ID))
}

// refuseOrphan makes sure that nothing executes a machine that is about to start. What has not executed an instruction is
// removed; what runs is left alone and refused.
func (d *Driver) refuseOrphan(ctx context.Context, spec dc.Machine) error {
	o, err := d.findOrphan(ctx, spec)
	switch {
	case err != nil || o == nil:
		return err
	case fresh(o.status):
		d.log.Info("a start that was cut short is removed", "machine", spec.ID, "process", o.proc.pid)
		d.end(spec, o)
		return nil
	}
	defer o.proc.release()
	return failure(dc.WrongState, spec, "process %d executes it already, of which the agent has no record", o.proc.pid).
		Fix("power it off, then on again")
}

// fresh reports whether QEMU's status is that of a machine that has not executed an instruction.
func fresh(status string) bool { return status == "prelaunch" || status == "inmigrate" }
