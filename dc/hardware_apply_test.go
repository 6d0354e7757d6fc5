package dc

import (
	"reflect"
	"slices"
	"testing"
)

func TestApply(t *testing.T) {
	unit := func(n int32) *int32 { return &n }
	yes, no := true, false
	iso := Media{Datastore: "datastore-1", Path: "iso/debian.iso"}
	for _, tt := range []struct {
		name   string
		change HardwareChange
		kind   ErrorKind
		want   func(h Hardware) bool
	}{
		{"nothing", HardwareChange{}, Invalid, nil},
		{"a disk where the others are", HardwareChange{AddDisks: []NewDisk{{CapacityBytes: 1 << 20, Provisioning: ThickEager, Mode: IndependentPersistent}}}, "",
			func(h Hardware) bool {
				return h.Disks[1] == Disk{Key: 2001, Controller: 1000, Unit: 1, CapacityBytes: 1 << 20, Provisioning: ThickEager, Mode: IndependentPersistent}
			}},
		{"a disk on another controller", HardwareChange{AddDisks: []NewDisk{{On: ControllerPVSCSI}}}, "", func(h Hardware) bool {
			return h.Controllers[1] == Controller{1001, ControllerPVSCSI} && h.Disks[2].Key == 2016 && h.Disks[2].CapacityBytes == 8<<30
		}},
		{"a disk on a controller of its own", HardwareChange{AddDisks: []NewDisk{{NewController: true}, {NewController: true, On: ControllerLSISAS, Unit: unit(3)}}}, "",
			func(h Hardware) bool {
				return h.Controllers[1] == Controller{1001, ControllerVirtio} && h.Disks[2].Key == 2016 && h.Controllers[2].Type == ControllerLSISAS && h.Disks[3].Key == 2035
			}},
		{"a disk on another controller of IDE", HardwareChange{AddDisks: []NewDisk{{NewController: true, On: ControllerIDE}}}, Invalid, nil},
		{"disks on IDE", HardwareChange{AddDisks: []NewDisk{{On: ControllerIDE}, {Controller: 201}}}, "", func(h Hardware) bool {
			return len(h.Controllers) == 1 && h.Disks[2].Key == 3000 && h.Disks[3].Key == 3002
		}},
		{"a disk that is there", HardwareChange{AddDisks: []NewDisk{{File: FileRef{"datastore-1", "disks/a.vmdk"}, CapacityBytes: 1 << 20, Provisioning: ThickLazyZeroed}}}, "",
			func(h Hardware) bool { return h.Disks[1].File == "disks/a.vmdk" && h.Disks[1].Attached }},
		{"a disk that is there and nobody has described", HardwareChange{AddDisks: []NewDisk{{File: FileRef{"datastore-1", "disks/a.vmdk"}}}}, Invalid, nil},
		{"a disk that stays", HardwareChange{KeepDisks: []int32{2002}}, "", func(h Hardware) bool { return len(h.Disks) == 1 }},
		{"a disk that goes and stays", HardwareChange{RemoveDisks: []int32{2002}, KeepDisks: []int32{2002}}, NotFound, nil},
		{"a disk at a unit", HardwareChange{AddDisks: []NewDisk{{Controller: 1000, Unit: unit(5)}}}, "", func(h Hardware) bool { return h.Disks[2].Key == 2005 }},
		{"a disk at a unit that is taken", HardwareChange{AddDisks: []NewDisk{{Controller: 1000, Unit: unit(2)}}}, Invalid, nil},
		{"a disk at the controller's unit", HardwareChange{AddDisks: []NewDisk{{Controller: 1000, Unit: unit(7)}}}, Invalid, nil},
		{"a disk at a unit of nothing", HardwareChange{AddDisks: []NewDisk{{Unit: unit(2)}}}, Invalid, nil},
		{"a disk on a controller that is not there", HardwareChange{AddDisks: []NewDisk{{Controller: 1003}}}, NotFound, nil},
		{"a disk on a new controller", HardwareChange{AddControllers: []ControllerType{ControllerNVMe}, AddDisks: []NewDisk{{Controller: 31000}}}, "",
			func(h Hardware) bool { return h.Disks[2].Key == 32000 }},
		{"five controllers", HardwareChange{AddControllers: []ControllerType{"pvscsi", "pvscsi", "pvscsi", "pvscsi"}}, Invalid, nil},
		{"no controller", HardwareChange{AddControllers: []ControllerType{"buslogic"}}, Invalid, nil},
		{"a full drive", HardwareChange{AddDrives: []NewDrive{{Type: CDROM, On: ControllerIDE, Media: iso}}}, "",
			func(h Hardware) bool {
				return h.Drives[0] == Drive{Key: 3000, Type: CDROM, Controller: 200, Media: iso, Connected: true}
			}},
		{"a drive by the guest", HardwareChange{AddDrives: []NewDrive{{Type: CDROM}}}, "",
			func(h Hardware) bool { return h.Drives[0] == Drive{Key: 2001, Type: CDROM, Controller: 1000, Unit: 1} }},
		{"floppy drives", HardwareChange{AddDrives: []NewDrive{{Type: Floppy}, {Type: Floppy}}}, "",
			func(h Hardware) bool { return h.Drives[1] == Drive{Key: 8001, Type: Floppy, Unit: 1} }},
		{"a third floppy drive", HardwareChange{AddDrives: []NewDrive{{Type: Floppy}, {Type: Floppy}, {Type: Floppy}}}, Invalid, nil},
		{"more NICs than there is room for", HardwareChange{AddNICs: make([]NewNIC, 9)}, Invalid, nil},
		{"more ports than there is room for", HardwareChange{AddSerialPorts: make([]SerialPort, 4)}, Invalid, nil},
		{"more disks than there is room for", HardwareChange{AddDisks: make([]NewDisk, 300)}, Invalid, nil},
		{"a disconnected drive", HardwareChange{AddDrives: []NewDrive{{Type: CDROM, On: ControllerIDE, Media: iso, Disconnected: true}}}, "",
			func(h Hardware) bool {
				return h.Drives[0] == Drive{Key: 3000, Type: CDROM, Controller: 200, Media: iso, StartDisconnected: true}
			}},
		{"a drive that is connected for now", HardwareChange{AddDrives: []NewDrive{{Type: Floppy, Media: iso, Disconnected: true}},
			UpdateDrives: map[int32]DriveChange{8000: {Connected: &yes}}}, "", func(h Hardware) bool { return h.Drives[0].Connected && h.Drives[0].StartDisconnected }},
		{"a drive that is disconnected for now", HardwareChange{AddDrives: []NewDrive{{Type: Floppy, Media: iso}},
			UpdateDrives: map[int32]DriveChange{8000: {Connected: &no, StartConnected: &yes}}}, "",
			func(h Hardware) bool {
				return !h.Drives[0].Connected && !h.Drives[0].StartDisconnected && h.Drives[0].Media == iso
			}},
		{"connecting an empty drive", HardwareChange{AddDrives: []NewDrive{{Type: Floppy}}, UpdateDrives: map[int32]DriveChange{8000: {Connected: &yes}}},
			Invalid, nil},
		{"connecting no drive", HardwareChange{UpdateDrives: map[int32]DriveChange{3000: {Connected: &yes}}}, NotFound, nil},
		{"media in nothing", HardwareChange{SetMedia: map[int32]Media{3000: iso}}, NotFound, nil},
		{"a NIC like the first", HardwareChange{AddNICs: []NewNIC{{PortGroup: "network-2", Disconnected: true}}}, "",
			func(h Hardware) bool { return h.NICs[2] == NIC{Key: 4002, Type: VirtioNet, PortGroup: "network-2"} }},
		{"another NIC", HardwareChange{UpdateNICs: map[int32]NICChange{4001: {Type: VMXNET3, PortGroup: "network-2", Connected: &no, StartConnected: &no}}}, "",
			func(h Hardware) bool {
				return h.NICs[1] == NIC{Key: 4001, Type: VMXNET3, MAC: "52:54:00:00:00:02", PortGroup: "network-2"}
			}},
		{"a NIC that is not there", HardwareChange{UpdateNICs: map[int32]NICChange{4002: {Connected: &yes}}}, NotFound, nil},
		{"ports", HardwareChange{AddSerialPorts: []SerialPort{{File: iso}}}, "",
			func(h Hardware) bool { return h.SerialPorts[1] == SerialPort{Key: 9001, File: iso} }},
		{"inputs", HardwareChange{AddControllers: []ControllerType{ControllerXHCI}, AddInputs: []InputType{USBTablet}}, "",
			func(h Hardware) bool { return slices.Equal(h.Inputs, []InputType{USBTablet}) }},
		{"an input that is not there", HardwareChange{RemoveInputs: []InputType{USBTablet}}, NotFound, nil},
		{"a TPM and a watchdog", HardwareChange{Firmware: EFI, AddTPM: true, AddWatchdog: &Watchdog{}}, "",
			func(h Hardware) bool { return h.TPM && h.Watchdog != nil }},
		{"no watchdog", HardwareChange{RemoveDevices: []int32{WatchdogKey}}, NotFound, nil},
		{"a controller with disks", HardwareChange{RemoveDevices: []int32{1000}}, Invalid, nil},
		{"a controller without disks", HardwareChange{RemoveDisks: []int32{2000, 2002}, RemoveDevices: []int32{1000}}, "",
			func(h Hardware) bool { return len(h.Controllers) == 0 && len(h.Disks) == 0 }},
		{"a disk as a device", HardwareChange{RemoveDevices: []int32{2000}}, Invalid, nil},
		{"what is booted from", HardwareChange{Boot: BootChange{Order: &[]int32{2000, 4000}}}, "",
			func(h Hardware) bool { return slices.Equal(h.Boot.Order, []int32{2000, 4000}) }},
		{"the setup of BIOS", HardwareChange{Boot: BootChange{EnterSetup: &yes}}, Invalid, nil},
		{"boot settings", HardwareChange{Firmware: EFI, Boot: BootChange{DelayMS: new(int64), EnterSetup: &yes, Secure: &yes}}, "",
			func(h Hardware) bool { return h.Boot.EnterSetup && h.Boot.Secure }},
		{"graphics", HardwareChange{Video: Video{Model: VideoSVGA}}, "",
			func(h Hardware) bool { return h.Video == Video{MemoryKB: 16 << 10, Model: VideoSVGA} }},
		{"sockets of Windows", HardwareChange{GuestID: "windows9_64Guest", CPUs: 6}, "", func(h Hardware) bool { return h.CoresPerSocket == 3 }},
		{"sockets as asked for", HardwareChange{GuestID: "windows9_64Guest", CPUs: 6, CoresPerSocket: 1}, "", func(h Hardware) bool { return h.CoresPerSocket == 1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, before := goodHardware(), goodHardware()
			got, err := tt.change.Apply(h)
			switch {
			case tt.kind != "":
				if KindOf(err) != tt.kind {
					t.Errorf("got %v, want kind %s", err, tt.kind)
				}
			case err != nil:
				t.Error(err)
			case !tt.want(got):
				t.Errorf("got %+v", got)
			}
			if !reflect.DeepEqual(h, before) {
				t.Error("the old hardware was changed")
			}
		})
	}
}

