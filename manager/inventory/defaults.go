package inventory

import (
	"cmp"
	"context"

	"hanok/dc"
	"hanok/manager/store"
)

// DefaultNames are the names of what Defaults makes. An empty name is replaced by the one in the comment.
type DefaultNames struct {
	Datacenter string // "Datacenter"
	Cluster    string // "Cluster"
	PortGroup  string // "VM Network"
}

// Defaults makes the inventory of a new data center: the root folder, and a data center with a cluster and a port group
// in it. It is one transaction, on the condition that there is no root folder yet: it may be called at every start, by
// several managers at once, and what an administrator renamed or deleted later does not come back. Errors: Invalid for a
// name that cannot be.
func (s *Service) Defaults(ctx context.Context, names DefaultNames) error {
	datacenter := cmp.Or(names.Datacenter, "Datacenter")
	cluster := cmp.Or(names.Cluster, "Cluster")
	portGroup := cmp.Or(names.PortGroup, "VM Network")
	if err := cmp.Or(dc.CheckName(dc.KindDatacenter, datacenter), dc.CheckName(dc.KindCluster, cluster),
		dc.CheckName(dc.KindPortGroup, portGroup)); err != nil {
		return err
	}
	made := false
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		if _, ok := find(tx.View(), dc.ID(dc.RootFolder)); ok {
			made = false
			return nil
		}
		putRoot(tx)
		d := putDatacenter(tx, dc.System, dc.RootFolder, datacenter)
		putCluster(tx, dc.System, d.HostFolder, cluster)
		putPortGroup(tx, dc.System, d.NetworkFolder, portGroup)
		made = true
		return nil
	})
	if err == nil && made {
		s.log.Info("made the default inventory", "datacenter", datacenter, "cluster", cluster, "portGroup", portGroup)
	}
	return err
}

// Root makes the root folder of a new data center, and nothing in it. It may be called at every start.
func (s *Service) Root(ctx context.Context) error {
	return s.store.Change(ctx, func(tx *store.Tx) error {
		if _, ok := find(tx.View(), dc.ID(dc.RootFolder)); !ok {
			putRoot(tx)
		}
		return nil
	})
}

func putRoot(tx *store.Tx) {
	tx.Put(&dc.Folder{ID: dc.RootFolder, Meta: newMeta("Datacenters", ""), Type: dc.FolderDatacenter})
}
