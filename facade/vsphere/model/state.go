package model

import (
	"context"
	"iter"

	"hanok/dc"
)

// View is the data center at one revision. Objects are shared and not changed.
type View interface {
	Revision() int64
	// Object returns the object with the ID, or nil.
	Object(id dc.ID) dc.Object
	// Objects yields every object of a kind, in the order of IDs.
	Objects(kind dc.Kind) iter.Seq[dc.Object]
	// Children yields the objects of a kind below parent, in the order of names.
	Children(kind dc.Kind, parent dc.ID) iter.Seq[dc.Object]
	// OnHost yields the machines that a host is to run, and DatastoresOf the datastores that it reaches.
	OnHost(host dc.HostID) iter.Seq[*dc.VirtualMachine]
	DatastoresOf(host dc.HostID) iter.Seq[*dc.Datastore]
}

// Change is one object that a transaction made (Old is nil), changed or deleted (Object is nil).
type Change struct {
	Kind        dc.Kind
	ID          dc.ID
	Revision    int64
	Object, Old dc.Object
}

// State is the data center as it is now. It is safe for concurrent use.
type State interface {
	View() View
	// Changes returns what changed after the revision since, in order, and the revision up to which that goes; ok is false where that
	// is not remembered.
	Changes(since int64) (changes []Change, upto int64, ok bool)
	// Wait returns when the state's revision is above since.
	Wait(ctx context.Context, since int64) error
	// Usage says how full a datastore is, where that is known.
	Usage(id dc.DatastoreID) (dc.DatastoreUsage, bool)
	// Pools returns what is reserved in each resource pool now.
	Pools() map[dc.ResourcePoolID]PoolRuntime
	// Progress says how far an open task is, where its step says so.
	Progress(id dc.TaskID) (percent int, ok bool)
}

// PoolRuntime is what is reserved in a resource pool now, what may still be, and its own reservation.
type PoolRuntime struct{ ReservationUsed, Unreserved, Reservation dc.Amount }
