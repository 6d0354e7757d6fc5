package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"hanok/api/hanok/v1"
	"hanok/test/chance"
	"hanok/test/client"
)

// workers are clients that create users, create and delete machines, and change machines' power, whatever happens to the data
// center. They remember what it has acknowledged.
type workers struct {
	t   *testing.T
	cl  *client.Client
	ctx context.Context
	all sync.WaitGroup
	// hold is held for reading by whoever works, and for writing by who looks at the outcome.
	hold sync.RWMutex

	mu      sync.Mutex
	changed chan struct{} // closed, and another one made, when something below has changed
	// open are the tasks that were acknowledged and not seen to have ended.
	open map[string]job
	// fresh is the first task that was acknowledged since the last blow, and acknowledged how many there were.
	fresh, acknowledged int
	// users and machines are what has to be there: true; what may be there, as nobody has answered: false.
	users, machines map[string]bool
	// gone are machines whose deletion was acknowledged and has succeeded.
	gone map[string]bool
	// power is the state that the last operation has left a machine in; "" where that is not known.
	power map[string]string
	// disturbed counts how often somebody took a machine's power without asking.
	disturbed map[string]int
	counts    map[string]int
}

// job is an open task: its number of all that were acknowledged, and the host that it is about.
type job struct {
	number int
	host   string
}

// keptMachines is how many machines each clerk keeps.
const keptMachines = 8

// flicker is the name of the machine on a host whose power changes all the time.
func flicker(host string) string { return "flicker-" + host }

// newWorkers lets the workers begin. They draw what they do from random's numbers.
func newWorkers(t *testing.T, cl *client.Client, hosts []string, random *rand.Rand) *workers {
	ctx, cancel := context.WithCancel(t.Context())
	w := &workers{t: t, cl: cl, ctx: ctx, changed: make(chan struct{}), open: map[string]job{}, users: map[string]bool{},
		machines: map[string]bool{}, gone: map[string]bool{}, power: map[string]string{}, disturbed: map[string]int{}, counts: map[string]int{}}
	// They delete more than one user should.
	if _, err := cl.Guard.SetDeletionLimits(ctx, &hanokv1.SetDeletionLimitsRequest{Single: new(int32)}); err != nil {
		t.Fatal(err)
	}
	for i, host := range hosts {
		draws := rand.New(rand.NewPCG(random.Uint64(), 0))
		w.all.Go(func() { w.flicker(host, draws) })
		if i < 2 {
			w.all.Go(func() { w.clerk(fmt.Sprintf("%c", 'a'+i), hosts) })
		}
	}
	t.Cleanup(func() {
		cancel()
		w.all.Wait()
	})
	return w
}

// note changes what is remembered.
func (w *workers) note(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what()
	close(w.changed)
	w.changed = make(chan struct{})
}

// repeat does something again and again. It thinks in between, so that guests get something of the host's CPUs, too.
func (w *workers) repeat(thinking time.Duration, do func(i int)) {
	for i := 0; w.ctx.Err() == nil; i++ {
		w.hold.RLock()
		do(i)
		w.hold.RUnlock()
		select {
		case <-w.ctx.Done():
		case <-time.After(thinking):
		}
	}
}

// clerk creates users and machines, and deletes the oldest machines.
func (w *workers) clerk(name string, hosts []string) {
	var kept []string
	w.repeat(250*time.Millisecond, func(i int) {
		switch {
		case i%5 == 0:
			w.createUser(fmt.Sprintf("user-%s%d", name, i))
		case len(kept) >= keptMachines:
			w.deleteMachine(kept[0])
			kept = kept[1:]
		default:
			machine := fmt.Sprintf("made-%s%d", name, i)
			w.createMachine(machine, hosts[i%len(hosts)])
			kept = append(kept, machine)
		}
	})
}

func (w *workers) createUser(name string) {
	w.note(func() { w.users[name] = false })
	_, err := w.cl.Users.CreateUser(w.ctx, &hanokv1.CreateUserRequest{Name: name, Password: "a password of " + name, Role: "ReadOnly"})
	if err == nil {
		w.note(func() { w.users[name] = true; w.counts["users created"]++ })
	}
}

// createMachine makes an empty machine on a host.
func (w *workers) createMachine(name, host string) {
	w.note(func() { w.machines[name] = false })
	res, err := w.cl.Machines.CreateVirtualMachine(w.ctx, &hanokv1.CreateVirtualMachineRequest{Name: name, Host: host, MemoryMb: 32,
		Disks: []*hanokv1.NewDisk{{CapacityBytes: 1 << 20}}})
	if connect.CodeOf(err) == connect.CodeAlreadyExists { // an earlier request of which nobody has heard
		w.note(func() { w.machines[name] = true })
		return
	}
	if err != nil {
		return // the data center is away, or it refuses
	}
	task := w.ended(res.Task, host)
	if task == nil {
		return
	}
	w.note(func() {
		w.counts["machines created"]++
		if w.machines[name], w.power[name] = true, "poweredOff"; task.State != "success" {
			delete(w.machines, name)
			w.gone[name] = true
		}
	})
}

