package dc

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func goodHardware() Hardware {
	return Hardware{
		UUID: "420f3a1e-3c1d-4f4e-9a57-0123456789ab", InstanceUUID: "500f3a1e-3c1d-4f4e-9a57-0123456789ab",
		Version: 19, GuestID: "otherLinux64Guest", Firmware: BIOS, CPUs: 2, CoresPerSocket: 1, MemoryMB: 512,
		Controllers: []Controller{{Key: 1000, Type: ControllerVirtio}},
		Disks: []Disk{
			{Key: 2000, Controller: 1000, CapacityBytes: 1 << 30, Provisioning: Thin, Mode: Persistent, File: "a/a.vmdk",
				Image: "sha256:" + strings.Repeat("0f", 32)},
			{Key: 2002, Controller: 1000, Unit: 2, CapacityBytes: 1 << 20, Provisioning: Thin, Mode: Persistent, File: "a/a_1.vmdk"},
		},
		NICs: []NIC{
			{Key: 4000, Type: VirtioNet, MAC: "52:54:00:00:00:01", PortGroup: "network-1", Connected: true, StartConnected: true},
			{Key: 4001, Type: VirtioNet, MAC: "52:54:00:00:00:02", PortGroup: "network-1", Connected: true, StartConnected: true},
		},
		SerialPorts: []SerialPort{{Key: 9000, Console: true}},
		Video:       Video{MemoryKB: 16 << 10},
	}
}

