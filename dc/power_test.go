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

func TestPowerPrivileges(t *testing.T) {
	want := map[PowerOp]Privilege{PowerOn: PrivVMPowerOn, PowerOff: PrivVMPowerOff, Reset: PrivVMReset, Suspend: PrivVMSuspend,
		ShutdownGuest: PrivVMPowerOff, RebootGuest: PrivVMReset}
	for _, op := range PowerOps() {
		if got := op.Privilege(); got != want[op] || got == "" {
			t.Errorf("%s needs %q, want %q", op, got, want[op])
		}
	}
}
