package attribute

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/store"
)

func open(t *testing.T, hosts int) (*Service, *store.Store) {
	t.Helper()
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	err := st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: dc.RootFolder, Type: dc.FolderDatacenter})
		for i := range hosts {
			id := fmt.Sprintf("host-%d", i)
			tx.Put(&dc.Host{ID: dc.HostID(id), Meta: dc.Meta{Name: id}})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return New(st, access.New(st, slog.New(slog.DiscardHandler))), st
}

func TestEveryCallIsAuthorized(t *testing.T) {
	s, _ := open(t, 0)
	accesstest.Check(t, s, "List", "Values")
}

// TestKeys makes attributes at once, deletes them all, and makes another one.
func TestKeys(t *testing.T) {
	s, _ := open(t, 0)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := s.Create(t.Context(), dc.System, fmt.Sprint(i), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := s.List(dc.System)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[int32]bool{}
	for _, o := range all {
		keys[o.Key] = true
		if err := s.Delete(t.Context(), dc.System, o.ID); err != nil {
			t.Error(err)
		}
	}
	last, err := s.Create(t.Context(), dc.System, "0", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 8 || last.Key != 9 {
		t.Errorf("the keys are %v and then %d", keys, last.Key)
	}
}

// TestSweep sees that nothing is left of the values of a deleted attribute, on more objects than one transaction changes.
func TestSweep(t *testing.T) {
	const hosts = 2*batch + 1
	s, st := open(t, hosts)
	var fields []*dc.CustomField
	for _, name := range []string{"keep", "drop"} {
		o, err := s.Create(t.Context(), dc.System, name, dc.KindHost)
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, o)
		for i := range hosts {
			if err := s.Set(t.Context(), dc.System, o.ID, dc.ID(fmt.Sprintf("host-%d", i)), "x"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Delete(t.Context(), dc.System, fields[1].ID); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Values(dc.System, "host-0"); err != nil || len(got) != 1 || got[0].Field.Name != "keep" {
		t.Errorf("after the deletion the host has %v, %v", got, err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for host := range store.List[*dc.Host](st.View()) {
		if len(host.CustomValues) != 1 || host.CustomValues[fields[0].Key] != "x" {
			t.Fatalf("%s has %v", host.ID, host.CustomValues)
		}
	}
	before := st.View().Revision()
	if err := s.Sweep(t.Context()); err != nil || st.View().Revision() != before {
		t.Errorf("a second sweep: %v, revision %d to %d", err, before, st.View().Revision())
	}
}

func TestTooMany(t *testing.T) {
	s, _ := open(t, 1)
	for i := range dc.MaxCustomValues + 1 {
		o, err := s.Create(t.Context(), dc.System, fmt.Sprint(i), "")
		if err != nil {
			t.Fatal(err)
		}
		err = s.Set(t.Context(), dc.System, o.ID, "host-0", "x")
		if want := i == dc.MaxCustomValues; (dc.KindOf(err) == dc.Exhausted) != want || err != nil && !want {
			t.Errorf("value %d: %v", i, err)
		}
	}
}
