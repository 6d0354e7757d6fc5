package agent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"hanok/dc"
)

// machine is the worker of one machine: it takes the newest assignment, decides the next step, does it, and reports.
// One goroutine, run, does all steps, so that no two of them ever work on the same machine at once.
type machine struct {
	id  dc.VirtualMachineID
	a   *Agent
	log *slog.Logger
	// wake has one element when there may be something to do or to report.
	wake chan struct{}

	mu sync.Mutex
	// newest is the assignment that came last and was not written down yet, or nil.
	newest *dc.Assignment
	// forget is set when the manager wants a tombstone to be known no longer.
	forget bool
	// asked is the machine by the newest assignment, and revision that one's.
	asked    dc.Machine
	revision int64
	// again is set when files that could not be made are to be tried again.
	again bool
	// interrupt ends the step in progress if it may be ended by the given assignment; nil if it may not be ended at all.
	interrupt func(dc.Assignment)

	// These belong to run's goroutine.
	rec       record
	recovered bool
	tried     bool
	// allocated is the machine whose share of the host this process has seen to last, nil for none.
	allocated *dc.Machine
	failure   *dc.Failure // why files could not be made, found or deleted, until they are
	held      bool        // whether something that can't be talked to may execute the machine, as find has found
	unseen    error       // why the driver could not say state, or nil
	state     dc.MachineState
	// blocked is why the record can't be written, until it can: whatever failed to write it is done again. unwritten is set
	// when rec says what has happened and is not on the disk yet.
	blocked   *dc.Failure
	unwritten bool
	retry     *backoff.ExponentialBackOff
}

// errSuperseded ends a step that a newer assignment makes pointless.
var errSuperseded = errors.New("superseded by a newer assignment")

func (a *Agent) newMachine(rec record) *machine {
	id := rec.Assignment.Machine.ID
	return &machine{
		id: id, a: a, log: a.cfg.Log.With("machine", id), rec: rec,
		asked: rec.Assignment.Machine, revision: rec.Assignment.Revision, wake: make(chan struct{}, 1),
		retry: retryDelays(),
	}
}

// retryDelays says how long to wait before a failed step is done again: 1 s, and up to 30 s.
func retryDelays() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = time.Second, 30*time.Second
	return b
}

// blockedPace is how often at least a record that can't be written is tried again.
const blockedPace = 5 * time.Second

// poke lets the worker look whether there is something to do.
func (m *machine) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// assign hands over an assignment. One that is older than what is known already is left out; one of the same revision
// lets the worker try again what failed.
func (m *machine) assign(a dc.Assignment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newest == nil || a.Revision >= m.newest.Revision {
		m.newest, m.again = &a, true
	}
	if a.Revision >= m.revision {
		m.revision, m.asked = a.Revision, a.Machine
	}
	m.forget = false // the manager knows it, after all
	if m.interrupt != nil {
		m.interrupt(a)
	}
	m.poke()
}

// uses reports whether the machine is on the datastore.
func (m *machine) uses(id dc.DatastoreID) bool { return m.assigned().Datastore == id }

// assigned returns the machine by its newest assignment.
func (m *machine) assigned() dc.Machine {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

// forgetTombstone lets the worker end, and the record go, if the machine's tombstone was carried out.
func (m *machine) forgetTombstone() {
	m.mu.Lock()
	m.forget = true
	m.mu.Unlock()
	m.poke()
}

// tryAgain lets the worker do failed steps again.
func (m *machine) tryAgain() {
	m.mu.Lock()
	m.again = true
	m.mu.Unlock()
	m.poke()
}

// run works until ctx ends or the machine is forgotten. The machine itself is left as it is.
func (m *machine) run(ctx context.Context) {
	for ctx.Err() == nil {
		again, err := m.advance(ctx)
		if m.forgotten() {
			return
		}
		if again {
			m.retry.Reset()
			continue
		}
		var later <-chan time.Time
		if err != nil && ctx.Err() == nil {
			delay := m.retry.NextBackOff()
			if m.blocked != nil { // somebody frees space, and waits
				delay = min(delay, blockedPace)
			}
			m.log.Warn("a step failed", "error", err, "again", delay)
			later = time.After(delay)
		}
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-later:
		}
	}
}

