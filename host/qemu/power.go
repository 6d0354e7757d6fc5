package qemu

import (
	"context"
	"os"

	"hanok/dc"
)

// Stop implements the agent's Hypervisor.
func (d *Driver) Stop(ctx context.Context, spec dc.Machine) error {
	m, err := d.running(spec.ID)
	switch dc.KindOf(err) {
	case "":
		if err := m.stop(ctx, askedStop); err != nil {
			return err
		}
	case dc.WrongState:
		if err := d.stopOrphan(ctx, spec); err != nil {
			return err
		}
	default:
		return err
	}
	files, err := d.files(ctx, spec)
	if err != nil || files == nil {
		return err
	}
	defer files.Close()
	suspended, err := files.Suspended()
	if err != nil || !suspended {
		return err
	}
	if err := files.RemoveSuspended(); err != nil {
		return err
	}
	d.noteExit(spec.ID, dc.MachineExit{Clean: true})
	return nil
}

// stopOrphan takes the power of a machine that runs without a handle.
func (d *Driver) stopOrphan(ctx context.Context, spec dc.Machine) error {
	o, err := d.findOrphan(ctx, spec)
	if err != nil || o == nil {
		return err
	}
	d.end(spec, o)
	d.noteExit(spec.ID, dc.MachineExit{Clean: true})
	return os.RemoveAll(d.sockets(spec.ID))
}

// stop ends the process and returns when the machine is known to have no power.
func (m *machine) stop(ctx context.Context, asked string) error {
	m.mu.Lock()
	m.ending.asked = asked
	m.mu.Unlock()
	m.quit()
	select {
	case <-m.ended:
		return nil
	case <-m.ctx.Done():
		select {
		case <-m.ended:
			return nil
		default:
			return errClosed(m.spec.ID)
		}
	case <-ctx.Done():
		return failure(dc.Unavailable, m.spec, "its QEMU process %d has not ended yet: %w", m.proc.pid, ctx.Err()).
			Fix("look at the health of its datastore: the process may wait for a disk")
	}
}

// Reset implements the agent's Hypervisor. A paused machine runs afterwards; what it was about to write is lost, as with
// the button of a real one.
func (d *Driver) Reset(ctx context.Context, id dc.VirtualMachineID) error {
	m, err := d.running(id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	m.mu.Lock()
	before := m.resets
	m.mu.Unlock()
	if err := m.execute(ctx, "system_reset", nil, nil); err != nil {
		return err
	}
	var run dc.RunState
	err = m.await(ctx, func() bool {
		run = m.status
		return m.resets > before
	})
	if err != nil {
		return m.failed(err)
	}
	if run == dc.RunPaused {
		return d.Continue(ctx, id)
	}
	return nil
}

// Continue implements the agent's Hypervisor.
func (d *Driver) Continue(ctx context.Context, id dc.VirtualMachineID) error {
	m, err := d.running(id)
	if err != nil {
		return err
	}
	if err := m.execute(ctx, "cont", nil, nil); err != nil {
		return err
	}
	return m.refresh(ctx)
}
