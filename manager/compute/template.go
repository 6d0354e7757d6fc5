package compute

import (
	"context"
	"fmt"

	"hanok/dc"
	"hanok/manager/resource"
	"hanok/manager/store"
)

// MarkAsTemplate makes a template of a machine without power, which leaves its resource pool. A template is a success. Kinds: NotFound,
// WrongState as dc.CheckAtRest says, Conflict while a task works on the machine or reads it. Privilege: PrivMarkAsTemplate.
func (s *Service) MarkAsTemplate(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return s.MarkAsTemplateIn(tx, by, id) })
}

// MarkAsTemplateIn is MarkAsTemplate as a part of tx.
func (s *Service) MarkAsTemplateIn(tx *store.Tx, by dc.Caller, id dc.VirtualMachineID) error {
	if _, err := s.authorized(by, dc.PrivMarkAsTemplate, id); err != nil {
		return err
	}
	return s.remark(tx, id, true, func(tx *store.Tx, vm *dc.VirtualMachine) error {
		if err := dc.CheckAtRest(vm); err != nil {
			return err
		}
		vm.Spec.Pool = ""
		recordBy(tx, by, vm, dc.EventTask, "marked as a template")
		return nil
	})
}

// MarkAsVirtualMachine makes a machine of a template, in the resource pool, which "" leaves to be the root pool of its host's cluster. A
// machine that is no template is a success, and stays in its pool. Kinds: NotFound, Invalid for a pool of another cluster, WrongState
// while it is being deleted, Conflict while a task works on the template or reads it. Privileges: PrivMarkAsVM, and
// PrivAssignVMToPool on the resource pool.
func (s *Service) MarkAsVirtualMachine(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, pool dc.ResourcePoolID) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return s.MarkAsVirtualMachineIn(tx, by, id, pool) })
}

// MarkAsVirtualMachineIn is MarkAsVirtualMachine as a part of tx.
func (s *Service) MarkAsVirtualMachineIn(tx *store.Tx, by dc.Caller, id dc.VirtualMachineID, pool dc.ResourcePoolID) error {
	if _, err := s.authorized(by, dc.PrivMarkAsVM, id); err != nil {
		return err
	}
	if pool != "" {
		if err := s.access.Authorize(by, dc.PrivAssignVMToPool, dc.ID(pool)); err != nil {
			return err
		}
	}
	return s.remark(tx, id, false, func(tx *store.Tx, vm *dc.VirtualMachine) error {
		v := tx.View()
		own, err := defaultPool(v, CreateRequest{Host: vm.Spec.Host})
		if err != nil {
			return err
		}
		if pool == "" {
			if err := s.access.Authorize(by, dc.PrivAssignVMToPool, dc.ID(own)); err != nil {
				return err
			}
			pool = own
		}
		there, err := resource.ClusterOf(v, pool)
		if err != nil {
			return err
		}
		if there.RootPool != own {
			return dc.Errorf(dc.Invalid, "the resource pool %s is not of the cluster of its host", pool).
				Fix("choose one of the cluster of %s, or none", hostName(v, vm.Spec.Host))
		}
		chosen, err := store.Get[*dc.ResourcePool](v, dc.ID(pool))
		if err != nil {
			return err
		}
		tx.Exists(dc.ID(pool))
		vm.Spec.Pool = pool
		recordBy(tx, by, vm, dc.EventTask, fmt.Sprintf("marked as a virtual machine in %s", dc.Describe(dc.KindResourcePool, chosen.Name)))
		return nil
	})
}

// remark makes a template of a machine, or the other way round, by change, unless it is one.
func (s *Service) remark(tx *store.Tx, id dc.VirtualMachineID, template bool, change func(*store.Tx, *dc.VirtualMachine) error) error {
	vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(id))
	if err != nil || vm.Spec.Template == template {
		return err
	}
	if vm.Spec.Deleted {
		return dc.Errorf(dc.WrongState, "it is being deleted").On(describe(vm))
	}
	if err := s.tasks.CheckIdle(tx, vm); err != nil {
		return err
	}
	if err := change(tx, vm); err != nil {
		return on(err, describe(vm))
	}
	vm.Spec.Template = template
	tx.Put(vm)
	return nil
}
