package access

import (
	"fmt"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/event"
)

// permit makes a permission, or gives the one that the principal has on the entity another role and reach. Nobody gives or takes
// away what he does not have there himself.
func (s *Service) permit(d *directory, by dc.Caller, p dc.Permission) error {
	object := dc.Describe(p.Principal.Kind(), d.nameOf(p.Principal))
	role, ok := d.role(p.Role)
	switch {
	case !ok:
		return dc.Errorf(dc.Invalid, "there is no role %q", p.Role).On(object).Fix("choose one of the roles that are listed")
	case !role.Grantable():
		return dc.Errorf(dc.Invalid, "the role %s cannot be given to anybody", role.Name).On(object).Fix("choose another role")
	}
	old := d.permission(p.Entity, p.Principal)
	if old != nil && old.Role == p.Role && old.Propagate == p.Propagate {
		return nil
	}
	if err := s.checkHolds(d, by, p.Entity, role); err != nil {
		return err
	}
	typ, what := dc.EventPermissionAdded, "given"
	if old != nil {
		if before, ok := d.role(old.Role); ok {
			if err := s.checkHolds(d, by, p.Entity, before); err != nil {
				return err
			}
		}
		typ, what = dc.EventPermissionUpdated, "changed to"
		p.ID, p.Meta = old.ID, old.Meta
	} else {
		p.ID, p.Meta = dc.PermissionID(dc.NewID(dc.KindPermission, random.Suffix())), dc.Meta{Created: time.Now().UTC()}
	}
	d.put(&p)
	d.record(by, typ, &p, fmt.Sprintf("the role %s was %s %s", role.Name, what, object))
	return nil
}

// checkHolds returns an error of kind Denied where the role has privileges that the caller does not have on the entity.
func (s *Service) checkHolds(d *directory, by dc.Caller, entity dc.ID, role *dc.Role) error {
	lacks := dc.NewPrivilegeSet(role.Privileges...).Without(s.rights(d.tx.View(), by).On(entity)).Privileges()
	if len(lacks) == 0 {
		return nil
	}
	return &dc.Error{Kind: dc.Denied, Object: "role " + fmt.Sprintf("%q", role.Name),
		Message: fmt.Sprintf("it has privileges that user %q does not have here: %s", by.Name, fewPrivileges(lacks)),
		Remedy:  "ask somebody who has them"}
}

// maxPrivileges is how many privileges an error names.
const maxPrivileges = 3

func fewPrivileges(all []dc.Privilege) string {
	s := fmt.Sprint(all[:min(maxPrivileges, len(all))])
	if more := len(all) - maxPrivileges; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// forget removes the permissions and memberships of a principal who is removed.
func (d *directory) forget(by dc.Caller, principal dc.ID, name string) {
	for _, p := range d.permissions {
		if p.Principal == principal {
			d.delete(p)
			d.record(by, dc.EventPermissionRemoved, p, fmt.Sprintf("the permission of %s was removed", dc.Describe(principal.Kind(), name)))
		}
	}
}

// nameOf returns the name of a user or a group, or its ID where it is not there.
func (d *directory) nameOf(principal dc.ID) string {
	if u, ok := d.users[dc.UserID(principal)]; ok {
		return u.Name
	}
	if g, ok := d.groups[dc.GroupID(principal)]; ok {
		return g.Name
	}
	return string(principal)
}

// record adds an event about a permission, on the object that it is on.
func (d *directory) record(by dc.Caller, typ dc.EventType, p *dc.Permission, what string) {
	target, name := p.Entity, ""
	if o := d.tx.View().Find(target); o != nil {
		name = o.Metadata().Name
	}
	event.Add(d.tx, time.Now(), dc.Event{Type: typ, Target: target, TargetName: name, User: by.Name,
		Message: fmt.Sprintf("On %s %s.", dc.Describe(target.Kind(), name), what)})
}
