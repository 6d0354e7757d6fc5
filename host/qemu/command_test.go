package qemu

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanok/dc"
)

var update = flag.Bool("update", false, "write the golden files anew")

// commands are the command lines that are kept as golden files.
func commands() map[string]Command {
	files := []InheritedFile{
		{FD: 3, Set: 1, Label: "/var/lib/hanok/datastore1/hello, again"},
		{FD: 7, Set: 2, Label: "/var/lib/hanok/datastore1/hello, again/hello-flat.vmdk"},
	}
	bios := Command{
		Machine: dc.Machine{
			ID: "vm-1", Name: "hello, again", Datastore: "datastore-1", Folder: "hello, again",
			Hardware: dc.Hardware{
				UUID: "42009372-17da-be73-779d-007ccf1bd228", GuestID: "otherLinux64Guest", Firmware: dc.BIOS, CPUs: 1, MemoryMB: 128,
				Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerVirtio}},
				Disks:       []dc.Disk{{Key: 2000, Controller: 1000, CapacityBytes: 64 << 20}},
				NICs:        []dc.NIC{{Key: 4000, MAC: "52:54:00:00:00:01"}},
				SerialPorts: []dc.SerialPort{{Key: 9000, Console: true}}, Video: dc.Video{MemoryKB: 16 << 10},
			},
		},
		NICs:        []dc.Attachment{{Key: 4000, UserMode: true, Network: "network-1"}},
		Accelerator: dc.TCG, Type: machineType, Monitor: "fd=4", Serial: "fd=5", Agent: "fd=6",
		Disks: map[int32]string{2000: "/dev/fdset/2"}, Files: files,
	}
	efi := bios
	efi.Accelerator, efi.Type, efi.Incoming, efi.Check = dc.KVM, "pc-q35-10.0", true, "fd=8"
	efi.Firmware, efi.NVRAM = "/dev/fdset/3", "/dev/fdset/4"
	efi.Machine.Firmware, efi.Machine.CPUs, efi.Machine.MemoryMB = dc.EFI, 4, 4096
	efi.Machine.Controllers = []dc.Controller{{Key: 1000, Type: dc.ControllerVirtio}, {Key: 1001, Type: dc.ControllerVirtio},
		{Key: 1003, Type: dc.ControllerVirtio}}
	efi.Machine.Disks = []dc.Disk{{Key: 2000, Controller: 1000}, {Key: 2015, Controller: 1000, Unit: 15, Provisioning: dc.ThickEager},
		{Key: 2016, Controller: 1001, Provisioning: dc.ThickLazyZeroed},
		{Key: 2063, Controller: 1003, Unit: 15}}
	efi.Disks = map[int32]string{2000: "/dev/fdset/2", 2015: "/dev/fdset/5", 2016: "/dev/fdset/6", 2063: "/dev/fdset/7"}
	efi.Machine.NICs = append(efi.Machine.NICs[:1:1], dc.NIC{Key: 4009, MAC: "52:54:00:00:00:02"})
	ports := devices(bios)
	ports.Machine.RootPorts, ports.Machine.TPM, ports.TPM, ports.Modules = true, true, "fd=9", []int64{128}
	return map[string]Command{"bios": bios, "efi": efi, "devices": devices(bios), "secure": secure(efi), "ports": ports}
}

// devices is the command of a machine with something of every kind.
func devices(c Command) Command {
	c.Machine.Hardware = everything()
	c.NICs = []dc.Attachment{{Key: 4000, UserMode: true, Network: "network-1"}, {Key: 4001, UserMode: true, Network: "network-2"}}
	c.Disks = map[int32]string{}
	for i, d := range c.Machine.Disks {
		c.Disks[d.Key] = fmt.Sprintf("/dev/fdset/%d", 10+i)
	}
	c.Media = map[int32]string{3000: "/dev/fdset/30", 8000: "/dev/fdset/31"}
	c.Ports = map[int32]string{9001: "/dev/fdset/32"}
	return c
}

// secure is the command of a machine with Secure Boot whose CPUs and memory may grow.
func secure(c Command) Command {
	c.Machine.Boot = dc.Boot{Secure: true}
	c.Machine.CoresPerSocket, c.Machine.CPUHotAdd, c.Machine.MemoryHotAdd = 2, true, true
	return c
}

