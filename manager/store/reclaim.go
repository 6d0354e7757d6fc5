package store

import (
	"context"
	"log/slog"
	"slices"

	"hanok/dc"
)

// Reclaim lets all objects of the kinds hold the claims that they have by now: a program of before, which has stored them, may not have
// known some of these. What another object holds stays that one's, and is said in the log: it is for an administrator to see which of the
// two goes. It is called before anything else is done with the store, and writes nothing where nothing is to be done. The error is that
// of the store.
func (s *Store) Reclaim(ctx context.Context, log *slog.Logger, kinds ...dc.Kind) error {
	v := s.View()
	var late []dc.ID
	for _, kind := range kinds {
		for r := range v.tables.table(kind).ids.all() {
			if !claimsAll(v, r.object) {
				late = append(late, r.id)
			}
		}
	}
	for batch := range slices.Chunk(late, reclaimBatch) {
		err := s.putAgain(ctx, batch...)
		if dc.KindOf(err) != dc.Exists {
			if err != nil {
				return err
			}
			continue
		}
		for _, id := range batch { // one of them
			if err := s.putAgain(ctx, id); dc.KindOf(err) == dc.Exists {
				log.Error("two objects claim the same", "object", id, "err", err)
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// reclaimBatch is how many objects are written at once.
const reclaimBatch = 100

// putAgain writes objects as they are.
func (s *Store) putAgain(ctx context.Context, ids ...dc.ID) error {
	return s.Change(ctx, func(tx *Tx) error {
		for _, id := range ids {
			o, err := tx.Load(id)
			if dc.KindOf(err) == dc.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			tx.Put(o)
		}
		return nil
	})
}

// claimsAll reports whether the object holds what it claims.
func claimsAll(v *View, o dc.Object) bool {
	held := slices.Collect(v.claimsOf(o.Identity()))
	return !slices.ContainsFunc(o.Claims(), func(claim string) bool { return !slices.Contains(held, claim) })
}
