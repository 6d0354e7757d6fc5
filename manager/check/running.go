package check

import (
	"fmt"
	"hash/fnv"
	"slices"

	"hanok/dc"
)

// checkExecution checks that what executes a machine is what should.
func checkExecution(p *picture, c *collector, vm *dc.VirtualMachine) {
	s := subjectOf(vm)
	var here []process
	for _, proc := range p.processes[vm.ID] {
		if proc.host == vm.Spec.Host {
			here = append(here, proc)
			continue
		}
		c.problem(Executions, s, "power off the one that is not wanted, from inside its guest if it writes to disks, before anything else",
			"process %d on %s executes it, and it belongs on %s", proc.PID, p.subject(dc.ID(proc.host)).object, p.subject(dc.ID(vm.Spec.Host)).object)
	}
	if len(here) > 1 {
		c.problem(Executions, s, "end the one that its host has no record of, at once: both may write to its disks",
			"processes %d and %d both execute it", here[0].PID, here[1].PID)
	}
	for _, proc := range here {
		checkMonitor(p, c, vm, proc)
	}
	if p.answered(vm.Spec.Host) == nil {
		return
	}
	if c.examined[Executions]++; p.moving(vm) {
		return
	}
	on := vm.Status.Power == dc.PoweredOn
	switch {
	case on && len(here) == 0 && vm.Status.Paused == nil:
		c.problem(Executions, s, "see its host's log; power it off and on again", "it is powered on, and no process executes it")
	case !on && len(here) > 0:
		c.problem(Executions, s, "see its host's log; end the process if the machine is to be off",
			"it is %q, and process %d executes it", vm.Status.Power, here[0].PID)
	}
}

// checkMonitor compares what a machine's QEMU says with what is known.
func checkMonitor(p *picture, c *collector, vm *dc.VirtualMachine, proc process) {
	s := subjectOf(vm)
	m := proc.Monitor
	switch {
	case proc.MonitorFailure != "":
		c.problem(Power, s, "see its log; if its guest does not answer either, power it off and on again",
			"its QEMU process %d does not answer: %s", proc.PID, proc.MonitorFailure)
		return
	case m == nil:
		c.notes[Hardware] = "some can't be asked: an earlier version started them, and they can be after their next power-on"
		return
	}
	c.examined[Hardware]++
	h := vm.Spec.Hardware
	const remedy = "power it off and on again"
	differ := func(what string, found, want any) {
		c.problem(Hardware, s, remedy, "its guest has %s %v instead of %v", what, found, want)
	}
	if proc.UUID != h.UUID || m.UUID != h.UUID {
		differ("the UUID", fmt.Sprintf("%s (%s)", m.UUID, proc.UUID), h.UUID)
	}
	if m.CPUs != h.CPUs {
		differ("CPUs:", m.CPUs, h.CPUs)
	}
	if m.MemoryBytes != h.MemoryMB<<20 {
		differ("bytes of memory:", m.MemoryBytes, h.MemoryMB<<20)
	}
	if found, want := drivesOf(m), wantedDrives(h); !slices.Equal(found, want) {
		differ("the disks", found, want)
	}
	if p.moving(vm) || vm.Status.Power != dc.PoweredOn {
		return
	}
	// The guest's own sleep is "suspended".
	if runs := m.Status == "running" || m.Status == "suspended"; runs != (vm.Status.Paused == nil) {
		c.problem(Power, s, "see its log; reset it", "its status says that its CPUs run: %v, and its QEMU says %q", vm.Status.Paused == nil, m.Status)
	}
}

func drivesOf(m *dc.InspectedMonitor) []string {
	var all []string
	for _, d := range m.Disks {
		all = append(all, drive(d.Device, d.CapacityBytes, d.ReadOnly))
	}
	slices.Sort(all)
	return all
}

func wantedDrives(h dc.Hardware) []string {
	var all []string
	for _, d := range h.Disks {
		all = append(all, drive(fmt.Sprintf("disk%d", d.Key), d.CapacityBytes, false))
	}
	slices.Sort(all)
	return all
}

func drive(name string, bytes int64, readOnly bool) string {
	if readOnly {
		return fmt.Sprintf("%s of %d bytes, read-only", name, bytes)
	}
	return fmt.Sprintf("%s of %d bytes", name, bytes)
}

