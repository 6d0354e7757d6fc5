package resource

import (
	"context"
	"fmt"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/event"
	"hanok/manager/guard"
	"hanok/manager/store"
)

// Runtime is what is reserved in a resource pool now, by vSphere's names.
type Runtime struct {
	// ReservationUsed is reserved by its machines with power and its child pools.
	ReservationUsed dc.Amount
	// Unreserved may still be reserved in it: unreservedForVm and unreservedForPool, which are the same here.
	Unreserved dc.Amount
	// Reservation is its own; that of a root pool is what the cluster's hosts guarantee.
	Reservation dc.Amount
}

// Runtimes returns the runtime figures of the resource pools that the caller may see.
func (s *Service) Runtimes(by dc.Caller) (map[dc.ResourcePoolID]Runtime, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	v, all := s.store.View(), map[dc.ResourcePoolID]Runtime{}
	for cluster := range store.List[*dc.Cluster](v) {
		tree, _ := s.tree(v, cluster, "", nil)
		for _, p := range Below(v, cluster) {
			if !visible(p) {
				continue
			}
			own := dc.Amount{CPUMHz: p.Config.CPU.Reservation, MemoryMB: p.Config.Memory.Reservation}
			if p.Root() {
				own = tree.Capacity()
			}
			all[p.ID] = Runtime{ReservationUsed: tree.Used(p.ID), Unreserved: tree.Unreserved(p.ID), Reservation: own}
		}
	}
	return all, nil
}

