package compute

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

var (
	off     = dc.VirtualMachineStatus{Power: dc.PoweredOff}
	running = dc.VirtualMachineStatus{Power: dc.PoweredOn, Guest: dc.Guest{AgentRunning: true}}
)

func TestPowerRefusals(t *testing.T) {
	reader := dc.Caller{Name: "bob", Role: dc.RoleReadOnly}
	for _, tt := range []struct {
		name    string
		by      dc.Caller
		id      dc.VirtualMachineID
		op      dc.PowerOp
		timeout time.Duration
		prepare func(w *world)
		kind    dc.ErrorKind
		text    string
	}{
		{"nobody", dc.Caller{}, "vm-off", dc.PowerOn, 0, nil, dc.Unauthenticated, `nobody is logged in`},
		{"no machine", admin, "vm-none", dc.PowerOn, 0, nil, dc.NotFound, `virtual machine "vm-none": it does not exist`},
		{"unknown operation", admin, "vm-off", "explode", 0, nil, dc.Invalid, `no power operation "explode"`},
		{"timeout without a guest's part", admin, "vm-off", dc.PowerOn, time.Second, nil, dc.Invalid, `timeout: 1s is no time for the guest to powerOn`},
		{"negative timeout", admin, "vm-on", dc.ShutdownGuest, -time.Second, nil, dc.Invalid, `timeout: -1s is no time for the guest to shutdownGuest`},
		{"on already", admin, "vm-on", dc.PowerOn, 0, nil, dc.WrongState, `virtual machine "on": it is powered on already`},
		{"reset without power", admin, "vm-off", dc.Reset, 0, nil, dc.WrongState, `virtual machine "off": it is not powered on`},
		{"host away", admin, "vm-off", dc.PowerOn, 0, func(w *world) { w.hosts.set(func(h *hosts) { h.away = true }) },
			dc.Unavailable, `host "a": it is not connected`},
		{"no memory left", admin, "vm-off", dc.PowerOn, 0, func(w *world) {
			w.addVM("on2", running)
			w.addVM("on3", running)
			w.addVM("on4", running)
		}, dc.Exhausted, `host "a": 1107 MB of memory are requested, and 0 MB are unreserved`},
		{"larger than the host has become", admin, "vm-off", dc.PowerOn, 0, func(w *world) {
			w.change(func(tx *store.Tx) error {
				h, err := store.Load[*dc.Host](tx, "host-a")
				h.Status.MemoryMB = 512
				tx.Put(h)
				return err
			})
		}, dc.Exhausted, `host "a": needs 1024 MB of memory and 83 MB to execute it, has 412 MB`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.addVM("off", off)
			w.addVM("on", running)
			if tt.prepare != nil {
				tt.prepare(w)
			}
			before := w.st.View().Revision()
			_, err := w.svc.Power(t.Context(), tt.by, tt.id, tt.op, tt.timeout)
			wantError(t, err, tt.kind, tt.text)
			if w.st.View().Revision() != before {
				t.Error("something was written")
			}
			for _, op := range dc.PowerOps() {
				if _, err := w.svc.Power(t.Context(), reader, "vm-on", op, 0); dc.KindOf(err) != dc.Denied || !strings.Contains(err.Error(), string(op.Privilege())) {
					t.Errorf("a reader may %s: %v", op, err)
				}
			}
		})
	}
}

