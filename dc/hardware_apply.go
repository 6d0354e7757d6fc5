package dc

import (
	"cmp"
	"fmt"
	"slices"
)

// Apply returns h with the change. New disks have no file yet, and new network adapters may have no address. The error is of kind
// NotFound for a key that no device has, Invalid where there is no room for a device, one is there already, or nothing changes.
func (c HardwareChange) Apply(h Hardware) (Hardware, error) {
	if c.empty() {
		return h, &Error{Kind: Invalid, Message: "nothing is to change", Remedy: "say what is to change"}
	}
	h.Controllers, h.Disks, h.Drives, h.NICs = slices.Clone(h.Controllers), slices.Clone(h.Disks), slices.Clone(h.Drives), slices.Clone(h.NICs)
	h.SerialPorts, h.Inputs, h.Boot.Order = slices.Clone(h.SerialPorts), slices.Clone(h.Inputs), slices.Clone(h.Boot.Order)
	c.settings(&h)
	// What is new comes first: it must not get the key of what goes, which the guest and the files know.
	for _, step := range []func(*Hardware) error{c.addControllers, c.changeDisks, c.changeDrives, c.changeNICs, c.addOthers, c.remove, c.boot} {
		if err := step(&h); err != nil {
			return h, err
		}
	}
	return h, nil
}

func (c HardwareChange) settings(h *Hardware) {
	h.GuestID, h.Firmware = cmp.Or(c.GuestID, h.GuestID), cmp.Or(c.Firmware, h.Firmware)
	h.CPUs, h.MemoryMB = cmp.Or(c.CPUs, h.CPUs), cmp.Or(c.MemoryMB, h.MemoryMB)
	h.CoresPerSocket = cmp.Or(c.CoresPerSocket, h.CoresPerSocket)
	if c.CPUs != 0 && c.CoresPerSocket == 0 {
		h.CoresPerSocket = coresPerSocket(h)
	}
	h.Video.MemoryKB, h.Video.Model = cmp.Or(c.Video.MemoryKB, h.Video.MemoryKB), cmp.Or(c.Video.Model, h.Video.Model)
	if c.Boot.DelayMS != nil {
		h.Boot.DelayMS = *c.Boot.DelayMS
	}
	for to, from := range map[*bool]*bool{&h.CPUHotAdd: c.CPUHotAdd, &h.CPUHotRemove: c.CPUHotRemove, &h.MemoryHotAdd: c.MemoryHotAdd,
		&h.Boot.EnterSetup: c.Boot.EnterSetup, &h.Boot.Secure: c.Boot.Secure} {
		if from != nil {
			*to = *from
		}
	}
}

// coresPerSocket is as many as it was, or more where the guest would not use so many sockets.
func coresPerSocket(h *Hardware) int {
	g, _ := GuestSystemOf(h.GuestID)
	for cores := h.CoresPerSocket; g.MaxSockets != 0 && cores <= h.CPUs; cores++ {
		if h.CPUs%cores == 0 && h.CPUs/cores <= g.MaxSockets {
			return cores
		}
	}
	return h.CoresPerSocket
}

func (c HardwareChange) addControllers(h *Hardware) error {
	for _, t := range c.AddControllers {
		if _, ok := h.addController(t); !ok {
			return noRoom("controllers", fmt.Sprintf("another one of the type %q", t))
		}
	}
	return nil
}

func (c HardwareChange) changeDisks(h *Hardware) error {
	for key, capacity := range c.ExtendDisks {
		i := slices.IndexFunc(h.Disks, func(d Disk) bool { return d.Key == key })
		if i < 0 {
			return noDevice("disk", key)
		}
		h.Disks[i].CapacityBytes = capacity
	}
	for _, d := range c.AddDisks {
		if d.existing() && (d.CapacityBytes == 0 || d.Image != "") {
			return &Error{Kind: Invalid, Message: "a disk that is there already has its own capacity and no image", Remedy: "give its file only"}
		}
		on := cmp.Or(d.On, h.diskController())
		if d.NewController {
			var ok bool
			if d.Controller, ok = h.addController(on); !ok {
				return noRoom("controllers", fmt.Sprintf("another one of the type %q", on))
			}
		}
		p, err := h.place(d.Controller, d.Unit, on)
		if err != nil {
			return err
		}
		g, _ := GuestSystemOf(h.GuestID)
		h.insertDisk(Disk{Key: p.key, Controller: p.controller, Unit: p.unit, CapacityBytes: cmp.Or(d.CapacityBytes, g.DiskBytes),
			Provisioning: cmp.Or(d.Provisioning, Thin), Mode: cmp.Or(d.Mode, Persistent), Image: d.Image,
			File: d.File.Path, Attached: d.existing()})
	}
	return nil
}

