package hardware

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/internal/vmx"
)

func parse(t testing.TB, text string) *vmx.Config {
	t.Helper()
	c, err := vmx.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// foreign are the machines of testdata: files in the style of the programs that they are named after.
var foreign = map[string]Machine{
	"esxi67.vmx": {
		Name: "web 01", Annotation: "front end\nask Büro 4",
		Networks: map[int32]string{4000: "VM Network", 4001: "backup"},
		Hardware: dc.Hardware{
			UUID: "564d7f2b-9a0c-4e11-8d35-60a1b2c3d4e5", InstanceUUID: "52f3c1d0-77aa-4b2e-91c8-0d1e2f3a4b5c", Version: 14,
			GuestID: "windows9Server64Guest", Firmware: dc.BIOS, CPUs: 4, CoresPerSocket: 2, MemoryMB: 8192,
			CPUHotAdd: true, MemoryHotAdd: true, Boot: dc.Boot{DelayMS: 5000},
			RootPorts: true, NICSlots: []int32{192, 224, 256, 1184, 1216, 1248, 1280, 2208, 2240, 2272},
			Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerLSISAS}, {Key: 7000, Type: dc.ControllerUSB},
				{Key: 15000, Type: dc.ControllerSATA}},
			Disks: []dc.Disk{
				{Key: 2000, Controller: 1000, Unit: 0, Mode: dc.Persistent, File: "web 01.vmdk"},
				{Key: 2008, Controller: 1000, Unit: 8, Mode: dc.IndependentPersistent, File: "/vmfs/volumes/5c1f-aa/web 01/web 01_1.vmdk"},
			},
			Drives: []dc.Drive{{Key: 16000, Type: dc.CDROM, Controller: 15000,
				Media: dc.Media{Datastore: "ds1", Path: "iso/en windows.iso"}, Connected: true}},
			NICs: []dc.NIC{
				{Key: 4000, Type: dc.VMXNET3, MAC: "00:50:56:9a:11:22", Connected: true, StartConnected: true},
				{Key: 4001, Type: dc.E1000E, MAC: "00:0c:29:aa:bb:cc"},
			},
			Video: dc.Video{MemoryKB: 8 << 10, Model: dc.VideoSVGA},
		},
	},
	"esxi7.vmx": {
		Name: "db", Networks: map[int32]string{4000: "prod"},
		Hardware: dc.Hardware{
			UUID: "420cd1a2-0b3c-4d5e-8f60-718293a4b5c6", InstanceUUID: "500c0b1a-2938-4756-a5b4-c3d2e1f00f1e", Version: 19,
			GuestID: "debian11_64Guest", Firmware: dc.EFI, CPUs: 2, CoresPerSocket: 1, MemoryMB: 4096,
			Boot: dc.Boot{Secure: true, Order: []int32{2016, 2000, 4000}},
			Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerPVSCSI}, {Key: 1001, Type: dc.ControllerPVSCSI},
				{Key: 31000, Type: dc.ControllerNVMe}},
			Disks: []dc.Disk{
				{Key: 2000, Controller: 1000, Mode: dc.Persistent, File: "db.vmdk"},
				{Key: 2016, Controller: 1001, Mode: dc.Persistent, File: "db_1.vmdk"},
				{Key: 32000, Controller: 31000, Mode: dc.Persistent, File: "db_2.vmdk"},
			},
			Drives: []dc.Drive{{Key: 3000, Type: dc.CDROM, Controller: 200}},
			NICs:   []dc.NIC{{Key: 4000, Type: dc.VMXNET3, MAC: "00:50:56:8c:01:02", Connected: true, StartConnected: true}},
			Video:  dc.Video{MemoryKB: 4 << 10, Model: dc.VideoSVGA},
		},
	},
	"esxi8.vmx": {
		Name: "w11", Networks: map[int32]string{4000: "VM Network"},
		Hardware: dc.Hardware{
			UUID: "4229aabb-ccdd-eeff-0011-223344556677", InstanceUUID: "50290011-2233-4455-6677-8899aabbccdd", Version: 20,
			GuestID: "windows11_64Guest", Firmware: dc.EFI, CPUs: 2, CoresPerSocket: 2, MemoryMB: 4096, TPM: true,
			Watchdog: &dc.Watchdog{StartRunning: true}, Boot: dc.Boot{Secure: true, EnterSetup: true},
			Controllers: []dc.Controller{{Key: 14000, Type: dc.ControllerXHCI}, {Key: 31000, Type: dc.ControllerNVMe}},
			Disks:       []dc.Disk{{Key: 32000, Controller: 31000, Mode: dc.Persistent, File: "w11.vmdk"}},
			NICs:        []dc.NIC{{Key: 4000, Type: dc.E1000E, MAC: "00:50:56:a9:10:20", Connected: true, StartConnected: true}},
			SerialPorts: []dc.SerialPort{{Key: 9000, File: dc.Media{Path: "serial.log"}}},
			Video:       dc.Video{MemoryKB: 16 << 10, Model: dc.VideoSVGA},
		},
	},
	"workstation.vmx": {
		Name: "old", Networks: map[int32]string{4000: "nat"},
		Hardware: dc.Hardware{
			UUID: "564d0102-0304-0506-0708-090a0b0c0d0e", Version: 16, GuestID: "ubuntu64Guest", Firmware: dc.BIOS, CPUs: 1,
			CoresPerSocket: 1, MemoryMB: 2048, Boot: dc.Boot{Order: []int32{3002, 2000}},
			Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerLSILogic}, {Key: 7000, Type: dc.ControllerUSB}},
			Disks:       []dc.Disk{{Key: 2000, Controller: 1000, Mode: dc.Persistent, File: "old.vmdk"}},
			Drives: []dc.Drive{{Key: 3002, Type: dc.CDROM, Controller: 201, Media: dc.Media{Path: "/home/me/Downloads/u.iso"}, Connected: true},
				{Key: 8000, Type: dc.Floppy}},
			NICs:  []dc.NIC{{Key: 4000, Type: dc.E1000, MAC: "00:0c:29:0b:0c:0d", Connected: true, StartConnected: true}},
			Video: dc.Video{MemoryKB: 256 << 10, Model: dc.VideoSVGA},
		},
	},
	"fusion.vmx": {
		Name: "Mac's", Networks: map[int32]string{4000: "bridged"},
		Hardware: dc.Hardware{
			UUID: "564d1111-2222-3333-4444-555566667777", Version: 18, GuestID: "otherLinux64Guest", Firmware: dc.EFI, CPUs: 2,
			CoresPerSocket: 1, MemoryMB: 1024,
			Controllers: []dc.Controller{{Key: 7000, Type: dc.ControllerUSB}, {Key: 15000, Type: dc.ControllerSATA}},
			Disks:       []dc.Disk{{Key: 16000, Controller: 15000, Mode: dc.Persistent, File: "Virtual Disk.vmdk"}},
			Drives:      []dc.Drive{{Key: 16001, Type: dc.CDROM, Controller: 15000, Unit: 1}},
			NICs:        []dc.NIC{{Key: 4000, Type: dc.E1000, Connected: true, StartConnected: true}},
			Inputs:      []dc.InputType{dc.USBTablet, dc.USBKeyboard},
			Video:       dc.Video{MemoryKB: 4 << 10, Model: dc.VideoSVGA},
		},
	},
}

