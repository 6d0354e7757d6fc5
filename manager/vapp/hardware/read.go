package hardware

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hanok/dc"
	"hanok/internal/ovf"
)

// Machine is what a descriptor was found to describe.
type Machine struct {
	// Hardware has no identity: no UUIDs, no addresses and port groups of its adapters, no files of its disks.
	Hardware dc.Hardware
	// Networks are those of the adapters, in their order, "" for none; and Disks which of the descriptor's disks each disk is.
	Networks []string
	Disks    []int
	// Warnings say what is other than it is described, each a sentence.
	Warnings []string
}

// otherSystem is the guest where nothing is known.
const otherSystem = "otherGuest64"

// defaultVideoKB is the memory of a graphics adapter of which the descriptor doesn't say it.
const defaultVideoKB = 16 << 10

// Read returns the hardware that m describes. Whether a machine may have all of it is for dc.CheckHardware to say. Kinds: Unsupported
// for what can't be had and could not be replaced without the guest's noticing it, Invalid for devices that have no place.
func Read(m *ovf.Machine) (Machine, error) {
	r := &reader{m: m, controllers: map[string]int32{}}
	r.out.Warnings = slices.Clone(m.Notes)
	r.system()
	for _, step := range []func() error{r.readControllers, r.disks, r.drives, r.adapters} {
		if err := step(); err != nil {
			return Machine{}, err
		}
	}
	r.others()
	sortByKey(r.h())
	if h, version := r.h(), dc.VersionFor(*r.h()); version != h.Version {
		r.warn("the hardware version is %d instead of %d, which does not have all of its devices", version, h.Version)
		h.Version = version
	}
	return r.out, nil
}

type reader struct {
	m   *ovf.Machine
	out Machine
	// controllers are the keys by the descriptor's IDs.
	controllers map[string]int32
}

func (r *reader) h() *dc.Hardware { return &r.out.Hardware }

func (r *reader) warn(format string, args ...any) {
	r.out.Warnings = append(r.out.Warnings, fmt.Sprintf(format, args...))
}

// system is all but the devices.
func (r *reader) system() {
	m, h := r.m, r.h()
	h.CPUs, h.CoresPerSocket = m.CPUs, max(m.CoresPerSocket, 1)
	if h.CPUs%h.CoresPerSocket != 0 {
		r.warn("each CPU is a socket of its own: %d CPUs are not whole sockets of %d cores", h.CPUs, h.CoresPerSocket)
		h.CoresPerSocket = 1
	}
	h.MemoryMB = (m.MemoryMB + dc.MemoryStepMB - 1) / dc.MemoryStepMB * dc.MemoryStepMB
	h.CPUHotAdd, h.CPUHotRemove, h.MemoryHotAdd = m.CPUHotAdd, m.CPUHotRemove, m.MemoryHotAdd
	h.Firmware, h.Boot.Secure = dc.Firmware(m.Firmware), m.SecureBoot
	h.GuestID = cmp.Or(m.GuestID, guests[m.OSType])
	if h.GuestID == "" {
		h.GuestID = otherSystem
		r.warn("the guest operating system (%d) is not known, and is taken for %s", m.OSType, otherSystem)
	}
	h.RootPorts, h.Version = true, dc.DefaultHardwareVersion
	if number, ok := strings.CutPrefix(m.HardwareVersion, "vmx-"); ok {
		version, err := strconv.Atoi(number)
		if err == nil && dc.IsHardwareVersion(version) {
			h.Version = version
		} else {
			r.warn("the hardware version is %d instead of %s", h.Version, m.HardwareVersion)
		}
	}
}

// readControllers gives each controller its number, if it is free, else the next.
func (r *reader) readControllers() error {
	taken := map[int32]bool{}
	for _, explicit := range []bool{true, false} {
		for _, c := range r.m.Controllers {
			if c.Kind == ovf.USB || (c.Bus >= 0) != explicit {
				continue
			}
			k := kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == c.Kind })]
			n := c.Bus
			if n < 0 || n >= k.controllers || taken[k.first+int32(n)] {
				for n = 0; n < k.controllers && taken[k.first+int32(n)]; n++ {
				}
			}
			if n == k.controllers {
				return dc.Errorf(dc.Unsupported, "it has more than %d %s controllers", k.controllers, strings.ToUpper(c.Kind)).
					Fix("remove one where the machine runs, and export it again")
			}
			key := k.first + int32(n)
			taken[key], r.controllers[c.ID] = true, key
			if k.name == ovf.IDE { // they are part of every machine, and not listed
				continue
			}
			t, err := r.controllerType(k, c)
			if err != nil {
				return err
			}
			r.h().Controllers = append(r.h().Controllers, dc.Controller{Key: key, Type: t})
		}
	}
	for _, c := range r.m.Controllers {
		if c.Kind != ovf.USB {
			continue
		}
		t, ok := modelOf(usbModels, c.Model)
		if !ok {
			t = dc.ControllerUSB
		}
		key := int32(dc.FirstUSBKey)
		if t == dc.ControllerXHCI {
			key = dc.FirstXHCIKey
		}
		if slices.ContainsFunc(r.h().Controllers, func(o dc.Controller) bool { return o.Key == key }) {
			r.warn("the USB controller %q is left out: there is one already", c.Model)
			continue
		}
		r.h().Controllers = append(r.h().Controllers, dc.Controller{Key: key, Type: t})
	}
	return nil
}

