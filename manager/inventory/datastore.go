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

// CreateDatastore makes a datastore in a data center, on its hosts; an empty type is LocalDatastore. The hosts make the
// folder. Errors: Unauthenticated, Denied, Invalid for a name or spec that cannot be or a host elsewhere, NotFound
// without the data center or a host, Exists for a name or a path that is taken.
func (s *Service) CreateDatastore(ctx context.Context, by dc.Caller, datacenter dc.DatacenterID, name string, spec dc.DatastoreSpec) (*dc.Datastore, error) {
	folder := dc.FolderID("")
	if d, err := store.Get[*dc.Datacenter](s.store.View(), dc.ID(datacenter)); err == nil {
		folder = d.DatastoreFolder
	} else if denied := s.authorizeHosts(by, spec); denied != nil {
		return nil, denied
	} else {
		return nil, err
	}
	return s.CreateDatastoreIn(ctx, by, folder, name, spec)
}

// CreateDatastoreIn is CreateDatastore in any folder of datastores. Invalid, too, for a folder of another type.
func (s *Service) CreateDatastoreIn(ctx context.Context, by dc.Caller, folder dc.FolderID, name string, spec dc.DatastoreSpec) (*dc.Datastore, error) {
	if err := s.authorizeHosts(by, spec); err != nil {
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
		if err := checkHolds(tx.View(), folder, dc.FolderDatastore); err != nil {
			return err
		}
		for _, host := range spec.Hosts() {
			if err := checkHostOf(tx.View(), ds, host, folder, name); err != nil {
				return err
			}
			tx.Exists(dc.ID(host))
		}
		ds.Meta = newMeta(name, dc.ID(folder))
		created(tx, by, dc.EventDatastoreCreated, ds)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ds, nil
}

// authorizeHosts checks the privilege on every host that is to have a datastore.
func (s *Service) authorizeHosts(by dc.Caller, spec dc.DatastoreSpec) error {
	hosts := spec.Hosts()
	if len(hosts) == 0 {
		hosts = []dc.HostID{""} // which is not there, for anybody
	}
	for _, host := range hosts {
		if err := s.access.Authorize(by, dc.PrivDatastoreCreate, dc.ID(host)); err != nil {
			return err
		}
	}
	return nil
}

// checkHostOf refuses a host of another data center, a real one for a datastore that is simulated, and a path that is a
// datastore already.
func checkHostOf(v *store.View, ds *dc.Datastore, id dc.HostID, folder dc.FolderID, name string) error {
	object := dc.Describe(dc.KindDatastore, name)
	host, err := store.Get[*dc.Host](v, dc.ID(id))
	if err != nil {
		return err
	}
	described := dc.Describe(dc.KindHost, host.Name)
	home, _ := find(v, dc.ID(folder))
	for ok := true; ok && home.Kind() != dc.KindDatacenter; {
		home, ok = find(v, home.Metadata().Parent)
	}
	if home != nil && !within(v, host, home.Identity()) {
		return dc.Errorf(dc.Invalid, "%s is not in %s", described, dc.Describe(dc.KindDatacenter, home.Metadata().Name)).
			On(object).Fix("choose a host of that data center")
	}
	if ds.Spec.Type == dc.SimulatedDatastore && host.Status.Hypervisor.Name != dc.SimulatedHypervisor {
		return dc.Errorf(dc.Invalid, "%s is not simulated", described).On(object).Fix("choose simulated hosts")
	}
	if holder, ok := store.Claimed(v, dc.PathClaim(id, ds.Spec.Path)); ok {
		return &dc.Error{Kind: dc.Exists, Object: object, Message: ds.Spec.Path + " on " + described + " is " + describe(v, holder) + " already",
			Remedy: "choose another path"}
	}
	return nil
}

// DeleteDatastore removes a datastore from the inventory; its files stay where they are. Errors: Unauthenticated, Denied,
// NotFound, WrongState while virtual machines are on it.
func (s *Service) DeleteDatastore(ctx context.Context, by dc.Caller, id dc.DatastoreID) error {
	return s.delete(ctx, by, dc.KindDatastore, dc.ID(id))
}

func deleteDatastore(tx *store.Tx, by dc.Caller, id dc.DatastoreID) error {
	ds, err := store.Load[*dc.Datastore](tx, dc.ID(id))
	if err != nil {
		return err
	}
	return removed(tx, by, dc.EventDatastoreRemoved, ds,
		machines(tx.View(), func(spec *dc.VirtualMachineSpec) bool { return spec.Datastore == id }))
}
