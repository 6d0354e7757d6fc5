package agent

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

// fleet brings five machines into five states and returns what they were reported as.
func fleet(t *testing.T, m *manager) map[dc.VirtualMachineID]dc.VirtualMachineStatus {
	t.Helper()
	for _, id := range []dc.VirtualMachineID{"vm-on", "vm-busy", "vm-off", "vm-suspended", "vm-removed"} {
		m.ask(id, func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
		m.until(id, "guest", func(s dc.VirtualMachineStatus) bool { return s.Guest.AgentRunning && s.Outcome.Generation == 1 })
	}
	m.askPower("vm-off", dc.PowerOff)
	m.untilDone("vm-off", dc.PoweredOff)
	m.askPower("vm-suspended", dc.Suspend)
	m.untilDone("vm-suspended", dc.Suspended)
	m.ask("vm-removed", func(a *dc.Assignment) { a.Deleted = true })
	m.until("vm-removed", "removal", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesRemoved })
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.reports)
}

// recorder is a host's around that writes down what was done and lasts.
type recorder struct {
	mu      sync.Mutex
	calls   []string
	changed chan struct{} // closed, and another one made, at each
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{})} }

func (r *recorder) around(_ *process, what string, do func() error) error {
	err := do()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, what)
	close(r.changed)
	r.changed = make(chan struct{})
	return err
}

// reset forgets what was recorded.
func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = nil
}

// recorded returns what was done, without the finding of machines, which changes none.
func (r *recorder) recorded() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.calls), func(call string) bool { return call == "Recover" })
}

// until waits until something was done n times.
func (r *recorder) until(t *testing.T, what string, n int) {
	t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		done, changed := 0, r.changed
		for _, call := range r.calls {
			if call == what {
				done++
			}
		}
		r.mu.Unlock()
		if done >= n {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("%s was done %d times, want %d; done was %q", what, done, n, r.recorded())
		}
	}
}

// TestAlone: an agent whose manager is away finds its machines by its own copy of their assignments, changes nothing that
// need not be, and reports everything when the manager is back.
func TestAlone(t *testing.T) {
	m, r := newManager(t), newRecorder()
	m.start()
	defer func() { m.stop() }()
	h := newHost(t, m)
	h.around = r.around
	p := h.start()
	defer func() { p.kill() }()
	before := fleet(t, m)

	p.kill()
	m.stop()
	h.world.PowerOffGuest("vm-busy") // while nobody looks
	r.reset()
	p = h.start()
	r.until(t, "Recover", 2)
	r.until(t, "write vm-busy.json", 1)
	if got, want := r.recorded(), []string{"Unplug", "write vm-busy.json"}; !slices.Equal(got, want) {
		t.Errorf("it has done %q, want %q for the machine whose guest is off", got, want)
	}

	m.change(func() { clear(m.reports) })
	m.start()
	for id, want := range before {
		if id == "vm-busy" {
			want.Power, want.Booted, want.Guest = dc.PoweredOff, time.Time{}, dc.Guest{}
		}
		m.until(id, "report as before", func(s dc.VirtualMachineStatus) bool { return reflect.DeepEqual(s, want) })
	}
	// Its assignments came again and ask for nothing new.
	m.askPower("vm-on", dc.Reset)
	m.untilDone("vm-on", dc.PoweredOn)
	for id := range before {
		if n := h.world.Count(id, "start"); n != 1 {
			t.Errorf("%s was started %d times", id, n)
		}
	}
	want := []string{"Unplug", "write vm-busy.json", "write vm-on.json", "write vm-on.json", "Reset", "write vm-on.json"}
	if got := r.recorded(); !slices.Equal(got, want) {
		t.Errorf("in all it has done %q, want %q", got, want)
	}
}

// TestAloneAfterReboot: what was on when the host died is started again without the manager, once, and nothing else is.
func TestAloneAfterReboot(t *testing.T) {
	m, r := newManager(t), newRecorder()
	m.start()
	defer func() { m.stop() }()
	h := newHost(t, m)
	h.around = r.around
	p := h.start()
	defer func() { p.kill() }()
	before := fleet(t, m)

	p.kill()
	m.stop()
	h.world.Reboot()
	r.reset()
	p = h.start()
	r.until(t, "Start", 2)
	m.change(func() { clear(m.reports) })
	m.start()
	on := map[dc.VirtualMachineID]bool{"vm-on": true, "vm-busy": true}
	for id, want := range before {
		s := m.until(id, "report", func(s dc.VirtualMachineStatus) bool { return s.Guest.AgentRunning == on[id] && s.Power == want.Power })
		if s.Outcome != want.Outcome || s.Files != want.Files || s.Fault != nil || s.Booted.After(want.Booted) != on[id] {
			t.Errorf("%s was %+v, and is %+v", id, want, s)
		}
	}
	if running := h.world.Running(); !maps.Equal(running, on) {
		t.Errorf("%v run", running)
	}
	for id := range before {
		if n, want := h.world.Count(id, "start"), map[bool]int{true: 2, false: 1}[on[id]]; n != want {
			t.Errorf("%s was started %d times, want %d", id, n, want)
		}
	}
}

