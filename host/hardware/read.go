package hardware

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"hanok/dc"
	"hanok/internal/vmx"
)

// Read returns the machine that c describes. The error is a *vmx.SyntaxError with the line and the key of what can't be: a value
// that is none, a device that we can't have. Whether a machine may have all of it is for dc.CheckHardware to say.
func Read(c *vmx.Config) (Machine, error) {
	r := &reader{c: c}
	m := Machine{Networks: map[int32]string{}}
	m.Name, _ = c.Get("displayName")
	m.Annotation, _ = c.Get("annotation")
	r.refuse()
	h := &m.Hardware
	h.UUID, h.InstanceUUID = r.uuid("uuid.bios"), r.uuid("vc.uuid")
	h.Version = int(r.int("virtualHW.version", 0, 3, 99))
	if h.Version == 0 {
		r.fail("virtualHW.version", "it is missing: this is no machine of VMware's")
	}
	guest, _ := c.Get("guestOS")
	h.GuestID = vmx.GuestID(guest)
	h.Firmware = dc.Firmware(r.word("firmware", string(dc.BIOS), string(dc.BIOS), string(dc.EFI)))
	if h.MemoryMB = r.int("memSize", 0, 1, math.MaxInt32); h.MemoryMB == 0 {
		r.fail("memSize", "it is missing: say how many MB of memory the machine has")
	}
	h.CPUs = int(r.int("numvcpus", 1, 1, math.MaxInt16))
	h.CoresPerSocket = int(r.int("cpuid.coresPerSocket", 1, 1, math.MaxInt16))
	h.CPUHotAdd, h.CPUHotRemove, h.MemoryHotAdd = r.bool("vcpu.hotadd"), r.bool("vcpu.hotremove"), r.bool("mem.hotadd")
	h.TPM, h.RootPorts = r.bool("vtpm.present"), r.bool(ours+"rootPorts")
	if r.bool("vwdt.present") {
		h.Watchdog = &dc.Watchdog{StartRunning: r.bool("vwdt.runOnBoot")}
	}
	h.Video = dc.Video{MemoryKB: r.int("svga.vramSize", 4<<20, 0, math.MaxInt32) >> 10, Model: dc.VideoSVGA}
	if model, _ := c.Get(ours + "svga.model"); model == string(dc.VideoVGA) {
		h.Video.Model = dc.VideoVGA
	}
	r.controllers(h)
	r.floppies(h)
	r.adapters(&m)
	r.slots(h)
	r.serialPorts(h)
	r.inputs(h)
	h.Boot = dc.Boot{DelayMS: r.int("bios.bootDelay", 0, 0, math.MaxInt32), EnterSetup: r.bool("bios.forceSetupOnce"),
		Secure: r.bool("uefi.secureBoot.enabled")}
	h.Boot.Order = readOrder(c, *h)
	if r.err != nil {
		return Machine{}, r.err
	}
	return m, nil
}

// reader keeps the first error.
type reader struct {
	c   *vmx.Config
	err error
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) fail(key, format string, args ...any) { r.keep(r.c.Errorf(key, format, args...)) }

func (r *reader) bool(key string) bool { return r.boolOr(key, false) }

func (r *reader) boolOr(key string, otherwise bool) bool {
	value, err := r.c.Bool(key, otherwise)
	r.keep(err)
	return value
}

func (r *reader) int(key string, otherwise, least, most int64) int64 {
	n, err := r.c.Int(key, otherwise, least, most)
	r.keep(err)
	return n
}

func (r *reader) uuid(key string) string {
	text, _ := r.c.Get(key)
	if text == "" {
		return ""
	}
	uuid, err := vmx.ParseUUID(text)
	if err != nil {
		r.fail(key, "%v", err)
	}
	return uuid
}

// word returns the value of a key, in lower case, which must be one of some.
func (r *reader) word(key, otherwise string, some ...string) string {
	value, _ := r.c.Get(key)
	if value = strings.ToLower(value); value == "" {
		return otherwise
	}
	if !slices.Contains(some, value) {
		r.fail(key, "there is no %q here: it can be %s", value, strings.Join(some, ", "))
	}
	return value
}

// model returns the model of a device: ours, if VMware's word is still the one that was written with it.
func (r *reader) model(key, otherwise string, some ...string) string {
	value := r.word(key, otherwise, some...)
	if model, _ := r.c.Get(ours + key); model != "" && virtual[model] == value {
		return model
	}
	return value
}

