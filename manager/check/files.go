package check

import (
	"path"
	"slices"
	"strings"

	"hanok/dc"
)

const missingFiles = "restore its folder from a backup, or delete the machine"

// checkFiles compares a machine's folder with what it should be.
func checkFiles(p *picture, c *collector, vm *dc.VirtualMachine) {
	s := subjectOf(vm)
	ds, ok := get[*dc.Datastore](p.inventory, dc.ID(vm.Spec.Datastore))
	if !ok {
		return
	}
	at := path.Join(ds.Spec.Path, vm.Spec.Folder)
	own := false
	for _, f := range p.folders[vm.ID] {
		if f.host == vm.Spec.Host && path.Join(f.store.Path, f.Name) == at {
			own = true
			continue
		}
		c.warning(Files, s, "remove the copy, or the line hanok.id from its configuration",
			"a second folder says that it is the machine's: %s on %s", path.Join(f.store.Path, f.Name), p.subject(dc.ID(f.host)).object)
	}
	if vm.Status.Files == dc.FilesRemoved {
		c.examined[Tombstones]++
		if own {
			c.problem(Tombstones, s, "see its host's log, and remove the folder by hand", "its files were removed, and its folder %s is there", at)
		}
		return
	}
	if vm.Status.Files != dc.FilesReady || p.moving(vm) || vm.Spec.Deleted {
		return
	}
	store := p.store(vm.Spec.Host, ds)
	if store == nil || store.Failure != "" {
		return // said of the datastore
	}
	c.examined[Files]++
	i := slices.IndexFunc(store.Folders, func(f dc.InspectedFolder) bool { return f.Name == vm.Spec.Folder })
	if i < 0 {
		c.problem(Files, s, missingFiles, "its folder %s is not there", at)
		return
	}
	f := &store.Folders[i]
	switch {
	case f.Failure != "":
		c.problem(Files, s, "mend what is said", "its folder %s can't be read: %s", at, f.Failure)
	case f.Owner == "":
		c.problem(Files, s, missingFiles, "there is no configuration of it in its folder %s", at)
	case f.Owner != vm.ID:
		c.problem(Files, s, missingFiles, "its folder %s is that of the virtual machine %s", at, f.Owner)
	default:
		for _, d := range vm.Spec.Hardware.Disks {
			checkDiskFile(c, s, ds.Spec.Path, store.Folders, d)
		}
		checkMemory(c, vm, at, f)
	}
}

// checkMemory checks that a machine's memory is on its datastore if and only if it is suspended. One that has been on since would
// wake up with a memory that knows other disks.
func checkMemory(c *collector, vm *dc.VirtualMachine, at string, f *dc.InspectedFolder) {
	switch suspended := vm.Status.Power == dc.Suspended; {
	case suspended && f.Memory == "":
		c.problem(Files, subjectOf(vm), "power it off and on: what was in its memory is lost", "it is suspended, and its memory is not in %s", at)
	case !suspended && f.Memory != "":
		c.problem(Files, subjectOf(vm), "remove the file before the machine is powered on the next time",
			"it is %q, and the memory of a suspension is there: %s", vm.Status.Power, path.Join(at, f.Memory))
	}
}

// store returns what the host has seen of a datastore, or nil.
func (p *picture) store(host dc.HostID, ds *dc.Datastore) *dc.InspectedDatastore {
	h := p.answered(host)
	if h == nil {
		return nil
	}
	i := slices.IndexFunc(h.Datastores, func(d dc.InspectedDatastore) bool { return d.ID == ds.ID })
	if i < 0 {
		return nil
	}
	return &h.Datastores[i]
}

// checkDiskFile checks one disk, which may be in another folder of the datastore at the path. Hosts look into the folders directly on it.
func checkDiskFile(c *collector, s subject, datastore string, folders []dc.InspectedFolder, d dc.Disk) {
	at := path.Join(datastore, path.Dir(d.File))
	if strings.Contains(path.Dir(d.File), "/") {
		c.notes[Files] = "disks in folders of folders were not looked at"
		return
	}
	f := dc.InspectedFolder{}
	if i := slices.IndexFunc(folders, func(f dc.InspectedFolder) bool { return f.Name == path.Dir(d.File) }); i >= 0 {
		f = folders[i]
	}
	name := strings.TrimSuffix(path.Base(d.File), ".vmdk")
	const remedy = "restore the file from a backup, or delete the machine"
	i := slices.IndexFunc(f.Disks, func(found dc.InspectedDisk) bool { return found.Name == name+".vmdk" })
	if i < 0 {
		c.problem(Files, s, remedy, "its disk %s is not there", path.Join(at, name+".vmdk"))
		return
	}
	found := f.Disks[i]
	where := path.Join(at, found.Name)
	switch {
	case found.Failure != "":
		c.problem(Files, s, remedy, "its disk %s can't be used: %s", where, found.Failure)
	case found.Extent != name+"-flat.vmdk":
		c.problem(Files, s, remedy, "its disk %s leads to another file: %s", where, found.Extent)
	case found.ExtentBytes < 0:
		c.problem(Files, s, remedy, "the file %s of its disk is not there", path.Join(at, found.Extent))
	case found.CapacityBytes != d.CapacityBytes || found.ExtentBytes != d.CapacityBytes:
		c.problem(Files, s, remedy, "its disk %s has %d bytes, by its descriptor %d, and by the inventory %d", where, found.ExtentBytes,
			found.CapacityBytes, d.CapacityBytes)
	}
}

