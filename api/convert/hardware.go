package convert

import (
	"reflect"
	"slices"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// Hardware returns h for the wire.
func Hardware(h dc.Hardware) *hanokv1.Hardware {
	out := &hanokv1.Hardware{
		Uuid: h.UUID, InstanceUuid: h.InstanceUUID, Version: int32(h.Version), GuestId: h.GuestID, Firmware: string(h.Firmware),
		Boot: &hanokv1.Boot{DelayMs: h.Boot.DelayMS, EnterSetup: h.Boot.EnterSetup, Secure: h.Boot.Secure, Order: slices.Clone(h.Boot.Order)},
		Cpus: int32(h.CPUs), CoresPerSocket: int32(h.CoresPerSocket), MemoryMb: h.MemoryMB,
		CpuHotAdd: h.CPUHotAdd, CpuHotRemove: h.CPUHotRemove, MemoryHotAdd: h.MemoryHotAdd,
		Controllers: each(h.Controllers, func(c dc.Controller) *hanokv1.Controller {
			return &hanokv1.Controller{Key: c.Key, Type: string(c.Type)}
		}),
		Disks:       each(h.Disks, disk),
		Drives:      each(h.Drives, drive),
		Nics:        each(h.NICs, nic),
		SerialPorts: each(h.SerialPorts, serialPort),
		Inputs:      each(h.Inputs, func(t dc.InputType) string { return string(t) }),
		Video:       &hanokv1.Video{MemoryKb: h.Video.MemoryKB, Model: string(h.Video.Model)},
		Tpm:         h.TPM,
		RootPorts:   h.RootPorts,
		NicSlots:    slices.Clone(h.NICSlots),
	}
	if h.Watchdog != nil {
		out.Watchdog = &hanokv1.Watchdog{StartRunning: h.Watchdog.StartRunning}
	}
	return out
}

// FromHardware returns the hardware that h carries. Whether there can be such hardware is dc.CheckHardware's to say.
func FromHardware(h *hanokv1.Hardware) dc.Hardware {
	boot := h.GetBoot()
	out := dc.Hardware{
		UUID: h.GetUuid(), InstanceUUID: h.GetInstanceUuid(), Version: int(h.GetVersion()), GuestID: h.GetGuestId(),
		Firmware: dc.Firmware(h.GetFirmware()),
		Boot: dc.Boot{DelayMS: boot.GetDelayMs(), EnterSetup: boot.GetEnterSetup(), Secure: boot.GetSecure(),
			Order: slices.Clone(boot.GetOrder())},
		CPUs: int(h.GetCpus()), CoresPerSocket: int(h.GetCoresPerSocket()), MemoryMB: h.GetMemoryMb(),
		CPUHotAdd: h.GetCpuHotAdd(), CPUHotRemove: h.GetCpuHotRemove(), MemoryHotAdd: h.GetMemoryHotAdd(),
		Controllers: each(h.GetControllers(), func(c *hanokv1.Controller) dc.Controller {
			return dc.Controller{Key: c.Key, Type: dc.ControllerType(c.Type)}
		}),
		Disks:       each(h.GetDisks(), fromDisk),
		Drives:      each(h.GetDrives(), fromDrive),
		NICs:        each(h.GetNics(), fromNIC),
		SerialPorts: each(h.GetSerialPorts(), fromSerialPort),
		Inputs:      each(h.GetInputs(), func(t string) dc.InputType { return dc.InputType(t) }),
		Video:       dc.Video{MemoryKB: h.GetVideo().GetMemoryKb(), Model: dc.VideoModel(h.GetVideo().GetModel())},
		TPM:         h.GetTpm(),
		RootPorts:   h.GetRootPorts(),
		NICSlots:    slices.Clone(h.GetNicSlots()),
	}
	if w := h.GetWatchdog(); w != nil {
		out.Watchdog = &dc.Watchdog{StartRunning: w.StartRunning}
	}
	return out
}

func disk(d dc.Disk) *hanokv1.Disk {
	return &hanokv1.Disk{Key: d.Key, CapacityBytes: d.CapacityBytes, Image: d.Image, Controller: d.Controller, Unit: d.Unit,
		Provisioning: string(d.Provisioning), Mode: string(d.Mode), File: d.File, Attached: d.Attached}
}

func fromDisk(d *hanokv1.Disk) dc.Disk {
	return dc.Disk{Key: d.Key, CapacityBytes: d.CapacityBytes, Image: d.Image, Controller: d.Controller, Unit: d.Unit,
		Provisioning: dc.Provisioning(d.Provisioning), Mode: dc.DiskMode(d.Mode), File: d.File, Attached: d.Attached}
}

func drive(d dc.Drive) *hanokv1.Drive {
	startConnected := !d.StartDisconnected
	return &hanokv1.Drive{Key: d.Key, Type: string(d.Type), Controller: d.Controller, Unit: d.Unit, Media: media(d.Media),
		Connected: d.Connected, StartConnected: &startConnected}
}

func fromDrive(d *hanokv1.Drive) dc.Drive {
	return dc.Drive{Key: d.Key, Type: dc.DriveType(d.Type), Controller: d.Controller, Unit: d.Unit, Media: fromMedia(d.Media),
		Connected: d.Connected, StartDisconnected: d.StartConnected != nil && !*d.StartConnected}
}

func nic(n dc.NIC) *hanokv1.Nic {
	return &hanokv1.Nic{Key: n.Key, Mac: n.MAC, PortGroupId: string(n.PortGroup), Type: string(n.Type), Connected: n.Connected,
		StartConnected: n.StartConnected}
}

func fromNIC(n *hanokv1.Nic) dc.NIC {
	return dc.NIC{Key: n.Key, MAC: n.Mac, PortGroup: dc.PortGroupID(n.PortGroupId), Type: dc.NICType(n.Type), Connected: n.Connected,
		StartConnected: n.StartConnected}
}

func serialPort(p dc.SerialPort) *hanokv1.SerialPort {
	return &hanokv1.SerialPort{Key: p.Key, Console: p.Console, File: media(p.File)}
}

func fromSerialPort(p *hanokv1.SerialPort) dc.SerialPort {
	return dc.SerialPort{Key: p.Key, Console: p.Console, File: fromMedia(p.File)}
}

// media returns nil for none.
func media(m dc.Media) *hanokv1.Media {
	if m == (dc.Media{}) {
		return nil
	}
	return &hanokv1.Media{DatastoreId: string(m.Datastore), Path: m.Path}
}

func fromMedia(m *hanokv1.Media) dc.Media {
	return dc.Media{Datastore: dc.DatastoreID(m.GetDatastoreId()), Path: m.GetPath()}
}

// each returns nil for no elements.
func each[From, To any](from []From, convert func(From) To) []To {
	var to []To
	for _, v := range from {
		to = append(to, convert(v))
	}
	return to
}

// classic returns the hardware as protocol 2 has words for it: virtio devices on a board without versions, disks whose files follow
// from their keys. ok is false for a machine with anything else, which an agent of that protocol would execute as another one.
func classic(h dc.Hardware, folder string) (out dc.Hardware, ok bool) {
	out = dc.Hardware{UUID: h.UUID, GuestID: h.GuestID, Firmware: h.Firmware, CPUs: h.CPUs, MemoryMB: h.MemoryMB}
	for _, d := range h.Disks {
		bus, unit := d.Controller-dc.FirstSCSIKey, d.Unit
		if unit > dc.SCSIControllerUnit {
			unit--
		}
		out.Disks = append(out.Disks, dc.Disk{Key: dc.FirstDiskKey + 15*bus + unit, CapacityBytes: d.CapacityBytes, Image: d.Image})
	}
	for _, n := range h.NICs {
		out.NICs = append(out.NICs, dc.NIC{Key: n.Key, MAC: n.MAC, PortGroup: n.PortGroup})
	}
	same := dc.UpgradeHardware(out, folder)
	same.InstanceUUID, same.Version = h.InstanceUUID, h.Version                            // the guest of that protocol saw neither
	return out, reflect.DeepEqual(FromHardware(Hardware(same)), FromHardware(Hardware(h))) // no list is the same as an empty one
}
