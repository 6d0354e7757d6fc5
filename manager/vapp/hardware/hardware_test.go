package hardware

import (
	"reflect"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/internal/ovf"
)

// all is a machine with one of everything that VMware has, too.
func all() dc.Hardware {
	at := func(controller, unit int32) dc.Disk {
		key, _ := dc.UnitKey(controller, unit)
		return dc.Disk{Key: key, Controller: controller, Unit: unit, CapacityBytes: 4 << 20, Provisioning: dc.Thin, Mode: dc.Persistent}
	}
	return dc.Hardware{RootPorts: true, Version: 19, GuestID: "debian12_64Guest", Firmware: dc.EFI, Boot: dc.Boot{Secure: true}, CPUs: 4, CoresPerSocket: 2, MemoryMB: 2048,
		CPUHotAdd: true, MemoryHotAdd: true, Watchdog: &dc.Watchdog{}, Video: dc.Video{MemoryKB: 8 << 10, Model: dc.VideoSVGA},
		Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerPVSCSI}, {Key: 1001, Type: dc.ControllerLSISAS}, {Key: 1003, Type: dc.ControllerLSILogic},
			{Key: 7000, Type: dc.ControllerUSB}, {Key: 14000, Type: dc.ControllerXHCI}, {Key: 15000, Type: dc.ControllerSATA},
			{Key: 31000, Type: dc.ControllerNVMe}},
		Disks: []dc.Disk{at(1000, 0), at(1000, 8), at(1001, 3), at(1003, 1), at(200, 1), at(15000, 2), at(31000, 0)},
		Drives: []dc.Drive{{Key: 3002, Type: dc.CDROM, Controller: 201}, {Key: 8000, Type: dc.Floppy},
			{Key: 16000, Type: dc.CDROM, Controller: 15000}},
		NICs: []dc.NIC{{Key: 4000, Type: dc.VMXNET3, Connected: true, StartConnected: true}, {Key: 4001, Type: dc.E1000E},
			{Key: 4002, Type: dc.E1000, Connected: true, StartConnected: true}},
		SerialPorts: []dc.SerialPort{{Key: 9000, Console: true}, {Key: 9001}}}
}

// byKey puts the disks into the order in which Hardware has them.
func byKey(h dc.Hardware) dc.Hardware {
	for i := range h.Disks {
		for j := i; j > 0 && h.Disks[j].Key < h.Disks[j-1].Key; j-- {
			h.Disks[j], h.Disks[j-1] = h.Disks[j-1], h.Disks[j]
		}
	}
	return h
}

// TestThereAndBack writes hardware and reads it, and finds it unchanged.
func TestThereAndBack(t *testing.T) {
	want := byKey(all())
	want.TPM = true
	m := Write(want, map[int32]string{4000: "front", 4001: "back", 4002: "front"})
	got, err := Read(m)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Hardware, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got.Hardware, want)
	}
	if strings.Join(got.Networks, " ") != "front back front" || len(m.Networks) != 2 {
		t.Errorf("networks: %v of %v", got.Networks, m.Networks)
	}
	for i, n := range got.Disks {
		if i != n {
			t.Errorf("the disks are %v", got.Disks)
		}
	}
	warnings := strings.Join(got.Warnings, "\n")
	for _, part := range []string{"scsi3 is an LSI Logic Parallel", "its TPM is a new one"} {
		if !strings.Contains(warnings, part) {
			t.Errorf("nothing says %q in %q", part, warnings)
		}
	}
	if len(got.Warnings) != 2 {
		t.Errorf("warnings: %q", warnings)
	}
}

// TestQEMUsOwn writes what VMware does not have as the nearest that it has.
func TestQEMUsOwn(t *testing.T) {
	m := Write(dc.Hardware{Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerVirtio}}, NICs: []dc.NIC{{Key: 4000, Type: dc.VirtioNet}}}, nil)
	if m.Controllers[0].Model != "VirtualSCSI" || m.NICs[0].Model != "VmxNet3" {
		t.Errorf("got %+v", m)
	}
	m.CPUs, m.MemoryMB = 1, 128
	for name, want := range map[string]dc.ControllerType{"VirtualSCSI": dc.ControllerVirtio, "lsilogicsas": dc.ControllerLSISAS} { // who changes it elsewhere has changed it
		m.Controllers[0].Model = name
		got, err := Read(m)
		if err != nil || got.Hardware.Controllers[0].Type != want || got.Hardware.NICs[0].Type != dc.VirtioNet || len(got.Warnings) > 1 {
			t.Errorf("%s is read as %+v, %v", name, got, err)
		}
	}
}

// minimal is a machine that others change.
func minimal() *ovf.Machine {
	return &ovf.Machine{GuestID: "otherLinux64Guest", HardwareVersion: "vmx-13", CPUs: 1, MemoryMB: 100, Firmware: "bios"}
}

