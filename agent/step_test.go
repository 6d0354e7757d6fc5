package agent

import (
	"testing"

	"hanok/dc"
)

// off is a machine without power that nothing is asked of, in a process that knows all there is to know.
func off() *situation {
	return &situation{
		record: record{Assignment: dc.Assignment{Revision: 5, Machine: dc.Machine{ID: "vm-1"}}, Files: dc.FilesReady, Power: dc.PoweredOff},
		boot:   "this boot", recovered: true, seen: true, state: dc.MachineState{Run: dc.RunStopped}, mounted: true, allocated: true,
	}
}

// on is such a machine that runs.
func on() *situation {
	s := off()
	s.Handle, s.BootID, s.state.Run = dc.Handle("handle"), s.boot, dc.RunRunning
	return s
}

// crashed is one that ran, and whose process died.
func crashed() *situation {
	s := on()
	s.state = dc.MachineState{Run: dc.RunStopped, Exit: &dc.MachineExit{Message: "killed"}}
	return s
}

// orphaned is one that was on when its host died.
func orphaned() *situation {
	s := on()
	s.BootID, s.state = "earlier boot", dc.MachineState{Run: dc.RunStopped}
	return s
}

// with changes s.
func (s *situation) with(change func(*situation)) *situation {
	change(s)
	return s
}

// asked adds a request, of generation 3.
func (s *situation) asked(op dc.PowerOp) *situation {
	s.Assignment.Power = dc.PowerRequest{Generation: 3, Op: op}
	s.Outcome.Generation = 2
	return s
}

// begun adds a request whose execution has begun.
func (s *situation) begun(op dc.PowerOp) *situation {
	s.asked(op).Begun = 3
	return s
}

// done adds a request that has an outcome.
func (s *situation) done(op dc.PowerOp) *situation {
	s.begun(op).Outcome.Generation = 3
	return s
}

func unallocated(s *situation) { s.allocated = false }
func unrecovered(s *situation) {
	s.recovered, s.seen, s.state = false, true, dc.MachineState{Run: dc.RunStopped}
}
func unseen(s *situation)    { s.seen, s.state = false, dc.MachineState{} }
func unmounted(s *situation) { s.mounted = false }
func looking(s *situation)   { s.mounted, s.looking = false, true }
func deleted(s *situation)   { s.Assignment.Deleted = true }
func tried(s *situation)     { s.tried = true }
func starting(s *situation)  { s.Starting = true }
func suspended(s *situation) { s.state.Run = dc.RunSuspended }
func clean(s *situation)     { s.state.Exit = &dc.MachineExit{Clean: true, Guest: true} }
func noFiles(s *situation)   { s.Files, s.Power = "", "" }
func missed(s *situation)    { s.missed = true }
func lostTrack(s *situation) {
	s.Files, s.Power, s.Assignment.Known.Files = "", "", true
}

func unconfigured(s *situation) { s.Assignment.Configuration = 1 }

