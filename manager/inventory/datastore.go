package inventory

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
)

// Datastores returns all datastores by name. They are shared and must not be changed. The errors are those of
// access.Service.Authorize.
func (s *Service) Datastores(by dc.Caller) ([]*dc.Datastore, error) {
	return list[*dc.Datastore](s, by)
}

// CreateDatastore makes a datastore in a data center, on one of its hosts; an empty type is LocalDatastore. The host makes
// the folder. Errors: Unauthenticated, Denied, Invalid for a name or spec that cannot be or a host elsewhere, NotFound
// without the data center or the host, Exists for a name or a path that is taken.
func (s *Service) CreateDatastore(ctx context.Context, by dc.Caller, datacenter dc.DatacenterID, name string, spec dc.DatastoreSpec) (*dc.Datastore, error) {
	object := dc.Describe(dc.KindDatastore, name)
	if err := s.access.Authorize(by, dc.PrivDatastoreCreate, dc.ID(spec.Host)); err != nil {
		return nil, err
	}
	if spec.Type == "" {
		spec.Type = dc.LocalDatastore
	}
	if err := dc.CheckName(dc.KindDatastore, name); err != nil {
		return nil, err
	}
	if err := dc.CheckDatastore(name, spec); err != nil {
		return nil, err
	}
	ds := &dc.Datastore{ID: dc.DatastoreID(newID(dc.KindDatastore)), Spec: spec}
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		v := tx.View()
		d, err := store.Get[*dc.Datacenter](v, dc.ID(datacenter))
		if err != nil {
			return err
		}
		host, err := store.Get[*dc.Host](v, dc.ID(spec.Host))
		if err != nil {
			return err
		}
		if !within(v, host, dc.ID(d.ID)) {
			return dc.Errorf(dc.Invalid, "%s is not in %s", dc.Describe(dc.KindHost, host.Name), dc.Describe(dc.KindDatacenter, d.Name)).
				On(object).Fix("choose a host of that data center")
		}
		if holder, ok := store.Claimed(v, dc.PathClaim(spec)); ok {
			return &dc.Error{Kind: dc.Exists, Object: object, Message: spec.Path + " on " + dc.Describe(dc.KindHost, host.Name) +
				" is " + describe(v, holder) + " already", Remedy: "choose another path"}
		}
		tx.Exists(dc.ID(spec.Host))
		ds.Meta = newMeta(name, dc.ID(d.DatastoreFolder))
		created(tx, by, dc.EventDatastoreCreated, ds)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ds, nil
}

// DeleteDatastore removes a datastore from the inventory; its files stay where they are. Errors: Unauthenticated, Denied,
// NotFound, WrongState while virtual machines are on it.
func (s *Service) DeleteDatastore(ctx context.Context, by dc.Caller, id dc.DatastoreID) error {
	if err := s.access.Authorize(by, dc.PrivDatastoreDelete, dc.ID(id)); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error { return deleteDatastore(tx, by, id) })
}

func deleteDatastore(tx *store.Tx, by dc.Caller, id dc.DatastoreID) error {
	ds, err := store.Load[*dc.Datastore](tx, dc.ID(id))
	if err != nil {
		return err
	}
	return removed(tx, by, dc.EventDatastoreRemoved, ds,
		machines(tx.View(), func(spec *dc.VirtualMachineSpec) bool { return spec.Datastore == id }))
}
