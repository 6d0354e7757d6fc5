package inventory

import (
	"cmp"
	"context"
	"slices"

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

// Content returns what is deleted with a folder, a data center or a cluster, in an order in which that can be done, and at last the object
// itself: machines first, then what they use, then hosts, and each object before what it stands in. The machines of a cluster are those in its
// pools and on its hosts, wherever they stand. What goes by itself with another object, such as root pools, is left out.
func Content(v *store.View, id dc.ID) []dc.Object {
	var all []dc.Object
	seen := map[dc.ID]bool{}
	walkDown(v, id, func(o dc.Object) {
		if !seen[o.Identity()] {
			seen[o.Identity()], all = true, append(all, o)
		}
	})
	slices.SortStableFunc(all, func(a, b dc.Object) int { return cmp.Compare(turn(a.Kind()), turn(b.Kind())) })
	return all
}

// turn says which kinds are deleted before which.
func turn(kind dc.Kind) int {
	switch kind {
	case dc.KindVirtualMachine:
		return 0
	case dc.KindDatastore, dc.KindPortGroup:
		return 1
	case dc.KindHost:
		return 2
	}
	return 3
}

// walkDown calls with what stands below an object, and with it, the inner ones first.
func walkDown(v *store.View, id dc.ID, with func(dc.Object)) {
	o, ok := find(v, id)
	if !ok {
		return
	}
	for _, child := range below(v, id) {
		walkDown(v, child.Identity(), with)
	}
	own := false // whether something else takes it along
	switch o := o.(type) {
	case *dc.Folder:
		own = o.Parent.Kind() == dc.KindDatacenter
	case *dc.ResourcePool:
		own = o.Root()
		for _, vm := range machines(v, func(spec *dc.VirtualMachineSpec) bool { return spec.Pool == o.ID }) {
			with(vm)
		}
	case *dc.Host:
		for vm := range store.OnHost(v, o.ID) {
			with(vm)
		}
	case *dc.Cluster:
		own = o.Standalone
	}
	if !own {
		with(o)
	}
}
