package qemu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hanok/dc"
	"hanok/internal/qmp"
)

const (
	// answerTime bounds QEMU's answer to a command that it answers at once unless something is wrong with it.
	answerTime = 30 * time.Second
	// quitTime is how long QEMU may take to end by itself before it is killed.
	quitTime = 3 * time.Second
	// settleTime is how long the end of QEMU's process may be known after that of its connections.
	settleTime = 100 * time.Millisecond
	// retryTime is how long to wait before connecting anew to a QEMU that has closed a connection.
	retryTime = time.Second
)

// machine is a machine with power: its process and what is known of it.
type machine struct {
	d       *Driver
	spec    dc.Machine
	proc    *process
	tpm     *process // nil for a machine without, and for one of which it is not known
	sockets string
	serial  *serialHub

	// ctx ends when the driver lets go of the machine, or when it has ended.
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // what goes on until then
	// ended is closed when the machine is one without power for every method of the driver.
	ended chan struct{}

	// comparing is held from asking QEMU what there is until that is known: the last one that asks is the last that says.
	comparing sync.Mutex

	mu     sync.Mutex
	wake   chan struct{} // closed, and another one made, when something below has changed
	mon    *qmp.Client   // nil while there is no connection
	events <-chan qmp.Event
	forget func() // ends the subscription of events
	status dc.RunState
	pause  *dc.Failure
	guest  dc.Guest
	// unenforced says what of its resources can't be enforced.
	unenforced []string
	// asked is the machine as it is to be now; spec is what it was when this process took it over.
	asked dc.Machine
	// differences says what it has that was not asked for, or the other way round.
	differences []string
	// moving is set while a Suspend halts the CPUs on purpose.
	moving bool
	// agentOpen is whether the guest has opened the agent's port.
	agentOpen bool
	agent     *qmp.Agent // nil while there is no connection
	// resets and guestResets count the RESET events, and those that the guest caused.
	resets, guestResets int
	// restarted is when the guest last did that unasked, and rebooting is set while it is asked to.
	restarted time.Time
	rebooting bool
	ending    ending
}

// newMachine takes over a process and the connection to its monitor. It does nothing by itself before run.
func (d *Driver) newMachine(spec dc.Machine, proc *process, sockets string, mon *qmp.Client) *machine {
	ctx, cancel := context.WithCancel(context.Background())
	m := &machine{
		d: d, spec: spec, proc: proc, sockets: sockets,
		serial: newSerialHub(filepath.Join(sockets, serialSocket), d.log.With("machine", spec.ID)),
		ctx:    ctx, cancel: cancel, ended: make(chan struct{}), wake: make(chan struct{}),
		mon: mon, status: dc.RunRunning, asked: spec,
	}
	m.events, m.forget = mon.Subscribe()
	return m
}

// run starts to follow the machine.
func (m *machine) run() {
	followed := make(chan struct{})
	m.work.Go(func() {
		defer close(followed)
		m.follow()
	})
	m.work.Go(m.watchGuest)
	m.work.Go(func() { m.serial.run(m.ctx) })
	if m.tpm != nil {
		m.work.Go(m.watchTPM)
	}
	go m.mourn(followed)
}

// letGo ends the connections to the machine, which runs on, and waits until nothing works on it any more.
func (m *machine) letGo() {
	m.cancel()
	m.disconnect()
	m.proc.release()
	m.work.Wait()
	if m.tpm != nil {
		m.tpm.release()
	}
}

// state returns what is known now.
func (m *machine) state() dc.MachineState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return dc.MachineState{Run: m.status, Pause: m.pause, Guest: m.guest, Unenforced: m.unenforced, Differences: m.differences, Restarted: m.restarted}
}

// update changes what is known, and tells everybody.
func (m *machine) update(change func()) {
	m.mu.Lock()
	change()
	close(m.wake)
	m.wake = make(chan struct{})
	m.mu.Unlock()
	m.d.changes.add(m.spec.ID)
}

