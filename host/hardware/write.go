package hardware

import (
	"fmt"
	"strconv"
	"strings"

	"hanok/dc"
	"hanok/internal/vmx"
)

// Write brings c in line with m: the devices that m has, with what c says of them besides, and none that it doesn't have. Keys that
// nobody here knows stay. The error is that of a UUID that is none.
func Write(c *vmx.Config, m Machine) error {
	h := m.Hardware
	for _, u := range []struct{ key, uuid string }{{"uuid.bios", h.UUID}, {"vc.uuid", h.InstanceUUID}} {
		if u.uuid == "" {
			continue
		}
		text, err := vmx.FormatUUID(u.uuid)
		if err != nil {
			return fmt.Errorf("%s: %w", u.key, err)
		}
		c.Set(u.key, text)
	}
	number := func(key string, n int64) { c.Set(key, strconv.FormatInt(n, 10)) }
	c.Set("config.version", "8")
	number("virtualHW.version", int64(h.Version))
	c.Set("displayName", m.Name)
	setOrDelete(c, "annotation", m.Annotation)
	c.Set("guestOS", vmx.GuestOS(h.GuestID))
	c.Set("firmware", string(h.Firmware))
	number("memSize", h.MemoryMB)
	number("numvcpus", int64(h.CPUs))
	number("cpuid.coresPerSocket", int64(max(1, h.CoresPerSocket)))
	flag(c, "vcpu.hotadd", h.CPUHotAdd)
	flag(c, "vcpu.hotremove", h.CPUHotRemove)
	flag(c, "mem.hotadd", h.MemoryHotAdd)
	flag(c, "uefi.secureBoot.enabled", h.Boot.Secure)
	flag(c, "bios.forceSetupOnce", h.Boot.EnterSetup)
	flag(c, "vtpm.present", h.TPM)
	if h.Boot.DelayMS > 0 {
		number("bios.bootDelay", h.Boot.DelayMS)
	} else {
		c.Delete("bios.bootDelay")
	}
	flag(c, "vwdt.present", h.Watchdog != nil)
	flag(c, "vwdt.runOnBoot", h.Watchdog != nil && h.Watchdog.StartRunning)
	writeVideo(c, h.Video)
	writeControllers(c, h)
	writeUnits(c, h)
	writeFloppies(c, h)
	writeAdapters(c, h.NICs, m.Networks)
	writeSerialPorts(c, h.SerialPorts)
	writeInputs(c, h.Inputs)
	writeOrder(c, h)
	return nil
}

// flag writes a truth value that is false where it isn't written, and does not write that.
func flag(c *vmx.Config, key string, value bool) {
	if _, there := c.Get(key); there || value {
		c.SetBool(key, value)
	}
}

func setOrDelete(c *vmx.Config, key, value string) {
	if value == "" {
		c.Delete(key)
		return
	}
	c.Set(key, value)
}

// writeModel writes the model of a device: VMware's own, or the nearest with ours beside it.
func writeModel(c *vmx.Config, key, model string) {
	if nearest, ok := virtual[model]; ok {
		c.Set(key, nearest)
		c.Set(ours+key, model)
		return
	}
	c.Set(key, model)
	c.Delete(ours + key)
}

func writeVideo(c *vmx.Config, v dc.Video) {
	if v.MemoryKB > 0 {
		c.Set("svga.vramSize", strconv.FormatInt(v.MemoryKB<<10, 10))
	}
	if v.Model == dc.VideoSVGA {
		c.Delete(ours + "svga.model")
	} else {
		c.Set(ours+"svga.model", string(dc.VideoVGA))
	}
}

func writeControllers(c *vmx.Config, h dc.Hardware) {
	present := map[int32]dc.ControllerType{}
	for _, controller := range h.Controllers {
		present[controller.Key] = controller.Type
	}
	for _, b := range buses[1:] { // a machine always has its IDE controllers
		for n := range b.controllers {
			name := fmt.Sprintf("%s%d.", b.word, n)
			model, there := present[b.first+n]
			if !there {
				c.DeletePrefix(name)
				c.DeletePrefix(ours + name)
				continue
			}
			c.Set(name+"present", "TRUE")
			if b.first == dc.FirstSCSIKey {
				writeModel(c, name+"virtualDev", string(model))
			}
		}
	}
	_, usb := present[dc.FirstUSBKey]
	flag(c, "usb.present", usb)
	flag(c, "ehci.present", usb)
	_, xhci := present[dc.FirstXHCIKey]
	flag(c, "usb_xhci.present", xhci)
}

// hardDisk returns the word for a disk on the bus.
func hardDisk(b bus) string {
	if b.first == dc.FirstSCSIKey {
		return "scsi-hardDisk"
	}
	return "disk"
}

// writeUnits writes the disks and the CD-ROM drives, and forgets those that are no longer there.
func writeUnits(c *vmx.Config, h dc.Hardware) {
	used := map[string]bool{}
	for _, d := range h.Disks {
		b, ok := busOf(d.Controller)
		if !ok {
			continue
		}
		name := d.Instance() + "."
		used[name] = true
		c.Set(name+"present", "TRUE")
		c.Set(name+"deviceType", hardDisk(b))
		c.Set(name+"fileName", d.File)
		if mode := strings.ReplaceAll(string(d.Mode), "_", "-"); mode != "" {
			c.Set(name+"mode", mode)
		}
	}
	for _, d := range h.Drives {
		if d.Type != dc.CDROM {
			continue
		}
		name := unitName(d.Controller, d.Unit)
		used[name] = true
		writeDrive(c, name, "deviceType", "atapi-cdrom", "cdrom-image", "emptyBackingString", d)
	}
	for _, b := range buses {
		for n := range b.controllers * b.units {
			name := unitName(b.first+n/b.units, n%b.units)
			if kind := kindOf(c, name); !used[name] && (kind == diskUnit || kind == driveUnit) {
				c.DeletePrefix(name)
			}
		}
	}
}

