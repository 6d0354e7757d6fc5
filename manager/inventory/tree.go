package inventory

import (
	"iter"
	"slices"

	"hanok/dc"
	"hanok/manager/store"
)

// kindAccess reads the objects of one kind without their type.
type kindAccess struct {
	get      func(v *store.View, id dc.ID) (dc.Object, error)
	load     func(tx *store.Tx, id dc.ID) (dc.Object, error)
	all      func(v *store.View) iter.Seq[dc.Object]
	children func(v *store.View, parent dc.ID) iter.Seq[dc.Object]
}

// named maps the kinds of objects that users name to their access: those of the tree, and images.
var named = map[dc.Kind]kindAccess{
	dc.KindFolder:         accessTo[*dc.Folder](),
	dc.KindDatacenter:     accessTo[*dc.Datacenter](),
	dc.KindCluster:        accessTo[*dc.Cluster](),
	dc.KindHost:           accessTo[*dc.Host](),
	dc.KindResourcePool:   accessTo[*dc.ResourcePool](),
	dc.KindDatastore:      accessTo[*dc.Datastore](),
	dc.KindPortGroup:      accessTo[*dc.PortGroup](),
	dc.KindImage:          accessTo[*dc.Image](),
	dc.KindVirtualMachine: accessTo[*dc.VirtualMachine](),
}

func accessTo[T dc.Object]() kindAccess {
	untyped := func(objects iter.Seq[T]) iter.Seq[dc.Object] {
		return func(yield func(dc.Object) bool) {
			for o := range objects {
				if !yield(o) {
					return
				}
			}
		}
	}
	return kindAccess{
		get:      func(v *store.View, id dc.ID) (dc.Object, error) { return store.Get[T](v, id) },
		load:     func(tx *store.Tx, id dc.ID) (dc.Object, error) { return store.Load[T](tx, id) },
		all:      func(v *store.View) iter.Seq[dc.Object] { return untyped(store.List[T](v)) },
		children: func(v *store.View, parent dc.ID) iter.Seq[dc.Object] { return untyped(store.Children[T](v, parent)) },
	}
}

// Objects yields every object of the tree, kind by kind: what users name, but no images.
func Objects(v *store.View) iter.Seq[dc.Object] {
	return func(yield func(dc.Object) bool) {
		for _, kind := range dc.Kinds() {
			if a, ok := named[kind]; ok && kind != dc.KindImage {
				for o := range a.all(v) {
					if !yield(o) {
						return
					}
				}
			}
		}
	}
}

// find returns the object that has the ID.
func find(v *store.View, id dc.ID) (dc.Object, bool) {
	kind, ok := named[id.Kind()]
	if !ok {
		return nil, false
	}
	o, err := kind.get(v, id)
	return o, err == nil
}

// below returns the objects that stand directly below any of the parents.
func below(v *store.View, parents ...dc.ID) (objects []dc.Object) {
	for _, parent := range parents {
		for _, kind := range dc.Kinds() {
			if a, ok := named[kind]; ok {
				objects = slices.AppendSeq(objects, a.children(v, parent))
			}
		}
	}
	return objects
}

// machines returns the virtual machines that satisfy use.
func machines(v *store.View, use func(spec *dc.VirtualMachineSpec) bool) (objects []dc.Object) {
	for vm := range store.List[*dc.VirtualMachine](v) {
		if use(&vm.Spec) {
			objects = append(objects, vm)
		}
	}
	return objects
}
