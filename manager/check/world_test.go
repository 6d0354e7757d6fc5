package check

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

const mb = 1 << 20

// world is a data center: what its store has, and what its hosts answer. Tests spoil one thing in it.
type world struct {
	t testing.TB
	// objects, claims and broken are the keys of the store; broken are those of objects that can't be read.
	objects map[dc.ID]dc.Object
	claims  map[string]dc.ID
	broken  map[string]string
	hosts   map[dc.HostID]*seen
	// revision is that of every key.
	revision int64
}

// newWorld returns a data center of two hosts in which every promise is kept: "web" runs on alpha, "db" is off and "nap" is
// suspended on beta, and "new" on beta gets its power at this moment.
func newWorld(t testing.TB) *world {
	w := &world{t: t, objects: map[dc.ID]dc.Object{}, claims: map[string]dc.ID{}, broken: map[string]string{}, hosts: map[dc.HostID]*seen{}, revision: 900}
	meta := func(name string, parent dc.ID) dc.Meta {
		return dc.Meta{Name: name, Parent: parent, Created: time.Unix(1e9, 0).UTC()}
	}
	w.put(&dc.Folder{ID: dc.RootFolder, Meta: meta("Datacenters", ""), Type: dc.FolderDatacenter},
		&dc.Datacenter{ID: "datacenter-1", Meta: meta("DC", "group-root"), VMFolder: "group-v", HostFolder: "group-h", DatastoreFolder: "group-s",
			NetworkFolder: "group-n"},
		&dc.Folder{ID: "group-v", Meta: meta("vm", "datacenter-1"), Type: dc.FolderVM},
		&dc.Folder{ID: "group-h", Meta: meta("host", "datacenter-1"), Type: dc.FolderHost},
		&dc.Folder{ID: "group-s", Meta: meta("datastore", "datacenter-1"), Type: dc.FolderDatastore},
		&dc.Folder{ID: "group-n", Meta: meta("network", "datacenter-1"), Type: dc.FolderNetwork},
		&dc.Cluster{ID: "domain-c1", Meta: meta("cluster", "group-h"), RootPool: "resgroup-1"},
		&dc.ResourcePool{ID: "resgroup-1", Meta: meta("Resources", "domain-c1")},
		&dc.PortGroup{ID: "network-1", Meta: meta("VM Network", "group-n")},
		&dc.User{ID: "user-1", Meta: meta("root", "")},
		&dc.Event{ID: "event-1"},
		&dc.Task{ID: "task-1", Target: "vm-1", State: dc.TaskSuccess, Steps: []string{"make"}, Cursor: 1, Completed: time.Unix(1e9, 0).UTC()},
		&dc.Task{ID: "task-2", Target: "vm-4", State: dc.TaskRunning, Steps: []string{"power on"}})
	for _, h := range []struct {
		id    dc.HostID
		name  string
		store dc.DatastoreID
	}{{"host-1", "alpha", "datastore-1"}, {"host-2", "beta", "datastore-2"}} {
		path := "/srv/" + h.name
		w.put(&dc.Host{ID: h.id, Meta: meta(h.name, "domain-c1"), Status: dc.HostStatus{Connection: dc.Connected}},
			&dc.Datastore{ID: h.store, Meta: meta("on-"+h.name, "group-s"), Spec: dc.DatastoreSpec{Type: dc.LocalDatastore, Host: h.id, Path: path},
				Status: dc.DatastoreStatus{Accessible: true}})
		w.hosts[h.id] = &seen{Inspection: dc.Inspection{Datastores: []dc.InspectedDatastore{{ID: h.store, Path: path}}}}
	}
	for i, m := range []struct {
		name  string
		host  dc.HostID
		power dc.PowerState
	}{{"web", "host-1", dc.PoweredOn}, {"db", "host-2", dc.PoweredOff}, {"nap", "host-2", dc.Suspended}, {"new", "host-2", dc.PoweredOff}} {
		n := i + 1
		vm := &dc.VirtualMachine{ID: dc.VirtualMachineID(fmt.Sprintf("vm-%d", n)), Meta: meta(m.name, "group-v"),
			Spec: dc.VirtualMachineSpec{Pool: "resgroup-1", Host: m.host, Datastore: dc.DatastoreID(fmt.Sprintf("datastore-%s", m.host[5:])), Folder: m.name,
				Power: dc.PowerRequest{Generation: 3, Op: dc.PowerOn},
				Hardware: dc.Hardware{UUID: fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", n), CPUs: 2, MemoryMB: 64,
					Disks: []dc.Disk{{Key: 2000, Controller: 1000, CapacityBytes: mb, File: m.name + "/" + m.name + ".vmdk"},
						{Key: 2003, Controller: 1000, Unit: 3, CapacityBytes: 2 * mb, File: m.name + "/" + m.name + "_3.vmdk"}},
					NICs: []dc.NIC{{Key: 4000, MAC: fmt.Sprintf("52:54:00:00:00:0%d", n), PortGroup: "network-1"}}}},
			Status: dc.VirtualMachineStatus{Files: dc.FilesReady, Power: m.power, Outcome: dc.PowerOutcome{Generation: 3}}}
		if m.name == "new" {
			vm.Spec.Power.Generation++
		}
		w.put(vm)
		w.install(vm)
	}
	w.run("vm-1", "host-1", 100)
	w.run("vm-4", "host-2", 200)
	w.claim()
	return w
}

func (w *world) put(objects ...dc.Object) {
	for _, o := range objects {
		w.objects[o.Identity()] = o
	}
}

