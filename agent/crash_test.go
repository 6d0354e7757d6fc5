package agent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"hanok/dc"
)

// A crash is the end of the agent's process or of the whole host, before or after one of the things that last: a write or
// removal of a file, a driver's call that changes something, a report that reaches the manager. Whoever runs a machine
// through its life must not notice, except that an operation which is done once only may end with the word that it was
// cut off.

// TestCrashAnywhere lets the power go once, everywhere: one run for each point, before and after it, of the process and of
// the host.
func TestCrashAnywhere(t *testing.T) {
	everywhere(t, (*ordeal).live, 100)
}

// TestCrashWhileLettingGo lets the power go everywhere while a machine is let go of and taken over again.
func TestCrashWhileLettingGo(t *testing.T) { everywhere(t, (*ordeal).letGo, 15) }

// everywhere lets the power go once, at each point of a life, of which there are so many at least.
func everywhere(t *testing.T, life func(*ordeal), least int) {
	var points []string
	(&ordeal{life: life, fate: func(point string) fate {
		points = append(points, point)
		return survive
	}}).run(t)
	if len(points) < least {
		t.Errorf("only %d points; are the writes and calls still seen?", len(points))
	}
	for _, loss := range []fate{processDies, hostDies} {
		for _, point := range points {
			t.Run(fmt.Sprintf("%s/%s", loss, point), func(t *testing.T) {
				t.Parallel()
				hit := false
				(&ordeal{life: life, fate: func(at string) fate {
					if at != point {
						return survive
					}
					hit = true
					return loss
				}}).run(t)
				if !hit {
					t.Errorf("the point %s was never reached", point)
				}
			})
		}
	}
}

// TestCrashOften lets the power go again and again, in recoveries too.
func TestCrashOften(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			dice, crashes := rand.New(rand.NewPCG(seed, 2)), 0
			(&ordeal{life: (*ordeal).live, fate: func(string) fate {
				if crashes == 12 || dice.IntN(10) != 0 {
					return survive
				}
				crashes++
				return []fate{processDies, hostDies}[dice.IntN(2)]
			}}).run(t)
		})
	}
}

// fate is what happens at a point.
type fate string

const (
	survive     fate = ""
	processDies fate = "process"
	hostDies    fate = "host"
)

// ordeal is one machine's life on a host that crashes, and what is promised about it.
type ordeal struct {
	life func(*ordeal)
	// fate decides what happens at a point. It is called by one goroutine at a time.
	fate    func(point string) fate
	t       *testing.T
	manager *manager
	host    *host
	ended   chan struct{} // closed when the record of the deleted machine is gone

	mu      sync.Mutex
	passed  map[string]int // how often each thing was done or tried
	crashed bool           // since the last request, before since the one before it: the recovery may still go on
	before  bool
	lost    bool // the host is to die with its process
	// forgotten is set when the record of the machine is to be gone with the process.
	forgotten bool
	counts    map[dc.PowerOp]int
	starts    int // how often the machine may still be started
	process   *process
}

const ordealMachine dc.VirtualMachineID = "vm-1"

// run lets the machine live on a host that crashes.
func (o *ordeal) run(t *testing.T) {
	o.t, o.manager = t, newManager(t)
	o.host, o.ended, o.passed = newHost(t, o.manager), make(chan struct{}), map[string]int{}
	o.host.around, o.manager.heard = o.around, o.heard
	o.manager.start()
	defer o.manager.stop()
	stop := o.watch()
	defer stop()
	o.life(o)
	if n := o.host.world.Count(ordealMachine, "create"); n != 1 {
		t.Errorf("its files were made %d times", n)
	}
}

// live is the life of a machine that is deleted in the end.
func (o *ordeal) live() {
	o.ask("")
	o.manager.until(ordealMachine, "files", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady })
	for i, op := range []dc.PowerOp{dc.PowerOn, dc.Reset, dc.Suspend, dc.PowerOn, dc.RebootGuest, dc.PowerOff, dc.PowerOn, dc.ShutdownGuest} {
		if i >= 2 && op == dc.PowerOn || op == dc.PowerOff { // whatever became of it meanwhile
			o.lose()
		}
		generation := o.ask(op)
		o.manager.until(ordealMachine, string(op), func(s dc.VirtualMachineStatus) bool {
			return s.Outcome.Generation == generation && (s.Guest.AgentRunning || s.Power != dc.PoweredOn)
		})
	}
	o.manager.ask(ordealMachine, func(a *dc.Assignment) { a.Deleted = true })
	o.manager.until(ordealMachine, "removal", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesRemoved })
	if left, running := o.host.world.Folders(labPath), o.host.world.Running(); len(left)+len(running) != 0 {
		o.t.Errorf("removed, yet there are the folders %v, and %v run", left, running)
	}
	o.forget()
}