func TestNext(t *testing.T) {
	for _, test := range []struct {
		name string
		s    *situation
		want step
	}{
		// A new process first finds what the earlier one started, whatever is asked.
		{"an earlier process's machine", on().with(unrecovered), stepRecover},
		{"the same of an earlier boot", orphaned().with(unrecovered), stepRecover},
		{"the same that was being started", on().with(unrecovered).with(starting), stepRecover},
		{"the same while its datastore is looked for", on().with(unrecovered).with(looking), stepRecover},
		{"the same to be deleted", on().with(unrecovered).with(deleted), stepRecover},
		{"the same with a request", on().with(unrecovered).asked(dc.PowerOff), stepRecover},
		{"the same in the middle of a reset", on().with(unrecovered).begun(dc.Reset), stepRecover},
		{"one without power", off().with(func(s *situation) { s.recovered = false }), stepNone},

		// Nothing goes wrong only because a datastore is about to be mounted.
		{"a request while the datastore is looked for", off().with(looking).asked(dc.PowerOn), stepNone},
		{"files to make while it is", off().with(noFiles).with(looking), stepNone},
		{"a tombstone while it is", off().with(deleted).with(looking), stepNone},
		{"a dead host's machine while it is", orphaned().with(looking), stepNone},
		{"a request when the datastore could not be mounted", off().with(unmounted).asked(dc.PowerOn), stepPower},

		// The tombstone.
		{"a tombstone", off().with(deleted), stepRemove},
		{"a tombstone of one that runs", on().with(deleted), stepRemove},
		{"a tombstone of one that can't be seen", on().with(deleted).with(unseen), stepRemove},
		{"a tombstone of a dead host's", orphaned().with(deleted), stepRemove},
		{"a tombstone of one without files", off().with(noFiles).with(deleted), stepRemove},
		{"a tombstone and a request", on().with(deleted).asked(dc.PowerOn), stepRemove},
		{"a tombstone in the middle of a reset", on().with(deleted).begun(dc.Reset), stepRemove},
		{"a tombstone carried out", off().with(deleted).with(func(s *situation) { s.Files = dc.FilesRemoved }), stepNone},
		{"the same with a request", off().with(deleted).with(func(s *situation) { s.Files = dc.FilesRemoved }).asked(dc.PowerOn), stepNone},
		{"a tombstone that failed", off().with(deleted).with(tried), stepNone},

		// What can't be seen is left alone.
		{"one with power that can't be seen", on().with(unseen), stepNone},
		{"the same with a request", on().with(unseen).asked(dc.PowerOff), stepNone},

		// Files.
		{"no files", off().with(noFiles), stepCreate},
		{"no files and a request", off().with(noFiles).asked(dc.PowerOn), stepCreate},
		{"files that could not be made", off().with(noFiles).with(tried), stepNone},
		{"the same with a request", off().with(noFiles).with(tried).asked(dc.PowerOn), stepNone},

		// A record that was lost, or files that went by a tombstone of which the manager knows no more.
		{"a lost record", off().with(lostTrack), stepFind},
		{"the same while its datastore is looked for", off().with(lostTrack).with(looking), stepNone},
		{"the same without its datastore", off().with(lostTrack).with(unmounted), stepFind},
		{"the same when it can't be seen", off().with(lostTrack).with(unseen), stepFind},
		{"the same with a request", off().with(lostTrack).asked(dc.PowerOn), stepFind},
		{"the same after files could not be made", off().with(lostTrack).with(tried), stepFind},
		{"missing files", off().with(lostTrack).with(missed), stepFind},
		{"a tombstone of missing files", off().with(lostTrack).with(missed).with(deleted), stepRemove},
		{"a process without a record", on().with(lostTrack).with(unrecovered), stepRecover},
		{"the same, taken over", on().with(lostTrack), stepFind},
		{"the same with a request", on().with(lostTrack).asked(dc.PowerOff), stepPower},
		{"the same in the middle of a reset", on().with(lostTrack).begun(dc.Reset), stepInterrupted},
		{"a process that crashed before its files were found", crashed().with(lostTrack), stepLost},

		// Nothing is asked.
		{"off", off(), stepNone},
		{"off and can't be seen", off().with(unseen), stepNone},
		{"on", on(), stepNone},
		{"paused", on().with(func(s *situation) { s.state.Run = dc.RunPaused }), stepNone},
		{"a reset that is done", on().done(dc.Reset), stepNone},
		{"another share of the host", on().with(unallocated), stepAllocate},
		{"the same of one that is paused", on().with(unallocated).with(func(s *situation) { s.state.Run = dc.RunPaused }), stepAllocate},
		{"the same of one without power", off().with(unallocated), stepNone},
		{"the same with a request", on().with(unallocated).asked(dc.PowerOff), stepPower},
		{"the same before it was found", on().with(unallocated).with(unrecovered), stepRecover},
		{"a newer revision without a request", on().done(dc.Reset).with(func(s *situation) { s.Assignment.Revision++ }), stepNone},
		{"a request older than the last one done", on().asked(dc.PowerOff).with(func(s *situation) { s.Outcome.Generation = 4 }), stepNone},

		// The hardware.
		{"other hardware", off().with(unconfigured), stepConfigure},
		{"other hardware of one that runs", on().with(unconfigured), stepConfigure},
		{"the same before its share of the host", on().with(unconfigured).with(unallocated), stepConfigure},
		{"other hardware before power on", off().with(unconfigured).asked(dc.PowerOn), stepConfigure},
		{"other hardware and power off", on().with(unconfigured).asked(dc.PowerOff), stepPower},
		{"other hardware that was made", on().with(unconfigured).with(func(s *situation) { s.Configured.Generation = 1 }), stepNone},
		{"other hardware without files", off().with(unconfigured).with(noFiles), stepCreate},
		{"other hardware of one that has crashed", crashed().with(unconfigured), stepLost},
		{"other hardware of a dead host's", orphaned().with(unconfigured), stepRestart},
		{"other hardware of one that can't be seen", on().with(unconfigured).with(unseen), stepNone},
		{"other hardware while its datastore is looked for", off().with(unconfigured).with(looking), stepNone},
		{"a tombstone of one with other hardware", off().with(unconfigured).with(deleted), stepRemove},

		// A request.
		{"power on", off().asked(dc.PowerOn), stepPower},
		{"power on of one that runs", on().asked(dc.PowerOn), stepPower},
		{"power on of one that was found running in the middle of its start", on().with(starting).asked(dc.PowerOn), stepPower},
		{"power off", on().asked(dc.PowerOff), stepPower},
		{"power off of one that is off", off().asked(dc.PowerOff), stepPower},
		{"suspend", on().asked(dc.Suspend), stepPower},
		{"reset", on().asked(dc.Reset), stepPower},
		{"reset of one that is off", off().asked(dc.Reset), stepPower},
		{"shutdown", on().asked(dc.ShutdownGuest), stepPower},
		{"reboot", on().asked(dc.RebootGuest), stepPower},
		{"nothing", on().asked(""), stepPower},
		{"nothing of one that is off", off().asked(""), stepPower},
		{"nothing of one that has crashed", crashed().asked(""), stepLost},
		{"nothing of a dead host's", orphaned().asked(""), stepRestart},
		{"one after a reset that was never finished", on().asked(dc.Reset).with(func(s *situation) { s.Begun = 2 }), stepPower},

		// A request that was cut off: what looks at what it finds goes on, what would be felt twice is given up.
		{"suspend, cut off", on().begun(dc.Suspend), stepPower},
		{"reset, cut off", on().begun(dc.Reset), stepInterrupted},
		{"reset, cut off, of one that is off now", off().begun(dc.Reset), stepInterrupted},
		{"shutdown, cut off", on().begun(dc.ShutdownGuest), stepInterrupted},
		{"reboot, cut off", on().begun(dc.RebootGuest), stepInterrupted},

		// It has lost its power: a fault, the guest's own wish, or what was asked.
		{"crashed", crashed(), stepLost},
		{"crashed without a word", crashed().with(func(s *situation) { s.state.Exit = nil }), stepLost},
		{"crashed without its datastore", crashed().with(unmounted), stepLost},
		{"off by its guest", crashed().with(clean), stepLost},
		{"suspended by nobody's request", crashed().with(suspended), stepLost},
		{"crashed before a reset", crashed().asked(dc.Reset), stepLost},
		{"crashed in the middle of a reset", crashed().begun(dc.Reset), stepLost},
		{"crashed in the middle of a suspension", crashed().begun(dc.Suspend), stepLost},
		{"suspended by the suspension", crashed().with(suspended).begun(dc.Suspend), stepPower},
		{"off by the shutdown", crashed().with(clean).begun(dc.ShutdownGuest), stepPower},
		{"crashed before power off", crashed().asked(dc.PowerOff), stepPower},
		{"crashed before power on", crashed().asked(dc.PowerOn), stepPower},
		{"never started, by the power on", crashed().with(starting).asked(dc.PowerOn), stepPower},
		{"never started, and then superseded", crashed().with(starting).asked(dc.Reset), stepRestart},
		{"started again, and cut off", crashed().with(starting), stepRestart},
		{"off by its guest while it was started again", crashed().with(starting).with(clean), stepLost},

		// Its host has died.
		{"on when its host died", orphaned(), stepRestart},
		{"the same after its reset", orphaned().done(dc.Reset), stepRestart},
		{"the same without its datastore", orphaned().with(unmounted), stepNone},
		{"the same before a reset", orphaned().asked(dc.Reset), stepRestart},
		{"the same in the middle of a reset", orphaned().begun(dc.Reset), stepRestart},
		{"the same in the middle of a reboot", orphaned().begun(dc.RebootGuest), stepRestart},
		{"the same in the middle of a suspension", orphaned().begun(dc.Suspend), stepRestart},
		{"the same after its suspension", orphaned().with(suspended).begun(dc.Suspend), stepPower},
		{"the same before power off", orphaned().asked(dc.PowerOff), stepPower},
		{"the same in the middle of a shutdown", orphaned().begun(dc.ShutdownGuest), stepPower},
		{"the same before power on", orphaned().asked(dc.PowerOn), stepPower},
		{"suspended when its host died", orphaned().with(suspended), stepLost},
		{"off by its guest when its host died", orphaned().with(clean), stepLost},
		{"off when its host died", off().done(dc.PowerOff), stepNone},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.s.next(); got != test.want {
				t.Errorf("next is %s, want %s", got, test.want)
			}
		})
	}
}

