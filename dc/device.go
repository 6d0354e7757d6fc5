package dc

import "fmt"

// ControllerType is a kind of controller that disks, drives or USB devices are attached to.
type ControllerType string

// The controllers, by the words that a .vmx uses for them. Virtio is QEMU's own and unknown to VMware.
const (
	ControllerIDE      ControllerType = "ide"
	ControllerLSILogic ControllerType = "lsilogic" // the parallel 53c1030
	ControllerLSISAS   ControllerType = "lsisas1068"
	ControllerPVSCSI   ControllerType = "pvscsi"
	ControllerVirtio   ControllerType = "virtio-scsi"
	ControllerSATA     ControllerType = "ahci"
	ControllerNVMe     ControllerType = "nvme"
	ControllerUSB      ControllerType = "ehci" // USB 2.0, with its USB 1.1 companions
	ControllerXHCI     ControllerType = "xhci" // USB 3.1
)

// Controller is what devices are attached to. Two IDE controllers are part of every machine and not listed.
type Controller struct {
	// Key identifies it in the machine for ever: see the first keys below.
	Key  int32          `json:"key"`
	Type ControllerType `json:"type"`
}

// Bus is the number of the controller among those of its class: 1 for the SCSI controller with the key 1001.
func (c Controller) Bus() int32 { return busOf(c.Key) }

// First device keys, as in vSphere. A device's key follows from where it is attached, so that it is the same in every program
// that reads the machine's files: see DiskKey and DriveKey.
const (
	FirstIDEKey      = 200 // two controllers, each with two units
	FirstVideoKey    = 500
	FirstInputKey    = 600 // the keyboard of USB
	FirstSCSIKey     = 1000
	FirstDiskKey     = 2000 // on SCSI: 2000 + 16 * bus + unit; units from 16 on: 2064 + 49 * bus + unit - 16
	FirstIDEDriveKey = 3000 // 3000 + 2 * bus + unit
	FirstNICKey      = 4000
	FirstUSBKey      = 7000
	FirstFloppyKey   = 8000
	FirstSerialKey   = 9000
	TPMKey           = 11000
	FirstXHCIKey     = 14000
	FirstSATAKey     = 15000
	FirstSATADiskKey = 16000 // 16000 + 30 * bus + unit
	WatchdogKey      = 18000
	FirstNVMeKey     = 31000
	FirstNVMeDiskKey = 32000 // 32000 + 16 * bus + unit; units from 15 on: 32064 + 49 * bus + unit - 15
)

// SCSIControllerUnit is the unit that a SCSI controller has itself: no disk can have it.
const SCSIControllerUnit = 7

// class is one class of controllers: SCSI, whatever the model, is one.
type class struct {
	first, device int32 // the first key of its controllers, and of the devices on them
	controllers   int32
	units         int32 // of each controller, by the keys of before vmx-14 and vmx-21
	stride        int32 // between the keys of two controllers' devices
	most          int32 // units of each controller, by its model and the version: see unitsOf
}

// classes are the classes of controllers that disks and drives can be on.
var classes = []class{
	{first: FirstIDEKey, device: FirstIDEDriveKey, controllers: 2, units: 2, stride: 2, most: 2},
	{first: FirstSCSIKey, device: FirstDiskKey, controllers: 4, units: 16, stride: 16, most: 65},
	{first: FirstSATAKey, device: FirstSATADiskKey, controllers: 4, units: 30, stride: 30, most: 30},
	{first: FirstNVMeKey, device: FirstNVMeDiskKey, controllers: 4, units: 15, stride: 16, most: 64},
}

// moreStride is between the keys of two controllers' units beyond those that all versions have.
const moreStride = 49

// The versions since which controllers have more units, by the configuration maximums of vSphere 6.7 and 8.0 U2.
const (
	moreSCSIUnitsSince = 14 // of PVSCSI, and of virtio-scsi, which is not VMware's
	moreNVMeUnitsSince = 21
)

