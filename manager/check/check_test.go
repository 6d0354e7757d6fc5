package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hanok/dc"
)

type example struct {
	name  string
	spoil func(w *world)
	want  []string
}

// broken are ways to break a promise, each with all that is to be found then: severity, promise, ID and parts of the message.
var broken = []example{
	// The store.
	{"value is nonsense", func(w *world) { w.broken["object/User/user-9"] = "{" }, []string{"problem objects user-9 can't be read"}},
	{"unknown kind", func(w *world) { w.broken["object/Gizmo/gizmo-1"] = "{}" }, []string{"problem objects gizmo-1 no objects of kind"}},
	{"another ID in the value", func(w *world) { w.broken["object/User/user-9"] = `{"id":"user-8"}` }, []string{"problem objects user-9 it holds \"user-8\""}},
	{"ID of another kind", func(w *world) { w.broken["object/User/vm-9"] = `{"id":"vm-9"}` }, []string{"problem objects vm-9 it holds"}},
	{"parent is gone", func(w *world) { w.objects["group-n"].Metadata().Parent = "datacenter-9"; w.claim() },
		[]string{"problem references group-n its parent datacenter-9 does not exist"}},
	{"parent of a wrong kind", func(w *world) { w.objects["group-n"].Metadata().Parent = "host-1"; w.claim() },
		[]string{"problem references group-n its parent is \"host-1\", which can't be"}},
	{"no parent", func(w *world) { w.objects["network-1"].Metadata().Parent = ""; w.claim() }, []string{"problem references network-1 stands in no folder"}},
	{"pool is gone", func(w *world) { w.vm("vm-2").Spec.Pool = "resgroup-9"; w.claim() }, []string{"problem references vm-2 spec.pool resgroup-9"}},
	{"network is gone", func(w *world) { w.vm("vm-2").Spec.Hardware.NICs[0].PortGroup = "network-9"; w.claim() },
		[]string{"problem references vm-2 portGroup network-9"}},
	{"datastore of another host", func(w *world) {
		w.vm("vm-4").Spec.Datastore = "datastore-1"
		w.claim()
	}, []string{"problem references vm-4 its datastore datastore-1 on \"host-1\"", "warning files vm-4 second folder"}},
	{"claim is not held", func(w *world) { delete(w.claims, "mac/52:54:00:00:00:02") }, []string{"problem claims vm-2 nobody holds its claim \"mac/52"}},
	{"claim is another's", func(w *world) { w.claims["mac/52:54:00:00:00:02"] = "vm-1" }, []string{"problem claims vm-2 \"vm-1\" holds its claim"}},
	{"claim too many", func(w *world) { w.claims["mac/52:54:00:00:00:99"] = "vm-2" }, []string{"problem claims vm-2 does not need"}},
	{"claim of nobody", func(w *world) { w.claims["mac/52:54:00:00:00:99"] = "vm-9" }, []string{"problem claims vm-9 does not need"}},
	{"two want one claim", func(w *world) {
		w.vm("vm-2").Spec.Hardware.NICs[0].MAC = "52:54:00:00:00:01"
		w.claim()
		w.claims["mac/52:54:00:00:00:01"] = "vm-1"
	},
		[]string{"problem claims vm-2 vm-1 and it both need"}},
	{"ended task without an end", func(w *world) { w.task("task-1").Completed = time.Time{} }, []string{"problem tasks task-1 does not say when"}},
	{"success with a failure", func(w *world) { w.task("task-1").Failure = &dc.Failure{} }, []string{"problem tasks task-1 has a failure: true"}},
	{"error without a failure", func(w *world) { w.task("task-1").State = dc.TaskError }, []string{"problem tasks task-1 has a failure: false"}},
	{"open task with an end", func(w *world) { w.task("task-2").Completed = time.Unix(1, 0).UTC() }, []string{"problem tasks task-2 has an end"}},
	{"open task without a target", func(w *world) {
		w.put(&dc.Task{ID: "task-3", State: dc.TaskQueued, Steps: []string{"x"}})
		w.claim()
	}, []string{"problem tasks task-3 no target"}},
	{"two open tasks", func(w *world) {
		w.put(&dc.Task{ID: "task-3", Target: "vm-4", State: dc.TaskRunning, Steps: []string{"x"}})
		w.claim()
		w.claims[dc.TaskClaim("vm-4")] = "task-2"
	}, []string{"problem tasks task-2 task-3 works on vm-4, too", "problem claims task-3 task-2 and it both need"}},
	{"cursor beyond the end", func(w *world) { w.task("task-2").Cursor = 1 }, []string{"problem tasks task-2 step 1 of 1"}},
	{"state of no task", func(w *world) { w.task("task-1").State = "odd"; w.claim() }, []string{"problem tasks task-1 its state is"}},
	{"done more than was asked", func(w *world) { w.vm("vm-2").Status.Outcome.Generation, w.record("vm-2").Outcome.Generation = 4, 3 },
		[]string{"problem power vm-2 finished the power operation 4, and only 3", "problem records vm-2 is finished, and has reported 4"}},

	// What executes.
	{"two processes", func(w *world) { w.run("vm-1", "host-1", 101); w.record("vm-1").PID = 100 },
		[]string{"problem executions vm-1 processes 100 and 101 both", "problem records vm-1 process 101 executes it",
			"problem writers vm-1 processes 100 and 101 both have its disk /srv/alpha/web/web-flat.vmdk",
			"problem writers vm-1 processes 100 and 101 both have its disk /srv/alpha/web/web_3-flat.vmdk"}},
	{"process on another host", func(w *world) { w.run("vm-1", "host-2", 300) },
		[]string{"problem executions vm-1 process 300 on host \"beta\" executes it, and it belongs on host \"alpha\""}},
	{"process on another host while it is worked on", func(w *world) { w.run("vm-4", "host-1", 300) },
		[]string{"problem executions vm-4 process 300 on host \"alpha\""}},
	{"on without a process", func(w *world) { w.hosts["host-1"].Processes = nil }, []string{"problem executions vm-1 no process executes it"}},
	{"off with a process", func(w *world) {
		w.run("vm-2", "host-2", 300)
		w.record("vm-2").On, w.record("vm-2").Power = false, dc.PoweredOff
	},
		[]string{"problem executions vm-2 it is \"poweredOff\", and process 300 executes it"}},
	{"CPUs stand still", func(w *world) { w.process().Monitor.Status = "paused" }, []string{"problem power vm-1 its QEMU says \"paused\""}},
	{"said to be paused and runs", func(w *world) { w.vm("vm-1").Status.Paused = &dc.Failure{} }, []string{"problem power vm-1 its QEMU says \"running\""}},
	{"no answer", func(w *world) { w.process().Monitor, w.process().MonitorFailure = nil, "silence" }, []string{"problem power vm-1 process 100 does not answer: silence"}},
	{"UUID of the guest", func(w *world) { w.process().Monitor.UUID = "1" }, []string{"problem hardware vm-1 UUID"}},
	{"UUID of the process", func(w *world) { w.process().UUID = "1" }, []string{"problem hardware vm-1 UUID"}},
	{"CPUs", func(w *world) { w.process().Monitor.CPUs = 1 }, []string{"problem hardware vm-1 CPUs: 1 instead of 2"}},
	{"memory", func(w *world) { w.process().Monitor.MemoryBytes-- }, []string{"problem hardware vm-1 bytes of memory"}},
	{"disk is missing in the guest", func(w *world) { w.process().Monitor.Disks = w.process().Monitor.Disks[:1] }, []string{"problem hardware vm-1 the disks"}},
	{"read-only disk", func(w *world) { w.process().Monitor.Disks[0].ReadOnly = true }, []string{"problem hardware vm-1 read-only"}},
	{"runs as root", func(w *world) { w.process().Users[2] = 0 }, []string{"problem rights vm-1 runs as the user 0"}},
	{"runs as another machine", func(w *world) { w.process().Users[0] = userOf("vm-2") }, []string{"problem rights vm-1 runs as the user"}},
	{"capabilities", func(w *world) { w.process().Capabilities = true }, []string{"problem rights vm-1 capabilities"}},
	{"no filter", func(w *world) { w.process().Seccomp = false }, []string{"problem rights vm-1 filter of system calls"}},

	// Disks.
	{"another writer", func(w *world) {
		w.hosts["host-1"].Processes = append(w.hosts["host-1"].Processes, dc.InspectedProcess{PID: 9, Name: "dd", Disks: w.process().Disks[:1]})
	}, []string{"problem writers vm-1 process 9 (dd), which does not execute it, has its disk /srv/alpha/web/web-flat.vmdk"}},
	{"another machine's process", func(w *world) {
		p := &w.hosts["host-2"].Processes[0]
		p.Disks = append(p.Disks, dc.InspectedFile{Path: "/x", File: "vm-2/2000", Writable: true, Locked: true})
	}, []string{"problem writers vm-2 process 200 (qemu-system-x86), which does not execute it"}},
	{"another writer while it is worked on", func(w *world) {
		w.hosts["host-2"].Processes = append(w.hosts["host-2"].Processes, dc.InspectedProcess{PID: 9, Name: "dd", Disks: w.hosts["host-2"].Processes[0].Disks[:1]})
	}, []string{"problem writers vm-4 process 9 (dd)"}},
	{"the agent keeps a disk", func(w *world) {
		w.hosts["host-1"].Processes = append(w.hosts["host-1"].Processes, dc.InspectedProcess{PID: 9, Name: "hanok", Agent: true, Disks: w.process().Disks[:1]})
	}, []string{"problem writers vm-1 process 9 (hanok)"}},
	{"no lock", func(w *world) { w.process().Disks[1].Locked = false }, []string{"problem writers vm-1 writes to /srv/alpha/web/web_3-flat.vmdk without a lock"}},
	{"disk removed under its process", func(w *world) {
		w.process().Disks[0].Deleted, w.process().Disks[0].File = true, "other"
		w.folder("vm-1").Disks[0].ExtentBytes, w.folder("vm-1").Disks[0].File = -1, ""
	}, []string{"problem files vm-1 was removed while process 100", "problem files vm-1 web-flat.vmdk of its disk is not there"}},
	{"folder is gone", func(w *world) { w.folder("vm-2").Name, w.folder("vm-2").Owner = "other", "" }, []string{"problem files vm-2 its folder /srv/beta/db is not there"}},
	{"folder was renamed", func(w *world) { w.folder("vm-2").Name = "other" },
		[]string{"problem files vm-2 its folder /srv/beta/db is not there", "warning files vm-2 second folder says that it is the machine's: /srv/beta/other"}},
	{"folder can't be read", func(w *world) { w.folder("vm-2").Failure = "line 3" }, []string{"problem files vm-2 can't be read: line 3"}},
	{"no configuration", func(w *world) { w.folder("vm-2").Owner = "" }, []string{"problem files vm-2 no configuration"}},
	{"another's configuration", func(w *world) { w.folder("vm-2").Owner = "vm-3" },
		[]string{"problem files vm-2 is that of the virtual machine vm-3", "warning files vm-3 second folder"}},
	{"disk in another folder", func(w *world) {
		vm, other := w.vm("vm-2"), w.folder("vm-3")
		vm.Spec.Hardware.Disks[1].File, vm.Spec.Hardware.Disks[1].Attached = other.Name+"/data.vmdk", true
		data := w.folder("vm-2").Disks[1]
		data.Name, data.Extent = "data.vmdk", "data-flat.vmdk"
		other.Disks = append(other.Disks, data)
		w.claim()
	}, nil},
	{"disk in another folder is gone", func(w *world) {
		w.vm("vm-2").Spec.Hardware.Disks[1].File = "elsewhere/data.vmdk"
		w.claim()
	}, []string{"problem files vm-2 elsewhere/data.vmdk is not there"}},
	{"descriptor is gone", func(w *world) { w.folder("vm-2").Disks = w.folder("vm-2").Disks[:1] }, []string{"problem files vm-2 db_3.vmdk is not there"}},
	{"descriptor is nonsense", func(w *world) { w.folder("vm-2").Disks[0].Failure = "line 1" }, []string{"problem files vm-2 can't be used: line 1"}},
	{"descriptor leads elsewhere", func(w *world) { w.folder("vm-2").Disks[0].Extent = "db_3-flat.vmdk" }, []string{"problem files vm-2 leads to another file"}},
	{"bytes are gone", func(w *world) { w.folder("vm-2").Disks[1].ExtentBytes = -1 }, []string{"problem files vm-2 db_3-flat.vmdk of its disk is not there"}},
	{"bytes are cut off", func(w *world) { w.folder("vm-2").Disks[1].ExtentBytes = mb }, []string{"problem files vm-2 has 1048576 bytes, by its descriptor 2097152"}},
	{"descriptor of another length", func(w *world) { w.folder("vm-2").Disks[1].CapacityBytes = mb }, []string{"problem files vm-2 by its descriptor 1048576"}},
	{"memory of a machine that is off", func(w *world) { w.folder("vm-2").Memory = "db.vmss" }, []string{"problem files vm-2 memory of a suspension"}},
	{"memory of a machine that runs", func(w *world) { w.folder("vm-1").Memory = "web.vmss" }, []string{"problem files vm-1 memory of a suspension"}},
	{"suspended without memory", func(w *world) { w.folder("vm-3").Memory = "" }, []string{"problem files vm-3 its memory is not in"}},
	{"datastore can't be read", func(w *world) {
		*w.store("vm-1") = dc.InspectedDatastore{ID: "datastore-1", Path: "/srv/alpha", Failure: "no such folder"}
	},
		[]string{"problem files datastore-1 can't be read: no such folder"}},

	// Records.
	{"datastore is not recorded", func(w *world) {
		ds := w.store("vm-1")
		*ds = dc.InspectedDatastore{ID: "datastore-7", Path: ds.Path, Folders: ds.Folders}
	}, []string{"problem records datastore-1 no record"}},
	{"datastore at another path", func(w *world) {
		w.objects["datastore-1"].(*dc.Datastore).Spec.Path = "/srv/other"
		w.hosts["host-1"].Processes = nil
		w.vm("vm-1").Status.Files = dc.FilesMissing
		w.vm("vm-1").Status.Paused = &dc.Failure{}
		w.claim()
	}, []string{"problem records datastore-1 has it at /srv/alpha", "warning files vm-1 second folder"}},
	{"machine is not recorded", func(w *world) { w.record("vm-2").File = "vm-4" }, []string{"problem records vm-2 no record of it"}},
	{"record can't be read", func(w *world) { *w.record("vm-2") = dc.InspectedRecord{File: "vm-2", Failure: "EOF"} }, []string{"problem records vm-2 can't be read: EOF"}},
	{"record on another host", func(w *world) { w.hosts["host-1"].Records = append(w.hosts["host-1"].Records, *w.record("vm-2")) },
		[]string{"problem records vm-2 host \"alpha\" has a record of it, too"}},
	{"record of a later store", func(w *world) { w.record("vm-2").Assignment.Revision = 901 }, []string{"problem records vm-2 at the revision 901, and the store at 900"}},
	{"nobody ordered the deletion", func(w *world) { w.record("vm-2").Assignment.Deleted = true }, []string{"problem records vm-2 orders to delete it"}},
	{"host did more than it was asked", func(w *world) { w.record("vm-2").Begun = 4 }, []string{"problem records vm-2 begun the power operation 4"}},
	{"another power", func(w *world) { w.record("vm-2").Power = dc.Suspended }, []string{"problem records vm-2 written down that it is \"suspended\""}},
	{"files are not recorded", func(w *world) { w.record("vm-2").Files = "" }, []string{"problem records vm-2 files are ready"}},
	{"handle of an earlier boot", func(w *world) { w.record("vm-1").ThisBoot = false }, []string{"problem records vm-1 process 100 executes it"}},
	{"handle of another process", func(w *world) { w.record("vm-1").Start++ }, []string{"problem records vm-1 process 100 executes it, and its host has written down 100"}},

	// What is gone, and what nobody knows.
	{"files of what was deleted", func(w *world) {
		vm := w.vm("vm-2")
		vm.Spec.Deleted, vm.Status.Files = true, dc.FilesRemoved
		w.record("vm-2").Assignment.Deleted = true
	}, []string{"problem tombstones vm-2 its folder /srv/beta/db is there"}},
	{"machine is forgotten", func(w *world) { w.forget("vm-2") }, []string{"warning orphans host-2 virtual machine vm-2 that the inventory does not know: its folder is /srv/beta/db; the host has a record"}},
	{"running machine is forgotten", func(w *world) { w.forget("vm-1"); w.hosts["host-1"].Records = nil },
		[]string{"warning orphans host-1 virtual machine vm-1 that the inventory does not know: its folder is /srv/alpha/web; process 100 executes it"}},
	{"process of nobody", func(w *world) { w.process().Folder, w.process().UUID, w.process().Disks = "/srv/alpha/odd", "odd", nil },
		[]string{"problem executions vm-1 no process executes it", "warning orphans host-1 process 100 executes it"}},
	{"copied folder", func(w *world) {
		f := *w.folder("vm-2")
		f.Name = "copy"
		w.store("vm-2").Folders = append(w.store("vm-2").Folders, f)
	}, []string{"warning files vm-2 second folder says that it is the machine's: /srv/beta/copy"}},

	// Hosts.
	{"silent host", func(w *world) {
		w.hosts["host-1"].err = dc.Errorf(dc.Unavailable, "no answer")
		w.hosts["host-1"].Inspection = dc.Inspection{}
	},
		[]string{"problem examined host-1 not examined: no answer"}},
	{"host of an earlier version", func(w *world) { *w.hosts["host-1"] = seen{err: dc.Errorf(dc.Unsupported, "no stream")} },
		[]string{"warning examined host-1 of a version that can't be"}},
	{"unknown host", func(w *world) { delete(w.hosts, "host-1") }, []string{"problem examined host-1 not examined"}},
	{"disconnected host", func(w *world) {
		h := w.objects["host-1"].(*dc.Host)
		h.Spec.Disconnected, h.Status.Connection = true, dc.NotResponding
		*w.hosts["host-1"] = seen{err: dc.Errorf(dc.Unavailable, "x")}
	}, []string{"warning examined host-1 somebody has disconnected it"}},
	{"half an answer", func(w *world) { w.hosts["host-1"].Unseen = []string{"process 3: denied"} }, []string{"problem examined host-1 process 3: denied"}},
}

