package model

import (
	"maps"
	"slices"

	"github.com/vmware/govmomi/vim25/mo"

	"hanok/dc"
	"hanok/facade/vsphere/property"
)

// kind is one type of managed objects with its properties.
type kind struct {
	*property.Type
	properties map[string]prop
}

// prop is one property. A value of nil is unset.
type prop struct {
	value func(p *Picture, o dc.Object) any
	// on is what it depends on besides the object itself.
	on Aspect
	// each is set where clients may see different values; with lists, only because some may see fewer objects than others.
	each, lists bool
}

// of makes a property of one kind of objects.
func of[T dc.Object](value func(p *Picture, o T) any, on ...Aspect) prop {
	out := prop{value: func(p *Picture, o dc.Object) any { return value(p, o.(T)) }}
	for _, a := range on {
		out.on |= a
	}
	return out
}

// list makes a property that lists other objects, of which each client gets those that it may see.
func list[T dc.Object](value func(p *Picture, o T) []Ref, on ...Aspect) prop {
	out := of(func(p *Picture, o T) any { return value(p, o) }, on...)
	out.each, out.lists = true, true
	return out
}

func newKind(structure any, properties ...map[string]prop) *kind {
	all := map[string]prop{}
	for _, p := range properties {
		maps.Copy(all, p)
	}
	t := property.NewType(structure, slices.Sorted(maps.Keys(all)))
	for name := range all {
		if _, err := t.Path(name); err != nil {
			panic("model: " + err.Error())
		}
	}
	return &kind{Type: t, properties: all}
}

// kinds has every kind by the name of its type. It is filled at the start: the tables refer to what refers to it.
var kinds map[string]*kind

func init() {
	kinds = map[string]*kind{}
	for _, k := range []*kind{
		newKind(mo.Folder{}, entity, folder), newKind(mo.Datacenter{}, entity, datacenter), newKind(mo.ClusterComputeResource{}, entity, computeResource, cluster),
		newKind(mo.ComputeResource{}, entity, computeResource), newKind(mo.HostSystem{}, entity, host), newKind(mo.ResourcePool{}, entity, pool),
		newKind(mo.VirtualMachine{}, entity, machine), newKind(mo.Datastore{}, entity, datastore), newKind(mo.Network{}, entity, network), newKind(mo.Task{}, task),
	} {
		kinds[k.Name] = k
	}
}

// typeName returns the type of managed object that o is, or "".
func typeName(o dc.Object) string {
	if o == nil {
		return ""
	}
	if c, ok := o.(*dc.Cluster); ok && c.Standalone {
		return "ComputeResource"
	}
	return typeNames[o.Kind()]
}

// typeNames are the types of managed objects by the kind of object; those of clusters are the most usual.
var typeNames = map[dc.Kind]string{
	dc.KindFolder: "Folder", dc.KindDatacenter: "Datacenter", dc.KindCluster: "ClusterComputeResource", dc.KindHost: "HostSystem",
	dc.KindResourcePool: "ResourcePool", dc.KindVirtualMachine: "VirtualMachine", dc.KindDatastore: "Datastore", dc.KindPortGroup: "Network",
	dc.KindTask: "Task",
}

// Types returns every type of managed objects that an inventory may have, with those that they extend and those of which there is none yet:
// clients ask for all of them.
func Types() map[string]*property.Type {
	out := map[string]*property.Type{}
	for _, structure := range []any{
		mo.ManagedEntity{}, mo.ExtensibleManagedObject{}, mo.VirtualApp{}, mo.StoragePod{}, mo.DistributedVirtualSwitch{}, mo.VmwareDistributedVirtualSwitch{},
		mo.DistributedVirtualPortgroup{}, mo.OpaqueNetwork{},
	} {
		t := property.NewType(structure, nil)
		out[t.Name] = t
	}
	for name, k := range kinds {
		out[name] = k.Type
	}
	return out
}