func TestCheckHardware(t *testing.T) {
	tests := []struct {
		name   string
		change func(h *Hardware)
		// want is a part of the message, and remedy of the remedy; "" for good hardware.
		want, remedy string
	}{
		{"good", func(h *Hardware) {}, "", ""},
		{"no devices", func(h *Hardware) { h.Disks, h.NICs = nil, nil }, "", ""},
		{"smallest", func(h *Hardware) { h.CPUs, h.MemoryMB = 1, 32 }, "", ""},
		{"largest", func(h *Hardware) { h.CPUs, h.MemoryMB, h.Disks[0].CapacityBytes = 128, 6128<<10, 62<<40 }, "", ""},
		{"EFI", func(h *Hardware) { h.Firmware = EFI }, "", ""},
		{"no UUID", func(h *Hardware) { h.UUID = "" }, `uuid: "" is no UUID`, "8-4-4-4-12"},
		{"upper-case UUID", func(h *Hardware) { h.UUID = strings.ToUpper(h.UUID) }, "uuid: ", "lower-case"},
		{"UUID without hyphens", func(h *Hardware) { h.UUID = strings.Repeat("0", 36) }, "uuid: ", "8-4-4-4-12"},
		{"no instance UUID", func(h *Hardware) { h.InstanceUUID = "" }, `instanceUuid: "" is no UUID`, "8-4-4-4-12"},
		{"no guest", func(h *Hardware) { h.GuestID = "" }, `guestId: ""`, "otherLinux64Guest"},
		{"guest with a line break", func(h *Hardware) { h.GuestID = "a\nb" }, `guestId: "a\nb"`, "otherLinux64Guest"},
		{"no firmware", func(h *Hardware) { h.Firmware = "" }, `firmware: ""`, `"bios" or "efi"`},
		{"no CPU", func(h *Hardware) { h.CPUs = 0 }, "cpus: 0 is", "1 to 128"},
		{"too many CPUs", func(h *Hardware) { h.CPUs = 129 }, "cpus: 129 is", "1 to 128"},
		{"little memory", func(h *Hardware) { h.MemoryMB = 28 }, "memoryMB: 28 is", "32 to"},
		{"much memory", func(h *Hardware) { h.MemoryMB = 6128<<10 + 4 }, "memoryMB: ", "6275072 MB"},
		{"odd memory", func(h *Hardware) { h.MemoryMB = 33 }, "memoryMB: 33 is no multiple of 4", "give 36 MB"},
		{"too many disks", func(h *Hardware) { h.Disks = make([]Disk, 257) }, "disks: 257", "256"},
		{"too many NICs", func(h *Hardware) { h.NICs = make([]NIC, 11) }, "nics: 11", "10"},
		{"empty disk", func(h *Hardware) { h.Disks[1].CapacityBytes = 0 }, "disks[1].capacityBytes: 0 is", "62 TB"},
		{"negative disk", func(h *Hardware) { h.Disks[1].CapacityBytes = -1 << 20 }, "disks[1].capacityBytes: -1048576", "62 TB"},
		{"huge disk", func(h *Hardware) { h.Disks[0].CapacityBytes = 62<<40 + 1<<20 }, "disks[0].capacityBytes: ", "62 TB"},
		{"odd disk", func(h *Hardware) { h.Disks[0].CapacityBytes = 1<<20 + 1 }, "no multiple of 512", "give 2097152"},
		{"short digest", func(h *Hardware) { h.Disks[0].Image = "sha256:00" }, "disks[0].image: ", "64"},
		{"digest of another sort", func(h *Hardware) { h.Disks[0].Image = "md5:" + strings.Repeat("0", 64) }, "disks[0].image: ", "sha256"},
		{"another unit's key", func(h *Hardware) { h.Disks[0].Key = 2001 }, "disks[0].key: 2001 is not", "give 2000"},
		{"the controller's unit", func(h *Hardware) { h.Disks[1].Unit = 7 }, "disks[1].unit: ", "free unit"},
		{"no controller", func(h *Hardware) { h.Disks[1].Controller = 1001 }, "disks[1].controller: ", "key of a controller"},
		{"disk twice", func(h *Hardware) { h.Disks[1] = h.Disks[0] }, "disks[1].key: 2000 does not follow 2000", "rising"},
		{"disks out of order", func(h *Hardware) { h.Disks[0], h.Disks[1] = h.Disks[1], h.Disks[0] }, "does not follow 2002", "rising"},
		{"NIC with a disk's key", func(h *Hardware) { h.NICs[0].Key = 2001 }, "nics[0].key: 2001 is out", "4000 to 4009"},
		{"MAC twice", func(h *Hardware) { h.NICs[1].MAC = h.NICs[0].MAC }, "nics[1].mac: ", "its own address"},
		{"upper-case MAC", func(h *Hardware) { h.NICs[0].MAC = "52:54:00:00:00:0A" }, "nics[0].mac: ", "lower-case"},
		{"group MAC", func(h *Hardware) { h.NICs[0].MAC = "53:54:00:00:00:01" }, "nics[0].mac: ", "even"},
		{"zero MAC", func(h *Hardware) { h.NICs[0].MAC = "00:00:00:00:00:00" }, "nics[0].mac: ", "not all zero"},
		{"MAC with hyphens", func(h *Hardware) { h.NICs[0].MAC = "52-54-00-00-00-01" }, "nics[0].mac: ", "colons"},
		{"no MAC", func(h *Hardware) { h.NICs[0].MAC = "" }, `nics[0].mac: ""`, "six pairs"},
		{"no port group", func(h *Hardware) { h.NICs[0].PortGroup, h.NICs[0].Connected = "", true }, "nics[0].portGroup: an adapter", "port group"},
		{"another kind of ID", func(h *Hardware) { h.NICs[0].PortGroup = "vm-1" }, "nics[0].portGroup: ", "port group"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := goodHardware()
			tt.change(&h)
			checkRefusal(t, CheckHardware(h), Invalid, tt.want, tt.remedy)
		})
	}
}

