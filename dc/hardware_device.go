package dc

import (
	"fmt"
	"slices"
)

// The most of some devices, by what vSphere's machines and QEMU's boards both have.
const (
	MaxSerialPorts = 4
	MaxFloppies    = 2
	MaxInputs      = 4
	MaxVideoKB     = 256 << 10
	// MaxBootDelayMS is the longest delay that firmware knows, in milliseconds.
	MaxBootDelayMS = 65535
)

// controllerTypes says which controllers there are, by the first key of their class and how many one machine may have.
var controllerTypes = map[ControllerType]struct{ first, count int32 }{
	ControllerLSILogic: {FirstSCSIKey, 4}, ControllerLSISAS: {FirstSCSIKey, 4}, ControllerPVSCSI: {FirstSCSIKey, 4},
	ControllerVirtio: {FirstSCSIKey, 4}, ControllerSATA: {FirstSATAKey, 4}, ControllerNVMe: {FirstNVMeKey, 4},
	ControllerUSB: {FirstUSBKey, 1}, ControllerXHCI: {FirstXHCIKey, 1},
}

// checkDevices refuses controllers, drives and all else but disks and network adapters that can't be.
func checkDevices(h Hardware) error {
	for _, check := range []func(Hardware) error{checkControllers, checkDrives, checkSerialPorts, checkInputs, checkBoot} {
		if err := check(h); err != nil {
			return err
		}
	}
	switch {
	case h.Video.MemoryKB < 0 || h.Video.MemoryKB > MaxVideoKB:
		return badField("video.memoryKB", fmt.Sprintf("%d is out of range", h.Video.MemoryKB), fmt.Sprintf("give %d KB at most", MaxVideoKB))
	case h.Video.Model != "" && h.Video.Model != VideoVGA && h.Video.Model != VideoSVGA:
		return badField("video.model", fmt.Sprintf("%q is no graphics adapter", h.Video.Model), `give "vga" or "svga"`)
	case h.TPM && h.Firmware != EFI:
		return badField("tpm", "BIOS firmware has no use for it", `give the firmware "efi", or leave it out`)
	}
	return nil
}

func checkControllers(h Hardware) error {
	var last int32
	for i, c := range h.Controllers {
		field := func(name string) string { return fmt.Sprintf("controllers[%d].%s", i, name) }
		t, known := controllerTypes[c.Type]
		switch {
		case !known:
			return badField(field("type"), fmt.Sprintf("%q is no controller", c.Type),
				`give "pvscsi", "lsisas1068", "lsilogic", "virtio-scsi", "ahci", "nvme", "ehci" or "xhci"`)
		case c.Key < t.first || c.Key >= t.first+t.count:
			return badField(field("key"), fmt.Sprintf("%d is not that of a controller of the type %q", c.Key, c.Type),
				fmt.Sprintf("give %d to %d", t.first, t.first+t.count-1))
		}
		if err := checkOrder(field("key"), c.Key, last); err != nil {
			return err
		}
		last = c.Key
	}
	return nil
}

func checkDrives(h Hardware) error {
	var last int32
	for i, d := range h.Drives {
		field := func(name string) string { return fmt.Sprintf("drives[%d].%s", i, name) }
		key, ok := UnitKey(d.Controller, d.Unit)
		switch {
		case d.Type != CDROM && d.Type != Floppy:
			return badField(field("type"), fmt.Sprintf("%q is no drive", d.Type), `give "cdrom" or "floppy"`)
		case d.Type == Floppy:
			key, ok = FirstFloppyKey+d.Unit, d.Unit >= 0 && d.Unit < MaxFloppies && d.Controller == 0
		case !h.hasController(d.Controller):
			return badField(field("controller"), fmt.Sprintf("there is no controller with the key %d", d.Controller), "give the key of a controller")
		case d.Controller >= FirstNVMeKey:
			return badField(field("controller"), "a CD-ROM drive can't be on NVMe", "give a controller of IDE, SATA or SCSI")
		}
		switch {
		case !ok:
			return badField(field("unit"), fmt.Sprintf("there is no unit %d for it", d.Unit), "choose a free unit")
		case d.Key != key:
			return badField(field("key"), fmt.Sprintf("%d is not that of its unit", d.Key), fmt.Sprintf("give %d", key))
		case slices.ContainsFunc(h.Disks, func(disk Disk) bool { return disk.Key == d.Key }):
			return badField(field("unit"), "a disk has it", "choose a free unit")
		}
		if err := checkOrder(field("key"), d.Key, last); err != nil {
			return err
		}
		last = d.Key
	}
	return nil
}

func checkSerialPorts(h Hardware) error {
	var last int32
	consoles := 0
	for i, p := range h.SerialPorts {
		field := fmt.Sprintf("serialPorts[%d].key", i)
		if p.Key < FirstSerialKey || p.Key >= FirstSerialKey+MaxSerialPorts {
			return badField(field, fmt.Sprintf("%d is out of range", p.Key), fmt.Sprintf("give %d to %d", FirstSerialKey, FirstSerialKey+MaxSerialPorts-1))
		}
		if err := checkOrder(field, p.Key, last); err != nil {
			return err
		}
		last = p.Key
		if p.Console {
			consoles++
		}
	}
	if consoles > 1 {
		return badField("serialPorts", "more than one has the console behind it", "leave it behind one")
	}
	return nil
}

func checkInputs(h Hardware) error {
	if len(h.Inputs) == 0 {
		return nil
	}
	for i, t := range h.Inputs {
		if t != USBTablet && t != USBKeyboard {
			return badField(fmt.Sprintf("inputs[%d]", i), fmt.Sprintf("%q is no input device", t), `give "tablet" or "keyboard"`)
		}
	}
	switch {
	case len(h.Inputs) > MaxInputs:
		return tooMany("inputs", len(h.Inputs), MaxInputs)
	case !h.hasControllerOf(ControllerUSB) && !h.hasControllerOf(ControllerXHCI):
		return badField("inputs", "they are on USB, and there is no USB controller", `add a controller "ehci" or "xhci"`)
	}
	return nil
}

func checkBoot(h Hardware) error {
	b := h.Boot
	switch {
	case b.DelayMS < 0 || b.DelayMS > MaxBootDelayMS:
		return badField("boot.delayMS", fmt.Sprintf("%d is out of range", b.DelayMS), fmt.Sprintf("give 0 to %d milliseconds", MaxBootDelayMS))
	case b.Secure && h.Firmware != EFI:
		return badField("boot.secure", "BIOS firmware has no Secure Boot", `give the firmware "efi", or leave it out`)
	}
	for i, key := range b.Order {
		field := fmt.Sprintf("boot.order[%d]", i)
		switch {
		case !h.bootable(key):
			return badField(field, fmt.Sprintf("there is no disk, drive or network adapter with the key %d", key), "give the key of one")
		case slices.Contains(b.Order[:i], key):
			return badField(field, fmt.Sprintf("%d is there twice", key), "name each device once")
		}
	}
	return nil
}

// bootable reports whether a guest can be started from the device with the key.
func (h Hardware) bootable(key int32) bool {
	return slices.ContainsFunc(h.Disks, func(d Disk) bool { return d.Key == key }) ||
		slices.ContainsFunc(h.Drives, func(d Drive) bool { return d.Key == key }) ||
		slices.ContainsFunc(h.NICs, func(n NIC) bool { return n.Key == key })
}
