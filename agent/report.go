package agent

import (
	"maps"
	"reflect"
	"sync"

	"hanok/dc"
)

// board holds what the host has to report: the newest value of everything. Workers write it, and whichever connection to the
// manager is open sends what differs from what it sent before, so that nothing is queued and nothing is lost: a new
// connection sends all of it.
type board struct {
	// changed has one element when something may have changed since it was last taken.
	changed chan struct{}

	mu         sync.Mutex
	machines   map[dc.VirtualMachineID]machineReport
	progress   map[dc.VirtualMachineID]progress
	datastores map[dc.DatastoreID]dc.DatastoreStatus
}

type machineReport struct {
	// machine is the machine by its assignment, path the folder of its datastore, "" for one that the host doesn't know, and
	// deleted whether a tombstone came.
	machine dc.Machine
	path    string
	deleted bool
	// asked is the generation of the last power request. It alone is no news: it goes with the next.
	asked  int64
	status dc.VirtualMachineStatus
}

// progress counts bytes of a machine's files. The zero value means that none are being made.
type progress struct{ done, total int64 }

func newBoard() *board {
	return &board{
		changed:    make(chan struct{}, 1),
		machines:   map[dc.VirtualMachineID]machineReport{},
		progress:   map[dc.VirtualMachineID]progress{},
		datastores: map[dc.DatastoreID]dc.DatastoreStatus{},
	}
}

func (b *board) notify() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// setMachine reports a machine. The values that report points to must not be changed any more.
func (b *board) setMachine(id dc.VirtualMachineID, report machineReport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, ok := b.machines[id]
	b.machines[id] = report
	old.asked = report.asked
	if !ok || !reflect.DeepEqual(old, report) {
		b.notify()
	}
}

// setBlocked changes a machine's report, if there is one, in nothing but Blocked.
func (b *board) setBlocked(id dc.VirtualMachineID, blocked *dc.Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if report, ok := b.machines[id]; ok && !reflect.DeepEqual(report.status.Blocked, blocked) {
		report.status.Blocked = blocked
		b.machines[id] = report
		b.notify()
	}
}

func (b *board) removeMachine(id dc.VirtualMachineID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.machines, id)
	delete(b.progress, id)
}

// setProgress does not notify: progress goes out at its own pace.
func (b *board) setProgress(id dc.VirtualMachineID, p progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.progress[id] = p
}

func (b *board) setDatastore(id dc.DatastoreID, status dc.DatastoreStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.datastores[id]; !ok || !reflect.DeepEqual(old, status) {
		b.datastores[id] = status
		b.notify()
	}
}

func (b *board) removeDatastore(id dc.DatastoreID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.datastores, id)
}

// snapshot is what the board held at a moment, and what a connection has sent.
type snapshot struct {
	machines   map[dc.VirtualMachineID]machineReport
	progress   map[dc.VirtualMachineID]progress
	datastores map[dc.DatastoreID]dc.DatastoreStatus
}

func (b *board) snapshot() snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return snapshot{machines: maps.Clone(b.machines), progress: maps.Clone(b.progress), datastores: maps.Clone(b.datastores)}
}
