package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"hanok/dc"
)

// folders are entries for more than one transaction.
func folders(n int) []Entry {
	entries := make([]Entry, n)
	for i := range entries {
		id := fmt.Sprintf("group-%06d", i)
		entries[i] = Entry{Key: "object/Folder/" + id, Value: fmt.Appendf(nil, `{"id":%q,"name":%q}`, id, id)}
	}
	return entries
}

// The power goes before and after every transaction of a restore over a store: nobody opens what it leaves, and the restore
// that is run again makes what the first one was to make.
func TestRestoreCutOff(t *testing.T) {
	const base = 1 << 50
	cfg := EmbeddedConfig{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	s := openEmbedded(t, cfg)
	err := s.Change(t.Context(), func(tx *Tx) error { tx.Put(&dc.Secret{ID: "secret-old"}); return nil })
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	operations, err := Contents{Entries: folders(70)}.operations()
	if err != nil {
		t.Fatal(err)
	}
	powerFailure := errors.New("no power")
	for step := 0; ; step++ { // even: before a transaction, odd: after it
		calls, finished := 0, false
		raw(t, cfg, func(e *etcd) {
			err := restore(t.Context(), e, func(ctx context.Context, tr transaction) (int64, bool, error) {
				calls++
				if calls-1 == step/2 && step%2 == 0 {
					return 0, false, powerFailure
				}
				revision, ok, err := e.commit(ctx, tr)
				if calls-1 == step/2 {
					return 0, false, powerFailure
				}
				return revision, ok, err
			}, operations, base)
			finished = calls <= step/2
			if finished && err != nil || !finished && !errors.Is(err, powerFailure) {
				t.Fatalf("step %d: error %v", step, err)
			}
		})
		if finished {
			if calls < 4 {
				t.Errorf("%d transactions, too few to test anything", calls)
			}
			break
		}
		s, err := OpenEmbedded(t.Context(), cfg)
		if err == nil {
			_, old := Get[*dc.Secret](s.View(), "secret-old")
			if untouched := step == 0 && old == nil; !untouched && !restored(s, base) {
				t.Errorf("cut off at step %d: the store opens at revision %d", step, s.View().Revision())
			}
			s.Close()
		} else if step == 0 || dc.KindOf(err) != dc.WrongState {
			t.Errorf("cut off at step %d: error %v", step, err)
		}
	}
	if s := openEmbedded(t, cfg); !restored(s, base) {
		t.Errorf("it is not whole at revision %d", s.View().Revision())
	}
}

// restored reports whether the store is what TestRestoreCutOff restores.
func restored(s *Store, base int64) bool {
	n := 0
	for range List[*dc.Folder](s.View()) {
		n++
	}
	_, err := Get[*dc.Secret](s.View(), "secret-old")
	return n == 70 && dc.KindOf(err) == dc.NotFound && s.View().Revision() > base
}

func openEmbedded(t *testing.T, cfg EmbeddedConfig) *Store {
	t.Helper()
	s, err := OpenEmbedded(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// raw runs use on the etcd of a store that is not open.
func raw(t *testing.T, cfg EmbeddedConfig, use func(e *etcd)) {
	t.Helper()
	e, err := newEmbedded(cfg, nil, func(err error) { t.Error(err) })
	if err == nil {
		err = e.launched(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	use(&e.etcd)
}
