package soak

import (
	"errors"
	"slices"
	"testing"

	"hanok/test/guest"
)

// promise is one of those in doc/promises.md.
type promise string

const (
	writesStay      promise = "an acknowledged write is never lost"
	tasksEnd        promise = "a task is never half done after a crash"
	doneOnce        promise = "a host does what it is asked once"
	oneWriter       promise = "a virtual disk never has two writers"
	guestsOutlive   promise = "guests outlive agent and manager, none is restarted"
	offStaysOff     promise = "a machine that was on when its host died is started again, what was switched off stays off"
	absenceNoOrder  promise = "an absence is never an order"
	recordsStay     promise = "no record is lost that a guest was told to be on its disk"
	checkerFinds    promise = "the checker finds nothing"
	servesAfterward promise = "what was killed is started again and serves"
)

// keeper is a test for as long as it looks at one promise: whatever fails then breaks that one.
type keeper struct {
	*testing.T
	promise promise
}

func (p promise) of(t *testing.T) keeper { return keeper{t, p} }

func (k keeper) Errorf(format string, args ...any) {
	k.Helper()
	k.T.Errorf("BROKEN: "+string(k.promise)+": "+format, args...)
}

func (k keeper) Fatalf(format string, args ...any) {
	k.Helper()
	if slices.ContainsFunc(args, booted) {
		k.promise = doneOnce
	}
	k.T.Fatalf("BROKEN: "+string(k.promise)+": "+format, args...)
}

func (k keeper) Fatal(args ...any) {
	k.Helper()
	k.T.Fatal(append([]any{"BROKEN: " + string(k.promise) + ":"}, args...)...)
}

// booted reports whether it is an error about a guest that has booted once more than was asked for.
func booted(arg any) bool {
	err, ok := arg.(error)
	return ok && errors.Is(err, guest.ErrBooted)
}
