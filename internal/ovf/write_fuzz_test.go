package ovf

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// ordinary reports whether a text is one that a machine may have anywhere, and that XML keeps as it is.
func ordinary(text string) bool {
	return text != "" && len(text) <= 80 && utf8.ValidString(text) && strings.TrimSpace(text) == text &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError })
}

// FuzzEncode writes a machine with any texts and numbers: what is read again is the same machine. Texts that XML or a package does not take may be refused or changed,
// but never become anything but text.
func FuzzEncode(f *testing.F) {
	f.Add("web", "a note", "VM Network", "hanok.x", "value", "web-disk1.vmdk", int64(1<<30), int32(2), int64(1024))
	f.Add(`"><Item/>`, "]]><!--", "&amp;<x>'", "key\"", "\x00\xff", "../disk", int64(-1), int32(-5), int64(0))
	f.Add("größer", "\n two \r\n lines\t", " ", "a.b", "%d%s%!", "d.vmdk", int64(1), int32(768), int64(1<<40))
	f.Fuzz(func(t *testing.T, name, note, network, key, value, file string, capacity int64, cpus int32, memory int64) {
		want := &Machine{Name: name, Annotation: note, GuestID: "debian12_64Guest", OSType: 96, HardwareVersion: "vmx-19", CPUs: int(cpus), CoresPerSocket: 1, MemoryMB: memory, Firmware: "bios",
			Controllers: []Controller{{"1000", SCSI, "VirtualSCSI", 0}},
			Disks:       []Disk{{CapacityBytes: capacity, PopulatedBytes: -1, Format: StreamOptimized, File: file, Controller: "1000"}},
			NICs:        []NIC{{Model: "VmxNet3", Network: network}}, Networks: []Network{{network, "The " + network + " network"}},
			Extra: []Extra{{key, value}}, Files: []File{{"file1", file, 5000}}}
		got, err := Parse(Encode(want))
		if err != nil {
			var own *Error
			if !errors.As(err, &own) {
				t.Fatal(err)
			}
		}
		for _, text := range []string{name, note, network, key, value} {
			if !ordinary(text) {
				if err == nil && (len(got.Disks) != 1 || len(got.NICs) != 1 || len(got.Files) != 1 || len(got.Controllers) != 1) {
					t.Fatalf("texts have become devices: %+v", got)
				}
				return
			}
		}
		if fileName(file) != nil || !ordinary(file) || cpus < 1 || cpus > 768 || memory < 4 || memory > 1<<20 || capacity < 1<<20 || capacity > 1<<40 {
			return
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got\n%+v\nwant\n%+v\n%v", got, want, err)
		}
	})
}
