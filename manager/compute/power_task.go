package compute

import (
	"context"
	"time"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

// powerArgs are the arguments of a power operation.
type powerArgs struct {
	Op      dc.PowerOp    `json:"op"`
	Timeout time.Duration `json:"timeout,omitempty"`
	// Generation is that of the request, and From the power state before it; both are set with the request.
	Generation int64         `json:"generation,omitempty"`
	From       dc.PowerState `json:"from,omitempty"`
}

// askStep is the step behind which most power operations can't be taken back.
const askStep = "ask the host"

// powerSteps carry out the power operation in the task's arguments; without one they do nothing.
//
// Only a power-on of a machine that was off is taken back, by a power-off: it has not done anything yet, and must not
// start when its host comes back tomorrow. Power that was taken, a reset, and what a guest was asked to do can't be taken
// back, and to power off a machine that was suspended or stood still would lose what it holds. So a task that is canceled
// while it waits for the host leaves such a request with the host, which may still carry it out; the next request
// supersedes it.
func (s *Service) powerSteps() []task.Step {
	return []task.Step{
		{Name: askStep, Do: s.askPower, Undo: s.withdrawPower},
		{Name: "wait for the host", Do: s.awaitPower},
	}
}

// askPower commits the next power request together with the end of the step: exactly once.
func (s *Service) askPower(ctx context.Context, r *task.Run) error {
	var args taskArgs
	if err := r.Args(&args); err != nil || args.Power == nil {
		return err
	}
	r.Finish(s.requestPower)
	return awaitHost(ctx, r, func(_ *store.View, vm *dc.VirtualMachine) bool { return s.hosts.Connected(vm.Spec.Host) })
}

func (s *Service) requestPower(tx *store.Tx, t *dc.Task) error {
	var args taskArgs
	if err := task.Args(t, &args); err != nil {
		return err
	}
	vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
	if err != nil {
		return err
	}
	op := args.Power.Op
	if err := s.admitPower(tx.View(), vm, op); err != nil {
		return err
	}
	if op == dc.PowerOn {
		// Two machines must not be given the same memory: whoever powers on writes the host too, unchanged, so that of
		// two transactions at once one is tried again and sees the other.
		host, err := store.Load[*dc.Host](tx, dc.ID(vm.Spec.Host))
		if err != nil {
			return err
		}
		tx.Put(host)
		if err := s.resources.AdmitMachine(tx, vm); err != nil {
			return err
		}
	}
	if op == dc.PowerOn && vm.Status.Power == dc.PoweredOff { // a machine that wakes up has all as it was
		vm.Spec.Hardware = vm.Spec.Hardware.StartConnected()
	}
	vm.Spec.Power = vm.NextPower(op, args.Power.Timeout)
	tx.Put(vm)
	if e, ok := askedEvents[op]; ok {
		record(tx, t, vm, e.typ, e.what)
	}
	args.Power.Generation, args.Power.From = vm.Spec.Power.Generation, vm.Status.Power
	return task.SetArgs(t, args)
}

// withdrawPower takes back a power-on, whether the host has not seen it yet, has carried it out or has refused it.
func (s *Service) withdrawPower(_ context.Context, r *task.Run) error {
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		var args taskArgs
		if err := task.Args(t, &args); err != nil || args.Power == nil {
			return err
		}
		p := args.Power
		if p.Op != dc.PowerOn || p.Generation == 0 || p.From != dc.PoweredOff {
			return nil
		}
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err != nil {
			return err
		}
		vm.Spec.Power = vm.NextPower(dc.PowerOff, 0)
		tx.Put(vm)
		return nil
	})
	return nil
}

// awaitPower waits until the host has carried out the request. A host that is away may come back: the wait goes on until
// then, or until the task is canceled.
func (s *Service) awaitPower(ctx context.Context, r *task.Run) error {
	var args taskArgs
	if err := r.Args(&args); err != nil || args.Power == nil {
		return err
	}
	vm, err := store.Get[*dc.VirtualMachine](r.View(), r.Task().Target)
	if err != nil {
		return err
	}
	r.ProgressFrom(func() (int, string) {
		if obstacle := s.obstacle(vm); obstacle != "" {
			return 50, obstacle
		}
		return 50, waitingMessages[args.Power.Op]
	})
	err = r.Wait(ctx, func(v *store.View) (bool, error) {
		vm, err := store.Get[*dc.VirtualMachine](v, r.Task().Target)
		if err != nil {
			return false, err
		}
		outcome := vm.Status.Outcome
		if outcome.Generation == args.Power.Generation && outcome.Failure != nil {
			return false, reported(vm, *outcome.Failure)
		}
		return outcome.Generation >= args.Power.Generation, nil
	})
	if err != nil {
		return err
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		if e, ok := doneEvents[args.Power.Op]; ok && args.Power.From != e.except {
			record(tx, t, vm, e.typ, e.what+" on "+hostName(tx.View(), vm.Spec.Host))
		}
		if args.Power.Op != dc.PowerOn || args.Power.From != dc.PoweredOff {
			return nil
		}
		vm, err := store.Load[*dc.VirtualMachine](tx, t.Target)
		if err == nil && vm.Spec.Hardware.Boot.EnterSetup { // it was for this once
			vm.Spec.Hardware.Boot.EnterSetup = false
			tx.Put(vm)
		}
		return err
	})
	return nil
}

var waitingMessages = map[dc.PowerOp]string{
	dc.PowerOn:       "powering on",
	dc.PowerOff:      "powering off",
	dc.Reset:         "resetting",
	dc.Suspend:       "writing the memory to the datastore",
	dc.ShutdownGuest: "waiting for the guest to shut down",
	dc.RebootGuest:   "waiting for the guest to reboot",
}

// powerEvent is what is recorded about an operation.
type powerEvent struct {
	typ  dc.EventType
	what string
	// except is the power state before the operation in which it changes no power state.
	except dc.PowerState
}

// askedEvents are recorded with the request, doneEvents when the host has carried it out.
var (
	askedEvents = map[dc.PowerOp]powerEvent{
		dc.Reset:         {typ: dc.EventVMReset, what: "reset"},
		dc.ShutdownGuest: {typ: dc.EventVMGuestShutdown, what: "the guest is asked to shut down"},
		dc.RebootGuest:   {typ: dc.EventVMGuestReboot, what: "the guest is asked to reboot"},
	}
	doneEvents = map[dc.PowerOp]powerEvent{
		dc.PowerOn:       {typ: dc.EventVMPoweredOn, what: "powered on", except: dc.PoweredOn},
		dc.PowerOff:      {typ: dc.EventVMPoweredOff, what: "powered off"},
		dc.ShutdownGuest: {typ: dc.EventVMPoweredOff, what: "shut down by its guest"},
		dc.Suspend:       {typ: dc.EventVMSuspended, what: "suspended"},
	}
)
