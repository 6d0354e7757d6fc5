package check

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"hanok/dc"
)

// seen is what one host has answered.
type seen struct {
	dc.Inspection
	// err says why it has not answered.
	err error
	// machines are what its processes execute, by their numbers, where the inventory knows it.
	machines map[int]*dc.VirtualMachine
}

// picture is what all hosts have answered, ordered by the machines that it is about.
type picture struct {
	*inventory
	hosts map[dc.HostID]*seen
	// processes, folders and records are those of each machine of the inventory, wherever they are.
	processes map[dc.VirtualMachineID][]process
	folders   map[dc.VirtualMachineID][]folder
	records   map[dc.VirtualMachineID][]record
	// stores are the datastores of each host, by the inventory.
	stores map[dc.HostID][]*dc.Datastore
	// strangers are the machines that hosts have and the inventory does not.
	strangers map[stranger][]string
}

type (
	process struct {
		host dc.HostID
		*dc.InspectedProcess
	}
	folder struct {
		host  dc.HostID
		store *dc.InspectedDatastore
		*dc.InspectedFolder
	}
	record struct {
		host dc.HostID
		*dc.InspectedRecord
	}
	// stranger is a machine on a host, which has an ID or else a folder.
	stranger struct {
		host    dc.HostID
		machine string
	}
)

// newPicture joins what hosts have answered to the inventory.
func newPicture(inv *inventory, hosts map[dc.HostID]*seen) *picture {
	p := &picture{inventory: inv, hosts: hosts, processes: map[dc.VirtualMachineID][]process{},
		folders: map[dc.VirtualMachineID][]folder{}, records: map[dc.VirtualMachineID][]record{},
		stores: map[dc.HostID][]*dc.Datastore{}, strangers: map[stranger][]string{}}
	each(inv, func(ds *dc.Datastore) {
		for _, host := range ds.Spec.Hosts() {
			p.stores[host] = append(p.stores[host], ds)
		}
	})
	byUUID := map[string][]*dc.VirtualMachine{}
	each(inv, func(vm *dc.VirtualMachine) {
		uuid := vm.Spec.Hardware.UUID
		byUUID[uuid] = append(byUUID[uuid], vm)
	})
	for _, id := range slices.Sorted(maps.Keys(hosts)) {
		h := hosts[id]
		h.machines = map[int]*dc.VirtualMachine{}
		owners := p.addFolders(id, h)
		p.addRecords(id, h)
		for i := range h.Processes {
			p.addProcess(id, h, &h.Processes[i], byUUID, owners)
		}
	}
	return p
}

// addFolders returns the machines whose configuration is in each folder, by the folder's path.
func (p *picture) addFolders(id dc.HostID, h *seen) map[string]dc.VirtualMachineID {
	owners := map[string]dc.VirtualMachineID{}
	for i := range h.Datastores {
		ds := &h.Datastores[i]
		for j := range ds.Folders {
			f := &ds.Folders[j]
			at := path.Join(ds.Path, f.Name)
			if _, twice := owners[at]; twice || f.Owner == "" {
				continue // two datastores may be one folder
			}
			owners[at] = f.Owner
			if _, ok := get[*dc.VirtualMachine](p.inventory, dc.ID(f.Owner)); ok {
				p.folders[f.Owner] = append(p.folders[f.Owner], folder{id, ds, f})
			} else {
				p.strange(id, string(f.Owner), "its folder is %s", at)
			}
		}
	}
	return owners
}

func (p *picture) addRecords(id dc.HostID, h *seen) {
	for i := range h.Records {
		r := &h.Records[i]
		vm := dc.VirtualMachineID(r.File)
		_, ok := get[*dc.VirtualMachine](p.inventory, dc.ID(vm))
		switch {
		case ok:
			p.records[vm] = append(p.records[vm], record{id, r})
		case r.Failure == "" && !r.Assignment.Deleted:
			p.strange(id, r.File, "the host has a record of it as %q", r.Assignment.Machine.Name)
		}
	}
}

