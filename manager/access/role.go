package access

import (
	"slices"
	"strings"

	"hanok/dc"
	"hanok/manager/store"
)

// Role returns the role that a user names by its name or ID. The error is of kind Invalid.
func (s *Service) Role(ref string) (*dc.Role, error) {
	for _, r := range allRoles(s.store.View()) {
		if r.Name == ref || string(r.ID) == ref {
			return r, nil
		}
	}
	return nil, dc.Errorf(dc.Invalid, "there is no role %q", ref).Fix("choose one of the roles that are listed (hanok role list)")
}

// allRoles returns the system roles and the stored ones, by name.
func allRoles(v *store.View) []*dc.Role {
	return slices.SortedFunc(slices.Values(slices.AppendSeq(dc.SystemRoles(), store.List[*dc.Role](v))),
		func(a, b *dc.Role) int { return strings.Compare(a.Name, b.Name) })
}

// RoleOf returns the name of the role that counts for a user on the root folder: his own, else those of his groups; "" for none.
func (s *Service) RoleOf(user dc.UserID) string {
	v := s.store.View()
	role := func(principal dc.ID) string {
		id, _ := store.Claimed(v, dc.PermissionClaim(dc.ID(dc.RootFolder), principal))
		p, err := store.Get[*dc.Permission](v, id)
		if err != nil {
			return ""
		}
		for _, r := range allRoles(v) {
			if r.ID == p.Role {
				return r.Name
			}
		}
		return ""
	}
	if own := role(dc.ID(user)); own != "" {
		return own
	}
	var all []string
	for _, g := range s.rules.of(v).GroupsOf(dc.ID(user)) {
		if name := role(g); name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
