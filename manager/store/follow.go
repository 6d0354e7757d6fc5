package store

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"hanok/dc"
)

// emptyView is the view of a store before its first reset.
func emptyView() *View { return &View{tables: newTables(), changed: make([]int64, len(kinds))} }

// draft is a view in the making.
type draft struct {
	*tables
	changes []Change
}

// apply implements sink: one transaction, one new view.
func (s *Store) apply(revision int64, changes []keyValue) error {
	d := s.draft()
	for _, kv := range changes {
		obj, err := kv.object()
		if err == nil {
			s.words.share(obj)
			err = d.set(kv, obj)
		}
		if err != nil {
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
	if err := d.setAll(all); err != nil {
		return unreadable(err)
	}
	for key := range s.View().keysBut(all) {
		if err := d.set(keyValue{key: key, revision: revision}, nil); err != nil {
			return unreadable(err)
		}
	}
	if s.View().revision > 0 { // else there is nobody yet to whom they are changes
		slices.SortStableFunc(d.changes, func(a, b Change) int { return int(a.Revision - b.Revision) })
	}
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

func (s *Store) draft() *draft { return &draft{tables: s.View().tables.shared()} }

// publish makes the draft the newest view and wakes everybody who waits for it.
func (s *Store) publish(revision int64, d *draft) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.View().revision == 0 {
		s.ring.start(revision)
	} else {
		s.ring.add(d.changes)
	}
	changed := slices.Clone(s.View().changed)
	for _, c := range d.changes {
		changed[slices.Index(kinds, c.Kind)] = revision
	}
	s.view.Store(&View{tables: d.tables, revision: revision, changed: changed})
	s.waiting.wake(revision)
}

// setAll takes over keys, the objects beside all else: their indexes are others, and it is what takes long when a large store is opened.
func (d *draft) setAll(all []keyValue) error {
	var objects, others []keyValue
	for _, kv := range all {
		if strings.HasPrefix(kv.key, objectKeys) {
			objects = append(objects, kv)
		} else {
			others = append(others, kv)
		}
	}
	var work errgroup.Group
	work.Go(func() error {
		for _, kv := range others {
			if err := d.set(kv, nil); err != nil {
				return err
			}
		}
		return nil
	})
	work.Go(func() error {
		decoded, err := decodeAll(objects)
		if err != nil {
			return err
		}
		for i, kv := range objects {
			if err := d.setObject(kv, decoded[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return work.Wait()
}

// set takes over one key. obj is the object in it, decoded, or nil.
func (d *draft) set(kv keyValue, obj dc.Object) error {
	switch {
	case strings.HasPrefix(kv.key, objectKeys):
		return d.setObject(kv, obj)
	case strings.HasPrefix(kv.key, claimKeys):
		claim := strings.TrimPrefix(kv.key, claimKeys)
		if kv.value == nil {
			d.removeClaim(claim)
		} else {
			d.putClaim(claim, dc.ID(kv.value))
		}
		return nil
	case strings.HasPrefix(kv.key, fenceKeys):
		r := &fenceRow{name: strings.TrimPrefix(kv.key, fenceKeys), revision: kv.revision}
		if kv.value == nil {
			d.fences.remove(r)
		} else {
			d.fences.put(r)
		}
		return nil
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

func (d *draft) setObject(kv keyValue, obj dc.Object) error {
	kind, id, err := splitObjectKey(kv.key)
	if err != nil {
		return err
	}
	change := Change{Kind: kind, ID: id, Revision: kv.revision, Object: obj}
	old := d.row(kind, id)
	if old != nil {
		change.Old = old.object
		if change.Old.Metadata().Revision == kv.revision {
			return nil // known already, after a gap
		}
	}
	switch {
	case obj != nil:
		if obj.Identity() != id {
			return fmt.Errorf("key %q: it holds %q", kv.key, obj.Identity())
		}
		d.putObject(obj, old)
	case old != nil:
		d.removeObject(old)
	default:
		return nil
	}
	d.changes = append(d.changes, change)
	return nil
}

// keysBut yields every key that the view was made from, except the format's and those in all, which are in the order of keys.
func (v *View) keysBut(all []keyValue) iter.Seq[string] {
	return func(yield func(string) bool) {
		if v.revision == 0 {
			return
		}
		present := make(map[string]bool, len(all))
		for _, kv := range all {
			present[kv.key] = true
		}
		for key := range v.keys() {
			if !present[key] && !yield(key) {
				return
			}
		}
	}
}

// keys yields every key that the view was made from, except the format's.
func (v *View) keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, kind := range dc.Kinds() {
			for r := range v.tables.table(kind).ids.all() {
				if !yield(objectKey(kind, r.id)) {
					return
				}
			}
		}
		for r := range v.tables.claims.all() {
			if !yield(claimKeys + r.claim) {
				return
			}
		}
		for r := range v.tables.fences.all() {
			if !yield(fenceKeys + r.name) {
				return
			}
		}
	}
}
