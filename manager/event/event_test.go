package event_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/store"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("somewhere", 3600))

// anyone lets every call through: who may do what is decided, and tested, in package access.
type anyone struct{}

func (anyone) Visible(dc.Caller) (func(dc.Object) bool, error) {
	return func(dc.Object) bool { return true }, nil
}

func (anyone) Shown(dc.Caller) (func(dc.Object) dc.Object, error) {
	return func(o dc.Object) dc.Object { return o }, nil
}

// record adds n events, a second apart, alternating between two targets.
func record(t *testing.T, st *store.Store, n int) {
	t.Helper()
	for i := range n {
		err := st.Change(t.Context(), func(tx *store.Tx) error {
			event.Add(tx, start.Add(time.Duration(i)*time.Second), dc.Event{
				Type: dc.EventVMPoweredOn, Target: dc.ID(fmt.Sprintf("vm-%d", i%2)), Message: fmt.Sprint(i),
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func messages(t *testing.T, st *store.Store, q event.Query) string {
	t.Helper()
	events, err := event.NewService(st, anyone{}).List(dc.System, q)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, e := range events {
		s = append(s, e.Message)
	}
	return strings.Join(s, " ")
}

func TestList(t *testing.T) {
	st := store.OpenMemory()
	defer st.Close()
	record(t, st, 6)
	for _, test := range []struct {
		query event.Query
		want  string
	}{
		{event.Query{}, "5 4 3 2 1 0"},
		{event.Query{Limit: 2}, "5 4"},
		{event.Query{Limit: 9}, "5 4 3 2 1 0"},
		{event.Query{OldestFirst: true}, "0 1 2 3 4 5"},
		{event.Query{OldestFirst: true, Limit: 2}, "0 1"},
		{event.Query{Target: "vm-1"}, "5 3 1"},
		{event.Query{Target: "vm-1", Limit: 1}, "5"},
		{event.Query{Target: "vm-0", OldestFirst: true, Limit: 2}, "0 2"},
		{event.Query{Target: "vm-2"}, ""},
	} {
		if got := messages(t, st, test.query); got != test.want {
			t.Errorf("%+v: %q, want %q", test.query, got, test.want)
		}
	}
	if _, err := event.NewService(st, anyone{}).List(dc.System, event.Query{Limit: -1}); dc.KindOf(err) != dc.Invalid {
		t.Errorf("a negative limit: %v", err)
	}
}

func TestAdd(t *testing.T) {
	st := store.OpenMemory()
	defer st.Close()
	for caller, want := range map[string]string{"alice": "alice", dc.System.Name: ""} {
		err := st.Change(t.Context(), func(tx *store.Tx) error {
			event.Add(tx, start, dc.Event{Type: dc.EventUserLogin, User: caller, Message: caller})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for e := range store.List[*dc.Event](st.View()) {
			if e.Message != caller {
				continue
			}
			if dc.ID(e.ID).Kind() != dc.KindEvent {
				t.Errorf("%s: ID %q", caller, e.ID)
			}
			if e.Created != start.UTC() {
				t.Errorf("%s: created %v, want %v", caller, e.Created, start.UTC())
			}
			if e.User != want {
				t.Errorf("%s: user %q, want %q", caller, e.User, want)
			}
		}
	}
}

func TestTrim(t *testing.T) {
	st := store.OpenMemory()
	defer st.Close()
	record(t, st, 120)
	for _, test := range []struct {
		keep int
		want string
	}{
		{200, "119 118 117"},
		{3, "119 118 117"},
		{3, "119 118 117"},
		{0, ""},
	} {
		if err := event.Trim(t.Context(), st, test.keep); err != nil {
			t.Fatal(err)
		}
		if got := messages(t, st, event.Query{Limit: 3}); got != test.want {
			t.Errorf("keep %d: %q, want %q", test.keep, got, test.want)
		}
	}
	record(t, st, 120)
	if err := event.Trim(t.Context(), st, 117); err != nil {
		t.Fatal(err)
	}
	if got := messages(t, st, event.Query{OldestFirst: true, Limit: 2}); got != "3 4" {
		t.Errorf("the oldest are %q", got)
	}
}
