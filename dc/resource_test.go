package dc

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestShares(t *testing.T) {
	h := Hardware{CPUs: 2, MemoryMB: 1024}
	for _, tt := range []struct {
		level                            ShareLevel
		cpu, memory, poolCPU, poolMemory int64
	}{
		{SharesLow, 1000, 5120, 2000, 81920},
		{SharesNormal, 2000, 10240, 4000, 163840},
		{"", 2000, 10240, 4000, 163840},
		{SharesHigh, 4000, 20480, 8000, 327680},
		{SharesCustom, 77, 77, 77, 77},
	} {
		a := Allocation{Level: tt.level}
		if tt.level == SharesCustom {
			a.Shares = 77
		}
		c := ResourceConfig{CPU: a, Memory: a}
		cpu, memory := c.MachineShares(h)
		poolCPU, poolMemory := c.PoolShares()
		if cpu != tt.cpu || memory != tt.memory || poolCPU != tt.poolCPU || poolMemory != tt.poolMemory {
			t.Errorf("%q is %d and %d of a machine, %d and %d of a pool", tt.level, cpu, memory, poolCPU, poolMemory)
		}
	}
}

func TestCheckResources(t *testing.T) {
	for _, tt := range []struct {
		name         string
		c            ResourceConfig
		machine      string // what a machine is refused with, "" for nothing
		pool, remedy string
	}{
		{"nothing", ResourceConfig{}, "", "", ""},
		{"all of it", ResourceConfig{CPU: Allocation{SharesHigh, 0, 100, 200, false}, Memory: Allocation{SharesCustom, MaxShares, 1024, 1024, false}}, "", "", ""},
		{"no level", ResourceConfig{CPU: Allocation{Level: "huge"}}, `cpu.shares.level: "huge" is no level`, "same", `"custom"`},
		{"no custom shares", ResourceConfig{Memory: Allocation{Level: SharesCustom}}, "memory.shares.shares: 0 is out of range", "same", "1 to 1000000"},
		{"too many shares", ResourceConfig{CPU: Allocation{Level: SharesCustom, Shares: MaxShares + 1}}, "cpu.shares.shares: 1000001 is out of range", "same", "1 to 1000000"},
		{"shares of a level", ResourceConfig{CPU: Allocation{Level: SharesLow, Shares: 5}}, "cpu.shares.shares: a number goes with the level custom only", "same", "custom"},
		{"less than nothing", ResourceConfig{CPU: Allocation{Reservation: -1}}, "cpu.reservation: -1 is out of range", "same", "0 for none"},
		{"negative limit", ResourceConfig{CPU: Allocation{Limit: -7}}, "cpu.limit: -7 is out of range", "same", "-1 for none"},
		{"more than any", ResourceConfig{CPU: Allocation{Reservation: 1 << 50}}, "cpu.reservation", "same", "0 for none"},
		{"limit below the reservation", ResourceConfig{Memory: Allocation{Reservation: 20, Limit: 19}},
			"memory.limit: 19 is less than the reservation of 20", "same", "at least the reservation"},
		{"more than its memory", ResourceConfig{Memory: Allocation{Reservation: 1025}}, "memory.reservation: 1025 MB are more than its memory", "", "0 to 1024 MB"},
		{"expandable", ResourceConfig{CPU: Allocation{Expandable: true}}, "cpu.expandableReservation", "", "leave it out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pool := tt.pool
			if pool == "same" {
				pool = tt.machine
			}
			checkRefusal(t, CheckMachineResources(tt.c, Hardware{CPUs: 1, MemoryMB: 1024}), Invalid, tt.machine, tt.remedy)
			checkRefusal(t, CheckPoolResources(tt.c), Invalid, pool, tt.remedy)
		})
	}
}