func (w *world) task(id dc.ID) *dc.Task { return w.objects[id].(*dc.Task) }

func TestBroken(t *testing.T) {
	for _, test := range broken {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.spoil(w)
			var found []string
			for _, f := range w.findings() {
				found = append(found, fmt.Sprintf("%s %s %s %s", f.Severity, f.Promise, f.ID, f.Message))
				if f.Remedy == "" || f.Object == "" {
					t.Errorf("no remedy or object: %+v", f)
				}
			}
			left := slices.Clone(found)
			for _, want := range test.want {
				words := strings.SplitN(want, " ", 4)
				at := slices.IndexFunc(left, func(f string) bool {
					return strings.HasPrefix(f, strings.Join(words[:3], " ")+" ") && strings.Contains(f, words[3])
				})
				if at < 0 {
					t.Errorf("not found: %s", want)
				} else {
					left = slices.Delete(left, at, at+1)
				}
			}
			if len(left) > 0 {
				t.Errorf("found besides: %q", left)
			}
			if t.Failed() {
				t.Logf("found:\n%s", strings.Join(found, "\n"))
			}
		})
	}
}

// TestHealthy: nothing is found in a data center without a fault, and everything was looked at.
func TestHealthy(t *testing.T) {
	w := newWorld(t)
	w.hosts["host-2"].Processes[0].Agent = false
	c := w.look(nil)
	if !c.settled() {
		t.Error("another round would be needed")
	}
	for _, r := range c.results() {
		for _, f := range r.Findings {
			t.Errorf("found: %+v", f)
		}
		if r.Examined == 0 && r.Promise != Tombstones && r.Promise != Reads {
			t.Errorf("nothing was examined of %q", r.Promise)
		}
	}
}

