package vsphere

import (
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

func init() {
	const on = "VirtualMachine"
	power := func(op dc.PowerOp, ref types.ManagedObjectReference, c *call) (*dc.Task, error) {
		id, err := c.target(ref, dc.KindVirtualMachine)
		if err != nil {
			return nil, err
		}
		return c.Machines.Power(c.ctx, c.by, dc.VirtualMachineID(id), op, 0)
	}
	register(map[string]method{
		"PowerOnVM_Task":  changing(on, func(c *call, r *types.PowerOnVM_Task) (any, error) { return taskRef(power(dc.PowerOn, r.This, c)) }),
		"PowerOffVM_Task": helping(changing(on, func(c *call, r *types.PowerOffVM_Task) (any, error) { return taskRef(power(dc.PowerOff, r.This, c)) })),
		"ResetVM_Task":    changing(on, func(c *call, r *types.ResetVM_Task) (any, error) { return taskRef(power(dc.Reset, r.This, c)) }),
		"SuspendVM_Task":  changing(on, func(c *call, r *types.SuspendVM_Task) (any, error) { return taskRef(power(dc.Suspend, r.This, c)) }),
		"ShutdownGuest":   changing(on, func(c *call, r *types.ShutdownGuest) (any, error) { return nothing(power(dc.ShutdownGuest, r.This, c)) }),
		"RebootGuest":     changing(on, func(c *call, r *types.RebootGuest) (any, error) { return nothing(power(dc.RebootGuest, r.This, c)) }),
	})
}

// nothing is the answer of a method that only asks for something.
func nothing(_ *dc.Task, err error) (any, error) { return nil, err }
