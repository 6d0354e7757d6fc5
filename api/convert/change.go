package convert

import (
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// WatchKinds returns the kinds that a watch may tell of, in the order in which a snapshot sends them: what is referred to
// comes before what refers to it.
func WatchKinds() []dc.Kind {
	return []dc.Kind{dc.KindFolder, dc.KindDatacenter, dc.KindCluster, dc.KindResourcePool, dc.KindHost, dc.KindDatastore,
		dc.KindPortGroup, dc.KindImage, dc.KindVirtualMachine, dc.KindTask, dc.KindEvent}
}

// Changed returns an object of one of WatchKinds as a change, and nil for an object of another kind.
func Changed(o dc.Object, names Names) *hanokv1.Change {
	c := &hanokv1.Change{Kind: string(o.Kind()), Id: string(o.Identity()), Revision: o.Metadata().Revision}
	switch o := o.(type) {
	case *dc.Folder:
		c.Object = &hanokv1.Change_Folder{Folder: Folder(o)}
	case *dc.Datacenter:
		c.Object = &hanokv1.Change_Datacenter{Datacenter: Datacenter(o)}
	case *dc.Cluster:
		c.Object = &hanokv1.Change_Cluster{Cluster: Cluster(o)}
	case *dc.Host:
		c.Object = &hanokv1.Change_Host{Host: Host(o, names)}
	case *dc.ResourcePool:
		c.Object = &hanokv1.Change_ResourcePool{ResourcePool: ResourcePool(o)}
	case *dc.Datastore:
		c.Object = &hanokv1.Change_Datastore{Datastore: Datastore(o, nil, names)}
	case *dc.PortGroup:
		c.Object = &hanokv1.Change_PortGroup{PortGroup: PortGroup(o)}
	case *dc.Image:
		c.Object = &hanokv1.Change_Image{Image: Image(o)}
	case *dc.VirtualMachine:
		c.Object = &hanokv1.Change_VirtualMachine{VirtualMachine: VirtualMachine(o, names)}
	case *dc.Task:
		c.Object = &hanokv1.Change_Task{Task: Task(o, nil)}
	case *dc.Event:
		c.Object = &hanokv1.Change_Event{Event: Event(o)}
	default:
		return nil
	}
	return c
}

// Deleted returns the change that an object is gone.
func Deleted(kind dc.Kind, id dc.ID, revision int64) *hanokv1.Change {
	return &hanokv1.Change{Kind: string(kind), Id: string(id), Revision: revision}
}
