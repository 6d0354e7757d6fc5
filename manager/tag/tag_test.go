package tag

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/store"
)

func open(t *testing.T) (*Service, *store.Store) {
	t.Helper()
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	put(t, st, &dc.Folder{ID: dc.RootFolder, Type: dc.FolderDatacenter})
	return New(st, access.New(st, slog.New(slog.DiscardHandler))), st
}

func put(t *testing.T, st *store.Store, all ...dc.Object) {
	t.Helper()
	err := st.Change(t.Context(), func(tx *store.Tx) error {
		for _, o := range all {
			tx.Put(o)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Service) must(t *testing.T, cardinality dc.Cardinality, names ...string) (tags []*dc.Tag) {
	t.Helper()
	c, err := s.CreateCategory(t.Context(), dc.System, dc.TagCategory{Meta: dc.Meta{Name: string(cardinality)}, Cardinality: cardinality})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		tag, err := s.Create(t.Context(), dc.System, c.ID, name, "")
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag)
	}
	return tags
}

func TestEveryCallIsAuthorized(t *testing.T) {
	s, _ := open(t)
	accesstest.Check(t, s, "Categories", "Tags", "Objects", "Attached")
}

// TestOneOfACategory lets several attach different tags of one category at once.
func TestOneOfACategory(t *testing.T) {
	s, st := open(t)
	put(t, st, &dc.Host{ID: "host-a", Meta: dc.Meta{Name: "a"}})
	tags := s.must(t, dc.SingleTag, "red", "green", "blue", "white")
	var wg sync.WaitGroup
	for _, tag := range tags {
		wg.Go(func() {
			if err := s.Attach(t.Context(), dc.System, tag.ID, "host-a"); err != nil && dc.KindOf(err) != dc.WrongState {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := s.Attached(dc.System, "host-a"); err != nil || len(got) != 1 {
		t.Errorf("the host has %d tags, %v; want one", len(got), err)
	}
}

// TestSweep sees that a deleted tag is attached to nothing at once, and that nothing is left of it after a sweep of more objects than
// one transaction takes.
func TestSweep(t *testing.T) {
	s, st := open(t)
	tags := s.must(t, dc.MultipleTags, "keep", "drop")
	const hosts = 2*batch + 1
	for i := range hosts {
		id := dc.HostID(fmt.Sprintf("host-%d", i))
		put(t, st, &dc.Host{ID: id, Meta: dc.Meta{Name: string(id)}})
		for _, tag := range tags {
			if err := s.Attach(t.Context(), dc.System, tag.ID, dc.ID(id)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, err := s.Objects(dc.System, tags[1].ID); err != nil || len(got) != hosts {
		t.Fatalf("%d objects have the tag, %v", len(got), err)
	}
	if err := s.Delete(t.Context(), dc.System, tags[1].ID); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Attached(dc.System, "host-0"); err != nil || len(got) != 1 || got[0].Name != "keep" {
		t.Errorf("after the deletion the host has %v, %v", got, err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for host := range store.List[*dc.Host](st.View()) {
		if len(host.Tags) != 1 || host.Tags[0] != tags[0].ID {
			t.Fatalf("%s has the tags %v", host.ID, host.Tags)
		}
	}
	before := st.View().Revision()
	if err := s.Sweep(t.Context()); err != nil || st.View().Revision() != before {
		t.Errorf("a second sweep: %v, revision %d to %d", err, before, st.View().Revision())
	}
}

func TestURN(t *testing.T) {
	s, _ := open(t)
	urn := s.must(t, dc.MultipleTags, "x")[0].URN()
	uuid, ok := strings.CutPrefix(urn, "urn:vmomi:InventoryServiceTag:")
	uuid, end := strings.CutSuffix(uuid, ":GLOBAL")
	if parts := strings.Split(uuid, "-"); !ok || !end || len(uuid) != 36 || len(parts) != 5 {
		t.Errorf("the identifier is %q", urn)
	}
}
