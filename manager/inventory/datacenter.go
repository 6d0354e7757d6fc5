package inventory

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
)

// Datacenters returns all data centers by name. They are shared and must not be changed. The errors are those of
// access.Service.Authorize.
func (s *Service) Datacenters(by dc.Caller) ([]*dc.Datacenter, error) {
	return list[*dc.Datacenter](s, by)
}

// CreateDatacenter makes a data center with its four folders in the root folder. Errors: Unauthenticated, Denied, Invalid
// for a name that cannot be, Exists.
func (s *Service) CreateDatacenter(ctx context.Context, by dc.Caller, name string) (*dc.Datacenter, error) {
	return s.CreateDatacenterIn(ctx, by, dc.RootFolder, name)
}

// CreateDatacenterIn is CreateDatacenter in any folder of data centers. Invalid, too, for a folder of another type.
func (s *Service) CreateDatacenterIn(ctx context.Context, by dc.Caller, folder dc.FolderID, name string) (*dc.Datacenter, error) {
	if err := s.access.Authorize(by, dc.PrivDatacenterCreate, dc.ID(folder)); err != nil {
		return nil, err
	}
	if err := dc.CheckName(dc.KindDatacenter, name); err != nil {
		return nil, err
	}
	var d *dc.Datacenter
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		if err := checkHolds(tx.View(), folder, dc.FolderDatacenter); err != nil {
			return err
		}
		d = putDatacenter(tx, by, folder, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func putDatacenter(tx *store.Tx, by dc.Caller, parent dc.FolderID, name string) *dc.Datacenter {
	d := &dc.Datacenter{
		ID:   dc.DatacenterID(newID(dc.KindDatacenter)),
		Meta: newMeta(name, dc.ID(parent)),
	}
	folder := func(typ dc.FolderType) dc.FolderID {
		f := &dc.Folder{ID: dc.FolderID(newID(dc.KindFolder)), Meta: newMeta(string(typ), dc.ID(d.ID)), Type: typ}
		tx.Put(f)
		return f.ID
	}
	// The names are those of a vCenter, which every tool expects in paths.
	d.VMFolder = folder(dc.FolderVM)
	d.HostFolder = folder(dc.FolderHost)
	d.DatastoreFolder = folder(dc.FolderDatastore)
	d.NetworkFolder = folder(dc.FolderNetwork)
	created(tx, by, dc.EventDatacenterCreated, d)
	return d
}

// DeleteDatacenter removes a data center and its four folders. Errors: Unauthenticated, Denied, NotFound, WrongState
// while anything is in the folders.
func (s *Service) DeleteDatacenter(ctx context.Context, by dc.Caller, id dc.DatacenterID) error {
	return s.delete(ctx, by, dc.KindDatacenter, dc.ID(id))
}

func deleteDatacenter(tx *store.Tx, by dc.Caller, id dc.DatacenterID) error {
	d, err := store.Load[*dc.Datacenter](tx, dc.ID(id))
	if err != nil {
		return err
	}
	folders := []dc.ID{dc.ID(d.VMFolder), dc.ID(d.HostFolder), dc.ID(d.DatastoreFolder), dc.ID(d.NetworkFolder)}
	for _, id := range folders {
		f, err := store.Load[*dc.Folder](tx, id)
		if err != nil {
			return err
		}
		tx.Delete(f)
	}
	return removed(tx, by, dc.EventDatacenterRemoved, d, below(tx.View(), folders...))
}
