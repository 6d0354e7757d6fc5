package qemu

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"

	"hanok/dc"
)

// adapters are QEMU's models of SCSI controllers. It has no 53c1030: an LSI SAS stands in for it, and differences says so.
var adapters = map[dc.ControllerType]string{
	dc.ControllerVirtio: "virtio-scsi-pci", dc.ControllerPVSCSI: "pvscsi", dc.ControllerLSISAS: lsiSAS, dc.ControllerLSILogic: lsiSAS,
}

const lsiSAS = "mptsas1068"

// worldWideName returns the address that the disk or drive with the key has on a SAS controller: without one, the guest's driver finds
// nothing at its port. It is of the kind that is assigned locally (NAA 3), and the same for as long as the machine lives.
func worldWideName(uuid string, key int32) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", uuid, key)
	return 3<<60 | h.Sum64()>>4
}

// unit is a disk, or a drive where disk is nil, on a controller.
type unit struct {
	key, number int32
	disk        *dc.Disk
	drive       *dc.Drive
}

// storage returns the controllers, each with what is on it. A controller's place follows from its key, a unit's from its number.
func (c Command) storage() []string {
	var a []string
	h := c.Machine.Hardware
	if ide := append(c.units(dc.FirstIDEKey), c.units(dc.FirstIDEKey+1)...); len(ide) > 0 {
		a = append(a, "-device", device("piix3-ide", "ide0", slotIDE)) // the board's own IDE speaks AHCI
		a = append(a, c.attach(ide, func(u unit) string {
			place := u.key - dc.FirstIDEDriveKey
			return fmt.Sprintf("bus=ide0.%d,unit=%d", place/2, place%2)
		}, "ide")...)
	}
	for _, controller := range h.Controllers {
		bus, units := int(controller.Bus()), c.units(controller.Key)
		switch controller.Type {
		case dc.ControllerSATA:
			a = append(a, "-device", device("ich9-ahci", fmt.Sprintf("sata%d", bus), slotSATA+bus))
			a = append(a, c.attach(units, func(u unit) string { return fmt.Sprintf("bus=sata%d.%d,unit=0", bus, u.number) }, "ide")...)
		case dc.ControllerNVMe:
			// vSphere's have serial numbers of this form.
			a = append(a, "-device", device("nvme", fmt.Sprintf("nvme%d", bus), slotNVMe+bus)+fmt.Sprintf(",serial=NVME_%04d", bus))
			a = append(a, c.attach(units, func(u unit) string { return fmt.Sprintf("bus=nvme%d,nsid=%d", bus, u.number+1) }, "nvme")...)
		case dc.ControllerUSB, dc.ControllerXHCI: // usb
		default:
			a = append(a, "-device", c.controller(controller))
			a = append(a, c.attach(units, func(u unit) string {
				place := fmt.Sprintf("bus=scsi%d.0,channel=0,scsi-id=%d,lun=0", bus, u.number)
				if adapters[controller.Type] == lsiSAS {
					place += fmt.Sprintf(",wwn=%#x", worldWideName(h.UUID, u.key))
				}
				return place
			}, "scsi")...)
		}
	}
	return append(a, c.floppies()...)
}

// controller returns the option of a SCSI controller.
func (c Command) controller(controller dc.Controller) string {
	bus := int(controller.Bus())
	option := c.device(adapters[controller.Type], fmt.Sprintf("scsi%d", bus), slotSCSI+bus)
	if c.Machine.RootPorts && c.Machine.CPUHotAdd && controller.Type == dc.ControllerVirtio {
		option += fmt.Sprintf(",num_queues=%d", queues)
	}
	return option
}

// queues is how many queues a virtio controller has for its disks where CPUs may come. By itself it has one for each CPU of the
// power-on, and a machine that got CPUs before it slept would wake up with another controller.
const queues = 4

// units returns what is on the controller with the key, in the order of the keys.
func (c Command) units(controller int32) []unit {
	var all []unit
	for _, d := range c.Machine.Disks {
		if d.Controller == controller {
			all = append(all, unit{key: d.Key, number: d.Unit, disk: &d})
		}
	}
	for _, d := range c.Machine.Drives {
		if d.Type == dc.CDROM && d.Controller == controller {
			all = append(all, unit{key: d.Key, number: d.Unit, drive: &d})
		}
	}
	slices.SortFunc(all, func(a, b unit) int { return cmp.Compare(a.key, b.key) })
	return all
}

// attach puts units on a bus that has devices of QEMU's family "scsi", "ide" or "nvme". A disk whose datastore is full halts the
// guest before the write is lost (werror), except for NVMe, where QEMU can't and the guest gets the error; other errors are the
// guest's to handle.
func (c Command) attach(units []unit, place func(unit) string, family string) []string {
	var a []string
	for _, u := range units {
		first := bootIndex(c.Machine.Hardware, u.key)
		if u.drive != nil {
			a = append(a, c.drive(*u.drive, fmt.Sprintf("%s-cd,%s", family, place(u)), first)...)
			continue
		}
		name := diskID(u.key)
		a = append(a, "-blockdev", option(diskNode(*u.disk, c.Disks[u.key])))
		if family == "nvme" {
			a = append(a, "-device", fmt.Sprintf("nvme-ns,%s,drive=%s,id=%[2]s,bootindex=%d", place(u), name, first))
		} else {
			a = append(a, "-device", fmt.Sprintf("%s-hd,%s,drive=%s,id=%[3]s,bootindex=%d,werror=enospc,rerror=report",
				family, place(u), name, first))
		}
	}
	return a
}

// diskNode is the content of a disk, in a file. A thin disk gives blocks back that the guest discards or fills with zeros; a thick
// one keeps its blocks, or it would become a thin one.
func diskNode(d dc.Disk, file string) node {
	name := diskID(d.Key)
	n := node{Driver: "raw", Name: name, File: &node{Driver: "file", Name: name + "-file", Filename: file}}
	if d.Provisioning != dc.ThickLazyZeroed && d.Provisioning != dc.ThickEager {
		n.Discard, n.DetectZeroes, n.File.Discard = "unmap", "unmap", "unmap"
	}
	return n
}

// drive returns a drive for removable media, whose device is as described so far, with what lies in it.
func (c Command) drive(d dc.Drive, described string, first int) []string {
	var a []string
	name := driveID(d.Key)
	if file := c.Media[d.Key]; file != "" {
		a = append(a, "-blockdev", option(node{Driver: "raw", Name: name, ReadOnly: true,
			File: &node{Driver: "file", Name: name + "-file", Filename: file, ReadOnly: true}}))
		described += ",drive=" + name
	}
	described += ",id=" + name
	if first > 0 {
		described += fmt.Sprintf(",bootindex=%d", first)
	}
	return append(a, "-device", described)
}

// floppies are the floppy drives: their controller, which is no device of dc, knows the order in which they are tried. What lies in
// them is read only.
func (c Command) floppies() []string {
	var drives []string
	controller := "isa-fdc,id=fdc0"
	for _, d := range c.Machine.Drives {
		if d.Type == dc.Floppy {
			controller += fmt.Sprintf(",bootindex%c=%d", 'A'+d.Unit, bootIndex(c.Machine.Hardware, d.Key))
			drives = append(drives, c.drive(d, fmt.Sprintf("floppy,bus=fdc0.0,unit=%d,drive-type=144", d.Unit), 0)...)
		}
	}
	if drives == nil {
		return nil
	}
	return append([]string{"-device", controller}, drives...)
}