// refuse reports what makes a machine another one than we could execute.
func (r *reader) refuse() {
	for _, key := range []string{"encryption.keySafe", "encryption.data"} {
		if _, there := r.c.Get(key); there {
			r.fail(key, "the machine is encrypted: decrypt it with VMware first")
		}
	}
	for n := range 16 {
		if key := fmt.Sprintf("pciPassthru%d.present", n); r.bool(key) {
			r.fail(key, "a device of the host can't be passed to a machine: remove it from the machine first")
		}
	}
}

func (r *reader) controllers(h *dc.Hardware) {
	for n := range int32(2) {
		r.units(h, buses[0], n) // they are part of every machine, and not listed
	}
	usb := r.bool("usb.present")
	if ehci := r.bool("ehci.present"); usb || ehci {
		h.Controllers = append(h.Controllers, dc.Controller{Key: dc.FirstUSBKey, Type: dc.ControllerUSB})
	}
	if r.bool("usb_xhci.present") {
		h.Controllers = append(h.Controllers, dc.Controller{Key: dc.FirstXHCIKey, Type: dc.ControllerXHCI})
	}
	for _, b := range buses[1:] {
		for n := range b.controllers {
			name := fmt.Sprintf("%s%d.", b.word, n)
			if !r.bool(name + "present") {
				continue
			}
			h.Controllers = append(h.Controllers, dc.Controller{Key: b.first + n, Type: r.controller(b, name)})
			r.units(h, b, n)
		}
	}
	slices.SortFunc(h.Controllers, func(a, b dc.Controller) int { return int(a.Key - b.Key) })
	slices.SortFunc(h.Disks, func(a, b dc.Disk) int { return int(a.Key - b.Key) })
}

func (r *reader) controller(b bus, name string) dc.ControllerType {
	switch b.first {
	case dc.FirstSATAKey:
		return dc.ControllerSATA
	case dc.FirstNVMeKey:
		return dc.ControllerNVMe
	}
	r.word(name+"sharedBus", "none", "none")
	return dc.ControllerType(r.model(name+"virtualDev", string(dc.ControllerLSILogic),
		string(dc.ControllerLSILogic), string(dc.ControllerLSISAS), string(dc.ControllerPVSCSI)))
}

// The kinds of what can be a unit of a controller.
const (
	noUnit = iota
	diskUnit
	driveUnit
	otherUnit
)

// kindOf returns the kind of the unit whose keys begin with name. A value that is no truth value is otherUnit.
func kindOf(c *vmx.Config, name string) int {
	if present, err := c.Bool(name+"present", false); err != nil {
		return otherUnit
	} else if !present {
		return noUnit
	}
	kind, _ := c.Get(name + "deviceType")
	switch strings.ToLower(kind) {
	case "", "disk", "scsi-harddisk", "ata-harddisk":
		return diskUnit
	case "cdrom-image", "cdrom-raw", "atapi-cdrom":
		return driveUnit
	}
	return otherUnit
}

// units reads the disks and drives on the controller n of the bus.
func (r *reader) units(h *dc.Hardware, b bus, n int32) {
	for unit := range b.units {
		name := unitName(b.first+n, unit)
		kind := kindOf(r.c, name)
		if kind == noUnit {
			continue
		}
		key, ok := dc.UnitKey(b.first+n, unit)
		switch {
		case !ok:
			r.fail(name+"present", "the controller itself is this unit: nothing else can be")
		case kind == diskUnit:
			h.Disks = append(h.Disks, r.disk(name, dc.Disk{Key: key, Controller: b.first + n, Unit: unit}))
		case kind == driveUnit:
			d := dc.Drive{Key: key, Type: dc.CDROM, Controller: b.first + n, Unit: unit}
			if kind, _ := r.c.Get(name + "deviceType"); strings.EqualFold(kind, "cdrom-image") {
				d.Media = r.media(name + "fileName")
			}
			h.Drives = append(h.Drives, r.connected(name, d))
		default:
			r.bool(name + "present")
			kind, _ := r.c.Get(name + "deviceType")
			r.fail(name+"deviceType", "%q is neither a disk's file nor a CD-ROM drive: remove the device first", kind)
		}
	}
}

func (r *reader) disk(name string, d dc.Disk) dc.Disk {
	d.File, _ = r.c.Get(name + "fileName")
	if d.File == "" {
		r.fail(name+"fileName", "it is missing: say which descriptor the disk has")
	}
	mode := r.word(name+"mode", "persistent", "persistent", "independent-persistent")
	d.Mode = dc.DiskMode(strings.ReplaceAll(mode, "-", "_"))
	return d
}

