package agent

import (
	"context"
	"errors"
	"time"

	"hanok/dc"
)

// recover takes over a machine that an earlier process started.
//
// When the power goes: nothing was changed, or only Starting taken back for a machine that was found running.
func (m *machine) recover(ctx context.Context) error {
	err := m.a.cfg.Hypervisor.Recover(ctx, m.rec.Assignment.Machine, m.rec.Handle)
	switch {
	case err == nil:
		m.log.Info("found running")
		if m.rec.Starting {
			rec := m.rec
			rec.Starting = false
			if request, pending := rec.pending(); pending && request.Op == dc.PowerOn {
				rec.Outcome = m.outcome(nil) // which may have been reported already
			}
			if err := m.save(rec); err != nil {
				return err
			}
		}
	case dc.KindOf(err) == dc.NotFound && ctx.Err() == nil:
		m.log.Info("found without power", "reason", err)
	default:
		return err
	}
	m.recovered = true
	return nil
}

// lost writes down that the machine lost its power by itself, and why.
//
// When the power goes: the handle is still there, and the machine is found without power again.
func (m *machine) lost(ctx context.Context) error {
	if err := m.a.cfg.Network.Unplug(ctx, m.rec.Assignment.Machine); err != nil {
		return err
	}
	rec := m.rec
	if exit := m.state.Exit; m.state.Run != dc.RunSuspended && (exit == nil || !exit.Clean) {
		message := "it lost its power while no agent watched it; the reason is not known"
		if exit != nil {
			message = exit.Message
		}
		rec.Fault = &dc.Failure{Kind: dc.Unavailable, Object: dc.Describe(dc.KindVirtualMachine, rec.Assignment.Machine.Name),
			Message: message, Remedy: "look at its log and power it on again"}
		m.log.Warn("the machine has crashed", "message", message)
	}
	return m.conclude(m.withoutPower(rec))
}

// settle writes rec down as that of a machine without power.
func (m *machine) settle(rec record) error { return m.save(m.withoutPower(rec)) }

func (m *machine) withoutPower(rec record) record {
	switch {
	case m.unseen == nil && m.state.Run == dc.RunSuspended:
		rec.Power = dc.Suspended
	case m.unseen == nil || rec.hasPower():
		rec.Power = dc.PoweredOff
	}
	rec.Handle, rec.BootID, rec.Booted, rec.Starting = nil, "", time.Time{}, false
	return rec
}

// restart starts a machine again that was on when the host died. It is tried once: a failure is the machine's fault.
func (m *machine) restart(ctx context.Context) error {
	ctx, end := m.interruptible(ctx, supersedes(m.rec.Assignment.Power))
	defer end()
	started, err := m.start(ctx)
	rec := m.rec
	switch {
	case ctx.Err() != nil && !started:
		return context.Cause(ctx)
	case err == nil:
		m.log.Info("started again after the host did")
		rec.Starting = false
		return m.conclude(rec)
	}
	rec.Fault = m.failureOf(err)
	rec.Fault.Message = "it was on when its host died, and could not be started again: " + rec.Fault.Message
	return m.settle(rec)
}

// start gives the machine power. started is false where that failed or was not even tried, and nothing runs.
//
// When the power goes before keep has written the handle, nothing executes. After it, Starting makes the next process
// look (recover), and start again what is not there.
func (m *machine) start(ctx context.Context) (started bool, err error) {
	if err := m.a.starts.acquire(ctx); err != nil {
		return false, err
	}
	defer m.a.starts.release()
	spec := m.rec.Assignment.Machine
	nics, err := m.a.cfg.Network.Plug(ctx, spec)
	if err == nil {
		// A newer assignment ends the waiting for a place, not a start in progress.
		err = m.a.cfg.Hypervisor.Start(context.WithoutCancel(ctx), spec, nics, m.keep)
	}
	if err == nil {
		m.allocated = &spec
		return true, nil
	}
	if dc.KindOf(err) != dc.WrongState { // then it runs, and keeps its network
		if err := m.a.cfg.Network.Unplug(context.WithoutCancel(ctx), spec); err != nil {
			m.log.Warn("unplug after a failed start", "error", err)
		}
	}
	m.observe(ctx)
	return false, err
}

// keep writes the handle of a machine down that is about to get power.
func (m *machine) keep(h dc.Handle) error {
	rec := m.rec
	rec.Handle, rec.BootID, rec.Booted, rec.Starting = h, m.a.boot, time.Now().UTC(), true
	rec.Fault = nil
	if err := m.save(rec); err != nil {
		return err
	}
	m.recovered = true
	return nil
}

