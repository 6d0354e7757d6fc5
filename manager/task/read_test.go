package task_test

import (
	"context"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

// TestReading: any number of tasks read an object, and none works on it meanwhile; it is not deleted either.
func TestReading(t *testing.T) {
	st := store.OpenMemory()
	defer st.Close()
	e := task.New(st, quiet)
	wait := func(ctx context.Context, r *task.Run) error {
		return r.Wait(ctx, func(*store.View) (bool, error) { return false, nil })
	}
	e.Register(task.Definition{Type: "wait", Steps: []task.Step{{Name: "wait", Do: wait}}})
	ctx, by := t.Context(), dc.Caller{Name: "alice"}
	folders := make([]*dc.Folder, 3)
	change := func(fn func(tx *store.Tx) error) {
		t.Helper()
		if err := st.Change(ctx, fn); err != nil {
			t.Fatal(err)
		}
	}
	change(func(tx *store.Tx) error {
		for i := range folders {
			folders[i] = &dc.Folder{ID: dc.FolderID([]string{"group-a", "group-b", "group-c"}[i]), Meta: dc.Meta{Name: string(rune('a' + i))}}
			tx.Put(folders[i])
		}
		return nil
	})
	read := folders[0]
	reading := func(target dc.Object) func(tx *store.Tx) error {
		return func(tx *store.Tx) error {
			_, err := e.SubmitReading(tx, by, "wait", target, []dc.Object{read}, nil)
			return err
		}
	}
	working := func(tx *store.Tx) error {
		_, err := e.Submit(tx, by, "wait", read, nil)
		return err
	}
	refused := func(name string, kind dc.ErrorKind, fn func(tx *store.Tx) error) {
		t.Helper()
		if err := st.Change(ctx, fn); dc.KindOf(err) != kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	change(reading(folders[1]))
	change(reading(folders[2]))
	refused("a task on what is read", dc.Conflict, working)
	refused("a change of what is read", dc.Conflict, func(tx *store.Tx) error { return e.CheckIdle(tx, read) })
	refused("a deletion of what is read", dc.WrongState, func(tx *store.Tx) error {
		f, err := store.Load[*dc.Folder](tx, "group-a")
		tx.Delete(f)
		return err
	})
	// Both at once: each transaction ran against a view without the other. One of them is run again, and refused.
	for name, first := range map[string]func(tx *store.Tx) error{"reading first": reading(folders[1]), "working first": working} {
		second := working
		if name == "working first" {
			second = reading(folders[1])
		}
		change(func(tx *store.Tx) error {
			for o := range store.List[*dc.Task](tx.View()) {
				o, err := store.Load[*dc.Task](tx, dc.ID(o.ID))
				if err != nil {
					return err
				}
				tx.Delete(o)
			}
			return nil
		})
		runs := 0
		err := st.Change(ctx, func(tx *store.Tx) error {
			if runs++; runs == 1 {
				change(first)
			}
			return second(tx)
		})
		if dc.KindOf(err) != dc.Conflict || runs != 2 {
			t.Errorf("%s: %v after %d runs", name, err, runs)
		}
	}
}
