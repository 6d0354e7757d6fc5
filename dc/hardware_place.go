package dc

import (
	"cmp"
	"fmt"
	"slices"
)

// NewHardware returns the hardware that a machine for the guest gets where nothing else is asked for: no disks, drives or network
// adapters yet, and no identity. firmware is the guest's if empty. A guest that is not known gets what any gets.
func NewHardware(guestID string, version int, firmware Firmware) Hardware {
	g, _ := GuestSystemOf(guestID)
	h := Hardware{Version: version, GuestID: guestID, Firmware: cmp.Or(firmware, g.Firmware), CPUs: 1, CoresPerSocket: 1, MemoryMB: g.MemoryMB,
		SerialPorts: []SerialPort{{Key: FirstSerialKey, Console: true}}, Video: Video{MemoryKB: 16 << 10}, RootPorts: true}
	h.Boot.Secure = g.SecureBoot && h.Firmware == EFI && version >= secureBootSince
	h.TPM = g.TPM && h.Firmware == EFI && version >= tpmSince
	return h
}

// AddDisk adds a persistent thin disk at the first free unit of a controller of the type, and such a controller where there is none
// with room, and returns the disk for the caller to complete; ok is false where there is no room for either. The disks stay in the
// order of their keys.
func (h *Hardware) AddDisk(on ControllerType) (disk *Disk, ok bool) {
	p, err := h.place(0, nil, on)
	if err != nil {
		return nil, false
	}
	return h.insertDisk(Disk{Key: p.key, Controller: p.controller, Unit: p.unit, Provisioning: Thin, Mode: Persistent}), true
}

func (h *Hardware) insertDisk(d Disk) *Disk {
	at, _ := slices.BinarySearchFunc(h.Disks, d.Key, func(d Disk, key int32) int { return cmp.Compare(d.Key, key) })
	h.Disks = slices.Insert(h.Disks, at, d)
	return &h.Disks[at]
}

// place is where a disk or a CD-ROM drive is.
type place struct{ controller, unit, key int32 }

// place returns where the next disk or drive goes: the unit of the controller with that key, the first free one of it where unit is
// nil, or with no key the first free one of the controllers of a type, which get another where none has room.
func (h *Hardware) place(controller int32, unit *int32, on ControllerType) (place, error) {
	if controller == 0 && unit != nil {
		return place{}, &Error{Kind: Invalid, Message: "unit: it is of no controller", Remedy: "give the controller, too"}
	}
	if controller != 0 {
		if !h.hasController(controller) {
			return place{}, noDevice("controller", controller)
		}
		if unit == nil {
			if p, ok := h.freeUnit(controller); ok {
				return p, nil
			}
			return place{}, noRoom("unit", fmt.Sprintf("another device on the controller %d", controller))
		}
		key, ok := UnitKey(controller, *unit)
		if !ok || h.taken(key) {
			return place{}, &Error{Kind: Invalid, Message: fmt.Sprintf("unit: the controller %d has no free unit %d", controller, *unit),
				Remedy: "choose a free unit, or none"}
		}
		return place{controller, *unit, key}, nil
	}
	for {
		for _, c := range h.controllersOf(on) {
			if p, ok := h.freeUnit(c); ok {
				return p, nil
			}
		}
		if _, ok := h.addController(on); !ok {
			return place{}, noRoom("controllers", fmt.Sprintf("another device on %q", on))
		}
	}
}

// freeUnit returns the first free unit of a controller that QEMU's model of it has.
func (h *Hardware) freeUnit(controller int32) (place, bool) {
	i := slices.IndexFunc(h.Controllers, func(c Controller) bool { return c.Key == controller })
	units := int32(2) // of IDE
	if i >= 0 {
		t := h.Controllers[i].Type
		units = min(modelUnits[t], Units(t, h.Version))
	}
	for unit := range units {
		if key, ok := UnitKey(controller, unit); ok && !h.taken(key) {
			return place{controller, unit, key}, true
		}
	}
	return place{}, false
}

// modelUnits are how many units QEMU's models have: a SATA controller of VMware's has 30, the LSI ones have 16, and PVSCSI has 65, of
// which QEMU's tells no guest.
var modelUnits = map[ControllerType]int32{ControllerVirtio: 65, ControllerPVSCSI: 16, ControllerLSILogic: 8, ControllerLSISAS: 8,
	ControllerSATA: 6, ControllerNVMe: 64}

// taken reports whether a disk or a drive has the key.
func (h *Hardware) taken(key int32) bool {
	return slices.ContainsFunc(h.Disks, func(d Disk) bool { return d.Key == key }) ||
		slices.ContainsFunc(h.Drives, func(d Drive) bool { return d.Key == key })
}

// controllersOf returns the keys of the controllers of a type.
func (h *Hardware) controllersOf(t ControllerType) []int32 {
	if t == ControllerIDE {
		return []int32{FirstIDEKey, FirstIDEKey + 1}
	}
	var keys []int32
	for _, c := range h.Controllers {
		if c.Type == t {
			keys = append(keys, c.Key)
		}
	}
	return keys
}

// addController adds a controller of the type and returns its key; ok is false where there is no room for it.
func (h *Hardware) addController(t ControllerType) (key int32, ok bool) {
	class := controllerTypes[t]
	for key := class.first; key < class.first+class.count; key++ {
		at, taken := slices.BinarySearchFunc(h.Controllers, key, func(c Controller, key int32) int { return cmp.Compare(c.Key, key) })
		if !taken {
			h.Controllers = slices.Insert(h.Controllers, at, Controller{Key: key, Type: t})
			return key, true
		}
	}
	return 0, false
}

// diskController is the type that the next disk goes on: that of the disks that are there, else that of the first SCSI controller,
// else the guest's.
func (h *Hardware) diskController() ControllerType {
	if len(h.Disks) > 0 {
		return h.controllerType(h.Disks[0].Controller)
	}
	return h.scsi()
}

// driveController is the type that the next CD-ROM drive goes on: the guest's, where SCSI is the model that is there.
func (h *Hardware) driveController() ControllerType {
	g, _ := GuestSystemOf(h.GuestID)
	if controllerTypes[g.CDROM].first == FirstSCSIKey {
		return h.scsi()
	}
	return g.CDROM
}

func (h *Hardware) scsi() ControllerType {
	for _, c := range h.Controllers {
		if controllerTypes[c.Type].first == FirstSCSIKey {
			return c.Type
		}
	}
	g, _ := GuestSystemOf(h.GuestID)
	return g.Controller
}

func (h *Hardware) controllerType(key int32) ControllerType {
	for _, c := range h.Controllers {
		if c.Key == key {
			return c.Type
		}
	}
	return ControllerIDE
}
