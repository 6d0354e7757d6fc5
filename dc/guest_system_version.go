package dc

import (
	"fmt"
	"strings"
)

// guestReleases are the oldest hardware versions that know the guests' identifiers: those of the releases of ESXi that the vSphere API says
// brought them (VirtualMachineGuestOsIdentifier, "Since"). Windows Server 2019 is taken since ESXi 6.7, whatever the API says. What is
// not here any version knows.
var guestReleases = []struct {
	version int
	guests  string
}{
	{8, `darwin10Guest darwin10_64Guest darwin11Guest darwin11_64Guest debian6Guest debian6_64Guest eComStation2Guest solaris11_64Guest vmkernelGuest
		vmkernel5Guest windows8Guest windows8_64Guest windows8Server64Guest`},
	{9, `fedoraGuest fedora64Guest opensuseGuest opensuse64Guest`},
	{10, `darwin12_64Guest darwin13_64Guest debian7Guest debian7_64Guest genericLinuxGuest mandrakeGuest other3xLinuxGuest other3xLinux64Guest rhel7Guest
		rhel7_64Guest sles12Guest sles12_64Guest windowsHyperVGuest`},
	{11, `asianux5_64Guest coreos64Guest darwin14_64Guest debian8Guest debian8_64Guest vmkernel6Guest windows9Guest windows9_64Guest windows9Server64Guest`},
	{13, `asianux7_64Guest centos6Guest centos6_64Guest centos7Guest centos7_64Guest darwin15_64Guest darwin16_64Guest debian9Guest debian9_64Guest
		debian10Guest debian10_64Guest oracleLinux6Guest oracleLinux6_64Guest oracleLinux7Guest oracleLinux7_64Guest vmkernel65Guest vmwarePhoton64Guest`},
	{14, `amazonlinux2_64Guest asianux8_64Guest centos8_64Guest darwin17_64Guest darwin18_64Guest freebsd11Guest freebsd11_64Guest freebsd12Guest
		freebsd12_64Guest oracleLinux8_64Guest other4xLinuxGuest other4xLinux64Guest rhel8_64Guest sles15_64Guest windows2019srv_64Guest`},
	{17, `crxPod1Guest darwin19_64Guest debian11Guest debian11_64Guest vmkernel7Guest`},
	{18, `amazonlinux3_64Guest asianux9_64Guest centos9_64Guest darwin20_64Guest darwin21_64Guest freebsd13Guest freebsd13_64Guest oracleLinux9_64Guest
		other5xLinuxGuest other5xLinux64Guest rhel9_64Guest sles16_64Guest windows2019srvNext_64Guest`},
	{20, `almalinux_64Guest darwin22_64Guest darwin23_64Guest debian12Guest debian12_64Guest freebsd14Guest freebsd14_64Guest other6xLinuxGuest
		other6xLinux64Guest rockylinux_64Guest vmkernel8Guest windows11_64Guest windows12_64Guest windows2022srvNext_64Guest`},
	{21, `crxSys1Guest`},
}

// versionsOfGuests are guestReleases by the identifiers.
var versionsOfGuests = func() map[string]int {
	all := map[string]int{}
	for _, r := range guestReleases {
		for id := range strings.FieldsSeq(r.guests) {
			all[id] = r.version
		}
	}
	return all
}()

// VersionForGuest returns the hardware version that a new machine for the guest gets where none is asked for.
func VersionForGuest(guestID string) int {
	g, _ := GuestSystemOf(guestID)
	return max(DefaultHardwareVersion, g.Version)
}

// CheckGuestVersion returns nil where a machine with the hardware version may be given the guest, else an error of kind Invalid. Machines
// from elsewhere may have any.
func CheckGuestVersion(guestID string, version int) error {
	g, _ := GuestSystemOf(guestID)
	if version >= g.Version {
		return nil
	}
	return badField("guestId", fmt.Sprintf("vmx-%d does not know %s, which is newer", version, g.Name),
		fmt.Sprintf("give the hardware version %d or a newer one, or another guestId", g.Version))
}
