package check

import (
	"fmt"
	"testing"

	"hanok/dc"
)

// BenchmarkLook is one round in a data center with many machines that run on 100 hosts. Twice the machines take twice the time.
func BenchmarkLook(b *testing.B) {
	for _, machines := range []int{1000, 2000, 4000} {
		b.Run(fmt.Sprint(machines), func(b *testing.B) {
			w := newWorld(b)
			const hosts = 100
			for n := range hosts {
				id, path := dc.HostID(fmt.Sprintf("host-1%d", n)), fmt.Sprintf("/srv/%d", n)
				ds := dc.DatastoreID("datastore" + string(id)[4:])
				w.put(&dc.Host{ID: id, Meta: dc.Meta{Name: string(id), Parent: "domain-c1"}, Status: dc.HostStatus{Connection: dc.Connected}},
					&dc.Datastore{ID: ds, Meta: dc.Meta{Name: string(ds), Parent: "group-s"}, Spec: dc.DatastoreSpec{Host: id, Path: path}})
				w.hosts[id] = &seen{Inspection: dc.Inspection{Datastores: []dc.InspectedDatastore{{ID: ds, Path: path}}}}
			}
			for n := range machines {
				vm := *w.vm("vm-1")
				vm.ID, vm.Name = dc.VirtualMachineID(fmt.Sprintf("vm-9%d", n)), fmt.Sprint("m", n)
				vm.Spec.Host = dc.HostID(fmt.Sprintf("host-1%d", n%hosts))
				vm.Spec.Datastore, vm.Spec.Folder = dc.DatastoreID("datastore"+string(vm.Spec.Host)[4:]), vm.Name
				vm.Spec.Hardware.UUID, vm.Spec.Hardware.NICs = vm.Name, nil
				w.put(&vm)
				w.install(&vm)
				w.run(vm.ID, vm.Spec.Host, n)
			}
			w.claim()
			d := w.dump()
			for b.Loop() {
				c := newCollector()
				inv := readInventory(d, c)
				checkStored(inv, c)
				if checkHosts(newPicture(inv, w.hosts), c); len(c.findings) > 0 {
					b.Fatalf("found %v", c.findings)
				}
			}
		})
	}
}
