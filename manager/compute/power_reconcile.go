package compute

import (
	"context"
	"time"

	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/store"
	"hanok/manager/task"
)

// lookEvery is how often the reconcilers look without a reason.
const lookEvery = time.Minute

// powerReconciler follows machines that lost their power without being asked to: it makes a power-off the last request, so
// that nobody starts them again, and records why. A machine that has power though nothing was asked of it, after a restore or
// its adoption, is written down as one that was powered on: from then on it is known when it loses it. A machine that a task
// works on is left alone until the task has ended, for the task waits for the outcome of its own request.
func (s *Service) powerReconciler() task.Reconciler {
	return task.Reconciler{
		Name:  "power",
		Every: lookEvery,
		Concerns: func(c store.Change) bool {
			switch o := c.Object.(type) {
			case *dc.VirtualMachine:
				return lostPower(o) || foundOn(o)
			case *dc.Task: // what it has left alone may be for this now
				vm, err := store.Get[*dc.VirtualMachine](s.store.View(), o.Target)
				return o.Done() && err == nil && (lostPower(vm) || foundOn(vm))
			}
			return false
		},
		Reconcile: s.followPower,
	}
}

func (s *Service) followPower(ctx context.Context) error {
	for vm := range store.List[*dc.VirtualMachine](s.store.View()) {
		if !lostPower(vm) && !foundOn(vm) {
			continue
		}
		err := s.store.Change(ctx, func(tx *store.Tx) error {
			vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(vm.ID))
			if dc.KindOf(err) == dc.NotFound {
				return nil
			}
			if err != nil {
				return err
			}
			if _, busy := store.Claimed(tx.View(), dc.TaskClaim(dc.ID(vm.ID))); busy {
				return nil
			}
			if foundOn(vm) {
				vm.Spec.Power.Op = dc.PowerOn // of a generation that was carried out already
				tx.Put(vm)
				return nil
			}
			if !lostPower(vm) {
				return nil
			}
			e := dc.Event{Type: dc.EventVMPoweredOff, Target: dc.ID(vm.ID), TargetName: vm.Name,
				Message: describe(vm) + ": powered off by its guest"}
			if fault := vm.Status.Fault; fault != nil {
				e.Type, e.Message = dc.EventVMFault, describe(vm)+": lost its power: "+fault.Message
			}
			event.Add(tx, time.Now().UTC(), e)
			vm.Spec.Power = vm.NextPower(dc.PowerOff, 0)
			tx.Put(vm)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lostPower reports whether the machine is off although the last request, which its host has carried out, left it on.
func lostPower(vm *dc.VirtualMachine) bool {
	request, status := vm.Spec.Power, vm.Status
	if vm.Spec.Deleted || status.Power != dc.PoweredOff || request.Generation == 0 || status.Outcome.Generation != request.Generation {
		return false
	}
	switch request.Op {
	case dc.PowerOn, dc.Reset, dc.RebootGuest:
		return true
	}
	return status.Outcome.Failure != nil // it was to lose its power, and kept it at that time
}

// foundOn reports whether the machine has power and its last request, which its host has carried out, was to do nothing.
func foundOn(vm *dc.VirtualMachine) bool {
	request, status := vm.Spec.Power, vm.Status
	return request.Op == "" && request.Generation != 0 && status.Outcome.Generation == request.Generation &&
		status.Power == dc.PoweredOn && !vm.Spec.Deleted
}