func TestResourceChange(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	high, custom, yes := SharesHigh, SharesCustom, true
	before := ResourceConfig{CPU: Allocation{SharesCustom, 5, 6, 7, false}, Memory: Allocation{Reservation: 9}}
	for _, tt := range []struct {
		name   string
		change ResourceChange
		want   ResourceConfig
	}{
		{"nothing", ResourceChange{}, before},
		{"a level", ResourceChange{CPU: AllocationChange{Level: &high}}, ResourceConfig{Allocation{SharesHigh, 0, 6, 7, false}, before.Memory}},
		{"a number", ResourceChange{Memory: AllocationChange{Shares: n(3)}}, ResourceConfig{before.CPU, Allocation{SharesCustom, 3, 9, 0, false}}},
		{"both", ResourceChange{Memory: AllocationChange{Level: &custom, Shares: n(3)}}, ResourceConfig{before.CPU, Allocation{SharesCustom, 3, 9, 0, false}}},
		{"no limit", ResourceChange{CPU: AllocationChange{Limit: n(-1)}}, ResourceConfig{Allocation{SharesCustom, 5, 6, 0, false}, before.Memory}},
		{"the rest", ResourceChange{Memory: AllocationChange{Reservation: n(0), Limit: n(4), Expandable: &yes}},
			ResourceConfig{before.CPU, Allocation{"", 0, 0, 4, true}}},
	} {
		if got, err := tt.change.Apply(before); err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
	_, err := ResourceChange{CPU: AllocationChange{Limit: n(0)}}.Apply(before)
	checkRefusal(t, err, Invalid, "cpu.limit: 0 is out of range", "-1 for none")
}

func TestAdmitOnHost(t *testing.T) {
	host := HostStatus{CPUs: 4, CPUCores: 2, CPUMHz: 1000, MemoryMB: 2000, ReservedMemoryMB: 100, Hypervisor: Hypervisor{Accelerator: KVM}}
	if got := host.Guarantee(); got != (Amount{1900, 1900}) {
		t.Fatalf("the host guarantees %+v", got)
	}
	if got := (HostStatus{CPUs: 4, MemoryMB: 6400}).Guarantee(); got != (Amount{0, 6400 - 256 - 100}) {
		t.Errorf("a host of an older version guarantees %+v", got)
	}
	vm := &VirtualMachine{Spec: VirtualMachineSpec{Hardware: Hardware{CPUs: 1, MemoryMB: 1024}}}
	overhead := OverheadMB(vm.Spec.Hardware, KVM)
	if more := OverheadMB(vm.Spec.Hardware, TCG); more <= overhead {
		t.Errorf("software emulation takes %d MB, KVM %d", more, overhead)
	}
	free := 1900 - 1024 - overhead
	for _, tt := range []struct {
		name   string
		cpu    int64
		taken  Amount
		want   string
		remedy string
	}{
		{"alone", 1000, Amount{}, "", ""},
		{"exactly", 1000, Amount{900, free}, "", ""},
		{"a megabyte too much", 0, Amount{0, free + 1}, fmt.Sprintf("%d MB of memory are requested, and %d MB are unreserved", 1024+overhead, 1023+overhead), "power off another"},
		{"a megahertz too much", 1000, Amount{901, 0}, "1000 MHz of CPU are requested, and 999 MHz are unreserved", "power off another"},
		{"more than its CPUs", 1001, Amount{}, "1001 MHz are reserved, and 1 CPUs have 1000 MHz there", "1000 MHz at most"},
		{"nothing of what is overcommitted", 0, Amount{5000, 0}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			vm.Spec.Resources.CPU.Reservation = tt.cpu
			err := AdmitOnHost(vm, host, tt.taken)
			checkRefusal(t, err, Exhausted, tt.want, tt.remedy)
			var cause *Insufficient
			if err != nil && !errors.As(err, &cause) {
				t.Errorf("the cause of %v is none that a dialect knows", err)
			}
		})
	}
}

// poolWorld is pools and machines as lists: the slow model recomputes everything from them.
type poolWorld struct {
	capacity Amount
	pools    []*ResourcePool
	machines []poolMachine
}

type poolMachine struct {
	pool ResourcePoolID
	want Amount
}

