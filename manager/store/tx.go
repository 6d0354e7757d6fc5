package store

import (
	"encoding/json"
	"fmt"

	"hanok/dc"
)

// Tx collects what one Change reads and writes. It belongs to one call of the change's function and to its goroutine.
type Tx struct {
	view   *View
	writes map[dc.ID]*write
	order  []dc.ID
	exists []dc.ID
	// free are the claims, and freeBelow the prefixes of claims, that nobody may hold.
	free, freeBelow []string
	fences          []Fence
	err             error
}

// write is what a transaction does to one object.
type write struct {
	// object is the caller's, or nil for a deletion. Only its claims and, after the commit, its revision are used.
	object dc.Object
	claims []string
	value  []byte
	kind   dc.Kind
	name   string
	// revision is the one that the caller read, or 0 for a new object.
	revision int64
}

// View returns the view that the transaction runs against. It does not include the transaction's own writes.
func (tx *Tx) View() *View { return tx.view }

// Load returns a private copy of the object of type T with the ID, to change and Put back or to Delete: the revision in
// it is the condition of that write. It includes what the transaction itself has Put. The error is of kind NotFound.
func Load[T dc.Object](tx *Tx, id dc.ID) (T, error) {
	var none T
	obj, err := tx.load(none.Kind(), id)
	if err != nil {
		return none, err
	}
	return obj.(T), nil
}

// Load is the function of this name for an object of whatever kind.
func (tx *Tx) Load(id dc.ID) (dc.Object, error) { return tx.load(id.Kind(), id) }

func (tx *Tx) load(kind dc.Kind, id dc.ID) (obj dc.Object, err error) {
	if kind == "" {
		return nil, notFound(kind, id)
	}
	value, revision := []byte(nil), int64(0)
	if w := tx.writes[id]; w != nil && w.kind == kind {
		value, revision = w.value, w.revision
	} else if r := tx.view.row(kind, id); r != nil {
		value, err = json.Marshal(r.object) // the view keeps no second form of it
		revision = r.object.Metadata().Revision
	}
	if value == nil && err == nil {
		return nil, notFound(kind, id)
	}
	if err == nil {
		obj, err = decode(kind, value, revision)
	}
	if err != nil {
		return nil, &dc.Error{Kind: dc.Internal, Object: dc.Describe(kind, string(id)), Message: "cannot read it", Err: err}
	}
	return obj, nil
}

// Put stores obj as it is now; later changes to obj are not seen. An object of revision 0 is new, and its ID must be
// free (kind Exists otherwise); any other one is replaced on the condition that its revision is still the stored one.
// The claims of obj replace those that it held; one that another object holds makes the change fail with Exists. When
// the change is committed, the revision in obj is set.
func (tx *Tx) Put(obj dc.Object) {
	kind, id := obj.Kind(), obj.Identity()
	if id.Kind() != kind {
		tx.fail(&dc.Error{Kind: dc.Internal, Message: fmt.Sprintf("%q is not the ID of a %s", id, kind.Noun())})
		return
	}
	value, err := json.Marshal(obj)
	if err != nil {
		tx.fail(&dc.Error{Kind: dc.Internal, Object: dc.Describe(kind, string(id)), Message: "cannot encode it", Err: err})
		return
	}
	tx.write(id, &write{object: obj, claims: obj.Claims(), value: value, kind: kind, name: obj.Metadata().Name,
		revision: obj.Metadata().Revision})
}

// Delete removes obj on the condition that its revision is still the stored one, and gives up its claims. While other
// objects hold claims below it (dc.ChildClaims), other than those that this transaction itself deletes, the change fails
// with WrongState.
func (tx *Tx) Delete(obj dc.Object) {
	kind, id, meta := obj.Kind(), obj.Identity(), obj.Metadata()
	if meta.Revision == 0 {
		if w := tx.writes[id]; w == nil || w.revision != 0 {
			tx.fail(notFound(kind, id))
			return
		}
	}
	tx.write(id, &write{kind: kind, name: meta.Name, revision: meta.Revision})
}

// Exists makes it a condition that the object is still there when the transaction is committed: the parent of a new
// child. An object that is not there makes the change fail with NotFound.
func (tx *Tx) Exists(id dc.ID) { tx.exists = append(tx.exists, id) }

// Free makes it a condition that nobody holds the claim when the transaction is committed, and FreeBelow that nobody holds one with the
// prefix. The caller has looked whether the view has one: a change whose view has is tried again, without end.
func (tx *Tx) Free(claim string) { tx.free = append(tx.free, claim) }

// FreeBelow is described with Free.
func (tx *Tx) FreeBelow(prefix string) { tx.freeBelow = append(tx.freeBelow, prefix) }

// Require makes it a condition that nobody else took the fence after f. Otherwise the change fails with Conflict, and is
// not tried again.
func (tx *Tx) Require(f Fence) { tx.fences = append(tx.fences, f) }

func (tx *Tx) write(id dc.ID, w *write) {
	old := tx.writes[id]
	if old == nil {
		tx.order = append(tx.order, id)
	} else if old.revision != w.revision {
		tx.fail(changedMeanwhile(w.kind, id))
	}
	tx.writes[id] = w
}

func (tx *Tx) fail(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

func changedMeanwhile(kind dc.Kind, id dc.ID) *dc.Error {
	return &dc.Error{Kind: dc.Conflict, Object: dc.Describe(kind, string(id)),
		Message: "somebody else changed it meanwhile", Remedy: "read it again and repeat the change"}
}
