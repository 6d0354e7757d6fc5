package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hanok/dc"
)

// Dump is everything that was stored at one revision, as bytes: what a backup keeps, and what somebody checks who does not
// trust the view.
type Dump struct {
	// Revision is the one at which it was read: all of what was committed up to it, nothing of what came later.
	Revision int64
	// Entries are in the order of keys.
	Entries []Entry
}

// Entry is one key of the store and its value.
type Entry struct {
	// Key is relative to the store's prefix: "object/KIND/ID". The package's documentation lists what there is.
	Key   string
	Value []byte
	// Revision is that of the key's last write.
	Revision int64
}

// Dump reads everything from the backend itself, at one revision, in one request. It is independent of View, costs as much
// as opening the store does, and may be called while others write. The entries are the caller's. The error is of kind
// Unavailable.
func (s *Store) Dump(ctx context.Context) (Dump, error) {
	if err := s.ready(ctx); err != nil {
		return Dump{}, err
	}
	revision, all, err := s.backend.read(ctx)
	if err != nil {
		return Dump{}, err
	}
	d := Dump{Revision: revision, Entries: make([]Entry, len(all))}
	for i, kv := range all {
		d.Entries[i] = Entry{Key: kv.key, Value: kv.value, Revision: kv.revision}
	}
	return d, nil
}

// Object decodes the object of an entry, with its revision in it. It is nil for an entry that is no object's. The error is of
// kind WrongState: a program of this version can't read it.
func (e Entry) Object() (dc.Object, error) {
	if !strings.HasPrefix(e.Key, objectKeys) {
		return nil, nil
	}
	kind, id, err := splitObjectKey(e.Key)
	if err != nil {
		return nil, unreadable(err)
	}
	obj, err := decode(kind, e.Value, e.Revision)
	if err != nil {
		return nil, unreadable(fmt.Errorf("key %q: %w", e.Key, err))
	}
	if obj.Identity() != id {
		return nil, unreadable(fmt.Errorf("key %q: it holds %q", e.Key, obj.Identity()))
	}
	return obj, nil
}

// NewEntry returns the entry of an object as it is now.
func NewEntry(o dc.Object) (Entry, error) {
	value, err := json.Marshal(o)
	if err != nil {
		return Entry{}, fmt.Errorf("encode %s: %w", o.Identity(), err)
	}
	return Entry{Key: objectKey(o.Kind(), o.Identity()), Value: value, Revision: o.Metadata().Revision}, nil
}