// Units returns how many unit numbers a controller of the type has in the hardware version, its own among them: the highest unit is one
// less.
func Units(t ControllerType, version int) int32 {
	more := (t == ControllerPVSCSI || t == ControllerVirtio) && version >= moreSCSIUnitsSince || t == ControllerNVMe && version >= moreNVMeUnitsSince
	for _, c := range classes {
		if c.first == controllerTypes[t].first || t == ControllerIDE && c.first == FirstIDEKey {
			if more {
				return c.most
			}
			return c.units
		}
	}
	return 0
}

// ControllerOfDisk returns the key of the controller that the disk or drive with the key is on, and 0 for a key that stands for no place.
func ControllerOfDisk(key int32) int32 {
	for _, c := range classes {
		for controller := c.first; controller < c.first+c.controllers; controller++ {
			first, _ := UnitKey(controller, 0)
			more := c.device + c.stride*c.controllers + moreStride*(controller-c.first)
			if key >= first && key < first+c.units || key >= more && key < more+c.most-c.units {
				return controller
			}
		}
	}
	return 0
}

// classOf returns the class of the controller with the key.
func classOf(controller int32) (class, bool) {
	for _, c := range classes {
		if controller >= c.first && controller < c.first+c.controllers {
			return c, true
		}
	}
	return class{}, false
}

// UnitKey returns the key of the disk or drive that is the unit of a controller, and whether there can be such a one.
func UnitKey(controller, unit int32) (int32, bool) {
	c, ok := classOf(controller)
	if !ok || unit < 0 || unit >= c.most || c.first == FirstSCSIKey && unit == SCSIControllerUnit {
		return 0, false
	}
	if unit >= c.units {
		return c.device + c.stride*c.controllers + moreStride*(controller-c.first) + unit - c.units, true
	}
	return c.device + c.stride*(controller-c.first) + unit, true
}

func busOf(key int32) int32 {
	for _, first := range []int32{FirstIDEKey, FirstSCSIKey, FirstUSBKey, FirstXHCIKey, FirstSATAKey, FirstNVMeKey} {
		if key >= first && key < first+100 {
			return key - first
		}
	}
	return 0
}

// Provisioning is how the blocks of a disk come to be on its datastore.
type Provisioning string

// The ways of provisioning, by vSphere's names.
const (
	Thin            Provisioning = "thin"             // a block is taken when the guest first writes it
	ThickLazyZeroed Provisioning = "zeroedThick"      // all blocks are taken at once, and read as zeros
	ThickEager      Provisioning = "eagerZeroedThick" // all blocks are taken and written with zeros at once
)

// DiskMode is how a disk takes part in snapshots.
type DiskMode string

// The disk modes, by vSphere's names.
const (
	Persistent            DiskMode = "persistent"
	IndependentPersistent DiskMode = "independent_persistent" // no snapshot includes it
)

// Disk is a virtual disk.
type Disk struct {
	// Key is UnitKey(Controller, Unit).
	Key int32 `json:"key"`
	// Controller is the key of the controller that it is on.
	Controller int32 `json:"controller"`
	Unit       int32 `json:"unit"`
	// CapacityBytes is a multiple of 512. It may grow, and never shrinks.
	CapacityBytes int64        `json:"capacityBytes"`
	Provisioning  Provisioning `json:"provisioning"`
	Mode          DiskMode     `json:"mode"`
	// File is the path of the disk's descriptor on the machine's datastore: "hello/hello.vmdk". It never changes.
	File string `json:"file"`
	// Image is the digest of the image that the disk started as, or "" for one that started empty or was there before. While the
	// files of a clone are made it is ContentOf what is copied.
	Image string `json:"image,omitempty"`
	// Attached says that its file was there before it was this machine's: no host makes it, and it stays where its attaching is taken back.
	Attached bool `json:"attached,omitempty"`
}

// Instance names the disk among the statistics of its machine by its place, as in vSphere: "scsi0:0".
func (d Disk) Instance() string {
	name := "scsi"
	switch c, _ := classOf(d.Controller); c.first {
	case FirstIDEKey:
		name = "ide"
	case FirstSATAKey:
		name = "sata"
	case FirstNVMeKey:
		name = "nvme"
	}
	return fmt.Sprintf("%s%d:%d", name, busOf(d.Controller), d.Unit)
}

