package resource

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/store"
)

const overhead = 83 // of a machine of world

// world is a store with one cluster of two hosts that guarantee 1900 MHz and 4000 MB each, and no pool but the root.
type world struct {
	*Service
	t  *testing.T
	st *store.Store
}

const root dc.ResourcePoolID = "resgroup-root"

func open(t *testing.T) *world {
	t.Helper()
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	w := &world{Service: New(st, access.New(st, slog.New(slog.DiscardHandler))), t: t, st: st}
	host := dc.HostStatus{Connection: dc.Connected, CPUs: 2, CPUMHz: 1000, MemoryMB: 4100, ReservedMemoryMB: 100}
	w.put(&dc.Cluster{ID: "domain-c1", Meta: dc.Meta{Name: "c1"}, RootPool: root},
		&dc.ResourcePool{ID: root, Meta: dc.Meta{Name: "Resources", Parent: "domain-c1"}},
		&dc.Cluster{ID: "domain-c2", Meta: dc.Meta{Name: "c2"}, RootPool: "resgroup-other"},
		&dc.ResourcePool{ID: "resgroup-other", Meta: dc.Meta{Name: "Resources", Parent: "domain-c2"}},
		&dc.Host{ID: "host-a", Meta: dc.Meta{Name: "a", Parent: "domain-c1"}, Status: host},
		&dc.Host{ID: "host-b", Meta: dc.Meta{Name: "b", Parent: "domain-c1"}, Status: host})
	return w
}

