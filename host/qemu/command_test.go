package qemu

import (
	"flag"
	"os"
	"path/filepath"
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
			},
		},
		NICs:        []dc.Attachment{{Key: 4000, UserMode: true}},
		Accelerator: dc.TCG, Type: machineType, Monitor: "fd=4", Serial: "fd=5", Agent: "fd=6",
		Disks: map[int32]string{2000: "/dev/fdset/2"}, Files: files,
	}
	efi := bios
	efi.Accelerator, efi.Type, efi.Incoming, efi.Check = dc.KVM, "pc-q35-10.0", true, "fd=8"
	efi.Firmware, efi.NVRAM = "/dev/fdset/3", "/dev/fdset/4"
	efi.Machine.Firmware, efi.Machine.CPUs, efi.Machine.MemoryMB = dc.EFI, 4, 4096
	efi.Machine.Disks = []dc.Disk{{Key: 2000, Controller: 1000}, {Key: 2015, Controller: 1000, Unit: 15}, {Key: 2016, Controller: 1001},
		{Key: 2063, Controller: 1003, Unit: 15}}
	efi.Disks = map[int32]string{2000: "/dev/fdset/2", 2015: "/dev/fdset/5", 2016: "/dev/fdset/6", 2063: "/dev/fdset/7"}
	efi.Machine.NICs = append(efi.Machine.NICs[:1:1], dc.NIC{Key: 4009, MAC: "52:54:00:00:00:02"})
	return map[string]Command{"bios": bios, "efi": efi}
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
