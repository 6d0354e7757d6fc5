package compute

import (
	"sync"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

func reserve(cpu int64) dc.ResourceChange {
	return dc.ResourceChange{CPU: dc.AllocationChange{Reservation: &cpu}}
}

func TestSetResources(t *testing.T) {
	w := newWorld(t)
	w.addVM("off", off)
	w.addVM("on", running)
	limit, memory := int64(700), int64(1025)
	for _, tt := range []struct {
		name   string
		id     dc.VirtualMachineID
		change dc.ResourceChange
		kind   dc.ErrorKind
		text   string
	}{
		{"no machine", "vm-none", dc.ResourceChange{}, dc.NotFound, `virtual machine "vm-none": it does not exist`},
		{"more than its memory", "vm-off", dc.ResourceChange{Memory: dc.AllocationChange{Reservation: &memory}}, dc.Invalid,
			`virtual machine "off": memory.reservation: 1025 MB are more than its memory`},
		{"what its host can't give", "vm-on", reserve(1001), dc.Exhausted, `host "a": 1001 MHz are reserved, and 1 CPUs have 1000 MHz there`},
		{"the same without power", "vm-off", reserve(1001), "", ""},
		{"what its host can give", "vm-on", reserve(1000), "", ""},
		{"less", "vm-on", reserve(600), "", ""},
		{"a limit", "vm-on", dc.ResourceChange{CPU: dc.AllocationChange{Limit: &limit}}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.st.View().Revision()
			err := w.svc.SetResources(t.Context(), admin, tt.id, tt.change)
			wantError(t, err, tt.kind, tt.text)
			if err != nil && w.st.View().Revision() != before {
				t.Error("something was written")
			}
		})
	}
	if got := w.vm("vm-on").Spec.Resources; got != (dc.ResourceConfig{CPU: dc.Allocation{Reservation: 600, Limit: 700}}) {
		t.Errorf("it has %+v", got)
	}
	if err := w.svc.SetResources(t.Context(), admin, "vm-on", reserve(600)); err != nil {
		t.Error(err)
	}
	const each = "VmResourceReallocatedEvent"
	if got := w.events(); got != each+" "+each+" "+each+" "+each {
		t.Errorf("the events are %q", got)
	}
	_, err := w.svc.Power(t.Context(), admin, "vm-off", dc.PowerOn, 0)
	wantError(t, err, dc.Exhausted, `host "a": 1001 MHz are reserved, and 1 CPUs have 1000 MHz there`)
	w.change(func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, "vm-off")
		vm.Spec.Deleted = true
		tx.Put(vm)
		return err
	})
	err = w.svc.SetResources(t.Context(), admin, "vm-off", reserve(1))
	if dc.KindOf(err) != dc.WrongState {
		t.Errorf("of one that is being deleted: %v", err)
	}
}

func TestMoveToPool(t *testing.T) {
	w := newWorld(t)
	strict := dc.ResourceConfig{CPU: dc.Allocation{Reservation: 300}, Memory: dc.Allocation{Expandable: true}}
	w.put(&dc.ResourcePool{ID: "resgroup-strict", Meta: dc.Meta{Name: "strict", Parent: "resgroup-1"}, Config: strict},
		&dc.Cluster{ID: "domain-c2", Meta: dc.Meta{Name: "c2", Parent: "group-host"}, RootPool: "resgroup-2"},
		&dc.ResourcePool{ID: "resgroup-2", Meta: dc.Meta{Name: "Resources", Parent: "domain-c2"}})
	vm := w.addVM("on", running)
	if err := w.svc.SetResources(t.Context(), admin, vm.ID, reserve(301)); err != nil {
		t.Fatal(err)
	}
	move := func(pool dc.ResourcePoolID) error { return w.svc.MoveToPool(t.Context(), admin, vm.ID, pool) }
	wantError(t, move("resgroup-9"), dc.NotFound, `resource pool "resgroup-9": it does not exist`)
	wantError(t, move("resgroup-2"), dc.Invalid, `virtual machine "on": resource pool "Resources" is in cluster "c2"`)
	wantError(t, move("resgroup-strict"), dc.Exhausted, `resource pool "strict": 301 MHz of CPU are requested, and 300 MHz are unreserved`)
	if err := w.svc.SetResources(t.Context(), admin, vm.ID, reserve(300)); err != nil {
		t.Fatal(err)
	}
	wantError(t, move("resgroup-strict"), "", "")
	if got := w.vm(vm.ID).Spec.Pool; got != "resgroup-strict" {
		t.Errorf("it is in %s", got)
	}
	_, err := w.svc.Create(t.Context(), admin, CreateRequest{Name: "nested", Pool: "resgroup-strict"})
	wantError(t, err, "", "")
}

// A reservation that grows and a power-on at the same moment do not both get what the host has left.
func TestReservationOnHostIsNotGivenTwiceAtOnce(t *testing.T) {
	w := newWorld(t) // 3800 MHz
	for _, name := range []string{"on", "on2", "on3"} {
		w.addVM(name, running)
		if err := w.svc.SetResources(t.Context(), admin, dc.VirtualMachineID("vm-"+name), reserve(900)); err != nil {
			t.Fatal(err)
		}
	}
	x := w.addVM("x", off)
	if err := w.svc.SetResources(t.Context(), admin, x.ID, reserve(1000)); err != nil {
		t.Fatal(err)
	}
	var other sync.Once
	err := w.st.Change(t.Context(), func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(x.ID))
		if err != nil {
			return err
		}
		_, err = w.svc.tasks.SubmitBegun(tx, admin, powerType(dc.PowerOn), vm, taskArgs{Power: &powerArgs{Op: dc.PowerOn}}, w.svc.requestPower)
		other.Do(func() {
			if err := w.svc.SetResources(t.Context(), admin, "vm-on", reserve(1000)); err != nil {
				t.Fatal(err)
			}
			if err := w.svc.SetResources(t.Context(), admin, "vm-on2", reserve(1000)); err != nil {
				t.Fatal(err)
			}
		})
		return err
	})
	wantError(t, err, dc.Exhausted, `host "a": 1000 MHz of CPU are requested, and 900 MHz are unreserved`)
}