func (w *world) put(objects ...dc.Object) {
	w.t.Helper()
	err := w.st.Change(w.t.Context(), func(tx *store.Tx) error {
		for _, o := range objects {
			tx.Put(o)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// machine stores a machine of 1024 MB that reserves so many MHz.
func (w *world) machine(name string, pool dc.ResourcePoolID, host dc.HostID, cpu int64, power dc.PowerState) *dc.VirtualMachine {
	vm := &dc.VirtualMachine{ID: dc.VirtualMachineID("vm-" + name), Meta: dc.Meta{Name: name}, Spec: dc.VirtualMachineSpec{Pool: pool, Host: host,
		Hardware: dc.Hardware{CPUs: 1, MemoryMB: 1024}, Resources: dc.ResourceConfig{CPU: dc.Allocation{Reservation: cpu}}}, Status: dc.VirtualMachineStatus{Power: power}}
	w.put(vm)
	return vm
}

// powerOn is what package compute does, without its tasks.
func (w *world) powerOn(id dc.VirtualMachineID) error {
	return w.st.Change(w.t.Context(), func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(id))
		if err != nil {
			return err
		}
		if err := w.AdmitMachine(tx, vm); err != nil {
			return err
		}
		vm.Spec.Power = vm.Spec.Power.Next(dc.PowerOn, 0)
		tx.Put(vm)
		return nil
	})
}

func (w *world) pool(parent dc.ResourcePoolID, name string, cpu int64, expandable bool) *dc.ResourcePool {
	w.t.Helper()
	p, err := w.Create(w.t.Context(), dc.System, parent, name, dc.ResourceChange{CPU: dc.AllocationChange{Reservation: &cpu, Expandable: &expandable}})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) runtime(id dc.ResourcePoolID) Runtime {
	w.t.Helper()
	all, err := w.Runtimes(dc.System)
	if err != nil {
		w.t.Fatal(err)
	}
	return all[id]
}

func amount(cpu, memory int64) dc.Amount { return dc.Amount{CPUMHz: cpu, MemoryMB: memory} }

func TestPrivilegesComeFirst(t *testing.T) { accesstest.Check(t, open(t).Service, "Runtimes") }

func TestRuntime(t *testing.T) {
	w := open(t)
	p := w.pool(root, "p", 500, true)
	w.machine("on", p.ID, "host-a", 700, dc.PoweredOn)
	w.machine("off", p.ID, "host-a", 700, dc.PoweredOff)
	w.machine("direct", root, "host-b", 100, dc.PoweredOn)
	if got, want := w.runtime(p.ID), (Runtime{amount(700, overhead), amount(3000, 8000-2*overhead), amount(500, 0)}); got != want {
		t.Errorf("the pool is %+v, want %+v", got, want)
	}
	if got, want := w.runtime(root), (Runtime{amount(800, 2*overhead), amount(3000, 8000-2*overhead), amount(3800, 8000)}); got != want {
		t.Errorf("the root is %+v, want %+v", got, want)
	}
	// A host that goes away takes with it what it has to give, and what is reserved on it.
	host, _ := store.Get[*dc.Host](w.st.View(), "host-b")
	gone := *host
	gone.Spec.Maintenance = dc.InMaintenance
	w.put(&gone)
	if got, want := w.runtime(root), (Runtime{amount(800, 2*overhead), amount(1200, 4000-overhead), amount(2000, 4000+overhead)}); got != want {
		t.Errorf("without a host the root is %+v, want %+v", got, want)
	}
}

func TestPools(t *testing.T) {
	w := open(t)
	ctx, n := t.Context(), func(n int64) *int64 { return &n }
	p := w.pool(root, "p", 1000, true)
	inner := w.pool(p.ID, "inner", 600, false)
	vm := w.machine("vm", inner.ID, "host-a", 500, dc.PoweredOn)
	want := func(err error, kind dc.ErrorKind, text string) {
		t.Helper()
		if dc.KindOf(err) != kind || err != nil && err.Error() != text {
			t.Errorf("got  %v: %v\nwant %v: %v", dc.KindOf(err), err, kind, text)
		}
	}
	_, err := w.Create(ctx, dc.System, p.ID, "inner", dc.ResourceChange{})
	want(err, dc.Exists, `resource pool "inner": the name is taken by `+string(inner.ID)+`; choose another name`)
	_, err = w.Create(ctx, dc.System, "resgroup-none", "x", dc.ResourceChange{})
	want(err, dc.NotFound, `resource pool "resgroup-none": it does not exist`)
	_, err = w.Create(ctx, dc.System, p.ID, "x", dc.ResourceChange{CPU: dc.AllocationChange{Reservation: n(3201)}})
	want(err, dc.Exhausted, `resource pool "p": 3201 MHz of CPU are requested, and 3200 MHz are unreserved; `+
		`reserve less, power off others that reserve in this resource pool, or raise the reservation of it or of its parents`)
	var short *dc.Insufficient
	if !errors.As(err, &short) || *short != (dc.Insufficient{Requested: 3201, Unreserved: 3200}) {
		t.Errorf("the cause is %+v", short)
	}
	_, err = w.Update(ctx, dc.System, inner.ID, dc.ResourceChange{CPU: dc.AllocationChange{Reservation: n(499)}})
	want(err, dc.Invalid, `resource pool "inner": cpu.reservation: 499 is less than the 500 that are reserved in it, and it is not expandable; `+
		`give 500 or more, or power off what is in it first`)
	want(w.Move(ctx, dc.System, p.ID, inner.ID), dc.Invalid, `resource pool "p": resource pool "inner" is in it; choose a pool that is not in it`)
	want(w.Move(ctx, dc.System, p.ID, p.ID), dc.Invalid, `resource pool "p": resource pool "p" is in it; choose a pool that is not in it`)
	want(w.Move(ctx, dc.System, p.ID, "resgroup-other"), dc.Invalid, `resource pool "p": resource pool "Resources" is in another cluster; choose a pool of its own cluster`)
	want(w.Delete(ctx, dc.System, root), dc.WrongState, `resource pool "Resources": it is a cluster's root pool, which is all that its hosts guarantee; make a pool in it`)
	deep := inner
	for range dc.MaxPoolDepth - 2 {
		deep = w.pool(deep.ID, "deep", 0, true)
	}
	_, err = w.Create(ctx, dc.System, deep.ID, "deeper", dc.ResourceChange{})
	want(err, dc.Invalid, `resource pool "deeper": pools would be nested 9 deep below the root; nest 8 at most`)
	side := w.pool(root, "side", 0, true)
	want(w.Move(ctx, dc.System, inner.ID, side.ID), "", "")
	want(w.Move(ctx, dc.System, p.ID, side.ID), "", "")

	// What is in a pool that goes is in its parent, and reserves there.
	before := w.runtime(side.ID)
	want(w.Delete(ctx, dc.System, inner.ID), "", "")
	moved, _ := store.Get[*dc.VirtualMachine](w.st.View(), dc.ID(vm.ID))
	child, _ := store.Named[*dc.ResourcePool](w.st.View(), dc.ID(side.ID), "deep")
	if moved.Spec.Pool != side.ID || child == nil {
		t.Errorf("the machine is in %s, and the child pool is %+v", moved.Spec.Pool, child)
	}
	if after := w.runtime(side.ID).ReservationUsed; after.CPUMHz != before.ReservationUsed.CPUMHz-100 {
		t.Errorf("%+v are reserved, and before %+v", after, before.ReservationUsed)
	}
	w.pool(root, "deep", 0, true)
	want(w.Delete(ctx, dc.System, side.ID), dc.Exists, `resource pool "deep": the name is taken by `+string(w.named(root, "deep"))+`; choose another name`)
}

func (w *world) named(parent dc.ResourcePoolID, name string) dc.ResourcePoolID {
	p, _ := store.Named[*dc.ResourcePool](w.st.View(), dc.ID(parent), name)
	return p.ID
}

// What a machine with power has already it keeps, even where the cluster has less than before.
func TestKeepsWhatItHas(t *testing.T) {
	w := open(t)
	vm := w.machine("vm", root, "host-a", 1500, dc.PoweredOn)
	w.machine("other", root, "host-a", 400, dc.PoweredOn)
	host, _ := store.Get[*dc.Host](w.st.View(), "host-b")
	gone := *host
	gone.Status.Connection = dc.NotResponding
	w.put(&gone)
	for cpu, ok := range map[int64]bool{1500: true, 1400: true, 1501: false} {
		err := w.st.Change(t.Context(), func(tx *store.Tx) error {
			next, err := store.Load[*dc.VirtualMachine](tx, dc.ID(vm.ID))
			if err != nil {
				return err
			}
			next.Spec.Resources.CPU.Reservation = cpu
			return w.AdmitMachine(tx, next)
		})
		if (err == nil) != ok {
			t.Errorf("%d MHz instead of 1500: %v", cpu, err)
		}
	}
}

// Many ask at once for what only some of them can have.
func TestReservationIsGivenOnce(t *testing.T) {
	w := open(t)
	p := w.pool(root, "p", 1000, false)
	memory := int64(10 * overhead)
	if _, err := w.Update(t.Context(), dc.System, p.ID, dc.ResourceChange{Memory: dc.AllocationChange{Reservation: &memory}}); err != nil {
		t.Fatal(err)
	}
	const count = 12
	for i := range count {
		w.machine(fmt.Sprint(i), p.ID, dc.HostID([]string{"host-a", "host-b"}[i%2]), 300, dc.PoweredOff)
	}
	var all sync.WaitGroup
	admitted := make(chan bool, count)
	for i := range count {
		all.Go(func() {
			err := w.powerOn(dc.VirtualMachineID(fmt.Sprint("vm-", i)))
			if err != nil && dc.KindOf(err) != dc.Exhausted {
				t.Error(err)
			}
			admitted <- err == nil
		})
	}
	all.Wait()
	close(admitted)
	won := 0
	for ok := range admitted {
		if ok {
			won++
		}
	}
	if won != 3 {
		t.Errorf("%d machines of 300 MHz got power in a pool of 1000 MHz", won)
	}
}

// Machines that are made together are admitted together, also in several pools of one cluster.
func TestAdmitNew(t *testing.T) {
	w := open(t)
	p := w.pool(root, "p", 500, true)
	admit := func(inPool, inRoot int64) error {
		return w.st.Change(t.Context(), func(tx *store.Tx) error {
			machine := func(pool dc.ResourcePoolID, host dc.HostID, cpu int64) *dc.VirtualMachine {
				return &dc.VirtualMachine{Spec: dc.VirtualMachineSpec{Pool: pool, Host: host,
					Hardware: dc.Hardware{CPUs: 1, MemoryMB: 16}, Resources: dc.ResourceConfig{CPU: dc.Allocation{Reservation: cpu}}}}
			}
			return w.AdmitNew(tx, []*dc.VirtualMachine{machine(p.ID, "host-a", inPool/2), machine(p.ID, "host-a", inPool-inPool/2), machine(root, "host-b", inRoot)})
		})
	}
	whole := w.runtime(root).Reservation.CPUMHz
	if err := admit(whole-1000, 1000); err != nil {
		t.Errorf("all that there is: %v", err)
	}
	for _, over := range [][2]int64{{whole - 999, 1000}, {whole - 1000, 1001}, {whole + 1, 0}} {
		if err := admit(over[0], over[1]); dc.KindOf(err) != dc.Exhausted {
			t.Errorf("%d MHz in the pool and %d beside it, of %d: %v", over[0], over[1], whole, err)
		}
	}
}

// Of two transactions at the same moment one sees the other, although they write different machines.
func TestReservationIsNotGivenTwiceAtOnce(t *testing.T) {
	w := open(t)
	p := w.pool(root, "p", 500, true)
	x, y := w.machine("x", p.ID, "host-a", 1900, dc.PoweredOff), w.machine("y", root, "host-b", 1901, dc.PoweredOff)
	var other sync.Once
	err := w.st.Change(t.Context(), func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(x.ID))
		if err == nil {
			err = w.AdmitMachine(tx, vm)
		}
		if err != nil {
			return err
		}
		other.Do(func() {
			if err := w.powerOn(y.ID); err != nil {
				t.Fatal(err)
			}
		})
		vm.Spec.Power = vm.Spec.Power.Next(dc.PowerOn, 0)
		tx.Put(vm)
		return nil
	})
	if dc.KindOf(err) != dc.Exhausted {
		t.Errorf("both got power: %v", err)
	}
}

