package inventory

import (
	"context"
	"slices"

	"hanok/dc"
	"hanok/manager/store"
)

// PortGroups returns all port groups by name. They are shared and must not be changed. The errors are those of
// access.Service.Authorize.
func (s *Service) PortGroups(by dc.Caller) ([]*dc.PortGroup, error) {
	return list[*dc.PortGroup](s, by)
}

// CreatePortGroup makes a port group in the network folder of a data center. Errors: Unauthenticated, Denied, Invalid for
// a name that cannot be, NotFound without the data center, Exists.
func (s *Service) CreatePortGroup(ctx context.Context, by dc.Caller, datacenter dc.DatacenterID, name string) (*dc.PortGroup, error) {
	folder, err := s.folderIn(by, dc.PrivNetworkCreate, datacenter, networkFolder)
	if err != nil {
		return nil, err
	}
	return s.CreatePortGroupIn(ctx, by, folder, name)
}

// CreatePortGroupIn is CreatePortGroup in any folder of networks. Invalid, too, for a folder of another type.
func (s *Service) CreatePortGroupIn(ctx context.Context, by dc.Caller, folder dc.FolderID, name string) (*dc.PortGroup, error) {
	if err := s.access.Authorize(by, dc.PrivNetworkCreate, dc.ID(folder)); err != nil {
		return nil, err
	}
	if err := dc.CheckName(dc.KindPortGroup, name); err != nil {
		return nil, err
	}
	var pg *dc.PortGroup
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		if err := checkHolds(tx.View(), folder, dc.FolderNetwork); err != nil {
			return err
		}
		pg = putPortGroup(tx, by, folder, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pg, nil
}

func putPortGroup(tx *store.Tx, by dc.Caller, folder dc.FolderID, name string) *dc.PortGroup {
	pg := &dc.PortGroup{ID: dc.PortGroupID(newID(dc.KindPortGroup)), Meta: newMeta(name, dc.ID(folder))}
	created(tx, by, dc.EventPortGroupCreated, pg)
	return pg
}

// DeletePortGroup removes a port group. Errors: Unauthenticated, Denied, NotFound, WrongState while virtual machines are
// connected to it.
func (s *Service) DeletePortGroup(ctx context.Context, by dc.Caller, id dc.PortGroupID) error {
	return s.delete(ctx, by, dc.KindPortGroup, dc.ID(id))
}

func deletePortGroup(tx *store.Tx, by dc.Caller, id dc.PortGroupID) error {
	pg, err := store.Load[*dc.PortGroup](tx, dc.ID(id))
	if err != nil {
		return err
	}
	return removed(tx, by, dc.EventPortGroupRemoved, pg, machines(tx.View(), func(spec *dc.VirtualMachineSpec) bool {
		return slices.ContainsFunc(spec.Hardware.NICs, func(n dc.NIC) bool { return n.PortGroup == id })
	}))
}
