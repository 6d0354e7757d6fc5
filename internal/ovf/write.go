package ovf

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Format of disks in packages that are written: the stream-optimized VMDK.
const StreamOptimized = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"

// Extra is a setting of VMware's that no element of its own has.
type Extra struct{ Key, Value string }

const head = `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" ` +
	`xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" ` +
	`xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
`

// Encode returns the descriptor of the machine, as a vCenter would export it, in version 1 of the format: what Parse reads again. The
// machine's disks name files among its files, its NICs networks among its networks, and controllers have numbers above 2 as IDs.
func Encode(m *Machine) []byte {
	w := &writer{taken: map[string]bool{"1": true, "2": true}, next: 3}
	for _, c := range m.Controllers {
		w.taken[c.ID] = true
	}
	w.b.WriteString(head)
	w.references(m)
	w.line(1, `<VirtualSystem ovf:id="%s">`, m.Name)
	w.line(2, `<Info>A virtual machine</Info>`)
	w.line(2, `<Name>%s</Name>`, m.Name)
	w.line(2, `<OperatingSystemSection ovf:id="%d" vmw:osType="%s">`, m.OSType, m.GuestID)
	w.line(3, `<Info>The kind of installed guest operating system</Info>`)
	w.line(2, `</OperatingSystemSection>`)
	w.hardware(m)
	if m.Annotation != "" {
		w.line(2, `<AnnotationSection>`)
		w.line(3, `<Info>A human-readable annotation</Info>`)
		w.line(3, `<Annotation>%s</Annotation>`, m.Annotation)
		w.line(2, `</AnnotationSection>`)
	}
	w.line(1, `</VirtualSystem>`)
	w.line(0, `</Envelope>`)
	return w.b.Bytes()
}

type writer struct {
	b     bytes.Buffer
	taken map[string]bool
	next  int
}

// raw is text that is markup.
type raw string

// line writes a line of which texts are escaped.
func (w *writer) line(depth int, format string, args ...any) {
	for i, a := range args {
		if text, ok := a.(string); ok {
			var b strings.Builder
			_ = xml.EscapeText(&b, []byte(text)) // to memory
			args[i] = b.String()
		}
	}
	fmt.Fprintf(&w.b, strings.Repeat("  ", depth)+format+"\n", args...)
}

// id returns an InstanceID that no other device has.
func (w *writer) id() string {
	for w.taken[strconv.Itoa(w.next)] {
		w.next++
	}
	id := strconv.Itoa(w.next)
	w.taken[id] = true
	return id
}

func (w *writer) references(m *Machine) {
	w.line(1, `<References>`)
	for _, f := range m.Files {
		if f.Size >= 0 {
			w.line(2, `<File ovf:href="%s" ovf:id="%s" ovf:size="%d"/>`, f.Name, f.ID, f.Size)
		} else {
			w.line(2, `<File ovf:href="%s" ovf:id="%s"/>`, f.Name, f.ID)
		}
	}
	w.line(1, `</References>`)
	w.line(1, `<DiskSection>`)
	w.line(2, `<Info>Virtual disk information</Info>`)
	for i, d := range m.Disks {
		var ref, populated raw
		if at := slices.IndexFunc(m.Files, func(f File) bool { return f.Name == d.File }); at >= 0 {
			ref = raw(fmt.Sprintf(` ovf:fileRef="%s"`, m.Files[at].ID))
		}
		if d.PopulatedBytes >= 0 {
			populated = raw(fmt.Sprintf(` ovf:populatedSize="%d"`, d.PopulatedBytes))
		}
		w.line(2, `<Disk ovf:capacity="%d" ovf:capacityAllocationUnits="byte" ovf:diskId="vmdisk%d"%s ovf:format="%s"%s/>`, d.CapacityBytes, i+1, ref, d.Format, populated)
	}
	w.line(1, `</DiskSection>`)
	w.line(1, `<NetworkSection>`)
	w.line(2, `<Info>The list of logical networks</Info>`)
	for _, n := range m.Networks {
		w.line(2, `<Network ovf:name="%s">`, n.Name)
		w.line(3, `<Description>The %s network</Description>`, n.Name)
		w.line(2, `</Network>`)
	}
	w.line(1, `</NetworkSection>`)
}

