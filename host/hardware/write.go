package hardware

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hanok/dc"
	"hanok/internal/vmx"
)

// Write brings c in line with m: the devices that m has, with what c says of them besides, and none that it doesn't have. What c says
// as m does stays as it is written, and so do keys that nobody here knows. The error is that of a UUID that is none.
func Write(c *vmx.Config, m Machine) error {
	w := &writer{c: c}
	if was, err := Read(c); err == nil {
		w.was = &was
	}
	h := m.Hardware
	for _, u := range []struct{ key, uuid string }{{"uuid.bios", h.UUID}, {"vc.uuid", h.InstanceUUID}} {
		if u.uuid == "" {
			continue
		}
		text, err := vmx.FormatUUID(u.uuid)
		if err != nil {
			return fmt.Errorf("%s: %w", u.key, err)
		}
		if now, _ := c.Get(u.key); !strings.EqualFold(now, text) {
			c.Set(u.key, text)
		}
	}
	w.number("virtualHW.version", int64(h.Version), func(h dc.Hardware) int64 { return int64(h.Version) })
	if w.was == nil || w.was.Name != m.Name {
		c.Set("displayName", m.Name)
	}
	setOrDelete(c, "annotation", m.Annotation)
	if w.differs(func(h dc.Hardware) any { return h.GuestID }, h) {
		c.Set("guestOS", vmx.GuestOS(h.GuestID))
	}
	if w.differs(func(h dc.Hardware) any { return h.Firmware }, h) {
		c.Set("firmware", string(h.Firmware))
	}
	w.number("memSize", h.MemoryMB, func(h dc.Hardware) int64 { return h.MemoryMB })
	w.number("numvcpus", int64(h.CPUs), func(h dc.Hardware) int64 { return int64(h.CPUs) })
	w.number("cpuid.coresPerSocket", int64(max(1, h.CoresPerSocket)), func(h dc.Hardware) int64 { return int64(h.CoresPerSocket) })
	w.flag("vcpu.hotadd", h.CPUHotAdd)
	w.flag("vcpu.hotremove", h.CPUHotRemove)
	w.flag("mem.hotadd", h.MemoryHotAdd)
	w.flag("uefi.secureBoot.enabled", h.Boot.Secure)
	w.flag("bios.forceSetupOnce", h.Boot.EnterSetup)
	w.flag("vtpm.present", h.TPM)
	w.flag(ours+"rootPorts", h.RootPorts && h.NICSlots == nil) // slots have ports
	if h.Boot.DelayMS > 0 {
		w.number("bios.bootDelay", h.Boot.DelayMS, func(h dc.Hardware) int64 { return h.Boot.DelayMS })
	} else {
		c.Delete("bios.bootDelay")
	}
	w.flag("vwdt.present", h.Watchdog != nil)
	w.flag("vwdt.runOnBoot", h.Watchdog != nil && h.Watchdog.StartRunning)
	if w.differs(func(h dc.Hardware) any { return h.Video }, h) {
		writeVideo(c, h.Video)
	}
	w.controllers(h)
	w.units(h)
	w.floppies(h)
	w.adapters(h, m.Networks)
	w.serialPorts(h.SerialPorts)
	if w.was == nil || !slices.Equal(w.was.Hardware.Inputs, h.Inputs) {
		w.inputs(h.Inputs)
	}
	if now, err := Read(c); err != nil || !slices.Equal(now.Hardware.Boot.Order, h.Boot.Order) {
		writeOrder(c, h)
	}
	if w.was == nil {
		c.Set("config.version", "8")
	}
	return nil
}

// writer brings a configuration in line with a machine.
type writer struct {
	c *vmx.Config
	// was is the machine that c described before, or nil where it described none.
	was *Machine
}

// differs reports whether something of the hardware is another than c said.
func (w *writer) differs(what func(dc.Hardware) any, h dc.Hardware) bool {
	return w.was == nil || what(w.was.Hardware) != what(h)
}

// remove forgets a device that c says to be there. What it says of one that is not it keeps.
func (w *writer) remove(name string) {
	if present, err := w.c.Bool(name+"present", false); present || err != nil {
		w.c.DeletePrefix(name)
	}
	w.c.DeletePrefix(ours + name)
}

// number writes a number, unless c says it already.
func (w *writer) number(key string, n int64, was func(dc.Hardware) int64) {
	if w.was == nil || was(w.was.Hardware) != n {
		w.c.Set(key, strconv.FormatInt(n, 10))
	}
}

// flag writes a truth value that is false where it isn't written, and does not write that.
func (w *writer) flag(key string, value bool) {
	now, err := w.c.Bool(key, false)
	if _, there := w.c.Get(key); err != nil || now != value || w.was == nil && there {
		w.c.SetBool(key, value)
	}
}

