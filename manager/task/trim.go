package task

import (
	"context"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

const (
	// keepFor and keepMost bound how long and how many ended tasks are kept.
	keepFor  = 24 * time.Hour
	keepMost = 10_000
	// trimEvery is how often the old ones are looked for, and trimBatch how many go in one transaction: etcd allows 128
	// conditions in one, and each deletion has two.
	trimEvery = time.Minute
	trimBatch = 50
)

// trimmer removes ended tasks that are too old or too many.
func trimmer(st *store.Store) Reconciler {
	return Reconciler{
		Name:      "task trim",
		Every:     trimEvery,
		Concerns:  func(store.Change) bool { return false },
		Reconcile: func(ctx context.Context) error { return trim(ctx, st, time.Now(), keepMost) },
	}
}

func trim(ctx context.Context, st *store.Store, now time.Time, most int) error {
	ids := expired(st.View(), now, most)
	for len(ids) > 0 {
		batch := ids[:min(trimBatch, len(ids))]
		ids = ids[len(batch):]
		err := st.Change(ctx, func(tx *store.Tx) error {
			for _, id := range batch {
				t, err := store.Load[*dc.Task](tx, id)
				if dc.KindOf(err) == dc.NotFound {
					continue // another manager was quicker
				}
				if err != nil {
					return err
				}
				tx.Delete(t)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expired returns the ended tasks to remove, oldest first: tasks' IDs are in the order of their making. The parts of a bulk task are
// kept as long as that goes on.
func expired(v *store.View, now time.Time, most int) []dc.ID {
	var ended []*dc.Task
	for t := range store.List[*dc.Task](v) {
		if t.Done() && !openBatch(v, t) {
			ended = append(ended, t)
		}
	}
	var ids []dc.ID
	for i, t := range ended {
		if len(ended)-i > most || now.Sub(t.Completed) > keepFor {
			ids = append(ids, dc.ID(t.ID))
		}
	}
	return ids
}

// openBatch reports whether a task is a part of a bulk task that goes on.
func openBatch(v *store.View, t *dc.Task) bool {
	if t.Batch == "" {
		return false
	}
	batch, err := store.Get[*dc.Task](v, dc.ID(t.Batch))
	return err == nil && !batch.Done()
}
