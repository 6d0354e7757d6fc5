package dc

import "slices"

// Narrow makes the rights those of a token with the scope: what they were, cut down to it. With a scope that narrows nothing they stay.
func (r *Rights) Narrow(s TokenScope) *Rights {
	if s.IsZero() {
		return r
	}
	cut := &scope{parents: r.parents, objects: s.Objects, below: map[ID]bool{}, above: map[ID]bool{}}
	if len(s.Roles)+len(s.Privileges) > 0 {
		set := NewPrivilegeSet(append(slices.Clone(s.Privileges), basic...)...)
		for _, id := range s.Roles {
			set = set.Union(r.rules.roles[id]) // a role that is gone gives nothing
		}
		cut.privileges = &set
	}
	for _, id := range s.Objects {
		cut.mark(id)
	}
	r.scope = cut
	return r
}

// scope is a TokenScope in one inventory.
type scope struct {
	parents    Parents
	privileges *PrivilegeSet
	objects    []ID
	// below is whether an object is one of objects or below one, of those that were asked for; above are those above.
	below, above map[ID]bool
}

// cut returns what of the set the scope leaves on an object. The nil scope leaves all.
func (s *scope) cut(set PrivilegeSet, id, first, second ID) PrivilegeSet {
	if s == nil {
		return set
	}
	if s.privileges != nil {
		set = set.Intersect(*s.privileges)
	}
	switch {
	case len(s.objects) == 0 || slices.Contains(s.objects, id) || s.isBelow(first) || s.isBelow(second):
		return set
	case s.above[id]:
		return set.Intersect(NewPrivilegeSet(PrivView))
	}
	return PrivilegeSet{}
}

func (s *scope) isBelow(id ID) bool {
	if id == "" {
		return false
	}
	if is, ok := s.below[id]; ok {
		return is
	}
	s.below[id] = false // an inventory that is no tree ends here
	is := slices.Contains(s.objects, id)
	if !is {
		first, second := s.parents(id)
		is = s.isBelow(first) || s.isBelow(second)
	}
	s.below[id] = is
	return is
}

func (s *scope) mark(id ID) {
	first, second := s.parents(id)
	for _, above := range []ID{first, second} {
		if above != "" && !s.above[above] {
			s.above[above] = true
			s.mark(above)
		}
	}
}