func TestFits(t *testing.T) {
	host := HostStatus{CPUs: 2, MemoryMB: 1106 + 23, ReservedMemoryMB: 23}
	tests := []struct {
		name         string
		cpus         int
		memoryMB     int64
		want, remedy string
	}{
		{"exactly", 2, 1022, "", ""},
		{"too many CPUs", 4, 512, "needs 4 CPUs, has 2", "2 CPUs at most"},
		{"more than exactly", 2, 1023, "needs 1023 MB of memory and 84 MB to execute it, has 1106 MB", "1020 MB at most"},
		{"too much memory", 1, 2048, "needs 2048 MB of memory and 85 MB to execute it, has 1106 MB", "1020 MB at most"},
		{"more than it can ever have", 1, 1 << 20, "has 1106 MB", "0 MB at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkRefusal(t, Fits(Hardware{CPUs: tt.cpus, MemoryMB: tt.memoryMB}, host), Exhausted, tt.want, tt.remedy)
		})
	}
}

func TestRoundUpMB(t *testing.T) {
	for bytes, want := range map[int64]int64{0: 0, 1: 1 << 20, 1 << 20: 1 << 20, 1<<20 + 1: 2 << 20} {
		if got := RoundUpMB(bytes); got != want {
			t.Errorf("RoundUpMB(%d) = %d, want %d", bytes, got, want)
		}
	}
}

// checkRefusal checks an error's kind, and parts of its message and remedy; want "" stands for no error.
func checkRefusal(t *testing.T, err error, kind ErrorKind, want, remedy string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("got error %v, want none", err)
		}
		return
	}
	e, ok := err.(*Error)
	if !ok {
		t.Fatalf("got %v, want a *Error", err)
	}
	if e.Kind != kind || !strings.Contains(e.Message, want) || !strings.Contains(e.Remedy, remedy) {
		t.Errorf("got %s %q (%q), want %s %q (%q)", e.Kind, e.Message, e.Remedy, kind, want, remedy)
	}
}

func TestUnitKey(t *testing.T) {
	for _, tt := range []struct{ controller, unit, want int32 }{
		{200, 0, 3000}, {201, 1, 3003}, {200, 2, 0},
		{1000, 0, 2000}, {1000, 15, 2015}, {1003, 15, 2063}, {1001, 7, 0}, {1000, 16, 2064}, {1000, 64, 2112}, {1003, 64, 2259}, {1000, 65, 0}, {1000, -1, 0}, {1004, 0, 0},
		{15000, 0, 16000}, {15001, 29, 16059}, {15000, 30, 0},
		{31000, 14, 32014}, {31001, 0, 32016}, {31000, 15, 32064}, {31003, 63, 32259}, {31000, 64, 0},
		{0, 0, 0}, {7000, 0, 0},
	} {
		if got, ok := UnitKey(tt.controller, tt.unit); got != tt.want || ok != (tt.want != 0) {
			t.Errorf("UnitKey(%d, %d) = %d, %v, want %d", tt.controller, tt.unit, got, ok, tt.want)
		}
		if tt.want != 0 && ControllerOfDisk(tt.want) != tt.controller {
			t.Errorf("%d is on the controller %d, not on %d", tt.want, ControllerOfDisk(tt.want), tt.controller)
		}
	}
}

// TestPlacesAreApart: no two places have one key.
func TestPlacesAreApart(t *testing.T) {
	seen := map[int32]bool{}
	for _, c := range classes {
		for controller := c.first; controller < c.first+c.controllers; controller++ {
			for unit := range c.most {
				key, ok := UnitKey(controller, unit)
				switch {
				case ok && (seen[key] || ControllerOfDisk(key) != controller):
					t.Errorf("the key %d of unit %d of %d is that of another place, or of %d", key, unit, controller, ControllerOfDisk(key))
				case ok != (c.first != FirstSCSIKey || unit != SCSIControllerUnit):
					t.Errorf("unit %d of %d: %v", unit, controller, ok)
				}
				seen[key] = true
			}
		}
	}
	if got := ControllerOfDisk(4000); got != 0 {
		t.Errorf("4000 is on %d", got)
	}
}

