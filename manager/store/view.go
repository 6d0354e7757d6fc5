package store

import (
	"iter"

	"github.com/hashicorp/go-memdb"

	"hanok/dc"
)

// View is everything that was stored at one revision. It is immutable and safe for concurrent use; so are the objects
// in it, which all readers share: never change one, Load a copy instead.
type View struct {
	db       *memdb.MemDB
	txn      *memdb.Txn
	revision int64
}

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
func List[T dc.Object](v *View) iter.Seq[T] { return query[T](v, byID+"_prefix", open("")) }

// Children yields the objects of type T whose parent is parent, in the order of names.
func Children[T dc.Object](v *View, parent dc.ID) iter.Seq[T] {
	return query[T](v, byParent+"_prefix", string(parent))
}

// Named returns the object of type T that has the name below parent; parent is "" for objects in no tree, such as
// users.
func Named[T dc.Object](v *View, parent dc.ID, name string) (T, bool) {
	for obj := range query[T](v, byParent, string(parent), name) {
		return obj, true
	}
	var none T
	return none, false
}

// OnHost yields the virtual machines that host is to run, in the order of IDs.
func OnHost(v *View, host dc.HostID) iter.Seq[*dc.VirtualMachine] {
	return query[*dc.VirtualMachine](v, byHost, string(host))
}

// Claimed returns the ID of the object that holds the claim.
func Claimed(v *View, claim string) (dc.ID, bool) {
	if r := first[claimRow](v, claimTable, byID, claim); r != nil {
		return r.holder, true
	}
	return "", false
}

func (v *View) row(kind dc.Kind, id dc.ID) *row {
	return first[row](v, string(kind), byID, string(id))
}

// fence returns the revision at which the fence was taken last, or 0.
func (v *View) fence(name string) int64 {
	if r := first[fenceRow](v, fenceTable, byID, name); r != nil {
		return r.revision
	}
	return 0
}

// claimsOf yields the claims that id holds.
func (v *View) claimsOf(id dc.ID) iter.Seq[string] { return v.claims(byHolder, string(id)) }

// claimsBelow yields the claims that begin with prefix.
func (v *View) claimsBelow(prefix string) iter.Seq[string] {
	return v.claims(byID+"_prefix", open(prefix))
}

func (v *View) claims(index string, arg any) iter.Seq[string] {
	return func(yield func(string) bool) {
		for r := range rows[claimRow](v, claimTable, index, arg) {
			if !yield(r.claim) {
				return
			}
		}
	}
}

func query[T dc.Object](v *View, index string, args ...any) iter.Seq[T] {
	return func(yield func(T) bool) {
		var none T
		for r := range rows[row](v, string(none.Kind()), index, args...) {
			if !yield(r.object.(T)) {
				return
			}
		}
	}
}

// first returns the first row that a query finds, or nil.
func first[R any](v *View, table, index string, args ...any) *R {
	for r := range rows[R](v, table, index, args...) {
		return r
	}
	return nil
}

// rows yields the rows that a query finds. A query that the schema does not know is a defect, and panics.
func rows[R any](v *View, table, index string, args ...any) iter.Seq[*R] {
	return func(yield func(*R) bool) {
		it, err := v.txn.Get(table, index, args...)
		if err != nil {
			panic("store: " + err.Error())
		}
		for raw := it.Next(); raw != nil; raw = it.Next() {
			if !yield(raw.(*R)) {
				return
			}
		}
	}
}

func notFound(kind dc.Kind, id dc.ID) *dc.Error {
	return &dc.Error{Kind: dc.NotFound, Object: dc.Describe(kind, string(id)), Message: "it does not exist"}
}