// await waits until cond, which is called with what is known locked, is true. It fails when ctx ends first, and with
// errEnded when the machine has ended.
func (m *machine) await(ctx context.Context, cond func() bool) error {
	for {
		m.mu.Lock()
		ok, wake := cond(), m.wake
		m.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-wake:
		case <-m.ended:
			return errEnded
		case <-m.ctx.Done():
			select {
			case <-m.ended:
				return errEnded
			default:
				return errClosed(m.spec.ID)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errEnded = errors.New("the machine has lost its power")

// monitor returns the connection to QEMU.
func (m *machine) monitor() (*qmp.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mon == nil {
		return nil, failure(dc.Unavailable, m.spec, "its QEMU process %d does not answer", m.proc.pid).Fix("try again in a moment")
	}
	return m.mon, nil
}

// execute sends a command that QEMU answers at once.
func (m *machine) execute(ctx context.Context, command string, args, result any) error {
	mon, err := m.monitor()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return m.failed(mon.Execute(ctx, command, args, result))
}

// failed gives an error of QEMU its kind.
func (m *machine) failed(err error) error {
	var refusal *qmp.Error
	var known *dc.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &refusal):
		return failure(dc.WrongState, m.spec, "QEMU refuses: %w", err).Fix("look at its log in its folder on the datastore")
	}
	return failure(dc.Unavailable, m.spec, "its QEMU process %d does not answer: %w", m.proc.pid, err).
		Fix("try again; if that does not help, power it off")
}

// disconnect closes the connections to QEMU and to the guest's agent.
func (m *machine) disconnect() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mon != nil {
		m.mon.Close()
	}
	if m.agent != nil {
		m.agent.Close()
		m.agent = nil
	}
}

// follow takes in QEMU's events until the machine has ended or is let go. A QEMU that closes the connection and goes on
// is connected to again, and asked for what was missed.
func (m *machine) follow() {
	for {
		m.consume()
		for {
			if m.over() {
				return
			}
			if m.reconnect() == nil {
				break
			}
			select {
			case <-m.proc.dead:
			case <-m.ctx.Done():
			case <-time.After(retryTime):
			}
		}
	}
}

// consume takes in events until the connection ends.
func (m *machine) consume() {
	m.mu.Lock()
	mon, events, forget := m.mon, m.events, m.forget
	m.mu.Unlock()
	defer forget()
	for e := range events {
		m.event(e)
	}
	m.mu.Lock()
	m.mon = nil
	m.mu.Unlock()
	// Most often it is the process that has ended, and that is known a moment later.
	select {
	case <-m.proc.dead:
	case <-m.ctx.Done():
	case <-time.After(settleTime):
		m.d.log.Warn("the connection to QEMU has ended; connecting again", "machine", m.spec.ID, "error", mon.Err())
	}
}

// over reports whether there is nothing left to follow.
func (m *machine) over() bool {
	select {
	case <-m.proc.dead:
		return true
	case <-m.ctx.Done():
		return true
	default:
		return false
	}
}

func (m *machine) reconnect() error {
	ctx, cancel := context.WithTimeout(m.ctx, answerTime)
	defer cancel()
	mon, err := qmp.Dial(ctx, filepath.Join(m.sockets, monitorSocket))
	if err != nil {
		return err
	}
	events, forget := mon.Subscribe()
	m.mu.Lock()
	m.mon, m.events, m.forget = mon, events, forget
	m.mu.Unlock()
	if m.ctx.Err() != nil {
		mon.Close() // let go meanwhile
	}
	return m.synchronize(ctx)
}

