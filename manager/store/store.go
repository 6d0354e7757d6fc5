package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"hanok/dc"
)

// Store is the one place where the data center's objects are. It is safe for concurrent use.
type Store struct {
	backend backend
	view    atomic.Pointer[View]
	// words are the sink's.
	words words
	// turn is held by the change that is being tried again, so that changes which conflict with each other all the
	// time get through one after the other.
	turn chan struct{}

	closed func() error
	// life ends with the store; its cause says why.
	life context.Context
	end  context.CancelCauseFunc

	mu      sync.Mutex
	ring    ring
	waiting queue // those who wait for a view
}

// Usage is how full a store is.
type Usage struct {
	// UsedBytes is what is stored, with the history that was not compacted yet.
	UsedBytes int64
	// QuotaBytes is how much may be stored, or 0 where the store has no limit that it knows.
	QuotaBytes int64
	// Full is set while new objects are refused.
	Full bool
}

// attempts bounds how often a change whose conditions failed is tried again.
const attempts = 100

func newStore() *Store {
	s := &Store{turn: make(chan struct{}, 1), words: words{}}
	s.life, s.end = context.WithCancelCause(context.Background())
	s.closed = sync.OnceValue(func() error { return s.backend.close() })
	s.view.Store(emptyView())
	return s
}

// View returns the newest view. It costs nothing and never waits.
func (s *Store) View() *View { return s.view.Load() }

// Change runs fn against the newest view and commits what fn asked for as one transaction, or nothing. When Change
// returns nil, View includes the change.
//
// When somebody else changed what the transaction depends on, Change waits for the view to show it and runs fn again, so
// fn must have no effect besides its Tx; after many attempts in vain the error is of kind Conflict. An error of fn is
// returned as it is, with nothing written. Other errors are of the kinds that Tx names, Exhausted for a store that is
// full, and Unavailable where the store cannot be reached; the message says so when it is unknown whether the
// transaction was committed.
func (s *Store) Change(ctx context.Context, fn func(tx *Tx) error) error {
	for n := range attempts {
		if err := s.ready(ctx); err != nil {
			return err
		}
		if n == 1 {
			select {
			case s.turn <- struct{}{}:
				defer func() { <-s.turn }()
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		tx := &Tx{view: s.View(), writes: map[dc.ID]*write{}}
		if err := fn(tx); err != nil {
			return err
		}
		t, err := tx.plan()
		if err != nil {
			return err
		}
		revision, err := s.commit(ctx, t)
		if errors.Is(err, errConditions) {
			if err := tx.keepsFences(s.View()); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, w := range tx.writes {
			if w.object != nil {
				w.object.Metadata().Revision = revision
			}
		}
		return nil
	}
	return &dc.Error{Kind: dc.Conflict, Message: "others change the same objects all the time", Remedy: "try again"}
}

// errConditions is commit's answer when a condition did not hold; the view shows why.
var errConditions = errors.New("a condition did not hold")

// commit commits t and waits until the view includes it, or what made it impossible.
func (s *Store) commit(ctx context.Context, t transaction) (int64, error) {
	if len(t.conditions) == 0 && len(t.operations) == 0 {
		return s.View().revision, nil
	}
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	// A child of life ends at once with it: why the store ended is known before etcd's answer that it has stopped.
	caller := ctx
	ctx, cancel := context.WithCancelCause(s.life)
	defer cancel(nil)
	defer context.AfterFunc(caller, func() { cancel(context.Cause(caller)) })()
	revision, ok, err := s.backend.commit(ctx, t)
	if err != nil {
		return 0, err
	}
	if ok && len(t.operations) == 0 {
		return revision, nil
	}
	if err := s.reach(ctx, revision); err != nil {
		if !ok {
			return 0, err
		}
		return 0, &dc.Error{Kind: dc.Unavailable, Err: err,
			Message: "the change is written, but it is not to be seen here: " + err.Error()}
	}
	if !ok {
		return 0, errConditions
	}
	return revision, nil
}

// ready returns nil while the store and ctx live.
func (s *Store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Err()
}

// Usage returns how full the store is. The error is of kind Unavailable.
func (s *Store) Usage(ctx context.Context) (Usage, error) {
	if err := s.ready(ctx); err != nil {
		return Usage{}, err
	}
	return s.backend.usage(ctx)
}

// Done is closed when the store has ended: by Close, or because its backend failed for good, such as an embedded etcd
// whose disk is full. Err says why. The process should then end; a store does not come back.
func (s *Store) Done() <-chan struct{} { return s.life.Done() }

// Err returns why the store has ended, or nil while it lives.
func (s *Store) Err() error { return context.Cause(s.life) }

// Close ends the store: calls in progress and later ones fail with Unavailable, views stay readable. Closing twice does
// nothing.
func (s *Store) Close() error {
	s.end(&dc.Error{Kind: dc.Unavailable, Message: "the store is closed"})
	return s.closed()
}
