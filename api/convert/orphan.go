package convert

import (
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// Orphan returns an orphan for the wire.
func Orphan(o dc.Orphan, names Names) *hanokv1.Orphan {
	return &hanokv1.Orphan{
		Id: string(o.Machine.ID), Name: o.Machine.Name, HostId: string(o.Host), Host: names(dc.ID(o.Host)),
		OwnerId: string(o.Owner), Owner: names(dc.ID(o.Owner)), PowerState: string(o.Status.Power),
		DatastorePath: o.Path, DatastoreFolder: o.Machine.Folder, Obstacle: Failure(dc.FailureOf(dc.CheckAdoption(o))),
	}
}