// TestApplyForgetsWhatGoes: what goes is not booted from, and no media is left in a drive that is emptied.
func TestApplyForgetsWhatGoes(t *testing.T) {
	h, err := HardwareChange{AddDrives: []NewDrive{{Type: CDROM, On: ControllerIDE, Media: Media{"datastore-1", "a.iso"}}},
		Boot: BootChange{Order: &[]int32{3000, 4000, 2002}}}.Apply(goodHardware())
	if err != nil {
		t.Fatal(err)
	}
	h, err = HardwareChange{SetMedia: map[int32]Media{3000: {}}, RemoveDevices: []int32{4000}, RemoveDisks: []int32{2002}}.Apply(h)
	if err != nil || !slices.Equal(h.Boot.Order, []int32{3000}) || h.Drives[0].Media != (Media{}) || h.Drives[0].Connected {
		t.Errorf("got %+v, %v", h, err)
	}
}

func TestHardwareChangePrivileges(t *testing.T) {
	yes := true
	for _, tt := range []struct {
		change HardwareChange
		want   []Privilege
	}{
		{HardwareChange{}, []Privilege{PrivVMSettings}},
		{HardwareChange{CPUs: 2, MemoryMB: 4}, []Privilege{PrivVMCPUCount, PrivVMMemory}},
		{HardwareChange{AddDisks: []NewDisk{{}}, ExtendDisks: map[int32]int64{1: 1}, RemoveDisks: []int32{1}}, []Privilege{PrivVMAddNewDisk, PrivVMDiskExtend, PrivVMRemoveDisk}},
		{HardwareChange{AddDisks: []NewDisk{{File: FileRef{"datastore-1", "a/a.vmdk"}}}, KeepDisks: []int32{1}}, []Privilege{PrivVMAddExistingDisk, PrivVMRemoveDisk}},
		{HardwareChange{AddDisks: []NewDisk{{}, {File: FileRef{"datastore-1", "a/a.vmdk"}}}}, []Privilege{PrivVMAddNewDisk, PrivVMAddExistingDisk}},
		{HardwareChange{AddTPM: true}, []Privilege{PrivVMAddRemoveDevice}},
		{HardwareChange{UpdateNICs: map[int32]NICChange{4000: {Connected: &yes}}}, []Privilege{PrivVMDeviceConnection}},
		{HardwareChange{UpdateNICs: map[int32]NICChange{4000: {Type: E1000}}, Video: Video{Model: VideoVGA}}, []Privilege{PrivVMEditDevice}},
		{HardwareChange{SetMedia: map[int32]Media{3000: {}, 8000: {}}}, []Privilege{PrivVMSetCDMedia, PrivVMSetFloppyMedia}},
		{HardwareChange{UpdateDrives: map[int32]DriveChange{3000: {Connected: &yes}}}, []Privilege{PrivVMDeviceConnection}},
		{HardwareChange{UpdateDrives: map[int32]DriveChange{3000: {StartConnected: &yes}}}, []Privilege{PrivVMEditDevice}},
		{HardwareChange{Boot: BootChange{Secure: &yes}}, []Privilege{PrivVMSettings}},
	} {
		if got := tt.change.Privileges(); !slices.Equal(got, tt.want) {
			t.Errorf("%+v needs %q, want %q", tt.change, got, tt.want)
		}
		for _, p := range tt.want {
			if _, known := privilegeNumbers[p]; !known {
				t.Errorf("there is no privilege %s", p)
			}
		}
	}
}

