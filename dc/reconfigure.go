package dc

import (
	"fmt"
	"slices"
)

// CheckReconfigure returns nil where a machine in the power state may have its hardware changed from old to h, else an error that says
// what can't be changed, or not now: kind Invalid for what CheckHardware and CheckGuest refuse, and for what never changes; WrongState for what needs
// another power state, with what to do. It names no object.
func CheckReconfigure(old, h Hardware, power PowerState) error {
	if err := CheckHardware(h); err != nil {
		return err
	}
	if err := CheckGuest(h); err != nil && CheckGuest(old) == nil {
		return err
	}
	if h.GuestID != old.GuestID {
		if err := CheckGuestID(h.GuestID); err != nil {
			return err
		}
		if err := CheckGuestVersion(h.GuestID, h.Version); err != nil {
			return err
		}
	}
	if err := checkConstant(old, h); err != nil {
		return err
	}
	switch power {
	case PoweredOn:
		return checkHotChange(old, h)
	case Suspended:
		return &Error{Kind: WrongState, Message: "it is suspended, with the hardware that it has", Remedy: "power it on, or off, first"}
	}
	return nil
}

// checkConstant refuses changes of what a machine keeps for ever.
func checkConstant(old, h Hardware) error {
	switch {
	case h.UUID != old.UUID:
		return badField("uuid", "it never changes", "give "+old.UUID)
	case h.InstanceUUID != old.InstanceUUID:
		return badField("instanceUuid", "it never changes", "give "+old.InstanceUUID)
	case h.RootPorts != old.RootPorts:
		return badField("rootPorts", "it never changes", fmt.Sprintf("give %v", old.RootPorts))
	case !slices.Equal(h.NICSlots, old.NICSlots):
		return badField("nicSlots", "they never change", fmt.Sprintf("give %v", old.NICSlots))
	case h.Version != old.Version:
		return badField("version", "it can't be changed with other hardware", fmt.Sprintf("give %d", old.Version))
	}
	for i, d := range h.Disks {
		field := func(name string) string { return fmt.Sprintf("disks[%d].%s", i, name) }
		before, found := old.disk(d.Key)
		switch {
		case !found && slices.ContainsFunc(old.Disks, func(o Disk) bool { return o.File == d.File }):
			return badField(field("file"), fmt.Sprintf("%q is another disk's", d.File), "leave it out: a new disk gets a new file")
		case !found && d.Image != "":
			return badField(field("image"), "a disk that is added starts empty", "leave it out")
		case !found:
		case d.File != before.File:
			return badField(field("file"), fmt.Sprintf("%q is not its file", d.File), fmt.Sprintf("give %q", before.File))
		case d.CapacityBytes < before.CapacityBytes:
			return badField(field("capacityBytes"), fmt.Sprintf("%d is less than it has: a disk never shrinks", d.CapacityBytes),
				fmt.Sprintf("give %d or more", before.CapacityBytes))
		case d.Image != before.Image:
			return badField(field("image"), "it says what the disk started as", fmt.Sprintf("give %q", before.Image))
		case d.Provisioning != before.Provisioning:
			return badField(field("provisioning"), fmt.Sprintf("the disk is %s", before.Provisioning), fmt.Sprintf("give %q", before.Provisioning))
		}
	}
	return nil
}