// connected returns the drive as it is after a power-on.
func (r *reader) connected(name string, d dc.Drive) dc.Drive {
	d.StartDisconnected = !r.boolOr(name+"startConnected", true)
	return started(d)
}

// started is the drive as a configuration has it, which says nothing of now: as it is after a power-on. ESXi writes that an empty drive
// is not connected then, which is not meant for what is put into it later.
func started(d dc.Drive) dc.Drive {
	full := d.Media != (dc.Media{})
	d.StartDisconnected = d.StartDisconnected && full
	d.Connected = full && !d.StartDisconnected
	return d
}

// media reads the name of a file: one that lies in a datastore, by the datastore's name, or any other.
func (r *reader) media(key string) dc.Media {
	file, _ := r.c.Get(key)
	if rest, ok := strings.CutPrefix(file, volumes); ok {
		if datastore, path, ok := strings.Cut(rest, "/"); ok && datastore != "" && path != "" {
			return dc.Media{Datastore: dc.DatastoreID(datastore), Path: path}
		}
	}
	return dc.Media{Path: file}
}

func (r *reader) floppies(h *dc.Hardware) {
	for n := range int32(floppies) {
		name := fmt.Sprintf("floppy%d.", n)
		if !r.bool(name + "present") {
			continue
		}
		d := dc.Drive{Key: dc.FirstFloppyKey + n, Type: dc.Floppy, Unit: n}
		if r.word(name+"fileType", "device", "device", "file") == "file" {
			d.Media = r.media(name + "fileName")
		}
		h.Drives = append(h.Drives, r.connected(name, d))
	}
	slices.SortFunc(h.Drives, func(a, b dc.Drive) int { return int(a.Key - b.Key) })
}

func (r *reader) adapters(m *Machine) {
	for n := range int32(dc.MaxNICs) {
		card := fmt.Sprintf("ethernet%d.", n)
		if !r.bool(card + "present") {
			continue
		}
		nic := dc.NIC{Key: dc.FirstNICKey + n, StartConnected: r.boolOr(card+"startConnected", true)}
		nic.Connected = nic.StartConnected
		nic.Type = dc.NICType(r.model(card+"virtualDev", string(dc.E1000), string(dc.VMXNET3), string(dc.E1000E), string(dc.E1000)))
		address := "generatedAddress"
		if kind, _ := r.c.Get(card + "addressType"); strings.EqualFold(kind, "static") {
			address = "address"
		}
		mac, _ := r.c.Get(card + address)
		nic.MAC = strings.ToLower(mac)
		m.Hardware.NICs = append(m.Hardware.NICs, nic)
		for _, key := range []string{"networkName", "connectionType"} { // Workstation has the latter: nat, bridged, hostonly
			if name, _ := r.c.Get(card + key); name != "" {
				m.Networks[nic.Key] = name
				break
			}
		}
	}
}

// printer is what Workstation has behind a port for its printers, which is no port for us.
const printer = "thinprint"

func (r *reader) serialPorts(h *dc.Hardware) {
	for n := range int32(serialPorts) {
		name := fmt.Sprintf("serial%d.", n)
		kind, _ := r.c.Get(name + "fileType")
		if !r.bool(name+"present") || strings.EqualFold(kind, printer) {
			continue
		}
		p := dc.SerialPort{Key: dc.FirstSerialKey + n, Console: r.bool(ours + name + "console")}
		if strings.EqualFold(kind, "file") {
			p.File = r.media(name + "fileName")
		}
		h.SerialPorts = append(h.SerialPorts, p)
	}
}

func (r *reader) inputs(h *dc.Hardware) {
	var vmware []dc.InputType
	for _, k := range inputKeys {
		if r.bool(k.key) {
			vmware = append(vmware, k.input)
		}
	}
	var all []dc.InputType
	words, _ := r.c.Get(ours + "inputs")
	for word := range strings.SplitSeq(words, ",") {
		if word != "" {
			all = append(all, dc.InputType(word))
		}
	}
	kinds := slices.Compact(slices.Sorted(slices.Values(all)))
	if slices.Equal(kinds, slices.Sorted(slices.Values(vmware))) {
		h.Inputs = all
		return
	}
	h.Inputs = vmware
}