func TestReadWhatOthersWrite(t *testing.T) {
	for name, want := range foreign {
		t.Run(name, func(t *testing.T) {
			c := parse(t, readFile(t, name))
			got, err := Read(c)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			before := string(c.Bytes())
			if err := Write(c, got); err != nil {
				t.Fatal(err)
			}
			if after := string(c.Bytes()); after != before {
				t.Errorf("what it says already is written anew:\n%s\nbefore:\n%s", after, before)
			}
			got.Hardware.MemoryMB++ // it can be changed, too
			want.Hardware.MemoryMB++
			if err := Write(c, got); err != nil {
				t.Fatal(err)
			}
			again, err := Read(parse(t, string(c.Bytes())))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(again, want) {
				t.Errorf("after writing it:\ngot  %+v\nwant %+v\n%s", again, want, c.Bytes())
			}
			if _, ok := c.Get("tools.syncTime"); !ok {
				t.Error("a key that nobody knows is gone")
			}
		})
	}
}

// everything has one of all that a machine of ours can have.
func everything() Machine {
	return Machine{
		Name: `a "b"`, Annotation: "1\n2", Networks: map[int32]string{4000: "network-1", 4009: "network-2"},
		Hardware: dc.Hardware{
			UUID: "42009372-17da-be73-779d-007ccf1bd228", InstanceUUID: "52009372-17da-be73-779d-007ccf1bd228", Version: 19,
			GuestID: "otherLinux64Guest", Firmware: dc.EFI, CPUs: 8, CoresPerSocket: 4, MemoryMB: 1024, CPUHotAdd: true,
			CPUHotRemove: true, MemoryHotAdd: true, TPM: true, Watchdog: &dc.Watchdog{},
			Boot: dc.Boot{DelayMS: 10, EnterSetup: true, Secure: true, Order: []int32{16119, 2000, 4009, 3000, 8001}},
			Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerVirtio}, {Key: 1001, Type: dc.ControllerLSILogic}, {Key: 1002, Type: dc.ControllerLSISAS},
				{Key: 1003, Type: dc.ControllerPVSCSI}, {Key: 7000, Type: dc.ControllerUSB}, {Key: 14000, Type: dc.ControllerXHCI}, {Key: 15003, Type: dc.ControllerSATA},
				{Key: 31000, Type: dc.ControllerNVMe}},
			Disks: []dc.Disk{
				{Key: 2000, Controller: 1000, Mode: dc.Persistent, File: "a.vmdk"},
				{Key: 2063, Controller: 1003, Unit: 15, Mode: dc.IndependentPersistent, File: "b.vmdk"},
				{Key: 3000, Controller: 200, Mode: dc.Persistent, File: "c.vmdk"},
				{Key: 32014, Controller: 31000, Unit: 14, Mode: dc.Persistent, File: "d.vmdk"},
			},
			Drives: []dc.Drive{
				{Key: 3003, Type: dc.CDROM, Controller: 201, Unit: 1},
				{Key: 8001, Type: dc.Floppy, Unit: 1, Media: dc.Media{Datastore: "datastore-1", Path: "f.flp"}, Connected: true},
				{Key: 16119, Type: dc.CDROM, Controller: 15003, Unit: 29, Media: dc.Media{Datastore: "datastore-1", Path: "a/b.iso"}, StartDisconnected: true},
			},
			NICs: []dc.NIC{
				{Key: 4000, Type: dc.VirtioNet, MAC: "52:54:00:00:00:01", Connected: true, StartConnected: true},
				{Key: 4009, Type: dc.VMXNET3, MAC: "52:54:00:00:00:02"},
			},
			SerialPorts: []dc.SerialPort{{Key: 9000, Console: true}, {Key: 9003, File: dc.Media{Path: "x.log"}}},
			Inputs:      []dc.InputType{dc.USBKeyboard, dc.USBTablet, dc.USBTablet},
			Video:       dc.Video{MemoryKB: 16 << 10, Model: dc.VideoVGA},
		},
	}
}

