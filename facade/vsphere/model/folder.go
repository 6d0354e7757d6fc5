package model

import (
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

// holds are the types of managed objects that a folder of each type may contain.
var holds = map[dc.FolderType][]string{
	dc.FolderDatacenter: {"Folder", "Datacenter"}, dc.FolderVM: {"Folder", "VirtualMachine", "VirtualApp"},
	dc.FolderHost: {"Folder", "ComputeResource"}, dc.FolderDatastore: {"Folder", "Datastore", "StoragePod"}, dc.FolderNetwork: {"Folder", "Network", "DistributedVirtualSwitch"},
}

// contents are the kinds of objects that stand in folders.
var contents = []dc.Kind{dc.KindFolder, dc.KindDatacenter, dc.KindCluster, dc.KindVirtualMachine, dc.KindDatastore, dc.KindPortGroup}

var folder = map[string]prop{
	"childType": of(func(_ *Picture, f *dc.Folder) any { return holds[f.Type] }),
	"childEntity": list(func(p *Picture, f *dc.Folder) []Ref {
		out := []Ref{}
		for _, k := range contents {
			if k == dc.KindFolder || f.Type.Holds(k) {
				out = append(out, refs(p, p.view.Children(k, dc.ID(f.ID)))...)
			}
		}
		return out
	}, Children),
}

var datacenter = map[string]prop{
	"vmFolder":        of(func(p *Picture, d *dc.Datacenter) any { return p.ref(dc.ID(d.VMFolder)) }),
	"hostFolder":      of(func(p *Picture, d *dc.Datacenter) any { return p.ref(dc.ID(d.HostFolder)) }),
	"datastoreFolder": of(func(p *Picture, d *dc.Datacenter) any { return p.ref(dc.ID(d.DatastoreFolder)) }),
	"networkFolder":   of(func(p *Picture, d *dc.Datacenter) any { return p.ref(dc.ID(d.NetworkFolder)) }),
	"datastore":       list(func(p *Picture, d *dc.Datacenter) []Ref { return p.within(dc.KindDatastore, dc.ID(d.ID)) }),
	"network":         list(func(p *Picture, d *dc.Datacenter) []Ref { return p.within(dc.KindPortGroup, dc.ID(d.ID)) }),
	"configuration":   of(func(*Picture, *dc.Datacenter) any { return types.DatacenterConfigInfo{} }),
}

// within returns the objects of a kind that stand anywhere below an object. There are few data centers, datastores and networks, and
// every change among them touches all (Feed).
func (p *Picture) within(k dc.Kind, above dc.ID) []Ref {
	return refs(p, func(yield func(dc.Object) bool) {
		for o := range p.view.Objects(k) {
			if p.Below(o.Identity(), above) && !yield(o) {
				return
			}
		}
	})
}

// Below reports whether the object with an ID stands somewhere below another one.
func (p *Picture) Below(id, above dc.ID) bool {
	for at := parentOf(p.view, id); at != ""; at = parentOf(p.view, at) {
		if at == above {
			return true
		}
	}
	return false
}

// DatacenterOf returns the data center in which the object with an ID stands, or nil.
func (p *Picture) DatacenterOf(id dc.ID) *dc.Datacenter {
	for ; id != ""; id = parentOf(p.view, id) {
		if d, ok := p.view.Object(id).(*dc.Datacenter); ok {
			return d
		}
	}
	return nil
}
