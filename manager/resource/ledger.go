package resource

import (
	"sync"

	"hanok/dc"
	"hanok/manager/store"
)

// ledger sums up what the machines with power reserve, in each resource pool and on each host. It follows the store's changes, so
// that a power-on does not look at every machine of the data center.
//
// It may be ahead of a transaction's view. What it then knows too much was given back, or it was given to somebody by a
// transaction that wrote the cluster, and this one is tried again.
type ledger struct {
	mu       sync.Mutex
	revision int64
	machines map[dc.VirtualMachineID]entry
	pools    map[dc.ResourcePoolID]dc.Amount
	hosts    map[dc.HostID]dc.Amount
}

// entry is what one machine with power reserves, and where.
type entry struct {
	pool   dc.ResourcePoolID
	host   dc.HostID
	amount dc.Amount
}

// at brings the ledger up to the store's newest view and returns it for reading. It is the caller's until release.
func (l *ledger) at(st *store.Store) *ledger {
	l.mu.Lock()
	changes, upto, ok := st.Changes(l.revision)
	if !ok || l.machines == nil {
		l.fill(st.View())
		return l
	}
	if len(changes) == 0 {
		l.revision = upto
		return l
	}
	v := st.View()
	for _, c := range changes {
		switch c.Kind {
		case dc.KindVirtualMachine:
			l.look(v, dc.VirtualMachineID(c.ID))
		case dc.KindHost:
			if c.Object != nil && (c.Old == nil || accelerator(c.Old) != accelerator(c.Object)) {
				for vm := range store.OnHost(v, dc.HostID(c.ID)) {
					l.look(v, vm.ID)
				}
			}
		}
	}
	l.revision = upto
	return l
}

func (l *ledger) release() { l.mu.Unlock() }

// fill reads everything.
func (l *ledger) fill(v *store.View) {
	l.revision, l.machines = v.Revision(), map[dc.VirtualMachineID]entry{}
	l.pools, l.hosts = map[dc.ResourcePoolID]dc.Amount{}, map[dc.HostID]dc.Amount{}
	for vm := range store.List[*dc.VirtualMachine](v) {
		l.look(v, vm.ID)
	}
}

// look replaces the entry of one machine by what the view has.
func (l *ledger) look(v *store.View, id dc.VirtualMachineID) {
	if old, ok := l.machines[id]; ok {
		l.pools[old.pool] = l.pools[old.pool].Minus(old.amount)
		l.hosts[old.host] = l.hosts[old.host].Minus(old.amount)
		delete(l.machines, id)
	}
	vm, err := store.Get[*dc.VirtualMachine](v, dc.ID(id))
	if err != nil || !vm.HasPower() {
		return
	}
	e := entry{vm.Spec.Pool, vm.Spec.Host, vm.Reserved(acceleratorOf(v, vm.Spec.Host))}
	l.machines[id] = e
	l.pools[e.pool] = l.pools[e.pool].Plus(e.amount)
	l.hosts[e.host] = l.hosts[e.host].Plus(e.amount)
}

func accelerator(o dc.Object) dc.Accelerator { return o.(*dc.Host).Status.Hypervisor.Accelerator }