func TestRead(t *testing.T) {
	disk := func(controller string, unit int) ovf.Disk {
		return ovf.Disk{CapacityBytes: 1, Controller: controller, Unit: unit}
	}
	for _, c := range []struct {
		name    string
		change  func(m *ovf.Machine)
		want    func(h dc.Hardware) bool
		warning string // or "" for none
	}{
		{"the least", func(*ovf.Machine) {}, func(h dc.Hardware) bool {
			return h.Version == 13 && h.MemoryMB == 100 && h.CoresPerSocket == 1 && len(h.SerialPorts) == 1 && h.SerialPorts[0].Console && h.Video.Model == ""
		}, ""},
		{"a disk without a controller", func(m *ovf.Machine) { m.Disks = []ovf.Disk{disk("", -1)} }, func(h dc.Hardware) bool {
			return h.Disks[0].Key == 2000 && h.Disks[0].CapacityBytes == 1<<20 && h.Controllers[0].Type == dc.ControllerVirtio
		}, "virtio-scsi controller: the package says none"},
		{"an unknown SCSI controller", func(m *ovf.Machine) {
			m.Controllers = []ovf.Controller{{ID: "3", Kind: ovf.SCSI, Model: "buslogic"}}
			m.Disks = []ovf.Disk{disk("3", 2)}
		}, func(h dc.Hardware) bool {
			return h.Controllers[0] == dc.Controller{Key: 1000, Type: dc.ControllerVirtio} && h.Disks[0].Key == 2002
		}, `scsi0 is virtio-scsi instead of "buslogic"`},
		{"several models, the preferred one first", func(m *ovf.Machine) {
			m.Controllers = []ovf.Controller{{ID: "3", Kind: ovf.SCSI, Model: "strange virtio lsilogic"}}
			m.NICs = []ovf.NIC{{Model: "strange E1000e"}}
		}, func(h dc.Hardware) bool {
			return h.Controllers[0].Type == dc.ControllerVirtio && h.NICs[0].Type == dc.E1000E
		}, ""},
		{"an unknown adapter", func(m *ovf.Machine) { m.NICs = []ovf.NIC{{Model: "PCNet32"}} }, func(h dc.Hardware) bool {
			return h.NICs[0].Type == dc.E1000
		}, `adapter 1 is E1000 instead of "PCNet32"`},
		{"one number twice", func(m *ovf.Machine) {
			m.Controllers = []ovf.Controller{{ID: "3", Kind: ovf.SATA, Bus: -1}, {ID: "4", Kind: ovf.SATA}, {ID: "5", Kind: ovf.SATA}}
			m.Disks = []ovf.Disk{disk("3", 0), disk("4", 0), disk("5", 0)}
		}, func(h dc.Hardware) bool {
			return len(h.Controllers) == 3 && h.Disks[0].Controller == 15000 && h.Disks[2].Key == 16060
		}, ""},
		{"the controller's own unit", func(m *ovf.Machine) {
			m.Controllers = []ovf.Controller{{ID: "3", Kind: ovf.SCSI, Model: "VirtualSCSI"}}
			m.Disks = []ovf.Disk{disk("3", 7), disk("3", 0), disk("3", -1)}
		}, func(h dc.Hardware) bool {
			return len(h.Disks) == 3 && h.Disks[0].Key == 2000 && h.Disks[1].Key == 2001 && h.Disks[2].Key == 2002
		}, "disk 1 is unit 1 of its controller instead of 7"},
		{"a CD-ROM drive at NVMe", func(m *ovf.Machine) {
			m.Controllers = []ovf.Controller{{ID: "3", Kind: ovf.NVMe}}
			m.Drives = []ovf.Drive{{Kind: "cdrom", Controller: "3"}}
		}, func(h dc.Hardware) bool { return h.Drives[0].Key == 3000 }, ""},
		{"a guest by its number", func(m *ovf.Machine) { m.GuestID, m.OSType = "", 94 }, func(h dc.Hardware) bool { return h.GuestID == "ubuntu64Guest" }, ""},
		{"a guest of which nothing is known", func(m *ovf.Machine) { m.GuestID = "" }, func(h dc.Hardware) bool { return h.GuestID == otherSystem }, "is taken for otherGuest64"},
		{"a version of tomorrow", func(m *ovf.Machine) { m.HardwareVersion = "vmx-99" }, func(h dc.Hardware) bool { return h.Version == dc.DefaultHardwareVersion }, "instead of vmx-99"},
		{"half a socket", func(m *ovf.Machine) { m.CPUs, m.CoresPerSocket = 3, 2 }, func(h dc.Hardware) bool { return h.CoresPerSocket == 1 }, "3 CPUs are not whole sockets"},
		{"a file without a disk", func(m *ovf.Machine) { m.Files = []ovf.File{{Name: "web.nvram"}} }, func(dc.Hardware) bool { return true }, "web.nvram is left out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := minimal()
			c.change(m)
			got, err := Read(m)
			if err != nil {
				t.Fatal(err)
			}
			if !c.want(got.Hardware) {
				t.Errorf("got %+v", got.Hardware)
			}
			if warnings := strings.Join(got.Warnings, "\n"); (c.warning == "") != (warnings == "") || !strings.Contains(warnings, c.warning) {
				t.Errorf("warnings: %q", warnings)
			}
		})
	}
}

