// Package hardware says a machine's virtual hardware in the words of a .vmx, and reads it back: what Write has written VMware
// would offer as the same machine, and what VMware has written Read returns as ours. Devices that VMware doesn't have are
// written as the nearest that it has, with a key beneath "hanok." that says what they are for us; such a key counts only while the
// word that it was written with still stands, so that a change made on VMware's side wins.
//
// It knows keys, not rules: what a machine may have is dc's. It opens no files: package volume calls it.
package hardware

import "hanok/dc"

// Machine is what a .vmx says of a machine. What it doesn't say is left empty: the capacity, the provisioning and the image of
// disks, and the port groups of adapters.
type Machine struct {
	Name, Annotation string
	// Hardware has the disks' descriptors as they are written: relative to the folder of the .vmx, or absolute. So are the
	// paths of media without a datastore.
	Hardware dc.Hardware
	// Networks are the names of the networks that the adapters are on, by the adapters' keys.
	Networks map[int32]string
}

// ours is the prefix of the keys that VMware doesn't know. It ignores and keeps them.
const ours = "hanok."

// bus is a class of controllers by the word for it.
type bus struct {
	word        string
	first       int32 // the key of its first controller
	controllers int32
	units       int32
}

// buses are what disks and drives can be on.
var buses = []bus{
	{"ide", dc.FirstIDEKey, 2, 2},
	{"scsi", dc.FirstSCSIKey, 4, 65},
	{"sata", dc.FirstSATAKey, 4, 30},
	{"nvme", dc.FirstNVMeKey, 4, 64},
}

// busOf returns the class of the controller with the key.
func busOf(controller int32) (bus, bool) {
	for _, b := range buses {
		if controller >= b.first && controller < b.first+b.controllers {
			return b, true
		}
	}
	return bus{}, false
}

// What a machine may have of the devices that are on no such bus.
const (
	floppies    = 2
	serialPorts = 4
)

// virtual are the devices that VMware doesn't have, with the nearest that it has.
var virtual = map[string]string{
	string(dc.ControllerVirtio): string(dc.ControllerPVSCSI),
	string(dc.VirtioNet):        string(dc.VMXNET3),
}