// everything is hardware with something of every kind.
func everything() dc.Hardware {
	h := dc.Hardware{
		UUID: "3f2b6a10-0000-4000-8000-0000000000ee", GuestID: "otherLinux64Guest", Firmware: dc.BIOS,
		Boot: dc.Boot{DelayMS: 100, Order: []int32{3000, 4001, 2019}},
		CPUs: 4, CoresPerSocket: 2, MemoryMB: 256, CPUHotAdd: true, MemoryHotAdd: true,
		Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerPVSCSI}, {Key: 1001, Type: dc.ControllerLSISAS},
			{Key: 1002, Type: dc.ControllerLSILogic}, {Key: 1003, Type: dc.ControllerVirtio}, {Key: 7000, Type: dc.ControllerUSB},
			{Key: 14000, Type: dc.ControllerXHCI}, {Key: 15000, Type: dc.ControllerSATA}, {Key: 15003, Type: dc.ControllerSATA},
			{Key: 31000, Type: dc.ControllerNVMe}, {Key: 31003, Type: dc.ControllerNVMe}},
		Drives: []dc.Drive{{Key: 3000, Type: dc.CDROM, Controller: 200, Connected: true, Media: dc.Media{Datastore: testStore, Path: "a.iso"}},
			{Key: 3002, Type: dc.CDROM, Controller: 201}, {Key: 8000, Type: dc.Floppy, Connected: true,
				Media: dc.Media{Datastore: testStore, Path: "a.flp"}},
			{Key: 16005, Type: dc.CDROM, Controller: 15000, Unit: 5}},
		SerialPorts: []dc.SerialPort{{Key: 9000, Console: true}, {Key: 9001, File: dc.Media{Datastore: testStore, Path: "port.log"}}, {Key: 9003}},
		Inputs:      []dc.InputType{dc.USBTablet, dc.USBKeyboard},
		Video:       dc.Video{MemoryKB: 24 << 10, Model: dc.VideoSVGA},
		Watchdog:    &dc.Watchdog{},
	}
	for _, at := range []struct{ controller, unit int32 }{{1000, 0}, {1000, 15}, {1001, 3}, {1002, 6}, {1003, 9}, {201, 1}, {15000, 0}, {15003, 4},
		{31000, 0}, {31003, 14}} {
		key, _ := dc.UnitKey(at.controller, at.unit)
		h.Disks = append(h.Disks, dc.Disk{Key: key, Controller: at.controller, Unit: at.unit, CapacityBytes: 1 << 20})
	}
	for i, model := range []dc.NICType{dc.VMXNET3, dc.E1000E, dc.E1000, dc.VirtioNet} {
		h.NICs = append(h.NICs, dc.NIC{Key: 4000 + int32(i), Type: model, MAC: fmt.Sprintf("52:54:00:00:0e:%02x", i), PortGroup: "network-1",
			Connected: true})
	}
	slices.SortFunc(h.Disks, func(a, b dc.Disk) int { return cmp.Compare(a.Key, b.Key) })
	return h
}

func TestArgs(t *testing.T) {
	for name, c := range commands() {
		// One argument a line, each option with its value.
		got := strings.ReplaceAll(strings.Join(c.Args(), "\n"), "\n-", "\x00-")
		got = strings.ReplaceAll(strings.ReplaceAll(got, "\n", " "), "\x00", "\n") + "\n"
		golden := filepath.Join("testdata", name+".args")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// A device stays where it is when others come and go.
func TestPlacesFollowFromKeys(t *testing.T) {
	all := commands()["efi"]
	fewer := all
	fewer.Machine.Disks, fewer.Machine.NICs = all.Machine.Disks[2:], all.Machine.NICs[1:]
	places := func(c Command) map[string]string {
		found := map[string]string{}
		for _, arg := range c.Args() {
			if !strings.Contains(arg, ",id=nic") && !strings.HasPrefix(arg, "scsi-hd,") {
				continue
			}
			var id, place string
			for part := range strings.SplitSeq(arg, ",") {
				switch key, value, _ := strings.Cut(part, "="); key {
				case "id":
					id = value
				case "bus", "addr", "scsi-id":
					place += part + " "
				}
			}
			found[id] = place
		}
		return found
	}
	before, after := places(all), places(fewer)
	if len(before) != 6 || len(after) != 3 {
		t.Fatalf("found %v and %v", before, after)
	}
	for id, place := range after {
		if before[id] != place {
			t.Errorf("%s moved from %s to %s", id, before[id], place)
		}
	}
}

func TestHostnameOf(t *testing.T) {
	for name, want := range map[string]string{
		"hello": "hello", "Hello World": "hello-world", "a,b=c": "a-b-c", "--x--": "x", "Müller": "m-ller", "漢字": "vm",
		"...": "vm", strings.Repeat("a", 80): strings.Repeat("a", 63), strings.Repeat("a", 62) + " b": strings.Repeat("a", 62),
	} {
		if got := hostnameOf(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func TestEscape(t *testing.T) {
	if got := escape("a,b,,c="); got != "a,,b,,,,c=" {
		t.Errorf("got %q", got)
	}
}
