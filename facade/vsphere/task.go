package vsphere

import (
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

func init() {
	register(map[string]method{"CancelTask": helping(changing("Task", (*call).cancelTask))})
}

func (c *call) cancelTask(r *types.CancelTask) (any, error) {
	id, err := c.target(r.This, dc.KindTask)
	if err != nil {
		return nil, err
	}
	return nil, c.Tasks.Cancel(c.ctx, c.by, dc.TaskID(id))
}
