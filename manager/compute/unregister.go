package compute

import (
	"cmp"
	"context"
	"fmt"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

const unregisterType = "VirtualMachine.unregister"

// Unregister starts the task that removes a machine from the inventory and leaves its files as they are, for this data center or
// another one, or ESXi, to register. A template is unregistered, too. Kinds: NotFound, WrongState for a machine that has power or memory,
// or whose files are being made, Conflict while another task works on it, Unavailable while its host is away, Unsupported where its host's
// program is too old. Privilege: PrivVMUnregister.
func (s *Service) Unregister(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) (*dc.Task, error) {
	vm, err := s.authorized(by, dc.PrivVMUnregister, id)
	if err != nil {
		return nil, err
	}
	if err := s.admitUnregister(s.store.View(), vm); err != nil {
		return nil, err
	}
	// A host that can't read a machine out of its files can't let go of one: it would never answer.
	config := dc.FileRef{Datastore: vm.Spec.Datastore, Path: vm.Spec.Folder + "/" + cmp.Or(vm.Spec.Config, vm.Spec.Folder+".vmx")}
	if _, err := s.describe(ctx, vm.Spec.Host, config); dc.KindOf(err) == dc.Unsupported || dc.KindOf(err) == dc.Unavailable {
		return nil, on(err, hostName(s.store.View(), vm.Spec.Host))
	}
	return s.submit(ctx, func(tx *store.Tx) (*dc.Task, error) {
		vm, err := store.Get[*dc.VirtualMachine](tx.View(), dc.ID(id))
		if err != nil {
			return nil, err
		}
		submitted, err := s.tasks.Submit(tx, by, unregisterType, vm, taskArgs{})
		if err != nil {
			return nil, err
		}
		return submitted, s.admitUnregister(tx.View(), vm)
	})
}

// admitUnregister lets machines go whose files are lost: their hosts find nothing to let go of.
func (s *Service) admitUnregister(v *store.View, vm *dc.VirtualMachine) error {
	if vm.Status.Files != dc.FilesMissing || vm.HasPower() {
		if err := dc.CheckAtRest(vm); err != nil {
			return err
		}
	}
	return s.checkConnected(v, vm.Spec.Host)
}

// unregisterDefinition removes a machine from the inventory. That its host lets go of it is never taken back, since it may have begun.
func (s *Service) unregisterDefinition() task.Definition {
	return task.Definition{Type: unregisterType, Steps: []task.Step{
		{Name: "mark it unregistered", Do: func(_ context.Context, r *task.Run) error {
			r.Finish(func(tx *store.Tx, t *dc.Task) error { return s.releaseVM(tx, t, s.admitUnregister) })
			return nil
		}},
		{Name: "let go of the files", Final: true, Do: func(ctx context.Context, r *task.Run) error { return s.forgetReleased(ctx, r, true) }},
	}}
}

// releaseVM asks the host to let go of the machine, if admit has no objection.
func (s *Service) releaseVM(tx *store.Tx, t *dc.Task, admit func(*store.View, *dc.VirtualMachine) error) error {
	vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
	if err != nil || vm.Spec.Released {
		return err
	}
	if err := admit(tx.View(), vm); err != nil {
		return err
	}
	vm.Spec.Released = true
	tx.Put(vm)
	return nil
}

// unregisterVM takes a registration back, whatever there is of it by now.
func (s *Service) unregisterVM(ctx context.Context, r *task.Run) error {
	err := r.Change(ctx, func(tx *store.Tx) error {
		return s.releaseVM(tx, r.Task(), func(*store.View, *dc.VirtualMachine) error { return nil })
	})
	if err != nil {
		return err
	}
	return s.forgetReleased(ctx, r, false)
}

// forgetReleased waits until the host has let go of a machine, however long it is away, and then deletes the object.
func (s *Service) forgetReleased(ctx context.Context, r *task.Run, announce bool) error {
	return s.forget(ctx, r, announce, farewell{
		doing: "letting go of the files",
		done:  func(vm *dc.VirtualMachine) bool { return vm.Status.Files.Gone() },
		said: func(v *store.View, vm *dc.VirtualMachine) string {
			return fmt.Sprintf("unregistered; its files are in %s", s.folderOf(v, vm))
		},
	})
}

// folderOf returns where a machine's files are, as vSphere writes it.
func (s *Service) folderOf(v *store.View, vm *dc.VirtualMachine) string {
	name := string(vm.Spec.Datastore)
	if ds, err := store.Get[*dc.Datastore](v, dc.ID(vm.Spec.Datastore)); err == nil {
		name = ds.Name
	}
	return dc.FormatFileRef(name, vm.Spec.Folder)
}