func (w *writer) hardware(m *Machine) {
	w.line(2, `<VirtualHardwareSection>`)
	w.line(3, `<Info>Virtual hardware requirements</Info>`)
	w.line(3, `<System>`)
	w.line(4, `<vssd:ElementName>Virtual Hardware Family</vssd:ElementName>`)
	w.line(4, `<vssd:InstanceID>0</vssd:InstanceID>`)
	w.line(4, `<vssd:VirtualSystemIdentifier>%s</vssd:VirtualSystemIdentifier>`, m.Name)
	w.line(4, `<vssd:VirtualSystemType>%s</vssd:VirtualSystemType>`, m.HardwareVersion)
	w.line(3, `</System>`)
	// The elements of an item are in the alphabetic order that the schema has.
	w.item(true, field{"AllocationUnits", "hertz * 10^6"}, field{"Description", "Number of Virtual CPUs"}, field{"ElementName", fmt.Sprintf("%d virtual CPU(s)", m.CPUs)},
		field{"InstanceID", "1"}, field{"ResourceType", typeCPU}, field{"VirtualQuantity", strconv.Itoa(m.CPUs)}, field{"vmw:CoresPerSocket", strconv.Itoa(max(m.CoresPerSocket, 1))})
	w.item(true, field{"AllocationUnits", "byte * 2^20"}, field{"Description", "Memory Size"}, field{"ElementName", fmt.Sprintf("%dMB of memory", m.MemoryMB)},
		field{"InstanceID", "2"}, field{"ResourceType", typeMemory}, field{"VirtualQuantity", strconv.FormatInt(m.MemoryMB, 10)})
	for _, c := range m.Controllers {
		kind := map[string]string{SCSI: typeSCSI, IDE: typeIDE, USB: typeUSB}[c.Kind]
		if kind == "" {
			kind = typeStorage
		}
		w.item(c.Kind != USB, field{"Address", strconv.Itoa(c.Bus)}, field{"ElementName", fmt.Sprintf("%s Controller %d", strings.ToUpper(c.Kind), c.Bus)},
			field{"InstanceID", c.ID}, field{"ResourceSubType", c.Model}, field{"ResourceType", kind})
	}
	for i, d := range m.Disks {
		w.item(true, field{"AddressOnParent", strconv.Itoa(d.Unit)}, field{"ElementName", fmt.Sprintf("Hard Disk %d", i+1)},
			field{"HostResource", fmt.Sprintf("ovf:/disk/vmdisk%d", i+1)}, field{"InstanceID", w.id()}, field{"Parent", d.Controller}, field{"ResourceType", typeDisk})
	}
	for i, d := range m.Drives {
		kind, model, name := typeCD, "vmware.cdrom.remotepassthrough", fmt.Sprintf("CD/DVD drive %d", i+1)
		if d.Kind == "floppy" {
			kind, model, name = typeFloppy, "vmware.floppy.remotedevice", fmt.Sprintf("Floppy drive %d", i+1)
		}
		w.item(false, field{"AddressOnParent", strconv.Itoa(d.Unit)}, field{"AutomaticAllocation", "false"}, field{"ElementName", name}, field{"InstanceID", w.id()},
			field{"Parent", d.Controller}, field{"ResourceSubType", model}, field{"ResourceType", kind})
	}
	for i, n := range m.NICs {
		w.item(true, field{"AddressOnParent", strconv.Itoa(7 + i)}, field{"AutomaticAllocation", strconv.FormatBool(!n.Disconnected)}, field{"Connection", n.Network},
			field{"ElementName", fmt.Sprintf("Network adapter %d", i+1)}, field{"InstanceID", w.id()}, field{"ResourceSubType", n.Model}, field{"ResourceType", typeEthernet})
	}
	for _, p := range m.SerialPorts {
		w.item(false, field{"AutomaticAllocation", "false"}, field{"ElementName", p.Name}, field{"InstanceID", w.id()}, field{"ResourceSubType", "vmware.serialport.device"},
			field{"ResourceType", typeSerial})
	}
	if m.Video != nil {
		w.item(false, field{"ElementName", "Video card"}, field{"InstanceID", w.id()}, field{"ResourceType", typeVideo},
			field{"vmw:Config videoRamSizeInKB", strconv.FormatInt(m.Video.MemoryKB, 10)})
	}
	for _, o := range []struct {
		has         bool
		name, model string
	}{{m.TPM, "Trusted Platform Module", "vmware.vtpm"}, {m.Watchdog, "Watchdog timer", "vmware.watchdogtimer"}} {
		if o.has {
			w.item(false, field{"ElementName", o.name}, field{"InstanceID", w.id()}, field{"ResourceSubType", o.model}, field{"ResourceType", typeOther})
		}
	}
	for _, c := range []Extra{{"bootOptions.efiSecureBootEnabled", strconv.FormatBool(m.SecureBoot)}, {"cpuHotAddEnabled", strconv.FormatBool(m.CPUHotAdd)},
		{"cpuHotRemoveEnabled", strconv.FormatBool(m.CPUHotRemove)}, {"firmware", m.Firmware}, {"memoryHotAddEnabled", strconv.FormatBool(m.MemoryHotAdd)}} {
		w.line(3, `<vmw:Config ovf:required="false" vmw:key="%s" vmw:value="%s"/>`, c.Key, c.Value)
	}
	for _, e := range m.Extra {
		w.line(3, `<vmw:ExtraConfig ovf:required="false" vmw:key="%s" vmw:value="%s"/>`, e.Key, e.Value)
	}
	w.line(2, `</VirtualHardwareSection>`)
}

// field is one element of an item. Those without a value are left out.
type field struct{ name, value string }

func (w *writer) item(required bool, fields ...field) {
	attribute := raw("")
	if !required {
		attribute = ` ovf:required="false"`
	}
	w.line(3, `<Item%s>`, attribute)
	for _, f := range fields {
		config, isConfig := strings.CutPrefix(f.name, "vmw:Config ")
		switch {
		case f.value == "":
		case isConfig:
			w.line(4, `<vmw:Config ovf:required="false" vmw:key="%s" vmw:value="%s"/>`, config, f.value)
		case f.name == "vmw:CoresPerSocket":
			w.line(4, `<vmw:CoresPerSocket ovf:required="false">%s</vmw:CoresPerSocket>`, f.value)
		default:
			w.line(4, `<rasd:%s>%s</rasd:%s>`, raw(f.name), f.value, raw(f.name))
		}
	}
	w.line(3, `</Item>`)
}
