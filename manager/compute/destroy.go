package compute

import (
	"context"

	"hanok/dc"
	"hanok/manager/guard"
	"hanok/manager/store"
	"hanok/manager/task"
)

const destroyType = "VirtualMachine.destroy"

// Delete starts the task that deletes a machine and its files. Kinds: NotFound, WrongState for a machine that has power,
// Conflict while another task works on it, Unavailable while its host is away; and those of guard.Change. Privilege: PrivVMDelete.
func (s *Service) Delete(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) (*dc.Task, error) {
	var submitted *dc.Task
	err := guard.Change(ctx, s.store, by, func(tx *store.Tx) (err error) {
		submitted, err = s.DeleteIn(tx, by, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return submitted, nil
}

// DeleteIn is Delete as a part of tx, and not guarded.
func (s *Service) DeleteIn(tx *store.Tx, by dc.Caller, id dc.VirtualMachineID) (*dc.Task, error) {
	if _, err := s.authorized(by, dc.PrivVMDelete, id); err != nil {
		return nil, err
	}
	vm, err := store.Get[*dc.VirtualMachine](tx.View(), dc.ID(id))
	if err != nil {
		return nil, err
	}
	submitted, err := s.tasks.Submit(tx, by, destroyType, vm, taskArgs{})
	if err != nil {
		return nil, err
	}
	return submitted, s.admitDelete(tx.View(), vm)
}

func (s *Service) admitDelete(v *store.View, vm *dc.VirtualMachine) error {
	if vm.Status.Power == dc.PoweredOn {
		return &dc.Error{Kind: dc.WrongState, Object: describe(vm), Message: "it is powered on", Remedy: "power it off first"}
	}
	if err := s.checkConnected(v, vm.Spec.Host); err != nil {
		return err
	}
	return s.checkExecutes(v, vm)
}

// destroyDefinition deletes a machine. The tombstone is the point of no return: it is never taken back, since the host
// may have begun.
func (s *Service) destroyDefinition() task.Definition {
	return task.Definition{Type: destroyType, Steps: []task.Step{
		{Name: "mark it deleted", Do: s.buryVM},
		{Name: "remove the files", Final: true, Do: func(ctx context.Context, r *task.Run) error { return s.forgetVM(ctx, r, true) }},
	}}
}

func (s *Service) buryVM(ctx context.Context, r *task.Run) error {
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err != nil {
			return err
		}
		if err := s.admitDelete(tx.View(), vm); err != nil {
			return err
		}
		vm.Spec.Deleted = true
		tx.Put(vm)
		return nil
	})
	return awaitHost(ctx, r, func(_ *store.View, vm *dc.VirtualMachine) bool { return s.hosts.Connected(vm.Spec.Host) })
}

// forgetVM waits until the host has removed the files of a machine with a tombstone, if it has a host at all, and then
// deletes the object. Nothing is left to do where the object is gone.
func (s *Service) forgetVM(ctx context.Context, r *task.Run, announce bool) error {
	return s.forget(ctx, r, announce, farewell{
		doing: "removing the files",
		done:  func(vm *dc.VirtualMachine) bool { return vm.Spec.Host == "" || vm.Status.Files == dc.FilesRemoved },
		said:  func(*store.View, *dc.VirtualMachine) string { return "deleted with its files" },
	})
}

// farewell is a way in which a machine goes.
type farewell struct {
	// doing is what its host does meanwhile, and done whether it has.
	doing string
	done  func(*dc.VirtualMachine) bool
	// said is what the event of it says.
	said func(*store.View, *dc.VirtualMachine) string
}

// forget waits until the host has done its part, however long it is away, and then deletes the object of the task, with an event where
// that is announced.
func (s *Service) forget(ctx context.Context, r *task.Run, announce bool, f farewell) error {
	vm, err := store.Get[*dc.VirtualMachine](r.View(), r.Task().Target)
	if err != nil {
		return err
	}
	r.ProgressFrom(func() (int, string) {
		if obstacle := s.obstacle(vm); obstacle != "" {
			return 50, obstacle
		}
		if vm, err := store.Get[*dc.VirtualMachine](s.store.View(), dc.ID(vm.ID)); err == nil && vm.Status.FilesFailure != nil {
			return 50, f.doing + ": " + vm.Status.FilesFailure.Err().Error()
		}
		return 50, f.doing
	})
	err = r.Wait(ctx, func(v *store.View) (bool, error) {
		vm, err := store.Get[*dc.VirtualMachine](v, r.Task().Target)
		return err == nil && f.done(vm), err
	})
	if err != nil {
		return err
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err != nil {
			return err
		}
		tx.Delete(vm)
		if announce {
			record(tx, t, vm, dc.EventVMRemoved, f.said(tx.View(), vm))
		}
		return nil
	})
	return nil
}
