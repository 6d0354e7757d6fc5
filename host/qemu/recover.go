package qemu

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"hanok/dc"
	"hanok/internal/qmp"
	"hanok/internal/sabotage"
)

// Recover implements the agent's Hypervisor.
func (d *Driver) Recover(ctx context.Context, spec dc.Machine, data dc.Handle) error {
	release, err := d.reserve(spec)
	if dc.KindOf(err) == dc.WrongState {
		return nil // it is ours already
	}
	if err != nil {
		return err
	}
	defer release()
	h, err := parseHandle(data)
	if err != nil {
		return failure(dc.NotFound, spec, "its handle is of no use: %w", err)
	}
	if h.Boot != d.boot {
		return d.gone(ctx, spec, h, "the host was restarted while it ran")
	}
	proc, err := adopt(h.PID, h.Start)
	if errors.Is(err, fs.ErrNotExist) {
		return d.gone(ctx, spec, h, "its QEMU process has ended while no agent watched it, in a way that is not known")
	}
	if err != nil {
		return failure(dc.Unavailable, spec, "looking for its QEMU process: %w", err).Fix("mount /proc")
	}
	switch {
	case sabotage.Is(sabotage.SecondQEMU):
		return d.gone(ctx, spec, h, "its process is not looked for")
	case sabotage.Is(sabotage.RestartedGuests):
		proc.kill()
		<-proc.dead
		return d.gone(ctx, spec, h, "its process was ended")
	}
	if h.UUID != spec.UUID || !proc.executes(spec.UUID) {
		proc.release()
		return failure(dc.NotFound, spec, "process %d executes another machine", h.PID)
	}
	m, err := d.takeOver(ctx, spec, h, proc)
	if err == nil {
		err = d.add(m)
	}
	if err == nil {
		return nil
	}
	if m != nil {
		m.disconnect()
	}
	select {
	case <-proc.dead:
		return d.gone(ctx, spec, h, "its QEMU process has ended while the agent looked for it")
	default:
	}
	proc.release()
	if m != nil && m.tpm != nil {
		m.tpm.release()
	}
	return err
}

// gone notes that the process of a handle has ended, and what is known of that. It returns the error of kind NotFound.
func (d *Driver) gone(ctx context.Context, spec dc.Machine, h handle, message string) error {
	suspended, err := d.suspended(ctx, spec)
	if err != nil {
		d.log.Warn("whether the machine is suspended is not known", "machine", spec.ID, "error", err)
	}
	exit := dc.MachineExit{Clean: true}
	if !suspended {
		exit = dc.MachineExit{Message: withLog(message, d.logTail(spec))}
	}
	if h.Sockets == d.sockets(spec.ID) {
		if err := os.RemoveAll(h.Sockets); err != nil {
			d.log.Warn("the sockets of an ended machine stay", "machine", spec.ID, "error", err)
		}
	}
	if h.TPM != nil && h.Boot == d.boot {
		if tpm, err := adopt(h.TPM.PID, h.TPM.Start); err == nil {
			endTPM(tpm)
		}
	}
	d.cfg.Groups.Remove(string(spec.ID))
	d.noteExit(spec.ID, exit)
	return failure(dc.NotFound, spec, "%s", message)
}

// takeOver connects to a process and brings what an earlier agent has left half done to an end. Its error says whether
// the process lives: a process that this kills is dead when it returns.
func (d *Driver) takeOver(ctx context.Context, spec dc.Machine, h handle, proc *process) (*machine, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	mon, err := qmp.Dial(ctx, filepath.Join(h.Sockets, monitorSocket))
	if err != nil {
		return nil, failure(dc.Unavailable, spec, "its QEMU process %d does not answer: %w", h.PID, err).
			Fix("wait until it does, or end the process: that takes the machine's power")
	}
	m := d.newMachine(spec, proc, h.Sockets, mon)
	if err := m.adoptTPM(h); err != nil {
		return m, failure(dc.Unavailable, spec, "looking for the process of its TPM: %w", err).Fix("mount /proc")
	}
	status, err := m.queryStatus(ctx)
	if err != nil {
		return m, err
	}
	files, err := d.cfg.Volume.Files(ctx, spec)
	if err != nil {
		return m, err
	}
	defer files.Close()
	suspended, err := files.Suspended()
	if err != nil {
		return m, err
	}
	end := func(why string) (*machine, error) {
		d.log.Info("ending a QEMU process", "machine", spec.ID, "process", h.PID, "reason", why)
		proc.kill()
		<-proc.dead
		endTPM(m.tpm)
		return m, failure(dc.NotFound, spec, "%s", why)
	}
	written := status == "finish-migrate" || status == "postmigrate"
	switch {
	case fresh(status):
		return end("its start was cut short")
	case written && suspended:
		return end("it is suspended")
	case written, status == "paused":
		// A suspension, or a start that has loaded the memory, was cut short before the point from which there is no way back.
		if err := m.goOn(ctx, files); err != nil {
			return m, err
		}
	}
	return m, m.synchronize(ctx)
}
