package store

import (
	"slices"

	"hanok/dc"
)

// Change is one object that a transaction made, changed or deleted.
type Change struct {
	Kind dc.Kind
	ID   dc.ID
	// Revision is that of the transaction. All changes of one transaction have the same.
	Revision int64
	// Object is the object after the change, or nil when it was deleted; Old is the one before, or nil when it was
	// made. Both are shared and must not be changed.
	Object, Old dc.Object
}

// ring holds the last changes, in the order of revisions.
type ring struct {
	changes []Change
	// floor is the revision after which no change is missing.
	floor int64
}

// ringSize is how many changes are kept at least, and ringSlack how many more may be: each keeps the object before it in memory.
const ringSize, ringSlack = 1 << 14, 1 << 12

// start empties the ring: it holds what happens after revision.
func (r *ring) start(revision int64) { *r = ring{floor: revision} }

// add appends changes and lets go of the oldest ones. What since returned before stays as it was. Where the cut goes
// through a transaction, the floor is its revision: since does not return the rest of it.
func (r *ring) add(changes []Change) {
	r.changes = append(r.changes, changes...)
	if len(r.changes) < ringSize+ringSlack {
		return
	}
	cut := len(r.changes) - ringSize
	r.floor = r.changes[cut-1].Revision
	r.changes = slices.Clone(r.changes[cut:])
}

func (r *ring) since(revision int64) ([]Change, bool) {
	if revision < r.floor {
		return nil, false
	}
	i, _ := slices.BinarySearchFunc(r.changes, revision+1, func(c Change, rev int64) int { return int(c.Revision - rev) })
	return slices.Clip(r.changes[i:]), true
}

// Changes returns all changes after the revision since, in the order of revisions, and the revision up to which they
// go: the next call's since. Whole transactions are returned or left out. ok is false when the store does not remember
// that far back, or since is ahead of it: then start again from View and its revision.
//
// The slice is shared and must not be changed. After a connection to an external etcd was lost for long, changes may
// stand for several ones of the same object: Old is always what the view had before, Object what it has now.
func (s *Store) Changes(since int64) (changes []Change, upto int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	upto = s.View().revision
	if since > upto {
		return nil, upto, false
	}
	changes, ok = s.ring.since(since)
	return changes, upto, ok
}