// letGo is the life of a machine that is let go of, and whose files become a machine again.
func (o *ordeal) letGo() {
	ready := func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReady }
	o.ask("")
	o.manager.until(ordealMachine, "files", ready)
	o.lose()
	o.manager.ask(ordealMachine, func(a *dc.Assignment) { a.Released = true })
	o.manager.until(ordealMachine, "release", func(s dc.VirtualMachineStatus) bool { return s.Files == dc.FilesReleased })
	folder := labMachine(ordealMachine).Folder
	if owner, ok := o.host.world.Folders(labPath)[folder]; !ok || owner != "" {
		o.t.Errorf("let go of, its folder is there: %v, of %q", ok, owner)
	}
	o.forget()
	o.manager.change(func() { delete(o.manager.reports, ordealMachine) })
	o.manager.ask(ordealMachine, func(a *dc.Assignment) { a.Registered = &dc.Registration{} })
	o.manager.until(ordealMachine, "files again", ready)
	if owner := o.host.world.Folders(labPath)[folder]; owner != ordealMachine {
		o.t.Errorf("registered, its folder is %q's", owner)
	}
}

// forget lets the manager know nothing of the machine any more, and waits for the host to do so.
func (o *ordeal) forget() {
	o.manager.change(func() { delete(o.manager.machines, ordealMachine) })
	select {
	case <-o.ended:
	case <-time.After(patience):
		o.t.Error("what is done with is never forgotten")
	}
}

// ask asks for a power operation, and for no more than the machine's existence if op is "". It returns the generation.
func (o *ordeal) ask(op dc.PowerOp) int64 {
	o.mu.Lock()
	o.before, o.crashed, o.counts = o.crashed, false, o.count()
	if op == dc.PowerOn {
		o.starts = 1
	}
	o.mu.Unlock()
	if op == "" {
		o.manager.ask(ordealMachine, func(*dc.Assignment) {})
		return 0
	}
	o.manager.askPower(ordealMachine, op)
	return o.manager.asked(ordealMachine).Power.Generation
}

// lose ends the process, and the record of the machine is gone before the next one starts.
func (o *ordeal) lose() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forgotten = true
	o.process.die()
}

// count returns how often each operation that counts was done.
func (o *ordeal) count() map[dc.PowerOp]int {
	n := func(what string) int { return o.host.world.Count(ordealMachine, what) }
	return map[dc.PowerOp]int{dc.Reset: n("reset"), dc.Suspend: n("suspend"), dc.RebootGuest: n("rebooted")}
}

// watch starts one process of the agent after the other, until stop is called.
func (o *ordeal) watch() (stop func()) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			p := o.host.start()
			o.mu.Lock()
			o.process = p
			o.mu.Unlock()
			select {
			case <-p.ended:
			case <-stopped:
			}
			p.kill()
			select {
			case <-stopped:
				return
			default:
			}
			o.reboot()
		}
	}()
	return func() {
		close(stopped)
		<-done
	}
}

// reboot is the host's own end, if it has come, after its process's.
func (o *ordeal) reboot() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost {
		if o.lost = false; o.host.world.Running()[ordealMachine] {
			o.starts = 1
		}
		o.host.world.Reboot()
	}
	if o.forgotten {
		o.forgotten = false
		if err := os.Remove(filepath.Join(o.host.dir, machineFile(ordealMachine))); err != nil {
			o.t.Error(err)
		}
	}
}

// around does what lasts, unless a crash comes before it.
func (o *ordeal) around(p *process, what string, do func() error) error {
	o.check(what)
	if o.crash(p, what, "before") {
		return errDead
	}
	var err error
	if (what == "RebootGuest" || what == "ShutdownGuest") && !p.guestAnswers() {
		err = dc.Errorf(dc.Unavailable, "no guest agent answers") // as the driver says after the request's time
	} else {
		err = do()
	}
	o.note(what, err)
	if o.crash(p, what, "after") {
		return errDead
	}
	return err
}

// crash reports whether the process is dead now.
func (o *ordeal) crash(p *process, what, when string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.dead.Load() {
		return true
	}
	key := when + " " + what
	o.passed[key]++
	fate := o.fate(fmt.Sprintf("%s %d", key, o.passed[key]))
	if fate == survive {
		return false
	}
	o.crashed, o.lost = true, fate == hostDies
	p.die()
	return true
}

