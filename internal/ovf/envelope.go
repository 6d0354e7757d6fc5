package ovf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The elements of a descriptor, by their local names: the namespaces differ between versions and writers.
type envelope struct {
	Files []struct {
		ID          string `xml:"id,attr"`
		Href        string `xml:"href,attr"`
		Size        string `xml:"size,attr"`
		Compression string `xml:"compression,attr"`
		ChunkSize   string `xml:"chunkSize,attr"`
	} `xml:"References>File"`
	Disks []struct {
		ID        string `xml:"diskId,attr"`
		FileRef   string `xml:"fileRef,attr"`
		Capacity  string `xml:"capacity,attr"`
		Units     string `xml:"capacityAllocationUnits,attr"`
		Format    string `xml:"format,attr"`
		Populated string `xml:"populatedSize,attr"`
		ParentRef string `xml:"parentRef,attr"`
	} `xml:"DiskSection>Disk"`
	Networks []struct {
		Name        string `xml:"name,attr"`
		Description string `xml:"Description"`
	} `xml:"NetworkSection>Network"`
	Systems    []system `xml:"VirtualSystem"`
	Collection []struct {
		Systems []system `xml:"VirtualSystem"`
	} `xml:"VirtualSystemCollection"`
}

type system struct {
	ID   string `xml:"id,attr"`
	Name string `xml:"Name"`
	OS   struct {
		ID     string `xml:"id,attr"`
		OSType string `xml:"osType,attr"`
	} `xml:"OperatingSystemSection"`
	Products []struct {
		Product     string `xml:"Product"`
		Vendor      string `xml:"Vendor"`
		Version     string `xml:"Version"`
		FullVersion string `xml:"FullVersion"`
	} `xml:"ProductSection"`
	Annotation string `xml:"AnnotationSection>Annotation"`
	Hardware   []struct {
		Type     string   `xml:"System>VirtualSystemType"`
		Items    []item   `xml:"Item"`
		Storage  []item   `xml:"StorageItem"`
		Ethernet []item   `xml:"EthernetPortItem"`
		Config   []config `xml:"Config"`
		Extra    []config `xml:"ExtraConfig"`
	} `xml:"VirtualHardwareSection"`
}

type config struct {
	Key   string `xml:"key,attr"`
	Value string `xml:"value,attr"`
}

type item struct {
	Required        string   `xml:"required,attr"`
	Address         string   `xml:"Address"`
	AddressOnParent string   `xml:"AddressOnParent"`
	Units           string   `xml:"AllocationUnits"`
	Connection      []string `xml:"Connection"`
	Name            string   `xml:"ElementName"`
	HostResource    []string `xml:"HostResource"`
	InstanceID      string   `xml:"InstanceID"`
	Parent          string   `xml:"Parent"`
	SubType         []string `xml:"ResourceSubType"`
	Type            string   `xml:"ResourceType"`
	Quantity        string   `xml:"VirtualQuantity"`
	CoresPerSocket  string   `xml:"CoresPerSocket"`
	Automatic       string   `xml:"AutomaticAllocation"`
	Config          []config `xml:"Config"`
}

// Resource types of the Common Information Model (CIM_ResourceAllocationSettingData).
const (
	typeOther     = "1"
	typeCPU       = "3"
	typeMemory    = "4"
	typeIDE       = "5"
	typeSCSI      = "6"
	typeEthernet  = "10"
	typeFloppy    = "14"
	typeCD        = "15"
	typeDVD       = "16"
	typeDisk      = "17"
	typeStorage   = "20"
	typeSerial    = "21"
	typeUSB       = "23"
	typeVideo     = "24"
	typeSound     = "35"
	maxItems      = 1000
	maxCapacity   = 62 << 40
	maxText       = 64 << 10
	maxCPUs       = 1024
	maxMemoryMB   = 64 << 20
	unknownNumber = -1
)

type builder struct {
	e     *envelope
	m     *Machine
	files map[string]File
	disks map[string]Disk
}