// checkDatastores compares the datastores of a host with what the host has of them.
func checkDatastores(p *picture, c *collector, host dc.HostID) {
	for _, ds := range p.stores[host] {
		c.examined[Records]++
		found := p.store(host, ds)
		switch {
		case found == nil:
			c.problem(Records, subjectOf(ds), "restart the agent of its host", "its host has no record of it")
		case found.Path != ds.Spec.Path:
			c.problem(Records, subjectOf(ds), "restart the agent of its host", "its host has it at %s, and it is at %s", found.Path, ds.Spec.Path)
		case found.Failure != "" && ds.Status.Accessible:
			c.problem(Files, subjectOf(ds), "see that its folder is there, is mounted and can be read", "it can't be read: %s", found.Failure)
		}
	}
}

// checkRecords compares what a machine's host, and every other one, has written down of it.
func checkRecords(p *picture, c *collector, vm *dc.VirtualMachine) {
	s := subjectOf(vm)
	const remedy = "see the host's log; restart its agent"
	found := false
	for _, r := range p.records[vm.ID] {
		c.examined[Records]++
		if r.host != vm.Spec.Host {
			c.problem(Records, s, "see on which of the two its newest files are, before it gets power",
				"%s has a record of it, too, and it belongs on %s", p.subject(dc.ID(r.host)).object, p.subject(dc.ID(vm.Spec.Host)).object)
			continue
		}
		found = true
		bad := func(format string, args ...any) { c.problem(Records, s, remedy, format, args...) }
		if r.Failure != "" {
			bad("the host's record of it can't be read: %s", r.Failure)
			continue
		}
		a := r.Assignment
		switch {
		case a.Revision > p.assigned(vm):
			bad("the host knows it at the revision %d, and the store at %d", a.Revision, p.assigned(vm))
		case a.Deleted && !vm.Spec.Deleted:
			bad("the host has orders to delete it, and the inventory has not given them")
		case r.Outcome.Generation > a.Power.Generation || r.Begun > a.Power.Generation:
			bad("the host has begun the power operation %d and finished %d, and was asked for %d", r.Begun, r.Outcome.Generation, a.Power.Generation)
		}
		if !p.moving(vm) && !vm.Spec.Deleted && vm.Status.Blocked == nil {
			compareStatus(c, s, vm, r)
			p.compareProcess(c, vm, r)
		}
	}
	if !found && !vm.Spec.Deleted && !p.moving(vm) && vm.Status.Files == dc.FilesReady {
		c.problem(Records, s, remedy, "its host has no record of it")
	}
}

// assigned returns the revision at which the machine's host is to know it: see dc.AssignmentOf.
func (p *picture) assigned(vm *dc.VirtualMachine) int64 {
	revision, id := vm.Revision, dc.ID(vm.Spec.Pool)
	for range dc.MaxPoolDepth + 1 {
		pool, ok := p.objects[id].(*dc.ResourcePool)
		if !ok || pool.Root() {
			break
		}
		revision, id = max(revision, pool.Revision), pool.Parent
	}
	return revision
}

// compareStatus compares a record with what its host has reported.
func compareStatus(c *collector, s subject, vm *dc.VirtualMachine, r record) {
	power := r.Power
	if r.On {
		power = dc.PoweredOn
	}
	const remedy = "see the host's log; restart its agent"
	if power != vm.Status.Power {
		c.problem(Records, s, remedy, "the host has written down that it is %q, and has reported %q", power, vm.Status.Power)
	}
	if r.Outcome.Generation != vm.Status.Outcome.Generation {
		c.problem(Records, s, remedy, "the host has written down that the power operation %d is finished, and has reported %d",
			r.Outcome.Generation, vm.Status.Outcome.Generation)
	}
	if vm.Status.Files == dc.FilesReady && r.Files != dc.FilesReady {
		c.problem(Records, s, remedy, "the host has not written down that its files are ready")
	}
}

// compareProcess compares a record with the process that executes the machine.
func (p *picture) compareProcess(c *collector, vm *dc.VirtualMachine, r record) {
	for _, proc := range p.processes[vm.ID] {
		if proc.host == r.host && r.On && (!r.ThisBoot || proc.PID != r.PID || proc.Start != r.Start) {
			c.problem(Records, subjectOf(vm), "see the host's log: the agent watches another process than the machine's",
				"process %d executes it, and its host has written down %d", proc.PID, r.PID)
		}
	}
}
