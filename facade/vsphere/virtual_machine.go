package vsphere

import (
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/facade/vsphere/model"
)

func init() {
	const on = "VirtualMachine"
	register(map[string]method{
		"PowerOnVM_Task":  changing(on, func(c *call, r *types.PowerOnVM_Task) (any, error) { return taskRef(c.power(r.This, dc.PowerOn)) }),
		"PowerOffVM_Task": helping(changing(on, func(c *call, r *types.PowerOffVM_Task) (any, error) { return taskRef(c.power(r.This, dc.PowerOff)) })),
		"ResetVM_Task":    changing(on, func(c *call, r *types.ResetVM_Task) (any, error) { return taskRef(c.power(r.This, dc.Reset)) }),
		"SuspendVM_Task":  changing(on, func(c *call, r *types.SuspendVM_Task) (any, error) { return taskRef(c.power(r.This, dc.Suspend)) }),
		"ShutdownGuest":   changing(on, func(c *call, r *types.ShutdownGuest) (any, error) { return nothing(c.power(r.This, dc.ShutdownGuest)) }),
		"RebootGuest":     changing(on, func(c *call, r *types.RebootGuest) (any, error) { return nothing(c.power(r.This, dc.RebootGuest)) }),
	})
}

// requested is the state that a machine is to be in after a power operation.
var requested = map[dc.PowerOp]types.VirtualMachinePowerState{
	dc.PowerOn: types.VirtualMachinePowerStatePoweredOn, dc.PowerOff: types.VirtualMachinePowerStatePoweredOff, dc.Reset: types.VirtualMachinePowerStatePoweredOn,
	dc.Suspend: types.VirtualMachinePowerStateSuspended, dc.ShutdownGuest: types.VirtualMachinePowerStatePoweredOff, dc.RebootGuest: types.VirtualMachinePowerStatePoweredOn,
}

// power starts a power operation. One that does not fit the machine's state is refused at once, where a vCenter's task would fail.
func (c *call) power(ref types.ManagedObjectReference, op dc.PowerOp) (*dc.Task, error) {
	id, err := c.target(ref, dc.KindVirtualMachine)
	if err != nil {
		return nil, err
	}
	t, err := c.Machines.Power(c.ctx, c.by, dc.VirtualMachineID(id), op, 0)
	if vm, ok := c.State.View().Object(id).(*dc.VirtualMachine); ok && dc.KindOf(err) == dc.WrongState {
		return nil, faultf(&types.InvalidPowerState{RequestedState: requested[op], ExistingState: model.PowerState(vm)}, "%s", c.message(err))
	}
	return t, err
}

// nothing is the answer of a method that only asks for something.
func nothing(_ *dc.Task, err error) (any, error) { return nil, err }
