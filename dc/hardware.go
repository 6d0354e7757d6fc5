package dc

import (
	"fmt"
	"slices"
	"strings"
)

// The largest machine that our hosts execute, by the configuration maximums of vSphere 6.5: what every ESXi host in use accepts, so
// that a machine of ours may move there. An older hardware version may have less: see HardwareVersion.
const (
	MaxCPUs      = 128
	MaxMemoryMB  = 6128 << 10
	MaxDisks     = 256
	MaxNICs      = 10
	MaxDiskBytes = 62 << 40
	// MinMemoryMB is less than any guest of today needs. Memory is a multiple of MemoryStepMB.
	MinMemoryMB  = 32
	MemoryStepMB = 4
	// HotMemoryStepMB is what the memory of a machine with power grows by multiples of: guests take no less into use.
	HotMemoryStepMB = 128
	// DefaultHardwareVersion is that of ESXi 7.0 U2 and later.
	DefaultHardwareVersion = 19
)

// CheckHardware returns nil where a machine may have the hardware, else an error of kind Invalid that names the field by
// its JSON name, the bad value, and what to give instead. It names no object: the caller knows the machine's name.
func CheckHardware(h Hardware) error {
	switch {
	case !validUUID(h.UUID):
		return badField("uuid", fmt.Sprintf("%q is no UUID", h.UUID), "give 32 lower-case hexadecimal digits as 8-4-4-4-12")
	case !validUUID(h.InstanceUUID):
		return badField("instanceUuid", fmt.Sprintf("%q is no UUID", h.InstanceUUID), "give 32 lower-case hexadecimal digits as 8-4-4-4-12")
	case !validGuestID(h.GuestID):
		return badField("guestId", fmt.Sprintf("%q is no guest identifier", h.GuestID), `give one of vSphere's, such as "otherLinux64Guest"`)
	case h.Firmware != BIOS && h.Firmware != EFI:
		return badField("firmware", fmt.Sprintf("%q is no firmware", h.Firmware), `give "bios" or "efi"`)
	case h.CPUs < 1 || h.CPUs > MaxCPUs:
		return badField("cpus", fmt.Sprintf("%d is out of range", h.CPUs), fmt.Sprintf("give 1 to %d CPUs", MaxCPUs))
	case h.MemoryMB < MinMemoryMB || h.MemoryMB > MaxMemoryMB:
		return badField("memoryMB", fmt.Sprintf("%d is out of range", h.MemoryMB),
			fmt.Sprintf("give %d to %d MB", MinMemoryMB, MaxMemoryMB))
	case h.MemoryMB%MemoryStepMB != 0:
		return badField("memoryMB", fmt.Sprintf("%d is no multiple of %d", h.MemoryMB, MemoryStepMB),
			fmt.Sprintf("give %d MB", h.MemoryMB+MemoryStepMB-h.MemoryMB%MemoryStepMB))
	case len(h.Disks) > MaxDisks:
		return tooMany("disks", len(h.Disks), MaxDisks)
	case len(h.NICs) > MaxNICs:
		return tooMany("nics", len(h.NICs), MaxNICs)
	}
	if h.CoresPerSocket < 1 || h.CPUs%h.CoresPerSocket != 0 {
		return badField("coresPerSocket", fmt.Sprintf("%d CPUs are no sockets of %d", h.CPUs, h.CoresPerSocket), "give a divisor of the number of CPUs")
	}
	for _, check := range []func(Hardware) error{checkDisks, func(h Hardware) error { return checkNICs(h.NICs) }, checkDevices, checkVersion, checkUnits, CheckNICSlots} {
		if err := check(h); err != nil {
			return err
		}
	}
	return nil
}

