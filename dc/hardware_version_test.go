package dc

import "testing"

func TestHardwareVersions(t *testing.T) {
	versions := HardwareVersions()
	for i, v := range versions[1:] {
		before := versions[i]
		if v.Number <= before.Number || v.CPUs < before.CPUs || v.CoresPerSocket < before.CoresPerSocket || v.MemoryMB < before.MemoryMB {
			t.Errorf("%+v follows %+v", v, before)
		}
	}
	if !IsHardwareVersion(DefaultHardwareVersion) || IsHardwareVersion(5) {
		t.Error("the versions are others")
	}
}

func TestCheckVersion(t *testing.T) {
	efi := func(h *Hardware) { h.Firmware = EFI }
	for _, tt := range []struct {
		name         string
		version      int
		change       func(h *Hardware)
		want, remedy string
	}{
		{"oldest", 4, func(h *Hardware) {}, "", ""},
		{"newest", 21, func(h *Hardware) { efi(h); h.TPM, h.Boot.Secure, h.Watchdog = true, true, &Watchdog{} }, "", ""},
		{"none", 0, func(h *Hardware) {}, "version: 0 is no", "give 4 to 21"},
		{"between", 5, func(h *Hardware) {}, "version: 5 is no", "give 4 to 21"},
		{"of tomorrow", 22, func(h *Hardware) {}, "version: 22 is no", "give 4 to 21"},
		{"CPUs", 8, func(h *Hardware) { h.CPUs = 33 }, "cpus: 33 is more than vmx-8 has", "32 at most, or upgrade"},
		{"CPUs, newer", 9, func(h *Hardware) { h.CPUs = 33 }, "", ""},
		{"cores", 17, func(h *Hardware) { h.CPUs, h.CoresPerSocket = 128, 128 }, "coresPerSocket: 128 is more than vmx-17 has", "64 at most"},
		{"cores, newer", 20, func(h *Hardware) { h.CPUs, h.CoresPerSocket = 128, 128 }, "", ""},
		{"memory", 10, func(h *Hardware) { h.MemoryMB = 1012 << 10 }, "memoryMB: ", "1035264 at most"},
		{"memory, newer", 11, func(h *Hardware) { h.MemoryMB = 1012 << 10 }, "", ""},
		{"EFI", 7, efi, "firmware: vmx-7 does not have EFI", "to 8"},
		{"SATA", 9, func(h *Hardware) { h.Controllers = append(h.Controllers, Controller{15000, ControllerSATA}) }, "controllers: vmx-9 does not have SATA", "to 10"},
		{"NVMe", 11, func(h *Hardware) { h.Controllers = append(h.Controllers, Controller{31000, ControllerNVMe}) }, "does not have NVMe", "to 13"},
		{"Secure Boot", 11, func(h *Hardware) { efi(h); h.Boot.Secure = true }, "boot.secure: ", "to 13"},
		{"TPM", 13, func(h *Hardware) { efi(h); h.TPM = true }, "tpm: vmx-13", "to 14"},
		{"watchdog", 15, func(h *Hardware) { h.Watchdog = &Watchdog{} }, "watchdog: vmx-15", "to 17"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := goodHardware()
			h.Version = tt.version
			tt.change(&h)
			checkRefusal(t, CheckHardware(h), Invalid, tt.want, tt.remedy)
		})
	}
}

func TestVersionFor(t *testing.T) {
	h := goodHardware()
	h.Version = 7
	if got := VersionFor(h); got != 7 {
		t.Errorf("got %d", got)
	}
	h.Firmware, h.Boot.Secure = EFI, true
	if got := VersionFor(h); got != 13 {
		t.Errorf("got %d", got)
	}
}

func TestUpgradeVersion(t *testing.T) {
	for _, tt := range []struct {
		name  string
		to    int
		power PowerState
		kind  ErrorKind
		want  string
	}{
		{"newest", 21, PoweredOff, "", ""},
		{"the same", 19, PoweredOff, WrongState, "is 19 already"},
		{"older", 13, PoweredOff, Invalid, "13 is older than the 19"},
		{"none", 99, PoweredOff, Invalid, "99 is no hardware version"},
		{"with power", 21, PoweredOn, WrongState, "powered off"},
		{"suspended", 21, Suspended, WrongState, "powered off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := UpgradeVersion(goodHardware(), tt.to, tt.power)
			checkRefusal(t, err, tt.kind, tt.want, "")
			if err == nil && h.Version != tt.to {
				t.Errorf("it is %d", h.Version)
			}
		})
	}
}
