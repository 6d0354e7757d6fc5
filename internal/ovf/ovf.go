// Package ovf reads packages of virtual machines that nobody trusts, and writes their descriptors: the Open Virtualization Format of DMTF's DSP0243, versions
// 1 and 2, as VMware and VirtualBox write it, as files side by side or in one archive (OVA). It says what machine is described, in plain
// values, and hands over the files with their checksums verified; it opens no path and makes no machine. Those who import and export
// machines call it.
package ovf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what is read.
const (
	// MaxDescriptor is the longest descriptor, in bytes: real ones have some ten thousand.
	MaxDescriptor = 4 << 20
	maxDepth      = 32
	maxTokens     = 200_000
	// MaxFiles is how many files a package may have.
	MaxFiles = 1024
)

// Error says what is wrong with a package, with the element or the line.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Machine is the virtual machine that a descriptor describes.
type Machine struct {
	Name       string
	Annotation string
	Product    Product
	// GuestID is vSphere's identifier of the guest operating system, or "" where only OSType, the number of the Common Information
	// Model, is known.
	GuestID string
	OSType  int
	// HardwareVersion is VMware's, such as "vmx-19", or "".
	HardwareVersion string
	CPUs            int
	// CoresPerSocket is 0 where it is not said.
	CoresPerSocket int
	MemoryMB       int64
	// CPUHotAdd, CPUHotRemove and MemoryHotAdd say what may be done while the machine has power.
	CPUHotAdd, CPUHotRemove, MemoryHotAdd bool
	// Firmware is "efi" or "bios".
	Firmware   string
	SecureBoot bool
	// The devices are in the order of the descriptor.
	Controllers []Controller
	Disks       []Disk
	Drives      []Drive
	NICs        []NIC
	SerialPorts []SerialPort
	// Video is nil where no graphics adapter is described.
	Video    *Video
	TPM      bool
	Watchdog bool
	// Networks are those that the NICs are connected to, by name.
	Networks []Network
	// Extra are settings of VMware's that no element of its own has, by their keys in a .vmx.
	Extra []Extra
	// Files are all that the package refers to.
	Files []File
	// Notes are what a user should know: what is not taken over.
	Notes []string
}

// Product is what is in the machine.
type Product struct{ Name, Vendor, Version string }

// The kinds of controllers.
const (
	SCSI = "scsi"
	IDE  = "ide"
	SATA = "sata"
	NVMe = "nvme"
	USB  = "usb"
)

// Controller is a controller of disks and drives, or of USB devices.
type Controller struct {
	// ID is what its disks and drives name it by.
	ID string
	// Kind is one of SCSI, IDE, SATA, NVMe and USB, and Model what the descriptor calls it: "VirtualSCSI", "lsilogic", "vmware.usb.xhci".
	Kind, Model string
	// Bus is its number among those of its kind, -1 where it is not said.
	Bus int
}

// Disk is a virtual disk.
type Disk struct {
	CapacityBytes int64
	// PopulatedBytes is how much data there is, or -1.
	PopulatedBytes int64
	// Format is the URL of the format.
	Format string
	// File is the name of the file with its content, or "" for an empty disk.
	File string
	// Controller is the ID of its controller, or "", and Unit its place there, -1 where it is not said.
	Controller string
	Unit       int
}

// Drive is a CD-ROM or floppy drive. Media in it is not taken over.
type Drive struct {
	// Kind is "cdrom" or "floppy".
	Kind       string
	Controller string
	Unit       int
}

// NIC is a network adapter.
type NIC struct {
	// Model is what the descriptor calls it: "VmxNet3", "E1000".
	Model   string
	Network string
	// MAC is the address that is asked for, or "".
	MAC string
	// Disconnected says that the cable is not plugged in after a power-on.
	Disconnected bool
}

// SerialPort is a serial port. What is behind it is not taken over.
type SerialPort struct{ Name string }

// Video is the graphics adapter.
type Video struct {
	// MemoryKB is the size of its memory, in KB, or 0 where it is not said.
	MemoryKB int64
}

// Network is a network that NICs are connected to.
type Network struct{ Name, Description string }

// File is a file of the package.
type File struct {
	ID, Name string
	// Size is in bytes, or -1 where it is not said.
	Size int64
}

// Parse reads a descriptor. The error is an *Error.
func Parse(data []byte) (*Machine, error) {
	if len(data) > MaxDescriptor {
		return nil, errorf("the descriptor is longer than %d bytes", MaxDescriptor)
	}
	if err := scan(data); err != nil {
		return nil, err
	}
	var e envelope
	if err := xml.Unmarshal(data, &e); err != nil {
		return nil, errorf("the descriptor is no OVF: %v", err)
	}
	b := builder{e: &e, m: &Machine{Firmware: "bios"}}
	if err := b.build(); err != nil {
		return nil, err
	}
	return b.m, nil
}

// scan refuses XML that is deep, long, or has a document type, before anything is made of it.
func scan(data []byte) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	depth := 0
	for n := 0; ; n++ {
		if n > maxTokens {
			return errorf("the descriptor has more than %d parts", maxTokens)
		}
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		line, _ := d.InputPos()
		if err != nil {
			return errorf("the descriptor is no XML: %v", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return errorf("line %d: elements lie more than %d deep", line, maxDepth)
			}
			if len(t.Attr) > 100 {
				return errorf("line %d: an element has %d attributes", line, len(t.Attr))
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			return errorf("line %d: a document type is not allowed", line)
		}
	}
}

// fileName refuses what is not the name of a file beside the descriptor.
func fileName(name string) error {
	if name == "" || name == "." || name == ".." || path.Base(name) != name || strings.ContainsAny(name, `/\:`) || len(name) > 200 ||
		!utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return errorf("%q is not the name of a file beside the descriptor", name)
	}
	return nil
}

// bytesOf reads a number in allocation units as DSP0004 writes them, "byte * 2^30", or in the words of early versions.
func bytesOf(number, units string) (int64, error) {
	number = strings.TrimSpace(number)
	if strings.HasPrefix(number, "${") {
		return 0, errorf("%s is a property, which is not supported: give the number itself", number)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 {
		return 0, errorf("%q is no number", number)
	}
	factor := int64(1)
	switch u := strings.ToLower(strings.ReplaceAll(units, " ", "")); u {
	case "", "byte", "bytes":
	case "kilobytes":
		factor = 1 << 10
	case "megabytes":
		factor = 1 << 20
	case "gigabytes":
		factor = 1 << 30
	default:
		power, ok := strings.CutPrefix(u, "byte*")
		base, exponent, found := strings.Cut(power, "^")
		bn, err1 := strconv.Atoi(base)
		en, err2 := strconv.Atoi(exponent)
		if !ok || !found || err1 != nil || err2 != nil || bn != 2 && bn != 10 || en < 0 || en > 50 || bn == 10 && en > 15 {
			return 0, errorf("the unit %q is not known", units)
		}
		for range en {
			factor *= int64(bn)
		}
	}
	if n > 0 && factor > (1<<62)/n {
		return 0, errorf("%s %s is too much", number, units)
	}
	return n * factor, nil
}
