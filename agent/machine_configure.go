package agent

import (
	"context"
	"errors"
	"slices"

	"hanok/dc"
)

// configure brings the machine in line with its hardware: what is new is made first, then a machine with power is changed, and what
// was discarded is removed last. It ends with an outcome, good or bad; only what is the manager's or the network's is waited for.
//
// When the power goes: there is no outcome, and all of it is done again. What the machine has already is a success.
func (m *machine) configure(ctx context.Context) error {
	err := m.changeHardware(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errSuperseded) || errors.Is(err, errLater) {
		return err
	}
	if err != nil {
		err = m.a.datastores.explain(m.rec.Assignment.Machine.Datastore, err)
	}
	m.observe(ctx)
	rec := m.rec
	rec.Configured = dc.ConfigurationOutcome{Generation: rec.Assignment.Configuration, Failure: m.failureOf(err)}
	return m.save(rec)
}

// errLater is part of the error of what may succeed by itself a little later.
var errLater = errors.New("it is tried again")

func (m *machine) changeHardware(ctx context.Context) error {
	spec, discarded := m.rec.Assignment.Machine, m.rec.Assignment.Discarded
	if m.unseen == nil && m.state.Run == dc.RunSuspended {
		return dc.Errorf(dc.WrongState, "it is suspended").Fix("power it on, or off, first")
	}
	var added []int32
	for _, d := range spec.Disks {
		if !slices.Contains(m.rec.Disks, d.File) {
			added = append(added, d.Key)
		}
	}
	err := m.configureFiles(ctx, added, nil)
	switch {
	case dc.KindOf(err) == dc.Unavailable:
		return errors.Join(err, errLater)
	case err != nil:
		return err
	}
	if m.situation().executes() {
		nics, err := m.a.cfg.Network.Plug(ctx, spec)
		if err == nil {
			err = m.during(ctx, func() error { return m.a.cfg.Hypervisor.Reconfigure(ctx, spec, nics) })
		}
		if err != nil {
			return err
		}
	}
	if len(discarded) == 0 {
		return nil
	}
	return m.configureFiles(ctx, nil, discarded)
}

// configureFiles lets the driver change the machine's files. A tombstone, or another change of the hardware, ends it.
func (m *machine) configureFiles(ctx context.Context, added []int32, discarded []string) error {
	spec, generation := m.rec.Assignment.Machine, m.rec.Assignment.Configuration
	ctx, end := m.interruptible(ctx, func(a dc.Assignment) bool { return a.Deleted || a.Configuration > generation })
	defer end()
	if err := m.a.copies.acquire(ctx); err != nil {
		return err
	}
	defer m.a.copies.release()
	defer m.a.board.setProgress(m.id, progress{})
	err := m.during(ctx, func() error {
		return m.a.cfg.Storage.ConfigureMachine(ctx, spec, added, discarded, m.a.fetch,
			func(done, total int64) { m.a.board.setProgress(m.id, progress{done: done, total: total}) })
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// descriptors returns the files of a machine's disks. It is not nil.
func descriptors(m dc.Machine) []string {
	all := make([]string, 0, len(m.Disks))
	for _, d := range m.Disks {
		all = append(all, d.File)
	}
	return all
}
