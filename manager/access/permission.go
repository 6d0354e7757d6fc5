package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/event"
	"hanok/manager/store"
)

// Permissions returns the permissions on an object, or on all objects where entity is "", that the caller may read: those of
// objects on which he has System.Read. With inherited, those that propagate from above the object come along, nearest first. They
// are shared and must not be changed.
func (s *Service) Permissions(by dc.Caller, entity dc.ID, inherited bool) ([]*dc.Permission, error) {
	if err := s.Authenticated(by); err != nil {
		return nil, err
	}
	v := s.store.View()
	rights := s.rights(v, by)
	if entity == "" {
		var out []*dc.Permission
		for p := range store.List[*dc.Permission](v) {
			if v.Find(p.Entity) != nil && rights.On(p.Entity).Has(dc.PrivRead) {
				out = append(out, p)
			}
		}
		return out, nil
	}
	if err := s.Authorize(by, dc.PrivRead, entity); err != nil {
		return nil, err
	}
	wanted := []dc.ID{entity}
	for i := 0; inherited && i < len(wanted); i++ {
		first, second := parents(v.Find(wanted[i]))
		for _, id := range []dc.ID{first, second} {
			if id != "" && !slices.Contains(wanted, id) && rights.On(id).Has(dc.PrivView) {
				wanted = append(wanted, id)
			}
		}
	}
	var out []*dc.Permission
	for i, id := range wanted {
		for p := range store.List[*dc.Permission](v) {
			if p.Entity == id && (i == 0 || p.Propagate) {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// SetPermission gives a user or a group a role on an object of the inventory, in the place of the one that it has there. Kinds:
// NotFound for the object and the principal, Invalid for what can have no permissions and for a role that cannot be given, Denied
// also for a role with privileges that the caller does not have there, WrongState where nobody would be left who may do all.
// Privilege: PrivUsers on the object.
func (s *Service) SetPermission(ctx context.Context, by dc.Caller, p dc.Permission) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return s.SetPermissionIn(tx, by, p) })
}

// SetPermissionIn is SetPermission as a part of tx.
func (s *Service) SetPermissionIn(tx *store.Tx, by dc.Caller, p dc.Permission) error {
	if err := s.Authorize(by, dc.PrivUsers, p.Entity); err != nil {
		return err
	}
	if _, ok := seen[p.Entity.Kind()]; !ok {
		return dc.Errorf(dc.Invalid, "a %s has no permissions", p.Entity.Kind().Noun()).Fix("choose an object of the inventory")
	}
	return changeIn(tx, "", func(d *directory) error {
		if k := p.Principal.Kind(); k != dc.KindUser && k != dc.KindGroup || d.tx.View().Find(p.Principal) == nil {
			return notThere(p.Principal)
		}
		d.tx.Exists(p.Entity)
		return s.permit(d, by, p)
	})
}

// RemovePermission takes the permission of a user or a group on an object away. Kinds: NotFound where there is none, and those of
// SetPermission. Privilege: PrivUsers on the object.
func (s *Service) RemovePermission(ctx context.Context, by dc.Caller, entity, principal dc.ID) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return s.RemovePermissionIn(tx, by, entity, principal) })
}

// RemovePermissionIn is RemovePermission as a part of tx.
func (s *Service) RemovePermissionIn(tx *store.Tx, by dc.Caller, entity, principal dc.ID) error {
	if err := s.Authorize(by, dc.PrivUsers, entity); err != nil {
		return err
	}
	return changeIn(tx, "", func(d *directory) error {
		p := d.permission(entity, principal)
		if p == nil {
			return dc.Errorf(dc.NotFound, "it has no permission here").On(dc.Describe(principal.Kind(), d.nameOf(principal))).
				Fix("look at the permissions on the object")
		}
		return s.revoke(d, by, p)
	})
}

// SweepPermissions removes the permissions whose object has been deleted. The manager calls it from time to time. Errors are those
// of store.Change; what was removed before stays so.
func (s *Service) SweepPermissions(ctx context.Context) error {
	stale := func(v *store.View) func(*dc.Permission) bool {
		return func(p *dc.Permission) bool { return p.Entity != dc.ID(dc.RootFolder) && v.Find(p.Entity) == nil }
	}
	for v := s.store.View(); ; v = s.store.View() {
		if !slices.ContainsFunc(slices.Collect(store.List[*dc.Permission](v)), stale(v)) {
			return nil
		}
		err := s.change(ctx, "", func(d *directory) error {
			all := d.permissionsWhere(stale(d.tx.View()))
			for _, p := range all[:min(batch, len(all))] {
				d.delete(p)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

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

// revoke removes a permission. Nobody takes away what he does not have there himself.
func (s *Service) revoke(d *directory, by dc.Caller, p *dc.Permission) error {
	if r, ok := d.role(p.Role); ok {
		if err := s.checkHolds(d, by, p.Entity, r); err != nil {
			return err
		}
	}
	d.delete(p)
	d.record(by, dc.EventPermissionRemoved, p, "the permission of "+dc.Describe(p.Principal.Kind(), d.nameOf(p.Principal))+" was removed")
	return nil
}

// forget removes permissions and memberships of a user or group that is removed in the same transaction; done is false where there
// are too many for one.
func (s *Service) forget(d *directory, by dc.Caller, principal dc.ID) (done bool, err error) {
	all := d.permissionsWhere(func(p *dc.Permission) bool { return p.Principal == principal })
	for _, p := range all[:min(batch, len(all))] {
		if err := s.revoke(d, by, p); err != nil {
			return false, err
		}
	}
	if len(all) > batch {
		return false, nil
	}
	left := batch
	for _, id := range slices.Sorted(maps.Keys(d.groups)) {
		if !slices.Contains(d.groups[id].Members, principal) {
			continue
		}
		if left--; left < 0 {
			return false, nil
		}
		g, err := store.Load[*dc.Group](d.tx, dc.ID(id))
		if err != nil {
			return false, err
		}
		g.Members = slices.DeleteFunc(g.Members, func(m dc.ID) bool { return m == principal })
		d.put(g)
	}
	return true, nil
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
