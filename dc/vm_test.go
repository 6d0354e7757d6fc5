package dc

import (
	"reflect"
	"testing"
)

func TestAssignmentOf(t *testing.T) {
	vm := &VirtualMachine{ID: "vm-1", Meta: Meta{Name: "hello", Revision: 7}}
	if _, ok := AssignmentOf(vm); ok {
		t.Error("a machine without a host is assigned to one")
	}
	vm.Spec = VirtualMachineSpec{Host: "host-1", Datastore: "datastore-1", Folder: "hello", Hardware: goodHardware(),
		Power: PowerRequest{Generation: 3, Op: Reset}, Deleted: true}
	want := Assignment{Revision: 7, Power: PowerRequest{Generation: 3, Op: Reset}, Deleted: true,
		Machine: Machine{ID: "vm-1", Name: "hello", Hardware: goodHardware(), Datastore: "datastore-1", Folder: "hello"}}
	if got, ok := AssignmentOf(vm); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestGuestEqual(t *testing.T) {
	guest := func() Guest {
		return Guest{AgentRunning: true, Hostname: "h", Addresses: []string{"10.0.0.1", "fd00::1"}, OS: "Debian"}
	}
	if !guest().Equal(guest()) || !(Guest{}).Equal(Guest{}) {
		t.Error("equal guests differ")
	}
	for i, change := range []func(g *Guest){
		func(g *Guest) { g.AgentRunning = false },
		func(g *Guest) { g.Hostname = "x" },
		func(g *Guest) { g.OS = "x" },
		func(g *Guest) { g.Addresses = g.Addresses[:1] },
		func(g *Guest) { g.Addresses[1] = "fd00::2" },
	} {
		g := guest()
		if change(&g); g.Equal(guest()) {
			t.Errorf("change %d is not seen", i)
		}
	}
}

func TestTaskDone(t *testing.T) {
	for state, want := range map[TaskState]bool{TaskQueued: false, TaskRunning: false, TaskSuccess: true, TaskError: true} {
		if got := (&Task{State: state}).Done(); got != want {
			t.Errorf("a task that is %s: Done() = %v", state, got)
		}
	}
}
