package dc

import "testing"

func TestCheckDevices(t *testing.T) {
	cdrom := Drive{Key: 3000, Type: CDROM, Controller: 200}
	for _, tt := range []struct {
		name         string
		change       func(h *Hardware)
		want, remedy string
	}{
		{"IDE", func(h *Hardware) { h.Drives = []Drive{cdrom} }, "", ""},
		{"floppies", func(h *Hardware) { h.Drives = []Drive{{Key: 8000, Type: Floppy}, {Key: 8001, Type: Floppy, Unit: 1}} }, "", ""},
		{"boot order", func(h *Hardware) { h.Drives = []Drive{cdrom}; h.Boot.Order = []int32{3000, 4001, 2000} }, "", ""},
		{"cores", func(h *Hardware) { h.CoresPerSocket = 2 }, "", ""},
		{"odd cores", func(h *Hardware) { h.CPUs, h.CoresPerSocket = 3, 2 }, "coresPerSocket: 3 CPUs are no sockets of 2", "divisor"},
		{"no cores", func(h *Hardware) { h.CoresPerSocket = 0 }, "coresPerSocket: ", "divisor"},
		{"no controller", func(h *Hardware) { h.Controllers[0].Type = "buslogic" }, `controllers[0].type: "buslogic"`, "pvscsi"},
		{"another class's key", func(h *Hardware) { h.Controllers = append(h.Controllers, Controller{1001, ControllerNVMe}) }, "controllers[1].key: 1001", "31000 to 31003"},
		{"a second USB controller", func(h *Hardware) { h.Controllers = append(h.Controllers, Controller{7001, ControllerUSB}) }, "controllers[1].key: 7001", "7000"},
		{"controllers out of order", func(h *Hardware) { h.Controllers = append(h.Controllers, h.Controllers[0]) }, "does not follow", "rising"},
		{"no provisioning", func(h *Hardware) { h.Disks[0].Provisioning = "thick" }, `disks[0].provisioning: "thick"`, "zeroedThick"},
		{"no mode", func(h *Hardware) { h.Disks[0].Mode = "undoable" }, `disks[0].mode: "undoable"`, "persistent"},
		{"no card", func(h *Hardware) { h.NICs[0].Type = "vlance" }, `nics[0].type: "vlance"`, "e1000e"},
		{"no drive", func(h *Hardware) { h.Drives = []Drive{{Key: 3000, Type: "tape"}} }, `drives[0].type: "tape"`, "cdrom"},
		{"a third floppy drive", func(h *Hardware) { h.Drives = []Drive{{Key: 8002, Type: Floppy, Unit: 2}} }, "drives[0].unit: ", "free unit"},
		{"a drive on NVMe", func(h *Hardware) {
			h.Controllers = append(h.Controllers, Controller{31000, ControllerNVMe})
			h.Drives = []Drive{{Key: 32000, Type: CDROM, Controller: 31000}}
		}, "drives[0].controller: ", "IDE, SATA or SCSI"},
		{"a drive where a disk is", func(h *Hardware) { h.Drives = []Drive{{Key: 2000, Type: CDROM, Controller: 1000}} }, "a disk has it", "free unit"},
		{"a drive on nothing", func(h *Hardware) { h.Drives = []Drive{{Key: 16000, Type: CDROM, Controller: 15000}} }, "drives[0].controller: ", "key of a controller"},
		{"another key", func(h *Hardware) { h.Drives = []Drive{{Key: 3001, Type: CDROM, Controller: 200}} }, "drives[0].key: 3001", "give 3000"},
		{"a fifth port", func(h *Hardware) { h.SerialPorts = append(h.SerialPorts, SerialPort{Key: 9004}) }, "serialPorts[1].key: 9004", "9000 to 9003"},
		{"two consoles", func(h *Hardware) { h.SerialPorts = append(h.SerialPorts, SerialPort{Key: 9001, Console: true}) }, "serialPorts: ", "behind one"},
		{"inputs without USB", func(h *Hardware) { h.Inputs = []InputType{USBTablet} }, "inputs: ", `"xhci"`},
		{"no input", func(h *Hardware) { h.Inputs = []InputType{"lightpen"} }, `inputs[0]: "lightpen"`, "tablet"},
		{"much video", func(h *Hardware) { h.Video.MemoryKB = 512 << 10 }, "video.memoryKB: 524288", "262144"},
		{"no video", func(h *Hardware) { h.Video.Model = "cga" }, `video.model: "cga"`, "svga"},
		{"a TPM with BIOS", func(h *Hardware) { h.TPM = true }, "tpm: BIOS", "efi"},
		{"Secure Boot with BIOS", func(h *Hardware) { h.Boot.Secure = true }, "boot.secure: BIOS", "efi"},
		{"a long delay", func(h *Hardware) { h.Boot.DelayMS = 65536 }, "boot.delayMS: 65536", "65535"},
		{"an order of nothing", func(h *Hardware) { h.Boot.Order = []int32{9000} }, "boot.order[0]: ", "key of one"},
		{"an order with one twice", func(h *Hardware) { h.Boot.Order = []int32{2000, 2000} }, "boot.order[1]: 2000", "once"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := goodHardware()
			tt.change(&h)
			checkRefusal(t, CheckHardware(h), Invalid, tt.want, tt.remedy)
		})
	}
}
