package compute

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hanok/dc"
)

// The choice of a place among a thousand hosts with a hundred machines each, without what it takes to write it down.
func BenchmarkPlace(b *testing.B) {
	const hosts, machines = 1000, 100
	w := newWorld(b)
	for h := range hosts {
		id, ds := dc.HostID(fmt.Sprintf("host-b%d", h)), dc.DatastoreID(fmt.Sprintf("datastore-b%d", h))
		objects := []dc.Object{
			&dc.Host{ID: id, Meta: dc.Meta{Name: fmt.Sprint("b", h), Parent: "domain-c1"},
				Status: dc.HostStatus{Connection: dc.Connected, CPUs: 64, MemoryMB: 512 << 10}},
			&dc.Datastore{ID: ds, Meta: dc.Meta{Name: fmt.Sprint("b", h), Parent: "group-ds"},
				Spec: dc.DatastoreSpec{Type: dc.LocalDatastore, Host: id, Path: "/srv"}, Status: dc.DatastoreStatus{Accessible: true}},
		}
		for m := range machines {
			name := fmt.Sprintf("b%d-%d", h, m)
			objects = append(objects, &dc.VirtualMachine{ID: dc.VirtualMachineID(fmt.Sprintf("vm-b%dm%d", h, m)), Meta: dc.Meta{Name: name, Parent: "group-vm"},
				Spec: dc.VirtualMachineSpec{Host: id, Datastore: ds, Folder: name, Pool: "resgroup-1", Hardware: dc.Hardware{MemoryMB: int64(32 + h%7)}}})
		}
		w.put(objects...)
	}
	vm := &dc.VirtualMachine{ID: "vm-new", Meta: dc.Meta{Name: "new", Parent: "group-vm"},
		Spec: dc.VirtualMachineSpec{Pool: "resgroup-1", Hardware: dc.Hardware{CPUs: 1, MemoryMB: 64}}}
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		if _, _, err := w.svc.place(w.st.View(), vm, taskArgs{}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
