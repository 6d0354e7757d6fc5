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

// Groups returns all groups by name. They are shared and must not be changed. Privilege: PrivRead on the root folder.
func (s *Service) Groups(by dc.Caller) ([]*dc.Group, error) {
	if err := s.Authorize(by, dc.PrivRead, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	return slices.SortedFunc(store.List[*dc.Group](s.store.View()), func(a, b *dc.Group) int { return strings.Compare(a.Name, b.Name) }), nil
}

// Principal returns the user or the group that a name or an ID means. The error is of kind NotFound.
func (s *Service) Principal(ref string, group bool) (dc.ID, error) {
	v := s.store.View()
	if src, name := s.sourceOf(v, ref); src != nil {
		ref = name + "@" + src.Spec.Domain
	}
	kind, claim := dc.KindUser, "user/"+strings.ToLower(ref)
	if group {
		kind, claim = dc.KindGroup, dc.GroupClaim(ref)
	}
	if dc.ID(ref).Kind() == kind && v.Find(dc.ID(ref)) != nil {
		return dc.ID(ref), nil
	}
	if id, ok := store.Claimed(v, claim); ok {
		return id, nil
	}
	return "", dc.Errorf(dc.NotFound, "there is none of this name").On(dc.Describe(kind, ref)).Fix("list the %ss to see their names", kind.Noun())
}

// NameOf returns the name of a user or a group, or "" for one that is not there.
func (s *Service) NameOf(principal dc.ID) string {
	if o := s.store.View().Find(principal); o != nil {
		return o.Metadata().Name
	}
	return ""
}

// CreateGroup makes a group without members. Kinds: Invalid for a bad name, Exists. Privilege: PrivUsers on the root folder.
func (s *Service) CreateGroup(ctx context.Context, by dc.Caller, name, summary string) (*dc.Group, error) {
	if err := s.Authorize(by, dc.PrivUsers, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	if err := dc.CheckName(dc.KindGroup, name); err != nil {
		return nil, err
	}
	if src, _ := s.sourceOf(s.store.View(), name); src != nil {
		return nil, dc.Errorf(dc.Invalid, "the name is one of identity source %q", src.Name).On(dc.Describe(dc.KindGroup, name)).Fix("choose another name")
	}
	g := &dc.Group{ID: dc.GroupID(dc.NewID(dc.KindGroup, random.Suffix())), Meta: dc.Meta{Name: name, Created: time.Now().UTC()}, Summary: summary}
	err := s.change(ctx, dc.Describe(dc.KindGroup, name), func(d *directory) error {
		if other, ok := store.Claimed(d.tx.View(), dc.GroupClaim(name)); ok {
			return dc.Errorf(dc.Exists, "there is the group %q already", d.nameOf(other)).On(dc.Describe(dc.KindGroup, name)).Fix("choose another name")
		}
		d.put(g)
		recordGroup(d, by, g, "was created")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// DeleteGroup removes a group with its permissions; its members stay. Kinds: NotFound, WrongState for Administrators, and where
// nobody would be left who may do all, Denied as RemovePermission says. Privilege: PrivUsers on the root folder.
func (s *Service) DeleteGroup(ctx context.Context, by dc.Caller, id dc.GroupID) error {
	for gone := false; !gone; {
		err := s.changeGroup(ctx, by, id, func(d *directory, g *dc.Group) (err error) {
			if id == dc.Administrators {
				return dc.Errorf(dc.WrongState, "every data center has it").On(dc.Describe(dc.KindGroup, g.Name)).Fix("remove its members")
			}
			if gone, err = s.forget(d, by, dc.ID(id)); gone {
				d.delete(g)
				recordGroup(d, by, g, "was removed")
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// AddMember makes a user or a group a member of a group; one that is a member stays one. Kinds: NotFound, Invalid for a group that
// has this one in it, WrongState for a group of an identity source, Denied for a group that may do what the caller may not. Privilege: PrivUsers on the root folder.
func (s *Service) AddMember(ctx context.Context, by dc.Caller, id dc.GroupID, member dc.ID) error {
	return s.changeGroup(ctx, by, id, func(d *directory, g *dc.Group) error {
		above := append(d.rules().GroupsOf(dc.ID(id)), dc.ID(id))
		name := dc.Describe(member.Kind(), d.nameOf(member))
		switch {
		case d.tx.View().Find(member) == nil || member.Kind() != dc.KindUser && member.Kind() != dc.KindGroup:
			return notThere(member)
		case slices.Contains(above, member):
			return dc.Errorf(dc.Invalid, "%s has this one in it, or is this one", name).On(dc.Describe(dc.KindGroup, g.Name)).Fix("choose another member")
		case g.External != nil:
			return dc.Errorf(dc.WrongState, "its identity source knows its members").On(dc.Describe(dc.KindGroup, g.Name)).Fix("change them there")
		case slices.Contains(g.Members, member):
			return nil
		}
		if err := s.checkHoldsAll(d, by, above); err != nil {
			return err
		}
		g.Members = append(g.Members, member)
		slices.Sort(g.Members)
		d.tx.Exists(member)
		d.put(g)
		recordGroup(d, by, g, "has "+name+" as a member now")
		return nil
	})
}

// RemoveMember ends a membership. Kinds: NotFound, also for what is no member, Denied as AddMember says, WrongState where nobody
// would be left who may do all. Privilege: PrivUsers on the root folder.
func (s *Service) RemoveMember(ctx context.Context, by dc.Caller, id dc.GroupID, member dc.ID) error {
	return s.changeGroup(ctx, by, id, func(d *directory, g *dc.Group) error {
		i := slices.Index(g.Members, member)
		name := dc.Describe(member.Kind(), d.nameOf(member))
		if i < 0 {
			return dc.Errorf(dc.NotFound, "%s is no member of it", name).On(dc.Describe(dc.KindGroup, g.Name))
		}
		if err := s.checkHoldsAll(d, by, append(d.rules().GroupsOf(dc.ID(id)), dc.ID(id))); err != nil {
			return err
		}
		g.Members = slices.Delete(g.Members, i, i+1)
		d.put(g)
		recordGroup(d, by, g, "has "+name+" as a member no more")
		return nil
	})
}

// changeGroup checks PrivUsers and runs change on a private copy of the group, in a transaction.
func (s *Service) changeGroup(ctx context.Context, by dc.Caller, id dc.GroupID, change func(*directory, *dc.Group) error) error {
	if err := s.Authorize(by, dc.PrivUsers, dc.ID(dc.RootFolder)); err != nil {
		return err
	}
	return s.change(ctx, "", func(d *directory) error {
		g, err := store.Load[*dc.Group](d.tx, dc.ID(id))
		if err != nil {
			return err
		}
		return change(d, g)
	})
}

// checkHoldsAll returns an error of kind Denied where the groups may do what the caller may not.
func (s *Service) checkHoldsAll(d *directory, by dc.Caller, groups []dc.ID) error {
	for _, p := range d.permissionsWhere(func(p *dc.Permission) bool { return slices.Contains(groups, p.Principal) }) {
		if r, ok := d.role(p.Role); ok {
			if err := s.checkHolds(d, by, p.Entity, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func recordGroup(d *directory, by dc.Caller, g *dc.Group, what string) {
	event.Add(d.tx, time.Now(), dc.Event{Type: dc.EventGeneral, Target: dc.ID(g.ID), TargetName: g.Name, User: by.Name,
		Message: fmt.Sprintf("Group %q %s.", g.Name, what)})
}
