package compute

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

func TestPowerReconciler(t *testing.T) {
	fault := &dc.Failure{Kind: dc.Unavailable, Message: "killed by signal 9: out of memory"}
	refused := &dc.Failure{Kind: dc.Exhausted, Message: "no memory"}
	for _, tt := range []struct {
		name    string
		op      dc.PowerOp
		change  func(vm *dc.VirtualMachine)
		follows bool
		event   string // type and message
	}{
		{"guest powered itself off", dc.PowerOn, nil, true, `VmPoweredOffEvent virtual machine "hello": powered off by its guest`},
		{"after a reset", dc.Reset, nil, true, `VmPoweredOffEvent virtual machine "hello": powered off by its guest`},
		{"after a reboot", dc.RebootGuest, nil, true, `VmPoweredOffEvent virtual machine "hello": powered off by its guest`},
		{"fault", dc.PowerOn, func(vm *dc.VirtualMachine) { vm.Status.Fault = fault }, true,
			`GeneralVmErrorEvent virtual machine "hello": lost its power: killed by signal 9: out of memory`},
		{"after a shutdown that came too late", dc.ShutdownGuest, func(vm *dc.VirtualMachine) { vm.Status.Outcome.Failure = refused }, true,
			`VmPoweredOffEvent virtual machine "hello": powered off by its guest`},
		{"powered off by request", dc.PowerOff, nil, false, ""},
		{"shut down by request", dc.ShutdownGuest, nil, false, ""},
		{"still on", dc.PowerOn, func(vm *dc.VirtualMachine) { vm.Status.Power = dc.PoweredOn }, false, ""},
		{"suspended", dc.Suspend, func(vm *dc.VirtualMachine) { vm.Status.Power = dc.Suspended }, false, ""},
		{"request not carried out yet", dc.PowerOn, func(vm *dc.VirtualMachine) { vm.Spec.Power.Generation = 2 }, false, ""},
		{"never powered", "", func(vm *dc.VirtualMachine) { vm.Spec.Power, vm.Status.Outcome = dc.PowerRequest{}, dc.PowerOutcome{} }, false, ""},
		{"nothing was asked", "", nil, false, ""},
		{"being deleted", dc.PowerOn, func(vm *dc.VirtualMachine) { vm.Spec.Deleted = true }, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.hosts.set(func(h *hosts) { h.hold = true })
				w.addVM("hello", off)
				w.change(func(tx *store.Tx) error {
					vm, err := store.Load[*dc.VirtualMachine](tx, "vm-hello")
					vm.Spec.Power.Op = tt.op
					if tt.change != nil {
						tt.change(vm)
					}
					tx.Put(vm)
					return err
				})
				generation := w.vm("vm-hello").Spec.Power.Generation
				w.run()
				synctest.Wait()
				got := w.vm("vm-hello").Spec.Power
				if tt.follows && got != (dc.PowerRequest{Generation: generation + 1, Op: dc.PowerOff}) || !tt.follows && got.Generation != generation {
					t.Errorf("the request is %+v", got)
				}
				var recorded []string
				for e := range store.List[*dc.Event](w.st.View()) {
					recorded = append(recorded, string(e.Type)+" "+e.Message)
				}
				if all := strings.Join(recorded, "\n"); all != tt.event {
					t.Errorf("recorded %q, want %q", all, tt.event)
				}
			})
		})
	}
}

