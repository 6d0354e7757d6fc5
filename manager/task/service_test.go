package task_test

import (
	"context"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
	"hanok/manager/task"
)

func TestServiceChecksTheCaller(t *testing.T) {
	st := openStore(t)
	e := run(t, st, quiet, steps(forever))
	s := task.NewService(st, access.New(st, quiet), e)
	id := mustSubmit(t, st, e, "Test.run").ID
	awaitState(t, st, id, dc.TaskRunning)

	reader := dc.Caller{Name: "bob", Role: dc.RoleReadOnly}
	for _, tt := range []struct {
		name string
		by   dc.Caller
		want dc.ErrorKind
	}{
		{"nobody", dc.Caller{}, dc.Unauthenticated},
		{"no role", dc.Caller{Name: "eve"}, dc.NotFound},
		{"reader", reader, ""},
	} {
		_, get := s.Get(tt.by, id)
		all, list := s.List(tt.by)
		if tt.want == dc.NotFound && list == nil && len(all) == 0 {
			list = get // what is not there for him is not in his list
		}
		ended, stop := context.WithCancel(t.Context())
		stop()
		_, wait := s.Await(ended, tt.by, id)
		if dc.KindOf(get) != tt.want || dc.KindOf(list) != tt.want || (dc.KindOf(wait) == tt.want) == (tt.want == "") {
			t.Errorf("%s: Get %v, List %v, Await %v", tt.name, get, list, wait)
		}
		if _, _, ok := s.Progress(tt.by, id); ok != (tt.want == "") {
			t.Errorf("%s: Progress is %v", tt.name, ok)
		}
	}
	if err := s.Cancel(t.Context(), reader, id); dc.KindOf(err) != dc.Denied {
		t.Errorf("another's task was canceled by a reader: %v", err)
	}
	if err := s.Cancel(t.Context(), dc.Caller{Name: "alice", Role: dc.RoleReadOnly}, id); err != nil {
		t.Errorf("one's own task: %v", err)
	}
	got, err := s.Await(t.Context(), reader, id)
	if err != nil || got.Failure.Kind != dc.Canceled {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Await(t.Context(), reader, "task-none"); dc.KindOf(err) != dc.NotFound {
		t.Errorf("no task: %v", err)
	}
}

func TestEndedTasksAreTrimmed(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	st := store.OpenMemory()
	add := func(id dc.TaskID, state dc.TaskState, age time.Duration) {
		t.Helper()
		err := st.Change(t.Context(), func(tx *store.Tx) error {
			tx.Put(&dc.Task{ID: id, Target: dc.ID(id), State: state, Completed: now.Add(-age)})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add("task-0", dc.TaskRunning, 100*time.Hour)
	add("task-1", dc.TaskSuccess, 25*time.Hour)
	add("task-2", dc.TaskError, 25*time.Hour)
	add("task-3", dc.TaskSuccess, 23*time.Hour) // beyond the newest two
	add("task-4", dc.TaskError, 22*time.Hour)
	add("task-5", dc.TaskSuccess, time.Hour)
	if err := task.Trim(t.Context(), st, now, 2); err != nil {
		t.Fatal(err)
	}
	var left []dc.TaskID
	for task := range store.List[*dc.Task](st.View()) {
		left = append(left, task.ID)
	}
	if len(left) != 3 || left[0] != "task-0" || left[1] != "task-4" || left[2] != "task-5" {
		t.Errorf("left are %v", left)
	}
}
