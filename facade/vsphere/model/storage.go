package model

import (
	"iter"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

var datastore = map[string]prop{
	// How full it is changes by itself.
	"summary": {each: true, value: func(p *Picture, o dc.Object) any { return p.datastoreSummary(o.(*dc.Datastore)) }},
	"info": {each: true, value: func(p *Picture, o dc.Object) any {
		d := o.(*dc.Datastore)
		info := types.DatastoreInfo{Name: d.Name, Url: urlOf(d), MaxFileSize: 1 << 46}
		if usage, ok := p.feed.state.Usage(d.ID); ok {
			info.FreeSpace = usage.FreeBytes
		}
		return types.LocalDatastoreInfo{DatastoreInfo: info, Path: d.Spec.Path}
	}},
	"host": of(func(p *Picture, d *dc.Datastore) any {
		out := []types.DatastoreHostMount{}
		for _, id := range d.Spec.Hosts() {
			out = append(out, types.DatastoreHostMount{Key: p.ref(dc.ID(id)), MountInfo: types.HostMountInfo{
				Path: d.Spec.Path, AccessMode: string(types.HostMountModeReadWrite), Mounted: types.NewBool(true), Accessible: types.NewBool(d.Status.Accessible),
			}})
		}
		return out
	}),
	"vm": list(func(p *Picture, d *dc.Datastore) []Ref {
		return p.machinesThat(func(vm *dc.VirtualMachine) bool { return datastoresOf(vm)[d.ID] })
	}, Machines),
	"browser": of(func(_ *Picture, d *dc.Datastore) any {
		return Ref{Type: "HostDatastoreBrowser", Value: "browser-" + string(d.ID)}
	}),
	"capability": of(func(*Picture, *dc.Datastore) any {
		return types.DatastoreCapability{DirectoryHierarchySupported: true, PerFileThinProvisioningSupported: true}
	}),
	"iormConfiguration": of(func(*Picture, *dc.Datastore) any {
		return types.StorageIORMInfo{CongestionThresholdMode: "automatic", CongestionThreshold: 30, PercentOfPeakThroughput: 90}
	}),
}

func urlOf(d *dc.Datastore) string { return "ds:///vmfs/volumes/" + string(d.ID) + "/" }

func (p *Picture) datastoreSummary(d *dc.Datastore) types.DatastoreSummary {
	ref := refOf(d)
	s := types.DatastoreSummary{
		Datastore: &ref, Name: d.Name, Url: urlOf(d), Capacity: d.Status.CapacityBytes, Accessible: d.Status.Accessible,
		MultipleHostAccess: types.NewBool(len(d.Spec.Sharing) > 0), Type: "VMFS", MaintenanceMode: string(types.DatastoreSummaryMaintenanceModeStateNormal),
	}
	if usage, ok := p.feed.state.Usage(d.ID); ok {
		s.Capacity, s.FreeSpace = usage.CapacityBytes, usage.FreeBytes
	}
	return s
}

// machinesThat returns the machines for which yes is true.
func (p *Picture) machinesThat(yes func(*dc.VirtualMachine) bool) []Ref {
	return refs(p, func(yield func(dc.Object) bool) {
		for o := range p.view.Objects(dc.KindVirtualMachine) {
			if yes(o.(*dc.VirtualMachine)) && !yield(o) {
				return
			}
		}
	})
}

// datastoresOf returns the datastores on which a machine has files.
func datastoresOf(vm *dc.VirtualMachine) map[dc.DatastoreID]bool {
	out := map[dc.DatastoreID]bool{vm.Spec.Datastore: true}
	for _, d := range vm.Spec.Hardware.Drives {
		out[d.Media.Datastore] = true
	}
	delete(out, "")
	return out
}

var network = map[string]prop{
	"summary": of(func(_ *Picture, n *dc.PortGroup) any {
		ref := refOf(n)
		return types.NetworkSummary{Network: &ref, Name: n.Name, Accessible: true}
	}),
	"host": list(func(p *Picture, n *dc.PortGroup) []Ref { return p.hostsAround(dc.ID(n.ID)) }),
	"vm": list(func(p *Picture, n *dc.PortGroup) []Ref {
		return p.machinesThat(func(vm *dc.VirtualMachine) bool { return onNetwork(vm, n.ID) })
	}, Machines),
}

func onNetwork(vm *dc.VirtualMachine, id dc.PortGroupID) bool {
	for _, n := range vm.Spec.Hardware.NICs {
		if n.PortGroup == id {
			return true
		}
	}
	return false
}

// hostsAround returns the hosts of the data center in which an object stands.
func (p *Picture) hostsAround(id dc.ID) []Ref {
	d := p.DatacenterOf(id)
	if d == nil {
		return []Ref{}
	}
	return p.within(dc.KindHost, dc.ID(d.ID))
}

// all yields objects of one type of a kind.
func all[T dc.Object](objects iter.Seq[dc.Object]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for o := range objects {
			if t, ok := o.(T); ok && !yield(t) {
				return
			}
		}
	}
}
