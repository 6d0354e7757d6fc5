package access

import (
	"slices"

	"hanok/dc"
	"hanok/manager/store"
)

// Visible returns a function that reports whether the caller may see an object: what lists and watches leave out. It is good for
// one pass over a view, and not for concurrent use. The error is of kind Unauthenticated.
//
// A folder, a data center, a cluster and a resource pool are a name and a place, and need System.View; other objects of the
// inventory need System.Read. A task or an event is seen by who sees what it is about, a task besides by who asked for it (with an API token
// with a scope, not), and a scheduled task by who sees all that it is scheduled on, or is who it runs for. What is
// about something that is not there any more, or about no object of the inventory, needs System.Read on the root folder.
func (s *Service) Visible(by dc.Caller) (func(dc.Object) bool, error) {
	if err := s.Authenticated(by); err != nil {
		return nil, err
	}
	v := s.store.View()
	return (&sight{view: v, rights: s.rights(v, by), by: by}).sees, nil
}

// sight is what one caller sees of one view.
type sight struct {
	view   *store.View
	rights *dc.Rights
	by     dc.Caller
}

func (s *sight) sees(o dc.Object) bool {
	switch o := o.(type) {
	case *dc.Task:
		return o.User == s.by.Name && !s.by.Narrow || s.seesTarget(o.Target)
	case *dc.Event:
		return s.seesTarget(o.Target)
	case *dc.ScheduledTask:
		mine := o.Spec.Runner.User == s.by.User && s.by.User != "" && !s.by.Narrow
		return mine || !slices.ContainsFunc(o.Spec.Action.Entities(), func(id dc.ID) bool { return !s.seesScheduled(id) })
	}
	p, ok := seen[o.Kind()]
	if !ok {
		return s.seesAll()
	}
	first, second := parents(o)
	return s.rights.OnChild(o.Identity(), first, second).Has(p)
}

// seesTarget reports whether the caller sees what a task or an event is about.
func (s *sight) seesTarget(id dc.ID) bool {
	if id != "" && id == dc.ID(s.by.User) && !s.by.Narrow {
		return true
	}
	if _, ok := seen[id.Kind()]; ok {
		if o := s.view.Find(id); o != nil {
			return s.sees(o)
		}
	}
	return s.seesAll()
}

// seesScheduled reports whether the caller sees an object that a task is scheduled on. On the root folder that is everything.
func (s *sight) seesScheduled(id dc.ID) bool {
	return id != dc.ID(dc.RootFolder) && s.seesTarget(id) || s.seesAll()
}

// seesAll reports whether the caller sees what stands in no tree.
func (s *sight) seesAll() bool { return s.rights.On(dc.ID(dc.RootFolder)).Has(dc.PrivRead) }

// seen are the kinds that stand in the inventory, with the privilege that seeing one in a list needs.
var seen = map[dc.Kind]dc.Privilege{
	dc.KindFolder: dc.PrivView, dc.KindDatacenter: dc.PrivView, dc.KindCluster: dc.PrivView, dc.KindResourcePool: dc.PrivView,
	dc.KindHost: dc.PrivRead, dc.KindDatastore: dc.PrivRead, dc.KindPortGroup: dc.PrivRead, dc.KindImage: dc.PrivRead,
	dc.KindVirtualMachine: dc.PrivRead,
}

// SeesAll reports whether the caller sees every object of the inventory, and every one that comes, as long as no permission changes.
func (s *Service) SeesAll(by dc.Caller) bool {
	return s.Authenticated(by) == nil && s.rights(s.store.View(), by).Everything(dc.PrivView, dc.PrivRead)
}

// RolesOn returns vSphere's numbers of the roles that the caller has on an object, in their order.
func (s *Service) RolesOn(by dc.Caller, on dc.ID) []int32 {
	v := s.store.View()
	out := []int32{}
	for _, id := range s.rights(v, by).RolesOn(on) {
		role := dc.SystemRole(id)
		if role == nil {
			role, _ = store.Get[*dc.Role](v, dc.ID(id)) // nil where it is gone
		}
		if role != nil {
			out = append(out, role.Number)
		}
	}
	slices.Sort(out)
	return out
}
