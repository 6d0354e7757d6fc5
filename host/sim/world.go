package sim

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/netip"
	"sync"
	"time"

	"hanok/dc"
)

// Options say how a World behaves. The zero value is a host on which everything happens at once.
type Options struct {
	// How long things take. Shutdown is the guest's part of ShutdownGuest, Boot the time from power-on or reset until
	// its agent answers.
	Start, Stop, Suspend, Copy, Boot, Shutdown time.Duration
	// CapacityBytes is the size of each datastore; 0 is 1 TB.
	CapacityBytes int64
	// BootID is what the host's boots are called, besides a number; "" is "boot".
	BootID string
	// Kept is for a host that was simulated by an earlier process: the files of its machines are there, whatever they are.
	Kept bool
}

// World is a simulated host and everything on it. It is safe for concurrent use.
type World struct {
	options Options

	mu         sync.Mutex
	boots      int
	runs       int // counts power-ons
	machines   map[dc.VirtualMachineID]*machine
	exits      map[dc.VirtualMachineID]dc.MachineExit
	datastores map[string]*datastore // by path
	plugged    map[dc.VirtualMachineID]bool
	hosts      map[*Host]bool
	events     map[string]int
	// began is when the host was switched on, read when its meters were read last, and used what they said.
	began, read time.Time
	used        time.Duration
}

// machine is one with power.
type machine struct {
	spec   dc.Machine
	path   string // of its datastore
	run    int
	paused bool
	hung   bool // its guest answers no more
	// restarted is when its guest last restarted itself.
	restarted time.Time
	guest     dc.Guest
	boot      *time.Timer
	consoles  map[*console]bool
	// busy is the load that Busy has set, or negative.
	busy   int
	meters meters
}

type datastore struct {
	full    bool
	folders map[string]*folder
}

type folder struct {
	owner     dc.VirtualMachineID
	disks     map[string]dc.Disk // by descriptor
	suspended bool
	// spec is the machine as its files were written last.
	spec dc.Machine
}

func (f *folder) has(file string) bool {
	_, has := f.disks[file]
	return has
}

// NewWorld returns a host that was just switched on for the first time.
func NewWorld(options Options) *World {
	if options.CapacityBytes == 0 {
		options.CapacityBytes = 1 << 40
	}
	options.BootID = cmp.Or(options.BootID, "boot")
	now := time.Now()
	return &World{
		began: now, read: now,
		options: options, boots: 1, machines: map[dc.VirtualMachineID]*machine{}, exits: map[dc.VirtualMachineID]dc.MachineExit{},
		datastores: map[string]*datastore{}, plugged: map[dc.VirtualMachineID]bool{}, hosts: map[*Host]bool{},
		events: map[string]int{},
	}
}

// Facts returns what the host says of itself: what an agent's Config wants.
func (w *World) Facts() dc.HostStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return dc.HostStatus{BootID: fmt.Sprintf("%s-%d", w.options.BootID, w.boots), OS: "simulated", CPUs: 64, CPUCores: 64, CPUMHz: 2500,
		CPUModel: "simulated", MemoryMB: 512 << 10, ReservedMemoryMB: 8 << 10}
}

// Crash lets a machine's process die, with the given words at the end of its log.
func (w *World) Crash(id dc.VirtualMachineID, log string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end(id, dc.MachineExit{Message: "the simulated process has crashed; the last lines of its log:\n" + log})
}

// PowerOffGuest lets a machine's guest power itself off.
func (w *World) PowerOffGuest(id dc.VirtualMachineID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end(id, dc.MachineExit{Clean: true, Guest: true})
}

// RestartGuest lets a machine's guest restart itself.
func (w *World) RestartGuest(id dc.VirtualMachineID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.machines[id]; m != nil {
		m.restarted = time.Now().UTC()
		m.boot.Stop()
		w.bootGuest(m)
		w.notify(id)
	}
}

// Hang lets a machine's guest accept what it is asked for, and do nothing.
func (w *World) Hang(id dc.VirtualMachineID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.machines[id]; m != nil {
		m.hung = true
	}
}

// Fill leaves no space on the datastore at path: its machines pause.
func (w *World) Fill(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.datastore(path).full = true
	for id, m := range w.machines {
		if m.path == path {
			m.paused = true
			w.notify(id)
		}
	}
}

// Free makes space on the datastore again. Its machines stay paused.
func (w *World) Free(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.datastore(path).full = false
}

// Reboot lets the host die and come back: no machine has power, and nothing is mounted or plugged. The agent's process has
// died too, so its Host is to be closed.
func (w *World) Reboot() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.boots++
	w.began, w.used = time.Now(), 0
	for id := range w.machines {
		w.end(id, dc.MachineExit{})
		delete(w.exits, id)
	}
	clear(w.plugged)
}

// Count returns how often something was done to a machine: "start", "reset", "shutdown", "reboot", "suspend" or "create".
func (w *World) Count(id dc.VirtualMachineID, what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events[what+" "+string(id)]
}

// Running returns the machines that have power.
func (w *World) Running() map[dc.VirtualMachineID]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[dc.VirtualMachineID]bool{}
	for id := range w.machines {
		out[id] = true
	}
	return out
}

// Folders returns the machines that have files on the datastore at path, by the name of the folder.
func (w *World) Folders(path string) map[string]dc.VirtualMachineID {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]dc.VirtualMachineID{}
	for name, f := range w.datastore(path).folders {
		out[name] = f.owner
	}
	return out
}

// Everything below is called with w.mu held.

func (w *World) datastore(path string) *datastore {
	ds := w.datastores[path]
	if ds == nil {
		ds = &datastore{folders: map[string]*folder{}}
		w.datastores[path] = ds
	}
	return ds
}

func (w *World) count(id dc.VirtualMachineID, what string) { w.events[what+" "+string(id)]++ }

// end takes a machine's power away; for one without power it does nothing.
func (w *World) end(id dc.VirtualMachineID, exit dc.MachineExit) {
	m := w.machines[id]
	if m == nil {
		return
	}
	m.boot.Stop()
	for c := range m.consoles {
		c.end()
	}
	delete(w.machines, id)
	w.exits[id] = exit
	w.notify(id)
}

// bootGuest lets the guest's agent answer after a while.
func (w *World) bootGuest(m *machine) {
	m.guest, m.hung = dc.Guest{}, false
	run := m.run
	m.boot = time.AfterFunc(w.options.Boot, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if now := w.machines[m.spec.ID]; now == nil || now.run != run {
			return
		}
		m.guest = dc.Guest{AgentRunning: true, Hostname: m.spec.Name, OS: "simulated"}
		if len(m.spec.NICs) > 0 {
			m.guest.Addresses = []string{address(m.spec.ID)}
		}
		w.notify(m.spec.ID)
	})
}

// address makes up an address in 10.0.0.0/8 that stays the same.
func address(id dc.VirtualMachineID) string {
	h := fnv.New32a()
	h.Write([]byte(id))
	sum := h.Sum32()
	return netip.AddrFrom4([4]byte{10, byte(sum >> 16), byte(sum >> 8), byte(sum)}).String()
}

func (w *World) notify(id dc.VirtualMachineID) {
	for h := range w.hosts {
		h.notify(id)
	}
}
