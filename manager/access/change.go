package access

import (
	"context"
	"maps"
	"slices"

	"hanok/dc"
	"hanok/manager/store"
)

// batch is how many permissions one transaction removes: with their claims and events, as many as any etcd takes.
const batch = 30

// directory is who there is and what they may do, as a transaction finds it and then changes it.
type directory struct {
	tx          *store.Tx
	turn        *dc.Sequence
	users       map[dc.UserID]*dc.User
	groups      map[dc.GroupID]*dc.Group
	roles       map[dc.RoleID]*dc.Role
	permissions map[dc.PermissionID]*dc.Permission
}

// change is changeIn in a transaction of its own.
func (s *Service) change(ctx context.Context, object string, fn func(d *directory) error) error {
	return s.store.Change(ctx, func(tx *store.Tx) error { return changeIn(tx, object, fn) })
}

// changeIn runs fn as a part of tx, which then comes after every other one of this kind, and refuses what would leave nobody who may do
// everything. object is what the change is about, for that error.
func changeIn(tx *store.Tx, object string, fn func(d *directory) error) error {
	turn, err := store.Load[*dc.Sequence](tx, dc.ID(dc.AccessSequence))
	if dc.KindOf(err) == dc.NotFound {
		turn, err = &dc.Sequence{ID: dc.AccessSequence, Last: lastSample}, nil
	}
	if err != nil {
		return err
	}
	tx.Put(turn)
	d := newDirectory(tx, turn)
	before := d.administered()
	if err := fn(d); err != nil {
		return err
	}
	if before && !d.administered() {
		return &dc.Error{Kind: dc.WrongState, Object: object, Message: "nobody with the role Admin on the whole inventory would be left",
			Remedy: "give another user the role Admin first"}
	}
	return nil
}

func newDirectory(tx *store.Tx, turn *dc.Sequence) *directory {
	v := tx.View()
	d := &directory{tx: tx, turn: turn, users: map[dc.UserID]*dc.User{}, groups: map[dc.GroupID]*dc.Group{},
		roles: map[dc.RoleID]*dc.Role{}, permissions: map[dc.PermissionID]*dc.Permission{}}
	for o := range store.List[*dc.User](v) {
		d.users[o.ID] = o
	}
	for o := range store.List[*dc.Group](v) {
		d.groups[o.ID] = o
	}
	for o := range store.List[*dc.Role](v) {
		d.roles[o.ID] = o
	}
	for o := range store.List[*dc.Permission](v) {
		d.permissions[o.ID] = o
	}
	return d
}

// number returns the number of a new role.
func (d *directory) number() int32 {
	d.turn.Last++
	d.tx.Put(d.turn)
	return int32(d.turn.Last)
}

// put stores an object in the transaction and in the directory.
func (d *directory) put(o dc.Object) {
	d.tx.Put(o)
	switch o := o.(type) {
	case *dc.User:
		d.users[o.ID] = o
	case *dc.Group:
		d.groups[o.ID] = o
	case *dc.Role:
		d.roles[o.ID] = o
	case *dc.Permission:
		d.permissions[o.ID] = o
	}
}

// delete removes an object from the store and from the directory.
func (d *directory) delete(o dc.Object) {
	d.tx.Delete(o)
	switch o := o.(type) {
	case *dc.User:
		delete(d.users, o.ID)
	case *dc.Group:
		delete(d.groups, o.ID)
	case *dc.Role:
		delete(d.roles, o.ID)
	case *dc.Permission:
		delete(d.permissions, o.ID)
	}
}

// rules returns the rules as the directory has them.
func (d *directory) rules() *dc.Rules {
	return dc.NewRules(maps.Values(d.roles), maps.Values(d.permissions), maps.Values(d.groups))
}

// noParents are those of the root folder.
func noParents(dc.ID) (first, second dc.ID) { return "", "" }

// administered reports whether any user who can log in with a password may do everything on the root folder, and below it unless
// somebody has said otherwise there.
func (d *directory) administered() bool {
	rules, all := d.rules(), dc.NewPrivilegeSet(dc.Privileges()...)
	const child = "what stands in the root folder"
	for _, u := range d.users {
		if u.PasswordHash == "" || u.Disabled {
			continue
		}
		if rules.Of(u, noParents).OnChild(child, dc.ID(dc.RootFolder), "") == all {
			return true
		}
	}
	return false
}

// role returns the role with the ID, a system role or a stored one.
func (d *directory) role(id dc.RoleID) (*dc.Role, bool) {
	if r := dc.SystemRole(id); r != nil {
		return r, true
	}
	r, ok := d.roles[id]
	return r, ok
}

// permissionsWhere returns the permissions that satisfy wanted, in the order of their IDs.
func (d *directory) permissionsWhere(wanted func(*dc.Permission) bool) (all []*dc.Permission) {
	for _, id := range slices.Sorted(maps.Keys(d.permissions)) {
		if p := d.permissions[id]; wanted(p) {
			all = append(all, p)
		}
	}
	return all
}

// entitiesOf returns the objects on which permissions have the role.
func (d *directory) entitiesOf(role dc.RoleID) (all []dc.ID) {
	for _, p := range d.permissionsWhere(func(p *dc.Permission) bool { return p.Role == role }) {
		all = append(all, p.Entity)
	}
	return all
}

// permission returns the permission of a principal on an entity, or nil.
func (d *directory) permission(entity, principal dc.ID) *dc.Permission {
	for _, p := range d.permissions {
		if p.Entity == entity && p.Principal == principal {
			return p
		}
	}
	return nil
}
