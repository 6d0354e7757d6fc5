// Package event keeps the data center's memory of what happened, newest 10,000 events long: who created, removed,
// started, logged in, and what broke. Services and tasks record an event in the transaction that makes it true (Add);
// users list them (Service); the manager trims them (Trim).
//
// It is not a log for developers and not a queue: nothing in the system acts on an event. Followers watch the store.
package event

import (
	"context"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
)

// Keep is how many events the manager keeps.
const Keep = 10_000

// trimBatch is how many events go in one transaction: etcd allows 128 conditions in one, and each deletion has two.
const trimBatch = 50

// Add records e as part of the transaction, as of now. It sets e's ID and Created, and leaves out the system's name; all
// else is the caller's.
func Add(tx *store.Tx, now time.Time, e dc.Event) {
	now = now.UTC()
	if e.User == dc.System.Name {
		e.User = ""
	}
	e.ID = dc.EventID(dc.NewID(dc.KindEvent, random.Ordered(now)))
	e.Created = now
	tx.Put(&e)
}

// Trim removes the oldest events but keep of them. The manager calls it from time to time; it may run in several
// managers at once. Errors are those of store.Change; what was removed before stays so.
func Trim(ctx context.Context, st *store.Store, keep int) error {
	var all []dc.ID // oldest first: events' IDs are in the order of their making
	for e := range store.List[*dc.Event](st.View()) {
		all = append(all, dc.ID(e.ID))
	}
	for excess := all[:max(0, len(all)-keep)]; len(excess) > 0; {
		batch := excess[:min(trimBatch, len(excess))]
		excess = excess[len(batch):]
		err := st.Change(ctx, func(tx *store.Tx) error {
			for _, id := range batch {
				e, err := store.Load[*dc.Event](tx, id)
				if dc.KindOf(err) == dc.NotFound {
					continue // another manager was quicker
				}
				if err != nil {
					return err
				}
				tx.Delete(e)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
