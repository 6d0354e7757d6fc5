package vapp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hanok/dc"
	"hanok/internal/ovf"
	"hanok/manager/compute"
)

// osTypes are vSphere's guest identifiers for the operating systems of the Common Information Model
// (CIM_OperatingSystem.OSType), which packages of others than VMware have alone.
var osTypes = map[int]string{36: "otherLinuxGuest", 42: "freebsdGuest", 78: "freebsd11_64Guest", 79: "rhel6Guest", 80: "rhel7_64Guest",
	93: "ubuntuGuest", 94: "ubuntu64Guest", 95: "debian6Guest", 96: "debian10_64Guest", 101: "otherLinux64Guest", 102: "otherGuest64"}

// otherSystem is the guest where nothing is known.
const otherSystem = "otherGuest64"

// machineOf returns the machine that is asked for, and what is other than the package says, each a sentence.
func machineOf(m *ovf.Machine, req Request) (compute.CreateRequest, []string, error) {
	out := req.Machine
	warnings := slices.Clone(m.Notes)
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	out.CPUs, out.Firmware = m.CPUs, dc.Firmware(m.Firmware)
	out.MemoryMB = (m.MemoryMB + dc.MemoryStepMB - 1) / dc.MemoryStepMB * dc.MemoryStepMB
	out.Annotation = cmp.Or(out.Annotation, m.Annotation)
	out.GuestID = cmp.Or(m.GuestID, osTypes[m.OSType])
	if out.GuestID == "" {
		out.GuestID = otherSystem
		warn("the guest operating system (%d) is not known, and is taken for %s", m.OSType, otherSystem)
	}
	if m.CoresPerSocket > 1 {
		warn("each CPU is a socket of its own, not %d cores of one", m.CoresPerSocket)
	}
	if m.SecureBoot {
		warn("it boots without secure boot, which it was made for")
	}
	if n := len(m.Drives); n > 0 {
		warn("%d CD-ROM or floppy drives are left out", n)
	}
	if err := addDisks(&out, m, warn); err != nil {
		return out, nil, err
	}
	err := addNICs(&out, m, req.Networks, warn)
	return out, warnings, err
}

// addDisks puts the disks on a virtio controller. A guest that has no driver for it could not boot, which Windows never has of
// itself, and Linux always.
func addDisks(out *compute.CreateRequest, m *ovf.Machine, warn func(string, ...any)) error {
	for i, d := range m.Disks {
		at := slices.IndexFunc(m.Controllers, func(c ovf.Controller) bool { return c.ID == d.Controller })
		was := "none"
		if at >= 0 {
			was = cmp.Or(m.Controllers[at].Model, m.Controllers[at].Kind)
		}
		if !strings.Contains(strings.ToLower(was), "virtio") {
			if strings.HasPrefix(strings.ToLower(out.GuestID), "win") {
				return dc.Errorf(dc.Unsupported, "its guest %s boots from the controller %s, which can't be had, and has no driver for virtio-scsi", out.GuestID, was).
					On(dc.Describe(dc.KindVirtualMachine, out.Name)).
					Fix("install the virtio drivers in the guest, give it a virtio-scsi controller where it runs, and export it again")
			}
			warn("the disk %d is at a virtio-scsi controller instead of %s", i+1, was)
		}
		out.Disks = append(out.Disks, compute.DiskRequest{CapacityBytes: dc.RoundUpMB(d.CapacityBytes)})
	}
	return nil
}

func addNICs(out *compute.CreateRequest, m *ovf.Machine, networks map[string]dc.PortGroupID, warn func(string, ...any)) error {
	object := dc.Describe(dc.KindVirtualMachine, out.Name)
	for name := range networks {
		if name != "" && !slices.ContainsFunc(m.Networks, func(n ovf.Network) bool { return n.Name == name }) {
			return dc.Errorf(dc.Invalid, "the package has no network %q", name).On(object).Fix("name one of its networks: %s", networkNames(m))
		}
	}
	for i, n := range m.NICs {
		portGroup, ok := networks[n.Network]
		if !ok {
			portGroup, ok = networks[""]
		}
		if !ok {
			return dc.Errorf(dc.Invalid, "the package's network %q has no port group", n.Network).On(object).
				Fix("say which one it is to be: NETWORK=PORTGROUP, or one port group for all")
		}
		if !strings.Contains(strings.ToLower(n.Model), "virtio") {
			warn("the network adapter %d is virtio instead of %s", i+1, cmp.Or(n.Model, "any"))
		}
		out.NICs = append(out.NICs, compute.NICRequest{PortGroup: portGroup})
	}
	return nil
}

func networkNames(m *ovf.Machine) string {
	var names []string
	for _, n := range m.Networks {
		names = append(names, fmt.Sprintf("%q", n.Name))
	}
	return cmp.Or(strings.Join(names, ", "), "it has none")
}
