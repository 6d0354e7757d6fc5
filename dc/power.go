package dc

import (
	"slices"
	"time"
)

// PowerOp is a power operation.
type PowerOp string

// The power operations, by vSphere's names.
const (
	PowerOn       PowerOp = "powerOn" // also wakes a suspended machine and continues a paused one
	PowerOff      PowerOp = "powerOff"
	Reset         PowerOp = "reset"
	Suspend       PowerOp = "suspend"
	ShutdownGuest PowerOp = "shutdownGuest"
	RebootGuest   PowerOp = "rebootGuest"
)

// PowerOps returns every operation, in a fixed order.
func PowerOps() []PowerOp {
	return []PowerOp{PowerOn, PowerOff, Reset, Suspend, ShutdownGuest, RebootGuest}
}

// IsDone reports whether a machine is as op would leave it.
func (op PowerOp) IsDone(vm *VirtualMachine) bool {
	switch op {
	case PowerOn:
		return vm.Status.Power == PoweredOn && vm.Status.Paused == nil
	case PowerOff, ShutdownGuest:
		return vm.Status.Power == PoweredOff
	case Suspend:
		return vm.Status.Power == Suspended
	}
	return false
}

// PowerRequest asks for one power operation. Power is an operation with a generation, not a wish: the agent executes
// each generation once.
type PowerRequest struct {
	// Generation counts the requests of this machine from 1, not always by one; 0 means that none was made yet.
	Generation int64 `json:"generation,omitempty"`
	// Op is empty for a generation that is carried out by doing nothing, whatever the machine does: it puts an end to the
	// requests before it, of which a store that was restored, or a machine that was adopted, knows nothing.
	Op PowerOp `json:"op,omitempty"`
	// Timeout bounds the guest's part of ShutdownGuest and RebootGuest.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// PowerOutcome is how a request ended.
type PowerOutcome struct {
	Generation int64 `json:"generation,omitempty"`
	// Failure is nil for success.
	Failure *Failure `json:"failure,omitempty"`
}

// Next returns the request that follows r, where nothing but r is known: for a machine, see NextPower.
func (r PowerRequest) Next(op PowerOp, timeout time.Duration) PowerRequest {
	return PowerRequest{Generation: r.Generation + 1, Op: op, Timeout: timeout}
}

// NextPower returns the request that follows the last one. Its generation is above that of every outcome, too: a host that
// is ahead of the store, which was restored from an older copy, must not be taken for done.
func (o *VirtualMachine) NextPower(op PowerOp, timeout time.Duration) PowerRequest {
	last := PowerRequest{Generation: max(o.Spec.Power.Generation, o.Status.Outcome.Generation)}
	return last.Next(op, timeout)
}

// StartConnected returns h as it is powered on: network adapters and drives are connected where they are to be then.
func (h Hardware) StartConnected() Hardware {
	h.NICs, h.Drives = slices.Clone(h.NICs), slices.Clone(h.Drives)
	for i := range h.Drives {
		d := &h.Drives[i]
		d.Connected = !d.StartDisconnected && !d.Media.none()
	}
	for i := range h.NICs {
		h.NICs[i].Connected = h.NICs[i].StartConnected
	}
	return h
}

// GuestTimeout is how long the guest has for ShutdownGuest and RebootGuest when the caller names no time.
const GuestTimeout = 2 * time.Minute

// CheckPower returns nil where op may start from what vm's host reported, else an error of kind WrongState that says
// what the state is and what to do.
func CheckPower(vm *VirtualMachine, op PowerOp) error {
	on := vm.Status.Power == PoweredOn
	fail := func(msg, remedy string) error {
		return &Error{Kind: WrongState, Object: Describe(KindVirtualMachine, vm.Name), Message: msg, Remedy: remedy}
	}
	if vm.Spec.Deleted {
		return fail("it is being deleted", "")
	}
	if vm.Spec.Released {
		return fail("it is being unregistered", "")
	}
	if err := CheckNoTemplate(vm); err != nil {
		return err
	}
	switch vm.Status.Files {
	case FilesReady:
	case FilesMissing:
		return fail("its files are missing"+because(vm.Status.FilesFailure), "bring its files back to where they were, or delete it")
	case FilesReleased:
		return fail("its host has let go of its files", "unregister it, and register its .vmx")
	case FilesRemoved:
		return fail("its host has deleted its files", "delete it, too")
	default:
		return fail("its files are not ready", "wait for its create task, or delete it")
	}
	switch op {
	case PowerOn:
		if on && vm.Status.Paused == nil {
			return fail("it is powered on already", "")
		}
	case PowerOff:
		if vm.Status.Power == PoweredOff {
			return fail("it is powered off already", "")
		}
	case Reset, Suspend:
		if !on {
			return fail("it is not powered on", "power it on first")
		}
	case ShutdownGuest, RebootGuest:
		if !on {
			return fail("it is not powered on", "power it on first")
		}
		if !vm.Status.Guest.AgentRunning {
			return fail("no guest agent answers in it", "install and start qemu-guest-agent in the guest, or use power off or reset")
		}
	default:
		return Errorf(Invalid, "no power operation %q", op)
	}
	return nil
}

// because returns ": " and what failed, or nothing.
func because(f *Failure) string {
	if f == nil {
		return ""
	}
	return ": " + f.Message
}
