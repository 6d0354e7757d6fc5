package qemu

import (
	"context"
	"errors"
	"time"

	"hanok/dc"
	"hanok/internal/qmp"
)

// ShutdownGuest implements the agent's Hypervisor.
func (d *Driver) ShutdownGuest(ctx context.Context, id dc.VirtualMachineID) error {
	return d.askPower(ctx, id, "powerdown", "shutdown", func(m *machine) func() bool {
		return func() bool { return false } // the end of the machine ends the wait
	})
}

// RebootGuest implements the agent's Hypervisor.
func (d *Driver) RebootGuest(ctx context.Context, id dc.VirtualMachineID) error {
	return d.askPower(ctx, id, "reboot", "reboot", func(m *machine) func() bool {
		before := m.guestResets
		m.rebooting = true
		return func() bool {
			m.rebooting = m.guestResets <= before
			return !m.rebooting
		}
	})
}

// askPower asks the guest's agent for a shutdown of the given mode and waits until it was done: until the condition that
// begin returns (both are called with the machine locked) or, for a power-down, until the machine has ended. word names
// the wish.
func (d *Driver) askPower(ctx context.Context, id dc.VirtualMachineID, mode, word string, begin func(*machine) func() bool) error {
	m, err := d.running(id)
	if err != nil {
		return err
	}
	if err := m.awaitAgent(ctx); err != nil {
		return m.guestFailed(err, "no guest agent answered, so the guest was not asked to %s", word)
	}
	m.mu.Lock()
	done := begin(m)
	m.mu.Unlock()
	// There is no answer to one that succeeds; the agent has just answered, so that it has heard this.
	asked := time.Now()
	short, cancel := context.WithTimeout(ctx, guestTime)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		answered <- m.askGuest(short, "guest-shutdown", map[string]any{"mode": mode}, nil)
	}()
	finished := make(chan error, 1)
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	go func() { finished <- m.await(waiting, done) }()
	for {
		select {
		case err := <-answered:
			var refusal *qmp.Error
			if errors.As(err, &refusal) {
				return failure(dc.WrongState, m.spec, "its guest agent refused the %s: %s", word, refusal.Desc).
					Fix("allow guest-shutdown in the guest agent's configuration, or use power off or reset")
			}
		case err := <-finished:
			switch {
			case err == nil, errors.Is(err, errEnded) && mode == "powerdown":
				return nil
			case errors.Is(err, errEnded):
				return failure(dc.WrongState, m.spec, "its guest has powered itself off instead of rebooting").Fix("power it on")
			}
			return m.guestFailed(err, "its guest has accepted the %s %s ago and still runs", word, sinceSeconds(asked))
		}
	}
}

// awaitAgent returns when the guest's agent answers.
func (m *machine) awaitAgent(ctx context.Context) error {
	for {
		if err := m.await(ctx, func() bool { return m.agentOpen }); err != nil {
			return err
		}
		short, cancel := context.WithTimeout(ctx, guestTime)
		err := m.askGuest(short, "guest-ping", nil, nil)
		cancel()
		if err == nil {
			return nil
		}
		wait, cancel := context.WithTimeout(ctx, eager)
		err = m.await(wait, func() bool { return false })
		cancel()
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// guestFailed says what was seen when the time for a guest was over.
func (m *machine) guestFailed(cause error, format string, args ...any) error {
	var known *dc.Error
	switch {
	case errors.As(cause, &known):
		return cause
	case errors.Is(cause, errEnded):
		return failure(dc.WrongState, m.spec, "it has lost its power meanwhile")
	}
	e := failure(dc.Unavailable, m.spec, format, args...).
		Fix("look at its console, give it more time, or use power off or reset")
	e.Err = cause
	return e
}

// sinceSeconds writes a time that has passed, for a person.
func sinceSeconds(t time.Time) string { return time.Since(t).Round(time.Second).String() }
