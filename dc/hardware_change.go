package dc

import (
	"reflect"
	"slices"
	"strings"
)

// HardwareChange is what is to change about a machine's hardware. What is zero stays as it is. A new machine is its guest's hardware
// with a change: see NewHardware.
type HardwareChange struct {
	CPUs, CoresPerSocket                  int
	MemoryMB                              int64
	GuestID                               string
	Firmware                              Firmware
	CPUHotAdd, CPUHotRemove, MemoryHotAdd *bool
	Boot                                  BootChange
	Video                                 Video
	// AddControllers are the types of new controllers.
	AddControllers []ControllerType
	AddDisks       []NewDisk
	// ExtendDisks are disks that grow, by their keys, to a capacity in bytes.
	ExtendDisks map[int32]int64
	// RemoveDisks are the keys of disks that go, with their files, and KeepDisks of those that go and leave them.
	RemoveDisks, KeepDisks []int32
	AddDrives              []NewDrive
	// SetMedia is what is put into drives, by their keys; no media empties a drive.
	SetMedia map[int32]Media
	// UpdateDrives is what else changes about drives, by their keys, after the media.
	UpdateDrives map[int32]DriveChange
	AddNICs      []NewNIC
	UpdateNICs   map[int32]NICChange
	// AddSerialPorts are new ports, whose keys are chosen.
	AddSerialPorts          []SerialPort
	AddInputs, RemoveInputs []InputType
	// AddTPM and AddWatchdog add what there is once at most.
	AddTPM      bool
	AddWatchdog *Watchdog
	// RemoveDevices are the keys of what else goes: controllers without devices, drives, network adapters, serial ports, the TPM and
	// the watchdog.
	RemoveDevices []int32
}

// BootChange is what is to change about how a machine starts. What is nil stays.
type BootChange struct {
	DelayMS            *int64
	EnterSetup, Secure *bool
	// Order replaces the order; an empty one is none.
	Order *[]int32
}

// NewDisk is a disk that is added.
type NewDisk struct {
	// CapacityBytes is what the guest's disks have if zero.
	CapacityBytes int64
	// Provisioning is Thin if empty, and Mode Persistent.
	Provisioning Provisioning
	Mode         DiskMode
	// Controller is the key of the controller that it is put on, and Unit the unit there, or nil for the first that is free. With
	// no key it is the first controller of the type On that has room, and a new one where none has; an empty On is the type that
	// the machine's disks are on already, or its guest's.
	Controller int32
	Unit       *int32
	On         ControllerType
	// NewController puts it on a new controller of the type On, whatever Controller says: those of LSI take disks with power only when
	// they come themselves.
	NewController bool
	// Image is the digest of the image that it starts as, or "" for an empty disk. Only new machines have such disks.
	Image string
	// File is the descriptor of a disk that is there already, on the machine's datastore; the zero value is a new disk. Capacity and
	// provisioning are then what its host has found, and nobody else's to say.
	File FileRef
}

// existing reports whether the disk is there already.
func (d NewDisk) existing() bool { return d.File != FileRef{} }

// NewDrive is a drive that is added. Where it is put goes by the rules of NewDisk, an empty On being its guest's for CD-ROM drives.
type NewDrive struct {
	Type       DriveType
	Controller int32
	Unit       *int32
	On         ControllerType
	// Media is put into it, and shown to the guest unless Disconnected, which counts at power-ons, too.
	Media        Media
	Disconnected bool
}

// DriveChange is what is to change about a drive. What is nil stays.
type DriveChange struct {
	Connected, StartConnected *bool
}

// NewNIC is a network adapter that is added.
type NewNIC struct {
	PortGroup PortGroupID
	// Type is that of the machine's first adapter if empty, or its guest's.
	Type NICType
	// MAC is chosen if empty.
	MAC string
	// Disconnected leaves its cable out, now and at power-ons.
	Disconnected bool
}

// NICChange is what is to change about a network adapter. What is zero stays.
type NICChange struct {
	PortGroup                 PortGroupID
	Type                      NICType
	Connected, StartConnected *bool
}

// commonFields are those that mean the same for every machine.
var commonFields = []string{"CPUs", "CoresPerSocket", "MemoryMB", "GuestID", "Firmware", "CPUHotAdd", "CPUHotRemove", "MemoryHotAdd"}

// Common reports whether the change means the same for every machine: it is of CPUs, memory, guest, firmware and what may be added to a
// machine with power, at least of one of them, and of no device.
func (c HardwareChange) Common() bool {
	v, some := reflect.ValueOf(c), false
	for i := range v.NumField() {
		field := v.Field(i)
		set := !field.IsZero()
		if kind := field.Kind(); kind == reflect.Slice || kind == reflect.Map {
			set = field.Len() > 0
		}
		if set && !slices.Contains(commonFields, v.Type().Field(i).Name) {
			return false
		}
		some = some || set
	}
	return some
}