// checkHotChange refuses changes that a machine with power does not take.
func checkHotChange(old, h Hardware) error {
	cold := func(field, why string) error {
		return &Error{Kind: WrongState, Message: field + ": " + why, Remedy: "power it off first"}
	}
	const fixed = "it can't be changed while the machine has power"
	switch {
	case h.GuestID != old.GuestID:
		return cold("guestId", fixed)
	case h.Firmware != old.Firmware:
		return cold("firmware", fixed)
	case h.CoresPerSocket != old.CoresPerSocket:
		return cold("coresPerSocket", fixed)
	case h.CPUHotAdd != old.CPUHotAdd || h.CPUHotRemove != old.CPUHotRemove || h.MemoryHotAdd != old.MemoryHotAdd:
		return cold("cpuHotAdd, cpuHotRemove, memoryHotAdd", "they can't be changed while the machine has power")
	case h.CPUs > old.CPUs && !old.CPUHotAdd:
		return cold("cpus", "hot-add of CPUs is not enabled")
	case h.CPUs < old.CPUs && !old.CPUHotRemove:
		return cold("cpus", "hot-remove of CPUs is not enabled")
	case h.MemoryMB > old.MemoryMB && !old.MemoryHotAdd:
		return cold("memoryMB", "hot-add of memory is not enabled")
	case h.MemoryMB < old.MemoryMB:
		return cold("memoryMB", "no memory is taken from a machine with power")
	case (h.MemoryMB-old.MemoryMB)%HotMemoryStepMB != 0:
		return cold("memoryMB", fmt.Sprintf("it grows by multiples of %d MB while the machine has power", HotMemoryStepMB))
	case !slices.Equal(old.fixedControllers(), h.fixedControllers()):
		return cold("controllers", fixed)
	case !slices.Equal(h.SerialPorts, old.SerialPorts):
		return cold("serialPorts", fixed)
	case h.Video != old.Video:
		return cold("video", fixed)
	case h.TPM != old.TPM:
		return cold("tpm", fixed)
	case (h.Watchdog == nil) != (old.Watchdog == nil) || h.Watchdog != nil && *h.Watchdog != *old.Watchdog:
		return cold("watchdog", fixed)
	case !slices.EqualFunc(h.Drives, old.Drives, sameDrive):
		return cold("drives", "none is added or removed while the machine has power; its media may change")
	}
	for i, d := range h.Disks {
		if before, found := old.disk(d.Key); found && d.Mode != before.Mode {
			return cold(fmt.Sprintf("disks[%d].mode", i), fixed)
		}
	}
	if !old.RootPorts && !slices.EqualFunc(h.NICs, old.NICs, func(a, b NIC) bool { return a.Key == b.Key }) {
		return cold("nics", "none comes or goes with power in a machine that was made by an older version")
	}
	for i, n := range h.NICs {
		before := slices.IndexFunc(old.NICs, func(o NIC) bool { return o.Key == n.Key })
		if before >= 0 && (n.Type != old.NICs[before].Type || n.MAC != old.NICs[before].MAC) {
			return cold(fmt.Sprintf("nics[%d]", i), "its type and address can't be changed while the machine has power")
		}
	}
	return nil
}

// fixedControllers are the controllers that neither come nor go while the machine has power: all but SCSI controllers behind root ports.
func (h Hardware) fixedControllers() []Controller {
	if !h.RootPorts {
		return h.Controllers
	}
	return slices.DeleteFunc(slices.Clone(h.Controllers), func(c Controller) bool { return controllerTypes[c.Type].first == FirstSCSIKey })
}

// sameDrive reports whether both are one drive, whatever lies in it and whether the guest is shown it.
func sameDrive(a, b Drive) bool {
	a.Media, a.Connected, a.StartDisconnected = b.Media, b.Connected, b.StartDisconnected
	return a == b
}

// disk returns the disk with the key.
func (h Hardware) disk(key int32) (Disk, bool) {
	i := slices.IndexFunc(h.Disks, func(d Disk) bool { return d.Key == key })
	if i < 0 {
		return Disk{}, false
	}
	return h.Disks[i], true
}

// KeepGrowth returns h with the capacities of those disks that are larger in other: their files may be, and no file is cut off.
func (h Hardware) KeepGrowth(other Hardware) Hardware {
	h.Disks = slices.Clone(h.Disks)
	for i := range h.Disks {
		if d, found := other.disk(h.Disks[i].Key); found && d.File == h.Disks[i].File {
			h.Disks[i].CapacityBytes = max(h.Disks[i].CapacityBytes, d.CapacityBytes)
		}
	}
	return h
}

// NewFiles returns the descriptors of the disks of h that other does not have and that were made for h: what was there before is not
// among them.
func (h Hardware) NewFiles(other Hardware) []string {
	h.Disks = slices.DeleteFunc(slices.Clone(h.Disks), func(d Disk) bool { return d.Attached })
	return h.RemovedDisks(other)
}

// RemovedDisks returns the descriptors of the disks of h that other does not have.
func (h Hardware) RemovedDisks(other Hardware) []string {
	var files []string
	for _, d := range h.Disks {
		if !slices.ContainsFunc(other.Disks, func(o Disk) bool { return o.File == d.File }) {
			files = append(files, d.File)
		}
	}
	return files
}
