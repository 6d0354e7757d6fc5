package check

import (
	"encoding/json"
	"fmt"
	"strings"

	"hanok/dc"
	"hanok/manager/store"
)

// The prefixes of the store's keys that are examined.
const (
	objectKeys = "object/"
	claimKeys  = "claim/"
)

// inventory is what the store has, decoded here.
type inventory struct {
	revision int64
	objects  map[dc.ID]dc.Object
	// kinds are the objects of each kind, in the order of IDs.
	kinds map[dc.Kind][]dc.Object
	// claims are the holders of claims.
	claims map[string]dc.ID
	// open is the open task of each object that has one.
	open map[dc.ID]*dc.Task
}

const restore = "restore the store from a backup, or mend the key with etcd's own tools while no manager runs"

// readInventory decodes a dump, and reports what can't be.
func readInventory(d store.Dump, c *collector) *inventory {
	inv := &inventory{revision: d.Revision, objects: map[dc.ID]dc.Object{}, kinds: map[dc.Kind][]dc.Object{},
		claims: map[string]dc.ID{}, open: map[dc.ID]*dc.Task{}}
	for _, e := range d.Entries {
		if claim, ok := strings.CutPrefix(e.Key, claimKeys); ok {
			inv.claims[claim] = dc.ID(e.Value)
			continue
		}
		key, ok := strings.CutPrefix(e.Key, objectKeys)
		if !ok {
			continue
		}
		c.examined[Objects]++
		kind, id, _ := strings.Cut(key, "/")
		o, err := decode(dc.Kind(kind), e)
		if err == nil && (string(o.Identity()) != id || o.Identity().Kind() != o.Kind()) {
			err = fmt.Errorf("it holds %q", o.Identity())
		}
		if err != nil {
			c.certain(Objects, subject{id: dc.ID(id), object: fmt.Sprintf("key %q", e.Key)}, restore, "%v", err)
			continue
		}
		inv.objects[o.Identity()] = o
		inv.kinds[o.Kind()] = append(inv.kinds[o.Kind()], o) // the dump is in order
		if t, ok := o.(*dc.Task); ok && len(t.Parts) == 0 && t.State != dc.TaskSuccess && t.State != dc.TaskError {
			inv.open[t.Target] = t
		}
	}
	return inv
}

// decode makes the object of a key.
func decode(kind dc.Kind, e store.Entry) (dc.Object, error) {
	o := dc.NewObject(kind)
	if o == nil {
		return nil, fmt.Errorf("there are no objects of kind %q", kind)
	}
	if err := json.Unmarshal(e.Value, o); err != nil {
		return nil, fmt.Errorf("its value can't be read: %w", err)
	}
	o.Metadata().Revision = e.Revision
	return o, nil
}

// each calls f for every object of type T.
func each[T dc.Object](inv *inventory, f func(T)) {
	var none T
	for _, o := range inv.kinds[none.Kind()] {
		f(o.(T))
	}
}

// get returns an object, or nil and false.
func get[T dc.Object](inv *inventory, id dc.ID) (T, bool) {
	o, ok := inv.objects[id].(T)
	return o, ok
}

// subject describes an object that may not be there.
func (inv *inventory) subject(id dc.ID) subject {
	if o := inv.objects[id]; o != nil {
		return subjectOf(o)
	}
	return subject{id: id, object: dc.Describe(id.Kind(), string(id))}
}

// moving reports whether something is being done with a machine: what is asked of it and what is seen of it may differ.
func (inv *inventory) moving(vm *dc.VirtualMachine) bool {
	return inv.open[dc.ID(vm.ID)] != nil || vm.Status.Outcome.Generation < vm.Spec.Power.Generation
}