// Media is a file in a drive or behind a port. The zero value is none.
type Media struct {
	Datastore DatastoreID `json:"datastore,omitempty"`
	// Path is relative to the datastore's folder.
	Path string `json:"path,omitempty"`
}

// DriveType is a kind of drive for removable media.
type DriveType string

// The drives.
const (
	CDROM  DriveType = "cdrom"
	Floppy DriveType = "floppy"
)

// Drive is a drive for removable media.
type Drive struct {
	// Key is UnitKey(Controller, Unit) of a CD-ROM drive, and FirstFloppyKey + Unit of a floppy drive.
	Key  int32     `json:"key"`
	Type DriveType `json:"type"`
	// Controller is the key of the IDE, SATA or SCSI controller of a CD-ROM drive, and 0 for a floppy drive.
	Controller int32 `json:"controller,omitempty"`
	Unit       int32 `json:"unit"`
	// Media is what lies in it: an ISO image, or an image of a floppy disk.
	Media Media `json:"media,omitzero"`
	// Connected says whether the guest is shown the media, and StartDisconnected that it is not after a power-on: vSphere's
	// startConnected the other way round, so that drives of before it are connected then.
	Connected         bool `json:"connected,omitempty"`
	StartDisconnected bool `json:"startDisconnected,omitempty"`
}

// NICType is a model of network adapter.
type NICType string

// The network adapters, by the words that a .vmx uses for them. Virtio is QEMU's own and unknown to VMware.
const (
	VMXNET3   NICType = "vmxnet3"
	E1000E    NICType = "e1000e"
	E1000     NICType = "e1000"
	VirtioNet NICType = "virtio"
)

// NIC is a virtual network adapter.
type NIC struct {
	// Key identifies the device in the machine for ever: 4000 to 4009, as in vSphere.
	Key  int32   `json:"key"`
	Type NICType `json:"type"`
	// MAC is unique in the data center: six pairs of lower-case hexadecimal digits with colons.
	MAC string `json:"mac"`
	// PortGroup is "" for an adapter that is on no network, and not connected.
	PortGroup PortGroupID `json:"portGroup"`
	// Connected is whether the cable is plugged in; StartConnected, whether it is after a power-on.
	Connected      bool `json:"connected,omitempty"`
	StartConnected bool `json:"startConnected,omitempty"`
}

// SerialPort is a serial port. The first one, with a console behind it, is what "vm console" shows.
type SerialPort struct {
	// Key is 9000 to 9003.
	Key int32 `json:"key"`
	// Console puts the machine's console behind it; else what it writes is appended to File, if there is one.
	Console bool  `json:"console,omitempty"`
	File    Media `json:"file,omitzero"`
}

// InputType is a kind of input device on USB.
type InputType string

// The input devices. Each machine has a keyboard and a mouse besides, as a PC has.
const (
	USBTablet   InputType = "tablet"
	USBKeyboard InputType = "keyboard"
)

// Video is the graphics adapter.
type Video struct {
	// MemoryKB is the size of its memory, in KB.
	MemoryKB int64 `json:"memoryKB"`
	// Model is VideoVGA where empty.
	Model VideoModel `json:"model,omitempty"`
}

// VideoModel is a model of graphics adapter.
type VideoModel string

// The graphics adapters. SVGA is VMware's.
const (
	VideoVGA  VideoModel = "vga"
	VideoSVGA VideoModel = "svga"
)

// Watchdog restarts a guest that does not answer any more.
type Watchdog struct {
	// StartRunning lets it run before the guest's driver starts it.
	StartRunning bool `json:"startRunning,omitempty"`
}

// Boot says how the machine starts.
type Boot struct {
	// DelayMS is how long the firmware waits before it starts the guest, in milliseconds.
	DelayMS int64 `json:"delayMS,omitempty"`
	// EnterSetup opens the firmware's setup at the next power-on, which takes it back.
	EnterSetup bool `json:"enterSetup,omitempty"`
	// Secure lets EFI firmware start what is signed, and nothing else.
	Secure bool `json:"secure,omitempty"`
	// Order are the keys of the disks, CD-ROM drives, floppy drives and NICs that are tried, in this order, before all others.
	Order []int32 `json:"order,omitempty"`
}