// advance does one step. again means that there may be a next one at once; an error, that the same step is to be done
// again later. While an assignment, or what became of the one before, can't be written down nothing else is done, but what it is
// about is watched.
func (m *machine) advance(ctx context.Context) (again bool, err error) {
	unsaved := m.take()
	if unsaved == nil && m.unwritten {
		unsaved = m.save(m.rec)
	}
	m.observe(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	m.report()
	next := m.situation().next()
	switch {
	case unsaved != nil && next != stepRecover && next != stepLost:
		return false, unsaved
	case next == stepNone && m.rec.hasPower():
		return false, m.unseen
	case next == stepNone:
		return false, nil
	}
	m.log.Debug("step", "step", next)
	err = m.do(ctx, next)
	switch {
	case errors.Is(err, errSuperseded):
		return true, nil
	case err != nil:
		if m.blocked != nil {
			m.report()
		}
		return false, err
	}
	return true, nil
}

// forgotten lets go of a machine that was removed or let go of: the manager knows of it and has itself forgotten the machine. For
// any other machine the wish is ignored.
//
// When the power goes before the file is removed, the tombstone is reported, and answered so, again.
func (m *machine) forgotten() bool {
	m.a.mu.Lock()
	defer m.a.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.forget || m.newest != nil { // the newest assignment is taken first
		return false
	}
	m.forget = false
	if !m.rec.done() {
		return false
	}
	if err := m.a.disk.forget(machineFile(m.id)); err != nil {
		m.log.Warn("the record of a removed machine stays", "error", err)
		return false
	}
	delete(m.a.machines, m.id)
	m.a.board.removeMachine(m.id)
	return true
}

func (m *machine) do(ctx context.Context, next step) error {
	switch next {
	case stepRecover:
		return m.recover(ctx)
	case stepLost:
		return m.lost(ctx)
	case stepRestart:
		return m.restart(ctx)
	case stepCreate:
		return m.create(ctx)
	case stepFind:
		return m.find(ctx)
	case stepRemove:
		return m.removeFiles(ctx)
	case stepRelease:
		return m.release(ctx)
	case stepInterrupted:
		return m.interrupted()
	case stepAllocate:
		return m.allocate(ctx)
	case stepConfigure:
		return m.configure(ctx)
	}
	return m.power(ctx)
}

// allocate gives the machine the share of the host that is asked for.
func (m *machine) allocate(ctx context.Context) error {
	spec := m.rec.Assignment.Machine
	if err := m.a.cfg.Hypervisor.Allocate(ctx, spec); err != nil {
		return err
	}
	m.allocated = &spec
	return nil
}

// sameShare reports whether both get the same of their host. Levels of shares count for each CPU and megabyte.
func sameShare(a, b dc.Machine) bool {
	return a.Resources == b.Resources && slices.Equal(a.Pools, b.Pools) && a.CPUs == b.CPUs && a.MemoryMB == b.MemoryMB
}

// take writes the newest assignment down, before anything is done for it.
func (m *machine) take() error {
	m.mu.Lock()
	newest, again := m.newest, m.again
	m.newest, m.again = nil, false
	m.mu.Unlock()
	if again {
		m.tried = false
	}
	if newest == nil || newest.Revision <= m.rec.Assignment.Revision {
		return nil
	}
	if err := m.save(m.rec.with(*newest)); err != nil {
		m.mu.Lock()
		if m.newest == nil {
			m.newest = newest
		}
		m.mu.Unlock()
		return err
	}
	return nil
}

// save writes rec down and makes it the machine's record. After an error the record is the old one, in memory at least.
func (m *machine) save(rec record) error {
	write := m.a.disk.save
	if rec.takesPower() {
		write = m.a.disk.saveFirst
	}
	if rec.Files != "" {
		rec.Assignment.Known = dc.Known{} // the record knows better
	}
	if err := write(machineFile(m.id), rec); err != nil {
		m.blocked = dc.FailureOf(err)
		return err
	}
	m.rec, m.blocked, m.unwritten = rec, nil, false
	return nil
}

// conclude is save for a record that only says what has happened, and what the next process would find out again: it is
// the machine's record from now on, written or not. Before the next step it is.
func (m *machine) conclude(rec record) error {
	err := m.save(rec)
	if err != nil {
		m.rec, m.unwritten = rec, true
	}
	return err
}

// observe asks the driver for the machine's state.
func (m *machine) observe(ctx context.Context) {
	state, err := m.a.cfg.Hypervisor.State(ctx, m.rec.Assignment.Machine)
	if m.unseen = err; err == nil {
		m.state = state
	}
}

func (m *machine) situation() *situation {
	mounted, looking := m.a.datastores.state(m.rec.Assignment.Machine.Datastore)
	return &situation{
		record: m.rec, boot: m.a.boot, recovered: m.recovered, seen: m.unseen == nil, state: m.state,
		mounted: mounted, looking: looking, tried: m.tried, missed: m.failure != nil,
		allocated: m.allocated != nil && sameShare(*m.allocated, m.rec.Assignment.Machine),
	}
}

// report puts what is known of the machine on the board, unless that is about to be known better.
func (m *machine) report() { m.reportAs(m.rec) }

// reportAs is report with rec in the place of what is written down.
func (m *machine) reportAs(rec record) {
	s := m.situation()
	s.record = rec
	if s.unsettled() {
		m.a.board.setBlocked(m.id, m.blocked)
		return
	}
	status := dc.VirtualMachineStatus{Files: rec.Files, Power: rec.Power, Outcome: rec.Outcome, Fault: rec.Fault, Blocked: m.blocked,
		Configured: rec.Configured}
	status.FilesFailure = m.failure
	switch {
	case rec.lostTrack() && !rec.Assignment.Deleted && !rec.Assignment.Released:
		status.Files, status.Power = dc.FilesMissing, m.missing()
	case m.failure != nil:
		status.Files = dc.FilesFailed
	}
	if rec.hasPower() {
		status.Power, status.Booted = dc.PoweredOn, rec.Booted
		switch {
		case s.executes():
			status.Paused, status.Guest = m.a.datastores.named(m.state.Pause), m.state.Guest
			status.Unenforced, status.Differences, status.Restarted = m.state.Unenforced, m.state.Differences, m.state.Restarted
		case !rec.Assignment.Deleted:
			status.Paused = m.waiting()
		}
	}
	m.a.board.setMachine(m.id, machineReport{machine: rec.Assignment.Machine, path: m.a.datastores.path(rec.Assignment.Machine.Datastore),
		deleted: rec.Assignment.Deleted, asked: rec.Assignment.Power.Generation, status: status})
}

// waiting says why a machine that is to be started again, or of which that is not known yet, does not run.
func (m *machine) waiting() *dc.Failure {
	err := m.unseen
	if err == nil {
		err = dc.Errorf(dc.Unavailable, "its datastore is not mounted")
	}
	f := m.failureOf(m.a.datastores.explain(m.rec.Assignment.Machine.Datastore, err))
	f.Object = dc.Describe(dc.KindVirtualMachine, m.rec.Assignment.Machine.Name)
	f.Message = "it does not run: " + f.Message
	return f
}

// during runs f, a step that takes long, and goes on reporting meanwhile.
func (m *machine) during(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	for {
		select {
		case err := <-result:
			return err
		case <-m.wake:
			if m.observe(ctx); ctx.Err() == nil {
				m.report()
			}
		}
	}
}

// interruptible returns a context that ends with errSuperseded as its cause when an assignment comes, or has come, for
// which by is true. The function that it returns must be called.
func (m *machine) interruptible(ctx context.Context, by func(dc.Assignment) bool) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	revision := m.rec.Assignment.Revision
	interrupt := func(a dc.Assignment) {
		if a.Revision > revision && by(a) {
			cancel(errSuperseded)
		}
	}
	m.mu.Lock()
	m.interrupt = interrupt
	if m.newest != nil {
		interrupt(*m.newest)
	}
	m.mu.Unlock()
	return ctx, func() {
		m.mu.Lock()
		m.interrupt = nil
		m.mu.Unlock()
		cancel(nil)
	}
}

// supersedes reports whether a makes the execution of request pointless.
func supersedes(request dc.PowerRequest) func(dc.Assignment) bool {
	return func(a dc.Assignment) bool { return a.Deleted || a.Power.Generation > request.Generation }
}

// failureOf returns the public form of err, about this machine. The cause of an internal one is only in the log.
func (m *machine) failureOf(err error) *dc.Failure {
	f := dc.FailureOf(err)
	if f == nil {
		return nil
	}
	m.log.Warn("the machine", "failure", err)
	f = m.a.datastores.named(f)
	if f.Object == "" {
		f.Object = dc.Describe(dc.KindVirtualMachine, m.rec.Assignment.Machine.Name)
	}
	if f.Kind == dc.Internal {
		f.Message = "an internal error; the log of its host has the cause"
	}
	return f
}
