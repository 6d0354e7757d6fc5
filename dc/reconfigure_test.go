package dc

import (
	"slices"
	"testing"
)

func TestCheckReconfigure(t *testing.T) {
	hot := func(h *Hardware) { h.CPUHotAdd, h.CPUHotRemove, h.MemoryHotAdd, h.RootPorts = true, true, true, true }
	for _, tt := range []struct {
		name   string
		change func(h *Hardware)
		// off, on, hot and suspended are the kinds of error in these states; hot is on, with all that can be enabled.
		off, on, hot, suspended ErrorKind
		want                    string
	}{
		{"CPUs", func(h *Hardware) { h.CPUs++ }, "", WrongState, "", WrongState, ""},
		{"fewer CPUs", func(h *Hardware) { h.CPUs-- }, "", WrongState, "", WrongState, ""},
		{"memory", func(h *Hardware) { h.MemoryMB += 128 }, "", WrongState, "", WrongState, ""},
		{"a little memory", func(h *Hardware) { h.MemoryMB += 4 }, "", WrongState, WrongState, WrongState, ""},
		{"less memory", func(h *Hardware) { h.MemoryMB -= 4 }, "", WrongState, WrongState, WrongState, ""},
		{"firmware", func(h *Hardware) { h.Firmware = EFI }, "", WrongState, WrongState, WrongState, ""},
		{"a larger disk", func(h *Hardware) { h.Disks[0].CapacityBytes <<= 1 }, "", "", "", WrongState, ""},
		{"a smaller disk", func(h *Hardware) { h.Disks[0].CapacityBytes >>= 1 }, Invalid, Invalid, Invalid, Invalid, "never shrinks"},
		{"another file", func(h *Hardware) { h.Disks[0].File = "b/b.vmdk" }, Invalid, Invalid, Invalid, Invalid, "is not its file"},
		{"one file twice", func(h *Hardware) {
			d, _ := h.AddDisk(ControllerVirtio)
			d.CapacityBytes, d.File = 1<<20, "a/a.vmdk"
		}, Invalid, Invalid, Invalid, Invalid, "is another disk's"},
		{"no disk", func(h *Hardware) { h.Disks = h.Disks[:1] }, "", "", "", WrongState, ""},
		{"no NIC", func(h *Hardware) { h.NICs = h.NICs[:1] }, "", WrongState, "", WrongState, ""}, // hot ones have root ports
		{"a PVSCSI controller", func(h *Hardware) {
			h.Controllers = append(slices.Clone(h.Controllers), Controller{Key: 1003, Type: ControllerPVSCSI})
		}, "", WrongState, "", WrongState, ""},
		{"an LSI SAS controller", func(h *Hardware) {
			h.Controllers = append(slices.Clone(h.Controllers), Controller{Key: 1003, Type: ControllerLSISAS})
		}, "", WrongState, "", WrongState, ""},
		{"a SATA controller", func(h *Hardware) {
			h.Controllers = append(slices.Clone(h.Controllers), Controller{Key: 15000, Type: ControllerSATA})
		}, "", WrongState, WrongState, WrongState, ""},
		{"root ports", func(h *Hardware) { h.RootPorts = !h.RootPorts }, Invalid, Invalid, Invalid, Invalid, "never changes"},
		{"a cable", func(h *Hardware) { h.NICs[0].Connected = false }, "", "", "", WrongState, ""},
		{"another port group", func(h *Hardware) { h.NICs[0].PortGroup = "network-9" }, "", "", "", WrongState, ""},
		{"an address", func(h *Hardware) { h.NICs[0].MAC = "52:54:00:00:00:0a" }, "", WrongState, WrongState, WrongState, ""},
		{"UUID", func(h *Hardware) { h.UUID = h.InstanceUUID }, Invalid, Invalid, Invalid, Invalid, "never changes"},
		{"a watchdog", func(h *Hardware) { h.Watchdog = &Watchdog{} }, "", WrongState, WrongState, WrongState, ""},
		{"what can't be", func(h *Hardware) { h.CPUs = 0 }, Invalid, Invalid, Invalid, Invalid, "cpus: 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for state, want := range map[PowerState]ErrorKind{PoweredOff: tt.off, PoweredOn: tt.on, Suspended: tt.suspended, "hot": tt.hot} {
				old := goodHardware()
				power := state
				if state == "hot" {
					hot(&old)
					power = PoweredOn
				}
				h := old
				h.Disks, h.NICs = slices.Clone(old.Disks), slices.Clone(old.NICs)
				tt.change(&h)
				err := CheckReconfigure(old, h, power)
				switch {
				case want == "" && err != nil, want != "" && KindOf(err) != want:
					t.Errorf("%s: got %v, want kind %q", state, err, want)
				case tt.want != "":
					checkRefusal(t, err, want, tt.want, "")
				}
			}
		})
	}
}