// Privileges returns the privileges on the machine that the change takes, by vSphere's rules, in a fixed order; at least one.
func (c HardwareChange) Privileges() []Privilege {
	var floppies, cdroms bool
	for key := range c.SetMedia {
		floppy := key >= FirstFloppyKey && key < FirstFloppyKey+MaxFloppies
		floppies, cdroms = floppies || floppy, cdroms || !floppy
	}
	var cables, cards bool
	for _, n := range c.UpdateNICs {
		cables = cables || n.Connected != nil
		cards = cards || n.PortGroup != "" || n.Type != "" || n.StartConnected != nil
	}
	for _, d := range c.UpdateDrives {
		cables, cards = cables || d.Connected != nil, cards || d.StartConnected != nil
	}
	var all []Privilege
	for _, need := range []struct {
		p  Privilege
		is bool
	}{
		{PrivVMCPUCount, c.CPUs != 0 || c.CoresPerSocket != 0},
		{PrivVMMemory, c.MemoryMB != 0},
		{PrivVMAddNewDisk, len(c.AddDisks) > len(c.DiskFiles())},
		{PrivVMAddExistingDisk, len(c.DiskFiles()) > 0},
		{PrivVMDiskExtend, len(c.ExtendDisks) > 0},
		{PrivVMRemoveDisk, len(c.RemoveDisks)+len(c.KeepDisks) > 0},
		{PrivVMAddRemoveDevice, len(c.AddControllers)+len(c.AddDrives)+len(c.AddNICs)+len(c.AddSerialPorts)+len(c.AddInputs)+
			len(c.RemoveInputs)+len(c.RemoveDevices) > 0 || c.AddTPM || c.AddWatchdog != nil},
		{PrivVMEditDevice, cards || c.Video != Video{}},
		{PrivVMDeviceConnection, cables},
		{PrivVMSetCDMedia, cdroms},
		{PrivVMSetFloppyMedia, floppies},
		{PrivVMSettings, c.GuestID != "" || c.Firmware != "" || c.CPUHotAdd != nil || c.CPUHotRemove != nil || c.MemoryHotAdd != nil ||
			c.Boot != BootChange{}},
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

// PortGroups returns the port groups that adapters are put on, in no order.
func (c HardwareChange) PortGroups() []PortGroupID {
	var all []PortGroupID
	for _, n := range c.AddNICs {
		all = append(all, n.PortGroup)
	}
	for _, n := range c.UpdateNICs {
		if n.PortGroup != "" {
			all = append(all, n.PortGroup)
		}
	}
	return all
}

// Media returns the files that are put into drives, in no order.
func (c HardwareChange) Media() []Media {
	var all []Media
	for _, d := range c.AddDrives {
		all = append(all, d.Media)
	}
	for _, m := range c.SetMedia {
		all = append(all, m)
	}
	return slices.DeleteFunc(all, Media.none)
}

// PortFiles returns the files that are put behind serial ports.
func (c HardwareChange) PortFiles() []Media {
	var all []Media
	for _, p := range c.AddSerialPorts {
		all = append(all, p.File)
	}
	return slices.DeleteFunc(all, Media.none)
}

// DiskFiles returns the descriptors of disks that are there already.
func (c HardwareChange) DiskFiles() []FileRef {
	var all []FileRef
	for _, d := range c.AddDisks {
		if d.existing() {
			all = append(all, d.File)
		}
	}
	return all
}

// CheckFiles returns nil where all its files may be what they are to be, else an error of kind Invalid: nobody reads or writes the
// files of machines through a drive or a port.
func (c HardwareChange) CheckFiles() error {
	for _, m := range append(c.Media(), c.PortFiles()...) {
		if err := CheckFilePath(m.Path); err != nil {
			return err
		}
		switch FileKindOf(m.Path) {
		case FileISO, FileFloppy, FileLog, FileOther:
		default:
			return Errorf(Invalid, "%s belongs to a machine", m.Path).Fix("choose an image of a CD or of a floppy disk, or a file for text")
		}
	}
	for _, file := range c.DiskFiles() {
		if err := CheckFilePath(file.Path); err != nil {
			return err
		}
		if FileKindOf(file.Path) != FileDisk || !strings.Contains(file.Path, "/") {
			return Errorf(Invalid, "%s is not the descriptor of a disk in a folder", file.Path).Fix("give a path such as [datastore] folder/disk.vmdk")
		}
	}
	return nil
}

func (m Media) none() bool { return m == Media{} }

func (c HardwareChange) empty() bool { return reflect.ValueOf(c).IsZero() }