// TestWaitingForDatastore: a machine that can't be started again after its host's reboot, for its datastore is away, is on and
// stands still; its start is not given up.
func TestWaitingForDatastore(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	p := h.start()
	defer func() { p.kill() }()
	m.ask("vm-1", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
	m.untilDone("vm-1", dc.PoweredOn)
	p.kill()
	h.world.Reboot()
	if err := replace(filepath.Join(h.dir, datastoreFile(labDatastore)), []byte(`{"id":"datastore-1","revision":1,"path":"away"}`)); err != nil {
		t.Fatal(err)
	}
	p = h.start()
	s := m.until("vm-1", "wait", func(s dc.VirtualMachineStatus) bool { return s.Paused != nil })
	if s.Power != dc.PoweredOn || !strings.Contains(s.Paused.Message, `"away" is not an absolute path`) || s.Paused.Object != `virtual machine "the vm-1"` {
		t.Errorf("it waits as %+v: %+v", s, s.Paused)
	}
	p.kill()
	m.change(func() {
		m.datastore = &agentv1.DatastoreAssignment{Id: string(labDatastore), Revision: 2, Path: labPath}
	})
	p = h.start()
	m.until("vm-1", "start", func(s dc.VirtualMachineStatus) bool { return s.Paused == nil && s.Guest.AgentRunning })
	if n := h.world.Count("vm-1", "start"); n != 2 {
		t.Errorf("it was started %d times", n)
	}
}

// TestTake: of what connections say only what is newer than all before counts.
func TestTake(t *testing.T) {
	p := newHost(t, newManager(t)).prepare()
	defer p.die()
	known := dc.Assignment{Revision: 20, Machine: labMachine("vm-1"), Power: dc.PowerRequest{Generation: 4, Op: dc.Reset}}
	assignment := func(change func(a *dc.Assignment)) dc.Assignment {
		a := known
		change(&a)
		return a
	}
	newer := assignment(func(a *dc.Assignment) { a.Revision, a.Power = 21, a.Power.Next(dc.PowerOff, 0) })
	tombstone := assignment(func(a *dc.Assignment) { a.Revision, a.Deleted = 22, true })
	for _, test := range []struct {
		name string
		said []dc.Assignment
		want dc.Assignment
		next step
	}{
		{"the same", []dc.Assignment{known}, known, stepNone},
		{"a newer one", []dc.Assignment{newer}, newer, stepPower},
		{"a newer one, and the one before", []dc.Assignment{newer, known}, newer, stepPower},
		{"the request before, with a lower revision", []dc.Assignment{assignment(func(a *dc.Assignment) {
			a.Revision, a.Power = 19, dc.PowerRequest{Generation: 3, Op: dc.PowerOff}
		})}, known, stepNone},
		{"another request, with a lower revision", []dc.Assignment{assignment(func(a *dc.Assignment) {
			a.Revision, a.Power = 19, dc.PowerRequest{Generation: 5, Op: dc.PowerOff}
		})}, known, stepNone},
		{"another request, with the same revision", []dc.Assignment{assignment(func(a *dc.Assignment) {
			a.Power = dc.PowerRequest{Generation: 5, Op: dc.PowerOff}
		})}, known, stepNone},
		{"a tombstone", []dc.Assignment{tombstone}, tombstone, stepRemove},
		{"a tombstone with a lower revision", []dc.Assignment{assignment(func(a *dc.Assignment) {
			a.Revision, a.Deleted = 19, true
		})}, known, stepNone},
		{"a tombstone with the same revision", []dc.Assignment{assignment(func(a *dc.Assignment) { a.Deleted = true })}, known, stepNone},
		{"a tombstone, and the request before", []dc.Assignment{tombstone, newer}, tombstone, stepRemove},
		{"a tombstone that is taken back", []dc.Assignment{assignment(func(a *dc.Assignment) { a.Revision, a.Deleted = 21, true }),
			assignment(func(a *dc.Assignment) { a.Revision = 22 })}, tombstone, stepRemove},
		{"a lower generation", []dc.Assignment{assignment(func(a *dc.Assignment) {
			a.Revision, a.Power = 21, dc.PowerRequest{Generation: 3, Op: dc.PowerOff}
		})}, assignment(func(a *dc.Assignment) { a.Revision, a.Power = 21, dc.PowerRequest{Generation: 3, Op: dc.PowerOff} }), stepNone},
	} {
		for _, each := range []bool{false, true} { // whether each is taken before the next one comes
			if test.name == "a tombstone that is taken back" && !each {
				continue // the newer one is all that comes
			}
			t.Run(fmt.Sprintf("%s, each: %v", test.name, each), func(t *testing.T) {
				rec := on().done(dc.Reset).record
				rec.Assignment, rec.Outcome.Generation, rec.Begun = known, 4, 4
				w := p.agent.newMachine(rec)
				for _, a := range test.said {
					w.assign(a)
					if !each {
						continue
					}
					if err := w.take(); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.take(); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(w.rec.Assignment, test.want) {
					t.Errorf("taken %+v, want %+v", w.rec.Assignment, test.want)
				}
				s := on()
				s.record = w.rec
				s.BootID = s.boot
				if next := s.next(); next != test.next {
					t.Errorf("next is %s, want %s", next, test.next)
				}
				if !w.uses(labDatastore) {
					t.Error("it is on another datastore")
				}
			})
		}
	}
}

// TestOldManager: a manager whose store is an old copy asks for nothing with what it has from then; not even where a
// machine is.
func TestOldManager(t *testing.T) {
	m, r := newManager(t), newRecorder()
	m.start()
	defer func() { m.stop() }()
	h := newHost(t, m)
	h.around = r.around
	p := h.start()
	defer func() { p.kill() }()
	m.ask("vm-1", func(a *dc.Assignment) { a.Revision, a.Power = 10, dc.PowerRequest{Generation: 1, Op: dc.PowerOn} })
	m.untilDone("vm-1", dc.PoweredOn)
	newest := m.asked("vm-1")

	m.stop()
	old := dc.Assignment{Revision: 9, Machine: newest.Machine, Deleted: true}
	old.Machine.Datastore = "datastore-9"
	m.change(func() { m.machines["vm-1"] = old })
	m.start()
	for _, id := range []dc.VirtualMachineID{"vm-2", "vm-3"} { // which come after it
		m.ask(id, func(*dc.Assignment) {})
		m.until(id, "files", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady })
	}
	h.world.Fill(labPath)
	m.until("vm-1", "pause", func(s dc.VirtualMachineStatus) bool { return s.Paused != nil }) // it was looked at since
	h.world.Free(labPath)
	if !p.agent.machine("vm-1").uses(labDatastore) {
		t.Error("the datastore is said to be unused")
	}
	m.change(func() { m.machines["vm-1"] = newest })
	m.askPower("vm-1", dc.Reset)
	m.untilDone("vm-1", dc.PoweredOn)
	for _, call := range r.recorded() {
		if call == "Stop" || call == "DeleteMachine" {
			t.Errorf("%s was called", call)
		}
	}
}

// TestTombstoneStays: nothing makes a machine again whose tombstone was carried out, not even a manager whose store was restored
// from before: its files are missing then. A tombstone that is forgotten is so once the manager has said it.
func TestTombstoneStays(t *testing.T) {
	m, r := newManager(t), newRecorder()
	m.start()
	defer m.stop()
	h := newHost(t, m)
	h.around = r.around
	p := h.start()
	defer func() { p.kill() }()
	m.ask("vm-1", func(*dc.Assignment) {})
	m.until("vm-1", "files", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady })
	p.agent.machine("vm-1").forgetTombstone() // which it is not
	m.ask("vm-1", func(a *dc.Assignment) { a.Deleted = true })
	m.until("vm-1", "removal", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesRemoved })
	r.reset()
	m.ask("vm-1", func(a *dc.Assignment) { a.Deleted, a.Power = false, a.Power.Next(dc.PowerOn, 0) })
	missing := func(s dc.VirtualMachineStatus) bool {
		return s.Files == dc.FilesMissing && s.FilesFailure != nil && s.Power == dc.PoweredOff && s.Outcome.Failure != nil && s.Outcome.Generation == 1
	}
	m.until("vm-1", "missing files", missing)
	p.kill()
	m.forgetReports()
	p = h.start()
	m.until("vm-1", "missing files, again", missing)
	m.ask("vm-1", func(a *dc.Assignment) { a.Deleted = true })
	m.until("vm-1", "removal, again", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesRemoved })
	m.change(func() { delete(m.machines, "vm-1") })
	r.until(t, "remove vm-1.json", 1)
	if n := h.world.Count("vm-1", "create") + h.world.Count("vm-1", "start"); n != 1 {
		t.Errorf("it was created and started %d times", n)
	}
	if records, err := load[record](p.agent.disk, machineFolder); err != nil || len(records) != 0 {
		t.Errorf("the tombstone is still known: %+v, %v", records, err)
	}
}

