package agent

import (
	"context"

	"hanok/dc"
)

// create makes the machine's files, or takes over those that are there. A failure is reported, and tried again when an assignment of the machine comes
// again (which each connection to the manager brings) or its datastore is mounted. One of kind Unavailable is the
// manager's or the network's and is not reported at all, only tried again: a manager that restarts must not fail the
// making of a machine.
//
// When the power goes: Files is not set, and the driver continues what it finds.
func (m *machine) create(ctx context.Context) error {
	ctx, end := m.interruptible(ctx, func(a dc.Assignment) bool { return a.Deleted || a.Released })
	defer end()
	if err := m.a.copies.acquire(ctx); err != nil {
		return err
	}
	defer m.a.copies.release()
	defer m.a.board.setProgress(m.id, progress{})
	registered := m.rec.Assignment.Registered
	err := m.during(ctx, func() error {
		if registered != nil {
			return m.a.cfg.Storage.RegisterMachine(ctx, m.rec.Assignment.Machine, *registered)
		}
		return m.a.cfg.Storage.CreateMachine(ctx, m.rec.Assignment.Machine, m.a.fetch,
			func(done, total int64) { m.a.board.setProgress(m.id, progress{done: done, total: total}) })
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case dc.KindOf(err) == dc.Unavailable && registered == nil:
		return err
	case err != nil:
		m.tried, m.failure = true, m.failureOf(m.a.datastores.explain(m.rec.Assignment.Machine.Datastore, err))
		return nil
	}
	m.failure = nil
	rec := m.rec
	rec.Files, rec.Power = dc.FilesReady, dc.PoweredOff
	rec.Configured = dc.ConfigurationOutcome{Generation: rec.Assignment.Configuration}
	return m.save(rec)
}

// find looks for a machine that the manager knows to have files and of which the host has no record. What runs is taken over;
// files that are there are taken as they are. What is missing is reported, and looked for again a little later; a request
// that waits for it has failed.
//
// When the power goes: nothing was changed, or the handle is in the record and the machine is recovered.
func (m *machine) find(ctx context.Context) error {
	spec := m.rec.Assignment.Machine
	lost := m.a.cfg.Storage.FindMachine(ctx, spec)
	if !m.rec.hasPower() {
		handle, err := m.a.cfg.Hypervisor.Find(ctx, spec)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			m.log.Info("found a process without a record")
			rec := m.rec
			rec.Handle, rec.BootID = handle, m.a.boot
			m.recovered, m.held = false, false
			return m.save(rec)
		}
		if m.held = dc.KindOf(err) != dc.NotFound; m.held {
			lost = err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if lost != nil {
		return m.miss(m.a.datastores.explain(spec.Datastore, lost))
	}
	m.failure = nil
	rec := m.rec
	rec.Files, rec.Disks = dc.FilesReady, descriptors(spec)
	if !rec.hasPower() {
		rec.Power = dc.PoweredOff
		rec = m.withoutPower(rec)
		rec.Fault = m.lostPower(rec)
	}
	return m.save(rec)
}

// miss reports that the machine's files are missing, and returns err.
func (m *machine) miss(err error) error {
	m.failure = m.failureOf(err)
	if request, pending := m.rec.pending(); pending && !m.held {
		rec := m.rec
		rec.Outcome = dc.PowerOutcome{Generation: request.Generation}
		if request.Op != "" {
			rec.Outcome.Failure = m.failure
		}
		if err := m.save(rec); err != nil {
			return err
		}
	}
	m.report()
	return err
}

// missing returns the power state of a machine whose files are missing.
func (m *machine) missing() dc.PowerState {
	if m.held {
		return dc.PoweredOn // as far as is known
	}
	return dc.PoweredOff
}

// lostPower returns the fault of a machine that was found without power and by its last request, which was carried out, should
// have it; nil for another one.
func (m *machine) lostPower(rec record) *dc.Failure {
	if _, pending := rec.pending(); pending || rec.Power != dc.PoweredOff {
		return nil
	}
	switch rec.Assignment.Power.Op {
	case dc.PowerOn, dc.Reset, dc.RebootGuest:
		return &dc.Failure{Kind: dc.Unavailable, Object: dc.Describe(dc.KindVirtualMachine, rec.Assignment.Machine.Name),
			Message: "its host has lost its record of it, and nothing executes it any more", Remedy: "power it on again"}
	}
	return nil
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
	return m.ended(ctx, dc.FilesRemoved, err)
}

// ended writes down that the machine is no longer here, with its files in the state, or reports why that failed.
func (m *machine) ended(ctx context.Context, files dc.FilesState, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		err = m.a.datastores.explain(m.rec.Assignment.Machine.Datastore, err)
		m.failure = m.failureOf(err)
		m.report()
		return err
	}
	m.failure = nil
	return m.save(record{Assignment: m.rec.Assignment, Files: files, Power: dc.PoweredOff, Outcome: m.rec.Outcome,
		Begun: m.rec.Begun, Configured: m.rec.Configured})
}

// release lets go of the machine and leaves its files as they are. The record stays, and says so, until the manager has answered the
// report. What may be executing it is found first: then it waits for that to end.
//
// When the power goes: the mark is on the files still, or not any more, and all of it is done again.
func (m *machine) release(ctx context.Context) error {
	spec := m.rec.Assignment.Machine
	var err error
	if m.rec.lostTrack() {
		if _, found := m.a.cfg.Hypervisor.Find(ctx, spec); dc.KindOf(found) != dc.NotFound {
			err = dc.Errorf(dc.Unavailable, "something executes it").Fix("power it off first")
		}
	}
	if err == nil {
		err = m.a.cfg.Network.Unplug(ctx, spec)
	}
	if err == nil {
		err = m.a.cfg.Storage.ReleaseMachine(ctx, spec)
	}
	return m.ended(ctx, dc.FilesReleased, err)
}
