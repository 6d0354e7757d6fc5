package dc

import (
	"strings"
	"testing"
)

func TestGuestSystems(t *testing.T) {
	all := GuestSystems()
	if len(all) < 170 {
		t.Errorf("only %d are known", len(all))
	}
	for i, g := range all {
		if i > 0 && all[i-1].ID >= g.ID {
			t.Errorf("%s follows %s", g.ID, all[i-1].ID)
		}
		if !validGuestID(g.ID) || g.Name == "" || strings.Contains(g.ID, "Guest") != true {
			t.Errorf("a bad row: %+v", g)
		}
		wide := strings.Contains(g.Name, "64-bit")
		if wide && g.Bits != 64 || strings.Contains(g.ID, "64Guest") && !wide {
			t.Errorf("%s, %s, has %d bits", g.ID, g.Name, g.Bits)
		}
		if strings.HasPrefix(g.ID, "win") != (g.Family == WindowsGuest) {
			t.Errorf("%s is of the family %s", g.ID, g.Family)
		}
	}
}

// TestGuestDefaults: what every guest gets where nothing is asked for is allowed, with a disk, a CD-ROM drive and a network adapter.
func TestGuestDefaults(t *testing.T) {
	for _, g := range GuestSystems() {
		for _, version := range []int{8, DefaultHardwareVersion, NewestHardwareVersion()} {
			base := NewHardware(g.ID, version, "")
			h, err := HardwareChange{AddDisks: []NewDisk{{}}, AddDrives: []NewDrive{{Type: CDROM}}, AddNICs: []NewNIC{{MAC: "52:54:00:00:00:01", PortGroup: "network-1"}}}.Apply(base)
			if err != nil {
				t.Errorf("%s: %v", g.ID, err)
				continue
			}
			h.UUID, h.InstanceUUID = goodHardware().UUID, goodHardware().UUID
			err = CheckHardware(h)
			if err == nil {
				err = CheckGuest(h)
			}
			if sata := h.hasControllerOf(ControllerSATA); err != nil && !(sata && version < 10) {
				t.Errorf("%s on vmx-%d: %v", g.ID, version, err)
			}
		}
	}
}

func TestNewHardware(t *testing.T) {
	for _, tt := range []struct {
		guest    string
		version  int
		firmware Firmware
		// want is the firmware, the controller of a disk, and the rest that differs.
		want             Firmware
		disks            ControllerType
		nic              NICType
		memoryMB, diskGB int64
		secure, tpm      bool
	}{
		{"otherLinux64Guest", 19, "", BIOS, ControllerVirtio, VirtioNet, 512, 8, false, false},
		{"debian12_64Guest", 19, "", BIOS, ControllerVirtio, VirtioNet, 1024, 16, false, false},
		{"debian12_64Guest", 19, EFI, EFI, ControllerVirtio, VirtioNet, 1024, 16, false, false},
		{"rhel5_64Guest", 19, "", BIOS, ControllerLSISAS, E1000, 1024, 16, false, false},
		{"windows9_64Guest", 19, "", EFI, ControllerLSISAS, E1000E, 4096, 48, true, false},
		{"windows9_64Guest", 11, "", EFI, ControllerLSISAS, E1000E, 4096, 48, false, false},
		{"windows9_64Guest", 19, BIOS, BIOS, ControllerLSISAS, E1000E, 4096, 48, false, false},
		{"windows11_64Guest", 19, "", EFI, ControllerLSISAS, E1000E, 4096, 64, true, true},
		{"windows11_64Guest", 13, "", EFI, ControllerLSISAS, E1000E, 4096, 64, true, false},
		{"winXPProGuest", 19, "", BIOS, ControllerIDE, E1000, 512, 16, false, false},
		{"vmkernel8Guest", 20, "", EFI, ControllerPVSCSI, VMXNET3, 8192, 142, false, false},
		{"a system of tomorrow", 19, "", BIOS, ControllerLSISAS, E1000, 512, 8, false, false},
	} {
		h, err := HardwareChange{AddDisks: []NewDisk{{}}, AddNICs: []NewNIC{{}}}.Apply(NewHardware(tt.guest, tt.version, tt.firmware))
		if err != nil {
			t.Errorf("%s: %v", tt.guest, err)
			continue
		}
		if h.Firmware != tt.want || h.controllerType(h.Disks[0].Controller) != tt.disks || h.NICs[0].Type != tt.nic || h.MemoryMB != tt.memoryMB ||
			h.Disks[0].CapacityBytes != tt.diskGB<<30 || h.Boot.Secure != tt.secure || h.TPM != tt.tpm {
			t.Errorf("%s on vmx-%d: %+v", tt.guest, tt.version, h)
		}
	}
}