func checkDisks(h Hardware) error {
	var last int32
	for i, d := range h.Disks {
		field := func(name string) string { return fmt.Sprintf("disks[%d].%s", i, name) }
		key, ok := UnitKey(d.Controller, d.Unit)
		switch {
		case !h.hasController(d.Controller):
			return badField(field("controller"), fmt.Sprintf("there is no controller with the key %d", d.Controller), "give the key of a controller")
		case !ok:
			return badField(field("unit"), fmt.Sprintf("the controller %d has no unit %d for a disk", d.Controller, d.Unit), "choose a free unit")
		case d.Key != key:
			return badField(field("key"), fmt.Sprintf("%d is not that of unit %d of the controller %d", d.Key, d.Unit, d.Controller),
				fmt.Sprintf("give %d", key))
		case d.CapacityBytes <= 0 || d.CapacityBytes > MaxDiskBytes:
			return badField(field("capacityBytes"), fmt.Sprintf("%d is out of range", d.CapacityBytes), "give 1 MB to 62 TB")
		case d.CapacityBytes%sectorBytes != 0:
			return badField(field("capacityBytes"), fmt.Sprintf("%d is no multiple of %d", d.CapacityBytes, sectorBytes),
				fmt.Sprintf("give %d", RoundUpMB(d.CapacityBytes)))
		case d.Provisioning != Thin && d.Provisioning != ThickLazyZeroed && d.Provisioning != ThickEager:
			return badField(field("provisioning"), fmt.Sprintf("%q is no provisioning", d.Provisioning), `give "thin", "zeroedThick" or "eagerZeroedThick"`)
		case d.Mode != Persistent && d.Mode != IndependentPersistent:
			return badField(field("mode"), fmt.Sprintf("%q is no mode", d.Mode), `give "persistent" or "independent_persistent"`)
		case d.Image != "" && !ValidDigest(d.Image) && !validContent(d.Image):
			return badField(field("image"), fmt.Sprintf("%q is no digest", d.Image), `give "sha256:" and 64 lower-case hexadecimal digits`)
		}
		if err := checkOrder(field("key"), d.Key, last); err != nil {
			return err
		}
		last = d.Key
		if d.File != "" && slices.ContainsFunc(h.Disks[:i], func(o Disk) bool { return o.File == d.File }) {
			return badField(field("file"), fmt.Sprintf("%q is another disk's", d.File), "give each disk a file of its own")
		}
	}
	return nil
}

// checkUnits refuses units that the controllers don't have in the hardware version.
func checkUnits(h Hardware) error {
	check := func(field string, controller, unit int32) error {
		t := h.controllerType(controller)
		units := Units(t, h.Version)
		if unit < units {
			return nil
		}
		return badField(field, fmt.Sprintf("a controller of the type %q has the units 0 to %d on vmx-%d, not %d", t, units-1, h.Version, unit),
			"choose another unit or controller")
	}
	for i, d := range h.Disks {
		if err := check(fmt.Sprintf("disks[%d].unit", i), d.Controller, d.Unit); err != nil {
			return err
		}
	}
	for i, d := range h.Drives {
		if d.Type != CDROM {
			continue
		}
		if err := check(fmt.Sprintf("drives[%d].unit", i), d.Controller, d.Unit); err != nil {
			return err
		}
	}
	return nil
}

// hasController reports whether there is a controller with the key. Those of IDE are part of every machine.
func (h Hardware) hasController(key int32) bool {
	return key == FirstIDEKey || key == FirstIDEKey+1 || slices.ContainsFunc(h.Controllers, func(c Controller) bool { return c.Key == key })
}