// TestNextNever goes through every situation there is, for what must be so in all of them.
func TestNextNever(t *testing.T) {
	n := 0
	for s := range situations() {
		n++
		request, pending := s.pending()
		next := s.next()
		gone := s.hasPower() && s.recovered && s.seen && !s.executes()
		never := func(what string, bad bool) {
			if bad {
				t.Errorf("%s: %s in %+v", next, what, *s)
			}
		}
		if s.hasPower() && !s.recovered {
			never("a machine that may run is not looked for first", next != stepRecover)
			continue
		}
		switch next {
		case stepRecover:
			never("there is nothing to recover", true)
		case stepRemove:
			never("no tombstone", !s.Assignment.Deleted)
		case stepCreate:
			never("a tombstone, or files that are or were there", s.Assignment.Deleted || s.Files == dc.FilesReady || s.Assignment.Known.Files && s.Files == "")
		case stepConfigure:
			never("nothing to configure", s.Files != dc.FilesReady || s.Configured.Generation >= s.Assignment.Configuration || s.Assignment.Deleted || gone)
		case stepFind:
			never("a tombstone, or nothing was lost", s.Assignment.Deleted || s.Files != "" || !s.Assignment.Known.Files)
		case stepLost, stepRestart:
			never("it is not gone", !gone)
			never("a suspended machine is started", next == stepRestart && s.state.Run == dc.RunSuspended)
			never("a machine is started that was off", next == stepRestart && s.BootID == s.boot && !s.Starting)
			never("the request takes its power", next == stepRestart && pending && (request.Op == dc.PowerOff || request.Op == dc.ShutdownGuest))
		case stepPower:
			never("no request", !pending)
			never("it was begun before", s.Begun == request.Generation && onceOnly(request.Op) && !(gone && request.Op == dc.ShutdownGuest))
		case stepInterrupted:
			never("it was not begun, or may be done again", !pending || s.Begun != request.Generation || !onceOnly(request.Op))
		}
		if s.Assignment.Deleted {
			never("a tombstone does not come first", next != stepNone && next != stepRemove)
		}
		never("what is out of date is reported", gone && !s.Assignment.Deleted && (next != stepNone || s.looking) && !s.unsettled())
		never("what the host has lost track of is reported before it was looked for", s.lostTrack() && !s.missed && !s.Assignment.Deleted && !gone && !s.unsettled())
		never("a machine that runs is not settled", s.executes() && s.unsettled() && !s.lostTrack())
		never("what waits is not settled", next == stepNone && !s.looking && s.unsettled())
	}
	if n < 10000 {
		t.Errorf("only %d situations", n)
	}
}

