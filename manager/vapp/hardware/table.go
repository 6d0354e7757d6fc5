// Package hardware says a machine's virtual hardware in the words of a package's descriptor, as a vCenter would export it, and makes
// hardware of what a descriptor says, whoever wrote it. It reads and writes no descriptor: package ovf does. Those who import and export
// machines call it. Package host/hardware does the same for a .vmx.
package hardware

import (
	"cmp"
	"slices"
	"strings"

	"hanok/dc"
	"hanok/internal/ovf"
)

// model is a device by our word and by a descriptor's.
type model[T ~string] struct {
	word string
	ours T
}

// kind is a class of controllers that disks and drives can be on.
type kind struct {
	name        string
	first       int32 // the key of its first controller
	controllers int
	models      []model[dc.ControllerType]
}

// kinds are all classes, with their models. What stands first for a model is what is
// written; QEMU's own models are written as the nearest that VMware has.
var kinds = []kind{
	{ovf.IDE, dc.FirstIDEKey, 2, []model[dc.ControllerType]{{"PIIX4", dc.ControllerIDE}, {"PIIX3", dc.ControllerIDE}, {"ICH6", dc.ControllerIDE}}},
	{ovf.SCSI, dc.FirstSCSIKey, 4, []model[dc.ControllerType]{{"lsilogic", dc.ControllerLSILogic}, {"lsilogicsas", dc.ControllerLSISAS},
		{"VirtualSCSI", dc.ControllerPVSCSI}, {"VirtualSCSI", dc.ControllerVirtio}, {"virtio-scsi", dc.ControllerVirtio},
		{"VirtioSCSI", dc.ControllerVirtio}, {"VirtIO_SCSI", dc.ControllerVirtio}, {"virtio", dc.ControllerVirtio}}},
	{ovf.SATA, dc.FirstSATAKey, 4, []model[dc.ControllerType]{{"vmware.sata.ahci", dc.ControllerSATA}, {"AHCI", dc.ControllerSATA}}},
	{ovf.NVMe, dc.FirstNVMeKey, 4, []model[dc.ControllerType]{{"vmware.nvme.controller", dc.ControllerNVMe}, {"NVMe", dc.ControllerNVMe}}},
}

var usbModels = []model[dc.ControllerType]{{"vmware.usb.ehci", dc.ControllerUSB}, {"vmware.usb.xhci", dc.ControllerXHCI}, {"OHCI", dc.ControllerUSB},
	{"EHCI", dc.ControllerUSB}, {"xHCI", dc.ControllerXHCI}}

var nicModels = []model[dc.NICType]{{"VmxNet3", dc.VMXNET3}, {"VmxNet3", dc.VirtioNet}, {"E1000e", dc.E1000E}, {"E1000", dc.E1000},
	{"virtio", dc.VirtioNet}, {"virtio-net", dc.VirtioNet}, {"VirtIO_Net", dc.VirtioNet}}

// ownKey is the key of the setting that keeps the model of a controller or an adapter which VMware doesn't have, and whose nearest is
// written: as in a .vmx of ours. It counts only while the nearest is still what the descriptor says.
func ownKey(device string) string { return "hanok." + device + ".virtualDev" }

// videoDevice is the graphics adapter's name in such a key.
const videoDevice = "svga"

// ownModel returns the model that is kept for the device, if it is written with the word.
func ownModel[T ~string](extra []ovf.Extra, models []model[T], device, word string) (T, bool) {
	i := slices.IndexFunc(extra, func(e ovf.Extra) bool { return e.Key == ownKey(device) })
	if i < 0 || !strings.EqualFold(wordOf(models, T(extra[i].Value)), word) {
		return "", false
	}
	return T(extra[i].Value), true
}

// wordOf returns what is written for a device.
func wordOf[T ~string](models []model[T], ours T) string {
	i := slices.IndexFunc(models, func(m model[T]) bool { return m.ours == ours })
	if i < 0 {
		return ""
	}
	return models[i].word
}

// modelOf returns the device for a descriptor's words, of which several, the preferred one first, may stand with spaces between.
func modelOf[T ~string](models []model[T], words string) (T, bool) {
	for word := range strings.FieldsSeq(words) {
		i := slices.IndexFunc(models, func(m model[T]) bool { return strings.EqualFold(m.word, word) })
		if i >= 0 {
			return models[i].ours, true
		}
	}
	return "", false
}

// guests are vSphere's guest identifiers for the operating systems of the Common Information Model (CIM_OperatingSystem.OSType),
// which packages of others than VMware have alone.
var guests = map[int]string{14: "dosGuest", 29: "solaris10Guest", 36: "otherLinuxGuest", 42: "freebsdGuest", 67: "winXPProGuest",
	69: "winNetStandardGuest", 70: "winNetStandard64Guest", 71: "winXPPro64Guest", 73: "winVistaGuest", 74: "winVista64Guest",
	76: "winLonghornGuest", 77: "winLonghorn64Guest", 78: "freebsd11_64Guest", 79: "rhel6Guest", 80: "rhel7_64Guest", 81: "solaris10_64Guest",
	82: "suseGuest", 83: "suse64Guest", 84: "slesGuest", 85: "sles64Guest", 93: "ubuntuGuest", 94: "ubuntu64Guest", 95: "debian6Guest",
	96: "debian10_64Guest", 97: "other24xLinuxGuest", 98: "other24xLinux64Guest", 99: "other26xLinuxGuest", 100: "other26xLinux64Guest",
	101: "otherLinux64Guest", 102: "otherGuest64", 103: "windows7Server64Guest", 104: "vmkernel5Guest", 105: "windows7_64Guest",
	106: "centosGuest", 107: "centos64Guest", 108: "oracleLinuxGuest", 109: "oracleLinux64Guest", 113: "windows8Server64Guest",
	114: "windows8Guest", 115: "windows8_64Guest", 116: "windows8Server64Guest", 117: "windows9Server64Guest", 118: "windows8Guest",
	119: "windows8_64Guest", 120: "windows9Guest", 121: "windows9_64Guest"}

// osType returns the number for a guest: the lowest that means it, else that of its family.
func osType(guestID string) int {
	var all []int
	for number, id := range guests {
		if id == guestID {
			all = append(all, number)
		}
	}
	if len(all) > 0 {
		return slices.Min(all)
	}
	wide := strings.Contains(guestID, "64")
	type family struct {
		prefix       string
		narrow, wide int
	}
	families := []family{{"debian", 95, 96}, {"ubuntu", 93, 94}, {"rhel", 79, 80}, {"centos", 106, 107}, {"oracleLinux", 108, 109}, {"sles", 84, 85}, {"windows", 105, 105},
		{"freebsd", 42, 78}, {"otherGuest", 1, 102}, {"", 36, 101}}
	i := slices.IndexFunc(families, func(f family) bool { return strings.HasPrefix(guestID, f.prefix) })
	if wide {
		return families[i].wide
	}
	return families[i].narrow
}

// What a machine may have of the devices that are on no controller.
const (
	floppies    = 2
	serialPorts = 4
)

func sortByKey(h *dc.Hardware) {
	slices.SortFunc(h.Controllers, func(a, b dc.Controller) int { return cmp.Compare(a.Key, b.Key) })
	slices.SortFunc(h.Drives, func(a, b dc.Drive) int { return cmp.Compare(a.Key, b.Key) })
}