// TestUnaskable: what is no fault, and yet unlike the healthy data center.
func TestUnaskable(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"QEMU of an earlier version": func(w *world) { w.process().Monitor = nil },
		"simulated host": func(w *world) {
			w.hosts["host-1"].Inspection = dc.Inspection{Simulated: true}
		},
		"machine that starts": func(w *world) {
			p := w.process()
			p.Monitor, p.Seccomp = nil, false
			w.record("vm-1").Starting = true
		},
		"machine that starts, unrecorded": func(w *world) {
			w.run("vm-2", "host-2", 300)
			p := &w.hosts["host-2"].Processes[1]
			p.Monitor, p.Seccomp = nil, false
			r := w.record("vm-2")
			r.On, r.ThisBoot, r.Power = false, false, dc.PoweredOff
			w.vm("vm-2").Spec.Power.Generation++
		},
		"task without a power request": func(w *world) { w.vm("vm-4").Spec.Power.Generation-- },
		"power request without a task": func(w *world) {
			delete(w.objects, "task-2")
			w.claim()
		},
		"agent hands a disk over": func(w *world) {
			w.hosts["host-2"].Processes = append(w.hosts["host-2"].Processes,
				dc.InspectedProcess{PID: 9, Agent: true, Disks: w.hosts["host-2"].Processes[0].Disks[:1]})
		},
		"machine that waits for its datastore": func(w *world) {
			w.vm("vm-1").Status.Paused = &dc.Failure{Message: "it does not run"}
			w.hosts["host-1"].Processes = nil
		},
		"record that waits for a full disk": func(w *world) {
			w.vm("vm-2").Status.Blocked = &dc.Failure{}
			w.record("vm-2").Power = dc.Suspended
		},
		"tombstone that is carried out": func(w *world) {
			vm := w.vm("vm-2")
			vm.Spec.Deleted, vm.Status.Files = true, dc.FilesRemoved
			w.record("vm-2").Assignment.Deleted = true
			w.folder("vm-2").Owner = ""
		},
		"tombstone of what is forgotten": func(w *world) {
			w.record("vm-2").Assignment.Deleted = true
			w.folder("vm-2").Owner = ""
			w.forget("vm-2")
		},
		"guest that sleeps": func(w *world) { w.process().Monitor.Status = "suspended" },
		"another program's QEMU": func(w *world) {
			w.hosts["host-1"].Processes = append(w.hosts["host-1"].Processes, dc.InspectedProcess{PID: 9, UUID: "x", Folder: "/home/joe/vm"})
		},
		"QEMU of another host on the same machine": func(w *world) {
			w.hosts["host-2"].Processes = append(w.hosts["host-2"].Processes, func() dc.InspectedProcess {
				p := *w.process()
				p.Disks = nil // which are not this host's
				return p
			}())
		},
		"reader of a disk": func(w *world) {
			w.hosts["host-1"].Processes = append(w.hosts["host-1"].Processes,
				dc.InspectedProcess{PID: 9, Name: "cp", Disks: []dc.InspectedFile{{Path: "/x", File: "vm-1/2000"}}})
		},
		"disk that is open twice": func(w *world) {
			w.process().Disks = append(w.process().Disks, dc.InspectedFile{Path: "/x", File: "vm-1/2000", Writable: true})
		},
		"folder of somebody else": func(w *world) {
			w.store("vm-1").Folders = append(w.store("vm-1").Folders, dc.InspectedFolder{Name: "iso"})
		},
		"machine without a host": func(w *world) {
			vm := *w.vm("vm-2")
			vm.ID, vm.Name, vm.Spec.Host, vm.Spec.Datastore, vm.Spec.Folder = "vm-9", "soon", "", "", ""
			vm.Spec.Hardware.NICs, vm.Status = nil, dc.VirtualMachineStatus{Outcome: vm.Status.Outcome}
			w.put(&vm)
			w.claim()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			change(w)
			for _, f := range w.findings() {
				t.Errorf("found: %s %s: %s", f.Promise, f.Object, f.Message)
			}
		})
	}
}