// situations yields all combinations of what next looks at, except for the state of a machine that can't be seen.
func situations() func(yield func(*situation) bool) {
	states := []*situation{off(), on(), crashed(), orphaned(), crashed().with(clean), orphaned().with(clean), on().with(unseen),
		crashed().with(suspended), orphaned().with(suspended), on().with(unrecovered), orphaned().with(unrecovered), off().with(unseen)}
	return func(yield func(*situation) bool) {
		for _, state := range states {
			for _, op := range append(dc.PowerOps(), "", "none") {
				for begun := range int64(2) {
					for outcome := range int64(2) {
						for _, files := range []dc.FilesState{"", dc.FilesReady, dc.FilesRemoved} {
							for flags := range 1 << 8 {
								flag := func(i int) bool { return flags>>i&1 == 1 }
								s := *state
								s.Files, s.Begun, s.Outcome.Generation = files, begun, outcome
								if op != "none" {
									s.Assignment.Power = dc.PowerRequest{Generation: 1, Op: op}
								}
								s.Assignment.Deleted, s.tried, s.mounted, s.looking = flag(0), flag(1), flag(2), flag(3)
								s.Starting = flag(4) && s.hasPower()
								s.Assignment.Known.Files, s.missed = flag(5), flag(6)
								if flag(7) {
									s.Assignment.Configuration = 1
								}
								if !yield(&s) {
									return
								}
							}
						}
					}
				}
			}
		}
	}
}