func (c HardwareChange) changeDrives(h *Hardware) error {
	for _, d := range c.AddDrives {
		drive := Drive{Type: d.Type, Media: d.Media, Connected: !d.Media.none() && !d.Disconnected, StartDisconnected: d.Disconnected}
		if d.Type == Floppy {
			for drive.Key = FirstFloppyKey; slices.ContainsFunc(h.Drives, func(o Drive) bool { return o.Key == drive.Key }); drive.Key++ {
				drive.Unit++
			}
			if drive.Unit >= MaxFloppies {
				return noRoom("drives", "another floppy drive")
			}
		} else {
			p, err := h.place(d.Controller, d.Unit, cmp.Or(d.On, h.driveController()))
			if err != nil {
				return err
			}
			drive.Key, drive.Controller, drive.Unit = p.key, p.controller, p.unit
		}
		at, _ := slices.BinarySearchFunc(h.Drives, drive.Key, func(d Drive, key int32) int { return cmp.Compare(d.Key, key) })
		h.Drives = slices.Insert(h.Drives, at, drive)
	}
	for key, media := range c.SetMedia {
		i := slices.IndexFunc(h.Drives, func(d Drive) bool { return d.Key == key })
		if i < 0 {
			return noDevice("drive", key)
		}
		h.Drives[i].Media, h.Drives[i].Connected = media, !media.none()
	}
	for key, change := range c.UpdateDrives {
		i := slices.IndexFunc(h.Drives, func(d Drive) bool { return d.Key == key })
		if i < 0 {
			return noDevice("drive", key)
		}
		d := &h.Drives[i]
		if change.Connected != nil {
			if *change.Connected && d.Media.none() {
				return badField("connected", fmt.Sprintf("nothing lies in the drive %d", key), "put an image into it")
			}
			d.Connected = *change.Connected
		}
		if change.StartConnected != nil {
			d.StartDisconnected = !*change.StartConnected
		}
	}
	return nil
}

func (c HardwareChange) changeNICs(h *Hardware) error {
	if n := len(h.NICs) + len(c.AddNICs); n > MaxNICs {
		return tooMany("nics", n, MaxNICs)
	}
	for _, n := range c.AddNICs {
		on := n.Type
		if on == "" {
			g, _ := GuestSystemOf(h.GuestID)
			on = g.NIC
			if len(h.NICs) > 0 {
				on = h.NICs[0].Type
			}
		}
		key, at := int32(FirstNICKey), 0
		for at < len(h.NICs) && h.NICs[at].Key == key {
			at, key = at+1, key+1
		}
		h.NICs = slices.Insert(h.NICs, at, NIC{Key: key, Type: on, MAC: n.MAC, PortGroup: n.PortGroup,
			Connected: !n.Disconnected, StartConnected: !n.Disconnected})
	}
	for key, change := range c.UpdateNICs {
		i := slices.IndexFunc(h.NICs, func(n NIC) bool { return n.Key == key })
		if i < 0 {
			return noDevice("network adapter", key)
		}
		n := &h.NICs[i]
		n.PortGroup, n.Type = cmp.Or(change.PortGroup, n.PortGroup), cmp.Or(change.Type, n.Type)
		if change.Connected != nil {
			n.Connected = *change.Connected
		}
		if change.StartConnected != nil {
			n.StartConnected = *change.StartConnected
		}
	}
	return nil
}

