package store

import (
	"testing"
)

// The ring lets go of the oldest changes, whole transactions at a time, and says what it no longer has.
func TestRing(t *testing.T) {
	var r ring
	r.start(10)
	revision := int64(10)
	for range ringSize { // three changes each
		revision++
		r.add([]Change{{Revision: revision}, {Revision: revision}, {Revision: revision}})
		if len(r.changes) >= 2*ringSize {
			t.Fatalf("the ring has %d changes", len(r.changes))
		}
	}
	if len(r.changes) < ringSize-3 {
		t.Errorf("the ring has only %d changes", len(r.changes))
	}
	if _, ok := r.since(r.floor - 1); ok {
		t.Error("changes are returned although some before them are missing")
	}
	for _, since := range []int64{r.floor, r.floor + 1, revision - 1, revision} {
		got, ok := r.since(since)
		if !ok || len(got) != int(revision-since)*3 {
			t.Errorf("since %d: %d changes, %v; want %d", since, len(got), ok, (revision-since)*3)
		}
	}
}