// had reports whether c described the very device before.
func had[T comparable](w *writer, of func(dc.Hardware) []T, device T) bool {
	return w.was != nil && slices.Contains(of(w.was.Hardware), device)
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

func (w *writer) controllers(h dc.Hardware) {
	c := w.c
	controllers := func(h dc.Hardware) []dc.Controller { return h.Controllers }
	present := map[int32]dc.ControllerType{}
	for _, controller := range h.Controllers {
		present[controller.Key] = controller.Type
	}
	for _, b := range buses[1:] { // a machine always has its IDE controllers
		for n := range b.controllers {
			name := fmt.Sprintf("%s%d.", b.word, n)
			model, there := present[b.first+n]
			if !there {
				w.remove(name)
				continue
			}
			if had(w, controllers, dc.Controller{Key: b.first + n, Type: model}) {
				continue
			}
			c.Set(name+"present", "TRUE")
			if b.first == dc.FirstSCSIKey {
				writeModel(c, name+"virtualDev", string(model))
			}
		}
	}
	usb := dc.Controller{Key: dc.FirstUSBKey, Type: dc.ControllerUSB}
	if _, there := present[usb.Key]; w.was == nil || there != had(w, controllers, usb) { // which either of them says
		w.flag("usb.present", there)
		w.flag("ehci.present", there)
	}
	_, xhci := present[dc.FirstXHCIKey]
	w.flag("usb_xhci.present", xhci)
}

// hardDisk returns the word for a disk on the bus.
func hardDisk(b bus) string {
	if b.first == dc.FirstSCSIKey {
		return "scsi-hardDisk"
	}
	return "disk"
}

// units writes the disks and the CD-ROM drives, and forgets those that are no longer there.
func (w *writer) units(h dc.Hardware) {
	c := w.c
	used := map[string]bool{}
	for _, d := range h.Disks {
		b, ok := busOf(d.Controller)
		if !ok {
			continue
		}
		name := d.Instance() + "."
		used[name] = true
		plain := dc.Disk{Key: d.Key, Controller: d.Controller, Unit: d.Unit, Mode: d.Mode, File: d.File} // what a .vmx says
		if had(w, func(h dc.Hardware) []dc.Disk { return h.Disks }, plain) {
			continue
		}
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
		w.drive(name, "deviceType", "atapi-cdrom", "cdrom-image", "emptyBackingString", d)
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

// drive writes a drive for removable media, whose kind stands under the key type.
func (w *writer) drive(name, kind, empty, image, nothing string, d dc.Drive) {
	d = started(d)
	if had(w, func(h dc.Hardware) []dc.Drive { return h.Drives }, d) {
		return
	}
	c := w.c
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

func (w *writer) floppies(h dc.Hardware) {
	c := w.c
	used := map[int32]bool{}
	for _, d := range h.Drives {
		if d.Type == dc.Floppy {
			used[d.Unit] = true
			w.drive(fmt.Sprintf("floppy%d.", d.Unit), "fileType", "device", "file", "", d)
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

// adapters writes the network adapters, and forgets those that are no longer there.
func (w *writer) adapters(h dc.Hardware, networks map[int32]string) {
	c := w.c
	used := map[int32]bool{}
	for _, nic := range h.NICs {
		n := nic.Key - dc.FirstNICKey
		used[n] = true
		plain := dc.NIC{Key: nic.Key, Type: nic.Type, MAC: nic.MAC, Connected: nic.StartConnected, StartConnected: nic.StartConnected}
		if had(w, func(h dc.Hardware) []dc.NIC { return h.NICs }, plain) && w.was.Networks[nic.Key] == networks[nic.Key] {
			continue
		}
		card := fmt.Sprintf("ethernet%d.", n)
		c.Set(card+"present", "TRUE")
		writeModel(c, card+"virtualDev", string(nic.Type))
		if h.NICSlots != nil {
			c.Set(card+slotKey, strconv.Itoa(int(h.NICSlots[n])))
		}
		if w.was == nil || w.was.Networks[nic.Key] != networks[nic.Key] {
			c.Set(card+"networkName", networks[nic.Key])
		}
		if !w.hadAddress(nic) {
			c.Set(card+"addressType", "static")
			c.Set(card+"address", nic.MAC)
			c.Set(card+"checkMACAddress", "FALSE") // or VMware refuses addresses outside its own range
		}
		c.SetBool(card+"startConnected", nic.StartConnected)
	}
	for n := range int32(dc.MaxNICs) {
		if !used[n] {
			w.remove(fmt.Sprintf("ethernet%d.", n))
		}
	}
}

// hadAddress reports whether the adapter had its address before, however it came by it.
func (w *writer) hadAddress(nic dc.NIC) bool {
	return w.was != nil && slices.ContainsFunc(w.was.Hardware.NICs, func(n dc.NIC) bool { return n.Key == nic.Key && n.MAC == nic.MAC })
}

// serialPorts writes the serial ports. VMware has no console behind one: it gets a pipe that nobody opens.
func (w *writer) serialPorts(ports []dc.SerialPort) {
	c := w.c
	used := map[int32]bool{}
	for _, p := range ports {
		n := p.Key - dc.FirstSerialKey
		used[n] = true
		if had(w, func(h dc.Hardware) []dc.SerialPort { return h.SerialPorts }, p) {
			continue
		}
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
		name := fmt.Sprintf("serial%d.", n)
		if kind, _ := c.Get(name + "fileType"); !used[n] && !strings.EqualFold(kind, printer) {
			w.remove(name)
		}
	}
}

// inputKeys are the keys that stand for input devices on USB.
var inputKeys = []struct {
	input dc.InputType
	key   string
}{{dc.USBTablet, "mouse.vusb.enable"}, {dc.USBKeyboard, "keyboard.vusb.enable"}}

// inputs writes the input devices. VMware has one of each kind, in no order: ours beside them has the list.
func (w *writer) inputs(inputs []dc.InputType) {
	c := w.c
	var words []string
	has := map[dc.InputType]bool{}
	for _, input := range inputs {
		words = append(words, string(input))
		has[input] = true
	}
	for _, k := range inputKeys {
		w.flag(k.key, has[k.input])
	}
	setOrDelete(c, ours+"inputs", strings.Join(words, ","))
}
