package compute

import (
	"context"
	"time"

	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/resource"
	"hanok/manager/store"
)

// SetResources changes what a machine gets of CPU and memory. One with power gets it at once, where its host and its resource pool
// have what it reserves. Kinds: NotFound, Invalid for what dc.CheckMachineResources refuses, WrongState while it is being deleted,
// Exhausted where a reservation can't be had. Privilege: PrivVMResources.
func (s *Service) SetResources(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, change dc.ResourceChange) error {
	return s.reallocate(ctx, by, dc.PrivVMResources, id, func(tx *store.Tx, vm *dc.VirtualMachine) error {
		before := vm.Spec.Resources
		var err error
		if vm.Spec.Resources, err = change.Apply(before); err != nil {
			return err
		}
		if vm.Spec.Resources == before {
			return nil
		}
		if err := dc.CheckMachineResources(vm.Spec.Resources, vm.Spec.Hardware); err != nil {
			return err
		}
		if err := s.admitResources(tx, vm, before); err != nil {
			return err
		}
		tx.Put(vm)
		recordBy(tx, by, vm, dc.EventVMReallocated, "its CPU and memory were reallocated")
		return nil
	})
}

// admitResources returns nil where the machine, which had other resources before, may have those that its Spec says.
func (s *Service) admitResources(tx *store.Tx, vm *dc.VirtualMachine, before dc.ResourceConfig) error {
	if !vm.HasPower() {
		return nil
	}
	if vm.Spec.Resources.CPU.Reservation > before.CPU.Reservation { // a host gives all of the memory, reserved or not
		host, err := store.Load[*dc.Host](tx, dc.ID(vm.Spec.Host))
		if err != nil {
			return err
		}
		if err := checkHost(tx.View(), host, vm); err != nil {
			return err
		}
		tx.Put(host) // as whoever powers on does: see requestPower
	}
	return s.resources.AdmitMachine(tx, vm)
}

// MoveToPool puts a machine into another resource pool of its cluster. Kinds: NotFound, Invalid for a pool of another cluster,
// WrongState while it is being deleted, Exhausted where the pool lacks what a machine with power reserves. Privilege:
// PrivAssignVMToPool, on the machine and on the pool.
func (s *Service) MoveToPool(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, pool dc.ResourcePoolID) error {
	if err := s.access.Authorize(by, dc.PrivAssignVMToPool, dc.ID(pool)); err != nil {
		return err
	}
	return s.reallocate(ctx, by, dc.PrivAssignVMToPool, id, func(tx *store.Tx, vm *dc.VirtualMachine) error {
		v := tx.View()
		to, err := store.Get[*dc.ResourcePool](v, dc.ID(pool))
		if err != nil || vm.Spec.Pool == pool {
			return err
		}
		here, err := resource.ClusterOf(v, vm.Spec.Pool)
		if err != nil {
			return err
		}
		there, err := resource.ClusterOf(v, pool)
		if err != nil {
			return err
		}
		if here.ID != there.ID {
			return dc.Errorf(dc.Invalid, "%s is in %s", dc.Describe(dc.KindResourcePool, to.Name), dc.Describe(dc.KindCluster, there.Name)).
				Fix("choose a resource pool of %s", dc.Describe(dc.KindCluster, here.Name))
		}
		vm.Spec.Pool = pool
		if vm.HasPower() {
			if err := s.resources.AdmitMachine(tx, vm); err != nil {
				return err
			}
		}
		tx.Exists(dc.ID(pool))
		tx.Put(vm)
		recordBy(tx, by, vm, dc.EventVMPoolMoved, "moved into "+dc.Describe(dc.KindResourcePool, to.Name))
		return nil
	})
}

// reallocate runs fn with a copy of a machine that is not being deleted, where the caller has the privilege.
func (s *Service) reallocate(ctx context.Context, by dc.Caller, p dc.Privilege, id dc.VirtualMachineID, fn func(*store.Tx, *dc.VirtualMachine) error) error {
	if _, err := s.authorized(by, p, id); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(id))
		if err != nil {
			return err
		}
		if vm.Spec.Deleted {
			return dc.Errorf(dc.WrongState, "it is being deleted").On(describe(vm))
		}
		if err := dc.CheckNoTemplate(vm); err != nil {
			return err
		}
		return on(fn(tx, vm), describe(vm))
	})
}

// recordBy adds an event about the machine that a caller caused without a task.
func recordBy(tx *store.Tx, by dc.Caller, vm *dc.VirtualMachine, typ dc.EventType, what string) {
	event.Add(tx, time.Now().UTC(), dc.Event{Type: typ, Target: dc.ID(vm.ID), TargetName: vm.Name, User: by.Name,
		Message: describe(vm) + ": " + what})
}
