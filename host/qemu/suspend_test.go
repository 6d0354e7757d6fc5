package qemu

import (
	"context"
	"errors"
	"strings"
	"testing"

	"hanok/dc"
)

func TestBoardOf(t *testing.T) {
	stream := func(name string) string {
		return "QEVM\x00\x00\x00\x03\x07\x00\x00\x00" + string(rune(len(name))) + name + "\x01\x00\x00"
	}
	tests := []struct {
		name, head, want string
	}{
		{"ours", stream("pc-q35-10.0"), "pc-q35-10.0"},
		{"another board", stream("pc-i440fx-9.2"), ""},
		{"an option smuggled in", stream("pc-q35-9.2,accel=kvm"), ""},
		{"a length beyond the end", stream("pc-q35-10.0")[:20], ""},
		{"another version", "QEVM\x00\x00\x00\x02" + stream("pc-q35-10.0")[8:], ""},
		{"no configuration", "QEVM\x00\x00\x00\x03\x01" + stream("pc-q35-10.0")[9:], ""},
		{"nonsense", "nonsense nonsense nonsense", ""},
		{"nothing", "", ""},
	}
	for _, test := range tests {
		got, ok := boardOf([]byte(test.head))
		if ok != (test.want != "") || ok && got != test.want {
			t.Errorf("%s: got %q, %v", test.name, got, ok)
		}
	}
}

func TestSuspendOnFullDatastore(t *testing.T) {
	l := newLab(t, tinyMachine())
	l.start()
	port := l.serial()
	port.await("H")
	port.enter("n")
	port.await("1")
	l.fill()
	err := l.d.Suspend(t.Context(), l.m)
	if dc.KindOf(err) != dc.Exhausted || !strings.Contains(err.Error(), `datastore "datastore-1": it is too full for the memory`) {
		t.Fatalf("error %v, want Exhausted", err)
	}
	t.Log(err)
	l.is(dc.RunRunning)
	port.enter("n")
	port.await("2")
	l.free()
	if err := l.d.Suspend(t.Context(), l.m); err != nil {
		t.Fatal(err)
	}
	l.is(dc.RunSuspended)
	l.start()
	port = l.serial()
	port.enter("n")
	port.await("3")
}

// A suspension that is canceled leaves the machine running.
func TestSuspendCanceled(t *testing.T) {
	l := newLab(t, tinyMachine())
	l.start()
	port := l.serial()
	port.await("H")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.d.Suspend(ctx, l.m); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want Canceled", err)
	}
	l.is(dc.RunRunning)
	port.enter("n")
	port.await("1")
}

// Whatever halts the CPUs is reported, and a reset lets them run.
func TestResetOfHaltedMachine(t *testing.T) {
	l := newLab(t, tinyMachine())
	l.start()
	port := l.serial()
	port.await("H")
	if err := l.d.live[l.m.ID].execute(t.Context(), "stop", nil, nil); err != nil {
		t.Fatal(err)
	}
	state := l.until("halt", func(s dc.MachineState) bool { return s.Run == dc.RunPaused })
	if state.Pause == nil || state.Pause.Kind != dc.Unavailable || !strings.Contains(state.Pause.Message, "paused") {
		t.Errorf("it is halted because of %+v", state.Pause)
	}
	if err := l.d.Reset(t.Context(), l.m.ID); err != nil {
		t.Fatal(err)
	}
	port.await("H")
	l.is(dc.RunRunning)
}
