package volume

import (
	"fmt"
	"hash/crc32"
	"path"
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

// configEnding ends the name of a configuration.
const configEnding = ".vmx"

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
	if m.Config == "" {
		return names{m.Folder}, nil
	}
	config := m.Config
	base, ok := strings.CutSuffix(config, configEnding)
	if m.Config = ""; ok && dc.CheckFilePath(base) == nil && !strings.Contains(base, "/") { // then the rules for folders are those for it
		m.Folder = base
		return namesOf(m)
	}
	return names{}, dc.Errorf(dc.Invalid, "its configuration %q is not the name of a file that ends in %s", config, configEnding).On(describe(m)).
		Fix("give the file another name")
}

func (n names) config() string { return n.base + configEnding }
func (n names) backup() string { return n.base + ".vmx~" }
func (n names) lock() string   { return n.base + ".vmx.lck" }
func (n names) nvram() string  { return n.base + ".nvram" }
func (n names) tpm() string    { return n.base + ".tpm" } // a folder

// snapshots and team are VMware's own: the snapshots that it knows of, and what a machine is in a group of Workstation's.
func (n names) snapshots() string { return n.base + ".vmsd" }
func (n names) team() string      { return n.base + ".vmxf" }

// variables is the file of our firmware's variables where nvram is VMware's, which has another form and stays as it is.
func (n names) variables() string { return n.base + "-hanok.nvram" }

// suspend is the name of the suspended machine's memory. As in VMware it has eight digits that tell machines with one
// name apart.
func (n names) suspend(id dc.VirtualMachineID) string {
	return fmt.Sprintf("%s-%08x.vmss", n.base, crc32.ChecksumIEEE([]byte(id)))
}

// descriptor and flat are the names of a disk's two files, and flatPath is where the second one is on the datastore: most disks are in
// the machine's folder, and all have both files in one folder.
func (n names) descriptor(d dc.Disk) string { return path.Base(d.File) }
func (n names) flat(d dc.Disk) string       { return path.Base(n.flatPath(d)) }
func (n names) flatPath(d dc.Disk) string   { return dc.FlatFile(d.File) }

// diskEnding ends the name of a disk's descriptor.
const diskEnding = ".vmdk"

// diskFile reports whether the path may be that of a disk's descriptor on m's datastore: in its folder, or in another one.
func diskFile(m dc.Machine, file string) bool {
	folder, name := path.Split(file)
	if !strings.HasSuffix(name, diskEnding) || name == diskEnding {
		return false
	}
	return folder == m.Folder+"/" || folder != "" && dc.CheckWorkPath(file) == nil && dc.FileKindOf(file) == dc.FileDisk
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

// checkDevices refuses disks that have no file in a folder, and devices whose keys stand for no address.
func checkDevices(m dc.Machine) error {
	for _, d := range m.Disks {
		if !diskFile(m, d.File) {
			return dc.Errorf(dc.Invalid, "the disk %d has no file in a folder of the datastore: %q", d.Key, d.File).On(describe(m)).
				Fix("give it a file such as %s/%[1]s.vmdk", m.Folder)
		}
		if _, ok := dc.UnitKey(d.Controller, d.Unit); !ok {
			return dc.Errorf(dc.Invalid, "the disk %d is on no controller that can have it: %d, unit %d", d.Key, d.Controller, d.Unit).
				On(describe(m)).Fix("put it on an IDE, SCSI, SATA or NVMe controller")
		}
	}
	for _, nic := range m.NICs {
		if nic.Key < dc.FirstNICKey || nic.Key >= dc.FirstNICKey+dc.MaxNICs {
			return dc.Errorf(dc.Invalid, "no slot belongs to a network adapter with the key %d", nic.Key).On(describe(m)).
				Fix("give network adapters keys from 4000 to 4009")
		}
	}
	return nil
}
