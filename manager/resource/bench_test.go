package resource

import (
	"fmt"
	"log/slog"
	"testing"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
)

// BenchmarkAdmitMachine admits a machine beside 100,000 others with power, on 1,000 hosts and in 100 resource pools.
func BenchmarkAdmitMachine(b *testing.B) {
	st := store.OpenMemory()
	defer st.Close()
	s := New(st, access.New(st, slog.New(slog.DiscardHandler)))
	put := func(objects ...dc.Object) {
		err := st.Change(b.Context(), func(tx *store.Tx) error {
			for _, o := range objects {
				tx.Put(o)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	put(&dc.Cluster{ID: "domain-c1", Meta: dc.Meta{Name: "c1"}, RootPool: root}, &dc.ResourcePool{ID: root, Meta: dc.Meta{Name: "Resources", Parent: "domain-c1"}})
	for i := range 100 {
		name := fmt.Sprint("p", i)
		put(&dc.ResourcePool{ID: dc.ResourcePoolID("resgroup-" + name), Meta: dc.Meta{Name: name, Parent: dc.ID(root)}, Config: dc.DefaultPoolConfig()})
	}
	for i := range 1000 {
		name := fmt.Sprint("h", i)
		objects := []dc.Object{&dc.Host{ID: dc.HostID("host-" + name), Meta: dc.Meta{Name: name, Parent: "domain-c1"},
			Status: dc.HostStatus{Connection: dc.Connected, CPUs: 64, CPUMHz: 2500, MemoryMB: 512 << 10}}}
		for j := range 100 {
			id := fmt.Sprintf("vm-%dx%d", i, j)
			objects = append(objects, &dc.VirtualMachine{ID: dc.VirtualMachineID(id), Meta: dc.Meta{Name: id}, Status: dc.VirtualMachineStatus{Power: dc.PoweredOn},
				Spec: dc.VirtualMachineSpec{Pool: dc.ResourcePoolID(fmt.Sprint("resgroup-p", j)), Host: dc.HostID("host-" + name), Hardware: dc.Hardware{CPUs: 1, MemoryMB: 1024}}})
		}
		put(objects...)
	}
	vm := &dc.VirtualMachine{ID: "vm-new", Spec: dc.VirtualMachineSpec{Pool: "resgroup-p7", Host: "host-h1", Hardware: dc.Hardware{CPUs: 1, MemoryMB: 1024}}}
	for b.Loop() {
		if err := st.Change(b.Context(), func(tx *store.Tx) error { return s.AdmitMachine(tx, vm) }); err != nil {
			b.Fatal(err)
		}
	}
}
