package convert

import (
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// Role returns a role for the wire.
func Role(o *dc.Role) *hanokv1.Role {
	out := &hanokv1.Role{
		Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision,
		Number: o.Number, Summary: o.Summary, System: dc.SystemRole(o.ID) != nil,
	}
	for _, p := range o.Privileges {
		out.Privileges = append(out.Privileges, string(p))
	}
	return out
}

// Permission returns a permission for the wire, with the path of its object and the names of its principal and role.
func Permission(o *dc.Permission, path, principal, role string) *hanokv1.Permission {
	return &hanokv1.Permission{
		Id: string(o.ID), Revision: o.Revision, EntityId: string(o.Entity), Entity: path, EntityKind: string(o.Entity.Kind()),
		PrincipalId: string(o.Principal), Principal: principal, Group: o.Principal.Kind() == dc.KindGroup,
		RoleId: string(o.Role), Role: role, Propagate: o.Propagate,
	}
}

// Group returns a group for the wire, with the names of its members.
func Group(o *dc.Group, names Names) *hanokv1.Group {
	out := &hanokv1.Group{Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision, Summary: o.Summary}
	for _, m := range o.Members {
		out.Members = append(out.Members, &hanokv1.GroupMember{Id: string(m), Name: names(m), Group: m.Kind() == dc.KindGroup})
	}
	return out
}

// APIToken returns an API token for the wire, with the names of its owner, of its roles, and the paths of its objects.
func APIToken(o *dc.APIToken, owner string, roles, objects []string) *hanokv1.APIToken {
	out := &hanokv1.APIToken{
		Id: string(o.ID), Name: o.Name, Revision: o.Revision, Owner: owner, Created: Time(o.Created), Expires: Time(o.Expires),
		LastUsed: Time(o.Used), CreatedBy: o.By, Roles: roles, Objects: objects,
	}
	for _, p := range o.Scope.Privileges {
		out.Privileges = append(out.Privileges, string(p))
	}
	return out
}
