package dc

import (
	"testing"
	"time"
)

func TestCheckPower(t *testing.T) {
	off := VirtualMachineStatus{Files: FilesReady, Power: PoweredOff}
	on := VirtualMachineStatus{Files: FilesReady, Power: PoweredOn}
	agent := VirtualMachineStatus{Files: FilesReady, Power: PoweredOn, Guest: Guest{AgentRunning: true}}
	paused := VirtualMachineStatus{Files: FilesReady, Power: PoweredOn, Paused: &Failure{Kind: Exhausted}}
	suspended := VirtualMachineStatus{Files: FilesReady, Power: Suspended}
	const (
		already = "already"
		notOn   = "not powered on"
		noAgent = "no guest agent"
	)
	states := []struct {
		name   string
		status VirtualMachineStatus
		// want is the refusal of each operation, in the order of PowerOps; "" where it may start.
		want [6]string
	}{
		{"off", off, [6]string{"", already, notOn, notOn, notOn, notOn}},
		{"on", on, [6]string{already, "", "", "", noAgent, noAgent}},
		{"on with agent", agent, [6]string{already, "", "", "", "", ""}},
		{"paused", paused, [6]string{"", "", "", "", noAgent, noAgent}},
		{"suspended", suspended, [6]string{"", "", notOn, notOn, notOn, notOn}},
	}
	for _, st := range states {
		for i, op := range PowerOps() {
			t.Run(st.name+" "+string(op), func(t *testing.T) {
				vm := &VirtualMachine{Meta: Meta{Name: "hello"}, Status: st.status}
				checkRefusal(t, CheckPower(vm, op), WrongState, st.want[i], "")
			})
		}
	}
}

func TestCheckPowerOfMachinesThatAreNotThere(t *testing.T) {
	for _, op := range PowerOps() {
		checkRefusal(t, CheckPower(&VirtualMachine{}, op), WrongState, "files are not ready", "create task")
		gone := &VirtualMachine{Status: VirtualMachineStatus{Files: FilesMissing, FilesFailure: &Failure{Message: "its folder /x is missing"}}}
		checkRefusal(t, CheckPower(gone, op), WrongState, "its files are missing: its folder /x is missing", "bring its files back")
		gone.Status.Files = FilesRemoved
		checkRefusal(t, CheckPower(gone, op), WrongState, "deleted its files", "delete it")
		vm := &VirtualMachine{Status: VirtualMachineStatus{Files: FilesReady, Power: PoweredOn}}
		vm.Spec.Deleted = true
		checkRefusal(t, CheckPower(vm, op), WrongState, "being deleted", "")
	}
	vm := &VirtualMachine{Status: VirtualMachineStatus{Files: FilesReady}}
	checkRefusal(t, CheckPower(vm, "explode"), Invalid, `"explode"`, "")
}

func TestNextRequest(t *testing.T) {
	first := PowerRequest{}.Next(PowerOn, 0)
	second := first.Next(ShutdownGuest, time.Minute)
	if first != (PowerRequest{Generation: 1, Op: PowerOn}) ||
		second != (PowerRequest{Generation: 2, Op: ShutdownGuest, Timeout: time.Minute}) {
		t.Errorf("got %+v and %+v", first, second)
	}
}

// TestNextPower: the next generation is above all that the store or the host knows of.
func TestNextPower(t *testing.T) {
	for _, tt := range []struct{ asked, done, want int64 }{{0, 0, 1}, {3, 2, 4}, {3, 3, 4}, {3, 7, 8}} {
		vm := &VirtualMachine{Spec: VirtualMachineSpec{Power: PowerRequest{Generation: tt.asked, Op: Reset, Timeout: time.Hour}},
			Status: VirtualMachineStatus{Outcome: PowerOutcome{Generation: tt.done}}}
		if got, want := vm.NextPower(PowerOff, 0), (PowerRequest{Generation: tt.want, Op: PowerOff}); got != want {
			t.Errorf("after %d was asked and %d done: %+v, want %+v", tt.asked, tt.done, got, want)
		}
	}
}

// TestNoPower: a request without an operation gives no power and takes none.
func TestNoPower(t *testing.T) {
	vm := &VirtualMachine{Spec: VirtualMachineSpec{Power: PowerRequest{Generation: 9}}}
	if vm.HasPower() {
		t.Error("it is about to have power")
	}
	if vm.Status.Power = PoweredOn; !vm.HasPower() {
		t.Error("it has power")
	}
}

func TestPowerPrivileges(t *testing.T) {
	want := map[PowerOp]Privilege{PowerOn: PrivVMPowerOn, PowerOff: PrivVMPowerOff, Reset: PrivVMReset, Suspend: PrivVMSuspend,
		ShutdownGuest: PrivVMPowerOff, RebootGuest: PrivVMReset}
	for _, op := range PowerOps() {
		if got := op.Privilege(); got != want[op] || got == "" {
			t.Errorf("%s needs %q, want %q", op, got, want[op])
		}
	}
}

// TestKnown: what a host is told of files that were there once.
func TestKnown(t *testing.T) {
	for files, want := range map[FilesState]bool{"": false, FilesFailed: false, FilesReady: true, FilesMissing: true, FilesRemoved: true} {
		vm := &VirtualMachine{Spec: VirtualMachineSpec{Host: "host-1"}, Status: VirtualMachineStatus{Files: files, Outcome: PowerOutcome{Generation: 4}}}
		if a, _ := AssignmentOf(vm); a.Known != (Known{Files: want, Outcome: 4}) {
			t.Errorf("files %q: %+v", files, a.Known)
		}
	}
}
