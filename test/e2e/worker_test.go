package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"hanok/api/hanok/v1"
	"hanok/test/client"
)

// workers are clients that create users and machines and change machines' power, whatever happens to the service. They
// remember what it has acknowledged.
type workers struct {
	t    *testing.T
	cl   *client.Client
	ctx  context.Context
	stop func()

	mu           sync.Mutex
	changed      chan struct{} // closed, and another one made, when something below has changed
	users        []string
	machines     map[string]string // by the name, the task that makes it
	tasks        []string
	acknowledged int
}

// newWorkers lets the workers begin. They draw what they do from random's numbers.
func newWorkers(t *testing.T, cl *client.Client, random *rand.Rand) *workers {
	ctx, cancel := context.WithCancel(t.Context())
	w := &workers{t: t, cl: cl, ctx: ctx, machines: map[string]string{}, changed: make(chan struct{})}
	var all sync.WaitGroup
	all.Go(w.createUsers)
	for _, worker := range []string{"a", "b"} {
		all.Go(func() { w.createMachines(worker) })
	}
	for _, name := range []string{"flicker-0", "flicker-1"} {
		draws := rand.New(rand.NewPCG(random.Uint64(), 0))
		all.Go(func() { w.changePower(name, draws) })
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	t.Cleanup(w.stop)
	return w
}

// acknowledge notes what the service has acknowledged.
func (w *workers) acknowledge(note func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	note()
	w.acknowledged++
	close(w.changed)
	w.changed = make(chan struct{})
}

// progress waits until the service has acknowledged n writes more.
func (w *workers) progress(n int) {
	w.t.Helper()
	w.mu.Lock()
	enough := w.acknowledged + n
	w.mu.Unlock()
	deadline := time.After(patience)
	for {
		w.mu.Lock()
		now, changed := w.acknowledged, w.changed
		w.mu.Unlock()
		if now >= enough {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			w.t.Fatal("the service acknowledges nothing any more")
		}
	}
}

// work does something again and again, and rests a moment whenever that fails: the service is away, or it refuses.
func (w *workers) work(do func(i int) error) {
	for i := 0; w.ctx.Err() == nil; i++ {
		if do(i) != nil {
			client.Rest(w.ctx)
		}
	}
}

func (w *workers) createUsers() {
	w.work(func(i int) error {
		name := fmt.Sprintf("user-%d", i)
		_, err := w.cl.Users.CreateUser(w.ctx, &hanokv1.CreateUserRequest{Name: name, Password: "a password of " + name, Role: "ReadOnly"})
		if err == nil {
			w.acknowledge(func() { w.users = append(w.users, name) })
		}
		return err
	})
}

func (w *workers) createMachines(worker string) {
	w.work(func(i int) error { return w.createMachine(fmt.Sprintf("made-%s%d", worker, i), false) })
}

// createMachine makes an empty machine.
func (w *workers) createMachine(name string, on bool) error {
	res, err := w.cl.Machines.CreateVirtualMachine(w.ctx, &hanokv1.CreateVirtualMachineRequest{Name: name, MemoryMb: 32,
		Disks: []*hanokv1.NewDisk{{CapacityBytes: 1 << 20}}, PowerOn: on})
	if err == nil {
		w.acknowledge(func() { w.machines[name] = res.Task.Id })
		w.cl.Ended(w.ctx, res.Task.Id)
	}
	return err
}

// changePower makes a machine, takes its power and gives it again.
func (w *workers) changePower(name string, draws *rand.Rand) {
	w.work(func(int) error {
		if draws.IntN(10) == 0 {
			return w.createMachine(name, true) // mostly it is there
		}
		op := []string{"powerOn", "powerOn", "powerOff", "reset", "suspend"}[draws.IntN(5)]
		res, err := w.cl.Machines.PowerVirtualMachine(w.ctx, &hanokv1.PowerVirtualMachineRequest{VirtualMachine: name, Op: op})
		if err == nil {
			w.acknowledge(func() { w.tasks = append(w.tasks, res.Task.Id) })
			w.cl.Ended(w.ctx, res.Task.Id)
		}
		return err
	})
}

// verify checks that everything is there that was acknowledged, once and as a whole.
func (w *workers) verify(t *testing.T, c *center) {
	t.Helper()
	users := names(c.objects("user"))
	for _, name := range w.users {
		if users[name] != 1 {
			t.Errorf("there are %d users %q", users[name], name)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tasks := map[string]*hanokv1.Task{}
	for _, id := range slices.Concat(w.tasks, slices.Collect(maps.Values(w.machines))) {
		task := w.cl.Ended(ctx, id)
		if task == nil {
			t.Fatalf("the task %s is gone, or does not end: %v", id, ctx.Err())
		}
		tasks[id] = task
		if task.State != "success" {
			t.Logf("%s of %s: %s", task.Type, task.Target, task.Failure.GetMessage())
		}
	}
	machines := names(c.objects("vm"))
	made := map[string]int{}
	for _, e := range c.events() {
		if e["type"] == "VmCreatedEvent" {
			made[e["target"].(string)]++
		}
	}
	for name, id := range w.machines {
		want := 0
		if tasks[id].State == "success" {
			want = 1
		}
		if machines[name] != want || made[name] != want {
			t.Errorf("the creation of %q ended in %s; it was recorded %d times, and there are %d", name, tasks[id].State, made[name], machines[name])
		}
	}
	for name, n := range machines {
		if n != 1 {
			t.Errorf("there are %d machines %q", n, name)
		}
	}
	for _, task := range c.objects("task") {
		if task["completed"] == nil {
			t.Errorf("somebody's task has not ended: %v", task)
		}
	}
	t.Logf("%d users, %d machines, %d power operations", len(w.users), len(w.machines), len(w.tasks))
}

// names counts the objects of each name.
func names(objects []map[string]any) map[string]int {
	count := map[string]int{}
	for _, o := range objects {
		count[o["name"].(string)]++
	}
	return count
}