func (b *builder) build() error {
	systems := b.e.Systems
	for _, c := range b.e.Collection {
		systems = append(systems, c.Systems...)
	}
	switch {
	case len(systems) == 0:
		return errorf("the descriptor has no VirtualSystem")
	case len(systems) > 1:
		return errorf("the descriptor has %d virtual machines (a vApp), and only one can be imported", len(systems))
	case len(systems[0].Hardware) == 0:
		return errorf("the descriptor has no VirtualHardwareSection")
	}
	s := systems[0]
	for _, step := range []func() error{b.readFiles, b.readDisks, func() error { return b.readSystem(s) }, func() error { return b.readItems(s) }} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) readFiles() error {
	b.files = map[string]File{}
	names := map[string]bool{}
	if len(b.e.Files) > MaxFiles {
		return errorf("the descriptor refers to %d files", len(b.e.Files))
	}
	for _, f := range b.e.Files {
		if err := fileName(f.Href); err != nil {
			return err
		}
		if f.Compression != "" && f.Compression != "identity" {
			return errorf("the file %s is compressed (%s), which is not supported: unpack it, and remove the attribute", f.Href, f.Compression)
		}
		if f.ChunkSize != "" {
			return errorf("the file %s is in chunks, which is not supported: join them", f.Href)
		}
		if _, ok := b.files[f.ID]; ok || f.ID == "" || names[f.Href] {
			return errorf("the file %s (id %q) is named twice, or has no id", f.Href, f.ID)
		}
		file := File{ID: f.ID, Name: f.Href, Size: unknownNumber}
		if f.Size != "" {
			n, err := strconv.ParseInt(f.Size, 10, 64)
			if err != nil || n < 0 {
				return errorf("the size %q of the file %s is no number", f.Size, f.Href)
			}
			file.Size = n
		}
		b.files[f.ID], names[f.Href] = file, true
		b.m.Files = append(b.m.Files, file)
	}
	return nil
}

func (b *builder) readDisks() error {
	b.disks = map[string]Disk{}
	for _, d := range b.e.Disks {
		if _, ok := b.disks[d.ID]; ok || d.ID == "" {
			return errorf("the disk %q is there twice, or has no diskId", d.ID)
		}
		if d.ParentRef != "" {
			return errorf("the disk %q builds on %q (parentRef), which is not supported: export it without snapshots", d.ID, d.ParentRef)
		}
		capacity, err := bytesOf(d.Capacity, d.Units)
		if err != nil {
			return errorf("the capacity of the disk %q: %v", d.ID, err)
		}
		if capacity <= 0 || capacity > maxCapacity {
			return errorf("the capacity of the disk %q, %d bytes, can't be", d.ID, capacity)
		}
		disk := Disk{CapacityBytes: capacity, PopulatedBytes: unknownNumber, Format: d.Format, Unit: unknownNumber}
		if n, err := strconv.ParseInt(d.Populated, 10, 64); err == nil && n >= 0 {
			disk.PopulatedBytes = n
		}
		if d.FileRef != "" {
			f, ok := b.files[d.FileRef]
			if !ok {
				return errorf("the disk %q is in the file %q, which is not among the References", d.ID, d.FileRef)
			}
			disk.File = f.Name
		}
		b.disks[d.ID] = disk
	}
	return nil
}

