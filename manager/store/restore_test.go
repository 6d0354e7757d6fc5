package store_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/store/storetest"
)

// base is one as a restore has it: microseconds.
const base = 1_800_000_000_000_000

// A store that was restored is a store like any other.
func TestRestored(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) *store.Store {
			cfg := store.EmbeddedConfig{Dir: filepath.Join(t.TempDir(), "store")}
			if err := store.RestoreEmbedded(t.Context(), cfg, store.Contents{Base: base}); err != nil {
				t.Fatal(err)
			}
			return open(t, cfg)
		})
	})
	s, n := startServer(t, 0), 0
	t.Run("external", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) *store.Store {
			n++
			cfg := s.config(fmt.Sprintf("/test/%d/", n), "me")
			if err := store.RestoreExternal(t.Context(), cfg, store.Contents{Base: base}, false); err != nil {
				t.Fatal(err)
			}
			st, err := store.OpenExternal(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { st.Close() })
			return st
		})
	})
}

func (s *server) config(prefix, owner string) store.ExternalConfig {
	return store.ExternalConfig{Endpoints: []string{s.endpoint}, Prefix: prefix, Owner: owner, Log: slog.New(slog.DiscardHandler)}
}

// What was dumped comes back: objects with their claims above the base, no fences, and nothing of what was there.
func TestRestore(t *testing.T) {
	from := store.OpenMemory()
	err := from.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: "group-a", Meta: dc.Meta{Name: "a"}})
		tx.Put(&dc.VirtualMachine{ID: "vm-a", Meta: dc.Meta{Name: "web", Parent: "group-a"}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := from.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	contents := store.Contents{Base: base}
	for _, e := range d.Entries {
		if obj, err := e.Object(); err != nil || obj != nil {
			contents.Entries = append(contents.Entries, e)
		}
	}
	check := func(t *testing.T, st *store.Store, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		vm, err := store.Get[*dc.VirtualMachine](st.View(), "vm-a")
		if err != nil || vm.Name != "web" || vm.Revision <= base || st.View().Revision() < vm.Revision {
			t.Errorf("the machine is %+v, %v at %d", vm, err, st.View().Revision())
		}
		if holder, _ := store.Claimed(st.View(), dc.NameClaim("group-a", "web")); holder != "vm-a" {
			t.Errorf("its name is held by %q", holder)
		}
		if _, err := store.Get[*dc.Folder](st.View(), "group-old"); dc.KindOf(err) != dc.NotFound {
			t.Errorf("what was there before: %v", err)
		}
	}

	t.Run("embedded", func(t *testing.T) {
		cfg := store.EmbeddedConfig{Dir: t.TempDir()}
		if err := store.RestoreEmbedded(t.Context(), cfg, contents); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			st, err := store.OpenEmbedded(t.Context(), cfg)
			check(t, st, err)
		}
	})
	s := startServer(t, 0)
	t.Run("external", func(t *testing.T) {
		cfg := s.config("/a/", "me")
		old := s.open(t, "/a/")
		if err := putFolder(t.Context(), old, "group-old"); err != nil {
			t.Fatal(err)
		}
		old.Close()
		err := store.RestoreExternal(t.Context(), cfg, contents, false)
		want := "the store: there is a data center below /a/ in etcd; erase it with --replace, or choose another prefix with --etcd-prefix"
		if dc.KindOf(err) != dc.Exists || err.Error() != want {
			t.Errorf("over a data center: %v, want %s", err, want)
		}
		if err := store.RestoreExternal(t.Context(), cfg, contents, true); err != nil {
			t.Fatal(err)
		}
		st, err := store.OpenExternal(t.Context(), cfg)
		check(t, st, err)
	})
	t.Run("over a restore that was not finished", func(t *testing.T) {
		for key, value := range map[string]string{"format": "restoring", "object/Folder/group-old": "{}"} {
			if _, err := s.client(t).Put(t.Context(), "/half/"+key, value); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := store.OpenExternal(t.Context(), s.config("/half/", "me")); dc.KindOf(err) != dc.WrongState {
			t.Errorf("opening it: %v, want kind WrongState", err)
		}
		if err := store.RestoreExternal(t.Context(), s.config("/half/", "me"), contents, false); err != nil {
			t.Fatal(err)
		}
		st, err := store.OpenExternal(t.Context(), s.config("/half/", "me"))
		check(t, st, err)
	})
	t.Run("over what is not Hanok's", func(t *testing.T) {
		if _, err := s.client(t).Put(t.Context(), "/other/key", "x"); err != nil {
			t.Fatal(err)
		}
		if err := store.RestoreExternal(t.Context(), s.config("/other/", "me"), contents, true); dc.KindOf(err) != dc.Exists {
			t.Errorf("error %v, want kind Exists", err)
		}
	})
	t.Run("while a manager works on it", func(t *testing.T) {
		st, err := store.OpenExternal(t.Context(), s.config("/busy/", "other"))
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		if err := store.RestoreExternal(t.Context(), s.config("/busy/", "me"), contents, true); dc.KindOf(err) != dc.Conflict {
			t.Errorf("error %v, want kind Conflict", err)
		}
		if err := putFolder(t.Context(), st, "group-b"); err != nil {
			t.Errorf("the manager was disturbed: %v", err)
		}
	})
}

// Contents that make no store change nothing.
func TestRestoreContents(t *testing.T) {
	folder := func(id string) store.Entry {
		return store.Entry{Key: "object/Folder/" + id, Value: fmt.Appendf(nil, `{"id":%q,"name":"a"}`, id)}
	}
	tests := []struct {
		name     string
		contents store.Contents
		kind     dc.ErrorKind
	}{
		{"two objects with one name", store.Contents{Entries: []store.Entry{folder("group-a"), folder("group-b")}}, dc.WrongState},
		{"an object under another's key", store.Contents{Entries: []store.Entry{{Key: "object/Folder/group-x", Value: folder("group-a").Value}}}, dc.WrongState},
		{"no object", store.Contents{Entries: []store.Entry{{Key: "fence/manager", Value: []byte("taken")}}}, dc.WrongState},
		{"an unknown kind", store.Contents{Entries: []store.Entry{{Key: "object/Moon/moon-1", Value: []byte("{}")}}}, dc.WrongState},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			if err := store.RestoreEmbedded(t.Context(), store.EmbeddedConfig{Dir: dir}, tt.contents); dc.KindOf(err) != tt.kind {
				t.Errorf("error %v, want kind %s", err, tt.kind)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the folder was made")
			}
		})
	}
}
