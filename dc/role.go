package dc

import (
	"slices"
	"strings"
)

// Role is a set of privileges under a name, which permissions refer to. The system roles are the same in every data center and
// stored nowhere; all others are objects.
type Role struct {
	ID RoleID `json:"id"`
	Meta
	// Number is vSphere's identifier of a role. No two roles ever have the same, not even one after the other.
	Number int32 `json:"number"`
	// Summary says in a few words what the role is for.
	Summary string `json:"summary,omitempty"`
	// Privileges are in the order of their identifiers, each once.
	Privileges []Privilege `json:"privileges"`
}

// The system roles.
const (
	RoleNoAccess  RoleID = "role-noaccess"
	RoleAnonymous RoleID = "role-anonymous"
	RoleView      RoleID = "role-view"
	RoleReadOnly  RoleID = "role-readonly"
	RoleAdmin     RoleID = "role-admin"
)

// basic are the privileges that every role has whose permissions let somebody in.
var basic = []Privilege{PrivAnonymous, PrivRead, PrivView}

var systemRoles = []*Role{
	{ID: RoleAdmin, Meta: Meta{Name: "Admin"}, Number: -1, Summary: "Full access rights", Privileges: Privileges()},
	{ID: RoleReadOnly, Meta: Meta{Name: "ReadOnly"}, Number: -2, Summary: "See details of objects, but not make changes", Privileges: basic},
	{ID: RoleView, Meta: Meta{Name: "View"}, Number: -3, Summary: "Visibility access (cannot be granted)", Privileges: []Privilege{PrivAnonymous, PrivView}},
	{ID: RoleAnonymous, Meta: Meta{Name: "Anonymous"}, Number: -4, Summary: "Not logged-in user (cannot be granted)", Privileges: []Privilege{PrivAnonymous}},
	{ID: RoleNoAccess, Meta: Meta{Name: "NoAccess"}, Number: -5, Summary: "Used for restricting granted access", Privileges: nil},
}

// SystemRoles returns the roles that cannot be changed, by vSphere's names and numbers. They are shared and must not be changed.
func SystemRoles() []*Role { return slices.Clone(systemRoles) }

// SystemRole returns the system role with the ID, or nil.
func SystemRole(id RoleID) *Role {
	for _, r := range systemRoles {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// SetPrivileges gives the role the privileges, and those that every role has. The error is of kind Invalid.
func (o *Role) SetPrivileges(all []Privilege) error {
	for _, p := range all {
		if !p.Known() {
			return Errorf(Invalid, "there is no privilege %q", p).On(Describe(KindRole, o.Name)).Fix("choose from the privileges that are listed")
		}
	}
	o.Privileges = NewPrivilegeSet(append(slices.Clone(all), basic...)...).Privileges()
	return nil
}

// Grantable reports whether a permission may have the role. View and Anonymous are what everybody has somewhere.
func (o *Role) Grantable() bool { return o.ID != RoleView && o.ID != RoleAnonymous }

// Permission gives a principal the privileges of a role on an object of the inventory. There is at most one for each principal
// and object.
type Permission struct {
	ID PermissionID `json:"id"`
	Meta
	// Entity is the object of the inventory.
	Entity ID `json:"entity"`
	// Principal is a user or a group.
	Principal ID     `json:"principal"`
	Role      RoleID `json:"role"`
	// Propagate is whether the permission counts on everything below Entity, too.
	Propagate bool `json:"propagate,omitempty"`
}

// Group is a set of users and other groups, to which permissions are given together. Its name is unique in any case of letters.
type Group struct {
	ID GroupID `json:"id"`
	Meta
	Summary string `json:"summary,omitempty"`
	// Members are users and groups, in the order of their IDs. No group contains itself, not even by others.
	Members []ID `json:"members,omitempty"`
	// External is set of a group of an identity source, whose name ends with "@" and its domain, and who knows its members.
	External *External `json:"external,omitempty"`
}

// Administrators is the group that has the role Admin on the root folder in every data center from its first start. It can't be
// deleted.
const Administrators GroupID = "usergroup-administrators"

// Sequence is a number that only grows, so that what is numbered by it never has the number of something else.
type Sequence struct {
	ID SequenceID `json:"id"`
	Meta
	Last int64 `json:"last"`
}

// AccessSequence numbers roles. Every change of roles, permissions and groups writes it, so that one comes after the other: what
// they must keep together, such as an administrator, each sees as the one before left it.
const AccessSequence SequenceID = "sequence-access"

func (*Role) Kind() Kind       { return KindRole }
func (*Permission) Kind() Kind { return KindPermission }
func (*Group) Kind() Kind      { return KindGroup }
func (*Sequence) Kind() Kind   { return KindSequence }

func (o *Role) Identity() ID       { return ID(o.ID) }
func (o *Permission) Identity() ID { return ID(o.ID) }
func (o *Group) Identity() ID      { return ID(o.ID) }
func (o *Sequence) Identity() ID   { return ID(o.ID) }

func (o *Role) Claims() []string       { return []string{"role/" + o.Name} }
func (o *Permission) Claims() []string { return []string{PermissionClaim(o.Entity, o.Principal)} }
func (o *Group) Claims() []string      { return o.External.claim(KindGroup, GroupClaim(o.Name)) }
func (o *Sequence) Claims() []string   { return nil }

// PermissionClaim is the claim of the one permission that the principal has on the entity.
func PermissionClaim(entity, principal ID) string {
	return "permission/" + string(entity) + "/" + string(principal)
}

// GroupClaim is the claim of a group's name.
func GroupClaim(name string) string { return "group/" + strings.ToLower(name) }