func (b *builder) readSystem(s system) error {
	m := b.m
	m.Name, m.Annotation = strings.TrimSpace(s.Name), strings.TrimSpace(s.Annotation)
	if m.Name == "" {
		m.Name = s.ID
	}
	if len(m.Name) > maxText || len(m.Annotation) > maxText {
		return errorf("the name or the annotation is longer than %d bytes", maxText)
	}
	if len(s.Products) > 0 {
		p := s.Products[0]
		m.Product = Product{p.Product, p.Vendor, p.Version}
		if m.Product.Version == "" {
			m.Product.Version = p.FullVersion
		}
	}
	m.GuestID = strings.TrimPrefix(s.OS.OSType, "*") // which a vCenter puts before a guest that it has no tools for
	m.OSType, _ = strconv.Atoi(s.OS.ID)
	h := s.Hardware[0]
	for version := range strings.FieldsFuncSeq(h.Type, func(r rune) bool { return r == ' ' || r == ',' || r == ';' }) {
		if strings.HasPrefix(version, "vmx-") {
			m.HardwareVersion = version // the last of several is the highest
		}
	}
	for _, c := range h.Config {
		switch c.Key {
		case "firmware":
			if c.Value != "efi" && c.Value != "bios" {
				return errorf("the firmware %q is not known", c.Value)
			}
			m.Firmware = c.Value
		case "bootOptions.efiSecureBootEnabled", "uefi.secureBoot.enabled":
			m.SecureBoot = m.SecureBoot || c.Value == "true"
		case "cpuHotAddEnabled":
			m.CPUHotAdd = c.Value == "true"
		case "cpuHotRemoveEnabled":
			m.CPUHotRemove = c.Value == "true"
		case "memoryHotAddEnabled":
			m.MemoryHotAdd = c.Value == "true"
		}
	}
	if len(h.Extra) > maxItems {
		return errorf("the machine has %d extra settings", len(h.Extra))
	}
	for _, c := range h.Extra {
		m.Extra = append(m.Extra, Extra(c))
	}
	if len(s.Hardware) > 1 {
		b.note("of %d descriptions of the hardware the first is taken", len(s.Hardware))
	}
	for _, n := range b.e.Networks {
		m.Networks = append(m.Networks, Network{n.Name, strings.TrimSpace(n.Description)})
	}
	return nil
}

func (b *builder) note(format string, args ...any) {
	b.m.Notes = append(b.m.Notes, fmt.Sprintf(format, args...))
}

func (b *builder) readItems(s system) error {
	h := s.Hardware[0]
	items := append(append(append([]item{}, h.Items...), h.Storage...), h.Ethernet...)
	if len(items) > maxItems {
		return errorf("the machine has %d devices", len(items))
	}
	seen := map[string]bool{}
	for _, i := range items {
		if i.InstanceID == "" || seen[i.InstanceID] {
			return errorf("the device %q has the InstanceID %q, which another one has, or none", i.Name, i.InstanceID)
		}
		seen[i.InstanceID] = true
		if err := b.readItem(i); err != nil {
			return err
		}
	}
	switch {
	case b.m.CPUs < 1 || b.m.CPUs > maxCPUs:
		return errorf("a machine with %d CPUs can't be", b.m.CPUs)
	case b.m.MemoryMB < 1 || b.m.MemoryMB > maxMemoryMB:
		return errorf("a machine with %d MB of memory can't be", b.m.MemoryMB)
	}
	return b.checkReferences()
}

func (b *builder) readItem(i item) error {
	fail := func(err error) error { return errorf("the device %q (InstanceID %s): %v", i.Name, i.InstanceID, err) }
	switch i.Type {
	case typeCPU:
		n, err := bytesOf(i.Quantity, "")
		if err != nil {
			return fail(err)
		}
		b.m.CPUs = int(min(n, maxCPUs+1))
		b.m.CoresPerSocket, _ = strconv.Atoi(i.CoresPerSocket)
	case typeMemory:
		units := i.Units
		if units == "" {
			units = "MegaBytes"
		}
		n, err := bytesOf(i.Quantity, units)
		if err != nil {
			return fail(err)
		}
		b.m.MemoryMB = n >> 20
	case typeIDE, typeSCSI, typeStorage, typeUSB:
		b.readController(i)
	case typeDisk:
		disk, err := b.diskOf(i)
		if err != nil {
			return fail(err)
		}
		b.m.Disks = append(b.m.Disks, disk)
	case typeCD, typeDVD, typeFloppy:
		kind := "cdrom"
		if i.Type == typeFloppy {
			kind = "floppy"
		}
		b.m.Drives = append(b.m.Drives, Drive{kind, i.Parent, number(i.AddressOnParent)})
	case typeEthernet:
		n := NIC{Model: first(i.SubType), Network: first(i.Connection), MAC: strings.ToLower(i.Address), Disconnected: i.Automatic == "false"}
		b.m.NICs = append(b.m.NICs, n)
	case typeSerial:
		b.m.SerialPorts = append(b.m.SerialPorts, SerialPort{i.Name})
	case typeVideo:
		b.readVideo(i)
	default:
		if err := b.readOther(i); err != nil {
			return fail(err)
		}
	}
	return nil
}