func (w *poolWorld) tree() *PoolTree {
	var uses []PoolUse
	for _, p := range w.pools {
		u := PoolUse{Pool: p}
		for _, m := range w.machines {
			if m.pool == p.ID {
				u.InUse = u.InUse.Plus(m.want)
			}
		}
		uses = append(uses, u)
	}
	return NewPoolTree("resgroup-0", w.capacity, uses)
}

// sound reports whether the whole world keeps every rule: no pool holds more than it may, and the root has it all.
func (w *poolWorld) sound() bool {
	var demand func(id ResourcePoolID) (cpu, memory int64, ok bool)
	demand = func(id ResourcePoolID) (cpu, memory int64, ok bool) {
		ok = true
		for _, m := range w.machines {
			if m.pool == id {
				cpu, memory = cpu+m.want.CPUMHz, memory+m.want.MemoryMB
			}
		}
		var self *ResourcePool
		for _, p := range w.pools {
			if p.ID == id {
				self = p
			}
			if p.Parent == ID(id) {
				c, m, fine := demand(p.ID)
				cpu, memory, ok = cpu+max(c, p.Config.CPU.Reservation), memory+max(m, p.Config.Memory.Reservation), ok && fine
			}
		}
		if id == "resgroup-0" {
			return cpu, memory, ok && cpu <= w.capacity.CPUMHz && memory <= w.capacity.MemoryMB
		}
		for _, r := range []struct {
			a    Allocation
			used int64
		}{{self.Config.CPU, cpu}, {self.Config.Memory, memory}} {
			ok = ok && (r.a.Expandable || r.used <= r.a.Reservation) && (r.a.Limit == 0 || r.used <= r.a.Limit && r.a.Reservation <= r.a.Limit)
		}
		return cpu, memory, ok
	}
	_, _, ok := demand("resgroup-0")
	return ok
}

// TestPoolTreeAgainstModel lets random requests come to random pools: each is admitted exactly where everything would be sound
// afterwards, by a model that knows only what soundness is.
func TestPoolTreeAgainstModel(t *testing.T) {
	admitted, refused := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := &poolWorld{capacity: Amount{100, 100}, pools: []*ResourcePool{{ID: "resgroup-0", Meta: Meta{Parent: "domain-c1"}}}}
		allocation := func() Allocation {
			a := Allocation{Reservation: r.Int64N(40), Expandable: r.IntN(2) == 0}
			if r.IntN(3) == 0 {
				a.Limit = a.Reservation + 1 + r.Int64N(30)
			}
			return a
		}
		config := func() ResourceConfig { return ResourceConfig{CPU: allocation(), Memory: allocation()} }
		any := func() *ResourcePool { return w.pools[r.IntN(len(w.pools))] }
		for step := range 60 {
			next := *w
			var err error
			switch r.IntN(5) {
			case 0: // a new pool
				p := &ResourcePool{ID: ResourcePoolID(fmt.Sprintf("resgroup-%d", step+1)), Meta: Meta{Parent: ID(any().ID)}, Config: config()}
				err = w.tree().AdmitPool(p)
				next.pools = append(append([]*ResourcePool{}, w.pools...), p)
			case 1: // another configuration, or another place
				old := any()
				if old.Root() {
					continue
				}
				p := *old
				if r.IntN(2) == 0 {
					p.Config = config()
				} else if p.Parent = ID(any().ID); w.within(ResourcePoolID(p.Parent), p.ID) {
					continue
				}
				err = w.tree().AdmitPool(&p)
				next.pools = nil
				for _, q := range w.pools {
					if q.ID == p.ID {
						q = &p
					}
					next.pools = append(next.pools, q)
				}
			case 2: // a machine loses its power
				if len(w.machines) > 0 {
					i := r.IntN(len(w.machines))
					w.machines = append(append([]poolMachine{}, w.machines[:i]...), w.machines[i+1:]...)
				}
				continue
			default:
				m := poolMachine{any().ID, Amount{r.Int64N(20), r.Int64N(20)}}
				err = w.tree().AdmitMachine(m.pool, m.want)
				next.machines = append(append([]poolMachine{}, w.machines...), m)
			}
			if sound := next.sound(); (err == nil) != sound {
				t.Fatalf("seed %d, step %d: the rule says %v, and everything would be sound: %v", seed, step, err, sound)
			}
			if err == nil {
				*w = next
				admitted++
			} else {
				refused++
			}
		}
	}
	if admitted < 2000 || refused < 2000 {
		t.Errorf("only %d requests were admitted and %d refused", admitted, refused)
	}
}