func (c HardwareChange) addOthers(h *Hardware) error {
	if n := len(h.SerialPorts) + len(c.AddSerialPorts); n > MaxSerialPorts {
		return tooMany("serialPorts", n, MaxSerialPorts)
	}
	for _, p := range c.AddSerialPorts {
		at := 0
		for p.Key = FirstSerialKey; at < len(h.SerialPorts) && h.SerialPorts[at].Key == p.Key; at++ {
			p.Key++
		}
		h.SerialPorts = slices.Insert(h.SerialPorts, at, p)
	}
	h.Inputs = append(h.Inputs, c.AddInputs...)
	if c.AddTPM {
		if h.TPM {
			return thereAlready("TPM")
		}
		h.TPM = true
	}
	if c.AddWatchdog != nil {
		if h.Watchdog != nil {
			return thereAlready("watchdog")
		}
		h.Watchdog = c.AddWatchdog
	}
	return nil
}

func (c HardwareChange) remove(h *Hardware) error {
	for _, key := range slices.Concat(c.RemoveDisks, c.KeepDisks) {
		if !removeKey(&h.Disks, func(d Disk) int32 { return d.Key }, key) {
			return noDevice("disk", key)
		}
		h.unboot(key)
	}
	for _, t := range c.RemoveInputs {
		i := slices.Index(h.Inputs, t)
		if i < 0 {
			return &Error{Kind: NotFound, Message: fmt.Sprintf("it has no input device of the type %q", t), Remedy: "look at its devices"}
		}
		h.Inputs = slices.Delete(h.Inputs, i, i+1)
	}
	for _, key := range c.RemoveDevices {
		if err := h.removeDevice(key); err != nil {
			return err
		}
	}
	return nil
}

// removeDevice removes what has the key and no file of its own.
func (h *Hardware) removeDevice(key int32) error {
	if _, isDisk := h.disk(key); isDisk {
		return &Error{Kind: Invalid, Message: fmt.Sprintf("%d is a disk, whose files would go with it", key), Remedy: "remove it as a disk"}
	}
	on := func(controller int32) bool { return controller == key }
	if slices.ContainsFunc(h.Disks, func(d Disk) bool { return on(d.Controller) }) ||
		slices.ContainsFunc(h.Drives, func(d Drive) bool { return on(d.Controller) }) {
		return &Error{Kind: Invalid, Message: fmt.Sprintf("the controller %d has devices", key), Remedy: "remove those first"}
	}
	switch {
	case key == TPMKey && h.TPM:
		h.TPM = false
	case key == WatchdogKey && h.Watchdog != nil:
		h.Watchdog = nil
	case removeKey(&h.Controllers, func(c Controller) int32 { return c.Key }, key),
		removeKey(&h.SerialPorts, func(p SerialPort) int32 { return p.Key }, key):
	case removeKey(&h.Drives, func(d Drive) int32 { return d.Key }, key), removeKey(&h.NICs, func(n NIC) int32 { return n.Key }, key):
		h.unboot(key)
	default:
		return noDevice("device", key)
	}
	return nil
}

func (h *Hardware) unboot(key int32) {
	h.Boot.Order = slices.DeleteFunc(h.Boot.Order, func(k int32) bool { return k == key })
}

func (c HardwareChange) boot(h *Hardware) error {
	if setup := c.Boot.EnterSetup; setup != nil && *setup && h.Firmware != EFI {
		return badField("boot.enterSetup", "BIOS firmware can't be told to open its setup",
			"give a boot delay, and press Esc on the console meanwhile")
	}
	if c.Boot.Order != nil {
		h.Boot.Order = slices.Clone(*c.Boot.Order)
	}
	return nil
}

// removeKey removes the device with the key, and reports whether there was one.
func removeKey[D any](devices *[]D, keyOf func(D) int32, key int32) bool {
	before := len(*devices)
	*devices = slices.DeleteFunc(*devices, func(d D) bool { return keyOf(d) == key })
	return len(*devices) < before
}

func noDevice(what string, key int32) error {
	return &Error{Kind: NotFound, Message: fmt.Sprintf("it has no %s with the key %d", what, key), Remedy: "look at its devices"}
}

func noRoom(field, what string) error {
	return &Error{Kind: Invalid, Message: fmt.Sprintf("%s: there is no room for %s", field, what), Remedy: "remove one first, or choose another place"}
}

func tooMany(field string, n, most int) error {
	return badField(field, fmt.Sprintf("%d are too many", n), fmt.Sprintf("give %d at most", most))
}

func thereAlready(what string) error {
	return &Error{Kind: Invalid, Message: "it has a " + what + " already"}
}