func TestWriteReadsBack(t *testing.T) {
	for name, change := range map[string]func(m *Machine){
		"everything": func(*Machine) {},
		"nothing": func(m *Machine) {
			h := m.Hardware
			*m = Machine{Name: "x", Networks: map[int32]string{}, Hardware: dc.Hardware{UUID: h.UUID, InstanceUUID: h.InstanceUUID, Version: 13,
				GuestID: h.GuestID, Firmware: dc.BIOS, CPUs: 1, CoresPerSocket: 1, MemoryMB: 32, Video: h.Video}}
		},
		"less": func(m *Machine) {
			h := &m.Hardware
			h.Disks, h.Drives, h.NICs, h.Controllers = h.Disks[:1], nil, h.NICs[1:], h.Controllers[:1]
			h.Boot, h.Watchdog, h.TPM, h.Inputs, h.SerialPorts = dc.Boot{Order: []int32{2000}}, nil, false, nil, h.SerialPorts[1:]
			delete(m.Networks, 4000)
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := everything()
			c := vmx.New()
			if err := Write(c, want); err != nil {
				t.Fatal(err)
			}
			c.Set("sched.cpu.shares", "normal")
			change(&want)
			if err := Write(c, want); err != nil {
				t.Fatal(err)
			}
			text := string(c.Bytes())
			got, err := Read(parse(t, text))
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v\n%s", got, want, text)
			}
			if err := Write(c, want); err != nil || string(c.Bytes()) != text {
				t.Errorf("not the same when it is written again: %v\n%s\nbefore:\n%s", err, c.Bytes(), text)
			}
			if !strings.Contains(text, "sched.cpu.shares") {
				t.Error("a key that nobody knows is gone")
			}
		})
	}
}

