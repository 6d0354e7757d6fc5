package dc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// GuestFamily is a family of operating systems.
type GuestFamily string

// The families, by vSphere's names.
const (
	WindowsGuest GuestFamily = "windowsGuest"
	LinuxGuest   GuestFamily = "linuxGuest"
	NetwareGuest GuestFamily = "netwareGuest"
	SolarisGuest GuestFamily = "solarisGuest"
	DarwinGuest  GuestFamily = "darwinGuestFamily"
	OtherGuest   GuestFamily = "otherGuestFamily"
)

// GuestSystem is what is known of an operating system before it is installed: what a machine for it gets where nothing else is asked for,
// and what it can't use.
type GuestSystem struct {
	// ID is vSphere's VirtualMachineGuestOsIdentifier: "debian12_64Guest". Name is for people.
	ID, Name string
	Family   GuestFamily
	// Bits is 32 or 64.
	Bits int
	// Version is the oldest hardware version that knows it, 0 for any.
	Version int
	// Controller is what its disks are on, CDROM what its CD-ROM drives are on, and NIC what its network adapters are.
	Controller, CDROM ControllerType
	NIC               NICType
	// Firmware is what it starts from; with SecureBoot, from what is signed only. TPM is whether it asks for one.
	Firmware        Firmware
	SecureBoot, TPM bool
	MemoryMB        int64
	// DiskBytes is the capacity of its first disk.
	DiskBytes int64
	// MaxCPUs, MaxSockets and MaxMemoryMB are the most that it uses; zero is no limit of its own.
	MaxCPUs, MaxSockets int
	MaxMemoryMB         int64
	// BIOSOnly is set for one that no EFI firmware of 64 bits starts.
	BIOSOnly bool
	// What it takes while it runs.
	CPUHotAdd, CPUHotRemove, MemoryHotAdd bool
	// NoControllers and NoNICs are those that there are no drivers for.
	NoControllers []ControllerType
	NoNICs        []NICType
}

// guestSystems are all that are known, by their identifiers.
var guestSystems = func() map[string]GuestSystem {
	all := map[string]GuestSystem{}
	for _, group := range guestSystemGroups {
		for row := range strings.Lines(strings.TrimSpace(group.rows)) {
			g := group.of
			g.ID, g.Name, _ = strings.Cut(strings.TrimSpace(row), " ")
			g.Firmware, g.Version = cmp.Or(g.Firmware, BIOS), versionsOfGuests[g.ID]
			all[g.ID] = g
		}
	}
	return all
}()

// anyGuest is what is taken for a system that is not known: nothing is refused.
const anyGuest = "otherGuest64"

// GuestSystems returns all operating systems that are known, in the order of their identifiers.
func GuestSystems() []GuestSystem {
	var all []GuestSystem
	for _, g := range guestSystems {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b GuestSystem) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// GuestSystemOf returns what is known of the operating system with the identifier; known is false for one that nothing is known of, and
// then nothing is refused for it.
func GuestSystemOf(id string) (g GuestSystem, known bool) {
	if g, known = guestSystems[id]; !known {
		g = guestSystems[anyGuest]
		g.ID, g.Name = id, id
	}
	return g, known
}

// CheckGuestID returns nil for an identifier that is known, else an error of kind Invalid.
func CheckGuestID(id string) error {
	if _, known := GuestSystemOf(id); !known {
		return badField("guestId", fmt.Sprintf("%q is not known", id), `give one of vSphere's, such as "otherLinux64Guest"`)
	}
	return nil
}

// CheckGuest returns nil where the guest can use the hardware, which CheckHardware accepts, else an error of kind Invalid as
// CheckHardware's. A machine from elsewhere may have what its guest can't use; nobody is given it.
func CheckGuest(h Hardware) error {
	g, _ := GuestSystemOf(h.GuestID)
	lacks := func(field, what string) error {
		return badField(field, fmt.Sprintf("%s can't use %s", g.Name, what), "leave it out, or give another guestId")
	}
	switch {
	case g.BIOSOnly && h.Firmware == EFI:
		return badField("firmware", g.Name+" does not start from EFI", `give "bios", or another guestId`)
	case g.MaxCPUs != 0 && h.CPUs > g.MaxCPUs:
		return badField("cpus", fmt.Sprintf("%s can't use %d", g.Name, h.CPUs), fmt.Sprintf("give %d at most, or another guestId", g.MaxCPUs))
	case g.MaxMemoryMB != 0 && h.MemoryMB > g.MaxMemoryMB:
		return badField("memoryMB", fmt.Sprintf("%s can't use %d", g.Name, h.MemoryMB),
			fmt.Sprintf("give %d MB at most, or another guestId", g.MaxMemoryMB))
	case h.CPUHotAdd && !g.CPUHotAdd:
		return lacks("cpuHotAdd", "CPUs that are added while it runs")
	case h.CPUHotRemove && !g.CPUHotRemove:
		return lacks("cpuHotRemove", "that CPUs are removed while it runs")
	case h.MemoryHotAdd && !g.MemoryHotAdd:
		return lacks("memoryHotAdd", "memory that is added while it runs")
	}
	for i, c := range h.Controllers {
		if slices.Contains(g.NoControllers, c.Type) {
			return lacks(fmt.Sprintf("controllers[%d].type", i), fmt.Sprintf("%q", c.Type))
		}
	}
	for i, n := range h.NICs {
		if slices.Contains(g.NoNICs, n.Type) {
			return lacks(fmt.Sprintf("nics[%d].type", i), fmt.Sprintf("%q", n.Type))
		}
	}
	return nil
}
