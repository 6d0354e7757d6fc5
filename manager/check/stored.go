package check

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"hanok/dc"
)

// checkStored checks what the store promises by itself. All of it is of one revision, so whatever is found is certain.
func checkStored(inv *inventory, c *collector) {
	for _, id := range slices.Sorted(maps.Keys(inv.objects)) {
		checkReferences(inv, c, inv.objects[id])
	}
	checkClaims(inv, c)
	each(inv, func(t *dc.Task) { checkTask(inv, c, t) })
	each(inv, func(vm *dc.VirtualMachine) {
		c.examined[Power]++
		if done, asked := vm.Status.Outcome.Generation, vm.Spec.Power.Generation; done > asked {
			c.certain(Power, subjectOf(vm), "if the store was restored from a backup, ask for a power operation; else report this as a defect",
				"the host has finished the power operation %d, and only %d were asked for", done, asked)
		}
	})
}

// reference is an ID in an object, and of which kinds it may be. An empty ID is none.
type reference struct {
	field string
	id    dc.ID
	kinds []dc.Kind
}

// parentField is the reference that every object of the tree has, but for its root.
const parentField = "parent"

// references returns what an object refers to.
func references(o dc.Object) []reference {
	ref := func(field string, id dc.ID, kinds ...dc.Kind) reference { return reference{field, id, kinds} }
	parent := func(kinds ...dc.Kind) reference { return ref(parentField, o.Metadata().Parent, kinds...) }
	switch o := o.(type) {
	case *dc.Folder:
		return []reference{parent(dc.KindFolder, dc.KindDatacenter)}
	case *dc.Datacenter:
		return []reference{parent(dc.KindFolder),
			ref("vmFolder", dc.ID(o.VMFolder), dc.KindFolder), ref("hostFolder", dc.ID(o.HostFolder), dc.KindFolder),
			ref("datastoreFolder", dc.ID(o.DatastoreFolder), dc.KindFolder), ref("networkFolder", dc.ID(o.NetworkFolder), dc.KindFolder)}
	case *dc.Cluster:
		return []reference{parent(dc.KindFolder), ref("rootPool", dc.ID(o.RootPool), dc.KindResourcePool)}
	case *dc.Host:
		return []reference{parent(dc.KindCluster)}
	case *dc.ResourcePool:
		return []reference{parent(dc.KindCluster, dc.KindResourcePool)}
	case *dc.Datastore:
		all := []reference{parent(dc.KindFolder)}
		for _, host := range o.Spec.Hosts() {
			all = append(all, ref("spec.host", dc.ID(host), dc.KindHost))
		}
		return all
	case *dc.PortGroup:
		return []reference{parent(dc.KindFolder)}
	case *dc.AlarmState:
		return []reference{ref("alarm", dc.ID(o.Alarm), dc.KindAlarm)}
	case *dc.Tag:
		return []reference{parent(dc.KindTagCategory)}
	case *dc.VirtualMachine:
		all := []reference{parent(dc.KindFolder), ref("spec.pool", dc.ID(o.Spec.Pool), dc.KindResourcePool),
			ref("spec.host", dc.ID(o.Spec.Host), dc.KindHost), ref("spec.datastore", dc.ID(o.Spec.Datastore), dc.KindDatastore)}
		for _, nic := range o.Spec.Hardware.NICs {
			all = append(all, ref("spec.hardware.nics.portGroup", dc.ID(nic.PortGroup), dc.KindPortGroup))
		}
		return all
	}
	return nil // the others stand alone: who they are about may be gone
}

func checkReferences(inv *inventory, c *collector, o dc.Object) {
	all := references(o)
	if len(all) == 0 {
		return
	}
	c.examined[References]++
	const remedy = "report this as a defect; restore the store from a backup of before"
	for _, r := range all {
		switch {
		case r.id == "" && r.field == parentField && o.Identity() != dc.ID(dc.RootFolder):
			c.certain(References, subjectOf(o), remedy, "it stands in no folder")
		case r.id == "":
		case !slices.Contains(r.kinds, r.id.Kind()):
			c.certain(References, subjectOf(o), remedy, "its %s is %q, which can't be", r.field, r.id)
		case inv.objects[r.id] == nil:
			c.certain(References, subjectOf(o), remedy, "its %s %s does not exist", r.field, r.id)
		}
	}
	if vm, ok := o.(*dc.VirtualMachine); ok {
		if ds, ok := get[*dc.Datastore](inv, dc.ID(vm.Spec.Datastore)); ok && !ds.Spec.ReachedBy(vm.Spec.Host) {
			c.certain(References, subjectOf(o), remedy, "it is on the host %q, and its datastore %s on %s", vm.Spec.Host, ds.ID, quoted(ds.Spec.Hosts()))
		}
	}
}

// quoted lists IDs for a person.
func quoted(ids []dc.HostID) string {
	var out []string
	for _, id := range ids {
		out = append(out, strconv.Quote(string(id)))
	}
	return strings.Join(out, ", ")
}

func checkClaims(inv *inventory, c *collector) {
	const remedy = "report this as a defect; restore the store from a backup of before"
	wanted := make(map[string]dc.ID, len(inv.claims))
	for _, id := range slices.Sorted(maps.Keys(inv.objects)) {
		for _, claim := range inv.objects[id].Claims() {
			c.examined[Claims]++
			if other, ok := wanted[claim]; ok && other != id {
				c.certain(Claims, inv.subject(id), remedy, "%s and it both need the claim %q", other, claim)
				continue
			}
			wanted[claim] = id
			switch holder, ok := inv.claims[claim]; {
			case !ok:
				c.certain(Claims, inv.subject(id), remedy, "nobody holds its claim %q", claim)
			case holder != id:
				c.certain(Claims, inv.subject(id), remedy, "%q holds its claim %q", holder, claim)
			}
		}
	}
	for _, claim := range slices.Sorted(maps.Keys(inv.claims)) {
		if _, ok := wanted[claim]; !ok {
			c.examined[Claims]++
			c.certain(Claims, inv.subject(inv.claims[claim]), remedy, "it holds the claim %q, which it does not need", claim)
		}
	}
}

func checkTask(inv *inventory, c *collector, t *dc.Task) {
	c.examined[Tasks]++
	const remedy = "report this as a defect, with the manager's log"
	bad := func(format string, args ...any) { c.certain(Tasks, subjectOf(t), remedy, format, args...) }
	switch t.State {
	case dc.TaskSuccess, dc.TaskError:
		if t.Completed.IsZero() {
			bad("it has ended with %q and does not say when", t.State)
		}
		if failed := t.Failure != nil; failed != (t.State == dc.TaskError) {
			bad("it has ended with %q, and has a failure: %v", t.State, failed)
		}
	case dc.TaskQueued, dc.TaskRunning:
		switch {
		case !t.Completed.IsZero():
			bad("it is %q and has an end", t.State)
		case t.Target == "":
			bad("it is %q and has no target", t.State)
		case len(t.Parts) == 0 && inv.open[t.Target] != t:
			bad("%s works on %s, too", inv.open[t.Target].ID, t.Target)
		case t.Cursor < 0 || t.Cursor >= len(t.Steps):
			bad("it is at the step %d of %d", t.Cursor, len(t.Steps))
		}
	default:
		bad("its state is %q", t.State)
	}
}
