package task_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
	"hanok/manager/task/tasktest"
)

// The sample tasks work on a secret: something that holds bytes and follows no other rules.
const target = dc.SecretID("secret-target")

func put(tx *store.Tx, id dc.SecretID, change func(data string) string) error {
	s, err := store.Load[*dc.Secret](tx, dc.ID(id))
	if dc.KindOf(err) == dc.NotFound {
		s, err = &dc.Secret{ID: id, Meta: dc.Meta{Name: string(id)}}, nil
	}
	if err != nil {
		return err
	}
	s.Data = []byte(change(string(s.Data)))
	tx.Put(s)
	return nil
}

func remove(tx *store.Tx, id dc.SecretID) error {
	s, err := store.Load[*dc.Secret](tx, dc.ID(id))
	if dc.KindOf(err) == dc.NotFound {
		return nil
	}
	tx.Delete(s)
	return err
}

func data(v *store.View, id dc.SecretID) string {
	s, err := store.Get[*dc.Secret](v, dc.ID(id))
	if err != nil {
		return "-"
	}
	return string(s.Data)
}

// sample has one step of every sort: an idempotent change in the middle of a step, a change that must happen exactly once,
// a wait for somebody else, and a step behind the point of no return.
func sample() task.Definition {
	return task.Definition{Type: "Sample.run", Steps: []task.Step{
		{
			Name: "make",
			Do: func(ctx context.Context, r *task.Run) error {
				return r.Change(ctx, func(tx *store.Tx) error {
					return put(tx, "secret-made", func(string) string { return "made" })
				})
			},
			Undo: func(ctx context.Context, r *task.Run) error {
				return r.Change(ctx, func(tx *store.Tx) error { return remove(tx, "secret-made") })
			},
		},
		{
			Name: "count",
			Do: func(_ context.Context, r *task.Run) error {
				r.Finish(func(tx *store.Tx, t *dc.Task) error {
					if err := put(tx, "secret-count", func(s string) string { return s + "+" }); err != nil {
						return err
					}
					return task.SetArgs(t, "counted")
				})
				return nil
			},
			Undo: func(_ context.Context, r *task.Run) error {
				r.Finish(func(tx *store.Tx, t *dc.Task) error {
					var args string
					if err := r.Args(&args); err != nil || args != "counted" {
						return err
					}
					return put(tx, "secret-count", func(s string) string { return strings.TrimSuffix(s, "+") })
				})
				return nil
			},
		},
		{
			Name: "wait",
			Do: func(ctx context.Context, r *task.Run) error {
				return r.Wait(ctx, func(v *store.View) (bool, error) {
					return data(v, "secret-answer") == data(v, "secret-made"), nil
				})
			},
		},
		{
			Name: "end", Final: true,
			Do: func(_ context.Context, r *task.Run) error {
				r.Finish(func(tx *store.Tx, _ *dc.Task) error { return remove(tx, "secret-made") })
				return nil
			},
		},
	}}
}

// answer copies secret-made to secret-answer, like a host that follows its assignment.
func answer(ctx context.Context, st *store.Store) {
	for {
		v := st.View()
		if made := data(v, "secret-made"); made != data(v, "secret-answer") {
			_ = st.Change(ctx, func(tx *store.Tx) error {
				if made == "-" {
					return remove(tx, "secret-answer")
				}
				return put(tx, "secret-answer", func(string) string { return made })
			})
		}
		if st.Wait(ctx, v.Revision()) != nil {
			return
		}
	}
}

func openStore(t *testing.T) *store.Store {
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	err := st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Secret{ID: "secret-count", Meta: dc.Meta{Name: "count"}, Data: []byte("=")})
		return put(tx, target, func(string) string { return "target" })
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func submit(ctx context.Context, st *store.Store, e *task.Engine, typ string) (*dc.Task, error) {
	return submitOn(ctx, st, e, typ, target)
}

func submitOn(ctx context.Context, st *store.Store, e *task.Engine, typ string, id dc.SecretID) (*dc.Task, error) {
	var submitted *dc.Task
	err := st.Change(ctx, func(tx *store.Tx) (err error) {
		s, err := store.Get[*dc.Secret](tx.View(), dc.ID(id))
		if err != nil {
			return err
		}
		submitted, err = e.Submit(tx, dc.Caller{Name: "alice", Role: dc.RoleAdmin}, typ, s, "")
		return err
	})
	return submitted, err
}

func TestSampleDefinition(t *testing.T) {
	tasktest.Check(t, func(t *testing.T) tasktest.World {
		st := openStore(t)
		asker := task.New(st, quiet)
		asker.Register(sample())
		go answer(t.Context(), st)
		return tasktest.World{
			Store:       st,
			Definitions: func() []task.Definition { return []task.Definition{sample()} },
			Submit:      func(ctx context.Context) (*dc.Task, error) { return submit(ctx, st, asker, "Sample.run") },
			Picture: func(v *store.View) string {
				return fmt.Sprintf("made %s, count %s", data(v, "secret-made"), data(v, "secret-count"))
			},
			Succeeded: func(t testing.TB, v *store.View) {
				if got := data(v, "secret-count"); got != "=+" {
					t.Errorf("the count is %q, want it raised once", got)
				}
				if data(v, "secret-made") != "-" {
					t.Error("the last step had no effect")
				}
			},
		}
	})
}
