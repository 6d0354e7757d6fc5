package access

import (
	"sync/atomic"

	"hanok/dc"
	"hanok/manager/store"
)

// compiled are the rules of one state of roles, permissions and groups.
type compiled struct {
	state [3]int64
	rules *dc.Rules
}

// rulesCache holds the rules of the newest view that somebody asked for: they change seldom, and views all the time.
type rulesCache struct{ last atomic.Pointer[compiled] }

// of returns the rules as the view has them.
func (c *rulesCache) of(v *store.View) *dc.Rules {
	state := [3]int64{v.LastChange(dc.KindRole), v.LastChange(dc.KindPermission), v.LastChange(dc.KindGroup)}
	if last := c.last.Load(); last != nil && last.state == state {
		return last.rules
	}
	rules := dc.NewRules(store.List[*dc.Role](v), store.List[*dc.Permission](v), store.List[*dc.Group](v))
	c.last.Store(&compiled{state, rules})
	return rules
}

// rights returns what the caller may do in the inventory of the view.
func (s *Service) rights(v *store.View, by dc.Caller) *dc.Rights {
	if by.Role != "" || by.User == "" {
		return dc.RoleEverywhere(by.Role)
	}
	u, err := store.Get[*dc.User](v, dc.ID(by.User))
	if err != nil { // deleted since
		return dc.RoleEverywhere("")
	}
	rights := s.rules.of(v).Of(u, parentsIn(v))
	if !by.Narrow {
		return rights
	}
	t, err := store.Get[*dc.APIToken](v, dc.ID(by.Token))
	if err != nil { // revoked since
		return dc.RoleEverywhere("")
	}
	return rights.Narrow(t.Scope)
}

// parentsIn returns the parents of objects as the view has them.
func parentsIn(v *store.View) dc.Parents {
	return func(id dc.ID) (first, second dc.ID) { return parents(v.Find(id)) }
}

// parents returns the objects from which one inherits permissions. What stands in no tree of its own, such as an image, has them
// from the root folder.
func parents(o dc.Object) (first, second dc.ID) {
	switch o := o.(type) {
	case nil:
		return "", ""
	case *dc.VirtualMachine:
		return o.Parent, dc.ID(o.Spec.Pool)
	case *dc.Image:
		return dc.ID(dc.RootFolder), ""
	}
	return o.Metadata().Parent, ""
}
