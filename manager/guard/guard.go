// Package guard is the guard against mass deletion: a call that deletes many objects needs their number as a confirmation, and
// somebody who deletes one object after the other is stopped for a while, which an event says, and the alarm that watches for it.
//
// The rules are dc's. It deletes nothing: the rooms that do wrap their transactions in Change, or call Confirmed in them, so that the
// guard holds for all facades. The system itself is not guarded. The facades call Service for the limits.
package guard

import (
	"context"
	"fmt"
	"maps"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/store"
)

// Change is st.Change for a transaction in which a caller deletes an object without a confirmation. Where he deletes too many, one
// after the other, the error is of kind WrongState, and nothing is deleted; who may not delete it at all hears that first.
func Change(ctx context.Context, st *store.Store, by dc.Caller, fn func(tx *store.Tx) error) error {
	return change(ctx, st, by, func(tx *store.Tx) (int, error) { return 1, fn(tx) })
}

// ChangeMany is st.Change for a transaction that deletes, or begins to delete, so many objects. They count as Change's do, unless confirmed
// is their number. Where a confirmation is needed and missing, or is another number, the error is of kind WrongState.
func ChangeMany(ctx context.Context, st *store.Store, by dc.Caller, objects []dc.ID, confirmed int, fn func(tx *store.Tx) error) error {
	return change(ctx, st, by, func(tx *store.Tx) (int, error) {
		machines, all := 0, 0
		for _, id := range objects {
			if id.Kind() == dc.KindVirtualMachine {
				machines++
			}
		}
		for range store.List[*dc.VirtualMachine](tx.View()) {
			all++
		}
		if err := limits(tx.View()).CheckConfirmed(len(objects), machines, all, confirmed); err != nil {
			return 0, err
		}
		if confirmed != 0 {
			return 0, fn(tx)
		}
		return len(objects), fn(tx)
	})
}

// change counts what fn says that it deletes.
func change(ctx context.Context, st *store.Store, by dc.Caller, fn func(tx *store.Tx) (int, error)) error {
	if by.User == "" && by.Name == dc.System.Name {
		return st.Change(ctx, func(tx *store.Tx) error { _, err := fn(tx); return err })
	}
	stopped := false
	err := st.Change(ctx, func(tx *store.Tx) error {
		stopped = false
		n, err := fn(tx)
		if err != nil || n == 0 {
			return err
		}
		g, err := load(tx)
		if err != nil {
			return err
		}
		if stopped = !g.Count(by.Name, n, time.Now().UTC()); stopped {
			return dc.Errorf(dc.WrongState, "user %q has deleted too much within %s: no single deletion is taken from him for as long", by.Name, g.Limits.Window).
				Fix("see what deletes there; what is meant can be deleted in one call, with the number of the objects as a confirmation")
		}
		if g.Limits.Single > 0 {
			tx.Put(g)
		}
		return nil
	})
	if !stopped {
		return err
	}
	stop := st.Change(ctx, func(tx *store.Tx) error {
		g, err := load(tx)
		now := time.Now().UTC()
		if err != nil || !g.Stop(by.Name, now) {
			return err
		}
		tx.Put(g)
		event.Add(tx, now, dc.Event{Type: dc.EventDeletionsStopped, Target: dc.ID(dc.RootFolder), User: by.Name,
			Message: fmt.Sprintf("User %q has deleted %d objects within %s and wanted more. Single deletions are refused until %s.", by.Name,
				g.Limits.Single, g.Limits.Window, g.Stopped[by.Name].Format(time.RFC3339))})
		return nil
	})
	if stop != nil {
		return stop
	}
	return err
}

// load returns the guard as a private copy.
func load(tx *store.Tx) (*dc.DeletionGuard, error) {
	g, err := store.Load[*dc.DeletionGuard](tx, dc.ID(dc.TheDeletionGuard))
	if dc.KindOf(err) == dc.NotFound {
		return &dc.DeletionGuard{ID: dc.TheDeletionGuard, Limits: dc.DefaultDeletionLimits}, nil
	}
	return g, err
}

func limits(v *store.View) dc.DeletionLimits {
	if g, err := store.Get[*dc.DeletionGuard](v, dc.ID(dc.TheDeletionGuard)); err == nil {
		return g.Limits
	}
	return dc.DefaultDeletionLimits
}

// Service is what administrators do with the guard. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access *access.Service
}

// New returns the service.
func New(st *store.Store, acc *access.Service) *Service { return &Service{st, acc} }

// Limits returns those in force. Privilege: PrivRead on the root folder.
func (s *Service) Limits(by dc.Caller) (dc.DeletionLimits, error) {
	return limits(s.store.View()), s.access.Authorize(by, dc.PrivRead, dc.ID(dc.RootFolder))
}

// SetLimits replaces the limits by what change, which may be called several times, makes of them, and forgets who is stopped. Kinds:
// Invalid. Privilege: PrivBackup, which is vSphere's for the settings of a vCenter, on the root folder.
func (s *Service) SetLimits(ctx context.Context, by dc.Caller, change func(*dc.DeletionLimits)) (out dc.DeletionLimits, _ error) {
	if err := s.access.Authorize(by, dc.PrivBackup, dc.ID(dc.RootFolder)); err != nil {
		return out, err
	}
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		g, err := load(tx)
		if err != nil {
			return err
		}
		change(&g.Limits)
		if err := dc.CheckDeletionLimits(g.Limits); err != nil {
			return err
		}
		out, g.Recent, g.Stopped = g.Limits, nil, nil
		tx.Put(g)
		event.Add(tx, time.Now(), dc.Event{Type: dc.EventGeneral, Target: dc.ID(dc.RootFolder), User: by.Name,
			Message: fmt.Sprintf("The limits of deletions are %d objects or %d percent of the machines in a call, and %d single deletions in %s.",
				out.Objects, out.Percent, out.Single, out.Window)})
		return nil
	})
	return out, err
}

// Stopped returns until when the single deletions of each principal are refused who is stopped now, by name. Privilege: PrivRead on the root
// folder.
func (s *Service) Stopped(by dc.Caller) (map[string]time.Time, error) {
	if err := s.access.Authorize(by, dc.PrivRead, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	if g, err := store.Get[*dc.DeletionGuard](s.store.View(), dc.ID(dc.TheDeletionGuard)); err == nil {
		maps.Copy(out, g.Stopped)
	}
	maps.DeleteFunc(out, func(_ string, until time.Time) bool { return !time.Now().Before(until) })
	return out, nil
}

// Release lets one principal go on who is stopped; what he has deleted is not counted any more. Kinds: WrongState where he is not stopped.
// Privilege: that of SetLimits.
func (s *Service) Release(ctx context.Context, by dc.Caller, principal string) error {
	if err := s.access.Authorize(by, dc.PrivBackup, dc.ID(dc.RootFolder)); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		g, err := load(tx)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		if !g.Release(principal, now) {
			return dc.Errorf(dc.WrongState, "his deletions are not stopped").On(dc.Describe(dc.KindUser, principal)).Fix("see who is stopped in the guard's limits")
		}
		tx.Put(g)
		event.Add(tx, now, dc.Event{Type: dc.EventGeneral, Target: dc.ID(dc.RootFolder), User: by.Name,
			Message: fmt.Sprintf("User %q may delete single objects again.", principal)})
		return nil
	})
}
