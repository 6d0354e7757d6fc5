package agent

import (
	"hanok/dc"
	"hanok/internal/sabotage"
)

// step is the one thing to do next for a machine. Every step may be cut off at any point by the end of the process or of
// the power; the next process asks next again, from what the record says and what the driver finds.
type step string

const (
	// stepNone: there is nothing to do, or nothing that could be done now.
	stepNone step = "none"
	// stepRecover finds a machine that an earlier process started. Cut off: done again.
	stepRecover step = "recover"
	// stepLost writes down that a machine has lost its power by itself. Cut off: seen again.
	stepLost step = "lost"
	// stepRestart starts a machine that was on when the host died. Cut off: Starting says so, done again.
	stepRestart step = "restart"
	// stepCreate makes files. Cut off: the driver continues what is there.
	stepCreate step = "create"
	// stepConfigure brings files, and a machine with power, in line with the hardware. Cut off: done again.
	stepConfigure step = "configure"
	// stepFind looks for files, and a process, that were there before the host lost its record. Cut off: done again.
	stepFind step = "find"
	// stepRelease lets go of a machine and leaves its files. Cut off: done again, what is let go of already is a success.
	stepRelease step = "release"
	// stepRemove carries out a tombstone. Cut off: done again, what is gone already is a success.
	stepRemove step = "remove"
	// stepPower executes the pending power request. Cut off: on, off and suspend look at what they find and go on; for
	// the others Begun leads to stepInterrupted.
	stepPower step = "power"
	// stepAllocate gives a machine with power the share of the host that is asked for. Cut off: done again.
	stepAllocate step = "allocate"
	// stepInterrupted gives up a request that cannot be executed twice and may have been executed once.
	stepInterrupted step = "interrupted"
)

// situation is all that decides a machine's next step.
type situation struct {
	record
	// boot is the host's present boot.
	boot string
	// recovered is set when this process's driver knows the machine of Handle, or knows that it is gone.
	recovered bool
	// seen is set when the driver could say state.
	seen  bool
	state dc.MachineState
	// mounted says whether the machine's datastore is; looking, that this will be known in a moment.
	mounted, looking bool
	// tried is set when files could not be made or deleted and nothing has changed since.
	tried bool
	// allocated is set when the machine has the share of the host that is asked for, as far as this process has seen to it.
	allocated bool
	// missed is set when files were looked for and not found.
	missed bool
}

// next decides. It is pure.
func (s *situation) next() step {
	request, pending := s.pending()
	switch {
	case s.hasPower() && !s.recovered:
		return stepRecover
	case s.looking:
		return stepNone
	case s.Assignment.Deleted:
		if s.Files == dc.FilesRemoved || s.tried {
			return stepNone
		}
		return stepRemove
	case s.Assignment.Released && !s.hasPower():
		if s.Files == dc.FilesReleased || s.tried {
			return stepNone
		}
		return stepRelease
	case s.lostTrack() && !s.gone() && !(s.executes() && pending): // what executes can be asked for without its files
		return stepFind
	case s.hasPower() && !s.seen:
		return stepNone
	case s.gone():
		return s.nextOfGone(request, pending)
	case !s.lostTrack() && s.Files != dc.FilesReady:
		if s.tried {
			return stepNone
		}
		return stepCreate
	case s.unconfigured() && !(pending && request.Op == dc.PowerOff): // which may be the way out of what can't be done with power
		return stepConfigure
	case !pending && s.executes() && !s.allocated:
		return stepAllocate
	case !pending:
		return stepNone
	case s.Begun == request.Generation && onceOnly(request.Op):
		return stepInterrupted
	}
	return stepPower
}

// nextOfGone decides for a machine that has no power any more though nothing finished that took it.
func (s *situation) nextOfGone(request dc.PowerRequest, pending bool) step {
	if pending {
		switch request.Op {
		case dc.PowerOn, dc.PowerOff, dc.ShutdownGuest:
			return stepPower // it leads to what is wanted from here too
		case dc.Suspend:
			if s.state.Run == dc.RunSuspended {
				return stepPower
			}
		}
	}
	clean := s.state.Exit != nil && s.state.Exit.Clean
	switch {
	case s.state.Run == dc.RunSuspended || clean:
		return stepLost
	case sabotage.Is(sabotage.SecondQEMU), sabotage.Is(sabotage.RestartedGuests):
		return stepRestart
	case s.Starting || s.BootID != s.boot: // it was to run when the process, or the host, died
		if !s.mounted {
			return stepNone // until it is
		}
		return stepRestart
	}
	return stepLost
}

// unsettled reports whether what is known of a machine that had power is out of date: the next step finds out what became of
// it, or changes it. To call it powered off before that would be taken for a fault of the machine, and to call it powered
// on for the truth.
func (s *situation) unsettled() bool {
	next := s.next()
	if next == stepRecover || s.Assignment.Deleted {
		return next == stepRecover
	}
	return (s.lostTrack() && !s.missed || s.hasPower() && !s.executes()) && (s.looking || next != stepNone)
}

// gone reports whether a machine that had power has none any more.
func (s *situation) gone() bool { return s.hasPower() && s.seen && !s.executes() }

// executes reports whether the driver sees the machine with power.
func (s *situation) executes() bool {
	return s.seen && (s.state.Run == dc.RunRunning || s.state.Run == dc.RunPaused)
}

// onceOnly reports whether doing op a second time would be felt in the guest.
func onceOnly(op dc.PowerOp) bool {
	return op == dc.Reset || op == dc.ShutdownGuest || op == dc.RebootGuest
}