func TestGuestVersions(t *testing.T) {
	for id := range versionsOfGuests {
		if _, known := GuestSystemOf(id); !known {
			t.Errorf("%s has a version, and is not known", id)
		}
	}
	for _, tt := range []struct {
		guest            string
		version, created int
		ok               bool
	}{
		{"otherLinux64Guest", 4, 19, true}, {"a system of tomorrow", 4, 19, true}, {"windows2019srv_64Guest", 13, 19, false}, {"windows2019srv_64Guest", 14, 19, true},
		{"rhel9_64Guest", 17, 19, false}, {"rhel9_64Guest", 18, 19, true}, {"debian12_64Guest", 19, 20, false}, {"debian12_64Guest", 21, 20, true},
	} {
		if got := VersionForGuest(tt.guest); got != tt.created || CheckGuestVersion(tt.guest, got) != nil {
			t.Errorf("%s gets vmx-%d, want vmx-%d", tt.guest, got, tt.created)
		}
		if err := CheckGuestVersion(tt.guest, tt.version); (err == nil) != tt.ok {
			t.Errorf("%s on vmx-%d: %v", tt.guest, tt.version, err)
		} else if err != nil {
			checkRefusal(t, err, Invalid, "does not know", "the hardware version")
		}
	}
	h := goodHardware()
	h.Version = 17
	other := h
	other.GuestID = "rhel9_64Guest"
	checkRefusal(t, CheckReconfigure(h, other, PoweredOff), Invalid, "guestId: vmx-17 does not know Red Hat Enterprise Linux 9", "18")
}

func TestCheckGuest(t *testing.T) {
	for _, tt := range []struct {
		name         string
		guest        string
		change       func(h *Hardware)
		want, remedy string
	}{
		{"good", "debian12_64Guest", func(h *Hardware) { h.CPUHotAdd, h.CPUHotRemove, h.MemoryHotAdd = true, true, true }, "", ""},
		{"not known", "plan9Guest", func(h *Hardware) { h.CPUs, h.CPUHotAdd = 128, true }, "", ""},
		{"EFI for 32 bits", "debian12Guest", func(h *Hardware) { h.Firmware = EFI }, "firmware: Debian GNU/Linux 12 does not start", `"bios"`},
		{"two CPUs for DOS", "dosGuest", func(h *Hardware) { h.Controllers, h.Disks, h.NICs = nil, nil, nil }, "cpus: MS-DOS can't use 2", "1 at most"},
		{"8 GB for XP", "winXPProGuest", func(h *Hardware) { h.MemoryMB = 8 << 10 }, "memoryMB: Windows XP Professional can't use 8192", "4096 MB"},
		{"CPUs for Windows 10", "windows9_64Guest", func(h *Hardware) { h.CPUHotAdd = true }, "cpuHotAdd: Windows 10", "another guestId"},
		{"fewer CPUs for Windows", "windows9Server64Guest", func(h *Hardware) { h.CPUHotAdd, h.CPUHotRemove = true, true }, "cpuHotRemove: ", "leave it out"},
		{"memory for 32 bits", "rhel7Guest", func(h *Hardware) { h.MemoryHotAdd = true }, "memoryHotAdd: ", "leave it out"},
		{"SATA for XP", "winXPProGuest", func(h *Hardware) { h.Controllers = append(h.Controllers, Controller{15000, ControllerSATA}) },
			`controllers[1].type: Windows XP Professional can't use "ahci"`, "leave it out"},
		{"vmxnet3 for NT", "winNTGuest", func(h *Hardware) { h.NICs[1].Type = VMXNET3; h.NICs[0].Type = E1000 }, `nics[1].type: `, "leave it out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := goodHardware()
			h.GuestID = tt.guest
			tt.change(&h)
			checkRefusal(t, CheckGuest(h), Invalid, tt.want, tt.remedy)
		})
	}
	if err := CheckGuestID("debian12_64Guest"); err != nil {
		t.Error(err)
	}
	checkRefusal(t, CheckGuestID("plan9Guest"), Invalid, `"plan9Guest" is not known`, "otherLinux64Guest")
}
