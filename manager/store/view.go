package store

import (
	"iter"
	"slices"
	"strings"

	"hanok/dc"
)

// View is everything that was stored at one revision. It is immutable and safe for concurrent use; so are the objects
// in it, which all readers share: never change one, Load a copy instead.
type View struct {
	tables   *tables
	revision int64
	// changed are the revisions of the last changes of each kind, in the order of dc.Kinds.
	changed []int64
}

// LastChange returns the revision of the last change of an object of the kind, as far as this process has followed it: views with
// the same have the same objects of the kind.
func (v *View) LastChange(kind dc.Kind) int64 { return v.changed[slices.Index(kinds, kind)] }

// kinds are those of dc, asked for once.
var kinds = dc.Kinds()

// Revision returns the revision up to which the view includes all changes.
func (v *View) Revision() int64 { return v.revision }

// Get returns the object of type T with the ID. The object is shared and must not be changed. The error is of kind
// NotFound and names the kind and the ID.
func Get[T dc.Object](v *View, id dc.ID) (T, error) {
	var none T
	if r := v.row(none.Kind(), id); r != nil {
		return r.object.(T), nil
	}
	return none, notFound(none.Kind(), id)
}

// Find returns the object with the ID, of whatever kind, or nil. The object is shared and must not be changed.
func (v *View) Find(id dc.ID) dc.Object {
	kind := id.Kind()
	if kind == "" {
		return nil
	}
	if r := v.row(kind, id); r != nil {
		return r.object
	}
	return nil
}

// List yields every object of type T in the order of IDs.
func List[T dc.Object](v *View) iter.Seq[T] {
	var none T
	return objects[T](v.tables.table(none.Kind()).ids.all())
}

// InTree yields every object of type T that stands in a tree or has a name, in the order of parents, and of names below each of them.
func InTree[T dc.Object](v *View) iter.Seq[T] {
	var none T
	return objects[T](v.tables.table(none.Kind()).children.all())
}

// Children yields the objects of type T whose parent is parent, in the order of names.
func Children[T dc.Object](v *View, parent dc.ID) iter.Seq[T] {
	var none T
	return objects[T](v.tables.table(none.Kind()).children.from(&row{parent: parent}, func(r *row) bool { return r.parent == parent }))
}

// Named returns the object of type T that has the name below parent; parent is "" for objects in no tree, such as
// users.
func Named[T dc.Object](v *View, parent dc.ID, name string) (T, bool) {
	var none T
	wanted := func(r *row) bool { return r.parent == parent && r.name == name }
	for r := range v.tables.table(none.Kind()).children.from(&row{parent: parent, name: name}, wanted) {
		return r.object.(T), true
	}
	return none, false
}

// OnHost yields the virtual machines that host is to run, in the order of IDs.
func OnHost(v *View, host dc.HostID) iter.Seq[*dc.VirtualMachine] {
	return ofHost[*dc.VirtualMachine](v, host)
}

// DatastoresOf yields the datastores that host reaches, in the order of IDs.
func DatastoresOf(v *View, host dc.HostID) iter.Seq[*dc.Datastore] {
	return ofHost[*dc.Datastore](v, host)
}

func ofHost[T dc.Object](v *View, host dc.HostID) iter.Seq[T] {
	var none T
	there := func(r *row) bool { return r.host == host }
	return objects[T](v.tables.table(none.Kind()).hosts.from(&row{host: host}, there))
}

// Claimed returns the ID of the object that holds the claim.
func Claimed(v *View, claim string) (dc.ID, bool) {
	if r, ok := v.tables.claims.get(&claimRow{claim: claim}); ok {
		return r.holder, true
	}
	return "", false
}

// row returns the row of an object, or nil.
func (v *View) row(kind dc.Kind, id dc.ID) *row { return v.tables.row(kind, id) }

func (t *tables) row(kind dc.Kind, id dc.ID) *row {
	r, _ := t.table(kind).ids.get(&row{id: id})
	return r
}

// fence returns the revision at which the fence was taken last, or 0.
func (v *View) fence(name string) int64 {
	if r, ok := v.tables.fences.get(&fenceRow{name: name}); ok {
		return r.revision
	}
	return 0
}

// claimsOf yields the claims that id holds.
func (v *View) claimsOf(id dc.ID) iter.Seq[string] {
	return claims(v.tables.holdings.from(&claimRow{holder: id}, func(r *claimRow) bool { return r.holder == id }))
}

// ClaimedBelow returns who holds a claim that begins with prefix, and whether anybody does.
func ClaimedBelow(v *View, prefix string) (dc.ID, bool) {
	for claim := range v.claimsBelow(prefix) {
		return Claimed(v, claim)
	}
	return "", false
}

// claimsBelow yields the claims that begin with prefix.
func (v *View) claimsBelow(prefix string) iter.Seq[string] {
	return claims(v.tables.claims.from(&claimRow{claim: prefix}, func(r *claimRow) bool { return strings.HasPrefix(r.claim, prefix) }))
}

func claims(rows iter.Seq[*claimRow]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for r := range rows {
			if !yield(r.claim) {
				return
			}
		}
	}
}

func objects[T dc.Object](rows iter.Seq[*row]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for r := range rows {
			if !yield(r.object.(T)) {
				return
			}
		}
	}
}

func notFound(kind dc.Kind, id dc.ID) *dc.Error {
	return &dc.Error{Kind: dc.NotFound, Object: dc.Describe(kind, string(id)), Message: "it does not exist"}
}

// ChildrenOf is Children for a kind that is known at run time only.
func (v *View) ChildrenOf(kind dc.Kind, parent dc.ID) iter.Seq[dc.Object] {
	return objects[dc.Object](v.tables.table(kind).children.from(&row{parent: parent}, func(r *row) bool { return r.parent == parent }))
}

// ListOf is List for a kind that is known at run time only.
func (v *View) ListOf(kind dc.Kind) iter.Seq[dc.Object] {
	return objects[dc.Object](v.tables.table(kind).ids.all())
}
