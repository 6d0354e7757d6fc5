package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"hanok/dc"
)

// A step brings one object of the format before up to the own one. It gets the object's JSON and returns what takes its place:
// an object with the same ID, and others that come with it, under IDs that follow from it; or nothing, where the object stays as
// it is. What the object claimed, its successor claims, too. Nothing else counts for the outcome than the JSON.
type step func(old []byte) ([]dc.Object, error)

// steps are those from the format before to the own one, by kind. They are removed with the format that they read.
var steps = map[dc.Kind]step{
	dc.KindUser:           permitUser,
	dc.KindVirtualMachine: upgradeMachine,
}

// migrating is what stands in the format's place while the objects of a store are rewritten. It names the format that they will
// have: a program that knows it goes on where another was interrupted, and all others refuse the store.
func migrating(to int) string { return "migrating to " + strconv.Itoa(to) }

// Migrate returns entries that were dumped from a store of the format, as those of a store of the own format. The error is of kind
// Unsupported for a format that this program does not know, and WrongState for an object that it can't read.
func Migrate(format string, entries []Entry) ([]Entry, error) {
	if current, err := readFormat([]byte(format)); err != nil || current {
		return entries, err
	}
	out := make([]Entry, 0, len(entries))
	for _, e := range entries {
		made, err := migrate(e)
		if err != nil {
			return nil, err
		}
		if made == nil {
			out = append(out, e)
		}
		for _, o := range made {
			e, err := NewEntry(o)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
	}
	return out, nil
}

// migrate returns what takes an entry's place, or nothing where it stays as it is.
func migrate(e Entry) ([]dc.Object, error) {
	kind, id, err := splitObjectKey(e.Key)
	if err != nil || steps[kind] == nil {
		return nil, nil // who reads it says what is wrong with it
	}
	made, err := steps[kind](e.Value)
	if err == nil && len(made) > 0 && made[0].Identity() != id {
		err = fmt.Errorf("it holds %q", made[0].Identity())
	}
	if err != nil {
		return nil, unreadable(fmt.Errorf("key %q: %w", e.Key, err))
	}
	return made, nil
}

// migration is the rewriting of a store's objects.
type migration struct {
	etcd  *etcd
	write commit
	// begun is the revision of the first transaction. What was written after it is written for good: so it is after a crash.
	begun int64
	batches
}

// migrate brings a store up to the own format, whose key is found as the format before, or as migrating. The first transaction and
// the last one make sure that nobody opens what is between them, each one in between that nobody else has finished it.
func (e *etcd) migrate(ctx context.Context, commit commit, found keyValue) error {
	m := &migration{etcd: e, write: commit, begun: found.revision}
	if string(found.value) != migrating(format) {
		revision, ok, err := commit(ctx, transaction{
			conditions: []condition{unchanged(formatKey, found.revision)},
			operations: []keyValue{{key: formatKey, value: []byte(migrating(format))}},
		})
		if err != nil || !ok {
			return migratedByOther(err)
		}
		m.begun = revision
	}
	m.batches = batches{ctx: ctx, commit: m.commit, batch: e.batch}
	start, objects := time.Now(), 0
	e.log.Info("bringing the store up to the format of this program", "format", format)
	for _, kind := range slices.Sorted(maps.Keys(steps)) {
		n, err := m.rewrite(ctx, kind)
		if err != nil {
			return err
		}
		objects += n
	}
	m.flush()
	m.add(keyValue{key: formatKey, value: []byte(strconv.Itoa(format))})
	m.flush()
	if m.err == nil {
		e.log.Info("the store is up to date", "rewritten", objects, "took", time.Since(start).Round(time.Millisecond))
	}
	return m.err
}

// commit commits a batch as long as nobody else has finished the migration.
func (m *migration) commit(ctx context.Context, t transaction) (int64, bool, error) {
	t.conditions = append(t.conditions, unchanged(formatKey, m.begun))
	revision, ok, err := m.write(ctx, t)
	if err == nil && !ok {
		err = migratedByOther(nil)
	}
	return revision, true, err
}

// migratedByOther returns err, or without one that somebody else is at it.
func migratedByOther(err error) error {
	if err != nil {
		return err
	}
	return &dc.Error{Kind: dc.Conflict, Object: "the store", Message: "another manager brings it up to a newer format",
		Remedy: "see that one manager only is started on it"}
}

// pageSize is how many objects are read at once.
const pageSize = 1000

// rewrite rewrites the objects of a kind that were not rewritten yet, and returns how many that were.
func (m *migration) rewrite(ctx context.Context, kind dc.Kind) (n int, err error) {
	prefix := m.etcd.prefix + objectKey(kind, "")
	end := clientv3.GetPrefixRangeEnd(prefix)
	for from := prefix; ; {
		page, err := m.etcd.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(pageSize))
		if err != nil {
			return n, &dc.Error{Kind: dc.Unavailable, Message: "cannot read the store", Err: err}
		}
		for _, kv := range page.Kvs {
			from = string(kv.Key) + "\x00"
			old := m.etcd.keyValue(kv)
			if old.revision > m.begun {
				continue
			}
			if err := m.replace(old); err != nil {
				return n, err
			}
			n++
		}
		if !page.More {
			return n, m.err
		}
	}
}

// replace writes what takes an object's place, with its claims, in one transaction.
func (m *migration) replace(old keyValue) error {
	made, err := migrate(Entry{Key: old.key, Value: old.value})
	if err != nil {
		return err
	}
	var operations []keyValue
	for _, o := range made {
		e, err := NewEntry(o)
		if err != nil {
			return err
		}
		operations = append(operations, keyValue{key: e.Key, value: e.Value})
		for _, claim := range o.Claims() {
			operations = append(operations, keyValue{key: claimKeys + claim, value: []byte(o.Identity())})
		}
	}
	m.add(operations...)
	return m.err
}