// What somebody changed on VMware's side wins over what we have noted beside it.
func TestVMwareWins(t *testing.T) {
	c := vmx.New()
	if err := Write(c, everything()); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"scsi0.virtualDev": "pvscsi", "hanok.scsi0.virtualDev": "virtio-scsi",
		"ethernet0.virtualDev": "vmxnet3", "hanok.ethernet0.virtualDev": "virtio"} {
		if got, _ := c.Get(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	c.Set("scsi0.virtualDev", "lsisas1068")
	c.Set("ethernet0.virtualDev", "e1000e")
	c.Set("bios.bootOrder", "ethernet0")
	c.Set("keyboard.vusb.enable", "FALSE")
	m, err := Read(c)
	if err != nil {
		t.Fatal(err)
	}
	h := m.Hardware
	if h.Controllers[0].Type != dc.ControllerLSISAS || h.NICs[0].Type != dc.E1000E || len(h.Boot.Order) != 1 ||
		h.Boot.Order[0] != 4000 || len(h.Inputs) != 1 || h.Inputs[0] != dc.USBTablet {
		t.Errorf("got %+v", h)
	}
}

func TestReadRefuses(t *testing.T) {
	base := "virtualHW.version = \"19\"\nmemSize = \"64\"\nscsi0.present = \"TRUE\"\n"
	for name, test := range map[string]struct {
		lines, key string
		line       int
	}{
		"no version":       {"memSize = \"64\"\n", "virtualHW.version", 0},
		"no memory":        {"virtualHW.version = \"19\"\n", "memSize", 0},
		"memory":           {"virtualHW.version = \"19\"\nmemSize = \"-4\"\n", "memSize", 2},
		"CPUs":             {base + "numvcpus = \"many\"\n", "numvcpus", 4},
		"UUID":             {base + "uuid.bios = \"1\"\n", "uuid.bios", 4},
		"firmware":         {base + "firmware = \"openfirmware\"\n", "firmware", 4},
		"bus logic":        {base + "scsi0.virtualDev = \"buslogic\"\n", "scsi0.virtualDev", 4},
		"shared bus":       {base + "scsi0.sharedBus = \"physical\"\n", "scsi0.sharedBus", 4},
		"controller":       {base + "scsi0:7.present = \"TRUE\"\n", "scsi0:7.present", 4},
		"raw disk":         {base + "scsi0:0.present = \"TRUE\"\nscsi0:0.deviceType = \"rawDisk\"\n", "scsi0:0.deviceType", 5},
		"no file":          {base + "scsi0:0.present = \"TRUE\"\n", "scsi0:0.fileName", 0},
		"nonpersistent":    {base + "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"a\"\nscsi0:0.mode = \"independent-nonpersistent\"\n", "scsi0:0.mode", 6},
		"adapter":          {base + "ethernet3.present = \"TRUE\"\nethernet3.virtualDev = \"vlance\"\n", "ethernet3.virtualDev", 5},
		"passthrough":      {base + "pciPassthru0.present = \"TRUE\"\n", "pciPassthru0.present", 4},
		"encrypted":        {base + "encryption.keySafe = \"vmware:key\"\n", "encryption.keySafe", 4},
		"no truth":         {base + "vtpm.present = \"perhaps\"\n", "vtpm.present", 4},
		"truth of a unit":  {base + "scsi0:1.present = \"perhaps\"\n", "scsi0:1.present", 4},
		"too much of boot": {base + "bios.bootDelay = \"99999999999\"\n", "bios.bootDelay", 4},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(parse(t, test.lines))
			var syntax *vmx.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line != test.line || !strings.HasPrefix(syntax.Message, test.key+": ") {
				t.Errorf("got %v, want line %d, %s", err, test.line, test.key)
			}
		})
	}
}