// The ledger that follows the changes says what one says that is filled anew.
func TestLedgerFollows(t *testing.T) {
	w := open(t)
	r := rand.New(rand.NewPCG(1, 2))
	pools := []dc.ResourcePoolID{root, w.pool(root, "p", 0, true).ID}
	for range 200 {
		switch r.IntN(4) {
		case 0:
			host, _ := store.Get[*dc.Host](w.st.View(), dc.ID([]string{"host-a", "host-b"}[r.IntN(2)]))
			next := *host
			next.Status.Hypervisor.Accelerator = []dc.Accelerator{dc.KVM, dc.TCG}[r.IntN(2)]
			w.put(&next)
		default:
			id := fmt.Sprint(r.IntN(8))
			err := w.st.Change(t.Context(), func(tx *store.Tx) error {
				old, err := store.Load[*dc.VirtualMachine](tx, dc.ID("vm-"+id))
				if err == nil && r.IntN(4) == 0 {
					tx.Delete(old)
					return nil
				}
				if err != nil {
					old = &dc.VirtualMachine{ID: dc.VirtualMachineID("vm-" + id), Meta: dc.Meta{Name: id}}
				}
				old.Spec.Pool, old.Spec.Host = pools[r.IntN(2)], dc.HostID([]string{"host-a", "host-b"}[r.IntN(2)])
				old.Spec.Hardware, old.Spec.Resources.CPU.Reservation = dc.Hardware{CPUs: 1 + r.IntN(4), MemoryMB: 512}, r.Int64N(500)
				old.Status.Power = []dc.PowerState{dc.PoweredOff, dc.PoweredOn}[r.IntN(2)]
				tx.Put(old)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if r.IntN(3) == 0 {
			continue // several changes at once
		}
		var fresh ledger
		got, want := w.ledger.at(w.st), fresh.at(w.st)
		for _, p := range pools {
			if got.pools[p] != want.pools[p] {
				t.Fatalf("%s has %+v, and should have %+v", p, got.pools[p], want.pools[p])
			}
		}
		for _, h := range []dc.HostID{"host-a", "host-b"} {
			if got.hosts[h] != want.hosts[h] {
				t.Fatalf("%s has %+v, and should have %+v", h, got.hosts[h], want.hosts[h])
			}
		}
		got.release()
		want.release()
	}
}