func (w *workers) deleteMachine(name string) {
	if !w.known(name) {
		return
	}
	w.note(func() { w.machines[name] = false })
	res, err := w.cl.Machines.DeleteVirtualMachine(w.ctx, &hanokv1.DeleteVirtualMachineRequest{VirtualMachine: name})
	if err != nil {
		return
	}
	task := w.ended(res.Task, "")
	if task == nil {
		return
	}
	w.note(func() {
		w.counts["machines deleted"]++
		if task.State == "success" {
			delete(w.machines, name)
			w.gone[name] = true
		}
	})
}

func (w *workers) known(machine string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.machines[machine]
}

// flicker makes a machine, takes its power and gives it again.
func (w *workers) flicker(host string, draws *rand.Rand) {
	name := flicker(host)
	after := map[string]string{"powerOn": "poweredOn", "powerOff": "poweredOff", "reset": "poweredOn", "suspend": "suspended"}
	w.repeat(60*time.Millisecond, func(int) {
		if !w.known(name) {
			w.createMachine(name, host)
			return
		}
		op := []string{"powerOn", "powerOn", "powerOff", "reset", "suspend"}[draws.IntN(5)]
		w.mu.Lock()
		disturbed, before := w.disturbed[name], w.power[name]
		w.mu.Unlock()
		w.note(func() { w.power[name] = "" })
		res, err := w.cl.Machines.PowerVirtualMachine(w.ctx, &hanokv1.PowerVirtualMachineRequest{VirtualMachine: name, Op: op})
		if err != nil {
			if connect.CodeOf(err) == connect.CodeFailedPrecondition { // it was refused, so nothing has happened
				w.restore(name, before, disturbed)
			}
			return
		}
		task := w.ended(res.Task, host)
		if task == nil {
			return
		}
		w.note(func() { w.counts["power operations"]++ })
		if task.State == "success" {
			w.restore(name, after[op], disturbed)
		}
	})
}

// restore notes a machine's power state, unless somebody took its power meanwhile.
func (w *workers) restore(name, state string, disturbed int) {
	w.note(func() {
		if w.disturbed[name] == disturbed {
			w.power[name] = state
		}
	})
}

// disturb lets somebody take a machine's power.
func (w *workers) disturb(name string, kill func()) {
	w.note(func() { w.power[name] = ""; w.disturbed[name]++ })
	kill()
	w.note(func() { w.power[name] = ""; w.disturbed[name]++ })
}

// ended waits for the end of an acknowledged task. It returns nil where that was not seen.
func (w *workers) ended(task *hanokv1.Task, host string) *hanokv1.Task {
	w.note(func() {
		w.acknowledged++
		w.open[task.Id] = job{w.acknowledged, host}
	})
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	end := w.cl.Ended(ctx, task.Id)
	switch {
	case w.ctx.Err() != nil:
		return nil
	case end == nil && ctx.Err() != nil:
		w.fail(tasksEnd, "%s of %s (%s) has not ended after %v", task.Type, task.Target, task.Id, patience)
		return nil
	case end == nil:
		w.fail(writesStay, "%s of %s (%s) was acknowledged, and it or its user is unknown", task.Type, task.Target, task.Id)
		return nil
	}
	w.note(func() {
		delete(w.open, task.Id)
		w.counts["tasks that ended in "+end.State]++
	})
	if end.State != "success" {
		w.t.Logf("%s of %s: %s", end.Type, end.Target, end.Failure.GetMessage())
	}
	return end
}

// strike begins the next blow.
func (w *workers) strike() { w.note(func() { w.fresh = w.acknowledged + 1 }) }

// fail says that a promise is broken, which ends the soak.
func (w *workers) fail(broken promise, format string, args ...any) {
	broken.of(w.t).Errorf(format, args...)
	w.note(func() {}) // who waits looks
}

// working reports whether a task is open that was acknowledged since the last blow, and what is closed when that may have changed.
// An empty host stands for all.
func (w *workers) working(host string) (bool, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range w.open {
		if j.number >= w.fresh && (host == "" || j.host == host) {
			return true, w.changed
		}
	}
	return false, w.changed
}

// amidst returns at some moment at which a task of the host is open.
func (w *workers) amidst(host string, random *rand.Rand) {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		for open, changed := w.working(host); !open; open, changed = w.working(host) {
			if w.t.Failed() {
				w.t.FailNow()
			}
			select {
			case <-changed:
			case <-deadline:
				servesAfterward.of(w.t).Fatalf("no task is acknowledged any more for host %q", host)
			}
		}
		chance.Moment(random, long)
		if open, _ := w.working(host); open {
			return
		}
	}
}

// brief is how long a guest's write takes at most, and long a client's task, as a rule.
const brief, long = 40 * time.Millisecond, 200 * time.Millisecond
