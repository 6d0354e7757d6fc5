package guard

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/store"
)

var ann = dc.Caller{User: "user-1", Name: "ann"}

func open(t *testing.T) (*store.Store, *Service) {
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	if err := st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: dc.RootFolder, Type: dc.FolderDatacenter})
		for i := range 200 {
			tx.Put(&dc.Image{ID: dc.ImageID(fmt.Sprintf("image-%d", i)), Meta: dc.Meta{Name: fmt.Sprint(i)}})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return st, New(st, access.New(st, slog.New(slog.DiscardHandler)))
}

func remove(i int) func(tx *store.Tx) error {
	return func(tx *store.Tx) error {
		o, err := store.Load[*dc.Image](tx, dc.ID(fmt.Sprintf("image-%d", i)))
		if err == nil {
			tx.Delete(o)
		}
		return err
	}
}

func count[T dc.Object](st *store.Store) (n int) {
	for range store.List[T](st.View()) {
		n++
	}
	return n
}

func TestPrivilegesComeFirst(t *testing.T) {
	_, s := open(t)
	accesstest.Check(t, s, "Limits", "Stopped")
}

// TestRunaway: a script of many threads deletes whatever there is. It is stopped at the limit, once, and others go on.
func TestRunaway(t *testing.T) {
	st, s := open(t)
	var deleted atomic.Int32
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := worker; i < 100; i += 4 {
				switch err := Change(t.Context(), st, ann, remove(i)); dc.KindOf(err) {
				case "":
					deleted.Add(1)
				case dc.WrongState:
				default:
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	limit := dc.DefaultDeletionLimits.Single
	if int(deleted.Load()) != limit || count[*dc.Image](st) != 200-limit {
		t.Errorf("%d were deleted, want %d", deleted.Load(), limit)
	}
	if n := count[*dc.Event](st); n != 1 {
		t.Errorf("%d events, want one", n)
	}
	if err := Change(t.Context(), st, dc.Caller{User: "user-2", Name: "bob"}, remove(150)); err != nil {
		t.Errorf("another user: %v", err)
	}
	for i := 151; i < 151+2*limit && i < 200; i++ {
		if err := Change(t.Context(), st, dc.System, remove(i)); err != nil {
			t.Fatalf("the system itself: %v", err)
		}
	}
	// What is confirmed is meant, and a new limit lets him go on.
	var ids []dc.ID
	for i := range 12 {
		ids = append(ids, dc.ID(fmt.Sprintf("image-%d", 100+i)))
	}
	nothing := func(*store.Tx) error { return nil }
	for confirmed, want := range map[int]dc.ErrorKind{0: dc.WrongState, 11: dc.WrongState, 12: ""} {
		if err := ChangeMany(t.Context(), st, ann, ids, confirmed, nothing); dc.KindOf(err) != want {
			t.Errorf("confirmed %d: %v", confirmed, err)
		}
	}
	if err := ChangeMany(t.Context(), st, ann, ids[:2], 0, nothing); dc.KindOf(err) != dc.WrongState {
		t.Errorf("few at once by whom was stopped: %v", err)
	}
	// Who is stopped can be let go on alone.
	if err := ChangeMany(t.Context(), st, dc.Caller{User: "user-2", Name: "bob"}, make([]dc.ID, limit), limit, nothing); err != nil {
		t.Fatal(err)
	}
	for range limit {
		_ = Change(t.Context(), st, dc.Caller{User: "user-2", Name: "bob"}, nothing)
	}
	if stopped, err := s.Stopped(dc.System); err != nil || len(stopped) != 2 {
		t.Errorf("stopped are %v, %v", stopped, err)
	}
	if err := s.Release(t.Context(), dc.System, ann.Name); err != nil {
		t.Error(err)
	}
	if err := s.Release(t.Context(), dc.System, ann.Name); dc.KindOf(err) != dc.WrongState {
		t.Errorf("released twice: %v", err)
	}
	for who, want := range map[string]dc.ErrorKind{"ann": "", "bob": dc.WrongState} {
		if err := Change(t.Context(), st, dc.Caller{User: "user-x", Name: who}, nothing); dc.KindOf(err) != want {
			t.Errorf("%s: %v", who, err)
		}
	}
	if _, err := s.SetLimits(t.Context(), dc.System, func(l *dc.DeletionLimits) { l.Single = 1 }); err != nil {
		t.Fatal(err)
	}
	if err := Change(t.Context(), st, ann, remove(120)); err != nil {
		t.Error(err)
	}
	if err := Change(t.Context(), st, ann, remove(121)); dc.KindOf(err) != dc.WrongState {
		t.Errorf("beyond the new limit: %v", err)
	}
	if _, err := s.SetLimits(t.Context(), dc.System, func(l *dc.DeletionLimits) { l.Objects = -1 }); dc.KindOf(err) != dc.Invalid {
		t.Errorf("a limit that can't be: %v", err)
	}
}

// TestRefusedIsNotCounted: who may not delete it, or can't yet, hears that, as often as he tries.
func TestRefusedIsNotCounted(t *testing.T) {
	st, _ := open(t)
	for range 2 * dc.DefaultDeletionLimits.Single {
		if err := Change(t.Context(), st, ann, func(*store.Tx) error { return dc.Errorf(dc.Denied, "no") }); dc.KindOf(err) != dc.Denied {
			t.Fatal(err)
		}
	}
}
