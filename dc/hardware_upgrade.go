package dc

import "fmt"

// UpgradeHardware returns hardware that a program of store format 2 wrote, which had no versions, controllers and files, as it
// is written today; what is today's already it returns as it is. Nothing that the guest sees changes. folder is the machine's
// folder on its datastore, or "" for a machine that has none yet.
func UpgradeHardware(h Hardware, folder string) Hardware {
	if h.Version != 0 {
		return h
	}
	h.Version, h.InstanceUUID, h.CoresPerSocket = DefaultHardwareVersion, h.UUID, 1
	h.Video = Video{MemoryKB: 16 << 10}
	h.SerialPorts = []SerialPort{{Key: FirstSerialKey, Console: true}}
	disks := make([]Disk, len(h.Disks))
	for i, d := range h.Disks {
		n := d.Key - FirstDiskKey // it counted the addresses that a disk can have, without the controllers' own
		const perBus = 15
		d.Controller, d.Unit = FirstSCSIKey+n/perBus, n%perBus
		if d.Unit >= SCSIControllerUnit {
			d.Unit++
		}
		if folder != "" {
			d.File = folder + "/" + folder + ".vmdk"
			if n > 0 {
				d.File = fmt.Sprintf("%s/%[1]s_%d.vmdk", folder, n)
			}
		}
		d.Key, _ = UnitKey(d.Controller, d.Unit)
		d.Provisioning, d.Mode = Thin, Persistent
		disks[i] = d
		if len(h.Controllers) == 0 || h.Controllers[len(h.Controllers)-1].Key != d.Controller {
			h.Controllers = append(h.Controllers, Controller{Key: d.Controller, Type: ControllerVirtio})
		}
	}
	nics := make([]NIC, len(h.NICs))
	for i, n := range h.NICs {
		n.Type, n.Connected, n.StartConnected = VirtioNet, true, true
		nics[i] = n
	}
	h.Disks, h.NICs = disks, nics
	return h
}
