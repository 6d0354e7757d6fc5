package dc

import (
	"cmp"
	"fmt"
	"slices"
)

// HardwareChange is what is to change about a machine's hardware. What is zero stays as it is.
type HardwareChange struct {
	CPUs                                  int
	MemoryMB                              int64
	GuestID                               string
	Firmware                              Firmware
	CPUHotAdd, CPUHotRemove, MemoryHotAdd *bool
	// AddDisks are the capacities of new, empty disks, in bytes.
	AddDisks []int64
	// ExtendDisks are disks that grow, by their keys, to a capacity in bytes.
	ExtendDisks map[int32]int64
	// RemoveDisks are the keys of disks that go, with their files.
	RemoveDisks []int32
	// AddNICs are the port groups of new network adapters, and RemoveNICs the keys of those that go.
	AddNICs    []PortGroupID
	RemoveNICs []int32
}

// Privileges returns the privileges on the machine that the change takes, by vSphere's rules, in a fixed order; at least one.
func (c HardwareChange) Privileges() []Privilege {
	var all []Privilege
	for _, need := range []struct {
		p  Privilege
		is bool
	}{
		{PrivVMCPUCount, c.CPUs != 0},
		{PrivVMMemory, c.MemoryMB != 0},
		{PrivVMAddNewDisk, len(c.AddDisks) > 0},
		{PrivVMDiskExtend, len(c.ExtendDisks) > 0},
		{PrivVMRemoveDisk, len(c.RemoveDisks) > 0},
		{PrivVMAddRemoveDevice, len(c.AddNICs)+len(c.RemoveNICs) > 0},
		{PrivVMSettings, c.GuestID != "" || c.Firmware != "" || c.CPUHotAdd != nil || c.CPUHotRemove != nil || c.MemoryHotAdd != nil},
	} {
		if need.is {
			all = append(all, need.p)
		}
	}
	if all == nil {
		return []Privilege{PrivVMSettings}
	}
	return all
}

// Apply returns h with the change. New disks have no file yet, and new network adapters no address. The error is of kind NotFound for
// a key that no device has, Invalid where there is no room for a device or nothing changes.
func (c HardwareChange) Apply(h Hardware) (Hardware, error) {
	if c.empty() {
		return h, &Error{Kind: Invalid, Message: "nothing is to change", Remedy: "say what is to change"}
	}
	h.CPUs, h.MemoryMB = cmp.Or(c.CPUs, h.CPUs), cmp.Or(c.MemoryMB, h.MemoryMB)
	h.GuestID, h.Firmware = cmp.Or(c.GuestID, h.GuestID), cmp.Or(c.Firmware, h.Firmware)
	for to, from := range map[*bool]*bool{&h.CPUHotAdd: c.CPUHotAdd, &h.CPUHotRemove: c.CPUHotRemove, &h.MemoryHotAdd: c.MemoryHotAdd} {
		if from != nil {
			*to = *from
		}
	}
	h.Controllers, h.Disks, h.NICs = slices.Clone(h.Controllers), slices.Clone(h.Disks), slices.Clone(h.NICs)
	for key, capacity := range c.ExtendDisks {
		i := slices.IndexFunc(h.Disks, func(d Disk) bool { return d.Key == key })
		if i < 0 {
			return h, noDevice("disk", key)
		}
		h.Disks[i].CapacityBytes = capacity
	}
	on := ControllerVirtio
	if i := slices.IndexFunc(h.Controllers, func(c Controller) bool { return c.Key == FirstSCSIKey }); i >= 0 {
		on = h.Controllers[i].Type
	}
	// What is new comes first: it must not get the key of what goes, which the guest and the files know.
	for _, capacity := range c.AddDisks {
		disk, ok := h.AddDisk(on)
		if !ok {
			return h, &Error{Kind: Invalid, Message: "disks: there is no room for another one", Remedy: "remove a disk first"}
		}
		disk.CapacityBytes = capacity
	}
	for _, portGroup := range c.AddNICs {
		key := int32(FirstNICKey)
		at := 0
		for at < len(h.NICs) && h.NICs[at].Key == key {
			at, key = at+1, key+1
		}
		h.NICs = slices.Insert(h.NICs, at, NIC{Key: key, Type: VirtioNet, PortGroup: portGroup, Connected: true, StartConnected: true})
	}
	for _, key := range c.RemoveDisks {
		before := len(h.Disks)
		if h.Disks = slices.DeleteFunc(h.Disks, func(d Disk) bool { return d.Key == key }); len(h.Disks) == before {
			return h, noDevice("disk", key)
		}
		h.Boot.Order = slices.DeleteFunc(slices.Clone(h.Boot.Order), func(k int32) bool { return k == key })
	}
	for _, key := range c.RemoveNICs {
		before := len(h.NICs)
		if h.NICs = slices.DeleteFunc(h.NICs, func(n NIC) bool { return n.Key == key }); len(h.NICs) == before {
			return h, noDevice("network adapter", key)
		}
		h.Boot.Order = slices.DeleteFunc(slices.Clone(h.Boot.Order), func(k int32) bool { return k == key })
	}
	return h, nil
}

func (c HardwareChange) empty() bool {
	return c.CPUs == 0 && c.MemoryMB == 0 && c.GuestID == "" && c.Firmware == "" && c.CPUHotAdd == nil && c.CPUHotRemove == nil &&
		c.MemoryHotAdd == nil && len(c.AddDisks)+len(c.ExtendDisks)+len(c.RemoveDisks)+len(c.AddNICs)+len(c.RemoveNICs) == 0
}

func noDevice(what string, key int32) error {
	return &Error{Kind: NotFound, Message: fmt.Sprintf("it has no %s with the key %d", what, key), Remedy: "look at its devices"}
}