// checkRights checks the rights of the processes that execute the machines of a host.
func checkRights(p *picture, c *collector, host dc.HostID, h *seen) {
	for i := range h.Processes {
		proc := process{host, &h.Processes[i]}
		vm := h.machines[proc.PID]
		if vm == nil || starting(p, vm.ID, proc) {
			continue
		}
		c.examined[Rights]++
		bad := func(format string, args ...any) {
			c.problem(Rights, subjectOf(vm), "power it off: a guest that breaks out of it is not held back; see how it was started",
				"its process %d "+format, append([]any{proc.PID}, args...)...)
		}
		user := userOf(vm.ID)
		if at := slices.IndexFunc(proc.Users, func(u uint32) bool { return u != user }); at >= 0 {
			bad("runs as the user %d and not as %d", proc.Users[at], user)
		}
		if proc.Capabilities {
			bad("has capabilities")
		}
		if !proc.Seccomp {
			bad("has no filter of system calls")
		}
	}
}

// starting reports whether a process is that of a machine that is just getting power: QEMU turns its filter on late.
func starting(p *picture, vm dc.VirtualMachineID, proc process) bool {
	if proc.Monitor != nil {
		return false // it is ready
	}
	return slices.ContainsFunc(p.records[vm], func(r record) bool { return r.host == proc.host && (r.Starting || !r.On) })
}

// userOf returns the user that a machine's process runs as: one of a hundred million from 2,000,000,000 on, by the FNV-1a hash
// of its ID.
func userOf(vm dc.VirtualMachineID) uint32 {
	h := fnv.New32a()
	h.Write([]byte(vm))
	return 2_000_000_000 + h.Sum32()%100_000_000
}

// writer is a process that has a disk open for writing.
type writer struct {
	*dc.InspectedProcess
	dc.InspectedFile
	// machine is what it executes, or nil.
	machine *dc.VirtualMachine
}

// checkWriters checks who on a host has disks open for writing. It holds for machines that are being worked on, too.
func checkWriters(p *picture, c *collector, h *seen) {
	owners := map[string]dc.VirtualMachineID{} // of disks, by their files
	for _, ds := range h.Datastores {
		for _, f := range ds.Folders {
			for _, d := range f.Disks {
				if d.File != "" {
					owners[d.File] = f.Owner
					c.examined[Writers]++
				}
			}
		}
	}
	writers := map[string][]writer{}
	for i := range h.Processes {
		proc := &h.Processes[i]
		seen := map[string]int{} // a process may have a file open more than once
		for _, f := range proc.Disks {
			if !f.Writable {
				continue
			}
			all := writers[f.File]
			if at, ok := seen[f.File]; ok {
				all[at].Locked = all[at].Locked || f.Locked
				continue
			}
			seen[f.File] = len(all)
			writers[f.File] = append(all, writer{proc, f, h.machines[proc.PID]})
		}
	}
	for file, all := range writers {
		p.checkDisk(c, owners[file], all)
	}
}

// checkDisk checks the writers of one disk of owner, which is "" for one that no folder has.
func (p *picture) checkDisk(c *collector, owner dc.VirtualMachineID, all []writer) {
	slices.SortFunc(all, func(a, b writer) int { return a.PID - b.PID })
	vm, known := get[*dc.VirtualMachine](p.inventory, dc.ID(owner))
	var own []writer
	for _, w := range all {
		if known && w.machine == vm {
			own = append(own, w)
		}
		switch {
		case w.Agent && (!known || p.moving(vm)):
			// it hands the disk over
		case w.Deleted && w.machine != nil:
			c.problem(Files, subjectOf(w.machine), "copy what matters out of the guest now: the disk is gone when it ends",
				"the file %s of its disk was removed while process %d uses it", w.Path, w.PID)
		case !known:
			// of no machine in the inventory: see the orphans
		case w.machine != vm:
			c.problem(Writers, subjectOf(vm), fmt.Sprintf("end process %d before the machine is used any more, then check the guest's file systems", w.PID),
				"process %d (%s), which does not execute it, has its disk %s open for writing", w.PID, w.Name, w.Path)
		case !w.Locked:
			c.problem(Writers, subjectOf(vm), "power it off and on again, so that nobody else may open the disk",
				"its process %d writes to %s without a lock", w.PID, w.Path)
		}
	}
	if len(own) > 1 {
		c.problem(Writers, subjectOf(vm), "end the one that its host has no record of, at once, then check the guest's file systems",
			"processes %d and %d both have its disk %s open for writing", own[0].PID, own[1].PID, own[0].Path)
	}
}
