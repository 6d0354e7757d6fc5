package inventory

import (
	"context"
	"slices"

	"hanok/dc"
	"hanok/manager/store"
)

// Clusters returns all clusters by name. They are shared and must not be changed. The errors are those of
// access.Service.Authorize.
func (s *Service) Clusters(by dc.Caller) ([]*dc.Cluster, error) { return list[*dc.Cluster](s, by) }

// Pools returns all resource pools by name, as Clusters does.
func (s *Service) Pools(by dc.Caller) ([]*dc.ResourcePool, error) {
	return list[*dc.ResourcePool](s, by)
}

// Hosts returns all hosts by name, as Clusters does.
func (s *Service) Hosts(by dc.Caller) ([]*dc.Host, error) { return list[*dc.Host](s, by) }

// CreateCluster makes a cluster without hosts, with its root resource pool, in the host folder of a data center. Errors:
// Unauthenticated, Denied, Invalid for a name that cannot be, NotFound without the data center, Exists.
func (s *Service) CreateCluster(ctx context.Context, by dc.Caller, datacenter dc.DatacenterID, name string) (*dc.Cluster, error) {
	folder, err := s.folderIn(by, dc.PrivClusterCreate, datacenter, hostFolder)
	if err != nil {
		return nil, err
	}
	return s.CreateClusterIn(ctx, by, folder, name)
}

// CreateClusterIn is CreateCluster in any folder of hosts. Invalid, too, for a folder of another type.
func (s *Service) CreateClusterIn(ctx context.Context, by dc.Caller, folder dc.FolderID, name string) (*dc.Cluster, error) {
	if err := s.access.Authorize(by, dc.PrivClusterCreate, dc.ID(folder)); err != nil {
		return nil, err
	}
	if err := dc.CheckName(dc.KindCluster, name); err != nil {
		return nil, err
	}
	var c *dc.Cluster
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		if err := checkHolds(tx.View(), folder, dc.FolderHost); err != nil {
			return err
		}
		c = putCluster(tx, by, folder, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func putCluster(tx *store.Tx, by dc.Caller, folder dc.FolderID, name string) *dc.Cluster {
	c := newCluster(tx, folder, name)
	created(tx, by, dc.EventClusterCreated, c)
	return c
}

// PutStandalone makes the compute resource of a host of the name that stands alone in a folder of hosts, with its root pool. The folder's
// existence is a condition of tx.
func PutStandalone(tx *store.Tx, folder dc.FolderID, name string) *dc.Cluster {
	c := newCluster(tx, folder, name)
	c.Standalone = true
	tx.Exists(dc.ID(folder))
	tx.Put(c)
	return c
}

// newCluster stores a root pool and returns the cluster for it.
func newCluster(tx *store.Tx, folder dc.FolderID, name string) *dc.Cluster {
	c := &dc.Cluster{ID: dc.ClusterID(newID(dc.KindCluster)), Meta: newMeta(name, dc.ID(folder))}
	pool := &dc.ResourcePool{ID: dc.ResourcePoolID(newID(dc.KindResourcePool)), Meta: newMeta(dc.RootPoolName, dc.ID(c.ID))}
	c.RootPool = pool.ID
	tx.Put(pool)
	return c
}

// DeleteCluster removes a cluster and its root resource pool. Errors: Unauthenticated, Denied, NotFound, WrongState while
// it has hosts, virtual machines or other pools.
func (s *Service) DeleteCluster(ctx context.Context, by dc.Caller, id dc.ClusterID) error {
	return s.delete(ctx, by, dc.KindCluster, dc.ID(id))
}

func deleteCluster(tx *store.Tx, by dc.Caller, id dc.ClusterID) error {
	c, err := store.Load[*dc.Cluster](tx, dc.ID(id))
	if err != nil {
		return err
	}
	if err := CheckCluster(c); err != nil {
		return err
	}
	pool, err := store.Load[*dc.ResourcePool](tx, dc.ID(c.RootPool))
	if err != nil {
		return err
	}
	tx.Delete(pool)
	left := below(tx.View(), dc.ID(c.ID), dc.ID(pool.ID))
	left = slices.DeleteFunc(left, func(o dc.Object) bool { return o.Identity() == dc.ID(pool.ID) })
	left = append(left, machines(tx.View(), func(spec *dc.VirtualMachineSpec) bool { return spec.Pool == pool.ID })...)
	return removed(tx, by, dc.EventClusterRemoved, c, left)
}

// CheckCluster returns an error of kind WrongState for the compute resource of a host that stands alone: it goes with its host.
func CheckCluster(c *dc.Cluster) error {
	if c.Standalone {
		return &dc.Error{Kind: dc.WrongState, Object: dc.Describe(dc.KindCluster, c.Name), Message: "it is the compute resource of one host",
			Remedy: "remove that host"}
	}
	return nil
}
