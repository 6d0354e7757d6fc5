package agent

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"hanok/dc"
)

// What a host does that has lost its record of a machine: it never makes files anew, starts nothing that runs, and does no
// power operation a second time.

// lose removes the record of a machine, and all else too with all.
func (h *host) lose(id dc.VirtualMachineID, all bool) {
	h.t.Helper()
	path := filepath.Join(h.dir, machineFile(id))
	if all {
		path = h.dir
	}
	if err := os.RemoveAll(path); err != nil {
		h.t.Fatal(err)
	}
}

// counts fails the test unless each thing was done so often to the machine.
func (h *host) counts(id dc.VirtualMachineID, want map[string]int) {
	h.t.Helper()
	for what, n := range want {
		if got := h.world.Count(id, what); got != n {
			h.t.Errorf("%s: %s was done %d times, want %d", id, what, got, n)
		}
	}
}

func ready(s dc.VirtualMachineStatus) bool   { return s.Files == dc.FilesReady }
func missing(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesMissing }

func TestLostRecord(t *testing.T) {
	for name, all := range map[string]bool{"of the machine": false, "all of them": true} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			m.start()
			defer m.stop()
			h := newHost(t, m)
			p := h.start()
			const on, off, reset, asleep, crashes = "vm-on", "vm-off", "vm-reset", "vm-asleep", "vm-crashes"
			for id, ops := range map[dc.VirtualMachineID][]dc.PowerOp{
				on: {dc.PowerOn}, off: {}, reset: {dc.PowerOn, dc.Reset}, asleep: {dc.PowerOn, dc.Suspend}, crashes: {dc.PowerOn},
			} {
				m.ask(id, func(*dc.Assignment) {})
				m.until(id, "files", ready)
				for _, op := range ops {
					m.askPower(id, op)
					m.until(id, string(op), func(s dc.VirtualMachineStatus) bool {
						return s.Outcome.Generation == m.asked(id).Power.Generation
					})
				}
			}
			p.kill()
			h.world.Crash(crashes, "out of memory")
			before := map[dc.VirtualMachineID]dc.VirtualMachineStatus{}
			for _, id := range []dc.VirtualMachineID{on, off, reset, asleep, crashes} {
				before[id] = m.status(id)
				h.lose(id, all)
			}
			h.heardFrom("2")
			p = h.start()
			defer func() { p.kill() }()
			for id, old := range before {
				now := m.until(id, "a report of the second process", func(dc.VirtualMachineStatus) bool { return h.heard(id) })
				want := old.Power
				if id == crashes {
					want = dc.PoweredOff
				}
				if now.Files != dc.FilesReady || now.Power != want || now.Outcome.Generation != old.Outcome.Generation || (now.Fault != nil) != (id == crashes) {
					t.Errorf("%s was %+v and is %+v", id, old, now)
				}
				h.counts(id, map[string]int{"create": 1})
			}
			h.counts(on, map[string]int{"start": 1})
			h.counts(reset, map[string]int{"start": 1, "reset": 1})
			h.counts(crashes, map[string]int{"start": 1})

			// All of it can be worked with as ever.
			for _, id := range []dc.VirtualMachineID{off, asleep, crashes} {
				m.askPower(id, dc.PowerOn)
				m.untilDone(id, dc.PoweredOn)
			}
			m.askPower(on, dc.PowerOff)
			m.untilDone(on, dc.PoweredOff)
		})
	}
}

// heardFrom notes whose reports are heard from a process on.
func (h *host) heardFrom(process string) {
	h.reported = map[dc.VirtualMachineID]bool{}
	h.manager.heard = func(name string, id dc.VirtualMachineID, _ dc.VirtualMachineStatus, take func()) {
		if name == process {
			h.manager.change(func() { h.reported[id] = true })
		}
		take()
	}
}

func (h *host) heard(id dc.VirtualMachineID) bool {
	h.manager.mu.Lock()
	defer h.manager.mu.Unlock()
	return h.reported[id]
}