// controllerType returns the model of a controller. In place of one that can't be had it is virtio-scsi, for which Linux always has a
// driver and Windows never of itself.
func (r *reader) controllerType(k kind, c ovf.Controller) (dc.ControllerType, error) {
	t, ok := ownModel(r.m.Extra, k.models, fmt.Sprint(k.name, c.Bus), c.Model)
	if !ok {
		t, ok = modelOf(k.models, c.Model)
	}
	switch {
	case ok && t == dc.ControllerLSILogic:
		r.warn("the controller scsi%d is an LSI Logic Parallel, in whose place its guest sees an LSI Logic SAS: it needs the driver for that", c.Bus)
	case ok:
	case k.name != ovf.SCSI:
		t = k.models[0].ours
	case strings.HasPrefix(strings.ToLower(r.h().GuestID), "win"):
		return "", dc.Errorf(dc.Unsupported, "its guest %s boots from the controller %q, which can't be had, and has no driver for virtio-scsi",
			r.h().GuestID, c.Model).Fix("give it another controller where it runs, such as LSI Logic SAS, and export it again")
	default:
		t = dc.ControllerVirtio
		r.warn("the controller scsi%d is virtio-scsi instead of %q", max(c.Bus, 0), cmp.Or(c.Model, "any"))
	}
	return t, nil
}

// free reports whether nothing is at the place with the key.
func (r *reader) free(key int32) bool {
	return !slices.ContainsFunc(r.h().Disks, func(d dc.Disk) bool { return d.Key == key }) &&
		!slices.ContainsFunc(r.h().Drives, func(d dc.Drive) bool { return d.Key == key })
}

// unit returns the unit asked for of a controller if it can be and is free, else the first one that is.
func (r *reader) unit(controller int32, asked int) (key, unit int32, ok bool) {
	t := dc.ControllerIDE
	if at := slices.IndexFunc(r.h().Controllers, func(c dc.Controller) bool { return c.Key == controller }); at >= 0 {
		t = r.h().Controllers[at].Type
	}
	units := dc.Units(t, r.h().Version)
	if asked >= 0 && asked < int(units) {
		if key, ok := dc.UnitKey(controller, int32(asked)); ok && r.free(key) {
			return key, int32(asked), true
		}
	}
	for unit := range units {
		if key, ok := dc.UnitKey(controller, unit); ok && r.free(key) {
			return key, unit, true
		}
	}
	return 0, 0, false
}

// disks puts those first that can have the place that they ask for, so that no other gets it.
func (r *reader) disks() error {
	h := r.h()
	places := map[int32]int{} // which of the descriptor's is at a key
	take := func(i int, d dc.Disk) {
		d.CapacityBytes, d.Provisioning, d.Mode = dc.RoundUpMB(r.m.Disks[i].CapacityBytes), dc.Thin, dc.Persistent
		h.Disks, places[d.Key] = append(h.Disks, d), i
	}
	var others []int
	for i, d := range r.m.Disks {
		controller, known := r.controllers[d.Controller]
		key, unit, ok := r.unit(controller, d.Unit)
		if !known || !ok || d.Unit != int(unit) {
			others = append(others, i)
			continue
		}
		take(i, dc.Disk{Key: key, Controller: controller, Unit: unit})
	}
	for _, i := range others {
		d := r.m.Disks[i]
		controller := r.controllers[d.Controller]
		if d.Controller == "" {
			controller = r.virtio()
			r.warn("the disk %d is at a virtio-scsi controller: the package says none", i+1)
		}
		key, unit, ok := r.unit(controller, -1)
		if !ok {
			return dc.Errorf(dc.Invalid, "there is no room for the disk %d at the controller %q", i+1, d.Controller).
				Fix("put it at another controller where the machine runs, and export it again")
		}
		if d.Unit >= 0 && d.Controller != "" {
			r.warn("the disk %d is unit %d of its controller instead of %d", i+1, unit, d.Unit)
		}
		take(i, dc.Disk{Key: key, Controller: controller, Unit: unit})
	}
	slices.SortFunc(h.Disks, func(a, b dc.Disk) int { return cmp.Compare(a.Key, b.Key) })
	for _, d := range h.Disks {
		r.out.Disks = append(r.out.Disks, places[d.Key])
	}
	return nil
}

