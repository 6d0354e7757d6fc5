package inventory

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
)

// Move puts an object with everything in it into another folder of the same data center. For a host that stands alone it moves
// that host's compute resource. Moving it to where it is does nothing. Errors: Unauthenticated, Denied, NotFound; Invalid for a
// folder that does not hold such objects, one of another data center and one in the object itself; Exists; WrongState for the
// root folder, the folders that belong to a data center, hosts of a cluster and machines that are being deleted; Unsupported for
// objects of other kinds.
func (s *Service) Move(ctx context.Context, by dc.Caller, id dc.ID, folder dc.FolderID) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return s.MoveIn(tx, by, id, folder) })
}

// MoveIn is Move as a part of tx.
func (s *Service) MoveIn(tx *store.Tx, by dc.Caller, id dc.ID, folder dc.FolderID) error {
	kind := id.Kind()
	if kind == dc.KindHost {
		kind = dc.KindCluster
	}
	privilege, ok := dc.MovePrivilege(kind)
	if !ok {
		privilege = dc.PrivDatacenterMove // whoever may not do that learns nothing else
	}
	for _, on := range []dc.ID{id, dc.ID(folder)} {
		if err := s.access.Authorize(by, privilege, on); err != nil {
			return err
		}
	}
	if !ok {
		return dc.Errorf(dc.Unsupported, "it stands in no folder").On(describe(tx.View(), id))
	}
	id, err := moved(tx.View(), id)
	if err != nil {
		return err
	}
	o, err := named[kind].load(tx, id)
	if err != nil {
		return err
	}
	described := dc.Describe(kind, o.Metadata().Name)
	if id == dc.ID(dc.RootFolder) {
		return dc.Errorf(dc.WrongState, "it is the root of the inventory").On(described)
	}
	if err := s.access.Authorize(by, privilege, o.Metadata().Parent); err != nil {
		return err
	}
	to, err := store.Get[*dc.Folder](tx.View(), dc.ID(folder))
	if err != nil || o.Metadata().Parent == dc.ID(folder) {
		return err
	}
	if err := checkMove(tx, o, to); err != nil {
		return err
	}
	o.Metadata().Parent = dc.ID(folder)
	tx.Exists(dc.ID(folder))
	tx.Put(o)
	record(tx, by, dc.EventTask, o, "moved into "+dc.Describe(dc.KindFolder, to.Name))
	return nil
}

// moved returns what is moved for an object: itself, or the compute resource of a host that stands alone.
func moved(v *store.View, id dc.ID) (dc.ID, error) {
	if id.Kind() != dc.KindHost {
		return id, nil
	}
	h, err := store.Get[*dc.Host](v, id)
	if err != nil {
		return "", err
	}
	c, err := store.Get[*dc.Cluster](v, h.Parent)
	if err != nil {
		return "", err
	}
	if !c.Standalone {
		return "", dc.Errorf(dc.WrongState, "it is in %s", dc.Describe(dc.KindCluster, c.Name)).On(dc.Describe(dc.KindHost, h.Name)).
			Fix("move the cluster, or the host by HostService.MoveHost: hanok host move")
	}
	return dc.ID(c.ID), nil
}

// checkMove returns nil where an object may come into the folder. Two folders that are moved into each other at once would be in no
// tree any more: whoever moves a folder writes what both are in, unchanged, so that one of the two is tried again and sees the other.
func checkMove(tx *store.Tx, o dc.Object, to *dc.Folder) error {
	v, kind, described := tx.View(), o.Kind(), dc.Describe(o.Kind(), o.Metadata().Name)
	from, err := store.Get[*dc.Folder](v, o.Metadata().Parent)
	switch f, folder := o.(*dc.Folder); {
	case folder:
		if err := CheckOwn(v, f); err != nil {
			return err
		}
		if f.Type != to.Type {
			return dc.Errorf(dc.Invalid, "%s is of the type %q", dc.Describe(dc.KindFolder, to.Name), to.Type).On(described).
				Fix("choose a folder of the type %q", f.Type)
		}
		if f.ID == to.ID || within(v, to, dc.ID(f.ID)) {
			return dc.Errorf(dc.Invalid, "%s is in it", dc.Describe(dc.KindFolder, to.Name)).On(described).Fix("choose a folder that is not in it")
		}
		top, err := tx.Load(topOf(v, f))
		if err != nil {
			return err
		}
		tx.Put(top)
	case err != nil:
		return err
	case !to.Type.Holds(kind):
		return dc.Errorf(dc.Invalid, "%s does not hold a %s", dc.Describe(dc.KindFolder, to.Name), kind.Noun()).On(described).
			Fix("choose a folder of the type %q", from.Type)
	}
	if home := topOf(v, o); home != topOf(v, to) {
		return dc.Errorf(dc.Invalid, "%s is not in %s", dc.Describe(dc.KindFolder, to.Name), describe(v, home)).On(described).
			Fix("choose a folder of the same data center")
	}
	if vm, ok := o.(*dc.VirtualMachine); ok && vm.Spec.Deleted {
		return dc.Errorf(dc.WrongState, "it is being deleted").On(described)
	}
	if holder, taken := store.Claimed(v, dc.NameClaim(dc.ID(to.ID), o.Metadata().Name)); taken {
		return dc.Errorf(dc.Exists, "%s has a %s of this name already", dc.Describe(dc.KindFolder, to.Name), holder.Kind().Noun()).On(described).
			Fix("rename one of them first")
	}
	return nil
}

// topOf returns the data center that an object is in; for data centers and the folders of those, the root folder.
func topOf(v *store.View, o dc.Object) dc.ID {
	for at, ok := find(v, o.Metadata().Parent); ok; at, ok = find(v, at.Metadata().Parent) {
		if at.Kind() == dc.KindDatacenter {
			return at.Identity()
		}
	}
	return dc.ID(dc.RootFolder)
}
