package sim_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"hanok/agent/drivertest"
	"hanok/dc"
	"hanok/host/sim"
)

const content = "the content of an image"

func digest() string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func TestDrivers(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Setup { return setup(sim.NewWorld(sim.Options{})) })
}

// TestSlowDrivers is the same on a host where everything takes a moment.
func TestSlowDrivers(t *testing.T) {
	const d = 2 * time.Millisecond
	drivertest.Run(t, func(t *testing.T) drivertest.Setup {
		return setup(sim.NewWorld(sim.Options{Start: d, Stop: d, Suspend: d, Copy: d, Boot: d, Shutdown: d}))
	})
}

func setup(w *sim.World) drivertest.Setup {
	const path = "/datastore"
	return drivertest.Setup{
		Open: func() drivertest.Drivers {
			h := w.Open()
			return drivertest.Drivers{Hypervisor: h, Storage: h, Network: h}
		},
		Path: path,
		Machine: dc.Hardware{GuestID: "otherLinux64Guest", Firmware: dc.BIOS, CPUs: 1, MemoryMB: 128,
			Controllers: []dc.Controller{{Key: dc.FirstSCSIKey, Type: dc.ControllerVirtio}},
			Disks:       []dc.Disk{{Key: dc.FirstDiskKey, Controller: dc.FirstSCSIKey, CapacityBytes: 64 << 20, Image: digest()}},
			NICs:        []dc.NIC{{Key: dc.FirstNICKey, PortGroup: "network-1"}}},
		Image:    func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
		Patience: 10 * time.Second,
		Kill:     func(id dc.VirtualMachineID) { w.Crash(id, "killed by signal 9") },
		Log:      "killed by signal 9",
		Restart:  func(m dc.Machine, _ io.ReadWriter) { w.RestartGuest(m.ID) },
		Fill:     func(dc.Machine, io.ReadWriter) { w.Fill(path) },
		Free:     func() { w.Free(path) },
	}
}
