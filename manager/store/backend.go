package store

import "context"

// A backend keeps keys. It commits transactions and tells its sink of everything that was committed, by whomever.
type backend interface {
	// commit checks all conditions and does all operations, or nothing. It returns the revision of the transaction;
	// ok is false when a condition did not hold, and the revision is then one at which that can be seen. An error is
	// a *dc.Error that says whether the outcome is known.
	commit(ctx context.Context, t transaction) (revision int64, ok bool, err error)
	// read returns every key as it is at one revision, in the order of keys, from where they are kept.
	read(ctx context.Context) (revision int64, all []keyValue, err error)
	// advance asks for the sink to hear of the newest revision even when nothing under the store's prefix changed.
	advance(ctx context.Context)
	usage(ctx context.Context) (Usage, error)
	// close ends the delivery to the sink and releases everything.
	close() error
}

// A sink follows a backend. Its methods are called by one goroutine at a time, in the order of revisions.
type sink interface {
	// reset replaces everything by what was there at revision: the beginning, and after a gap in the stream.
	reset(revision int64, all []keyValue) error
	// apply takes the key changes of one transaction; none for a revision that changed nothing here.
	apply(revision int64, changes []keyValue) error
}

// keyValue is one key, relative to the store's prefix, and what was written there at revision. A nil value means that
// the key was deleted.
type keyValue struct {
	key      string
	value    []byte
	revision int64
}

// transaction is what a backend commits as one.
type transaction struct {
	conditions []condition
	operations []keyValue // the revision is unused
	demand     demand
}

// demand is how much room a transaction asks for: a store that fills up refuses the highest first.
type demand int

const (
	frees  demand = iota // deletions and fences: never refused for want of room
	writes               // of objects that are there, and of those that the manager itself bounds
	grows                // new inventory
)

// condition compares the revision of a key's last write with a number. A key that is not there has revision 0.
type condition struct {
	key string
	// prefix makes the condition one on every key that begins with key; it holds when there is none.
	prefix  bool
	compare comparison
	// revision is what the key's revision is compared with.
	revision int64
}

type comparison string

const (
	equal comparison = "="
	above comparison = ">"
	below comparison = "<"
)

func (c condition) holds(revision int64) bool {
	switch c.compare {
	case equal:
		return revision == c.revision
	case above:
		return revision > c.revision
	}
	return revision < c.revision
}

// unwritten holds while nothing is stored at key.
func unwritten(key string) condition { return condition{key: key, compare: equal} }

// unchanged holds while the last write of key is the one at revision.
func unchanged(key string, revision int64) condition {
	return condition{key: key, compare: equal, revision: revision}
}

// written holds while something is stored at key.
func written(key string) condition { return condition{key: key, compare: above} }

// noneSince holds while no key with the prefix was written after revision.
func noneSince(prefix string, revision int64) condition {
	return condition{key: prefix, prefix: true, compare: below, revision: revision + 1}
}
