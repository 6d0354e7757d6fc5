package qemu

import (
	"testing"

	"hanok/dc"
)

func TestChanges(t *testing.T) {
	c := newChanges()
	for range 1000 {
		c.add("vm-1") // nobody waits
		c.add("vm-2")
	}
	got := map[dc.VirtualMachineID]int{}
	for len(got) < 2 {
		got[<-c.out]++
	}
	c.add("vm-1") // again after a delivery
	for id := range c.out {
		if id == "vm-1" {
			break
		}
	}
	c.close()
	if _, open := <-c.out; open {
		t.Error("a delivery after the end")
	}
	c.add("vm-1") // harmless
}

func TestChangeDuringDelivery(t *testing.T) {
	c := newChanges()
	defer c.close()
	c.add("vm-1")
	for { // until the first one is about to be delivered
		c.mu.Lock()
		taken := len(c.pending) == 0
		c.mu.Unlock()
		if taken {
			break
		}
	}
	c.add("vm-1")
	<-c.out
	<-c.out // the change after the first one was taken is not lost
}
