package sim

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"hanok/dc"
)

// handle is the form of a simulated machine's dc.Handle.
type handle struct {
	Run int `json:"run"`
}

// Probe implements the agent's Hypervisor.
func (h *Host) Probe(context.Context) (dc.Hypervisor, error) {
	return dc.Hypervisor{Name: dc.SimulatedHypervisor, Version: "1", Accelerator: dc.TCG, Reason: "this host is simulated",
		Warnings: []string{"Nothing is executed: use it for demonstrations and tests."}}, nil
}

// Start implements the agent's Hypervisor.
func (h *Host) Start(ctx context.Context, m dc.Machine, _ []dc.Attachment, keep func(dc.Handle) error) error {
	run, err := h.prepare(ctx, m)
	if err != nil {
		return err
	}
	data, err := json.Marshal(handle{run})
	if err != nil {
		return err
	}
	if err := keep(data); err != nil {
		return err
	}
	if err := h.lock(ctx, h.w.options.Start); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	f, err := h.files(m)
	if err != nil {
		return err
	}
	if h.w.machines[m.ID] != nil {
		return alreadyOn(m.Name)
	}
	f.suspended = false
	now := time.Now()
	running := &machine{spec: m, path: h.paths[m.Datastore], run: run, consoles: map[*console]bool{}, busy: -1, meters: meters{at: now, began: now}}
	h.w.machines[m.ID], h.known[m.ID] = running, true
	delete(h.w.exits, m.ID)
	h.w.count(m.ID, "start")
	h.w.bootGuest(running)
	h.w.notify(m.ID)
	return nil
}

// prepare checks what can be checked before a start and numbers it.
func (h *Host) prepare(ctx context.Context, m dc.Machine) (int, error) {
	if err := h.lock(ctx, 0); err != nil {
		return 0, err
	}
	defer h.w.mu.Unlock()
	if _, err := h.files(m); err != nil {
		return 0, err
	}
	if h.w.machines[m.ID] != nil {
		return 0, alreadyOn(m.Name)
	}
	h.w.runs++
	return h.w.runs, nil
}

func alreadyOn(name string) error {
	return dc.Errorf(dc.WrongState, "it is powered on already").On(dc.Describe(dc.KindVirtualMachine, name))
}

// Find implements the agent's Hypervisor.
func (h *Host) Find(ctx context.Context, m dc.Machine) (dc.Handle, error) {
	if err := h.lock(ctx, 0); err != nil {
		return nil, err
	}
	defer h.w.mu.Unlock()
	if running := h.w.machines[m.ID]; running != nil {
		return json.Marshal(handle{running.run})
	}
	return nil, dc.Errorf(dc.NotFound, "nothing executes it").On(dc.Describe(dc.KindVirtualMachine, m.Name))
}

// Recover implements the agent's Hypervisor.
func (h *Host) Recover(ctx context.Context, m dc.Machine, data dc.Handle) error {
	if err := h.lock(ctx, 0); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	var want handle
	running := h.w.machines[m.ID]
	if err := json.Unmarshal(data, &want); err != nil || running == nil || running.run != want.Run {
		return dc.Errorf(dc.NotFound, "nothing executes it").On(dc.Describe(dc.KindVirtualMachine, m.Name))
	}
	h.known[m.ID] = true
	h.w.notify(m.ID)
	return nil
}

// Allocate implements the agent's Hypervisor.
func (h *Host) Allocate(ctx context.Context, m dc.Machine) error {
	running, err := h.running(ctx, m.ID)
	if err != nil {
		return err
	}
	running.spec = m
	h.w.mu.Unlock()
	return nil
}

// Reconfigure implements the agent's Hypervisor. A simulated machine can be changed in every way.
func (h *Host) Reconfigure(ctx context.Context, m dc.Machine, _ []dc.Attachment) error {
	running, err := h.running(ctx, m.ID)
	if err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	f, err := h.files(m)
	if err != nil {
		return err
	}
	for _, d := range m.Disks {
		if !f.has(d.File) {
			return diskMissing(m, d)
		}
	}
	running.spec = m
	h.w.notify(m.ID)
	return nil
}

// Stop implements the agent's Hypervisor.
func (h *Host) Stop(ctx context.Context, m dc.Machine) error {
	if err := h.lock(ctx, h.w.options.Stop); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	if f, err := h.files(m); err == nil && f.suspended {
		f.suspended = false
		h.w.notify(m.ID)
	}
	h.w.end(m.ID, dc.MachineExit{Clean: true})
	return nil
}

// running takes the world's lock and returns a machine with power, or fails without the lock.
func (h *Host) running(ctx context.Context, id dc.VirtualMachineID) (*machine, error) {
	if err := h.lock(ctx, 0); err != nil {
		return nil, err
	}
	m := h.w.machines[id]
	if m == nil || !h.known[id] {
		h.w.mu.Unlock()
		return nil, dc.Errorf(dc.WrongState, "it is not powered on").On("virtual machine " + string(id))
	}
	return m, nil
}

