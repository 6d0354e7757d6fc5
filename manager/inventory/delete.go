package inventory

import (
	"context"

	"hanok/dc"
	"hanok/manager/guard"
	"hanok/manager/store"
)

// remover removes an object of one kind.
type remover func(tx *store.Tx, by dc.Caller, id dc.ID) error

// deletable maps the kinds that this package removes to how; the privilege is dc.DeletePrivilege's.
var deletable = map[dc.Kind]remover{
	dc.KindFolder:     removerOf(deleteFolder),
	dc.KindDatacenter: removerOf(deleteDatacenter),
	dc.KindCluster:    removerOf(deleteCluster),
	dc.KindDatastore:  removerOf(deleteDatastore),
	dc.KindPortGroup:  removerOf(deletePortGroup),
}

func removerOf[T ~string](remove func(*store.Tx, dc.Caller, T) error) remover {
	return func(tx *store.Tx, by dc.Caller, id dc.ID) error { return remove(tx, by, T(id)) }
}

// DeleteIn removes an object of a kind that has a call of its own to delete it, such as DeleteFolder, as a part of tx: with that call's
// privilege and errors, and not guarded. Unsupported for objects of other kinds.
func (s *Service) DeleteIn(tx *store.Tx, by dc.Caller, id dc.ID) error {
	if _, ok := deletable[id.Kind()]; ok {
		return s.deleteIn(tx, by, id.Kind(), id)
	}
	if err := s.access.Authorize(by, dc.PrivDatacenterDelete, id); err != nil { // whoever may not do that learns nothing else
		return err
	}
	return dc.Errorf(dc.Unsupported, "it is not deleted in this way").On(describe(tx.View(), id))
}

func (s *Service) deleteIn(tx *store.Tx, by dc.Caller, kind dc.Kind, id dc.ID) error {
	privilege, _ := dc.DeletePrivilege(kind)
	if err := s.access.Authorize(by, privilege, id); err != nil {
		return err
	}
	return deletable[kind](tx, by, id)
}

func (s *Service) delete(ctx context.Context, by dc.Caller, kind dc.Kind, id dc.ID) error {
	return guard.Change(ctx, s.store, by, func(tx *store.Tx) error { return s.deleteIn(tx, by, kind, id) })
}

// Content returns what is below a folder, each object before what it stands in, and at last the folder itself: the order in which
// they can be deleted. Pools and hosts go with their clusters, or keep them, and are left out.
func Content(v *store.View, folder dc.FolderID) []dc.Object {
	var all []dc.Object
	for _, o := range below(v, dc.ID(folder)) {
		if f, ok := o.(*dc.Folder); ok {
			all = append(all, Content(v, f.ID)...)
		} else {
			all = append(all, o)
		}
	}
	if f, err := store.Get[*dc.Folder](v, dc.ID(folder)); err == nil {
		all = append(all, f)
	}
	return all
}