// claim makes the claims those of the objects.
func (w *world) claim() {
	clear(w.claims)
	for id, o := range w.objects {
		for _, claim := range o.Claims() {
			w.claims[claim] = id
		}
	}
}

// install puts the machine's folder and its host's record where they belong.
func (w *world) install(vm *dc.VirtualMachine) {
	h := w.hosts[vm.Spec.Host]
	f := dc.InspectedFolder{Name: vm.Spec.Folder, Owner: vm.ID}
	for _, d := range vm.Spec.Hardware.Disks {
		name := vm.Spec.Folder
		if d.Key > 2000 {
			name = fmt.Sprintf("%s_%d", name, d.Key-2000)
		}
		f.Disks = append(f.Disks, dc.InspectedDisk{Name: name + ".vmdk", Extent: name + "-flat.vmdk", CapacityBytes: d.CapacityBytes,
			ExtentBytes: d.CapacityBytes, File: fmt.Sprintf("%s/%d", vm.ID, d.Key)})
	}
	if vm.Status.Power == dc.Suspended {
		f.Memory = vm.Spec.Folder + "-00000000.vmss"
	}
	h.Datastores[0].Folders = append(h.Datastores[0].Folders, f)
	a, _ := dc.AssignmentOf(vm)
	h.Records = append(h.Records, dc.InspectedRecord{File: string(vm.ID), Assignment: a, Files: dc.FilesReady, Power: vm.Status.Power,
		Begun: 3, Outcome: vm.Status.Outcome})
}

// run gives a machine a process, and its host's record power.
func (w *world) run(id dc.VirtualMachineID, host dc.HostID, pid int) {
	vm, f := w.vm(id), w.folder(id)
	p := dc.InspectedProcess{PID: pid, Start: 7, Name: "qemu-system-x86", UUID: vm.Spec.Hardware.UUID, Seccomp: true,
		Folder: w.hosts[host].Datastores[0].Path + "/" + f.Name, Users: slices.Repeat([]uint32{userOf(id)}, 4),
		Monitor: &dc.InspectedMonitor{Status: "running", UUID: vm.Spec.Hardware.UUID, CPUs: vm.Spec.Hardware.CPUs,
			MemoryBytes: vm.Spec.Hardware.MemoryMB << 20}}
	for i, d := range f.Disks {
		p.Disks = append(p.Disks, dc.InspectedFile{Path: p.Folder + "/" + d.Extent, File: d.File, Writable: true, Locked: true})
		p.Monitor.Disks = append(p.Monitor.Disks, dc.InspectedDrive{Device: fmt.Sprintf("disk%d", vm.Spec.Hardware.Disks[i].Key),
			CapacityBytes: d.CapacityBytes})
	}
	w.hosts[host].Processes = append(w.hosts[host].Processes, p)
	if r := w.record(id); host == vm.Spec.Host {
		r.On, r.ThisBoot, r.PID, r.Start, r.Power = true, true, pid, 7, ""
	}
}

func (w *world) vm(id dc.VirtualMachineID) *dc.VirtualMachine {
	return w.objects[dc.ID(id)].(*dc.VirtualMachine)
}

func (w *world) store(id dc.VirtualMachineID) *dc.InspectedDatastore {
	return &w.hosts[w.vm(id).Spec.Host].Datastores[0]
}

func (w *world) folder(id dc.VirtualMachineID) *dc.InspectedFolder {
	all := w.store(id).Folders
	return &all[slices.IndexFunc(all, func(f dc.InspectedFolder) bool { return f.Owner == id })]
}

func (w *world) record(id dc.VirtualMachineID) *dc.InspectedRecord {
	all := w.hosts[w.vm(id).Spec.Host].Records
	return &all[slices.IndexFunc(all, func(r dc.InspectedRecord) bool { return r.File == string(id) })]
}

// process is that of "web".
func (w *world) process() *dc.InspectedProcess { return &w.hosts["host-1"].Processes[0] }

// forget removes a machine from the inventory, and leaves it on its host.
func (w *world) forget(id dc.VirtualMachineID) {
	delete(w.objects, dc.ID(id))
	w.claim()
}

// dump returns the store's keys.
func (w *world) dump() store.Dump {
	d := store.Dump{Revision: 1000}
	add := func(key string, value []byte) {
		d.Entries = append(d.Entries, store.Entry{Key: key, Value: value, Revision: w.revision})
	}
	for id, o := range w.objects {
		value, err := json.Marshal(o)
		if err != nil {
			w.t.Fatal(err)
		}
		add(objectKeys+string(o.Kind())+"/"+string(id), value)
	}
	for claim, id := range w.claims {
		add(claimKeys+claim, []byte(id))
	}
	for key, value := range w.broken {
		add(key, []byte(value))
	}
	add("format", []byte("2"))
	add("fence/task", nil)
	slices.SortFunc(d.Entries, func(a, b store.Entry) int { return cmp.Compare(a.Key, b.Key) })
	return d
}

// look is one round.
func (w *world) look(before *collector) *collector {
	c := newCollector()
	inv := readInventory(w.dump(), c)
	checkStored(inv, c)
	checkHosts(newPicture(inv, maps.Clone(w.hosts)), c)
	c.follow(before)
	return c
}

// findings returns what is found in a world that does not move.
func (w *world) findings() []Finding {
	var c *collector
	for range enough {
		c = w.look(c)
	}
	return findingsOf(c)
}

func findingsOf(c *collector) []Finding {
	var all []Finding
	for _, r := range c.results() {
		all = append(all, r.Findings...)
	}
	return all
}