// TestMissingFiles: files that were there once are not made again. What is missing is said, looked for again, and can be deleted.
func TestMissingFiles(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	p := h.start()
	defer func() { p.kill() }()
	for _, id := range []dc.VirtualMachineID{"vm-1", "vm-2"} {
		m.askPower(id, dc.PowerOn)
		m.untilDone(id, dc.PoweredOn)
		m.askPower(id, dc.PowerOff)
		m.untilDone(id, dc.PoweredOff)
	}
	p.kill()
	h.lose("vm-1", true)
	const empty = "/empty" // the disk that holds the datastore is not mounted
	m.datastore.Path = empty
	m.askPower("vm-1", dc.PowerOn)
	p = h.start()
	s := m.until("vm-1", "missing files", missing)
	if f := s.FilesFailure; f == nil || !strings.Contains(f.Message, empty+"/vm-1") || f.Remedy == "" || s.Power != dc.PoweredOff {
		t.Errorf("its files are missing: %+v", s)
	}
	if s.Outcome.Generation != 3 || s.Outcome.Failure == nil {
		t.Errorf("the request that waits has the outcome %+v", s.Outcome)
	}
	if folders := h.world.Folders(empty); len(folders) != 0 {
		t.Errorf("folders were made: %v", folders)
	}
	m.until("vm-2", "missing files", missing)
	// A second process, with the record that the first one wrote, knows no better.
	p.kill()
	m.forgetReports()
	p = h.start()
	m.until("vm-1", "missing files, again", missing)

	// An administrator brings them back.
	drivers := h.world.Open()
	defer drivers.Close()
	if err := drivers.Mount(t.Context(), labDatastore, empty); err != nil {
		t.Fatal(err)
	}
	if err := drivers.CreateMachine(t.Context(), labMachine("vm-1"), func(context.Context, string) (io.ReadCloser, error) { return nil, nil }, func(_, _ int64) {}); err != nil {
		t.Fatal(err)
	}
	m.until("vm-1", "files", ready)
	m.askPower("vm-1", dc.PowerOn)
	m.untilDone("vm-1", dc.PoweredOn)

	m.until("vm-2", "missing files", missing)
	m.ask("vm-2", func(a *dc.Assignment) { a.Deleted = true })
	m.until("vm-2", "removal", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesRemoved })
	h.counts("vm-2", map[string]int{"create": 1, "start": 1})
}

// TestHeld: what may execute a machine and can't be talked to is said, and nothing is called powered off.
func TestHeld(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	var held atomic.Bool
	h.around = func(_ *process, what string, do func() error) error {
		if what == "Find" && held.Load() {
			return dc.Errorf(dc.Unavailable, "process 4711 executes it").Fix("end it")
		}
		return do()
	}
	p := h.start()
	defer func() { p.kill() }()
	m.askPower("vm-1", dc.PowerOn)
	m.untilDone("vm-1", dc.PoweredOn)
	p.kill()
	h.lose("vm-1", false)
	held.Store(true)
	p = h.start()
	s := m.until("vm-1", "a process that can't be talked to", missing)
	if s.Power != dc.PoweredOn || s.FilesFailure == nil || !strings.Contains(s.FilesFailure.Message, "process 4711") {
		t.Errorf("it may be executed: %+v", s)
	}
	held.Store(false)
	m.until("vm-1", "recovery", ready)
	m.askPower("vm-1", dc.PowerOff)
	m.untilDone("vm-1", dc.PoweredOff)
	h.counts("vm-1", map[string]int{"create": 1, "start": 1})
}

// TestNothingAsked: a request without an operation has an outcome, whatever the machine does, and ends those before it.
func TestNothingAsked(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h, hangs := newHost(t, m), make(chan struct{})
	h.around = func(_ *process, what string, do func() error) error {
		if what == "ShutdownGuest" {
			close(hangs)
		}
		return do()
	}
	p := h.start()
	defer p.kill()
	m.ask("vm-off", func(*dc.Assignment) {})
	m.until("vm-off", "files", ready)
	m.askPower("vm-on", dc.PowerOn)
	m.untilDone("vm-on", dc.PoweredOn)
	h.world.Hang("vm-on")
	m.askPower("vm-on", dc.ShutdownGuest)
	<-hangs
	for id, power := range map[dc.VirtualMachineID]dc.PowerState{"vm-off": dc.PoweredOff, "vm-on": dc.PoweredOn} {
		m.ask(id, func(a *dc.Assignment) { a.Power = dc.PowerRequest{Generation: 1 << 40} })
		if s := m.untilDone(id, power); s.Outcome.Failure != nil {
			t.Errorf("%s: %+v", id, s.Outcome)
		}
	}
	h.counts("vm-on", map[string]int{"start": 1, "reset": 0})
	m.askPower("vm-on", dc.PowerOff)
	m.untilDone("vm-on", dc.PoweredOff)
}