func TestCheckFiles(t *testing.T) {
	for path, ok := range map[string]bool{"iso/debian.iso": true, "a.flp": true, "logs/web.txt": true, "../a.iso": false, "": false, "web/web-flat.vmdk": false,
		"web/web.vmx": false, "web/web.nvram": false, "web/web.vmdk": false} {
		for _, c := range []HardwareChange{{SetMedia: map[int32]Media{3000: {"datastore-1", path}}}, {AddSerialPorts: []SerialPort{{File: Media{"datastore-1", path}}}},
			{AddDrives: []NewDrive{{Type: CDROM, Media: Media{"datastore-1", path}}}}} {
			if err := c.CheckFiles(); (err == nil) != ok || err != nil && KindOf(err) != Invalid {
				t.Errorf("%q: %v", path, err)
			}
		}
	}
}

func TestCheckDiskFiles(t *testing.T) {
	for path, ok := range map[string]bool{"disks/a.vmdk": true, "a/b/c.vmdk": true, "a.vmdk": false, "a/a-flat.vmdk": false, "a/a-delta.vmdk": false, "a/a.iso": false,
		"../a/a.vmdk": false, "a/.hanok-a.vmdk": false, "/a/a.vmdk": false} {
		err := HardwareChange{AddDisks: []NewDisk{{File: FileRef{"datastore-1", path}}}}.CheckFiles()
		if (err == nil) != ok || err != nil && KindOf(err) != Invalid {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// A disk elsewhere than in its machine's folder is the machine's, too.
func TestCheckFileUseOfDisks(t *testing.T) {
	disks := []Disk{{Controller: 1000, File: "web/web.vmdk"}, {Controller: 1000, Unit: 1, File: "disks/data.vmdk"}}
	for _, tt := range []struct {
		path   string
		change bool
		power  PowerState
		ok     bool
	}{
		{"disks/data.vmdk", true, PoweredOff, false}, {"disks/data-flat.vmdk", true, PoweredOff, false}, {"disks", true, PoweredOff, false},
		{"disks/other.vmdk", true, PoweredOff, true}, {"disks/data.vmdk", false, PoweredOff, true}, {"disks/data-flat.vmdk", false, PoweredOn, false},
		{"web/web.vmdk", true, PoweredOff, false},
	} {
		err := CheckFileUse(tt.change, tt.path, "web", "web", disks, tt.power)
		if (err == nil) != tt.ok || err != nil && KindOf(err) != WrongState {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
