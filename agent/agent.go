package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"hanok/dc"
)

// Config is all that an agent needs to start.
type Config struct {
	// Dir is the folder for what the host keeps, of mode 0700; made if need be. One agent at a time has it.
	Dir string
	// Manager is the manager's URL: "https://10.0.0.1".
	Manager string
	// Token is what the manager gave for this host to join, once: a secret, a dot, and the fingerprint of its authority. It
	// is needed only until the host has joined. A host that is one already joins again with it, as the same one.
	Token string
	// Name is what the host is to be called in the inventory. Empty: the machine's host name.
	Name string
	// Records, if not nil, keep what the host writes down of its machines and datastores, in the place of files in Dir. They are
	// for simulated hosts, whose machines don't outlast a loss of power either.
	Records Records
	// Facts is what to say of this host. Without a BootID all but Version is found out; Hypervisor always is.
	Facts dc.HostStatus
	// The drivers. The caller closes the Hypervisor after Run has returned.
	Hypervisor Hypervisor
	Storage    Storage
	Network    Network
	// Meter may be nil: there are no statistics of the host itself then.
	Meter Meter
	// Files may be nil: users can't work on the files of the host's datastores then.
	Files Files
	// Inspector may be nil: the host can't be inspected then.
	Inspector Inspector
	// Connected, if not nil, is called with the host's ID whenever the manager has accepted a connection and sent all that
	// it asks for. Waiting, if not nil, is called with the reason whenever there is no connection and the host will try again. Both
	// are called by one goroutine, and may not wait.
	Connected func(dc.HostID)
	Waiting   func(error)
	// Log may be nil.
	Log *slog.Logger
}

// Agent is the agent of one host.
type Agent struct {
	cfg   Config
	facts dc.HostStatus // of talk's goroutine
	boot  string
	disk  *disk
	board *board
	// session is how to talk to the manager, once the host has joined.
	session    atomic.Pointer[session]
	datastores *datastores
	statistics *statistics
	// starts bounds how many machines are started at once, copies how many have their files made.
	starts, copies limit
	// tasks are all goroutines of Run.
	tasks sync.WaitGroup

	mu       sync.Mutex
	machines map[dc.VirtualMachineID]*machine
}

// New returns an agent that does nothing yet. It fails where Dir can't be made.
func New(cfg Config) (*Agent, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("find out the host's name: %w", err)
		}
		cfg.Name = name
	}
	facts := cfg.Facts
	if facts.BootID == "" {
		var err error
		if facts, err = Facts(); err != nil {
			return nil, err
		}
		facts.Version = cfg.Facts.Version
	}
	d, err := openDisk(cfg.Dir, cfg.Records)
	if err != nil {
		return nil, err
	}
	a := &Agent{
		cfg: cfg, facts: facts, boot: facts.BootID, disk: d, board: newBoard(), machines: map[dc.VirtualMachineID]*machine{},
		starts: make(limit, max(8, 2*runtime.NumCPU())), copies: make(limit, 4),
	}
	a.datastores = &datastores{a: a, all: map[dc.DatastoreID]*datastore{}}
	a.statistics = newStatistics(a)
	return a, nil
}

// Run recovers all machines, joins the data center if need be, and works until ctx ends; it then returns nil and leaves
// every machine as it is. It returns an error when Dir is in use or can't be read, and when the manager refuses to let the
// host join. It is called once.
func (a *Agent) Run(ctx context.Context) error {
	lock, err := a.disk.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	id, err := a.disk.readIdentity()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer a.tasks.Wait()
	defer cancel()
	if err := a.resume(ctx); err != nil {
		return err
	}
	a.tasks.Go(func() { a.watchDriver(ctx) })
	a.tasks.Go(func() { a.statistics.run(ctx) })
	a.probe(ctx)
	if err := a.talk(ctx, id); ctx.Err() == nil {
		return err
	}
	return nil
}

// resume goes on with everything that an earlier process wrote down. It waits for nobody, least of all the manager.
func (a *Agent) resume(ctx context.Context) error {
	stores, err := load[datastoreRecord](a.disk, datastoreFolder)
	if err != nil {
		return err
	}
	machines, err := load[record](a.disk, machineFolder)
	if err != nil {
		return err
	}
	for _, rec := range stores {
		a.datastores.all[rec.ID] = &datastore{rec: rec}
	}
	a.tasks.Go(func() { a.datastores.run(ctx) })
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, rec := range machines {
		m := &rec.Assignment.Machine
		m.Hardware = dc.UpgradeHardware(m.Hardware, m.Folder)
		a.employ(ctx, a.newMachine(sabotaged(rec)))
	}
	return nil
}

// employ starts the worker of a machine. a.mu is held.
func (a *Agent) employ(ctx context.Context, m *machine) {
	a.machines[m.id] = m
	a.tasks.Go(func() { m.run(ctx) })
}

// eachMachine calls f for every machine.
func (a *Agent) eachMachine(f func(*machine)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.machines {
		f(m)
	}
}

// watchDriver wakes the workers of machines that have changed.
func (a *Agent) watchDriver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id, ok := <-a.cfg.Hypervisor.Changed():
			if !ok {
				return
			}
			if m := a.machine(id); m != nil {
				m.poke()
			}
		}
	}
}

// probe finds out how this host executes guests, for the facts.
func (a *Agent) probe(ctx context.Context) {
	h, err := a.cfg.Hypervisor.Probe(ctx)
	if err != nil {
		a.cfg.Log.Error("the hypervisor can't be used", "error", err)
		h.Warnings = append(h.Warnings, "this host cannot run virtual machines: "+err.Error())
	}
	a.facts.Hypervisor = h
}

// machine returns the worker of a machine, or nil.
func (a *Agent) machine(id dc.VirtualMachineID) *machine {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.machines[id]
}

// assign takes over the assignment of a machine.
func (a *Agent) assign(ctx context.Context, assignment dc.Assignment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := assignment.Machine.ID
	if m := a.machines[id]; m != nil {
		m.assign(assignment)
		return
	}
	m := a.newMachine(record{Assignment: dc.Assignment{Machine: dc.Machine{ID: id}}})
	m.assign(assignment)
	a.employ(ctx, m)
}

// forgetDatastore lets go of a datastore that the manager doesn't know, unless a machine is on it: after the manager's
// store was restored from an old copy, the machine is still there.
func (a *Agent) forgetDatastore(id dc.DatastoreID) error {
	used := false
	a.eachMachine(func(m *machine) { used = used || m.uses(id) })
	if used {
		a.cfg.Log.Warn("the manager doesn't know a datastore that machines of this host are on", "datastore", id)
		return nil
	}
	return a.datastores.forget(id)
}
