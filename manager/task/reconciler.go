package task

import (
	"context"
	"log/slog"
	"time"

	"hanok/manager/store"
)

// Reconciler makes one rule hold by looking at what is, not at what happened: at its start, after every change that
// concerns it, and from time to time.
type Reconciler struct {
	// Name names it in the log.
	Name string
	// Every is the time between two looks when nothing happens.
	Every time.Duration
	// Concerns reports whether a look is due at once after the change. It must be quick.
	Concerns func(c store.Change) bool
	// Reconcile looks at the newest view and mends what does not agree. It is never called twice at once, and it may be
	// called when there is nothing to do.
	Reconcile func(ctx context.Context) error
}

// Run looks again and again until ctx ends or the store does, and returns why. An error of Reconcile is logged, and
// tried again with growing pauses.
func (r Reconciler) Run(ctx context.Context, st *store.Store, log *slog.Logger) error {
	pause := newPause()
	for {
		since := st.View().Revision()
		next := time.Now().Add(r.Every)
		if err := r.Reconcile(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if st.Err() != nil {
				return st.Err()
			}
			log.Warn("reconciler: trying again", "name", r.Name, "err", err)
			next, since = time.Now().Add(pause.NextBackOff()), maxRevision
		} else {
			pause.Reset()
		}
		if err := r.wait(ctx, st, since, next); err != nil {
			return err
		}
	}
}

// maxRevision is above every revision: nothing that happens ends the pause after an error.
const maxRevision = 1<<63 - 1

// wait waits for the next moment to look.
func (r Reconciler) wait(ctx context.Context, st *store.Store, since int64, next time.Time) error {
	until, cancel := context.WithDeadline(ctx, next)
	defer cancel()
	for {
		if err := st.Wait(until, since); ctx.Err() != nil {
			return ctx.Err()
		} else if until.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		changes, upto, ok := st.Changes(since)
		if !ok {
			return nil
		}
		for _, c := range changes {
			if r.Concerns(c) {
				return nil
			}
		}
		since = upto
	}
}
