package task

import (
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

// A store whose answer was lost may also show the change late: the step is then done again from an old view, and its
// commit must not move the cursor a second time.
func TestCommitFromAnOldViewMovesNothing(t *testing.T) {
	st := store.OpenMemory()
	defer st.Close()
	old := &dc.Task{ID: "task-1", Target: "vm-1", State: dc.TaskRunning, Steps: []string{"1", "2", "3"}}
	now := *old
	now.Cursor = 1
	if err := st.Change(t.Context(), func(tx *store.Tx) error { tx.Put(&now); return nil }); err != nil {
		t.Fatal(err)
	}
	fence, err := st.TakeFence(t.Context(), FenceName)
	if err != nil {
		t.Fatal(err)
	}
	x := newExecution(t.Context(), &term{Engine: New(st, nil), fence: fence}, old.ID)
	advance := (&Run{x: x, task: old}).advance
	if err := x.commit(t.Context(), old, advance); err != nil {
		t.Fatal(err)
	}
	got, err := store.Get[*dc.Task](st.View(), "task-1")
	if err != nil || got.Cursor != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}