// FuzzRead checks that what can be read can be written, and is then the same.
func FuzzRead(f *testing.F) {
	for name := range foreign {
		f.Add([]byte(readFile(f, name)))
	}
	c := vmx.New()
	if err := Write(c, everything()); err != nil {
		f.Fatal(err)
	}
	f.Add(c.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := vmx.Parse(data)
		if err != nil {
			return
		}
		m, err := Read(c)
		if err != nil {
			return
		}
		if err := Write(c, m); err != nil {
			t.Fatal(err)
		}
		again, err := Read(c)
		if err != nil {
			t.Fatalf("can't read what was written: %v\n%s", err, c.Bytes())
		}
		if !reflect.DeepEqual(again, m) {
			t.Fatalf("got  %+v\nwant %+v\n%s", again, m, c.Bytes())
		}
	})
}

// A guest finds its adapters again by the numbers of their slots: those that the file says, also after adapters came and went.
func TestSlots(t *testing.T) {
	slots := func(t *testing.T, lines string) (*vmx.Config, Machine) {
		t.Helper()
		c := parse(t, readFile(t, "esxi67.vmx")+lines)
		m, err := Read(c)
		if err != nil {
			t.Fatal(err)
		}
		return c, m
	}
	const second = "ethernet7.present = \"TRUE\"\nethernet7.virtualDev = \"vmxnet3\"\nethernet7.address = \"00:50:56:00:00:07\"\nethernet7.addressType = \"static\"\n"
	for name, test := range map[string]struct {
		lines string
		want  []int32
	}{
		"another one":                  {second + `ethernet7.pciSlotNumber = "1184"`, []int32{192, 224, 256, 1216, 1248, 1280, 2208, 1184, 2240, 2272}},
		"one that has no slot yet":     {second + `ethernet7.pciSlotNumber = "-1"`, []int32{192, 224, 256, 1184, 1216, 1248, 1280, 2208, 2240, 2272}},
		"one on the board":             {second + `ethernet7.pciSlotNumber = "18"`, nil},
		"two in one":                   {second + `ethernet7.pciSlotNumber = "192"`, nil},
		"more than PCI Express counts": {second + `ethernet7.pciSlotNumber = "8192"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, m := slots(t, test.lines)
			if h := m.Hardware; !slices.Equal(h.NICSlots, test.want) || h.RootPorts != (test.want != nil) {
				t.Errorf("got %v", h.NICSlots)
			}
		})
	}
	c, m := slots(t, "")
	m.Hardware.NICs = append(m.Hardware.NICs, dc.NIC{Key: 4005, Type: dc.VMXNET3, MAC: "00:50:56:00:00:05", Connected: true, StartConnected: true})
	if err := Write(c, m); err != nil {
		t.Fatal(err)
	}
	if slot, _ := c.Get("ethernet5.pciSlotNumber"); slot != "1248" {
		t.Errorf("the new adapter's slot is %q", slot)
	}
	m.Hardware.NICs = m.Hardware.NICs[len(m.Hardware.NICs)-1:] // the others go
	if err := Write(c, m); err != nil {
		t.Fatal(err)
	}
	again, err := Read(parse(t, string(c.Bytes())))
	if err != nil || again.Hardware.NICSlots[5] != 1248 {
		t.Errorf("it is found again in %v, %v", again.Hardware.NICSlots, err)
	}
}
