package dc

import (
	"iter"
	"slices"
)

// PrivilegeSet is a set of the Privileges that there are. The zero set is empty.
type PrivilegeSet [8]uint64

// NewPrivilegeSet returns the set of the privileges; those that are not known are left out.
func NewPrivilegeSet(privileges ...Privilege) (s PrivilegeSet) {
	for _, p := range privileges {
		if n, ok := privilegeNumbers[p]; ok {
			s[n/64] |= 1 << (n % 64)
		}
	}
	return s
}

// Has reports whether the privilege is in the set.
func (s PrivilegeSet) Has(p Privilege) bool {
	n, ok := privilegeNumbers[p]
	return ok && s[n/64]&(1<<(n%64)) != 0
}

// Union returns the privileges that are in either set.
func (s PrivilegeSet) Union(o PrivilegeSet) PrivilegeSet {
	for i := range s {
		s[i] |= o[i]
	}
	return s
}

// Without returns the privileges of the set that are not in o.
func (s PrivilegeSet) Without(o PrivilegeSet) PrivilegeSet {
	for i := range s {
		s[i] &^= o[i]
	}
	return s
}

// Intersect returns the privileges that are in both sets.
func (s PrivilegeSet) Intersect(o PrivilegeSet) PrivilegeSet {
	for i := range s {
		s[i] &= o[i]
	}
	return s
}

// Privileges returns the privileges of the set, in the order of identifiers.
func (s PrivilegeSet) Privileges() (all []Privilege) {
	for n, p := range allPrivileges {
		if s[n/64]&(1<<(n%64)) != 0 {
			all = append(all, p)
		}
	}
	return all
}

// Rules are who may do what where, as roles, permissions and groups say. They are immutable and safe for concurrent use.
//
// They are vSphere's. A permission on the object itself counts, and else those that propagate of the nearest object above that has
// any for the caller. Of those on one object, the caller's own counts alone; without one, those of all groups that he is in count
// together. An object with two parents, as a virtual machine has in its folder and its resource pool, has what either gives.
// Whoever may see an object may see what it stands in, too: its name, and nothing more.
type Rules struct {
	roles map[RoleID]PrivilegeSet
	// on are the permissions by entity, of their entities by principal.
	on map[ID][]Permission
	of map[ID][]ID
	// groups are those that a user or group is a member of, by the member.
	groups map[ID][]ID
	// external are the groups of identity sources, by their claims.
	external map[string]ID
}

// NewRules returns the rules of these objects. A permission whose role is none of them and no system role gives nothing, as
// NoAccess does.
func NewRules(roles iter.Seq[*Role], permissions iter.Seq[*Permission], groups iter.Seq[*Group]) *Rules {
	r := &Rules{roles: map[RoleID]PrivilegeSet{}, on: map[ID][]Permission{}, of: map[ID][]ID{}, groups: map[ID][]ID{}, external: map[string]ID{}}
	for _, role := range systemRoles {
		r.roles[role.ID] = NewPrivilegeSet(role.Privileges...)
	}
	for role := range roles {
		r.roles[role.ID] = NewPrivilegeSet(role.Privileges...)
	}
	for p := range permissions {
		r.on[p.Entity] = append(r.on[p.Entity], *p)
		r.of[p.Principal] = append(r.of[p.Principal], p.Entity)
	}
	for g := range groups {
		if g.External != nil {
			r.external[ExternalClaim(KindGroup, g.External.Source, g.External.Key)] = ID(g.ID)
		}
		for _, member := range g.Members {
			r.groups[member] = append(r.groups[member], ID(g.ID))
		}
	}
	return r
}

// GroupsOf returns the groups that a user or a group is in, directly or by other groups, in no particular order: as members say, not as
// identity sources do.
func (r *Rules) GroupsOf(member ID) []ID { return r.closure(nil, member) }

