package compute

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

// cloneArgs are the arguments of a clone, besides those of every new machine.
type cloneArgs struct {
	Source     dc.VirtualMachineID `json:"source"`
	SourceName string              `json:"sourceName"`
	// Host is the source's.
	Host dc.HostID `json:"host"`
	// Deploy says that the source is a template, and Template that the copy is to be one.
	Deploy   bool `json:"deploy,omitempty"`
	Template bool `json:"template,omitempty"`
}

// events returns what is recorded when the copy begins, and when it is there.
func (a cloneArgs) events() (begun, done dc.EventType) {
	if a.Deploy {
		return dc.EventVMBeingDeployed, dc.EventVMDeployed
	}
	return dc.EventVMBeingCloned, dc.EventVMCloned
}

// cloneDefinition makes a machine whose object Clone has stored already, as createDefinition does. The host copies the disks: it does so as
// long as the machine has their sources, and has a disk as a whole or not at all.
func (s *Service) cloneDefinition() task.Definition {
	return task.Definition{Type: cloneType, Steps: append([]task.Step{
		{Name: "choose a place", Do: s.placeClone, Undo: s.removeVM},
		{Name: "copy the disks", Do: s.awaitCopy},
	}, s.powerSteps()...)}
}

// placeClone is placeVM, and empties the drives whose media the host does not reach.
func (s *Service) placeClone(ctx context.Context, r *task.Run) error {
	return s.placeWith(ctx, r, func(v *store.View, vm *dc.VirtualMachine) {
		h := &vm.Spec.Hardware
		drives := h.Drives
		h.Drives = nil
		for _, d := range drives {
			ds, err := store.Get[*dc.Datastore](v, dc.ID(d.Media.Datastore))
			if d.Media != (dc.Media{}) && (err != nil || !ds.Spec.ReachedBy(vm.Spec.Host)) {
				d.Media, d.Connected = dc.Media{}, false
			}
			h.Drives = append(h.Drives, d)
		}
	})
}

// awaitCopy waits until the host has copied the disks. From then on the machine has nothing to do with its source.
func (s *Service) awaitCopy(ctx context.Context, r *task.Run) error {
	return s.awaitMade(ctx, r, "copying the disks", func(tx *store.Tx, t *dc.Task, vm *dc.VirtualMachine, args *taskArgs) {
		vm.Spec.Variables = ""
		for i := range vm.Spec.Hardware.Disks {
			vm.Spec.Hardware.Disks[i].Image = ""
		}
		if args.Clone.Template {
			vm.Spec.Template, vm.Spec.Pool = true, ""
		}
		_, done := args.Clone.events()
		record(tx, t, vm, done, "made of "+dc.Describe(dc.KindVirtualMachine, args.Clone.SourceName)+" on "+hostName(tx.View(), vm.Spec.Host))
	})
}
