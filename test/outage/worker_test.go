package outage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"hanok/api/hanok/v1"
	"hanok/test/client"
)

// workers are clients that create users and machines and change machines' power, one for each host, whatever goes away meanwhile.
// They remember what was acknowledged.
type workers struct {
	t   *testing.T
	cl  *client.Client
	ctx context.Context
	// stop ends them.
	stop func()

	mu      sync.Mutex
	changed chan struct{} // closed, and another one made, when something below has changed
	users   []string
	tasks   []string
	// machines are those that were asked for, with their tasks.
	machines map[string]string
	// writes counts what was acknowledged.
	writes int
}

// newWorkers lets the workers begin. They draw what they do from random's numbers.
func newWorkers(t *testing.T, cl *client.Client, hosts []string, random *rand.Rand) *workers {
	ctx, cancel := context.WithCancel(t.Context())
	w := &workers{t: t, cl: cl, ctx: ctx, changed: make(chan struct{}), machines: map[string]string{}}
	var all sync.WaitGroup
	for _, host := range hosts {
		draws := rand.New(rand.NewPCG(random.Uint64(), 0))
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_ = w.work(host, i, draws) // it may be away, or refuse
				for range 5 {
					client.Rest(ctx)
				}
			}
		})
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	t.Cleanup(w.stop)
	return w
}

// work does one thing on the host and waits for its end.
func (w *workers) work(host string, i int, draws *rand.Rand) error {
	switch i % 3 {
	case 0:
		name := fmt.Sprintf("user-%s-%d", host, i)
		_, err := w.cl.Users.CreateUser(w.ctx, &hanokv1.CreateUserRequest{Name: name, Password: "a password of " + name, Role: "ReadOnly"})
		if err == nil {
			w.acknowledged(func() { w.users = append(w.users, name) })
		}
		return err
	case 1:
		name := fmt.Sprintf("made-%s-%d", host, i)
		res, err := w.cl.Machines.CreateVirtualMachine(w.ctx, &hanokv1.CreateVirtualMachineRequest{Name: name, Host: host, MemoryMb: 32,
			Disks: []*hanokv1.NewDisk{{CapacityBytes: 1 << 20}}, PowerOn: i == 1})
		if err == nil {
			w.acknowledged(func() { w.machines[name] = res.Task.Id; w.tasks = append(w.tasks, res.Task.Id) })
			w.cl.Ended(w.ctx, res.Task.Id)
		}
		return err
	default:
		op := []string{"powerOn", "powerOff", "reset"}[draws.IntN(3)]
		res, err := w.cl.Machines.PowerVirtualMachine(w.ctx, &hanokv1.PowerVirtualMachineRequest{VirtualMachine: fmt.Sprintf("made-%s-1", host), Op: op})
		if err == nil {
			w.acknowledged(func() { w.tasks = append(w.tasks, res.Task.Id) })
			w.cl.Ended(w.ctx, res.Task.Id)
		}
		return err
	}
}

// acknowledged notes what was acknowledged.
func (w *workers) acknowledged(note func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	note()
	w.writes++
	close(w.changed)
	w.changed = make(chan struct{})
}

// progress waits until n writes more are acknowledged.
func (w *workers) progress(n int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	for enough := -1; ; {
		w.mu.Lock()
		if enough < 0 {
			enough = w.writes + n
		}
		now, changed := w.writes, w.changed
		w.mu.Unlock()
		if now >= enough {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			w.t.Fatal("nothing is acknowledged any more")
		}
	}
}

// verify checks that everything is there that was acknowledged, once and as a whole. The workers have stopped.
func (w *workers) verify() {
	t := w.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	users, err := w.cl.Users.ListUsers(ctx, &hanokv1.ListUsersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, u := range users.Users {
		count["user "+u.Name]++
	}
	for _, name := range w.users {
		if n := count["user "+name]; n != 1 {
			t.Errorf("there are %d users %q", n, name)
		}
	}
	state := map[string]string{}
	for _, id := range w.tasks {
		task := w.cl.Ended(ctx, id)
		if task == nil {
			t.Fatalf("the task %s is gone, or does not end: %v", id, ctx.Err())
		}
		if state[id] = task.State; task.State != "success" {
			t.Logf("%s of %s: %s", task.Type, task.Target, task.Failure.GetMessage())
		}
	}
	machines, err := w.cl.Machines.ListVirtualMachines(ctx, &hanokv1.ListVirtualMachinesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, vm := range machines.VirtualMachines {
		if count["machine "+vm.Name]++; vm.FilesFailure != nil || vm.Fault != nil || vm.Blocked != nil {
			t.Errorf("%s: %v %v %v", vm.Name, vm.FilesFailure, vm.Fault, vm.Blocked)
		}
	}
	for name, id := range w.machines {
		want := 0
		if state[id] == "success" {
			want = 1
		}
		if n := count["machine "+name]; n != want {
			t.Errorf("the creation of %q ended in %s, and there are %d", name, state[id], n)
		}
	}
	t.Logf("%d users, %d machines, %d tasks", len(w.users), len(w.machines), len(w.tasks))
}
