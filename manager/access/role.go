package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/event"
	"hanok/manager/store"
)

// Roles returns all roles, the system's and the others, by name. They are shared and must not be changed. Every user may call it.
func (s *Service) Roles(by dc.Caller) ([]*dc.Role, error) {
	if err := s.Authenticated(by); err != nil {
		return nil, err
	}
	return allRoles(s.store.View()), nil
}

// CreateRole makes a role of the privileges, and of those that every role has. Kinds: Invalid for a bad name and for privileges that
// there are not, Exists, Denied for privileges that the caller does not have on the root folder. Privilege: PrivRoles.
func (s *Service) CreateRole(ctx context.Context, by dc.Caller, name, summary string, privileges []dc.Privilege) (*dc.Role, error) {
	if err := s.Authorize(by, dc.PrivRoles, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	r := &dc.Role{ID: dc.RoleID(dc.NewID(dc.KindRole, random.Suffix())), Meta: dc.Meta{Name: name, Created: time.Now().UTC()}, Summary: summary}
	if err := checkRoleName(r); err != nil {
		return nil, err
	}
	if err := r.SetPrivileges(privileges); err != nil {
		return nil, err
	}
	err := s.change(ctx, describeRole(r), func(d *directory) error {
		if err := s.checkHolds(d, by, dc.ID(dc.RootFolder), r); err != nil {
			return err
		}
		r.Number = d.number()
		d.put(r)
		recordRole(d, by, dc.EventRoleAdded, r, "was created")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// UpdateRole gives a role another name, summary and privileges; permissions with it mean the new ones at once. Nobody adds privileges
// that he does not have wherever the role is used. Kinds: NotFound, Invalid, Exists and Denied as CreateRole says, WrongState for a
// system role, and where nobody would be left who may do all. Privilege: PrivRoles.
func (s *Service) UpdateRole(ctx context.Context, by dc.Caller, id dc.RoleID, name, summary string, privileges []dc.Privilege) error {
	if err := s.Authorize(by, dc.PrivRoles, dc.ID(dc.RootFolder)); err != nil {
		return err
	}
	if err := checkChangeable(id); err != nil {
		return err
	}
	return s.change(ctx, dc.Describe(dc.KindRole, name), func(d *directory) error {
		r, err := store.Load[*dc.Role](d.tx, dc.ID(id))
		if err != nil {
			return err
		}
		before := dc.NewPrivilegeSet(r.Privileges...)
		r.Name, r.Summary = name, summary
		if err := checkRoleName(r); err != nil {
			return err
		}
		if err := r.SetPrivileges(privileges); err != nil {
			return err
		}
		added := &dc.Role{Meta: r.Meta, Privileges: dc.NewPrivilegeSet(r.Privileges...).Without(before).Privileges()}
		for _, entity := range append(d.entitiesOf(id), dc.ID(dc.RootFolder)) {
			if err := s.checkHolds(d, by, entity, added); err != nil {
				return err
			}
		}
		d.put(r)
		recordRole(d, by, dc.EventRoleUpdated, r, "was changed")
		return nil
	})
}

// DeleteRole removes a role. One that permissions have is refused with WrongState, unless they are to be removed, too. Kinds besides:
// NotFound, WrongState for a system role, and where nobody would be left who may do all. Privilege: PrivRoles, and
// PrivUsers where permissions are removed.
func (s *Service) DeleteRole(ctx context.Context, by dc.Caller, id dc.RoleID, removePermissions bool) error {
	if err := s.Authorize(by, dc.PrivRoles, dc.ID(dc.RootFolder)); err != nil {
		return err
	}
	if err := checkChangeable(id); err != nil {
		return err
	}
	for gone := false; !gone; {
		err := s.change(ctx, dc.Describe(dc.KindRole, string(id)), func(d *directory) error {
			r, err := store.Load[*dc.Role](d.tx, dc.ID(id))
			if err != nil {
				return err
			}
			used := d.permissionsWhere(func(p *dc.Permission) bool { return p.Role == id })
			if len(used) > 0 && !removePermissions {
				return &dc.Error{Kind: dc.WrongState, Object: describeRole(r), Message: fmt.Sprintf("%d permissions have it", len(used)),
					Remedy: "remove or change them first, or let them be removed with it (--force)"}
			}
			for _, p := range used[:min(batch, len(used))] {
				if err := s.revoke(d, by, p); err != nil {
					return err
				}
			}
			if gone = len(used) <= batch; gone {
				d.delete(r)
				recordRole(d, by, dc.EventRoleRemoved, r, "was removed")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkChangeable refuses system roles.
func checkChangeable(id dc.RoleID) error {
	if r := dc.SystemRole(id); r != nil {
		return &dc.Error{Kind: dc.WrongState, Object: describeRole(r), Message: "it is a system role", Remedy: "clone it, and change the clone"}
	}
	return nil
}

func checkRoleName(r *dc.Role) error {
	if err := dc.CheckName(dc.KindRole, r.Name); err != nil {
		return err
	}
	for _, system := range dc.SystemRoles() {
		if system.Name == r.Name {
			return &dc.Error{Kind: dc.Exists, Object: describeRole(r), Message: "a system role has this name", Remedy: "choose another name"}
		}
	}
	return nil
}

func describeRole(r *dc.Role) string { return dc.Describe(dc.KindRole, r.Name) }

func recordRole(d *directory, by dc.Caller, typ dc.EventType, r *dc.Role, what string) {
	event.Add(d.tx, time.Now(), dc.Event{Type: typ, Target: dc.ID(r.ID), TargetName: r.Name, User: by.Name,
		Message: fmt.Sprintf("Role %q %s.", r.Name, what)})
}

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
	u, err := store.Get[*dc.User](v, dc.ID(user))
	if err != nil {
		return ""
	}
	for _, g := range s.rules.of(v).GroupsOfUser(u) {
		if name := role(g); name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