// TestForgotten: what the manager says of a tombstone counts in the order in which it is said.
func TestForgotten(t *testing.T) {
	p := newHost(t, newManager(t)).prepare()
	defer p.die()
	rec := record{Assignment: dc.Assignment{Revision: 5, Machine: labMachine("vm-1"), Deleted: true}, Files: dc.FilesRemoved}
	same, newer := rec.Assignment, rec.Assignment
	newer.Revision++
	for _, test := range []struct {
		name string
		say  func(w *machine)
		want bool
	}{
		{"nothing", func(*machine) {}, false},
		{"forget it", (*machine).forgetTombstone, true},
		{"here it is; forget it", func(w *machine) { w.assign(same); w.forgetTombstone() }, true},
		{"here is a newer one; forget it", func(w *machine) { w.assign(newer); w.forgetTombstone() }, true},
		{"forget it; here it is", func(w *machine) { w.forgetTombstone(); w.assign(same) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := p.agent.newMachine(rec)
			p.agent.machines = map[dc.VirtualMachineID]*machine{"vm-1": w}
			if err := w.save(rec); err != nil {
				t.Fatal(err)
			}
			test.say(w)
			early := w.forgotten()
			if err := w.take(); err != nil {
				t.Fatal(err)
			}
			if got := early || w.forgotten(); got != test.want || (p.agent.machine("vm-1") == nil) != test.want {
				t.Errorf("forgotten: %v, want %v", got, test.want)
			}
			if records, err := load[record](p.agent.disk, machineFolder); err != nil || (len(records) == 0) != test.want {
				t.Errorf("on the disk: %+v, %v", records, err)
			}
		})
	}
}

