package compute

import (
	"context"
	"slices"
	"time"

	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/store"
)

// powerType returns the type of an operation's task.
func powerType(op dc.PowerOp) string { return "VirtualMachine." + string(op) }

// Power starts a power operation. timeout bounds the guest's part of ShutdownGuest and RebootGuest, and 0 is
// dc.GuestTimeout; the other operations take none. Kinds: NotFound, Invalid for an unknown operation or a bad timeout,
// WrongState as dc.CheckPower says, Conflict while another task works on the machine, Unavailable while its host is away,
// Exhausted where its host or its resource pool lacks what powering it on takes. Privilege: op.Privilege().
func (s *Service) Power(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, op dc.PowerOp, timeout time.Duration) (*dc.Task, error) {
	return s.submit(ctx, func(tx *store.Tx) (*dc.Task, error) { return s.PowerIn(tx, by, id, op, timeout) })
}

// PowerIn is Power as a part of tx.
func (s *Service) PowerIn(tx *store.Tx, by dc.Caller, id dc.VirtualMachineID, op dc.PowerOp, timeout time.Duration) (*dc.Task, error) {
	if _, err := s.authorized(by, op.Privilege(), id); err != nil {
		return nil, err
	}
	guest := op == dc.ShutdownGuest || op == dc.RebootGuest
	switch {
	case !slices.Contains(dc.PowerOps(), op):
		return nil, dc.Errorf(dc.Invalid, "no power operation %q", op).Fix("choose one of %q", dc.PowerOps())
	case timeout < 0 || timeout > 0 && !guest:
		return nil, dc.Errorf(dc.Invalid, "timeout: %s is no time for the guest to %s", timeout, op).
			Fix("give a time above zero with shutdownGuest and rebootGuest only")
	case guest && timeout == 0:
		timeout = dc.GuestTimeout
	}
	vm, err := store.Get[*dc.VirtualMachine](tx.View(), dc.ID(id))
	if err != nil {
		return nil, err
	}
	// The host is connected, or the request is refused: there is nothing to wait for before it is asked.
	return s.tasks.SubmitBegun(tx, by, powerType(op), vm, taskArgs{Power: &powerArgs{Op: op, Timeout: timeout}}, s.requestPower)
}

// admitPower returns nil where the operation may be asked of the machine's host now.
func (s *Service) admitPower(v *store.View, vm *dc.VirtualMachine, op dc.PowerOp) error {
	if err := dc.CheckPower(vm, op); err != nil {
		return err
	}
	if err := s.checkConnected(v, vm.Spec.Host); err != nil {
		return err
	}
	if err := s.checkExecutes(v, vm); err != nil {
		return err
	}
	if op != dc.PowerOn {
		return nil
	}
	host, err := store.Get[*dc.Host](v, dc.ID(vm.Spec.Host))
	if err != nil {
		return err
	}
	if err := host.CheckService(); err != nil {
		return on(err, dc.Describe(dc.KindHost, host.Name))
	}
	return checkHost(v, host, vm)
}

// checkHost returns an error of kind Exhausted where the host can't hold the machine besides the others with power on it.
func checkHost(v *store.View, host *dc.Host, vm *dc.VirtualMachine) error {
	return on(dc.AdmitOnHost(vm, host.Status, takenOf(v, host, vm.ID)), dc.Describe(dc.KindHost, host.Name))
}

// takenOf returns what the machines with power on a host take of it, without one of them.
func takenOf(v *store.View, host *dc.Host, without dc.VirtualMachineID) (taken dc.Amount) {
	for o := range store.OnHost(v, host.ID) {
		if o.ID != without && o.HasPower() {
			taken = taken.Plus(o.Taken(host.Status.Hypervisor.Accelerator))
		}
	}
	return taken
}

// record adds an event about the machine that the task t caused.
func record(tx *store.Tx, t *dc.Task, vm *dc.VirtualMachine, typ dc.EventType, what string) {
	now := time.Now().UTC()
	event.Add(tx, now, dc.Event{Type: typ, Target: dc.ID(vm.ID), TargetName: vm.Name, User: t.User, Task: t.ID,
		Message: describe(vm) + ": " + what})
}
