package manager_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"hanok/dc"
	"hanok/manager"
	"hanok/manager/access/accesstest"
	"hanok/manager/store"
	"hanok/manager/task"
)

func open(t *testing.T, st *store.Store) *manager.Manager {
	t.Helper()
	m, err := manager.New(t.Context(), manager.Config{Store: st, Images: t.TempDir(), Statistics: filepath.Join(t.TempDir(), "statistics.db"), Audit: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func TestEveryServiceAsksWhoCalls(t *testing.T) {
	st := store.OpenMemory()
	defer st.Close()
	m := open(t, st)
	t.Run("machines", func(t *testing.T) { accesstest.Check(t, m.Machines, "Get", "List", "Orphans") })
	t.Run("hosts", func(t *testing.T) { accesstest.Check(t, m.Hosts) })
	t.Run("agents", func(t *testing.T) { accesstest.Check(t, m.Agents) })
	t.Run("doctor", func(t *testing.T) { accesstest.Check(t, m.Doctor) })
	t.Run("checker", func(t *testing.T) { accesstest.Check(t, m.Checker) })
}

// A second start finds what the first one made.
func TestNewTwice(t *testing.T) {
	st := store.OpenMemory()
	defer st.Close()
	first := open(t, st)
	before := first.Store.View().Revision()
	second := open(t, st)
	if !bytes.Equal(first.CA.PEM(), second.CA.PEM()) {
		t.Error("the second start made another certificate authority")
	}
	if after := st.View().Revision(); after != before {
		t.Errorf("the second start changed the store: revision %d, then %d", before, after)
	}
}

func TestNewMarksHosts(t *testing.T) {
	st := store.OpenMemory()
	defer st.Close()
	open(t, st)
	err := st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Host{ID: "host-1", Meta: dc.Meta{Name: "a", Parent: "domain-c1"}, Status: dc.HostStatus{Connection: dc.Connected}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	open(t, st)
	if h, err := store.Get[*dc.Host](st.View(), "host-1"); err != nil || h.Status.Connection == dc.Connected {
		t.Errorf("nobody has heard of the host yet, and it is %v, %v", h, err)
	}
}

func TestRunEnds(t *testing.T) {
	tests := []struct {
		name string
		end  func(t *testing.T, st *store.Store, cancel context.CancelFunc)
		want dc.ErrorKind
	}{
		{"by its context", func(_ *testing.T, _ *store.Store, cancel context.CancelFunc) { cancel() }, ""},
		{"when another manager leads", func(t *testing.T, st *store.Store, _ context.CancelFunc) {
			if _, err := st.TakeFence(t.Context(), task.FenceName); err != nil {
				t.Error(err)
			}
		}, dc.Conflict},
		{"with its store", func(t *testing.T, st *store.Store, _ context.CancelFunc) { st.Close() }, dc.Unavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			st := store.OpenMemory()
			defer st.Close()
			m := open(t, st)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			before := st.View().Revision()
			end := make(chan error, 1)
			go func() { end <- m.Run(ctx) }()
			if err := st.Wait(ctx, before); err != nil { // until it has taken the fence
				t.Fatal(err)
			}
			test.end(t, st, cancel)
			if err := <-end; dc.KindOf(err) != test.want {
				t.Errorf("it ended with %v, want kind %q", err, test.want)
			}
		})
	}
}
