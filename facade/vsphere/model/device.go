package model

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

// Keys of the devices that every machine has, as in vSphere.
const (
	pciKey      = 100
	ps2Key      = 300
	sioKey      = 400
	keyboardKey = 600
	pointingKey = 700
)

// devices returns a machine's virtual hardware in the order of a vCenter: controllers, then what is on them. QEMU's own models, which the
// API has no words for, are shown as the nearest that VMware has.
func (p *Picture) devices(vm *dc.VirtualMachine) []types.BaseVirtualDevice {
	h := vm.Spec.Hardware
	d := devices{p: p, vm: vm, on: map[int32][]int32{}}
	for _, x := range h.Disks {
		d.on[x.Controller] = append(d.on[x.Controller], x.Key)
	}
	for _, x := range h.Drives {
		d.on[x.Controller] = append(d.on[x.Controller], x.Key)
	}
	d.add(&types.VirtualPCIController{VirtualController: types.VirtualController{VirtualDevice: labeled(pciKey, "PCI controller 0"), Device: pciDevices(h)}})
	d.add(&types.VirtualPS2Controller{VirtualController: types.VirtualController{VirtualDevice: labeled(ps2Key, "PS2 controller 0"), Device: []int32{keyboardKey, pointingKey}}})
	d.add(&types.VirtualSIOController{VirtualController: types.VirtualController{VirtualDevice: labeled(sioKey, "SIO controller 0")}})
	d.add(&types.VirtualKeyboard{VirtualDevice: onController(labeled(keyboardKey, "Keyboard"), ps2Key, 0)})
	d.add(&types.VirtualPointingDevice{VirtualDevice: onController(labeled(pointingKey, "Pointing device"), ps2Key, 1)})
	d.add(&types.VirtualMachineVideoCard{
		VirtualDevice: onController(labeled(dc.FirstVideoKey, "Video card"), pciKey, 0), VideoRamSizeInKB: h.Video.MemoryKB, NumDisplays: 1,
		UseAutoDetect: types.NewBool(false), Enable3DSupport: types.NewBool(false), Use3dRenderer: "automatic",
	})
	for _, c := range h.Controllers {
		d.controller(c)
	}
	for _, x := range h.Disks {
		d.disk(x)
	}
	for _, x := range h.Drives {
		d.drive(x)
	}
	for i, n := range h.NICs {
		d.nic(i, n)
	}
	for i, s := range h.SerialPorts {
		d.serial(i, s)
	}
	if h.TPM {
		d.add(&types.VirtualTPM{VirtualDevice: labeled(dc.TPMKey, "Virtual TPM")})
	}
	if h.Watchdog != nil {
		d.add(&types.VirtualWDT{VirtualDevice: onController(labeled(dc.WatchdogKey, "Watchdog timer"), pciKey, 0), RunOnBoot: h.Watchdog.StartRunning, Running: h.Watchdog.StartRunning && vm.HasPower()})
	}
	return d.out
}

type devices struct {
	p  *Picture
	vm *dc.VirtualMachine
	// on has the keys of what is on each controller.
	on    map[int32][]int32
	disks int
	cds   int
	out   []types.BaseVirtualDevice
}

func (d *devices) add(x types.BaseVirtualDevice) { d.out = append(d.out, x) }

func labeled(key int32, label string) types.VirtualDevice {
	return types.VirtualDevice{Key: key, DeviceInfo: &types.Description{Label: label, Summary: label}}
}

func onController(x types.VirtualDevice, controller, unit int32) types.VirtualDevice {
	x.ControllerKey, x.UnitNumber = controller, types.NewInt32(unit)
	return x
}

func pciDevices(h dc.Hardware) []int32 {
	keys := []int32{dc.FirstVideoKey}
	for _, c := range h.Controllers {
		if c.Type != dc.ControllerIDE {
			keys = append(keys, c.Key)
		}
	}
	for _, n := range h.NICs {
		keys = append(keys, n.Key)
	}
	return keys
}

