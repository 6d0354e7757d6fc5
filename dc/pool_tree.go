package dc

// PoolUse is a resource pool and what the machines with power that are directly in it have reserved.
type PoolUse struct {
	Pool  *ResourcePool
	InUse Amount
}

// PoolTree is the resource pools of one cluster with what is reserved in them: a value of one moment, for one goroutine. Its answers
// are about reservations alone; what nobody has reserved goes by shares.
//
// A pool gives its machines and child pools reservations out of its own. One that is expandable asks its parent for what its
// own does not hold, and so on up to the root, which has what the cluster's hosts guarantee. What a pool takes from its parent
// is the larger of its reservation and what is reserved in it. No pool reserves beyond its limit.
type PoolTree struct {
	capacity Amount
	root     ResourcePoolID
	nodes    map[ResourcePoolID]*poolNode
	// inUse is what all machines together have reserved.
	inUse Amount
}

type poolNode struct {
	pool     *ResourcePool
	parent   *poolNode
	children []*poolNode
	direct   Amount
	// sum is used's, once it was asked for.
	sum *Amount
}

// NewPoolTree returns the tree of the cluster whose root pool is root. uses has each pool once, in any order; what does not
// hang on the root is left out.
func NewPoolTree(root ResourcePoolID, capacity Amount, uses []PoolUse) *PoolTree {
	t := &PoolTree{capacity: capacity, root: root, nodes: map[ResourcePoolID]*poolNode{}}
	for _, u := range uses {
		t.nodes[u.Pool.ID] = &poolNode{pool: u.Pool, direct: u.InUse}
		t.inUse = t.inUse.Plus(u.InUse)
	}
	for _, n := range t.nodes {
		if p := t.nodes[ResourcePoolID(n.pool.Parent)]; p != nil && n.pool.ID != root {
			n.parent, p.children = p, append(p.children, n)
		}
	}
	return t
}

// Capacity returns what the root pool has.
func (t *PoolTree) Capacity() Amount { return t.capacity }

// Used returns what the machines and child pools of a pool have reserved in it: vSphere's reservationUsed.
func (t *PoolTree) Used(id ResourcePoolID) Amount {
	if n := t.nodes[id]; n != nil {
		return n.used()
	}
	return Amount{}
}

func (n *poolNode) used() Amount {
	if n.sum == nil {
		sum := n.direct
		for _, c := range n.children {
			sum = sum.Plus(c.demand())
		}
		n.sum = &sum
	}
	return *n.sum
}

// demand is what a pool takes from its parent.
func (n *poolNode) demand() Amount {
	used, c := n.used(), n.pool.Config
	return Amount{max(used.CPUMHz, c.CPU.Reservation), max(used.MemoryMB, c.Memory.Reservation)}
}

// Unreserved returns what may still be reserved in a pool by a machine or a child pool: vSphere's unreservedForVm and
// unreservedForPool. It is not negative.
func (t *PoolTree) Unreserved(id ResourcePoolID) Amount {
	n := t.nodes[id]
	if n == nil {
		return Amount{}
	}
	free, left := t.free(n), t.capacity.Minus(t.inUse)
	return Amount{max(0, min(free.CPUMHz, left.CPUMHz)), max(0, min(free.MemoryMB, left.MemoryMB))}
}

func (t *PoolTree) free(n *poolNode) Amount {
	used := n.used()
	if n.pool.ID == t.root {
		return t.capacity.Minus(used)
	}
	above := Amount{}
	if n.parent != nil {
		above = t.free(n.parent)
	}
	c := n.pool.Config
	return Amount{c.CPU.free(used.CPUMHz, above.CPUMHz), c.Memory.free(used.MemoryMB, above.MemoryMB)}
}

// free returns what of one resource a pool still has to give, of which it has given used, where its parent has above.
func (a Allocation) free(used, above int64) int64 {
	room := max(0, a.Reservation-used)
	if a.Expandable {
		room += max(0, above)
	}
	if a.Limit != 0 {
		room = min(room, a.Limit-used)
	}
	return room
}

// morePool is what to do where a pool lacks a reservation.
const morePool = "reserve less, power off others that reserve in this resource pool, or raise the reservation of it or of its parents"

// AdmitMachine returns nil where a machine may reserve want in the pool, which is to be reserved in it besides what the tree
// knows of. Else the error is of kind Exhausted with an *Insufficient as its cause.
func (t *PoolTree) AdmitMachine(pool ResourcePoolID, want Amount) error {
	return within(want, t.Unreserved(pool), morePool)
}

// AdmitPool returns nil where the pool of the tree with next's ID may become next: with another configuration, below another
// parent, or both. A pool that the tree does not have is a new one. What takes nothing more than before is admitted even where
// too much has been given. The error is of kind Invalid where next's own limits do not hold what is reserved in it already,
// and as AdmitMachine's where its parent lacks it.
func (t *PoolTree) AdmitPool(next *ResourcePool) error {
	var before, used Amount
	same := false
	if n := t.nodes[next.ID]; n != nil {
		before, used = n.demand(), n.used()
		same = n.pool.Parent == next.Parent
	}
	c := next.Config
	if err := c.CPU.holds("cpu", used.CPUMHz); err != nil {
		return err
	}
	if err := c.Memory.holds("memory", used.MemoryMB); err != nil {
		return err
	}
	after := (&poolNode{pool: next, sum: &used}).demand()
	if same && after.CPUMHz <= before.CPUMHz && after.MemoryMB <= before.MemoryMB {
		return nil
	}
	parent := t.without(next.ID).nodes[ResourcePoolID(next.Parent)]
	if parent == nil {
		return Errorf(Invalid, "its parent is not in this cluster").Fix("choose a resource pool of the same cluster")
	}
	want := after
	if same { // what has not grown is not asked for again
		if after.CPUMHz <= before.CPUMHz {
			want.CPUMHz = 0
		}
		if after.MemoryMB <= before.MemoryMB {
			want.MemoryMB = 0
		}
	}
	return within(want, t.without(next.ID).free(parent), morePool)
}

// without returns the tree without a pool and what is below it.
func (t *PoolTree) without(id ResourcePoolID) *PoolTree {
	gone := map[ResourcePoolID]bool{}
	var mark func(n *poolNode)
	mark = func(n *poolNode) {
		gone[n.pool.ID] = true
		for _, c := range n.children {
			mark(c)
		}
	}
	if n := t.nodes[id]; n != nil {
		mark(n)
	}
	var uses []PoolUse
	for _, n := range t.nodes {
		if !gone[n.pool.ID] {
			uses = append(uses, PoolUse{n.pool, n.direct})
		}
	}
	return NewPoolTree(t.root, t.capacity, uses)
}

// holds returns an error of kind Invalid where what is reserved in a pool already does not go with the allocation.
func (a Allocation) holds(name string, used int64) error {
	const remedy = "give %d or more, or power off what is in it first"
	switch {
	case a.Limit != 0 && used > a.Limit:
		return Errorf(Invalid, "%s.limit: %d is less than the %d that are reserved in it", name, a.Limit, used).Fix(remedy, used)
	case !a.Expandable && used > a.Reservation:
		return Errorf(Invalid, "%s.reservation: %d is less than the %d that are reserved in it, and it is not expandable",
			name, a.Reservation, used).Fix(remedy, used)
	}
	return nil
}

// MaxPoolDepth is how many resource pools may be nested below a root pool, as in vSphere.
const MaxPoolDepth = 8