// virtio returns the key of a virtio-scsi controller with a free unit, which is added if need be, or 0 where there is no room for one.
func (r *reader) virtio() int32 {
	h := r.h()
	for key := int32(dc.FirstSCSIKey); key < dc.FirstSCSIKey+4; key++ {
		i := slices.IndexFunc(h.Controllers, func(c dc.Controller) bool { return c.Key == key })
		if i < 0 {
			h.Controllers = append(h.Controllers, dc.Controller{Key: key, Type: dc.ControllerVirtio})
			return key
		}
		if _, _, ok := r.unit(key, -1); ok && h.Controllers[i].Type == dc.ControllerVirtio {
			return key
		}
	}
	return 0
}

// drives are empty: what is in them is not in a package.
func (r *reader) drives() error {
	h, floppy := r.h(), int32(0)
	for _, d := range r.m.Drives {
		if dc.DriveType(d.Kind) == dc.Floppy {
			if floppy == floppies {
				r.warn("a floppy drive is left out: there are %d already", floppies)
				continue
			}
			h.Drives = append(h.Drives, dc.Drive{Key: dc.FirstFloppyKey + floppy, Type: dc.Floppy, Unit: floppy})
			floppy++
			continue
		}
		at, asked := r.controllers[d.Controller], d.Unit
		if at == 0 || at >= dc.FirstNVMeKey {
			at, asked = dc.FirstIDEKey, -1
		}
		key, unit, ok := r.unit(at, asked)
		for other := int32(dc.FirstIDEKey); !ok && other < dc.FirstIDEKey+2; other++ {
			at = other
			key, unit, ok = r.unit(at, -1)
		}
		if !ok {
			r.warn("a CD-ROM drive is left out: there is no room for it")
			continue
		}
		h.Drives = append(h.Drives, dc.Drive{Key: key, Type: dc.CDROM, Controller: at, Unit: unit})
	}
	return nil
}

// adapters are E1000 where the model can't be had: every guest has a driver for that.
func (r *reader) adapters() error {
	for i, n := range r.m.NICs {
		t, ok := ownModel(r.m.Extra, nicModels, fmt.Sprint("ethernet", i), n.Model)
		if !ok {
			t, ok = modelOf(nicModels, n.Model)
		}
		if !ok {
			t = dc.E1000
			r.warn("the network adapter %d is E1000 instead of %q", i+1, cmp.Or(n.Model, "any"))
		}
		r.h().NICs = append(r.h().NICs, dc.NIC{Key: dc.FirstNICKey + int32(i), Type: t, Connected: !n.Disconnected, StartConnected: !n.Disconnected})
		r.out.Networks = append(r.out.Networks, n.Network)
	}
	return nil
}

// others are the devices that are on no controller. The machine's console is behind its first serial port, which every machine has.
func (r *reader) others() {
	m, h := r.m, r.h()
	for i := range max(1, min(len(m.SerialPorts), serialPorts)) {
		h.SerialPorts = append(h.SerialPorts, dc.SerialPort{Key: dc.FirstSerialKey + int32(i), Console: i == 0})
	}
	if n := len(m.SerialPorts); n > serialPorts {
		r.warn("%d of %d serial ports are left out", n-serialPorts, n)
	}
	h.Video = dc.Video{MemoryKB: defaultVideoKB}
	if m.Video != nil {
		h.Video.MemoryKB = cmp.Or(m.Video.MemoryKB, defaultVideoKB)
		ours := slices.Contains(m.Extra, ovf.Extra{Key: ownKey(videoDevice), Value: string(dc.VideoVGA)})
		if strings.HasPrefix(m.HardwareVersion, "vmx-") && !ours {
			h.Video.Model = dc.VideoSVGA
		}
	}
	if m.Watchdog {
		h.Watchdog = &dc.Watchdog{}
	}
	if h.TPM = m.TPM; m.TPM {
		r.warn("its TPM is a new one: what the guest has sealed with the old one can't be opened")
	}
	for _, f := range m.Files {
		if !slices.ContainsFunc(m.Disks, func(d ovf.Disk) bool { return d.File == f.Name }) {
			r.warn("the file %s is left out: no disk is in it", f.Name)
		}
	}
}
