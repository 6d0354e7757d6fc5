package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-memdb"

	"hanok/dc"
)

// emptyView is the view of a store before its first reset.
func emptyView() *View {
	db, err := memdb.NewMemDB(schema())
	if err != nil {
		panic("store: schema: " + err.Error())
	}
	return &View{db: db, txn: db.Txn(false)}
}

// draft is a view in the making.
type draft struct {
	db      *memdb.MemDB
	txn     *memdb.Txn
	changes []Change
}

// apply implements sink: one transaction, one new view.
func (s *Store) apply(revision int64, changes []keyValue) error {
	d := s.draft()
	for _, kv := range changes {
		if err := d.set(kv); err != nil {
			return unreadable(err)
		}
	}
	s.publish(revision, d)
	return nil
}

// reset implements sink. What differs from the view before becomes changes in the order of revisions, all deletions
// last: observers see one step from the state before a gap to the one after it, and nothing between.
func (s *Store) reset(revision int64, all []keyValue) error {
	d := s.draft()
	present := make(map[string]bool, len(all))
	for _, kv := range all {
		present[kv.key] = true
		if err := d.set(kv); err != nil {
			return unreadable(err)
		}
	}
	for _, key := range s.View().keys() {
		if !present[key] {
			if err := d.set(keyValue{key: key, revision: revision}); err != nil {
				return unreadable(err)
			}
		}
	}
	slices.SortStableFunc(d.changes, func(a, b Change) int { return int(a.Revision - b.Revision) })
	s.publish(revision, d)
	return nil
}

// unreadable makes the public error of a key or value that this program does not understand.
func unreadable(err error) error {
	var known *dc.Error
	if errors.As(err, &known) {
		return err
	}
	return &dc.Error{Kind: dc.WrongState, Object: "the store", Err: err,
		Message: "it has something in it that this program cannot read: " + err.Error(),
		Remedy:  "restore the store from a backup"}
}

func (s *Store) draft() *draft {
	db := s.View().db.Snapshot()
	return &draft{db: db, txn: db.Txn(true)}
}

// publish makes the draft the newest view and wakes everybody who waits for it.
func (s *Store) publish(revision int64, d *draft) {
	d.txn.Commit()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.View().revision == 0 {
		s.ring.start(revision)
	} else {
		s.ring.add(d.changes)
	}
	s.view.Store(&View{db: d.db, txn: d.db.Txn(false), revision: revision})
	close(s.changed)
	s.changed = make(chan struct{})
}

// set takes over one key.
func (d *draft) set(kv keyValue) error {
	switch {
	case strings.HasPrefix(kv.key, objectKeys):
		return d.setObject(kv)
	case strings.HasPrefix(kv.key, claimKeys):
		r := &claimRow{claim: strings.TrimPrefix(kv.key, claimKeys), holder: dc.ID(kv.value)}
		return d.setRow(claimTable, r, r.claim, kv.value == nil)
	case strings.HasPrefix(kv.key, fenceKeys):
		r := &fenceRow{name: strings.TrimPrefix(kv.key, fenceKeys), revision: kv.revision}
		return d.setRow(fenceTable, r, r.name, kv.value == nil)
	case kv.key == ownerKey, kv.key == baseKey: // the backend's
		return nil
	case kv.key == formatKey:
		if kv.value == nil { // the store is being erased
			return nil
		}
		_, err := readFormat(kv.value)
		return err
	}
	return fmt.Errorf("key %q: not of this version", kv.key)
}

func (d *draft) setObject(kv keyValue) error {
	kind, id, err := splitObjectKey(kv.key)
	if err != nil {
		return err
	}
	change := Change{Kind: kind, ID: id, Revision: kv.revision}
	raw, err := d.txn.First(string(kind), byID, string(id))
	if err != nil {
		return err
	}
	if raw != nil {
		change.Old = raw.(*row).object
		if change.Old.Metadata().Revision == kv.revision {
			return nil // known already, after a gap
		}
	}
	if kv.value != nil {
		if change.Object, err = decode(kind, kv.value, kv.revision); err != nil {
			return fmt.Errorf("key %q: %w", kv.key, err)
		}
		err = d.txn.Insert(string(kind), &row{object: change.Object, value: kv.value})
	} else if raw != nil {
		err = d.txn.Delete(string(kind), raw)
	} else {
		return nil
	}
	d.changes = append(d.changes, change)
	return err
}

// setRow puts r into the table, or removes the row that has its id.
func (d *draft) setRow(table string, r any, id string, deleted bool) error {
	if !deleted {
		return d.txn.Insert(table, r)
	}
	_, err := d.txn.DeleteAll(table, byID, id)
	return err
}

// keys returns every key that the view was made from, except the format's.
func (v *View) keys() []string {
	var keys []string
	for _, kind := range dc.Kinds() {
		for r := range rows[row](v, string(kind), byID+"_prefix", open("")) {
			keys = append(keys, objectKey(kind, r.object.Identity()))
		}
	}
	for claim := range v.claimsBelow("") {
		keys = append(keys, claimKeys+claim)
	}
	for r := range rows[fenceRow](v, fenceTable, byID+"_prefix", open("")) {
		keys = append(keys, fenceKeys+r.name)
	}
	return keys
}
