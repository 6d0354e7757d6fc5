package compute

import (
	"context"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
	"hanok/manager/task/tasktest"
)

// check tries a definition of this package, in a world that prepare completes.
func check(t *testing.T, keeps string, prepare func(w *world), submit func(ctx context.Context, s *Service) (*dc.Task, error),
	succeeded func(t testing.TB, v *store.View)) {
	tasktest.Check(t, func(t *testing.T) tasktest.World {
		w := newWorld(t)
		prepare(w)
		return tasktest.World{
			Store:       w.st,
			Definitions: func() []task.Definition { return w.manager(task.New(w.st, quiet)).definitions() },
			Submit:      func(ctx context.Context) (*dc.Task, error) { return submit(ctx, w.svc) },
			Picture:     picture,
			Succeeded: func(t testing.TB, v *store.View) {
				succeeded(t, v)
				once(t, v)
			},
			Keeps: keeps,
		}
	})
}

// once checks that no event was recorded twice.
func once(t testing.TB, v *store.View) {
	seen := map[dc.EventType]bool{}
	for e := range store.List[*dc.Event](v) {
		if seen[e.Type] {
			t.Errorf("%s was recorded twice", e.Type)
		}
		seen[e.Type] = true
	}
	if len(seen) == 0 {
		t.Error("no event was recorded")
	}
}

func only(t testing.TB, v *store.View) *dc.VirtualMachine {
	t.Helper()
	for vm := range store.List[*dc.VirtualMachine](v) {
		return vm
	}
	t.Fatal("there is no machine")
	return nil
}

func TestCreateTask(t *testing.T) {
	for name, on := range map[string]bool{"off": false, "on": true} {
		t.Run(name, func(t *testing.T) {
			check(t, "", func(*world) {},
				func(ctx context.Context, s *Service) (*dc.Task, error) {
					return s.Create(ctx, admin, CreateRequest{Name: "hello", Disks: []DiskRequest{{Image: "image-1"}}, PowerOn: on})
				},
				func(t testing.TB, v *store.View) {
					vm := only(t, v)
					if vm.Spec.Host != "host-a" || vm.Spec.Datastore != "datastore-a" || vm.Spec.Folder != "hello" || vm.Status.Files != dc.FilesReady {
						t.Errorf("got %+v", vm)
					}
					if want := map[bool]dc.PowerState{false: dc.PoweredOff, true: dc.PoweredOn}[on]; vm.Status.Power != want {
						t.Errorf("it is %s, want %s", vm.Status.Power, want)
					}
					if want := map[bool]int64{false: 0, true: 1}[on]; vm.Spec.Power.Generation != want {
						t.Errorf("power was asked for %d times, want %d", vm.Spec.Power.Generation, want)
					}
				})
		})
	}
}

func TestAdoptTask(t *testing.T) {
	check(t, "", func(w *world) { w.hosts.orphans = []dc.Orphan{orphan("lost")} },
		func(ctx context.Context, s *Service) (*dc.Task, error) {
			return s.Adopt(ctx, admin, AdoptRequest{ID: "vm-lost"})
		},
		func(t testing.TB, v *store.View) {
			vm := only(t, v)
			if vm.ID != "vm-lost" || vm.Status.Power != dc.PoweredOn || vm.Status.Outcome != (dc.PowerOutcome{Generation: 8}) {
				t.Errorf("got %+v", vm)
			}
		})
}

func TestDestroyTask(t *testing.T) {
	check(t, "", func(w *world) { w.addVM("hello", dc.VirtualMachineStatus{Power: dc.PoweredOff}) },
		func(ctx context.Context, s *Service) (*dc.Task, error) { return s.Delete(ctx, admin, "vm-hello") },
		func(t testing.TB, v *store.View) {
			for vm := range store.List[*dc.VirtualMachine](v) {
				t.Errorf("%s is still there", vm.Name)
			}
		})
}

func TestPowerTasks(t *testing.T) {
	on := dc.VirtualMachineStatus{Power: dc.PoweredOn, Guest: dc.Guest{AgentRunning: true}}
	for _, tt := range []struct {
		name   string
		op     dc.PowerOp
		status dc.VirtualMachineStatus
		keeps  string
		want   dc.PowerState
	}{
		{"on", dc.PowerOn, dc.VirtualMachineStatus{Power: dc.PoweredOff}, "", dc.PoweredOn},
		{"wake up", dc.PowerOn, dc.VirtualMachineStatus{Power: dc.Suspended}, askStep, dc.PoweredOn},
		{"off", dc.PowerOff, on, askStep, dc.PoweredOff},
		{"reset", dc.Reset, on, askStep, dc.PoweredOn},
		{"suspend", dc.Suspend, on, askStep, dc.Suspended},
		{"shut down", dc.ShutdownGuest, on, askStep, dc.PoweredOff},
		{"reboot", dc.RebootGuest, on, askStep, dc.PoweredOn},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check(t, tt.keeps, func(w *world) { w.addVM("hello", tt.status) },
				func(ctx context.Context, s *Service) (*dc.Task, error) {
					return s.Power(ctx, admin, "vm-hello", tt.op, 0)
				},
				func(t testing.TB, v *store.View) {
					vm := only(t, v)
					if vm.Status.Power != tt.want || vm.Spec.Power.Generation != 2 || vm.Spec.Power.Op != tt.op {
						t.Errorf("it is %s after %+v", vm.Status.Power, vm.Spec.Power)
					}
				})
		})
	}
}
