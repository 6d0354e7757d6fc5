package check

import (
	"maps"
	"reflect"
	"slices"

	"hanok/dc"
	"hanok/manager/store"
)

// checkReads compares the manager's view, which has come at least as far as the inventory, with it. What has changed between
// the two can't be compared; everything else is certain, except that something is missing in the view: it may have been
// deleted since.
func checkReads(inv *inventory, v *store.View, c *collector) {
	const remedy = "restart the manager, and report this as a defect with its log"
	viewed := map[dc.ID]dc.Object{}
	for _, read := range readers {
		read(v, viewed)
	}
	for _, id := range slices.Sorted(maps.Keys(inv.objects)) {
		c.examined[Reads]++
		stored, read := inv.objects[id], viewed[id]
		s := subjectOf(stored)
		switch {
		case read == nil && v.Revision() == inv.revision:
			c.certain(Reads, s, remedy, "the manager does not see it")
		case read == nil:
			c.problem(Reads, s, remedy, "the manager does not see it")
		case read.Metadata().Revision > inv.revision:
		case read.Metadata().Revision != s.revision || !reflect.DeepEqual(read, stored):
			c.certain(Reads, s, remedy, "the manager sees it as it was at the revision %d, and the store has it of the revision %d",
				read.Metadata().Revision, s.revision)
		}
	}
	for id, read := range viewed {
		if inv.objects[id] == nil && read.Metadata().Revision <= inv.revision {
			c.certain(Reads, subjectOf(read), remedy, "the manager sees it, and the store does not have it")
		}
	}
}

// readers add the objects of each kind in a view to a map.
var readers = []func(*store.View, map[dc.ID]dc.Object){
	reader[*dc.Folder], reader[*dc.Datacenter], reader[*dc.Cluster], reader[*dc.Host], reader[*dc.ResourcePool], reader[*dc.Datastore],
	reader[*dc.PortGroup], reader[*dc.Image], reader[*dc.VirtualMachine], reader[*dc.Task], reader[*dc.Event], reader[*dc.User],
	reader[*dc.Session], reader[*dc.JoinToken], reader[*dc.Secret],
	reader[*dc.Role], reader[*dc.Permission], reader[*dc.Group], reader[*dc.Sequence],
	reader[*dc.Alarm], reader[*dc.AlarmState],
	reader[*dc.TagCategory], reader[*dc.Tag], reader[*dc.CustomField], reader[*dc.APIToken], reader[*dc.DeletionGuard], reader[*dc.IdentitySource],
	reader[*dc.ScheduledTask],
}

func reader[T dc.Object](v *store.View, all map[dc.ID]dc.Object) {
	for o := range store.List[T](v) {
		all[o.Identity()] = o
	}
}
