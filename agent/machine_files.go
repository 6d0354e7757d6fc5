package agent

import (
	"context"

	"hanok/dc"
)

// create makes the machine's files. A failure is reported, and tried again when an assignment of the machine comes
// again (which each connection to the manager brings) or its datastore is mounted. One of kind Unavailable is the
// manager's or the network's and is not reported at all, only tried again: a manager that restarts must not fail the
// making of a machine.
//
// When the power goes: Files is not set, and the driver continues what it finds.
func (m *machine) create(ctx context.Context) error {
	ctx, end := m.interruptible(ctx, func(a dc.Assignment) bool { return a.Deleted })
	defer end()
	if err := m.a.copies.acquire(ctx); err != nil {
		return err
	}
	defer m.a.copies.release()
	defer m.a.board.setProgress(m.id, progress{})
	err := m.during(ctx, func() error {
		return m.a.cfg.Storage.CreateMachine(ctx, m.rec.Assignment.Machine, m.a.fetch,
			func(done, total int64) { m.a.board.setProgress(m.id, progress{done: done, total: total}) })
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case dc.KindOf(err) == dc.Unavailable:
		return err
	case err != nil:
		m.tried, m.failure = true, m.failureOf(m.a.datastores.explain(m.rec.Assignment.Machine.Datastore, err))
		return nil
	}
	m.failure = nil
	rec := m.rec
	rec.Files, rec.Power = dc.FilesReady, dc.PoweredOff
	return m.save(rec)
}

// removeFiles carries out the tombstone. The record stays, and says so, until the manager has answered the report (see
// Agent.forgetMachine).
//
// When the power goes: all of it is done again. The machine is off before its files go, and they are gone before
// FilesRemoved is written. A failure is reported, and all of it is done again a little later.
func (m *machine) removeFiles(ctx context.Context) error {
	spec := m.rec.Assignment.Machine
	err := m.a.cfg.Hypervisor.Stop(ctx, spec)
	if err == nil {
		err = m.a.cfg.Network.Unplug(ctx, spec)
	}
	if err == nil {
		err = m.a.cfg.Storage.DeleteMachine(ctx, spec)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		err = m.a.datastores.explain(spec.Datastore, err)
		m.failure = m.failureOf(err)
		m.report()
		return err
	}
	m.failure = nil
	return m.save(record{Assignment: m.rec.Assignment, Files: dc.FilesRemoved, Power: dc.PoweredOff, Outcome: m.rec.Outcome,
		Begun: m.rec.Begun})
}