// TestEveryPromiseIsBroken: no promise is without an example that breaks it.
func TestEveryPromiseIsBroken(t *testing.T) {
	for _, p := range promises {
		if p.promise == Reads {
			continue // reads_test.go
		}
		if !slices.ContainsFunc(broken, func(b example) bool {
			return slices.ContainsFunc(b.want, func(w string) bool { return strings.Fields(w)[1] == string(p.promise) })
		}) {
			t.Errorf("nothing breaks %q", p.promise)
		}
	}
}

// TestRounds: what may pass counts only if it stays, with its object as it is; what is certain counts at once.
func TestRounds(t *testing.T) {
	w := newWorld(t)
	count := func(c *collector) int { return len(findingsOf(c)) }
	w.process().Monitor.CPUs = 1
	c := w.look(nil)
	if count(c) != 0 || c.settled() {
		t.Fatalf("after one round %d findings count, and it is settled: %v", count(c), c.settled())
	}
	c = w.look(c)
	w.process().Monitor.CPUs = 2 // it has passed
	if c = w.look(c); count(c) != 0 || !c.settled() {
		t.Fatalf("of what has passed %d findings count, and it is settled: %v", count(c), c.settled())
	}
	w.process().Monitor.CPUs = 1
	c = w.look(w.look(c))
	w.process().Monitor.CPUs = 3 // something else is wrong now
	if c = w.look(c); count(c) != 0 || c.settled() {
		t.Fatalf("of what is new %d findings count, and it is settled: %v", count(c), c.settled())
	}
	if c = w.look(w.look(c)); count(c) != 1 || !c.settled() {
		t.Fatalf("of what stays %d findings count, and it is settled: %v", count(c), c.settled())
	}
	w.process().Monitor.CPUs = 1
	for range 2 * enough {
		w.revision++ // its object changes all the time
		if c = w.look(c); count(c) != 0 || c.settled() {
			t.Fatalf("of an object that changes %d findings count, and it is settled: %v", count(c), c.settled())
		}
	}
	delete(w.claims, "mac/52:54:00:00:00:02")
	w.process().Monitor.CPUs = 2
	if c = w.look(nil); count(c) != 1 || !c.settled() {
		t.Fatalf("of what is certain %d findings count, and it is settled: %v", count(c), c.settled())
	}
}
