package vsphere

import (
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

func init() {
	const on = "ManagedEntity"
	register(map[string]method{
		"Destroy_Task": helping(changing(on, (*call).destroy)),
	})
}

// helping lets a method be carried out even if the audit log can't be written: it helps against a full disk.
func helping(m method) method {
	m.helps = true
	return m
}

// target returns the object of the inventory that a method is called of, if it is of the kind.
func (c *call) target(ref types.ManagedObjectReference, kinds ...dc.Kind) (dc.ID, error) {
	id := dc.ID(ref.Value)
	for _, k := range kinds {
		if id.Kind() == k {
			return id, nil
		}
	}
	return "", faultf(&types.ManagedObjectNotFound{Obj: ref}, "The object %q has already been deleted or has not been completely created.", ref.Value)
}

// taskRef returns the reference of a task that has been started.
func taskRef(t *dc.Task, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return types.ManagedObjectReference{Type: "Task", Value: string(t.ID)}, nil
}

func (c *call) destroy(r *types.Destroy_Task) (any, error) {
	id, err := c.target(r.This, dc.KindVirtualMachine)
	if err != nil {
		return nil, faultf(&types.NotSupported{}, "a %s can't be destroyed over this API yet", r.This.Type)
	}
	return taskRef(c.Machines.Delete(c.ctx, c.by, dc.VirtualMachineID(id)))
}
