package dc

import (
	"fmt"
	"slices"
)

// HardwareVersion is a virtual hardware version: what the board of a machine can have.
type HardwareVersion struct {
	// Number is 19 for vSphere's "vmx-19".
	Number int
	// Host is the first program of VMware's that executes it.
	Host string
	// The most that a machine of this version may have.
	CPUs, CoresPerSocket int
	MemoryMB             int64
}

// hardwareVersions are those that ESXi 6.7 to 8.0 execute, Workstation's between them included, oldest first, by VMware's table of
// hardware features for each compatibility setting.
var hardwareVersions = []HardwareVersion{
	{4, "ESX 3", 4, 1, 65532},
	{6, "Workstation 6", 4, 1, 65532},
	{7, "ESX 4.0", 8, 8, 255 << 10},
	{8, "ESXi 5.0", 32, 32, 1011 << 10},
	{9, "ESXi 5.1", 64, 64, 1011 << 10},
	{10, "ESXi 5.5", 64, 64, 1011 << 10},
	{11, "ESXi 6.0", 128, 64, 4080 << 10},
	{12, "Workstation 12", 128, 64, 4080 << 10},
	{13, "ESXi 6.5", 128, 64, 6128 << 10},
	{14, "ESXi 6.7", 128, 64, 6128 << 10},
	{15, "ESXi 6.7 U2", 256, 64, 6128 << 10},
	{16, "Workstation 15", 256, 64, 6128 << 10},
	{17, "ESXi 7.0", 256, 64, 6128 << 10},
	{18, "ESXi 7.0 U1", 768, 64, 24560 << 10},
	{19, "ESXi 7.0 U2", 768, 64, 24560 << 10},
	{20, "ESXi 8.0", 768, 256, 24560 << 10},
	{21, "ESXi 8.0 U2", 768, 256, 24560 << 10},
}

const (
	secureBootSince = 13
	tpmSince        = 14
)

// versionFeatures are what only boards from some version on have, each with the field that asks for it.
var versionFeatures = []struct {
	since       int
	field, what string
	in          func(Hardware) bool
}{
	{8, "firmware", "EFI", func(h Hardware) bool { return h.Firmware == EFI }},
	{10, "controllers", "SATA", func(h Hardware) bool { return h.hasControllerOf(ControllerSATA) }},
	{13, "controllers", "NVMe", func(h Hardware) bool { return h.hasControllerOf(ControllerNVMe) }},
	{secureBootSince, "boot.secure", "Secure Boot", func(h Hardware) bool { return h.Boot.Secure }},
	{tpmSince, "tpm", "a TPM", func(h Hardware) bool { return h.TPM }},
	{moreSCSIUnitsSince, "disks", "more than 60 disks", func(h Hardware) bool { return len(h.Disks) > 60 }},
	{17, "watchdog", "a watchdog", func(h Hardware) bool { return h.Watchdog != nil }},
}

// HardwareVersions returns the versions that a machine may have, oldest first. The caller must not change them.
func HardwareVersions() []HardwareVersion { return hardwareVersions }

// NewestHardwareVersion is the version that machines are upgraded to.
func NewestHardwareVersion() int { return hardwareVersions[len(hardwareVersions)-1].Number }

// IsHardwareVersion reports whether a machine may have the version.
func IsHardwareVersion(version int) bool {
	return slices.ContainsFunc(hardwareVersions, func(v HardwareVersion) bool { return v.Number == version })
}

// VersionFor returns the oldest version, and at least the hardware's own, that has all of its devices: machines come from programs
// that did not look so closely.
func VersionFor(h Hardware) int {
	version := h.Version
	for _, f := range versionFeatures {
		if f.in(h) {
			version = max(version, f.since)
		}
	}
	return version
}

// checkVersion refuses hardware that its version does not have.
func checkVersion(h Hardware) error {
	i := slices.IndexFunc(hardwareVersions, func(v HardwareVersion) bool { return v.Number == h.Version })
	if i < 0 {
		return badField("version", fmt.Sprintf("%d is no hardware version that can be executed", h.Version),
			fmt.Sprintf("give %d to %d", hardwareVersions[0].Number, NewestHardwareVersion()))
	}
	v := hardwareVersions[i]
	tooMuch := func(field string, value, most int64) error {
		return badField(field, fmt.Sprintf("%d is more than vmx-%d has", value, v.Number),
			fmt.Sprintf("give %d at most, or upgrade the hardware version", most))
	}
	switch {
	case h.CPUs > v.CPUs:
		return tooMuch("cpus", int64(h.CPUs), int64(v.CPUs))
	case h.CoresPerSocket > v.CoresPerSocket:
		return tooMuch("coresPerSocket", int64(h.CoresPerSocket), int64(v.CoresPerSocket))
	case h.MemoryMB > v.MemoryMB:
		return tooMuch("memoryMB", h.MemoryMB, v.MemoryMB)
	}
	for _, f := range versionFeatures {
		if h.Version < f.since && f.in(h) {
			return badField(f.field, fmt.Sprintf("vmx-%d does not have %s", h.Version, f.what),
				fmt.Sprintf("leave it out, or upgrade the hardware version to %d", f.since))
		}
	}
	return nil
}

// UpgradeVersion returns h with a newer hardware version, which a machine in the power state may be given. The error is of kind Invalid
// for a version that there is not, or an older one; WrongState where it has that version already, or is not powered off.
func UpgradeVersion(h Hardware, version int, power PowerState) (Hardware, error) {
	switch {
	case version == h.Version:
		return h, &Error{Kind: WrongState, Message: fmt.Sprintf("its hardware version is %d already", version)}
	case version < h.Version:
		return h, badField("version", fmt.Sprintf("%d is older than the %d that it has", version, h.Version), "give a newer one")
	case power != PoweredOff:
		return h, &Error{Kind: WrongState, Message: "its hardware version can't be changed unless it is powered off", Remedy: "power it off first"}
	}
	h.Version = version
	return h, checkVersion(h)
}

// hasControllerOf reports whether there is a controller of the type that is listed.
func (h Hardware) hasControllerOf(t ControllerType) bool {
	return slices.ContainsFunc(h.Controllers, func(c Controller) bool { return c.Type == t })
}
