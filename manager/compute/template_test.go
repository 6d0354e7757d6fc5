package compute

import (
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

func TestTemplate(t *testing.T) {
	w := newWorld(t).run()
	w.put(&dc.ResourcePool{ID: "resgroup-2", Meta: dc.Meta{Name: "gold", Parent: "resgroup-1"}},
		&dc.Cluster{ID: "domain-c2", Meta: dc.Meta{Name: "c2", Parent: "group-host"}, RootPool: "resgroup-3"},
		&dc.ResourcePool{ID: "resgroup-3", Meta: dc.Meta{Name: "Resources", Parent: "domain-c2"}})
	w.addVM("hello", dc.VirtualMachineStatus{Power: dc.PoweredOn})
	ctx, s := t.Context(), w.svc
	wantError(t, s.MarkAsTemplate(ctx, admin, "vm-hello"), dc.WrongState, `virtual machine "hello": it is powered on`)
	w.succeeded(s.Power(ctx, admin, "vm-hello", dc.PowerOff, 0))
	for range 2 { // the second time nothing happens
		if err := s.MarkAsTemplate(ctx, admin, "vm-hello"); err != nil {
			t.Fatal(err)
		}
	}
	if spec := w.vm("vm-hello").Spec; !spec.Template || spec.Pool != "" {
		t.Errorf("got %+v", spec)
	}
	_, err := s.Power(ctx, admin, "vm-hello", dc.PowerOn, 0)
	wantError(t, err, dc.WrongState, `virtual machine "hello": it is a template`)
	wantError(t, s.MoveToPool(ctx, admin, "vm-hello", "resgroup-2"), dc.WrongState, `virtual machine "hello": it is a template`)
	wantError(t, s.MarkAsVirtualMachine(ctx, admin, "vm-hello", "resgroup-3"), dc.Invalid, `virtual machine "hello": the resource pool resgroup-3 is not of the cluster of its host`)
	if err := s.MarkAsVirtualMachine(ctx, admin, "vm-hello", "resgroup-2"); err != nil {
		t.Fatal(err)
	}
	if spec := w.vm("vm-hello").Spec; spec.Template || spec.Pool != "resgroup-2" {
		t.Errorf("got %+v", spec)
	}
	if got := w.events(); got != "VmPoweredOffEvent TaskEvent TaskEvent" {
		t.Errorf("the events are %s", got)
	}
	if err := s.MarkAsTemplate(ctx, admin, "vm-hello"); err != nil {
		t.Fatal(err)
	}
	if err := s.MarkAsVirtualMachine(ctx, admin, "vm-hello", ""); err != nil || w.vm("vm-hello").Spec.Pool != "resgroup-1" {
		t.Errorf("got %+v, %v", w.vm("vm-hello").Spec, err)
	}
	if err := s.MarkAsTemplate(ctx, admin, "vm-hello"); err != nil {
		t.Fatal(err)
	}
	w.succeeded(s.Delete(ctx, admin, "vm-hello"))
}

// TestTemplateWaitsForTasks: what a task works on, or reads, is no template before the task has ended.
func TestTemplateWaitsForTasks(t *testing.T) {
	for name, submit := range map[string]func(w *world, tx *store.Tx, vm dc.Object) error{
		"works on it": func(w *world, tx *store.Tx, vm dc.Object) error {
			_, err := w.svc.tasks.Submit(tx, admin, destroyType, vm, taskArgs{})
			return err
		},
		"reads it": func(w *world, tx *store.Tx, vm dc.Object) error {
			_, err := w.svc.tasks.SubmitReading(tx, admin, destroyType, w.vm("vm-other"), []dc.Object{vm}, taskArgs{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			off := dc.VirtualMachineStatus{Power: dc.PoweredOff}
			w.addVM("hello", off)
			w.addVM("other", off)
			w.change(func(tx *store.Tx) error { return submit(w, tx, w.vm("vm-hello")) })
			wantError(t, w.svc.MarkAsTemplate(t.Context(), admin, "vm-hello"), dc.Conflict, `virtual machine "hello": VirtualMachine.destroy by alice is still working on it`)
		})
	}
}
