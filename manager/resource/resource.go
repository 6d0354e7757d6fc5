// Package resource keeps the resource pools of the clusters and decides whether what is reserved of CPU and memory can be had:
// by machines that are to get power, by those that have it and reserve more, and by pools. The rules are dc's (PoolTree); this
// package knows what is reserved now, and lets no two of these decisions of one cluster be made at once.
//
// The facades call it for pools; package compute asks it about machines, in the transaction that gives them what they ask for;
// package dispatch asks which pools a machine is in. Root pools are made and removed with their clusters, by package inventory.
// What a single host can hold is compute's to check, and what is done about it on the host is the agent's.
package resource

import (
	"errors"
	"maps"
	"slices"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
)

// Service keeps the resource pools. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access *access.Service
	ledger *ledger
}

// New returns the service over the store's resource pools.
func New(st *store.Store, acc *access.Service) *Service {
	return &Service{store: st, access: acc, ledger: &ledger{}}
}

// Chain returns the pool with the ID and those above it, up to a root pool. It ends where one does not exist.
func Chain(v *store.View, id dc.ResourcePoolID) []*dc.ResourcePool {
	var chain []*dc.ResourcePool
	for len(chain) <= dc.MaxPoolDepth {
		p, err := store.Get[*dc.ResourcePool](v, dc.ID(id))
		if err != nil {
			break
		}
		if chain = append(chain, p); p.Root() {
			break
		}
		id = dc.ResourcePoolID(p.Parent)
	}
	return chain
}

// ClusterOf returns the cluster that a resource pool is in.
func ClusterOf(v *store.View, id dc.ResourcePoolID) (*dc.Cluster, error) {
	chain := Chain(v, id)
	if len(chain) == 0 {
		_, err := store.Get[*dc.ResourcePool](v, dc.ID(id))
		return nil, err
	}
	return store.Get[*dc.Cluster](v, chain[len(chain)-1].Parent)
}

// Below returns the resource pools of a cluster, each before those that are in it.
func Below(v *store.View, cluster *dc.Cluster) []*dc.ResourcePool {
	var all []*dc.ResourcePool
	if root, err := store.Get[*dc.ResourcePool](v, dc.ID(cluster.RootPool)); err == nil {
		all = append(all, root)
	}
	for i := 0; i < len(all); i++ {
		for child := range store.Children[*dc.ResourcePool](v, dc.ID(all[i].ID)) {
			all = append(all, child)
		}
	}
	return all
}

// AdmitMachine returns nil where the machine, as it is to be, may have power in its resource pool: what it reserves is to be had
// there besides what everything else reserves. It makes tx one that no other decision about the same cluster is made with at the
// same time. Kind: Exhausted, with a *dc.Insufficient as its cause.
func (s *Service) AdmitMachine(tx *store.Tx, vm *dc.VirtualMachine) error {
	cluster, err := s.decide(tx, vm.Spec.Pool)
	if err != nil {
		return err
	}
	want := vm.Reserved(acceleratorOf(tx.View(), vm.Spec.Host))
	tree, before := s.tree(tx.View(), cluster, vm.ID, nil)
	if before.pool == vm.Spec.Pool { // what it has already is not asked for again
		if want.CPUMHz <= before.amount.CPUMHz {
			want.CPUMHz = 0
		}
		if want.MemoryMB <= before.amount.MemoryMB {
			want.MemoryMB = 0
		}
	}
	return onPool(tx.View(), vm.Spec.Pool, tree.AdmitMachine(vm.Spec.Pool, want))
}

// AdmitNew is AdmitMachine for machines that are made in tx and reserve nothing yet, all of them together.
func (s *Service) AdmitNew(tx *store.Tx, machines []*dc.VirtualMachine) error {
	wanted := map[dc.ResourcePoolID]dc.Amount{}
	for _, vm := range machines {
		wanted[vm.Spec.Pool] = wanted[vm.Spec.Pool].Plus(vm.Reserved(acceleratorOf(tx.View(), vm.Spec.Host)))
	}
	admitted := map[dc.ResourcePoolID]dc.Amount{}
	for _, pool := range slices.Sorted(maps.Keys(wanted)) {
		cluster, err := s.decide(tx, pool)
		if err != nil {
			return err
		}
		tree, _ := s.tree(tx.View(), cluster, "", admitted)
		if err := tree.AdmitMachine(pool, wanted[pool]); err != nil {
			return onPool(tx.View(), pool, err)
		}
		admitted[pool] = wanted[pool]
	}
	return nil
}

// decide returns the cluster of a pool, about which tx decides. It writes the cluster, unchanged: of two transactions at once
// one is tried again and sees the other. Pools are not written, for that would be news to every host.
func (s *Service) decide(tx *store.Tx, pool dc.ResourcePoolID) (*dc.Cluster, error) {
	found, err := ClusterOf(tx.View(), pool)
	if err != nil {
		return nil, err
	}
	cluster, err := store.Load[*dc.Cluster](tx, dc.ID(found.ID))
	if err != nil {
		return nil, err
	}
	tx.Put(cluster)
	return cluster, nil
}

// tree returns what is reserved in a cluster without one machine, and what that one has reserved. added is what is to be
// reserved in its pools besides.
func (s *Service) tree(v *store.View, cluster *dc.Cluster, without dc.VirtualMachineID, added map[dc.ResourcePoolID]dc.Amount) (*dc.PoolTree, entry) {
	pools := Below(v, cluster)
	uses := make([]dc.PoolUse, len(pools))
	sums := s.ledger.at(s.store)
	defer sums.release()
	left := sums.machines[without]
	for i, p := range pools {
		uses[i] = dc.PoolUse{Pool: p, InUse: sums.pools[p.ID].Plus(added[p.ID])}
		if p.ID == left.pool {
			uses[i].InUse = uses[i].InUse.Minus(left.amount)
		}
	}
	// A host that gives nothing now holds what is reserved on it, and that much of the cluster is its own.
	var capacity dc.Amount
	for host := range store.Children[*dc.Host](v, dc.ID(cluster.ID)) {
		if inService(host) {
			capacity = capacity.Plus(host.Status.Guarantee())
			continue
		}
		held := sums.hosts[host.ID]
		if host.ID == left.host {
			held = held.Minus(left.amount)
		}
		capacity = capacity.Plus(held)
	}
	return dc.NewPoolTree(cluster.RootPool, capacity, uses), left
}

func inService(h *dc.Host) bool {
	return h.Status.Connection == dc.Connected && h.Spec.Maintenance == ""
}

func acceleratorOf(v *store.View, host dc.HostID) dc.Accelerator {
	if h, err := store.Get[*dc.Host](v, dc.ID(host)); err == nil {
		return h.Status.Hypervisor.Accelerator
	}
	return ""
}

// onPool makes a resource pool the object of an error that has none.
func onPool(v *store.View, id dc.ResourcePoolID, err error) error {
	var e *dc.Error
	if p, missing := store.Get[*dc.ResourcePool](v, dc.ID(id)); missing == nil && errors.As(err, &e) {
		return e.On(dc.Describe(dc.KindResourcePool, p.Name))
	}
	return err
}