// GroupsOfUser is GroupsOf with the groups in which the user is by its identity source.
func (r *Rules) GroupsOfUser(u *User) []ID {
	if u.External == nil {
		return r.GroupsOf(ID(u.ID))
	}
	return r.GroupsOfAccount(ID(u.ID), u.External.Source, u.External.Groups)
}

// GroupsOfAccount is GroupsOfUser for a user, "" for one who is not known yet, whose identity source says that he is in the groups with
// these keys.
func (r *Rules) GroupsOfAccount(user ID, source IdentitySourceID, keys []string) (all []ID) {
	for _, key := range keys {
		if id, ok := r.external[ExternalClaim(KindGroup, source, key)]; ok && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return r.closure(all, append(slices.Clone(all), user)...)
}

// closure adds to all the groups that have the members in them, directly or by other groups.
func (r *Rules) closure(all []ID, members ...ID) []ID {
	for next := members; len(next) > 0; next = next[1:] {
		for _, g := range r.groups[next[0]] {
			if !slices.Contains(all, g) {
				all, next = append(all, g), append(next, g)
			}
		}
	}
	return all
}

// Permitted reports whether any permission is for one of the principals.
func (r *Rules) Permitted(principals []ID) bool {
	return slices.ContainsFunc(principals, func(p ID) bool { return len(r.of[p]) > 0 })
}

// Parents returns the objects from which one inherits permissions: one or two, and none for the root folder. The empty ID stands
// for none.
type Parents func(id ID) (first, second ID)

// Rights are what one caller may do, in one inventory at one moment. They are not safe for concurrent use.
type Rights struct {
	rules   *Rules
	user    ID
	groups  []ID
	parents Parents
	// inherited are the privileges that an object's children have from it, for the objects that were asked for already.
	inherited map[ID]PrivilegeSet
	// above are the objects above those that the caller has been let see by permissions on them; nil before somebody asks.
	above map[ID]bool
	// everywhere, of a caller without permissions, is what he may do.
	everywhere *PrivilegeSet
	// scope narrows all of it; nil does not.
	scope *scope
}

// Of returns the rights of a user in an inventory.
func (r *Rules) Of(u *User, parents Parents) *Rights {
	return &Rights{rules: r, user: ID(u.ID), groups: r.GroupsOfUser(u), parents: parents, inherited: map[ID]PrivilegeSet{}}
}

// RoleEverywhere returns the rights of a caller who has a system role on everything, and none for another role.
func RoleEverywhere(id RoleID) *Rights {
	var set PrivilegeSet
	if r := SystemRole(id); r != nil {
		set = NewPrivilegeSet(r.Privileges...)
	}
	return &Rights{everywhere: &set}
}

// On returns what the caller may do with an object.
func (r *Rights) On(id ID) PrivilegeSet {
	if r.everywhere != nil {
		return *r.everywhere
	}
	first, second := r.parents(id)
	return r.OnChild(id, first, second)
}

// OnChild is On for an object whose parents are known.
func (r *Rights) OnChild(id, first, second ID) PrivilegeSet {
	if r.everywhere != nil {
		return *r.everywhere
	}
	set := r.explicit(id, first, second)
	if !set.Has(PrivView) && r.isAbove(id) {
		set = set.Union(NewPrivilegeSet(PrivView))
	}
	return r.scope.cut(set, id, first, second)
}

// explicit is OnChild without what is allowed of the objects above those that the caller may see.
func (r *Rights) explicit(id, first, second ID) PrivilegeSet {
	if set, ok := r.at(id, false); ok {
		return set
	}
	return r.from(first).Union(r.from(second))
}

// at returns what the permissions on the object itself say, and whether there are any for the caller. Only those that propagate
// count for what is below.
func (r *Rights) at(id ID, below bool) (set PrivilegeSet, ok bool) {
	for _, p := range r.rules.on[id] {
		switch {
		case below && !p.Propagate:
		case p.Principal == r.user:
			return r.rules.roles[p.Role], true
		case slices.Contains(r.groups, p.Principal):
			set, ok = set.Union(r.rules.roles[p.Role]), true
		}
	}
	return set, ok
}

// from returns what the children of an object have from it.
func (r *Rights) from(id ID) PrivilegeSet {
	if id == "" {
		return PrivilegeSet{}
	}
	if set, ok := r.inherited[id]; ok {
		return set
	}
	r.inherited[id] = PrivilegeSet{} // an inventory that is no tree ends here
	set, ok := r.at(id, true)
	if !ok {
		first, second := r.parents(id)
		set = r.from(first).Union(r.from(second))
	}
	r.inherited[id] = set
	return set
}

// isAbove reports whether the object stands above one on which a permission lets the caller see it.
func (r *Rights) isAbove(id ID) bool {
	if r.above == nil {
		r.above = map[ID]bool{}
		for _, principal := range append([]ID{r.user}, r.groups...) {
			for _, entity := range r.rules.of[principal] {
				first, second := r.parents(entity)
				if set, _ := r.at(entity, false); set.Has(PrivView) {
					r.mark(first)
					r.mark(second)
				}
			}
		}
	}
	return r.above[id]
}

func (r *Rights) mark(id ID) {
	if id == "" || r.above[id] {
		return
	}
	r.above[id] = true
	first, second := r.parents(id)
	r.mark(first)
	r.mark(second)
}

// Unrestricted reports whether the caller may see everything that there is: he has System.Read on the root folder, which propagates,
// and on whatever else has a permission for him.
func (r *Rights) Unrestricted() bool {
	if r.everywhere != nil {
		return r.everywhere.Has(PrivRead)
	}
	if r.scope != nil && len(r.scope.objects) > 0 || !r.from(ID(RootFolder)).Has(PrivRead) || !r.On(ID(RootFolder)).Has(PrivRead) {
		return false
	}
	for _, principal := range append([]ID{r.user}, r.groups...) {
		for _, entity := range r.rules.of[principal] {
			if !r.On(entity).Has(PrivRead) || !r.from(entity).Has(PrivRead) {
				return false
			}
		}
	}
	return true
}

// Everything reports whether the caller has the privileges on every object that there is and that comes: what lists of all that he
// sees need not ask for each.
func (r *Rights) Everything(privileges ...Privilege) bool {
	has := func(set PrivilegeSet) bool {
		for _, p := range privileges {
			if !set.Has(p) {
				return false
			}
		}
		return true
	}
	if r.everywhere != nil {
		return has(*r.everywhere)
	}
	if r.scope != nil {
		return false
	}
	for _, principal := range append([]ID{r.user}, r.groups...) {
		for _, entity := range r.rules.of[principal] {
			if entity != ID(RootFolder) {
				return false // it may say less than the root folder's
			}
		}
	}
	here, _ := r.at(ID(RootFolder), false)
	below, _ := r.at(ID(RootFolder), true)
	return has(here) && has(below)
}

// RolesOn returns the roles by which the caller may do what he may with an object, each once, in no particular order. A caller who is no
// user has none.
func (r *Rights) RolesOn(id ID) []RoleID {
	if r.everywhere != nil {
		return nil
	}
	return r.rolesOn(id, false, map[ID]bool{})
}

func (r *Rights) rolesOn(id ID, below bool, seen map[ID]bool) (roles []RoleID) {
	if id == "" || seen[id] {
		return nil
	}
	seen[id] = true
	for _, p := range r.rules.on[id] {
		switch {
		case below && !p.Propagate:
		case p.Principal == r.user:
			return []RoleID{p.Role}
		case slices.Contains(r.groups, p.Principal) && !slices.Contains(roles, p.Role):
			roles = append(roles, p.Role)
		}
	}
	if len(roles) > 0 {
		return roles
	}
	first, second := r.parents(id)
	for _, role := range append(r.rolesOn(first, true, seen), r.rolesOn(second, true, seen)...) {
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}
