package qemu

import "hanok/dc"

const (
	sataPorts = 6 // of QEMU's ich9-ahci
	sasPorts  = 8 // of QEMU's mptsas1068
	// pvscsiUnits are those that a guest's driver looks for unless the device says more (PVSCSI_CMD_CONFIG), which QEMU's can't.
	pvscsiUnits = 16
	usbPorts    = 4 // that an input device finds on either USB controller
	// longestDelayMS is the longest that QEMU lets the firmware wait.
	longestDelayMS = 65535
)

// unsupported returns nil where QEMU can execute all the hardware, else an error of kind Unsupported that says what it can't and
// what to do instead.
func unsupported(m dc.Machine) error {
	refuse := func(fix, format string, args ...any) error {
		return failure(dc.Unsupported, m, format, args...).Fix("%s", fix)
	}
	usb := false
	types := map[int32]dc.ControllerType{}
	for _, c := range m.Controllers {
		types[c.Key] = c.Type
		switch c.Type {
		case dc.ControllerUSB, dc.ControllerXHCI:
			usb = true
			if c.Bus() != 0 {
				return refuse("remove it", "QEMU has one USB controller of a kind, and the controller %d is another", c.Key)
			}
		case dc.ControllerSATA, dc.ControllerNVMe:
		default:
			if adapters[c.Type] == "" {
				return refuse("choose another type", "QEMU has no controller of the type %q", c.Type)
			}
		}
	}
	for _, u := range unitsOf(m.Hardware) {
		switch t := types[u.controller]; {
		case t == dc.ControllerSATA && u.unit >= sataPorts:
			return refuse("use another controller", "a SATA controller of QEMU has the units 0 to %d, not %d", sataPorts-1, u.unit)
		case (t == dc.ControllerLSISAS || t == dc.ControllerLSILogic) && u.unit >= sasPorts:
			return refuse("use another controller", "an LSI controller of QEMU has the units 0 to %d, not %d", sasPorts-1, u.unit)
		case t == dc.ControllerPVSCSI && u.unit >= pvscsiUnits:
			return refuse("use virtio-scsi, or another controller", "QEMU's PVSCSI can't tell its guest of more than the units 0 to %d, and this is %d", pvscsiUnits-1, u.unit)
		case t == dc.ControllerNVMe && u.drive:
			return refuse("use an IDE or SATA controller", "a CD-ROM drive can't be on the NVMe controller %d", u.controller)
		}
	}
	for _, n := range m.NICs {
		if cards[n.Type] == "" {
			return refuse("choose another type", "QEMU has no network adapter of the type %q", n.Type)
		}
	}
	for _, i := range m.Inputs {
		if inputs[i] == "" {
			return refuse("remove it", "QEMU has no input device of the type %q", i)
		}
	}
	switch {
	case len(m.Inputs) > 0 && !usb:
		return refuse("add a USB controller", "its USB input devices have no controller")
	case len(m.Inputs) > usbPorts:
		return refuse("remove some", "%d USB input devices are more than the %d that a controller has ports for", len(m.Inputs), usbPorts)
	case m.Watchdog != nil && m.Watchdog.StartRunning:
		return refuse("let the guest's driver start it", "QEMU's watchdog can't run before the guest's driver starts it")
	case m.Boot.Secure && m.Firmware != dc.EFI:
		return refuse("give it EFI firmware, or no Secure Boot", "BIOS firmware has no Secure Boot")
	case m.Boot.EnterSetup && m.Firmware != dc.EFI:
		return refuse("take that back, give it a boot delay, and press Esc on its console during the delay",
			"its BIOS firmware can't be told to open its setup")
	case m.Boot.DelayMS < 0 || m.Boot.DelayMS > longestDelayMS:
		return refuse("give it a shorter one", "a boot delay of %d ms is not between 0 and %d", m.Boot.DelayMS, longestDelayMS)
	}
	return nil
}

// place is where a disk or a CD-ROM drive is.
type place struct {
	controller, unit int32
	drive            bool
}

func unitsOf(h dc.Hardware) []place {
	var all []place
	for _, d := range h.Disks {
		all = append(all, place{d.Controller, d.Unit, false})
	}
	for _, d := range h.Drives {
		if d.Type == dc.CDROM {
			all = append(all, place{d.Controller, d.Unit, true})
		}
	}
	return all
}
