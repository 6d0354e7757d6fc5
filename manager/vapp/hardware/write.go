package hardware

import (
	"fmt"
	"strconv"

	"hanok/dc"
	"hanok/internal/ovf"
)

// Write returns h in the words of a descriptor. networks are the names of the networks of its adapters by the adapters' keys. The
// disks are those of h in its order; what they are in the package is the caller's to say, and so are the machine's name, its annotation
// and the files. What a descriptor can't say is left out: media in drives, what is behind serial ports, the order of boot devices.
func Write(h dc.Hardware, networks map[int32]string) *ovf.Machine {
	m := &ovf.Machine{GuestID: h.GuestID, OSType: osType(h.GuestID), HardwareVersion: fmt.Sprintf("vmx-%02d", h.Version), CPUs: h.CPUs,
		CoresPerSocket: h.CoresPerSocket, MemoryMB: h.MemoryMB, CPUHotAdd: h.CPUHotAdd, CPUHotRemove: h.CPUHotRemove, MemoryHotAdd: h.MemoryHotAdd,
		Firmware: string(h.Firmware), SecureBoot: h.Boot.Secure, Video: &ovf.Video{MemoryKB: h.Video.MemoryKB}, TPM: h.TPM, Watchdog: h.Watchdog != nil}
	for _, k := range kinds {
		for n := range int32(k.controllers) {
			key := k.first + n
			if t, ok := controllerType(h, key); ok {
				m.Controllers = append(m.Controllers, ovf.Controller{ID: id(key), Kind: k.name, Model: wordOf(k.models, t), Bus: int(n)})
				if t == dc.ControllerVirtio {
					m.Extra = append(m.Extra, ovf.Extra{Key: ownKey(fmt.Sprint(k.name, n)), Value: string(t)})
				}
			}
		}
	}
	for _, c := range h.Controllers {
		if word := wordOf(usbModels, c.Type); word != "" {
			m.Controllers = append(m.Controllers, ovf.Controller{ID: id(c.Key), Kind: ovf.USB, Model: word, Bus: int(c.Bus())})
		}
	}
	if h.Video.Model != dc.VideoSVGA {
		m.Extra = append(m.Extra, ovf.Extra{Key: ownKey(videoDevice), Value: string(dc.VideoVGA)})
	}
	for _, d := range h.Disks {
		m.Disks = append(m.Disks, ovf.Disk{CapacityBytes: d.CapacityBytes, PopulatedBytes: -1, Controller: id(d.Controller), Unit: int(d.Unit)})
	}
	for _, d := range h.Drives {
		drive := ovf.Drive{Kind: string(d.Type), Unit: int(d.Unit)}
		if d.Type == dc.CDROM {
			drive.Controller = id(d.Controller)
		}
		m.Drives = append(m.Drives, drive)
	}
	known := map[string]bool{}
	for i, n := range h.NICs {
		if n.Type == dc.VirtioNet {
			m.Extra = append(m.Extra, ovf.Extra{Key: ownKey(fmt.Sprint("ethernet", i)), Value: string(n.Type)})
		}
		network := networks[n.Key]
		m.NICs = append(m.NICs, ovf.NIC{Model: wordOf(nicModels, n.Type), Network: network, Disconnected: !n.StartConnected})
		if network != "" && !known[network] {
			m.Networks = append(m.Networks, ovf.Network{Name: network})
		}
		known[network] = true
	}
	for i := range h.SerialPorts {
		m.SerialPorts = append(m.SerialPorts, ovf.SerialPort{Name: fmt.Sprintf("Serial port %d", i+1)})
	}
	return m
}

// id is how a descriptor's devices name the controller with the key: by a number, as every reader wants it.
func id(key int32) string { return strconv.Itoa(int(key)) }

// controllerType returns the type of the controller with the key, and whether h has it. Those of IDE are part of every machine, and
// written where something is on them.
func controllerType(h dc.Hardware, key int32) (dc.ControllerType, bool) {
	for _, c := range h.Controllers {
		if c.Key == key {
			return c.Type, true
		}
	}
	if key >= dc.FirstSCSIKey {
		return "", false
	}
	for _, d := range h.Disks {
		if d.Controller == key {
			return dc.ControllerIDE, true
		}
	}
	for _, d := range h.Drives {
		if d.Type == dc.CDROM && d.Controller == key {
			return dc.ControllerIDE, true
		}
	}
	return "", false
}