// Create makes a resource pool in another one: with change, and else with dc.DefaultPoolConfig. Kinds: Invalid for a bad name or
// configuration and where pools would be nested too deep, NotFound without the parent, Exists for a name that is taken, Exhausted
// where the parent lacks the reservation. Privilege: PrivPoolCreate.
func (s *Service) Create(ctx context.Context, by dc.Caller, parent dc.ResourcePoolID, name string, change dc.ResourceChange) (*dc.ResourcePool, error) {
	if err := s.access.Authorize(by, dc.PrivPoolCreate, dc.ID(parent)); err != nil {
		return nil, err
	}
	if err := dc.CheckName(dc.KindResourcePool, name); err != nil {
		return nil, err
	}
	config, err := change.Apply(dc.DefaultPoolConfig())
	if err != nil {
		return nil, onNew(name, err)
	}
	p := &dc.ResourcePool{ID: dc.ResourcePoolID(dc.NewID(dc.KindResourcePool, random.Suffix())), Config: config,
		Meta: dc.Meta{Name: name, Parent: dc.ID(parent), Created: time.Now().UTC()}}
	err = s.store.Change(ctx, func(tx *store.Tx) error {
		if _, err := store.Get[*dc.ResourcePool](tx.View(), dc.ID(parent)); err != nil {
			return err
		}
		if err := s.admit(tx, p); err != nil {
			return onNew(name, err)
		}
		tx.Exists(dc.ID(parent))
		tx.Put(p)
		record(tx, by, dc.EventPoolCreated, p, "created")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// admit returns nil where the pool may be as p says, and makes tx the only one that decides about its cluster.
func (s *Service) admit(tx *store.Tx, p *dc.ResourcePool) error {
	if err := dc.CheckPoolResources(p.Config); err != nil {
		return err
	}
	v, parent := tx.View(), dc.ResourcePoolID(p.Parent)
	if depth := len(Chain(v, parent)) + height(v, p.ID); depth > dc.MaxPoolDepth {
		return dc.Errorf(dc.Invalid, "pools would be nested %d deep below the root", depth).Fix("nest %d at most", dc.MaxPoolDepth)
	}
	cluster, err := s.decide(tx, parent)
	if err != nil {
		return err
	}
	tree, _ := s.tree(v, cluster, "", nil)
	if err := tree.AdmitPool(p); dc.KindOf(err) == dc.Exhausted {
		return onPool(v, parent, err) // it is the parent that lacks it
	} else if err != nil {
		return err
	}
	return nil
}

// height returns how many pools are nested in the pool with the ID.
func height(v *store.View, id dc.ResourcePoolID) int {
	most := 0
	for child := range store.Children[*dc.ResourcePool](v, dc.ID(id)) {
		most = max(most, 1+height(v, child.ID))
	}
	return most
}

// Update changes the configuration of a resource pool. Kinds: NotFound, Invalid as Create and where the pool would not hold what
// is reserved in it, WrongState for a root pool, Exhausted where the parent lacks the reservation. Privilege: PrivPoolEdit.
func (s *Service) Update(ctx context.Context, by dc.Caller, id dc.ResourcePoolID, change dc.ResourceChange) (*dc.ResourcePool, error) {
	var out *dc.ResourcePool
	err := s.change(ctx, by, dc.PrivPoolEdit, id, func(tx *store.Tx, p *dc.ResourcePool) error {
		before := p.Config
		var err error
		if p.Config, err = change.Apply(before); err != nil {
			return err
		}
		if out = p; p.Config == before {
			return nil
		}
		if err := s.admit(tx, p); err != nil {
			return err
		}
		tx.Put(p)
		record(tx, by, dc.EventPoolReconfigured, p, "reconfigured")
		return nil
	})
	return out, err
}

// Move puts a resource pool with everything in it into another one of the same cluster. Kinds: NotFound, WrongState for a root pool,
// Invalid for a pool of another cluster and for one that is in the pool itself, Exists for a name that is taken there, Exhausted
// where the new parent lacks the reservation. Privilege: PrivPoolMove, on
// both pools.
func (s *Service) Move(ctx context.Context, by dc.Caller, id, parent dc.ResourcePoolID) error {
	if err := s.access.Authorize(by, dc.PrivPoolMove, dc.ID(parent)); err != nil {
		return err
	}
	return s.change(ctx, by, dc.PrivPoolMove, id, func(tx *store.Tx, p *dc.ResourcePool) error {
		v := tx.View()
		to, err := store.Get[*dc.ResourcePool](v, dc.ID(parent))
		if err != nil || p.Parent == dc.ID(parent) {
			return err
		}
		chain := Chain(v, parent)
		for _, above := range chain {
			if above.ID == id {
				return dc.Errorf(dc.Invalid, "%s is in it", dc.Describe(dc.KindResourcePool, to.Name)).Fix("choose a pool that is not in it")
			}
		}
		here := Chain(v, id)
		if here[len(here)-1].ID != chain[len(chain)-1].ID {
			return dc.Errorf(dc.Invalid, "%s is in another cluster", dc.Describe(dc.KindResourcePool, to.Name)).Fix("choose a pool of its own cluster")
		}
		p.Parent = dc.ID(parent)
		if err := s.admit(tx, p); err != nil {
			return err
		}
		tx.Exists(dc.ID(parent))
		tx.Put(p)
		record(tx, by, dc.EventPoolMoved, p, "moved into "+dc.Describe(dc.KindResourcePool, to.Name))
		return nil
	})
}

// Delete removes a resource pool; its machines and child pools go to its parent, as with vSphere's Destroy. Kinds: NotFound,
// WrongState for a root pool, Exists where the parent has a pool with the name of one of its child pools. Privilege:
// PrivPoolDelete.
func (s *Service) Delete(ctx context.Context, by dc.Caller, id dc.ResourcePoolID) error {
	return guard.Change(ctx, s.store, by, func(tx *store.Tx) error { return s.DeleteIn(tx, by, id) })
}

// DeleteIn is Delete as a part of tx, and not guarded.
func (s *Service) DeleteIn(tx *store.Tx, by dc.Caller, id dc.ResourcePoolID) error {
	return s.changeIn(tx, by, dc.PrivPoolDelete, id, func(tx *store.Tx, p *dc.ResourcePool) error {
		v := tx.View()
		if _, err := s.decide(tx, id); err != nil {
			return err
		}
		for child := range store.Children[*dc.ResourcePool](v, dc.ID(id)) {
			moved, err := store.Load[*dc.ResourcePool](tx, dc.ID(child.ID))
			if err != nil {
				return err
			}
			moved.Parent = p.Parent
			tx.Put(moved)
		}
		for vm := range store.List[*dc.VirtualMachine](v) {
			if vm.Spec.Pool != id {
				continue
			}
			moved, err := store.Load[*dc.VirtualMachine](tx, dc.ID(vm.ID))
			if err != nil {
				return err
			}
			moved.Spec.Pool = dc.ResourcePoolID(p.Parent)
			tx.Put(moved)
		}
		tx.Exists(p.Parent)
		tx.Delete(p)
		record(tx, by, dc.EventPoolRemoved, p, "removed; what was in it is in the pool that it was in")
		return nil
	})
}

// change is changeIn in a transaction of its own.
func (s *Service) change(ctx context.Context, by dc.Caller, privilege dc.Privilege, id dc.ResourcePoolID, fn func(*store.Tx, *dc.ResourcePool) error) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return s.changeIn(tx, by, privilege, id, fn) })
}

// changeIn runs fn with a copy of a pool that is no root pool, where the caller has the privilege.
func (s *Service) changeIn(tx *store.Tx, by dc.Caller, privilege dc.Privilege, id dc.ResourcePoolID, fn func(*store.Tx, *dc.ResourcePool) error) error {
	if err := s.access.Authorize(by, privilege, dc.ID(id)); err != nil {
		return err
	}
	p, err := store.Load[*dc.ResourcePool](tx, dc.ID(id))
	if err != nil {
		return err
	}
	if p.Root() {
		return dc.Errorf(dc.WrongState, "it is a cluster's root pool, which is all that its hosts guarantee").
			On(dc.Describe(dc.KindResourcePool, p.Name)).Fix("make a pool in it")
	}
	return onNew(p.Name, fn(tx, p))
}

// onNew makes the pool of the name the object of an error that has none.
func onNew(name string, err error) error {
	if e, ok := err.(*dc.Error); ok {
		return e.On(dc.Describe(dc.KindResourcePool, name))
	}
	return err
}

func record(tx *store.Tx, by dc.Caller, typ dc.EventType, p *dc.ResourcePool, what string) {
	event.Add(tx, time.Now().UTC(), dc.Event{Type: typ, Target: dc.ID(p.ID), TargetName: p.Name, User: by.Name,
		Message: fmt.Sprintf("Resource pool %q was %s.", p.Name, what)})
}