// A machine of which nothing was asked, and that has power, is followed from then on when it loses it.
func TestPowerReconcilerFindsAMachineOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		vm := w.addVM("hello", running)
		asked := dc.PowerRequest{Generation: 1 << 40}
		w.change(func(tx *store.Tx) error {
			vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(vm.ID))
			vm.Spec.Power = asked
			tx.Put(vm)
			return err
		})
		w.hosts.set(func(h *hosts) { h.hold = true })
		w.run()
		synctest.Wait()
		if got := w.vm(vm.ID).Spec.Power; got != asked {
			t.Errorf("before its host has answered the request is %+v", got)
		}
		w.report(vm.ID, func(s *dc.VirtualMachineStatus) { s.Outcome.Generation = asked.Generation })
		synctest.Wait()
		if got := w.vm(vm.ID).Spec.Power; got != (dc.PowerRequest{Generation: asked.Generation, Op: dc.PowerOn}) {
			t.Errorf("the request is %+v", got)
		}
		w.report(vm.ID, func(s *dc.VirtualMachineStatus) { s.Power = dc.PoweredOff })
		synctest.Wait()
		if got := w.vm(vm.ID).Spec.Power; got.Op != dc.PowerOff || w.events() != "VmPoweredOffEvent" {
			t.Errorf("it has lost its power, the request is %+v and the events %s", got, w.events())
		}
	})
}

func TestPowerReconcilerLeavesABusyMachineAlone(t *testing.T) {
	w := newWorld(t)
	vm := w.addVM("hello", running)
	if _, err := w.svc.Power(t.Context(), admin, vm.ID, dc.Reset, 0); err != nil {
		t.Fatal(err)
	}
	w.report(vm.ID, func(s *dc.VirtualMachineStatus) { s.Power = dc.PoweredOff })
	if err := w.svc.followPower(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.vm(vm.ID).Spec.Power; got.Op != dc.Reset {
		t.Errorf("the request is %+v", got)
	}
}

// When the task has ended, what was left over is followed.
func TestPowerReconcilerWaitsForTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		vm := w.addVM("hello", running)
		w.hosts.set(func(h *hosts) { h.hold = true })
		w.run()
		submitted, err := w.svc.Power(t.Context(), admin, vm.ID, dc.ShutdownGuest, 0)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		// The guest refuses, and has stopped a moment later: both are seen at once.
		w.report(vm.ID, func(s *dc.VirtualMachineStatus) {
			s.Power, s.Outcome = dc.PoweredOff, dc.PowerOutcome{Generation: 2, Failure: &dc.Failure{Kind: dc.WrongState, Message: "refused"}}
		})
		if got := w.ended(submitted, nil); got.Failure == nil || got.Failure.Message != "refused" {
			t.Errorf("the task ended with %+v", got.Failure)
		}
		synctest.Wait()
		if got := w.vm(vm.ID).Spec.Power; got != (dc.PowerRequest{Generation: 3, Op: dc.PowerOff}) {
			t.Errorf("the request is %+v", got)
		}
	})
}

func TestPausesAreRecordedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		vm := w.addVM("hello", running)
		w.run()
		pause := func(f *dc.Failure) {
			w.report(vm.ID, func(s *dc.VirtualMachineStatus) { s.Paused = f })
			time.Sleep(time.Millisecond) // of the bubble's clock, by which events are ordered
		}
		want := func(types string) {
			t.Helper()
			if got := w.events(); got != types {
				t.Errorf("events are %q, want %q", got, types)
			}
		}
		full := &dc.Failure{Kind: dc.Exhausted, Object: `datastore "local-a"`, Message: "it is full", Remedy: "make room"}
		pause(full)
		pause(full)
		want("VmMessageErrorEvent")
		// A manager that starts finds nothing to add.
		if err := w.svc.recordPauses(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("VmMessageErrorEvent")
		pause(nil)
		pause(full)
		want("VmMessageErrorEvent VmMessageEvent VmMessageErrorEvent")
		for e := range store.List[*dc.Event](w.st.View()) {
			if e.Type == dc.EventVMPaused && e.Message != `virtual machine "hello": stands still: datastore "local-a": it is full; make room` {
				t.Errorf("got %q", e.Message)
			}
		}
		// One that is powered off does not run on.
		w.succeeded(w.svc.Power(t.Context(), admin, vm.ID, dc.PowerOff, 0))
		time.Sleep(time.Millisecond)
		w.succeeded(w.svc.Power(t.Context(), admin, vm.ID, dc.PowerOn, 0))
		synctest.Wait()
		want("VmMessageErrorEvent VmMessageEvent VmMessageErrorEvent VmPoweredOffEvent VmPoweredOnEvent")
	})
}