func TestPowerEventsAndTimeouts(t *testing.T) {
	for _, tt := range []struct {
		op      dc.PowerOp
		status  dc.VirtualMachineStatus
		timeout time.Duration // asked, and 0 for none
		want    time.Duration // in the request
		events  string
	}{
		{dc.PowerOn, off, 0, 0, "VmPoweredOnEvent"},
		{dc.PowerOn, dc.VirtualMachineStatus{Power: dc.Suspended}, 0, 0, "VmPoweredOnEvent"},
		{dc.PowerOff, running, 0, 0, "VmPoweredOffEvent"},
		{dc.Suspend, running, 0, 0, "VmSuspendedEvent"},
		{dc.Reset, running, 0, 0, "VmResettingEvent"},
		{dc.ShutdownGuest, running, 0, dc.GuestTimeout, "VmGuestShutdownEvent VmPoweredOffEvent"},
		{dc.ShutdownGuest, running, time.Second, time.Second, "VmGuestShutdownEvent VmPoweredOffEvent"},
		{dc.RebootGuest, running, time.Minute, time.Minute, "VmGuestRebootEvent"},
	} {
		t.Run(string(tt.op), func(t *testing.T) {
			w := newWorld(t)
			vm := w.addVM("hello", tt.status)
			w.run()
			done := w.succeeded(w.svc.Power(t.Context(), admin, vm.ID, tt.op, tt.timeout))
			if got := w.vm(vm.ID).Spec.Power; got != (dc.PowerRequest{Generation: 2, Op: tt.op, Timeout: tt.want}) {
				t.Errorf("the request is %+v", got)
			}
			if got := w.events(); got != tt.events {
				t.Errorf("events are %q, want %q", got, tt.events)
			}
			for e := range store.List[*dc.Event](w.st.View()) {
				if e.Target != dc.ID(vm.ID) || e.TargetName != "hello" || e.User != "alice" || e.Task != done.ID {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
}

// A machine that is powered on has its cables and drives connected where they are to be then, and is asked once to open its firmware's setup. One that wakes
// up is as it was.
func TestPowerOnPlugsCables(t *testing.T) {
	for _, status := range []dc.PowerState{dc.PoweredOff, dc.Suspended} {
		t.Run(string(status), func(t *testing.T) {
			w := newWorld(t)
			vm := w.addVM("hello", dc.VirtualMachineStatus{Power: status})
			w.change(func(tx *store.Tx) error {
				vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(vm.ID))
				vm.Spec.Hardware.Boot.EnterSetup = true
				vm.Spec.Hardware.NICs = []dc.NIC{{Key: 4000, MAC: "52:54:00:00:00:01", PortGroup: "network-1", StartConnected: true},
					{Key: 4001, MAC: "52:54:00:00:00:02", PortGroup: "network-1", Connected: true}}
				iso := dc.Media{Datastore: "datastore-1", Path: "a.iso"}
				vm.Spec.Hardware.Drives = []dc.Drive{{Key: 3000, Media: iso}, {Key: 3001, Media: iso, Connected: true, StartDisconnected: true}, {Key: 3002}}
				tx.Put(vm)
				return err
			})
			w.run()
			w.succeeded(w.svc.Power(t.Context(), admin, vm.ID, dc.PowerOn, 0))
			was := status == dc.Suspended
			h := w.vm(vm.ID).Spec.Hardware
			if h.NICs[0].Connected == was || h.NICs[1].Connected != was || h.Boot.EnterSetup != was {
				t.Errorf("it has %+v, and enters its setup: %v", h.NICs, h.Boot.EnterSetup)
			}
			if h.Drives[0].Connected == was || h.Drives[1].Connected != was || h.Drives[2].Connected {
				t.Errorf("it has %+v", h.Drives)
			}
		})
	}
}

func TestPowerFailureIsTheHosts(t *testing.T) {
	w := newWorld(t)
	vm := w.addVM("hello", running)
	w.hosts.set(func(h *hosts) {
		h.fail[dc.ShutdownGuest] = &dc.Failure{Kind: dc.Unavailable, Message: "accepted, and still running after 2m0s", Remedy: "power it off"}
	})
	w.run()
	got := w.ended(w.svc.Power(t.Context(), admin, vm.ID, dc.ShutdownGuest, 0))
	want := dc.Failure{Kind: dc.Unavailable, Object: `virtual machine "hello"`, Message: "accepted, and still running after 2m0s", Remedy: "power it off"}
	if got.Failure == nil || *got.Failure != want {
		t.Errorf("got %+v", got.Failure)
	}
}

func TestMemoryIsGivenOnce(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"on", "on2", "on3"} {
		w.addVM(name, running)
	}
	x, y := w.addVM("x", off).ID, w.addVM("y", off).ID // one fits
	if _, err := w.svc.Power(t.Context(), admin, x, dc.PowerOn, 0); err != nil {
		t.Fatal(err)
	}
	// It counts before its host has heard of it.
	_, err := w.svc.Power(t.Context(), admin, y, dc.PowerOn, 0)
	wantError(t, err, dc.Exhausted, `host "a": 1107 MB of memory are requested, and 0 MB are unreserved`)
}

// Of two transactions at the same moment one sees the other, although they write different machines.
func TestMemoryIsNotGivenTwiceAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"on", "on2", "on3"} {
		w.addVM(name, running)
	}
	x, y := w.addVM("x", off), w.addVM("y", off)
	var other sync.Once
	err := w.st.Change(t.Context(), func(tx *store.Tx) error {
		_, err := w.svc.tasks.SubmitBegun(tx, admin, powerType(dc.PowerOn), x, taskArgs{Power: &powerArgs{Op: dc.PowerOn}}, w.svc.requestPower)
		other.Do(func() {
			if _, err := w.svc.Power(t.Context(), admin, y.ID, dc.PowerOn, 0); err != nil {
				t.Fatal(err)
			}
		})
		return err
	})
	wantError(t, err, dc.Exhausted, `host "a": 1107 MB of memory are requested, and 0 MB are unreserved`)
}

var diskFull = &dc.Failure{Kind: dc.Exhausted, Message: "the disk that holds /d is full", Remedy: "free some space on it"}

const diskFullMessage = `waiting: host "a": the disk that holds /d is full; free some space on it`

func TestWaitingPowerTask(t *testing.T) {
	wait := func(t *testing.T, status dc.VirtualMachineStatus, op dc.PowerOp) (*world, *dc.Task) {
		w := newWorld(t)
		w.addVM("hello", status)
		w.hosts.set(func(h *hosts) { h.hold = true })
		w.run()
		submitted, err := w.svc.Power(t.Context(), admin, "vm-hello", op, 0)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.hosts.set(func(h *hosts) { h.away = true })
		synctest.Wait()
		if _, message, _ := w.svc.tasks.Progress(submitted.ID); message != `host "a" is not connected; waiting for it to come back` {
			t.Errorf("the progress says %q", message)
		}
		return w, submitted
	}
	t.Run("says what blocks the host", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, submitted := wait(t, running, dc.PowerOff)
			w.hosts.set(func(h *hosts) { h.away = false })
			w.report("vm-hello", func(s *dc.VirtualMachineStatus) { s.Blocked = diskFull })
			synctest.Wait()
			if _, message, _ := w.svc.tasks.Progress(submitted.ID); message != diskFullMessage {
				t.Errorf("the progress says %q", message)
			}
			w.report("vm-hello", func(s *dc.VirtualMachineStatus) { s.Blocked = nil })
			synctest.Wait()
			if _, message, _ := w.svc.tasks.Progress(submitted.ID); message != "powering off" {
				t.Errorf("the progress says %q", message)
			}
			w.hosts.set(func(h *hosts) { h.hold = false })
			w.succeeded(submitted, nil)
		})
	})
	t.Run("goes on when the host is back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, submitted := wait(t, off, dc.PowerOn)
			w.hosts.set(func(h *hosts) { h.away, h.hold = false, false })
			w.succeeded(submitted, nil)
		})
	})
	for _, tt := range []struct {
		name   string
		status dc.VirtualMachineStatus
		op     dc.PowerOp
		want   dc.PowerState // once the host is back
	}{
		{"a canceled power-on does not happen later", off, dc.PowerOn, dc.PoweredOff},
		{"a canceled wake-up is left with the host", dc.VirtualMachineStatus{Power: dc.Suspended}, dc.PowerOn, dc.PoweredOn},
		{"a canceled shutdown is left with the host", running, dc.ShutdownGuest, dc.PoweredOff},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, submitted := wait(t, tt.status, tt.op)
				if err := w.svc.tasks.Cancel(t.Context(), submitted.ID); err != nil {
					t.Fatal(err)
				}
				if got := w.ended(submitted, nil); got.Failure == nil || got.Failure.Kind != dc.Canceled {
					t.Errorf("got %+v", got)
				}
				w.hosts.set(func(h *hosts) { h.away, h.hold = false, false })
				synctest.Wait()
				if got := w.vm("vm-hello").Status.Power; got != tt.want {
					t.Errorf("it is %s, want %s", got, tt.want)
				}
			})
		})
	}
}