func checkNICs(nics []NIC) error {
	var last int32
	seen := make(map[string]bool, len(nics))
	for i, n := range nics {
		field := func(name string) string { return fmt.Sprintf("nics[%d].%s", i, name) }
		switch {
		case n.Type != VMXNET3 && n.Type != E1000E && n.Type != E1000 && n.Type != VirtioNet:
			return badField(field("type"), fmt.Sprintf("%q is no network adapter", n.Type), `give "vmxnet3", "e1000e", "e1000" or "virtio"`)
		case !validMAC(n.MAC):
			return badField(field("mac"), fmt.Sprintf("%q is no address of one adapter", n.MAC),
				"give six pairs of lower-case hexadecimal digits with colons, the first pair even, not all zero")
		case seen[n.MAC]:
			return badField(field("mac"), fmt.Sprintf("%q is there twice", n.MAC), "give each adapter its own address")
		case n.PortGroup == "" && (n.Connected || n.StartConnected):
			return badField(field("portGroup"), "an adapter that is on no network can't be connected", "give the ID of a port group")
		case n.PortGroup != "" && ID(n.PortGroup).Kind() != KindPortGroup:
			return badField(field("portGroup"), fmt.Sprintf("%q is no port group's ID", n.PortGroup), "give the ID of a port group")
		}
		if n.Key < FirstNICKey || n.Key >= FirstNICKey+MaxNICs {
			return badField(field("key"), fmt.Sprintf("%d is out of range", n.Key),
				fmt.Sprintf("give %d to %d", FirstNICKey, FirstNICKey+MaxNICs-1))
		}
		if err := checkOrder(field("key"), n.Key, last); err != nil {
			return err
		}
		last, seen[n.MAC] = n.Key, true
	}
	return nil
}

// checkOrder checks that a device's key is above the key before it.
func checkOrder(field string, key, last int32) error {
	if key <= last {
		return badField(field, fmt.Sprintf("%d does not follow %d", key, last), "give every device its own key, in rising order")
	}
	return nil
}

// sectorBytes is what the capacity of every disk is a multiple of.
const sectorBytes = 512

func badField(field, problem, remedy string) error {
	return &Error{Kind: Invalid, Message: field + ": " + problem, Remedy: remedy}
}

// Fits returns nil where a host with this status could run the machine if it ran nothing else, else an error of kind
// Exhausted that says what is needed and what the host has. It names no object.
func Fits(vm Hardware, host HostStatus) error {
	switch {
	case vm.CPUs > host.CPUs:
		return &Error{Kind: Exhausted, Message: fmt.Sprintf("needs %d CPUs, has %d", vm.CPUs, host.CPUs),
			Remedy: fmt.Sprintf("give the machine %d CPUs at most, or use a larger host", host.CPUs)}
	}
	overhead, most := OverheadMB(vm, host.Hypervisor.Accelerator), host.Guarantee().MemoryMB
	if vm.MemoryMB+overhead > most {
		free := max(0, most-overhead)
		return &Error{Kind: Exhausted, Message: fmt.Sprintf("needs %d MB of memory and %d MB to execute it, has %d MB", vm.MemoryMB, overhead, most),
			Remedy: fmt.Sprintf("give the machine %d MB at most, or use a larger host", free-free%MemoryStepMB)}
	}
	return nil
}

// RoundUpMB returns the smallest multiple of 1 MB that is not below bytes.
func RoundUpMB(bytes int64) int64 { return (bytes + 1<<20 - 1) &^ (1<<20 - 1) }

// ValidDigest reports whether s has the form of an image's digest: "sha256:" and 64 lower-case hexadecimal digits.
func ValidDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(digits) == 64 && hexadecimal(digits)
}

func validUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range s {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !hexadecimal(string(c)) {
			return false
		}
	}
	return true
}

// validMAC reports whether s is a unicast address: IEEE 802 sets the first byte's lowest bit for groups.
func validMAC(s string) bool {
	if len(s) != 17 || s == "00:00:00:00:00:00" || !strings.ContainsRune("02468ace", rune(s[1])) {
		return false
	}
	for i := range 17 {
		if i%3 == 2 {
			if s[i] != ':' {
				return false
			}
		} else if !hexadecimal(s[i : i+1]) {
			return false
		}
	}
	return true
}

// validGuestID accepts what may stand in a .vmx file without quoting.
func validGuestID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func hexadecimal(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