// unitName is the beginning of the keys of a disk or drive.
func unitName(controller, unit int32) string {
	return dc.Disk{Controller: controller, Unit: unit}.Instance() + "."
}

// writeDrive writes a drive for removable media, whose kind stands under the key type.
func writeDrive(c *vmx.Config, name, kind, empty, image, nothing string, d dc.Drive) {
	c.Set(name+"present", "TRUE")
	if d.Media == (dc.Media{}) {
		c.Set(name+kind, empty)
		c.Set(name+"fileName", nothing)
		c.Set(name+"clientDevice", "TRUE")
	} else {
		c.Set(name+kind, image)
		c.Set(name+"fileName", mediaFile(d.Media))
		c.Delete(name + "clientDevice")
	}
	c.SetBool(name+"startConnected", d.Connected)
}

// volumes is where ESXi shows its datastores.
const volumes = "/vmfs/volumes/"

// mediaFile is the name of a file as ESXi would have it.
func mediaFile(m dc.Media) string {
	if m.Datastore == "" {
		return m.Path
	}
	return volumes + string(m.Datastore) + "/" + m.Path
}

func writeFloppies(c *vmx.Config, h dc.Hardware) {
	used := map[int32]bool{}
	for _, d := range h.Drives {
		if d.Type == dc.Floppy {
			used[d.Unit] = true
			writeDrive(c, fmt.Sprintf("floppy%d.", d.Unit), "fileType", "device", "file", "", d)
		}
	}
	for n := range int32(floppies) {
		name := fmt.Sprintf("floppy%d.", n)
		if present, _ := c.Get(name + "present"); !used[n] && !strings.EqualFold(present, "FALSE") {
			c.DeletePrefix(name)
		}
	}
	if !used[0] {
		c.Set("floppy0.present", "FALSE") // VMware adds one unless told not to
	}
}

// writeAdapters writes the network adapters, and forgets those that are no longer there.
func writeAdapters(c *vmx.Config, nics []dc.NIC, networks map[int32]string) {
	used := map[int32]bool{}
	for _, nic := range nics {
		n := nic.Key - dc.FirstNICKey
		used[n] = true
		card := fmt.Sprintf("ethernet%d.", n)
		c.Set(card+"present", "TRUE")
		writeModel(c, card+"virtualDev", string(nic.Type))
		c.Set(card+"networkName", networks[nic.Key])
		c.Set(card+"addressType", "static")
		c.Set(card+"address", nic.MAC)
		c.Set(card+"checkMACAddress", "FALSE") // or VMware refuses addresses outside its own range
		c.SetBool(card+"startConnected", nic.StartConnected)
	}
	for n := range int32(dc.MaxNICs) {
		if card := fmt.Sprintf("ethernet%d.", n); !used[n] {
			c.DeletePrefix(card)
			c.DeletePrefix(ours + card)
		}
	}
}

// writeSerialPorts writes the serial ports. VMware has no console behind one: it gets a pipe that nobody opens.
func writeSerialPorts(c *vmx.Config, ports []dc.SerialPort) {
	used := map[int32]bool{}
	for _, p := range ports {
		n := p.Key - dc.FirstSerialKey
		used[n] = true
		name := fmt.Sprintf("serial%d.", n)
		c.Set(name+"present", "TRUE")
		c.Set(name+"yieldOnMsrRead", "TRUE")
		if p.File != (dc.Media{}) {
			c.Set(name+"fileType", "file")
			c.Set(name+"fileName", mediaFile(p.File))
		} else {
			c.Set(name+"fileType", "pipe")
			c.Set(name+"fileName", fmt.Sprintf("serial%d", n))
			c.Set(name+"pipe.endPoint", "server")
			c.Set(name+"startConnected", "FALSE")
		}
		if p.Console {
			c.Set(ours+name+"console", "TRUE")
		} else {
			c.Delete(ours + name + "console")
		}
	}
	for n := range int32(serialPorts) {
		if name := fmt.Sprintf("serial%d.", n); !used[n] {
			c.DeletePrefix(name)
			c.DeletePrefix(ours + name)
		}
	}
}

// inputKeys are the keys that stand for input devices on USB.
var inputKeys = []struct {
	input dc.InputType
	key   string
}{{dc.USBTablet, "mouse.vusb.enable"}, {dc.USBKeyboard, "keyboard.vusb.enable"}}

// writeInputs writes the input devices. VMware has one of each kind, in no order: ours beside them has the list.
func writeInputs(c *vmx.Config, inputs []dc.InputType) {
	var words []string
	has := map[dc.InputType]bool{}
	for _, input := range inputs {
		words = append(words, string(input))
		has[input] = true
	}
	for _, k := range inputKeys {
		flag(c, k.key, has[k.input])
	}
	setOrDelete(c, ours+"inputs", strings.Join(words, ","))
}