func (d *devices) controller(c dc.Controller) {
	bus := c.Bus()
	base := func(label string) types.VirtualController {
		x := types.VirtualController{VirtualDevice: labeled(c.Key, fmt.Sprintf("%s %d", label, bus)), BusNumber: bus, Device: d.on[c.Key]}
		if c.Type != dc.ControllerIDE {
			x.VirtualDevice = onController(x.VirtualDevice, pciKey, pciUnit(c))
		}
		return x
	}
	scsi := func() types.VirtualSCSIController {
		return types.VirtualSCSIController{VirtualController: base("SCSI controller"), HotAddRemove: types.NewBool(true), SharedBus: types.VirtualSCSISharingNoSharing, ScsiCtlrUnitNumber: dc.SCSIControllerUnit}
	}
	switch c.Type {
	case dc.ControllerIDE:
		d.add(&types.VirtualIDEController{VirtualController: base("IDE")})
	case dc.ControllerLSILogic:
		d.add(&types.VirtualLsiLogicController{VirtualSCSIController: scsi()})
	case dc.ControllerLSISAS:
		d.add(&types.VirtualLsiLogicSASController{VirtualSCSIController: scsi()})
	case dc.ControllerPVSCSI, dc.ControllerVirtio:
		d.add(&types.ParaVirtualSCSIController{VirtualSCSIController: scsi()})
	case dc.ControllerSATA:
		d.add(&types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{VirtualController: base("SATA controller")}})
	case dc.ControllerNVMe:
		d.add(&types.VirtualNVMEController{VirtualController: base("NVME controller")})
	case dc.ControllerUSB:
		d.add(&types.VirtualUSBController{VirtualController: base("USB controller"), EhciEnabled: types.NewBool(true), AutoConnectDevices: types.NewBool(false)})
	case dc.ControllerXHCI:
		d.add(&types.VirtualUSBXHCIController{VirtualController: base("USB xHCI controller"), AutoConnectDevices: types.NewBool(false)})
	}
}

// pciUnit is the unit of the PCI controller that vSphere gives to a controller.
func pciUnit(c dc.Controller) int32 {
	switch c.Type {
	case dc.ControllerSATA:
		return 24 + c.Bus()
	case dc.ControllerNVMe:
		return 30 + c.Bus()
	case dc.ControllerUSB:
		return 22
	case dc.ControllerXHCI:
		return 23
	}
	return 3 + c.Bus()
}

func (d *devices) disk(x dc.Disk) {
	d.disks++
	v := onController(labeled(x.Key, fmt.Sprintf("Hard disk %d", d.disks)), x.Controller, x.Unit)
	v.DeviceInfo = &types.Description{Label: fmt.Sprintf("Hard disk %d", d.disks), Summary: grouped(x.CapacityBytes>>10) + " KB"}
	v.Backing = &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: d.p.path(d.vm.Spec.Datastore, x.File), Datastore: d.p.refOr(dc.ID(d.vm.Spec.Datastore))},
		DiskMode:                     string(x.Mode), Split: types.NewBool(false), WriteThrough: types.NewBool(false), ThinProvisioned: types.NewBool(x.Provisioning == dc.Thin),
		EagerlyScrub: types.NewBool(x.Provisioning == dc.ThickEager), Uuid: UUID(string(d.vm.ID) + "/" + x.File), Sharing: string(types.VirtualDiskSharingSharingNone),
	}
	d.add(&types.VirtualDisk{VirtualDevice: v, CapacityInKB: x.CapacityBytes >> 10, CapacityInBytes: x.CapacityBytes, NativeUnmanagedLinkedClone: types.NewBool(false)})
}

// grouped writes a number with commas, as a vCenter does in summaries.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (d *devices) drive(x dc.Drive) {
	v := onController(labeled(x.Key, "Floppy drive 1"), x.Controller, x.Unit)
	v.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: !x.StartDisconnected, Connected: x.Connected && d.vm.HasPower(), AllowGuestControl: true, Status: "untried"}
	file := types.VirtualDeviceFileBackingInfo{FileName: d.p.path(x.Media.Datastore, x.Media.Path), Datastore: d.p.refOr(dc.ID(x.Media.Datastore))}
	if x.Type == dc.Floppy {
		if v.ControllerKey = sioKey; x.Media.Path != "" {
			v.Backing = &types.VirtualFloppyImageBackingInfo{VirtualDeviceFileBackingInfo: file}
		} else {
			v.Backing = &types.VirtualFloppyRemoteDeviceBackingInfo{VirtualDeviceRemoteDeviceBackingInfo: types.VirtualDeviceRemoteDeviceBackingInfo{UseAutoDetect: types.NewBool(false)}}
		}
		d.add(&types.VirtualFloppy{VirtualDevice: v})
		return
	}
	d.cds++
	v.DeviceInfo = &types.Description{Label: fmt.Sprintf("CD/DVD drive %d", d.cds), Summary: "Remote device"}
	if x.Media.Path != "" {
		v.Backing = &types.VirtualCdromIsoBackingInfo{VirtualDeviceFileBackingInfo: file}
		v.DeviceInfo.GetDescription().Summary = "ISO " + file.FileName
	} else {
		v.Backing = &types.VirtualCdromRemotePassthroughBackingInfo{VirtualDeviceRemoteDeviceBackingInfo: types.VirtualDeviceRemoteDeviceBackingInfo{UseAutoDetect: types.NewBool(false)}}
	}
	d.add(&types.VirtualCdrom{VirtualDevice: v})
}