// TestUnits: which units a controller has follows from its model and the hardware version.
func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		t       ControllerType
		version int
		want    int32
	}{{ControllerPVSCSI, 13, 16}, {ControllerPVSCSI, 14, 65}, {ControllerVirtio, 21, 65}, {ControllerLSISAS, 21, 16}, {ControllerNVMe, 20, 15}, {ControllerNVMe, 21, 64},
		{ControllerSATA, 21, 30}, {ControllerIDE, 21, 2}, {ControllerXHCI, 21, 0}} {
		if got := Units(tt.t, tt.version); got != tt.want {
			t.Errorf("%s on vmx-%d has %d units, want %d", tt.t, tt.version, got, tt.want)
		}
	}
	h := goodHardware()
	h.Controllers[0].Type = ControllerPVSCSI
	h.Disks = append(h.Disks, Disk{Key: 2064, Controller: 1000, Unit: 16, CapacityBytes: 1 << 20, Provisioning: Thin, Mode: Persistent, File: "a/b.vmdk"})
	if err := CheckHardware(h); err != nil || !HasAll(h.Features(), []HostFeature{FeatureManyUnits}) {
		t.Error(err, h.Features())
	}
	h.Version = 13
	checkRefusal(t, CheckHardware(h), Invalid, "has the units 0 to 15 on vmx-13, not 16", "another unit")
}

func TestUpgradeHardware(t *testing.T) {
	old := Hardware{UUID: "420f3a1e-3c1d-4f4e-9a57-0123456789ab", GuestID: "otherLinux64Guest", Firmware: BIOS, CPUs: 2, MemoryMB: 512,
		Disks: []Disk{{Key: 2000, CapacityBytes: 1 << 30}, {Key: 2007, CapacityBytes: 1 << 20}, {Key: 2015, CapacityBytes: 1 << 20}},
		NICs:  []NIC{{Key: 4000, MAC: "52:54:00:00:00:01", PortGroup: "network-1"}}}
	got := UpgradeHardware(old, "web")
	if err := CheckHardware(got); err != nil {
		t.Error(err)
	}
	for i, want := range []Disk{{Key: 2000, Controller: 1000, File: "web/web.vmdk"}, {Key: 2008, Controller: 1000, Unit: 8, File: "web/web_7.vmdk"},
		{Key: 2016, Controller: 1001, File: "web/web_15.vmdk"}} {
		want.CapacityBytes, want.Provisioning, want.Mode = old.Disks[i].CapacityBytes, Thin, Persistent
		if got.Disks[i] != want {
			t.Errorf("got %+v, want %+v", got.Disks[i], want)
		}
	}
	if old.Disks[0].Controller != 0 {
		t.Error("the old hardware was changed")
	}
	if again := UpgradeHardware(got, "web"); !reflect.DeepEqual(again, got) {
		t.Errorf("a second time: %+v", again)
	}
}

func TestNameDisks(t *testing.T) {
	h := Hardware{Disks: []Disk{{File: "a/a.vmdk"}, {}, {File: "b/x.vmdk"}, {}}}
	h.NameDisks("a")
	for i, want := range []string{"a/a.vmdk", "a/a_1.vmdk", "b/x.vmdk", "a/a_2.vmdk"} {
		if h.Disks[i].File != want {
			t.Errorf("disk %d is %s, want %s", i, h.Disks[i].File, want)
		}
	}
}

func TestAddDisk(t *testing.T) {
	h := Hardware{Controllers: []Controller{{Key: 1001, Type: ControllerPVSCSI}}, Drives: []Drive{{Key: 2000}}}
	for i := range 44 {
		d, ok := h.AddDisk(ControllerVirtio)
		switch want, _ := UnitKey(d.Controller, d.Unit); {
		case !ok:
			t.Fatalf("no room for disk %d", i)
		case d.Key != want, d.Controller == 1001, d.Key == 2000:
			t.Errorf("disk %d: %+v", i, *d)
		}
	}
	if d, ok := h.AddDisk(ControllerVirtio); ok {
		t.Errorf("one too many: %+v", d)
	}
	if len(h.Controllers) != 4 || !slices.IsSortedFunc(h.Disks, func(a, b Disk) int { return cmp.Compare(a.Key, b.Key) }) {
		t.Errorf("out of order: %+v", h)
	}
}