// check looks at what the agent is about to do.
func (o *ordeal) check(what string) {
	asked, world := o.manager.asked(ordealMachine), o.host.world
	switch {
	case what == "Start" && world.Running()[ordealMachine]:
		o.t.Error("a machine with power is started")
	case what == "DeleteMachine" && !asked.Deleted:
		o.t.Error("files are deleted without a tombstone")
	case what == "Start" && asked.Power.Op == "":
		o.t.Error("a machine is started that nobody has powered on")
	case what == "Stop" && !asked.Deleted && asked.Power.Op != dc.PowerOff:
		o.t.Errorf("a machine is stopped when %s was asked for", asked.Power.Op)
	}
}

// guestAnswers reports whether the guest is up. It may boot at this moment, after a crash of the host.
func (p *process) guestAnswers() bool {
	state, err := p.drivers.State(context.Background(), labMachine(ordealMachine))
	return err == nil && state.Guest.AgentRunning
}

// note remembers what the agent has done.
func (o *ordeal) note(what string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil:
	case what == "Start":
		if o.starts--; o.starts < 0 {
			o.t.Error("a machine is started without a request and without a crash of the host")
		}
	case what == "remove "+string(ordealMachine)+".json":
		if asked := o.manager.asked(ordealMachine); asked.Deleted || asked.Released {
			o.t.Error("a tombstone is forgotten before the manager has")
		}
		close(o.ended)
	}
}

// heard takes a report, unless its process is dead, and crashes around those that say something new for good.
func (o *ordeal) heard(name string, id dc.VirtualMachineID, status dc.VirtualMachineStatus, take func()) {
	o.mu.Lock()
	p := o.process
	o.mu.Unlock()
	if p == nil || p.name != name || p.dead.Load() {
		return
	}
	old := o.manager.status(id)
	if old.Files == status.Files && old.Outcome.Generation == status.Outcome.Generation {
		take()
		return
	}
	what := fmt.Sprintf("report %s %d", status.Files, status.Outcome.Generation)
	if o.crash(p, what, "before") {
		return
	}
	o.compare(o.manager.asked(id), old, status)
	take()
	o.crash(p, what, "after")
}

// compare looks at a report that says something new.
func (o *ordeal) compare(asked dc.Assignment, old, status dc.VirtualMachineStatus) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if old.Files == dc.FilesReady && status.Files != dc.FilesReady && !asked.Deleted && !asked.Released {
		o.t.Errorf("files that were ready are %q: %v", status.Files, status.FilesFailure)
	}
	outcome, op := status.Outcome, asked.Power.Op
	if outcome.Generation == old.Outcome.Generation {
		if !reflect.DeepEqual(outcome, old.Outcome) {
			o.t.Errorf("the outcome %+v has become %+v", old.Outcome, outcome)
		}
		return
	}
	if outcome.Generation != asked.Power.Generation {
		o.t.Errorf("the outcome of %d is reported when %d was asked for, after %d", outcome.Generation, asked.Power.Generation, old.Outcome.Generation)
	}
	if running := o.host.world.Running()[ordealMachine]; running != (status.Power == dc.PoweredOn && status.Paused == nil) {
		o.t.Errorf("%s: it is said to be %s, and runs: %v", op, status.Power, running)
	}
	done, counted := o.count()[op]-o.counts[op], slices.Contains([]dc.PowerOp{dc.Reset, dc.RebootGuest, dc.Suspend}, op)
	switch {
	case counted && done > 1:
		o.t.Errorf("%s was done %d times", op, done)
	case outcome.Failure != nil:
		if !o.crashed && !o.before || !onceOnly(op) || outcome.Failure.Kind != dc.Unavailable {
			o.t.Errorf("%s failed: %+v", op, outcome.Failure)
		}
	case counted && done == 0:
		o.t.Errorf("%s is said to be done, and was not", op)
	case status.Power != afterwards[op]:
		o.t.Errorf("after %s it is %s", op, status.Power)
	}
}

// afterwards is what an operation leads to.
var afterwards = map[dc.PowerOp]dc.PowerState{
	dc.PowerOn: dc.PoweredOn, dc.Reset: dc.PoweredOn, dc.RebootGuest: dc.PoweredOn,
	dc.Suspend: dc.Suspended, dc.PowerOff: dc.PoweredOff, dc.ShutdownGuest: dc.PoweredOff,
}