// TestDisksAreInTheOrderOfTheirKeys whatever the descriptor's is.
func TestDisksAreInTheOrderOfTheirKeys(t *testing.T) {
	m := minimal()
	m.Controllers = []ovf.Controller{{ID: "3", Kind: ovf.SCSI, Model: "lsilogicsas"}}
	for _, unit := range []int{2, 0, -1, 1} {
		m.Disks = append(m.Disks, ovf.Disk{CapacityBytes: int64(unit+2) << 20, Controller: "3", Unit: unit})
	}
	got, err := Read(m)
	if err != nil || !reflect.DeepEqual(got.Disks, []int{1, 3, 0, 2}) {
		t.Fatalf("got %v, %v", got.Disks, err)
	}
	for i, n := range got.Disks {
		if got.Hardware.Disks[i].CapacityBytes != m.Disks[n].CapacityBytes {
			t.Errorf("disk %d is not that of the descriptor: %+v", i, got.Hardware.Disks[i])
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *ovf.Machine)
		kind   dc.ErrorKind
	}{
		"Windows at a controller without a driver": {func(m *ovf.Machine) {
			m.GuestID, m.Controllers = "windows9_64Guest", []ovf.Controller{{ID: "3", Kind: ovf.SCSI, Model: "buslogic"}}
		}, dc.Unsupported},
		"five controllers of a kind": {func(m *ovf.Machine) {
			for _, id := range []string{"3", "4", "5", "6", "7"} {
				m.Controllers = append(m.Controllers, ovf.Controller{ID: id, Kind: ovf.NVMe, Bus: -1})
			}
		}, dc.Unsupported},
		"three disks at one IDE controller": {func(m *ovf.Machine) {
			m.Controllers = []ovf.Controller{{ID: "3", Kind: ovf.IDE}}
			m.Disks = []ovf.Disk{{Controller: "3", Unit: -1}, {Controller: "3", Unit: -1}, {Controller: "3", Unit: -1}}
		}, dc.Invalid},
		"a disk at a USB controller": {func(m *ovf.Machine) {
			m.Controllers = []ovf.Controller{{ID: "3", Kind: ovf.USB}}
			m.Disks = []ovf.Disk{{Controller: "3", Unit: -1}}
		}, dc.Invalid},
	} {
		m := minimal()
		c.change(m)
		if _, err := Read(m); dc.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRead lets no descriptor that can be read make hardware whose devices are in one another's place.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`<Envelope><DiskSection><Disk diskId="d" capacity="1"/></DiskSection><VirtualSystem><VirtualHardwareSection>
<Item><InstanceID>1</InstanceID><ResourceType>3</ResourceType><VirtualQuantity>1</VirtualQuantity></Item>
<Item><InstanceID>2</InstanceID><ResourceType>4</ResourceType><VirtualQuantity>64</VirtualQuantity></Item>
<Item><InstanceID>3</InstanceID><ResourceType>6</ResourceType><Address>0</Address></Item>
<Item><InstanceID>4</InstanceID><ResourceType>17</ResourceType><HostResource>/disk/d</HostResource><Parent>3</Parent><AddressOnParent>7</AddressOnParent></Item>
<Item><InstanceID>5</InstanceID><ResourceType>15</ResourceType><Parent>3</Parent></Item>
</VirtualHardwareSection></VirtualSystem></Envelope>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ovf.Parse(text)
		if err != nil {
			return
		}
		got, err := Read(m)
		if err != nil {
			return
		}
		seen := map[int32]bool{}
		for _, d := range got.Hardware.Disks {
			if key, ok := dc.UnitKey(d.Controller, d.Unit); !ok || key != d.Key || seen[key] {
				t.Fatalf("disk %+v", d)
			}
			seen[d.Key] = true
		}
		for _, d := range got.Hardware.Drives {
			if seen[d.Key] {
				t.Fatalf("drive %+v", d)
			}
			seen[d.Key] = true
		}
		if len(got.Disks) != len(m.Disks) || len(got.Networks) != len(m.NICs) {
			t.Fatalf("%v, %v", got.Disks, got.Networks)
		}
	})
}