// synchronize asks QEMU for everything that its events would have told.
func (m *machine) synchronize(ctx context.Context) error {
	if err := m.refresh(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	ended := m.ending.reason != ""
	m.mu.Unlock()
	if ended {
		return nil // it quits, and may not answer any more
	}
	if err := m.compare(ctx); err != nil {
		return err
	}
	var backends []struct {
		Label string `json:"label"`
		Open  bool   `json:"frontend-open"`
	}
	if err := m.execute(ctx, "query-chardev", nil, &backends); err != nil {
		return err
	}
	for _, b := range backends {
		if b.Label == agentChardev {
			m.update(func() { m.agentOpen = b.Open })
		}
	}
	return nil
}

// restartsApart is how far apart restarts of a guest are that are told of: one that fails may restart many times a second.
const restartsApart = 30 * time.Second

// event takes in one event.
func (m *machine) event(e qmp.Event) {
	var data struct {
		Guest  bool   `json:"guest"`
		Reason string `json:"reason"`
		ID     string `json:"id"`
		Open   bool   `json:"open"`
	}
	if len(e.Data) > 0 {
		if err := json.Unmarshal(e.Data, &data); err != nil {
			m.d.log.Warn("an event of QEMU is not understood", "machine", m.spec.ID, "event", e.Name, "error", err)
			return
		}
	}
	m.d.log.Debug("QEMU event", "machine", m.spec.ID, "event", e.Name, "data", string(e.Data))
	switch e.Name {
	case "SHUTDOWN":
		m.update(func() { m.ending.reason = cmp.Or(m.ending.reason, data.Reason) }) // the last one is our own quit
	case "RESET":
		m.update(func() {
			m.resets++
			if data.Guest {
				m.guestResets++
				if !m.rebooting && e.Time.Sub(m.restarted) > restartsApart {
					m.restarted = e.Time.UTC()
				}
			}
		})
	case "VSERPORT_CHANGE":
		if data.ID == agentPort {
			m.update(func() { m.agentOpen = data.Open })
		}
	case "DEVICE_DELETED":
		m.look(m.compare) // perhaps one that the guest was asked for long ago
	case "STOP", "RESUME", "GUEST_PANICKED":
		m.look(m.refresh)
	case qmp.EventOverflow:
		m.look(m.synchronize)
	}
}

// look asks QEMU for something. Where the connection has ended, what follows it asks again.
func (m *machine) look(ask func(context.Context) error) {
	if err := ask(m.ctx); err != nil && dc.KindOf(err) != dc.Unavailable {
		m.d.log.Warn("QEMU did not say how the machine is", "machine", m.spec.ID, "error", err)
	}
}

// refresh asks QEMU whether the CPUs run, and if not, why.
func (m *machine) refresh(ctx context.Context) error {
	now, err := m.queryStatus(ctx)
	if err != nil {
		return err
	}
	m.update(func() {
		switch now {
		case "running", "suspended": // the latter is the guest's own sleep
			m.status, m.pause = dc.RunRunning, nil
		case "io-error": // by werror=enospc only a full datastore
			m.status, m.pause = dc.RunPaused, m.full()
		case "shutdown", "guest-panicked":
			endings := map[string]string{"shutdown": reasonGuest, "guest-panicked": reasonPanic}
			m.ending.reason = cmp.Or(m.ending.reason, endings[now])
			m.work.Go(m.quit) // it was kept for us to see how it ended
		default:
			if !m.moving {
				m.status, m.pause = dc.RunPaused, &dc.Failure{Kind: dc.Unavailable, Object: describe(m.spec),
					Message: fmt.Sprintf("QEMU has halted its CPUs (%s)", now), Remedy: "look at its log, then reset it"}
			}
		}
	})
	return nil
}

// queryStatus returns QEMU's word for what the machine does.
func (m *machine) queryStatus(ctx context.Context) (string, error) {
	var now struct {
		Status string `json:"status"`
	}
	err := m.execute(ctx, "query-status", nil, &now)
	return now.Status, err
}

func (m *machine) full() *dc.Failure {
	return &dc.Failure{Kind: dc.Exhausted, Object: dc.Describe(dc.KindDatastore, string(m.spec.Datastore)),
		Message: "it is full; " + describe(m.spec) + " stands still until what it writes has room",
		Remedy:  fmt.Sprintf("free space on it, then power on %s to continue", m.spec.Name)}
}

// quit ends the process, by force if it does not end by itself.
func (m *machine) quit() {
	ctx, cancel := context.WithTimeout(m.ctx, quitTime)
	defer cancel()
	if mon, err := m.monitor(); err == nil && mon.Execute(ctx, "quit", nil, nil) == nil {
		select {
		case <-m.proc.dead:
			return
		case <-ctx.Done():
		}
	}
	if m.ctx.Err() == nil {
		m.proc.kill()
	}
}

// mourn waits for the process to end and puts everything in order after it.
func (m *machine) mourn(followed <-chan struct{}) {
	select {
	case <-m.proc.dead:
	case <-m.ctx.Done():
		return
	}
	// What QEMU said at last tells how it ended. Its end closes the connection, unless somebody else holds it open.
	select {
	case <-followed:
	case <-time.After(quitTime):
		m.disconnect()
	}
	m.mu.Lock()
	m.ending.status = m.proc.status.Load()
	ending := m.ending
	m.mu.Unlock()
	exit := ending.exit(m.d.logTail(m.spec))
	if !exit.Clean {
		m.d.log.Warn("a machine has ended", "machine", m.spec.ID, "message", exit.Message)
	}
	m.disconnect()
	if m.ctx.Err() != nil {
		return // let go at the same time: the next process finds out
	}
	if err := os.RemoveAll(m.sockets); err != nil {
		m.d.log.Warn("the sockets of an ended machine stay", "machine", m.spec.ID, "error", err)
	}
	endTPM(m.tpm)
	m.d.cfg.Groups.Remove(string(m.spec.ID))
	m.d.remove(m, exit)
	close(m.ended)
	m.cancel()
}

// logTail returns the end of a machine's log, "" if it can't be read.
func (d *Driver) logTail(spec dc.Machine) string {
	files, err := d.files(context.Background(), spec)
	if err != nil || files == nil {
		return ""
	}
	defer files.Close()
	tail, err := files.LogTail(logLines)
	if err != nil {
		d.log.Warn("the log of a machine can't be read", "machine", spec.ID, "error", err)
	}
	return tail
}