// power executes the pending request: at most once where a second time would be felt, and else until it has an outcome.
//
// When the power goes: an operation that looks at what it finds is done again by the next process. For one that is done
// once only, Begun was written before it, and stepInterrupted follows.
func (m *machine) power(ctx context.Context) error {
	request := m.rec.Assignment.Power
	on := m.rec.hasPower() && m.situation().executes()
	var err error
	switch request.Op {
	case "":
		return m.finish(m.rec, nil)
	case dc.PowerOn:
		return m.powerOn(ctx, on)
	case dc.PowerOff:
		return m.powerOff(ctx)
	case dc.Suspend:
		if m.unseen == nil && m.state.Run == dc.RunSuspended {
			return m.off(ctx)
		}
	case dc.ShutdownGuest:
		if !on {
			return m.off(ctx)
		}
	}
	if !on {
		return m.finish(m.rec, &dc.Error{Kind: dc.WrongState, Message: "it is not powered on", Remedy: "power it on first"})
	}
	rec := m.rec
	rec.Begun = request.Generation
	if err := m.save(rec); err != nil {
		return err
	}
	if request.Op == dc.Reset {
		err = m.a.cfg.Hypervisor.Reset(ctx, m.id)
	} else if request.Op == dc.Suspend {
		err = m.during(ctx, func() error { return m.a.cfg.Hypervisor.Suspend(ctx, m.rec.Assignment.Machine) })
	} else {
		err = m.askGuest(ctx, request)
	}
	if ctx.Err() != nil || errors.Is(err, errSuperseded) {
		return err // the next process, or the newer request, finds what there is
	}
	m.observe(ctx)
	if err == nil && request.Op != dc.Reset && request.Op != dc.RebootGuest {
		return m.off(ctx)
	}
	return m.finish(m.rec, err)
}

// askGuest asks the guest to shut down or to reboot and waits for it, until the request's time has passed or a newer
// assignment comes.
func (m *machine) askGuest(ctx context.Context, request dc.PowerRequest) error {
	ctx, end := m.interruptible(ctx, supersedes(request))
	defer end()
	timeout := request.Timeout
	if timeout <= 0 {
		timeout = dc.GuestTimeout
	}
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := m.during(ctx, func() error {
		if request.Op == dc.RebootGuest {
			return m.a.cfg.Hypervisor.RebootGuest(waiting, m.id)
		}
		return m.a.cfg.Hypervisor.ShutdownGuest(waiting, m.id)
	})
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (m *machine) powerOn(ctx context.Context, on bool) error {
	if on {
		// It was started before the process died, or it is paused.
		err := m.a.cfg.Hypervisor.Continue(ctx, m.id)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return m.finish(m.rec, err)
	}
	ctx, end := m.interruptible(ctx, supersedes(m.rec.Assignment.Power))
	defer end()
	started, err := m.start(ctx)
	switch {
	case ctx.Err() != nil && !started:
		return context.Cause(ctx)
	case err == nil:
		rec := m.rec
		rec.Starting, rec.Outcome = false, m.outcome(nil)
		// Nobody has to wait for the disk: a process that finds it running, or started it again, would say the same.
		m.observe(ctx)
		m.reportAs(rec)
		return m.conclude(rec)
	}
	rec := m.rec
	rec.Outcome = m.outcome(err)
	return m.settle(rec)
}

func (m *machine) powerOff(ctx context.Context) error {
	err := m.a.cfg.Hypervisor.Stop(ctx, m.rec.Assignment.Machine)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return m.finish(m.rec, err)
	}
	m.observe(ctx)
	return m.off(ctx)
}

// off finishes the pending request on a machine that has no power any more, as was asked.
func (m *machine) off(ctx context.Context) error {
	if err := m.a.cfg.Network.Unplug(ctx, m.rec.Assignment.Machine); err != nil {
		return err
	}
	rec := m.rec
	rec.Outcome = m.outcome(nil)
	return m.settle(rec)
}

// finish writes rec down with the outcome of the pending request.
func (m *machine) finish(rec record, err error) error {
	rec.Outcome = m.outcome(err)
	return m.save(rec)
}

func (m *machine) outcome(err error) dc.PowerOutcome {
	return dc.PowerOutcome{Generation: m.rec.Assignment.Power.Generation, Failure: m.failureOf(err)}
}

// interrupted gives up the pending request, which an earlier process began and which is not executed twice. A guest that
// shuts down nevertheless is reported as one that powered itself off.
func (m *machine) interrupted() error {
	return m.finish(m.rec, &dc.Error{Kind: dc.Unavailable,
		Message: "the host's agent ended while this was under way: it may have happened, or not",
		Remedy:  "look at the guest, and ask again if need be"})
}
