package inventory

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
)

// renameable maps the kinds that Rename works on to the privilege it asks for.
var renameable = map[dc.Kind]dc.Privilege{
	dc.KindDatacenter:   dc.PrivDatacenterRename,
	dc.KindFolder:       dc.PrivFolderRename,
	dc.KindCluster:      dc.PrivClusterRename,
	dc.KindDatastore:    dc.PrivDatastoreRename,
	dc.KindPortGroup:    dc.PrivNetworkCreate,
	dc.KindResourcePool: dc.PrivPoolRename,
}

// Rename gives an object another name; its ID, and the path of a datastore, stay. Giving it the name that it has does
// nothing. Errors: Unauthenticated, Denied, NotFound, Invalid for a name that cannot be, Exists, WrongState for the root
// folder and the folders that belong to a data center, Unsupported for objects of other kinds (virtual machines are
// renamed by package compute).
func (s *Service) Rename(ctx context.Context, by dc.Caller, id dc.ID, name string) error {
	kind := id.Kind()
	privilege, ok := renameable[kind]
	if !ok {
		privilege = dc.PrivDatacenterCreate // whoever may not do that learns nothing else
	}
	if err := s.access.Authorize(by, privilege, id); err != nil {
		return err
	}
	if !ok {
		return dc.Errorf(dc.Unsupported, "it keeps its name").On(dc.Describe(kind, string(id)))
	}
	if err := dc.CheckName(kind, name); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		o, err := named[kind].load(tx, id)
		if err != nil {
			return err
		}
		switch o := o.(type) {
		case *dc.Folder:
			if err := CheckOwn(tx.View(), o); err != nil {
				return err
			}
		case *dc.ResourcePool:
			if o.Root() {
				return dc.Errorf(dc.WrongState, "it is a cluster's root pool").On(dc.Describe(kind, o.Name)).Fix("rename the cluster, or a pool in it")
			}
		}
		if o.Metadata().Name == name {
			return nil
		}
		o.Metadata().Name = name
		tx.Put(o)
		return nil
	})
}
