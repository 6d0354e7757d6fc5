package sim

import (
	"context"
	"sync"
	"time"

	"hanok/dc"
)

// Host is the drivers of one process of the agent. It implements the agent's Hypervisor, Storage and Network, and is safe
// for concurrent use.
type Host struct {
	w *World
	// paths are the mounted datastores, and known the machines that this process started or recovered; under w.mu.
	paths  map[dc.DatastoreID]string
	known  map[dc.VirtualMachineID]bool
	closed bool

	changed chan dc.VirtualMachineID
	done    chan struct{}
	feeder  sync.WaitGroup
	kick    chan struct{}
	mu      sync.Mutex
	pending map[dc.VirtualMachineID]bool
}

// Open returns the drivers for a new process of the agent.
func (w *World) Open() *Host {
	h := &Host{
		w: w, paths: map[dc.DatastoreID]string{}, known: map[dc.VirtualMachineID]bool{},
		changed: make(chan dc.VirtualMachineID), done: make(chan struct{}), kick: make(chan struct{}, 1),
		pending: map[dc.VirtualMachineID]bool{},
	}
	w.mu.Lock()
	w.hosts[h] = true
	w.mu.Unlock()
	h.feeder.Go(h.feed)
	return h
}

// Close lets go of all machines. What was in progress has no effect any more, as if the process had been killed.
func (h *Host) Close() error {
	h.w.mu.Lock()
	closed := h.closed
	h.closed = true
	delete(h.w.hosts, h)
	h.w.mu.Unlock()
	if !closed {
		close(h.done)
		h.feeder.Wait()
		close(h.changed)
	}
	return nil
}

var errClosed = dc.Errorf(dc.Unavailable, "the driver is closed")

// lock takes the world's lock after d, or fails when the host was closed or ctx has ended.
func (h *Host) lock(ctx context.Context, d time.Duration) error {
	if err := h.sleep(ctx, d); err != nil {
		return err
	}
	h.w.mu.Lock()
	if h.closed {
		h.w.mu.Unlock()
		return errClosed
	}
	return nil
}

// sleep waits for d, the end of ctx or Close, whichever comes first.
func (h *Host) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-h.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Changed implements the agent's Hypervisor.
func (h *Host) Changed() <-chan dc.VirtualMachineID { return h.changed }

func (h *Host) notify(id dc.VirtualMachineID) {
	h.mu.Lock()
	h.pending[id] = true
	h.mu.Unlock()
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// feed passes pending changes on, so that nobody who makes one waits for the reader.
func (h *Host) feed() {
	for {
		select {
		case <-h.done:
			return
		case <-h.kick:
		}
		h.mu.Lock()
		pending := h.pending
		h.pending = map[dc.VirtualMachineID]bool{}
		h.mu.Unlock()
		for id := range pending {
			select {
			case h.changed <- id:
			case <-h.done:
				return
			}
		}
	}
}
