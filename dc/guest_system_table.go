package dc

// guestSystemGroups are the guests of vSphere 8 by their identifiers (VirtualMachineGuestOsIdentifier), those with the same needs together.
// What is recommended is what the system has a driver for as it comes, on the devices that QEMU has: virtio where Linux has known
// virtio-scsi since its first day (3.4), the parallel LSI Logic of VMware nowhere.
var guestSystemGroups = []struct {
	of   GuestSystem
	rows string // an identifier and a name in each line
}{
	{GuestSystem{Family: WindowsGuest, Bits: 32, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 128, DiskBytes: 4 << 30,
		MaxCPUs: 1, MaxMemoryMB: 1 << 10, BIOSOnly: true, NoControllers: pciStorage, NoNICs: newNICs}, `
		win31Guest Windows 3.1
		win95Guest Windows 95
		win98Guest Windows 98
		winMeGuest Windows Millennium Edition`},
	{GuestSystem{Family: WindowsGuest, Bits: 32, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 256, DiskBytes: 8 << 30,
		MaxCPUs: 4, MaxMemoryMB: 4 << 10, BIOSOnly: true, NoControllers: laterStorage, NoNICs: newNICs}, `
		winNTGuest Windows NT
		win2000ProGuest Windows 2000 Professional
		win2000ServGuest Windows 2000 Server
		win2000AdvServGuest Windows 2000 Advanced Server`},
	{GuestSystem{Family: WindowsGuest, Bits: 32, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 512, DiskBytes: 16 << 30,
		MaxSockets: 2, MaxMemoryMB: 4 << 10, BIOSOnly: true, NoControllers: laterStorage}, `
		winXPHomeGuest Windows XP Home Edition
		winXPProGuest Windows XP Professional`},
	{GuestSystem{Family: WindowsGuest, Bits: 64, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 1 << 10, DiskBytes: 16 << 30,
		MaxSockets: 2, MaxMemoryMB: 128 << 10, BIOSOnly: true, NoControllers: laterStorage}, `
		winXPPro64Guest Windows XP Professional (64-bit)`},
	{GuestSystem{Family: WindowsGuest, Bits: 32, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 512, DiskBytes: 16 << 30,
		MaxMemoryMB: 64 << 10, BIOSOnly: true, NoControllers: laterStorage, MemoryHotAdd: true}, `
		winNetWebGuest Windows Server 2003 Web Edition
		winNetStandardGuest Windows Server 2003 Standard
		winNetEnterpriseGuest Windows Server 2003
		winNetDatacenterGuest Windows Server 2003 Datacenter
		winNetBusinessGuest Windows Small Business Server 2003`},
	{GuestSystem{Family: WindowsGuest, Bits: 64, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 1 << 10, DiskBytes: 16 << 30,
		BIOSOnly: true, NoControllers: laterStorage, MemoryHotAdd: true}, `
		winNetStandard64Guest Windows Server 2003 Standard (64-bit)
		winNetEnterprise64Guest Windows Server 2003 (64-bit)
		winNetDatacenter64Guest Windows Server 2003 Datacenter (64-bit)`},
	{GuestSystem{Family: WindowsGuest, Bits: 32, Controller: ControllerLSISAS, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 1 << 10, DiskBytes: 32 << 30,
		MaxSockets: 2, MaxMemoryMB: 4 << 10, BIOSOnly: true}, `
		winVistaGuest Windows Vista
		windows7Guest Windows 7`},
	{GuestSystem{Family: WindowsGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerSATA, NIC: E1000, MemoryMB: 2 << 10, DiskBytes: 32 << 30,
		MaxSockets: 2}, `
		winVista64Guest Windows Vista (64-bit)
		windows7_64Guest Windows 7 (64-bit)`},
	{GuestSystem{Family: WindowsGuest, Bits: 32, Controller: ControllerLSISAS, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 1 << 10, DiskBytes: 40 << 30,
		MaxMemoryMB: 64 << 10, BIOSOnly: true, CPUHotAdd: true, MemoryHotAdd: true}, `
		winLonghornGuest Windows Server 2008`},
	{GuestSystem{Family: WindowsGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerSATA, NIC: E1000, MemoryMB: 2 << 10, DiskBytes: 40 << 30,
		CPUHotAdd: true, MemoryHotAdd: true}, `
		winLonghorn64Guest Windows Server 2008 (64-bit)
		windows7Server64Guest Windows Server 2008 R2 (64-bit)`},
	{GuestSystem{Family: WindowsGuest, Bits: 32, Controller: ControllerLSISAS, CDROM: ControllerSATA, NIC: E1000E, MemoryMB: 2 << 10, DiskBytes: 32 << 30,
		MaxSockets: 2, MaxMemoryMB: 4 << 10, BIOSOnly: true}, `
		windows8Guest Windows 8
		windows9Guest Windows 10`},
	{GuestSystem{Family: WindowsGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerSATA, NIC: E1000E, MemoryMB: 2 << 10, DiskBytes: 32 << 30,
		MaxSockets: 2, MemoryHotAdd: true}, `
		windows8_64Guest Windows 8 (64-bit)`},
	{GuestSystem{Family: WindowsGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerSATA, NIC: E1000E, MemoryMB: 4 << 10, DiskBytes: 40 << 30,
		CPUHotAdd: true, MemoryHotAdd: true}, `
		windows8Server64Guest Windows Server 2012 (64-bit)
		windowsHyperVGuest Windows Hyper-V`},
	{GuestSystem{Family: WindowsGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerSATA, NIC: E1000E, MemoryMB: 4 << 10, DiskBytes: 48 << 30,
		Firmware: EFI, SecureBoot: true, MaxSockets: 2, MemoryHotAdd: true}, `
		windows9_64Guest Windows 10 (64-bit)`},
	{GuestSystem{Family: WindowsGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerSATA, NIC: E1000E, MemoryMB: 4 << 10, DiskBytes: 64 << 30,
		Firmware: EFI, SecureBoot: true, TPM: true, MaxSockets: 2, MemoryHotAdd: true}, `
		windows11_64Guest Windows 11 (64-bit)
		windows12_64Guest Windows 12 (64-bit)`},
	{GuestSystem{Family: WindowsGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerSATA, NIC: E1000E, MemoryMB: 4 << 10, DiskBytes: 90 << 30,
		Firmware: EFI, SecureBoot: true, CPUHotAdd: true, MemoryHotAdd: true}, `
		windows9Server64Guest Windows Server 2016 (64-bit)
		windows2019srv_64Guest Windows Server 2019 (64-bit)
		windows2019srvNext_64Guest Windows Server 2022 (64-bit)
		windows2022srvNext_64Guest Windows Server 2025 (64-bit)`},

	{GuestSystem{Family: LinuxGuest, Bits: 32, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 256, DiskBytes: 8 << 30,
		MaxMemoryMB: 64 << 10, BIOSOnly: true, NoControllers: laterStorage, NoNICs: newNICs}, `
		redhatGuest Red Hat Linux 2.1
		rhel2Guest Red Hat Enterprise Linux 2
		rhel3Guest Red Hat Enterprise Linux 3
		nld9Guest Novell Linux Desktop 9
		sjdsGuest Sun Java Desktop System
		mandrakeGuest Mandrake Linux
		turboLinuxGuest Turbolinux
		other24xLinuxGuest Linux 2.4`},
	{GuestSystem{Family: LinuxGuest, Bits: 64, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 512, DiskBytes: 8 << 30,
		BIOSOnly: true, NoControllers: laterStorage, NoNICs: newNICs}, `
		rhel3_64Guest Red Hat Enterprise Linux 3 (64-bit)
		turboLinux64Guest Turbolinux (64-bit)
		other24xLinux64Guest Linux 2.4 (64-bit)`},
	{GuestSystem{Family: LinuxGuest, Bits: 32, Controller: ControllerLSISAS, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 512, DiskBytes: 16 << 30,
		MaxMemoryMB: 64 << 10, BIOSOnly: true, CPUHotAdd: true}, `
		rhel4Guest Red Hat Enterprise Linux 4
		rhel5Guest Red Hat Enterprise Linux 5
		centosGuest CentOS 4 or 5
		oracleLinuxGuest Oracle Linux 4 or 5
		suseGuest SUSE Linux
		slesGuest SUSE Linux Enterprise Server 9
		sles10Guest SUSE Linux Enterprise Server 10
		sles11Guest SUSE Linux Enterprise Server 11
		oesGuest Open Enterprise Server
		mandrivaGuest Mandriva Linux
		debian4Guest Debian GNU/Linux 4
		debian5Guest Debian GNU/Linux 5
		debian6Guest Debian GNU/Linux 6
		debian7Guest Debian GNU/Linux 7
		asianux3Guest Asianux 3
		asianux4Guest Asianux 4
		other26xLinuxGuest Linux 2.6`},
	{GuestSystem{Family: LinuxGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 1 << 10, DiskBytes: 16 << 30,
		CPUHotAdd: true, MemoryHotAdd: true}, `
		rhel4_64Guest Red Hat Enterprise Linux 4 (64-bit)
		rhel5_64Guest Red Hat Enterprise Linux 5 (64-bit)
		centos64Guest CentOS 4 or 5 (64-bit)
		oracleLinux64Guest Oracle Linux 4 or 5 (64-bit)
		suse64Guest SUSE Linux (64-bit)
		sles64Guest SUSE Linux Enterprise Server 9 (64-bit)
		sles10_64Guest SUSE Linux Enterprise Server 10 (64-bit)
		sles11_64Guest SUSE Linux Enterprise Server 11 (64-bit)
		mandriva64Guest Mandriva Linux (64-bit)
		debian4_64Guest Debian GNU/Linux 4 (64-bit)
		debian5_64Guest Debian GNU/Linux 5 (64-bit)
		debian6_64Guest Debian GNU/Linux 6 (64-bit)
		debian7_64Guest Debian GNU/Linux 7 (64-bit)
		asianux3_64Guest Asianux 3 (64-bit)
		asianux4_64Guest Asianux 4 (64-bit)
		other26xLinux64Guest Linux 2.6 (64-bit)`},
	{GuestSystem{Family: LinuxGuest, Bits: 32, Controller: ControllerVirtio, CDROM: ControllerVirtio, NIC: VirtioNet, MemoryMB: 1 << 10, DiskBytes: 16 << 30,
		MaxMemoryMB: 64 << 10, BIOSOnly: true, CPUHotAdd: true}, `
		rhel6Guest Red Hat Enterprise Linux 6
		rhel7Guest Red Hat Enterprise Linux 7
		centos6Guest CentOS 6
		centos7Guest CentOS 7
		oracleLinux6Guest Oracle Linux 6
		oracleLinux7Guest Oracle Linux 7
		sles12Guest SUSE Linux Enterprise Server 12
		debian8Guest Debian GNU/Linux 8
		debian9Guest Debian GNU/Linux 9
		debian10Guest Debian GNU/Linux 10
		debian11Guest Debian GNU/Linux 11
		debian12Guest Debian GNU/Linux 12
		ubuntuGuest Ubuntu Linux
		fedoraGuest Red Hat Fedora
		opensuseGuest SUSE openSUSE
		other3xLinuxGuest Linux 3.x
		other4xLinuxGuest Linux 4.x
		other5xLinuxGuest Linux 5.x
		other6xLinuxGuest Linux 6.x`},
	{GuestSystem{Family: LinuxGuest, Bits: 64, Controller: ControllerVirtio, CDROM: ControllerVirtio, NIC: VirtioNet, MemoryMB: 1 << 10, DiskBytes: 16 << 30,
		CPUHotAdd: true, CPUHotRemove: true, MemoryHotAdd: true}, `
		debian8_64Guest Debian GNU/Linux 8 (64-bit)
		debian9_64Guest Debian GNU/Linux 9 (64-bit)
		debian10_64Guest Debian GNU/Linux 10 (64-bit)
		debian11_64Guest Debian GNU/Linux 11 (64-bit)
		debian12_64Guest Debian GNU/Linux 12 (64-bit)
		ubuntu64Guest Ubuntu Linux (64-bit)
		fedora64Guest Red Hat Fedora (64-bit)
		opensuse64Guest SUSE openSUSE (64-bit)
		coreos64Guest CoreOS Linux (64-bit)
		vmwarePhoton64Guest VMware Photon OS (64-bit)
		amazonlinux2_64Guest Amazon Linux 2 (64-bit)
		amazonlinux3_64Guest Amazon Linux 3 (64-bit)
		crxPod1Guest VMware CRX Pod 1 (64-bit)
		crxSys1Guest VMware CRX System 1 (64-bit)
		other3xLinux64Guest Linux 3.x (64-bit)
		other4xLinux64Guest Linux 4.x (64-bit)
		other5xLinux64Guest Linux 5.x (64-bit)
		other6xLinux64Guest Linux 6.x (64-bit)`},
	{GuestSystem{Family: LinuxGuest, Bits: 64, Controller: ControllerVirtio, CDROM: ControllerVirtio, NIC: VirtioNet, MemoryMB: 2 << 10, DiskBytes: 16 << 30,
		CPUHotAdd: true, CPUHotRemove: true, MemoryHotAdd: true}, `
		rhel6_64Guest Red Hat Enterprise Linux 6 (64-bit)
		rhel7_64Guest Red Hat Enterprise Linux 7 (64-bit)
		rhel8_64Guest Red Hat Enterprise Linux 8 (64-bit)
		rhel9_64Guest Red Hat Enterprise Linux 9 (64-bit)
		centos6_64Guest CentOS 6 (64-bit)
		centos7_64Guest CentOS 7 (64-bit)
		centos8_64Guest CentOS 8 (64-bit)
		centos9_64Guest CentOS 9 (64-bit)
		oracleLinux6_64Guest Oracle Linux 6 (64-bit)
		oracleLinux7_64Guest Oracle Linux 7 (64-bit)
		oracleLinux8_64Guest Oracle Linux 8 (64-bit)
		oracleLinux9_64Guest Oracle Linux 9 (64-bit)
		rockylinux_64Guest Rocky Linux (64-bit)
		almalinux_64Guest AlmaLinux (64-bit)
		fusionos_64Guest FusionOS (64-bit)
		prolinux_64Guest ProLinux (64-bit)
		kylinlinux_64Guest Kylin Linux (64-bit)
		sles12_64Guest SUSE Linux Enterprise Server 12 (64-bit)
		sles15_64Guest SUSE Linux Enterprise Server 15 (64-bit)
		sles16_64Guest SUSE Linux Enterprise Server 16 (64-bit)
		asianux5_64Guest Asianux 5 (64-bit)
		asianux7_64Guest Asianux 7 (64-bit)
		asianux8_64Guest Miracle Linux 8 (64-bit)
		asianux9_64Guest Miracle Linux 9 (64-bit)`},
	{GuestSystem{Family: LinuxGuest, Bits: 64, Controller: ControllerVirtio, CDROM: ControllerVirtio, NIC: VirtioNet, MemoryMB: 512, DiskBytes: 8 << 30,
		CPUHotAdd: true, CPUHotRemove: true, MemoryHotAdd: true}, `
		otherLinux64Guest Other Linux (64-bit)`},
	{GuestSystem{Family: LinuxGuest, Bits: 32, Controller: ControllerVirtio, CDROM: ControllerVirtio, NIC: VirtioNet, MemoryMB: 512, DiskBytes: 8 << 30,
		CPUHotAdd: true, MemoryHotAdd: true}, `
		otherLinuxGuest Other Linux
		genericLinuxGuest Other Linux`},

	{GuestSystem{Family: OtherGuest, Bits: 32, Controller: ControllerLSISAS, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 512, DiskBytes: 8 << 30,
		MaxMemoryMB: 64 << 10, BIOSOnly: true}, `
		freebsdGuest FreeBSD 10 or earlier
		freebsd11Guest FreeBSD 11
		freebsd12Guest FreeBSD 12
		freebsd13Guest FreeBSD 13
		freebsd14Guest FreeBSD 14 or later`},
	{GuestSystem{Family: OtherGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 1 << 10, DiskBytes: 8 << 30}, `
		freebsd64Guest FreeBSD 10 or earlier (64-bit)`},
	{GuestSystem{Family: OtherGuest, Bits: 64, Controller: ControllerVirtio, CDROM: ControllerVirtio, NIC: VirtioNet, MemoryMB: 1 << 10, DiskBytes: 16 << 30}, `
		freebsd11_64Guest FreeBSD 11 (64-bit)
		freebsd12_64Guest FreeBSD 12 (64-bit)
		freebsd13_64Guest FreeBSD 13 (64-bit)
		freebsd14_64Guest FreeBSD 14 or later (64-bit)`},
	{GuestSystem{Family: SolarisGuest, Bits: 32, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 1 << 10, DiskBytes: 8 << 30,
		MaxMemoryMB: 64 << 10, BIOSOnly: true, NoControllers: laterStorage}, `
		solaris6Guest Solaris 6
		solaris7Guest Solaris 7
		solaris8Guest Solaris 8
		solaris9Guest Solaris 9
		solaris10Guest Solaris 10`},
	{GuestSystem{Family: SolarisGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 4 << 10, DiskBytes: 16 << 30,
		BIOSOnly: true}, `
		solaris10_64Guest Solaris 10 (64-bit)
		solaris11_64Guest Solaris 11 (64-bit)`},
	{GuestSystem{Family: NetwareGuest, Bits: 32, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 512, DiskBytes: 4 << 30,
		MaxCPUs: 32, MaxMemoryMB: 4 << 10, BIOSOnly: true, NoControllers: pciStorage, NoNICs: newNICs}, `
		netware4Guest Novell NetWare 4
		netware5Guest Novell NetWare 5.1
		netware6Guest Novell NetWare 6.x`},
	{GuestSystem{Family: OtherGuest, Bits: 32, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 64, DiskBytes: 2 << 30,
		MaxCPUs: 1, MaxMemoryMB: 1 << 10, BIOSOnly: true, NoControllers: pciStorage, NoNICs: newNICs}, `
		dosGuest MS-DOS
		os2Guest OS/2
		eComStationGuest eComStation 1
		eComStation2Guest eComStation 2`},
	{GuestSystem{Family: OtherGuest, Bits: 32, Controller: ControllerIDE, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 512, DiskBytes: 8 << 30,
		MaxCPUs: 4, MaxMemoryMB: 4 << 10, BIOSOnly: true, NoControllers: pciStorage, NoNICs: newNICs}, `
		openServer5Guest SCO OpenServer 5
		openServer6Guest SCO OpenServer 6
		unixWare7Guest SCO UnixWare 7`},
	{GuestSystem{Family: DarwinGuest, Bits: 32, Controller: ControllerSATA, CDROM: ControllerSATA, NIC: E1000, MemoryMB: 2 << 10, DiskBytes: 40 << 30}, `
		darwinGuest Mac OS X 10.5
		darwin10Guest Mac OS X 10.6
		darwin11Guest Mac OS X 10.7`},
	{GuestSystem{Family: DarwinGuest, Bits: 64, Controller: ControllerSATA, CDROM: ControllerSATA, NIC: E1000E, MemoryMB: 4 << 10, DiskBytes: 40 << 30, Firmware: EFI}, `
		darwin64Guest Mac OS X 10.5 (64-bit)
		darwin10_64Guest Mac OS X 10.6 (64-bit)
		darwin11_64Guest Mac OS X 10.7 (64-bit)
		darwin12_64Guest OS X 10.8 (64-bit)
		darwin13_64Guest OS X 10.9 (64-bit)
		darwin14_64Guest OS X 10.10 (64-bit)
		darwin15_64Guest OS X 10.11 (64-bit)
		darwin16_64Guest macOS 10.12 (64-bit)
		darwin17_64Guest macOS 10.13 (64-bit)
		darwin18_64Guest macOS 10.14 (64-bit)
		darwin19_64Guest macOS 10.15 (64-bit)
		darwin20_64Guest macOS 11 (64-bit)
		darwin21_64Guest macOS 12 (64-bit)
		darwin22_64Guest macOS 13 (64-bit)
		darwin23_64Guest macOS 14 (64-bit)`},
	{GuestSystem{Family: OtherGuest, Bits: 64, Controller: ControllerPVSCSI, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 4 << 10, DiskBytes: 40 << 30}, `
		vmkernelGuest VMware ESX 4
		vmkernel5Guest VMware ESXi 5
		vmkernel6Guest VMware ESXi 6
		vmkernel65Guest VMware ESXi 6.5`},
	{GuestSystem{Family: OtherGuest, Bits: 64, Controller: ControllerPVSCSI, CDROM: ControllerSATA, NIC: VMXNET3, MemoryMB: 8 << 10, DiskBytes: 142 << 30,
		Firmware: EFI}, `
		vmkernel7Guest VMware ESXi 7
		vmkernel8Guest VMware ESXi 8`},
	{GuestSystem{Family: OtherGuest, Bits: 32, Controller: ControllerLSISAS, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 512, DiskBytes: 8 << 30,
		CPUHotAdd: true, MemoryHotAdd: true}, `
		otherGuest Other`},
	{GuestSystem{Family: OtherGuest, Bits: 64, Controller: ControllerLSISAS, CDROM: ControllerIDE, NIC: E1000, MemoryMB: 512, DiskBytes: 8 << 30,
		CPUHotAdd: true, CPUHotRemove: true, MemoryHotAdd: true}, `
		otherGuest64 Other (64-bit)`},
}

// What systems have no driver for that are older than the devices.
var (
	laterStorage = []ControllerType{ControllerNVMe, ControllerSATA}
	pciStorage   = []ControllerType{ControllerNVMe, ControllerSATA, ControllerLSISAS, ControllerPVSCSI, ControllerVirtio}
	newNICs      = []NICType{VMXNET3, E1000E, VirtioNet}
)
