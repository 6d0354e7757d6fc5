package qemu

import (
	"slices"
	"sync"

	"hanok/dc"
)

// changes delivers which machines have changed. Whoever tells it never waits, and an ID that was not delivered yet is
// delivered once, so that there are never more of them than machines.
type changes struct {
	out  chan dc.VirtualMachineID
	wake chan struct{} // holds a token if there may be something to deliver
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	pending []dc.VirtualMachineID
}

func newChanges() *changes {
	c := &changes{
		out: make(chan dc.VirtualMachineID), wake: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go c.deliver()
	return c
}

func (c *changes) add(id dc.VirtualMachineID) {
	c.mu.Lock()
	if !slices.Contains(c.pending, id) {
		c.pending = append(c.pending, id)
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// next takes the oldest ID. It is taken before it is delivered: a change during the delivery asks for another one.
func (c *changes) next() (id dc.VirtualMachineID, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) == 0 {
		return "", false
	}
	id = c.pending[0]
	c.pending = c.pending[1:]
	return id, true
}

func (c *changes) deliver() {
	defer close(c.done)
	defer close(c.out)
	for {
		id, ok := c.next()
		if !ok {
			select {
			case <-c.wake:
				continue
			case <-c.stop:
				return
			}
		}
		select {
		case c.out <- id:
		case <-c.stop:
			return
		}
	}
}

// close closes out. It is called once.
func (c *changes) close() {
	close(c.stop)
	<-c.done
}
