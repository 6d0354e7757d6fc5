package hostsystem

import (
	"context"
	"slices"
	"time"

	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/inventory"
	"hanok/manager/resource"
	"hanok/manager/store"
	"hanok/manager/task"
)

const (
	moveIntoFolder  = "Folder.moveInto"
	moveIntoCluster = "ClusterComputeResource.moveHostInto"
)

// batch is how many machines one transaction moves: with their claims and events, as many as any etcd takes.
const batch = 20

// moveArgs are the arguments of a task that moves a host, and From is the compute resource that it left.
type moveArgs struct {
	To   dc.HostDestination `json:"to"`
	From dc.ClusterID       `json:"from"`
}

// Move starts the task that moves a host, with its machines, into a cluster or, to stand alone, into a folder of hosts, as vSphere's
// MoveHostInto and MoveIntoFolder do. Its machines come into the destination's root resource pool, or into the pool that is named; the pools and the
// compute resource of a host that stood alone are gone then. Datastores and networks stay as they are. Kinds: NotFound; Invalid for a destination
// that is none, is in another data center, or is the compute resource of one host, and for a pool that is not in it; Exists for a name that is
// taken there; WrongState for a host of a cluster that is not in maintenance mode, and for one that is there already. Privileges:
// PrivHostMove on the host, on what it leaves and on what it comes to, for one that stays alone PrivClusterMove, and PrivAssignVMToPool on a pool.
func (s *Service) Move(ctx context.Context, by dc.Caller, id dc.HostID, to dc.HostDestination) (submitted *dc.Task, err error) {
	err = s.store.Change(ctx, func(tx *store.Tx) error {
		submitted, err = s.MoveIn(tx, by, id, to)
		return err
	})
	if err != nil {
		return nil, err
	}
	return submitted, nil
}