// Reset implements the agent's Hypervisor.
func (h *Host) Reset(ctx context.Context, id dc.VirtualMachineID) error {
	m, err := h.running(ctx, id)
	if err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	h.reset(m, "reset")
	return nil
}

func (h *Host) reset(m *machine, why string) {
	m.boot.Stop()
	h.w.count(m.spec.ID, why)
	h.w.bootGuest(m)
	h.w.notify(m.spec.ID)
}

// Suspend implements the agent's Hypervisor.
func (h *Host) Suspend(ctx context.Context, m dc.Machine) error {
	if err := h.sleep(ctx, h.w.options.Suspend); err != nil {
		return err
	}
	if _, err := h.running(ctx, m.ID); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	f, err := h.files(m)
	if err != nil {
		return err
	}
	if h.w.datastore(h.paths[m.Datastore]).full {
		return dc.Errorf(dc.Exhausted, "the datastore is full").Fix("make room on it")
	}
	f.suspended = true
	h.w.count(m.ID, "suspend")
	h.w.end(m.ID, dc.MachineExit{Clean: true})
	return nil
}

// Continue implements the agent's Hypervisor.
func (h *Host) Continue(ctx context.Context, id dc.VirtualMachineID) error {
	m, err := h.running(ctx, id)
	if err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	m.paused = h.w.datastore(m.path).full
	h.w.notify(id)
	return nil
}

// ShutdownGuest implements the agent's Hypervisor.
func (h *Host) ShutdownGuest(ctx context.Context, id dc.VirtualMachineID) error {
	return h.askGuest(ctx, id, "shutdown", func(*machine) {
		h.w.end(id, dc.MachineExit{Clean: true, Guest: true})
	})
}

// RebootGuest implements the agent's Hypervisor.
func (h *Host) RebootGuest(ctx context.Context, id dc.VirtualMachineID) error {
	return h.askGuest(ctx, id, "reboot", func(m *machine) { h.reset(m, "rebooted") })
}

// askGuest asks the guest's agent, if there is one that answers, and then does what the guest would do.
func (h *Host) askGuest(ctx context.Context, id dc.VirtualMachineID, what string, then func(*machine)) error {
	m, err := h.running(ctx, id)
	if err != nil {
		return err
	}
	h.w.count(id, what)
	run, answers, hung := m.run, m.guest.AgentRunning, m.hung
	h.w.mu.Unlock()
	if !answers || hung {
		<-ctx.Done()
		message := "no guest agent answered the " + what
		if hung {
			message = "the guest accepted the " + what + " and still runs"
		}
		return &dc.Error{Kind: dc.Unavailable, Message: message, Remedy: "use power off or reset", Err: ctx.Err()}
	}
	if err := h.sleep(ctx, h.w.options.Shutdown); err != nil {
		return err
	}
	if m, err = h.running(ctx, id); err != nil {
		return err
	}
	defer h.w.mu.Unlock()
	if m.run == run {
		then(m)
	}
	return nil
}

// State implements the agent's Hypervisor.
func (h *Host) State(ctx context.Context, m dc.Machine) (dc.MachineState, error) {
	if err := h.lock(ctx, 0); err != nil {
		return dc.MachineState{}, err
	}
	defer h.w.mu.Unlock()
	if running := h.w.machines[m.ID]; running != nil && h.known[m.ID] {
		state := dc.MachineState{Run: dc.RunRunning, Guest: running.guest, Restarted: running.restarted}
		if running.paused {
			state.Run = dc.RunPaused
			state.Pause = &dc.Failure{Kind: dc.Exhausted, Object: dc.Describe(dc.KindDatastore, string(m.Datastore)),
				Message: "it is full",
				Remedy:  "make room on the datastore and power it on to continue"}
		}
		return state, nil
	}
	ds, err := h.mounted(m.Datastore)
	if err != nil {
		return dc.MachineState{}, err
	}
	state := dc.MachineState{Run: dc.RunStopped}
	if exit, ok := h.w.exits[m.ID]; ok {
		state.Exit = &exit
	}
	if f := ds.folders[m.Folder]; f != nil && f.owner == m.ID && f.suspended {
		state.Run = dc.RunSuspended
	}
	return state, nil
}

// Screenshot implements the agent's Hypervisor.
func (h *Host) Screenshot(ctx context.Context, id dc.VirtualMachineID, w io.Writer) error {
	m, err := h.running(ctx, id)
	if err != nil {
		return err
	}
	booted := m.guest.AgentRunning
	h.w.mu.Unlock()
	return paint(w, booted)
}

// OpenConsole implements the agent's Hypervisor.
func (h *Host) OpenConsole(ctx context.Context, id dc.VirtualMachineID, kind dc.ConsoleKind) (io.ReadWriteCloser, error) {
	m, err := h.running(ctx, id)
	if err != nil {
		return nil, err
	}
	defer h.w.mu.Unlock()
	c, err := newConsole(kind, m.spec.Name)
	if err != nil {
		return nil, err
	}
	m.consoles[c] = true
	c.closed = func() {
		h.w.mu.Lock()
		defer h.w.mu.Unlock()
		delete(m.consoles, c)
	}
	return c, nil
}