// within reports whether a pool is another one or below it.
func (w *poolWorld) within(id, of ResourcePoolID) bool {
	for _, p := range w.pools {
		if p.ID == id {
			return id == of || w.within(ResourcePoolID(p.Parent), of)
		}
	}
	return false
}

func TestPoolTreeWhereTooMuchIsGiven(t *testing.T) {
	root := &ResourcePool{ID: "resgroup-0", Meta: Meta{Parent: "domain-c1"}}
	kept := &ResourcePool{ID: "resgroup-1", Meta: Meta{Parent: "resgroup-0"}, Config: ResourceConfig{CPU: Allocation{Reservation: 80}, Memory: Allocation{Reservation: 80}}}
	tree := NewPoolTree(root.ID, Amount{50, 50}, []PoolUse{{root, Amount{40, 40}}, {kept, Amount{}}}) // half of the hosts are gone
	if got := tree.Unreserved(root.ID); got != (Amount{}) {
		t.Errorf("the root has %+v to give", got)
	}
	if got := tree.Unreserved(kept.ID); got != (Amount{10, 10}) {
		t.Errorf("the pool has %+v of its reservation to give, and the hosts have 10", got)
	}
	expandable, other := *kept, &ResourcePool{ID: "resgroup-2", Meta: Meta{Parent: "resgroup-0"}, Config: kept.Config}
	expandable.Config.CPU.Expandable, expandable.Config.Memory.Expandable = true, true
	wide := NewPoolTree(root.ID, Amount{50, 50}, []PoolUse{{root, Amount{40, 40}}, {&expandable, Amount{}}, {other, Amount{}}})
	if got := wide.Unreserved(kept.ID); got != (Amount{10, 10}) {
		t.Errorf("an expandable pool has %+v of its own reservation to give, whatever its parent lacks", got)
	}
	if err := tree.AdmitMachine(root.ID, Amount{}); err != nil {
		t.Errorf("who asks for nothing is refused: %v", err)
	}
	checkRefusal(t, tree.AdmitMachine(root.ID, Amount{0, 1}), Exhausted, "1 MB of memory are requested, and 0 MB are unreserved", "reserve less")
	less := *kept
	less.Config.CPU.Reservation, less.Config.Memory.Reservation = 70, 80
	if err := tree.AdmitPool(&less); err != nil {
		t.Errorf("a smaller reservation is refused: %v", err)
	}
	less.Config.Memory.Reservation = 81
	checkRefusal(t, tree.AdmitPool(&less), Exhausted, "81 MB of memory are requested, and 10 MB are unreserved", "reserve less")
}

func TestAssignmentNamesPools(t *testing.T) {
	root := &ResourcePool{ID: "resgroup-0", Meta: Meta{Parent: "domain-c1", Revision: 90}}
	outer := &ResourcePool{ID: "resgroup-1", Meta: Meta{Parent: "resgroup-0", Revision: 30}, Config: DefaultPoolConfig()}
	inner := &ResourcePool{ID: "resgroup-2", Meta: Meta{Parent: "resgroup-1", Revision: 20}}
	vm := &VirtualMachine{ID: "vm-1", Meta: Meta{Revision: 25}, Spec: VirtualMachineSpec{Host: "host-1"}}
	a, _ := AssignmentOf(vm, inner, outer, root)
	if a.Revision != 30 || len(a.Machine.Pools) != 2 || a.Machine.Pools[0] != (PoolShare{outer.ID, outer.Config}) || a.Machine.Pools[1].ID != inner.ID {
		t.Errorf("got %+v", a)
	}
	if a, _ := AssignmentOf(vm, root); a.Revision != 25 || a.Machine.Pools != nil {
		t.Errorf("in the root pool: %+v", a)
	}
}