// MoveIn is Move as a part of tx.
func (s *Service) MoveIn(tx *store.Tx, by dc.Caller, id dc.HostID, to dc.HostDestination) (*dc.Task, error) {
	if err := s.access.Authorize(by, dc.PrivView, dc.ID(id)); err != nil { // whoever does not see it learns nothing else
		return nil, err
	}
	h, err := store.Get[*dc.Host](tx.View(), dc.ID(id))
	if err == nil && to.Folder != "" && to.Cluster == "" && alone(tx.View(), h) {
		if err := s.inventory.MoveIn(tx, by, dc.ID(id), to.Folder); err != nil {
			return nil, err
		}
		return task.Ended(tx, by, moveIntoFolder, dc.ID(id), h.Name, nil), nil
	}
	on := []dc.ID{dc.ID(id), to.ID()}
	if err == nil {
		on = append(on, h.Parent)
	}
	for _, on := range on {
		if err := s.access.Authorize(by, dc.PrivHostMove, on); err != nil {
			return nil, err
		}
	}
	if to.Pool != "" {
		if err := s.access.Authorize(by, dc.PrivAssignVMToPool, dc.ID(to.Pool)); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	if err := admitMove(tx.View(), h, to); err != nil {
		return nil, err
	}
	typ := moveIntoFolder
	if to.Cluster != "" {
		typ = moveIntoCluster
	}
	return s.tasks.Submit(tx, by, typ, h, moveArgs{To: to, From: dc.ClusterID(h.Parent)})
}

// alone reports whether a host is in no cluster.
func alone(v *store.View, h *dc.Host) bool {
	c, err := store.Get[*dc.Cluster](v, h.Parent)
	return err == nil && c.Standalone
}

// admitMove returns nil where a host may be moved.
func admitMove(v *store.View, h *dc.Host, to dc.HostDestination) error {
	described := dc.Describe(dc.KindHost, h.Name)
	if (to.Folder == "") == (to.Cluster == "") || to.Folder != "" && to.Pool != "" {
		return dc.Errorf(dc.Invalid, "it is moved into a cluster, or into a folder").On(described).Fix("name one of them, and a resource pool with a cluster only")
	}
	place := v.Find(to.ID())
	if place == nil {
		return dc.Errorf(dc.NotFound, "it does not exist").On(dc.Describe(to.ID().Kind(), string(to.ID())))
	}
	name := dc.Describe(place.Kind(), place.Metadata().Name)
	invalid := func(message, remedy string) error {
		return dc.Errorf(dc.Invalid, "%s %s", name, message).On(described).Fix("%s", remedy)
	}
	switch place := place.(type) {
	case *dc.Folder:
		if place.Type != dc.FolderHost {
			return invalid("holds no hosts", "choose a folder of hosts")
		}
	case *dc.Cluster:
		if place.Standalone {
			return invalid("is the compute resource of one host", "choose a cluster or a folder of hosts")
		}
		if in, err := resource.ClusterOf(v, to.Pool); to.Pool != "" && (err != nil || in.ID != place.ID) {
			return invalid("does not have this resource pool", "choose a resource pool of it, or none")
		}
	}
	if inventory.DatacenterOf(v, dc.ID(h.ID)) != inventory.DatacenterOf(v, to.ID()) {
		return invalid("is in another data center", "choose one in the host's own")
	}
	switch holder, taken := store.Claimed(v, dc.NameClaim(to.ID(), h.Name)); {
	case h.Parent == to.ID():
		return wrongState(h, "it is in "+name+" already", "")
	case taken:
		return dc.Errorf(dc.Exists, "%s has a %s of this name already", name, holder.Kind().Noun()).On(described).Fix("rename that one first")
	case !alone(v, h) && h.Spec.Maintenance != dc.InMaintenance:
		return wrongState(h, "it is in service in a cluster", "let it enter maintenance mode first")
	}
	return nil
}

// The host goes in one transaction, whatever it has; the rest can't be refused, and follows until it is done.
func moveDefinition(typ string) task.Definition {
	return task.Definition{Type: typ, Steps: []task.Step{
		{Name: "move it", Do: moveHost},
		{Name: "bring its machines along", Final: true, Do: moveMachines},
	}}
}

func moveHost(_ context.Context, r *task.Run) error {
	var a moveArgs
	if err := r.Args(&a); err != nil {
		return err
	}
	finish(r, func(tx *store.Tx, t *dc.Task, h *dc.Host) error {
		v := tx.View()
		if err := admitMove(v, h, a.To); err != nil {
			return err
		}
		if h.Parent != dc.ID(a.From) {
			return wrongState(h, "somebody has moved it meanwhile", "look where it is")
		}
		place := dc.ID(a.To.Cluster)
		if a.To.Folder != "" {
			place = dc.ID(inventory.PutStandalone(tx, a.To.Folder, h.Name).ID)
		}
		for _, id := range []dc.ID{h.Parent, place} { // what is decided about their resources at once is decided again
			if c, err := store.Load[*dc.Cluster](tx, id); err == nil {
				tx.Put(c)
			}
		}
		to := v.Find(a.To.ID()).Metadata().Name
		h.Parent = place
		tx.Put(h)
		record(tx, t, h, dc.EventTask, "was moved into "+dc.Describe(a.To.ID().Kind(), to))
		return nil
	})
	return nil
}

// moveMachines brings the host's machines into a pool of the compute resource that it is in now, and removes the one that it left if it stood
// alone. What a machine is in of another one is wrong however it came there, so it looks until there is none.
func moveMachines(ctx context.Context, r *task.Run) error {
	var a moveArgs
	if err := r.Args(&a); err != nil {
		return err
	}
	for {
		left := strays(r.View(), dc.HostID(r.Task().Target), a.From)
		if len(left) == 0 {
			break
		}
		err := r.Change(ctx, func(tx *store.Tx) error {
			for _, id := range left[:min(batch, len(left))] {
				if err := bring(tx, r.Task(), id, a.To.Pool); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	finish(r, func(tx *store.Tx, _ *dc.Task, _ *dc.Host) error { return removeEmpty(tx, a.From) })
	return nil
}

// strays returns the machines on a host, or for it, that are in a pool of another compute resource than the host's.
func strays(v *store.View, host dc.HostID, from dc.ClusterID) (all []dc.VirtualMachineID) {
	h, err := store.Get[*dc.Host](v, dc.ID(host))
	if err != nil {
		return nil
	}
	left, err := store.Get[*dc.Cluster](v, dc.ID(from))
	goes := err == nil && left.Standalone
	for vm := range store.List[*dc.VirtualMachine](v) {
		if vm.Spec.Pool == "" || vm.Spec.Host != host && !goes {
			continue
		}
		if in, err := resource.ClusterOf(v, vm.Spec.Pool); err == nil && dc.ID(in.ID) != h.Parent && (vm.Spec.Host == host || in.ID == from) {
			all = append(all, vm.ID)
		}
	}
	slices.Sort(all)
	return all
}

// bring puts a machine into a pool of the task's host: the one that is named, as long as it is there, or the root pool.
func bring(tx *store.Tx, t *dc.Task, id dc.VirtualMachineID, pool dc.ResourcePoolID) error {
	v := tx.View()
	vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(id))
	if dc.KindOf(err) == dc.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	h, err := store.Get[*dc.Host](v, t.Target)
	if err != nil {
		return err
	}
	c, err := store.Get[*dc.Cluster](v, h.Parent)
	if err != nil {
		return err
	}
	if in, err := resource.ClusterOf(v, pool); err != nil || in.ID != c.ID {
		pool = c.RootPool
	}
	tx.Exists(dc.ID(pool))
	vm.Spec.Pool = pool
	tx.Put(vm)
	event.Add(tx, time.Now(), dc.Event{Type: dc.EventVMPoolMoved, Target: dc.ID(vm.ID), TargetName: vm.Name, User: t.User, Task: t.ID,
		Message: dc.Describe(dc.KindVirtualMachine, vm.Name) + ": moved with its host into a resource pool of " + dc.Describe(dc.KindCluster, c.Name)})
	return nil
}

// removeEmpty removes a compute resource that stood alone, with its pools, when its host has left it.
func removeEmpty(tx *store.Tx, id dc.ClusterID) error {
	c, err := store.Load[*dc.Cluster](tx, dc.ID(id))
	if dc.KindOf(err) == dc.NotFound || err == nil && !c.Standalone {
		return nil
	}
	if err != nil {
		return err
	}
	return removeResource(tx, c)
}

// removeResource removes a compute resource without a host, and its pools, the inner ones first.
func removeResource(tx *store.Tx, c *dc.Cluster) error {
	pools := resource.Below(tx.View(), c)
	slices.Reverse(pools)
	for _, p := range pools {
		loaded, err := store.Load[*dc.ResourcePool](tx, dc.ID(p.ID))
		if err != nil {
			return err
		}
		tx.Delete(loaded)
	}
	tx.Delete(c)
	return nil
}
