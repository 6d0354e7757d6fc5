package agent

import (
	"testing"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

// TestHello: an agent says what it speaks, and the highest revision that it was ever asked with, after a restart too.
func TestHello(t *testing.T) {
	m, hellos := newManager(t), make(chan *agentv1.Hello, 8)
	m.greeted = func(h *agentv1.Hello) { hellos <- h }
	m.start()
	defer m.stop()
	h := newHost(t, m)
	next := func(revision int64) {
		t.Helper()
		select {
		case hello := <-hellos:
			if hello.Protocol != convert.Protocol || hello.OldestProtocol != convert.Protocol || hello.HighestRevision != revision {
				t.Errorf("it says %v, want the revision %d", hello, revision)
			}
		case <-time.After(patience):
			t.Fatal("it says nothing")
		}
	}
	p := h.start()
	next(0)
	m.ask("vm-1", func(a *dc.Assignment) { a.Revision = 40 })
	m.ask("vm-2", func(a *dc.Assignment) { a.Revision = 20 })
	for _, id := range []dc.VirtualMachineID{"vm-1", "vm-2"} {
		m.until(id, "files", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady })
	}
	p.kill()
	p = h.start()
	next(40)
	m.datastore.Revision = 70 // of which the agent hears with the next connection
	m.stop()
	m.start()
	next(40)
	m.ask("vm-3", func(a *dc.Assignment) { a.Revision = 60 })
	m.until("vm-3", "files", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady })
	m.stop()
	m.start()
	next(70)
	p.kill()
}

// TestNewerManager: a manager that speaks another version is not obeyed. Its machines run on.
func TestNewerManager(t *testing.T) {
	m, greeted := newManager(t), make(chan struct{}, 64)
	m.greeted = func(*agentv1.Hello) { greeted <- struct{}{} }
	m.start()
	defer m.stop()
	h := newHost(t, m)
	p := h.start()
	defer func() { p.kill() }()
	m.askPower("vm-1", dc.PowerOn)
	m.untilDone("vm-1", dc.PoweredOn)
	p.kill()
	m.ahead.Store(1)
	m.askPower("vm-1", dc.PowerOff)
	for len(greeted) > 0 {
		<-greeted
	}
	p = h.start()
	for range 3 { // it tries again, and obeys no one
		select {
		case <-greeted:
		case <-time.After(patience):
			t.Fatal("it does not try again")
		}
	}
	if !h.world.Running()["vm-1"] {
		t.Error("it has obeyed")
	}
	m.ahead.Store(0)
	m.untilDone("vm-1", dc.PoweredOff)
}
