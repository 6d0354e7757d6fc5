package qemu

import (
	"fmt"

	"hanok/dc"
)

// Root ports let devices come and go while a machine has power, which the root bus itself does not. A machine that has them
// (dc.Hardware.RootPorts) has one at the place of each NIC and SCSI controller that it may ever have, with the device behind it, so
// that no device that comes or goes moves the bus of another. A machine without has these devices at these places themselves.

// ported reports whether what is at a place is behind a root port in a machine that has them.
func ported(slot int) bool {
	return slot >= slotNIC && slot < slotNIC+dc.MaxNICs || slot >= slotSCSI && slot < slotSATA
}

// rootPorts returns all root ports of a machine.
func rootPorts(h dc.Hardware) []string {
	if !h.RootPorts {
		return nil
	}
	var a []string
	for slot := range slotSATA {
		if ported(slot) {
			// Each slot has a number for the guest. Addresses of I/O ports are short, and none is kept for a device that may come.
			a = append(a, "-device", device("pcie-root-port", portID(slot), slot)+fmt.Sprintf(",chassis=%d,io-reserve=0", slot)+slotNumber(h, slot))
		}
	}
	if h.NICSlots != nil {
		// The guest reads a slot's number from its port only where the port itself, and not the board's ACPI, brings and takes devices.
		a = append(a, "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")
	}
	return a
}

// slotNumber is the number that a port has for the guest. SCSI controllers have those of their places, which no adapter has.
func slotNumber(h dc.Hardware, slot int) string {
	if h.NICSlots == nil {
		return ""
	}
	number := int32(slot)
	if n := slot - slotNIC; n >= 0 && n < len(h.NICSlots) {
		number = h.NICSlots[n]
	}
	return fmt.Sprintf(",slot=%d", number)
}

// portID is the name of the root port at a place, and of the bus behind it.
func portID(slot int) string { return fmt.Sprintf("port%02x", slot) }

// device returns the option of a device at its place: on the root bus, or behind the root port there.
func (c Command) device(driver, id string, slot int) string {
	if c.Machine.RootPorts && ported(slot) {
		return fmt.Sprintf("%s,id=%s,bus=%s,addr=0x0", driver, id, portID(slot))
	}
	return device(driver, id, slot)
}