func (d *devices) nic(i int, n dc.NIC) {
	v := onController(labeled(n.Key, fmt.Sprintf("Network adapter %d", i+1)), pciKey, 7+int32(i))
	v.DeviceInfo = &types.Description{Label: fmt.Sprintf("Network adapter %d", i+1), Summary: d.p.name(dc.ID(n.PortGroup))}
	v.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: n.StartConnected, Connected: n.Connected && d.vm.HasPower(), AllowGuestControl: true, Status: "untried"}
	v.Backing = &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: d.p.name(dc.ID(n.PortGroup)), UseAutoDetect: types.NewBool(false)},
		Network:                        d.p.refOr(dc.ID(n.PortGroup)),
	}
	card := types.VirtualEthernetCard{
		VirtualDevice: v, AddressType: string(types.VirtualEthernetCardMacTypeAssigned), MacAddress: n.MAC, WakeOnLanEnabled: types.NewBool(true), UptCompatibilityEnabled: types.NewBool(false),
		ResourceAllocation: &types.VirtualEthernetCardResourceAllocation{Reservation: types.NewInt64(0), Limit: types.NewInt64(-1), Share: types.SharesInfo{Shares: 50, Level: types.SharesLevelNormal}},
	}
	switch n.Type {
	case dc.E1000:
		d.add(&types.VirtualE1000{VirtualEthernetCard: card})
	case dc.E1000E:
		d.add(&types.VirtualE1000e{VirtualEthernetCard: card})
	default:
		d.add(&types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: card}})
	}
}

func (d *devices) serial(i int, s dc.SerialPort) {
	v := onController(labeled(s.Key, fmt.Sprintf("Serial port %d", i+1)), sioKey, int32(i))
	v.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, Connected: d.vm.HasPower(), AllowGuestControl: true, Status: "untried"}
	if s.File.Path != "" {
		v.Backing = &types.VirtualSerialPortFileBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{
			FileName: d.p.path(s.File.Datastore, s.File.Path), Datastore: d.p.refOr(dc.ID(s.File.Datastore))}}
	} else {
		v.Backing = &types.VirtualSerialPortURIBackingInfo{VirtualDeviceURIBackingInfo: types.VirtualDeviceURIBackingInfo{ServiceURI: "console", Direction: "server"}}
	}
	d.add(&types.VirtualSerialPort{VirtualDevice: v, YieldOnPoll: true})
}

func (p *Picture) bootOptions(h dc.Hardware) *types.VirtualMachineBootOptions {
	out := &types.VirtualMachineBootOptions{
		BootDelay: h.Boot.DelayMS, EnterBIOSSetup: types.NewBool(h.Boot.EnterSetup), EfiSecureBootEnabled: types.NewBool(h.Boot.Secure),
		BootRetryEnabled: types.NewBool(false), BootRetryDelay: 10000, NetworkBootProtocol: string(types.VirtualMachineBootOptionsNetworkBootProtocolTypeIpv4),
	}
	for _, key := range h.Boot.Order {
		switch {
		case key >= dc.FirstNICKey && key < dc.FirstNICKey+10:
			out.BootOrder = append(out.BootOrder, &types.VirtualMachineBootOptionsBootableEthernetDevice{DeviceKey: key})
		case key >= dc.FirstFloppyKey && key < dc.FirstFloppyKey+2:
			out.BootOrder = append(out.BootOrder, &types.VirtualMachineBootOptionsBootableFloppyDevice{})
		case isDisk(h, key):
			out.BootOrder = append(out.BootOrder, &types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: key})
		default:
			out.BootOrder = append(out.BootOrder, &types.VirtualMachineBootOptionsBootableCdromDevice{})
		}
	}
	return out
}

func isDisk(h dc.Hardware, key int32) bool {
	for _, d := range h.Disks {
		if d.Key == key {
			return true
		}
	}
	return false
}
