package store_test

import (
	"fmt"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

const smallQuota = 2 << 20

// large is an object of 64 KB.
func large(n int) *dc.VirtualMachine {
	return &dc.VirtualMachine{ID: dc.VirtualMachineID(fmt.Sprintf("vm-n%d", n)), Meta: dc.Meta{Name: fmt.Sprint(n)},
		Spec: dc.VirtualMachineSpec{Annotation: strings.Repeat("x", 64<<10)}}
}

func putOne(t *testing.T, s *store.Store, obj dc.Object) error {
	return s.Change(t.Context(), func(tx *store.Tx) error { tx.Put(obj); return nil })
}

// fill puts objects until the store refuses, and returns how many it took.
func fill(t *testing.T, s *store.Store, obj func(n int) dc.Object) (int, error) {
	t.Helper()
	for n := range 10000 {
		if err := putOne(t, s, obj(n)); err != nil {
			return n, err
		}
	}
	t.Fatal("the store is never full")
	return 0, nil
}

// A store at its quota refuses new inventory and says what to do; reads, logins, changes and deletions go on, and when
// enough is deleted it takes new objects again.
func TestQuota(t *testing.T) {
	s := open(t, store.EmbeddedConfig{Dir: t.TempDir(), QuotaBytes: smallQuota})
	n, err := fill(t, s, func(n int) dc.Object { return large(n) })
	t.Logf("after %d machines: %v", n, err)
	if dc.KindOf(err) != dc.Exhausted || !strings.Contains(err.Error(), "its quota of 2097152 bytes") ||
		!strings.Contains(err.Error(), "; delete what is no longer needed, or start hanok with a larger quota") {
		t.Errorf("error %v, want one of kind Exhausted with the quota and a remedy", err)
	}
	if u, err := s.Usage(t.Context()); err != nil || !u.Full || u.QuotaBytes != smallQuota || u.UsedBytes < smallQuota {
		t.Errorf("usage %+v, %v", u, err)
	}
	if _, err := store.Get[*dc.VirtualMachine](s.View(), "vm-n0"); err != nil {
		t.Errorf("read: %v", err)
	}
	for what, obj := range map[string]dc.Object{
		"login": &dc.Session{ID: "session-a"}, "task": &dc.Task{ID: "task-a"}, "event": &dc.Event{ID: "event-a"},
	} {
		if err := putOne(t, s, obj); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.TakeFence(t.Context(), "manager"); err != nil {
		t.Errorf("fence: %v", err)
	}
	if err := s.Change(t.Context(), func(tx *store.Tx) error {
		v, err := store.Load[*dc.VirtualMachine](tx, "vm-n0")
		if err == nil {
			v.Name = "renamed"
			tx.Put(v)
		}
		return err
	}); err != nil {
		t.Errorf("update: %v", err)
	}
	deleteAll[*dc.VirtualMachine](t, s, n-smallQuota/2/(64<<10)) // what is left takes half of the quota, however far n went
	if err := putOne(t, s, large(n)); err != nil {
		t.Errorf("after deleting most: %v", err)
	}
	if u, err := s.Usage(t.Context()); err != nil || u.Full {
		t.Errorf("usage %+v, %v; want room", u, err)
	}
}

// deleteAll deletes the first n objects of a type.
func deleteAll[T dc.Object](t *testing.T, s *store.Store, n int) {
	t.Helper()
	for obj := range store.List[T](s.View()) {
		if n--; n < 0 {
			return
		}
		if err := s.Change(t.Context(), func(tx *store.Tx) error { tx.Delete(obj); return nil }); err != nil {
			t.Fatalf("delete %s: %v", obj.Identity(), err)
		}
	}
}

// What was overwritten does not count for long: it is compacted away when room is needed.
func TestQuotaIsNotForHistory(t *testing.T) {
	s := open(t, store.EmbeddedConfig{Dir: t.TempDir(), QuotaBytes: smallQuota})
	v := large(0)
	for range 4 * smallQuota >> 16 {
		if err := putOne(t, s, v); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 5 {
		if err := putOne(t, s, large(n+1)); err != nil {
			t.Errorf("a new object: %v", err)
		}
	}
}

// Beyond the quota there is a reserve for what the manager itself bounds, such as events. At its end only deletions are
// taken; they make room, in the running store and in one that is opened again.
func TestQuotaReserve(t *testing.T) {
	dir := t.TempDir()
	s := open(t, store.EmbeddedConfig{Dir: dir, QuotaBytes: smallQuota})
	event := func(n int) dc.Object {
		return &dc.Event{ID: dc.EventID(fmt.Sprintf("event-n%d", n)), Message: strings.Repeat("x", 512<<10)}
	}
	n, err := fill(t, s, event)
	t.Logf("after %d events: %v", n, err)
	if dc.KindOf(err) != dc.Exhausted {
		t.Errorf("error %v, want kind Exhausted", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, store.EmbeddedConfig{Dir: dir, QuotaBytes: smallQuota})
	if err := putOne(t, s, event(n)); dc.KindOf(err) != dc.Exhausted {
		t.Errorf("opened again: error %v, want kind Exhausted", err)
	}
	if _, err := s.TakeFence(t.Context(), "manager"); err != nil {
		t.Errorf("fence: %v", err)
	}
	deleteAll[*dc.Event](t, s, n*3/4)
	if err := putOne(t, s, event(n)); err != nil {
		t.Errorf("after deleting most: %v", err)
	}
}