func (b *builder) readVideo(i item) {
	if b.m.Video != nil {
		b.note("the graphics adapter %q is left out: there is one already", i.Name)
		return
	}
	b.m.Video = &Video{}
	for _, c := range i.Config {
		if n, err := strconv.ParseInt(c.Value, 10, 64); c.Key == "videoRamSizeInKB" && err == nil && n > 0 {
			b.m.Video.MemoryKB = n
		}
	}
}

// everyMachine are what each machine has, or does not miss.
var everyMachine = []string{"vmware.keyboard", "vmware.pointingdevice", "vmware.pcicontroller", "vmware.ps2controller", "vmware.siocontroller", "vmware.vmci"}

// readOther reads a device that has no type of its own. One that can't be had and that the descriptor requires is an error.
func (b *builder) readOther(i item) error {
	model := strings.ToLower(first(i.SubType))
	switch {
	case model == "vmware.vtpm":
		b.m.TPM = true
	case model == "vmware.watchdogtimer":
		b.m.Watchdog = true
	case slices.Contains(everyMachine, model):
	case i.Required != "false" && (i.Type != typeOther && i.Type != typeSound || strings.Contains(model, "passthrough")):
		return errorf("devices of type %q %s are not supported", i.Type, first(i.SubType))
	default:
		b.note("the device %q is left out", i.Name)
	}
	return nil
}

func (b *builder) readController(i item) {
	kind, model := SCSI, first(i.SubType)
	lower := strings.ToLower(model)
	switch {
	case i.Type == typeUSB:
		kind = USB
	case i.Type == typeIDE:
		kind = IDE
	case strings.Contains(lower, "nvme"):
		kind = NVMe
	case strings.Contains(lower, "ahci"), strings.Contains(lower, "sata"):
		kind = SATA
	}
	b.m.Controllers = append(b.m.Controllers, Controller{i.InstanceID, kind, model, number(i.Address)})
}

func (b *builder) diskOf(i item) (Disk, error) {
	ref := first(i.HostResource)
	id, ok := strings.CutPrefix(strings.TrimPrefix(ref, "ovf:"), "/disk/")
	if !ok {
		return Disk{}, errorf("it is on %q, which is no disk of the package", ref)
	}
	disk, ok := b.disks[id]
	if !ok {
		return Disk{}, errorf("there is no disk %q", id)
	}
	disk.Controller, disk.Unit = i.Parent, number(i.AddressOnParent)
	return disk, nil
}

func (b *builder) checkReferences() error {
	controllers, networks, places := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range b.m.Controllers {
		controllers[c.ID] = true
	}
	for _, n := range b.m.Networks {
		networks[n.Name] = true
	}
	used := map[string]bool{}
	for _, d := range b.m.Disks {
		if d.Controller != "" && !controllers[d.Controller] {
			return errorf("a disk is at the controller %q, which is not there", d.Controller)
		}
		if place := fmt.Sprint(d.Controller, ":", d.Unit); d.Controller != "" && d.Unit >= 0 {
			if places[place] {
				return errorf("two disks are at the controller %q, unit %d", d.Controller, d.Unit)
			}
			places[place] = true
		}
		if d.File != "" && used[d.File] {
			return errorf("two disks are in the file %s", d.File)
		}
		used[d.File] = true
	}
	for _, n := range b.m.NICs {
		if n.Network != "" && !networks[n.Network] {
			return errorf("a network adapter is connected to %q, which is not among the networks", n.Network)
		}
	}
	return nil
}

// number returns a small number, or unknownNumber.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return unknownNumber
	}
	return n
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return strings.TrimSpace(all[0])
}