// TestNewerRequest: a request that waits for its guest ends when a newer one comes.
func TestNewerRequest(t *testing.T) {
	for _, op := range []dc.PowerOp{dc.ShutdownGuest, dc.RebootGuest} {
		for name, newer := range map[string]func(a *dc.Assignment){
			"power off": func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOff, 0) },
			"tombstone": func(a *dc.Assignment) { a.Deleted = true },
		} {
			t.Run(string(op)+", then "+name, func(t *testing.T) {
				m, asked := newManager(t), make(chan struct{})
				m.start()
				defer m.stop()
				h := newHost(t, m)
				h.around = func(_ *process, what string, do func() error) error {
					if strings.EqualFold(what, string(op)) {
						close(asked)
					}
					return do()
				}
				p := h.start()
				defer p.kill()
				m.ask("vm-1", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
				m.until("vm-1", "guest", func(s dc.VirtualMachineStatus) bool { return s.Guest.AgentRunning })
				h.world.Hang("vm-1")
				m.askPower("vm-1", op) // with an hour for the guest
				<-asked
				m.ask("vm-1", newer)
				m.until("vm-1", name, func(s dc.VirtualMachineStatus) bool {
					return s.Power == dc.PoweredOff && s.Outcome.Failure == nil && (s.Outcome.Generation == 3 || s.Files == dc.FilesRemoved)
				})
			})
		}
	}
}

// TestFault: a machine that dies is reported with the last words of its log, to a manager that was away too.
func TestFault(t *testing.T) {
	m := newManager(t)
	m.start()
	defer func() { m.stop() }()
	h := newHost(t, m)
	p := h.start()
	defer func() { p.kill() }()
	fault := func(s dc.VirtualMachineStatus) bool { return s.Fault != nil && s.Power == dc.PoweredOff }
	for i, lose := range []func(){
		func() {},
		func() { m.stop(); m.start() },
		func() { p.kill(); p = h.start() },
	} {
		m.ask("vm-1", func(a *dc.Assignment) { a.Power = a.Power.Next(dc.PowerOn, 0) })
		m.untilDone("vm-1", dc.PoweredOn)
		h.world.Crash("vm-1", fmt.Sprint("last words ", i))
		lose()
		s := m.until("vm-1", "fault", fault)
		if !strings.HasSuffix(s.Fault.Message, fmt.Sprint("last words ", i)) || s.Fault.Object != `virtual machine "the vm-1"` {
			t.Errorf("the fault is %+v", s.Fault)
		}
	}
	if n := h.world.Count("vm-1", "start"); n != 3 {
		t.Errorf("it was started %d times", n)
	}
}