// addProcess finds out whose machine a process executes: by the UUID, and by the folder where that is not enough. A process
// with neither a folder nor a disk of this host is none of its own, but of another program on the same machine.
func (p *picture) addProcess(id dc.HostID, h *seen, proc *dc.InspectedProcess, byUUID map[string][]*dc.VirtualMachine,
	owners map[string]dc.VirtualMachineID) {
	if proc.UUID == "" {
		return
	}
	ours := slices.ContainsFunc(h.Datastores, func(ds dc.InspectedDatastore) bool { return strings.HasPrefix(proc.Folder, ds.Path+"/") })
	execute := func(vm *dc.VirtualMachine) {
		h.machines[proc.PID] = vm
		p.processes[vm.ID] = append(p.processes[vm.ID], process{id, proc})
	}
	machines := byUUID[proc.UUID]
	at := slices.IndexFunc(machines, func(vm *dc.VirtualMachine) bool { return p.isFolder(vm, id, proc.Folder) })
	switch {
	case at >= 0:
		execute(machines[at])
	case !ours && len(proc.Disks) == 0:
	case len(machines) > 0:
		execute(machines[0])
	case owners[proc.Folder] != "":
		owner := owners[proc.Folder]
		if vm, ok := get[*dc.VirtualMachine](p.inventory, dc.ID(owner)); ok {
			execute(vm)
		} else {
			p.strange(id, string(owner), "process %d executes it", proc.PID)
		}
	default:
		p.strange(id, proc.Folder, "process %d executes it", proc.PID)
	}
}

func (p *picture) strange(host dc.HostID, machine, format string, args ...any) {
	s := stranger{host, machine}
	p.strangers[s] = append(p.strangers[s], fmt.Sprintf(format, args...))
}

// isFolder reports whether the path is where the machine has its files, by the inventory.
func (p *picture) isFolder(vm *dc.VirtualMachine, host dc.HostID, at string) bool {
	ds, ok := get[*dc.Datastore](p.inventory, dc.ID(vm.Spec.Datastore))
	return ok && vm.Spec.Host == host && at == path.Join(ds.Spec.Path, vm.Spec.Folder)
}

// answered returns what a host has answered, or nil where it has not or executes nothing.
func (p *picture) answered(id dc.HostID) *seen {
	if h := p.hosts[id]; h != nil && h.err == nil && !h.Simulated {
		return h
	}
	return nil
}

// checkHosts checks what the hosts promise.
func checkHosts(p *picture, c *collector) {
	checkAnswers(p, c)
	each(p.inventory, func(vm *dc.VirtualMachine) {
		checkExecution(p, c, vm)
		if p.answered(vm.Spec.Host) == nil {
			return
		}
		checkFiles(p, c, vm)
		checkRecords(p, c, vm)
	})
	for _, id := range slices.Sorted(maps.Keys(p.hosts)) {
		if h := p.answered(id); h != nil {
			checkRights(p, c, id, h)
			checkWriters(p, c, h)
			checkDatastores(p, c, id)
		}
	}
	checkStrangers(p, c)
}

// checkAnswers says which hosts, and what on them, could not be examined.
func checkAnswers(p *picture, c *collector) {
	simulated := 0
	each(p.inventory, func(h *dc.Host) {
		answer := p.hosts[dc.HostID(h.ID)]
		switch {
		case h.Connection() == dc.Disconnected:
			c.warning(Examined, subjectOf(h), "connect it again: hanok host reconnect "+h.Name, "not examined: somebody has disconnected it")
		case answer != nil && dc.KindOf(answer.err) == dc.Unsupported:
			c.warning(Examined, subjectOf(h), "upgrade it, then examine again", "not examined: its agent is of a version that can't be")
		case answer == nil || answer.err != nil:
			why := "it is not connected"
			if answer != nil {
				why = dc.FailureOf(answer.err).Message
			}
			c.certain(Examined, subjectOf(h), "see that it is on, runs its agent and reaches the manager, then examine again",
				"not examined: %s", why)
		case answer.Simulated:
			simulated++
		default:
			c.examined[Examined]++
			for _, what := range answer.Unseen {
				c.problem(Examined, subjectOf(h), "see that the agent runs as root and that /proc is mounted", "not examined: %s", what)
			}
		}
	})
	if simulated > 0 {
		c.notes[Examined] = fmt.Sprintf("%d more are simulated and execute nothing", simulated)
	}
}

func checkStrangers(p *picture, c *collector) {
	for s, found := range p.strangers {
		c.examined[Orphans]++
		slices.Sort(found)
		h := p.subject(dc.ID(s.host))
		c.warning(Orphans, h, fmt.Sprintf("take it into the inventory with \"hanok vm adopt %s\", or remove it from the host by hand", s.machine),
			"it has a virtual machine %s that the inventory does not know: %s", s.machine, strings.Join(found, "; "))
	}
	for _, all := range p.folders {
		c.examined[Orphans] += len(all)
	}
}
