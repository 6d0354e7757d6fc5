package task_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

func TestReconcilerLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := openStore(t)
		var looks atomic.Int64
		var broken atomic.Bool
		r := task.Reconciler{
			Name: "test", Every: time.Minute,
			Concerns: func(c store.Change) bool { return c.ID == dc.ID(target) },
			Reconcile: func(context.Context) error {
				looks.Add(1)
				if broken.Load() {
					return errors.New("broken")
				}
				return nil
			},
		}
		ctx, stop := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- r.Run(ctx, st, quiet) }()
		write := func(id dc.SecretID) {
			if err := st.Change(t.Context(), func(tx *store.Tx) error { return put(tx, id, func(s string) string { return s + "x" }) }); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(when string, want int64) {
			t.Helper()
			synctest.Wait()
			if n := looks.Swap(0); n != want {
				t.Errorf("%s: looked %d times, want %d", when, n, want)
			}
		}
		expect("at the start", 1)
		write("secret-other")
		expect("after a change that does not concern it", 0)
		write(target)
		expect("after one that does", 1)
		time.Sleep(time.Minute + time.Millisecond)
		expect("after a minute", 1)
		broken.Store(true)
		write(target)
		expect("after a change", 1)
		write(target)
		expect("in the pause after an error", 0)
		time.Sleep(10 * time.Second) // 0.1, 0.2, … 3.2 and 6.4 s, each half shorter or longer
		synctest.Wait()
		if n := looks.Load(); n < 4 || n > 8 {
			t.Errorf("looked %d times in 10 s of errors", n)
		}
		stop()
		if err := <-end; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReconcilerEndsWithTheStore(t *testing.T) {
	st := openStore(t)
	r := task.Reconciler{Name: "test", Every: time.Hour, Concerns: func(store.Change) bool { return true },
		Reconcile: func(context.Context) error { st.Close(); return nil }}
	if err := r.Run(t.Context(), st, quiet); dc.KindOf(err) != dc.Unavailable {
		t.Errorf("got %v", err)
	}
}
