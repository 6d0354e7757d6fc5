package volume

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hanok/dc"
	"hanok/internal/beneath"
)

const (
	logName = "vmware.log"
	// longestSuffix is the longest thing that is put behind a folder's name.
	longestSuffix = len("-00000000.vmss" + beneath.Temporary)
	maxFileName   = 255 // bytes, on Linux
)

// names are the file names of one machine.
type names struct{ base string }

// namesOf returns the names of m's files, or an error when its folder cannot be one.
func namesOf(m dc.Machine) (names, error) {
	fail := func(why string) (names, error) {
		return names{}, dc.Errorf(dc.Invalid, "its folder %q %s", m.Folder, why).On(describe(m)).
			Fix("create the machine under another name")
	}
	switch f := m.Folder; {
	case f == "" || f == "." || f == "..":
		return fail("is not the name of a folder")
	case strings.ContainsAny(f, `/\`):
		return fail("has a slash or backslash in it: it must lie directly in its datastore")
	case strings.ContainsRune(f, '"'):
		return fail("has a quotation mark in it, which disk descriptors cannot hold")
	case !utf8.ValidString(f) || strings.ContainsFunc(f, unicode.IsControl):
		return fail("is not plain text")
	case len(f)+longestSuffix > maxFileName:
		return fail(fmt.Sprintf("is longer than %d bytes", maxFileName-longestSuffix))
	}
	return names{m.Folder}, nil
}

func (n names) config() string { return n.base + ".vmx" }
func (n names) backup() string { return n.base + ".vmx~" }
func (n names) lock() string   { return n.base + ".vmx.lck" }
func (n names) nvram() string  { return n.base + ".nvram" }

// suspend is the name of the suspended machine's memory. As in VMware it has eight digits that tell machines with one
// name apart.
func (n names) suspend(id dc.VirtualMachineID) string {
	return fmt.Sprintf("%s-%08x.vmss", n.base, crc32.ChecksumIEEE([]byte(id)))
}

// descriptor and flat are the names of a disk's two files. They follow from the disk's key, so that they stay when
// another disk goes.
func (n names) descriptor(d dc.Disk) string { return n.disk(d) + ".vmdk" }
func (n names) flat(d dc.Disk) string       { return n.disk(d) + "-flat.vmdk" }

func (n names) disk(d dc.Disk) string {
	if d.Key == dc.FirstDiskKey {
		return n.base
	}
	return n.base + "_" + strconv.Itoa(int(d.Key-dc.FirstDiskKey))
}

// oldLog is the name of an earlier log; a higher number is a younger log, as in ESXi.
func oldLog(number int) string { return fmt.Sprintf("vmware-%d.log", number) }

// oldLogNumber returns the number in the name of an earlier log.
func oldLogNumber(name string) (int, bool) {
	s, ok := strings.CutPrefix(name, "vmware-")
	if !ok {
		return 0, false
	}
	number, err := strconv.Atoi(strings.TrimSuffix(s, ".log"))
	return number, err == nil && oldLog(number) == name
}

// describe names the machine as a user knows it.
func describe(m dc.Machine) string { return dc.Describe(dc.KindVirtualMachine, m.Name) }

// What a machine may have, as in vSphere: four SCSI controllers with sixteen addresses each, of which the controller
// has one itself, and ten network adapters.
const (
	scsiBuses      = 4
	disksPerBus    = 15
	scsiController = 7
	maxNICs        = 10
)

// scsiAddress returns the address that a disk's key stands for: keys count the addresses that a disk can have.
func scsiAddress(key int32) (bus, unit int32) {
	n := key - dc.FirstDiskKey
	bus, unit = n/disksPerBus, n%disksPerBus
	if unit >= scsiController {
		unit++
	}
	return bus, unit
}

// checkKeys refuses devices whose keys stand for no address.
func checkKeys(m dc.Machine) error {
	const lastDisk = dc.FirstDiskKey + scsiBuses*disksPerBus - 1
	for _, d := range m.Disks {
		if d.Key < dc.FirstDiskKey || d.Key > lastDisk {
			return dc.Errorf(dc.Invalid, "no SCSI address belongs to a disk with the key %d", d.Key).On(describe(m)).
				Fix("give disks keys from %d to %d", dc.FirstDiskKey, lastDisk)
		}
	}
	for _, nic := range m.NICs {
		if nic.Key < dc.FirstNICKey || nic.Key >= dc.FirstNICKey+maxNICs {
			return dc.Errorf(dc.Invalid, "no slot belongs to a network adapter with the key %d", nic.Key).On(describe(m)).
				Fix("give network adapters keys from 4000 to 4009")
		}
	}
	return nil
}
