package compute

import (
	"context"
	"time"

	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/store"
	"hanok/manager/task"
)

// pauseReconciler records that guests stand still because of their datastore, and that they run on. The events
// themselves say what was recorded already, so none is lost and none comes twice when the manager crashes.
func (s *Service) pauseReconciler() task.Reconciler {
	return task.Reconciler{
		Name:  "pause",
		Every: lookEvery,
		Concerns: func(c store.Change) bool {
			now, _ := c.Object.(*dc.VirtualMachine)
			old, _ := c.Old.(*dc.VirtualMachine)
			was := old != nil && old.Status.Paused != nil
			return now != nil && was != (now.Status.Paused != nil)
		},
		Reconcile: s.recordPauses,
	}
}

func (s *Service) recordPauses(ctx context.Context) error {
	v := s.store.View()
	recorded := pausesIn(v)
	for vm := range store.List[*dc.VirtualMachine](v) {
		paused := vm.Status.Paused != nil
		if vm.Status.Power != dc.PoweredOn || paused == recorded[dc.ID(vm.ID)] {
			continue
		}
		err := s.store.Change(ctx, func(tx *store.Tx) error {
			e := dc.Event{Type: dc.EventVMResumed, Target: dc.ID(vm.ID), TargetName: vm.Name, Message: describe(vm) + ": runs on"}
			if paused {
				e.Type, e.Message = dc.EventVMPaused, describe(vm)+": stands still: "+vm.Status.Paused.Err().Error()
			}
			event.Add(tx, time.Now().UTC(), e)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pausesIn returns the machines that stand still according to their last event.
func pausesIn(v *store.View) map[dc.ID]bool {
	paused := map[dc.ID]bool{}
	for e := range store.List[*dc.Event](v) {
		switch e.Type {
		case dc.EventVMPaused:
			paused[e.Target] = true
		case dc.EventVMResumed, dc.EventVMPoweredOn, dc.EventVMPoweredOff, dc.EventVMSuspended, dc.EventVMFault:
			delete(paused, e.Target)
		}
	}
	return paused
}
