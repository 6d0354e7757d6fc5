package vsphere

import (
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

func init() {
	const on = "Folder"
	register(map[string]method{
		"CreateFolder":     changing(on, (*call).createFolder),
		"CreateDatacenter": changing(on, (*call).createDatacenter),
	})
}

func (c *call) createFolder(r *types.CreateFolder) (any, error) {
	id, err := c.target(r.This, dc.KindFolder)
	if err != nil {
		return nil, err
	}
	c.objects["name"] = r.Name
	f, err := c.Inventory.CreateFolder(c.ctx, c.by, dc.FolderID(id), r.Name)
	if err != nil {
		return nil, err
	}
	return types.ManagedObjectReference{Type: "Folder", Value: string(f.ID)}, nil
}

func (c *call) createDatacenter(r *types.CreateDatacenter) (any, error) {
	id, err := c.target(r.This, dc.KindFolder)
	if err != nil {
		return nil, err
	}
	c.objects["name"] = r.Name
	d, err := c.Inventory.CreateDatacenterIn(c.ctx, c.by, dc.FolderID(id), r.Name)
	if err != nil {
		return nil, err
	}
	return types.ManagedObjectReference{Type: "Datacenter", Value: string(d.ID)}, nil
}
