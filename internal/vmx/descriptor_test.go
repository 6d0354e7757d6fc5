package vmx

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestNewFlat(t *testing.T) {
	d := NewFlat("büro 1-flat.vmdk", 3<<30, "19", [10]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	const want = `# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=fffffffe
parentCID=ffffffff
createType="vmfs"

# Extent description
RW 6291456 VMFS "büro 1-flat.vmdk"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "391"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.thinProvisioned = "1"
ddb.uuid = "60 00 c2 90 01 02 03 04-05 06 07 08 09 0a 00 00"
ddb.virtualHWVersion = "19"
`
	if got := string(d.Bytes()); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	again, err := ParseDescriptor(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, d) {
		t.Errorf("got %+v, want %+v", again, d)
	}
}

func TestGeometry(t *testing.T) {
	for capacity, want := range map[int64]string{64 << 20: "64", 1 << 30: "512", 2 << 30: "261", 64 << 30: "8354"} {
		if got, _ := NewFlat("x", capacity, "19", [10]byte{}).Get("ddb.geometry.cylinders"); got != want {
			t.Errorf("%d bytes: got %s cylinders, want %s", capacity, got, want)
		}
	}
}

// delta is the descriptor of a snapshot's disk in several parts, with keys that this package doesn't know.
const delta = `# Disk DescriptorFile
version=3
encoding="UTF-8"
CID=0a1b2c3d
parentCID=c28f7073
isNativeSnapshot="no"
createType="vmfsSparse"
parentFileNameHint="web 1.vmdk"

# Extent description
RW 33554432 VMFSSPARSE "web 1-000001-delta.vmdk"
RDONLY 63 FLAT "rest.bin" 128
RW 1 ZERO

# Change Tracking File
changeTrackPath="web 1-000001-ctk.vmdk"

# The Disk Data Base
#DDB

ddb.longContentID = "9d20"
`

func TestParseDescriptorReadsWhatESXiWrites(t *testing.T) {
	d, err := ParseDescriptor([]byte(delta))
	if err != nil {
		t.Fatal(err)
	}
	want := []Extent{
		{"RW", 33554432, "VMFSSPARSE", "web 1-000001-delta.vmdk", 0},
		{"RDONLY", 63, "FLAT", "rest.bin", 128},
		{"RW", 1, "ZERO", "", 0},
	}
	if !reflect.DeepEqual(d.Extents, want) {
		t.Errorf("got the extents %+v", d.Extents)
	}
	for key, want := range map[string]string{
		"CID": "0a1b2c3d", "parentFileNameHint": "web 1.vmdk", "changeTrackPath": "web 1-000001-ctk.vmdk",
		"ddb.longContentID": "9d20",
	} {
		if got, _ := d.Get(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestParseDescriptorRefuses(t *testing.T) {
	const head = "# Disk DescriptorFile\nversion=1\n"
	for name, test := range map[string]struct {
		text, message string
		line          int
	}{
		"empty":           {"", "nothing in it", 1},
		"a sparse disk":   {"KDMV\x01\x00\n", "no descriptor", 1},
		"a word":          {head + "word\n", "neither a key nor an extent", 3},
		"open quote":      {head + "createType=\"vmfs\n", "no closing quotation mark", 3},
		"twice":           {head + "\nversion=2\n", "stands in line 2 already", 4},
		"negative length": {head + "RW -1 FLAT \"x\" 0\n", "length is \"-1\"", 3},
		"vast length":     {head + "RW 18014398509481984 FLAT \"x\" 0\n", "not a number of sectors", 3},
		"odd type":        {head + "RW 1 FLOPPY \"x\" 0\n", "no extents of type", 3},
		"no file":         {head + "RW 1 FLAT\n", "no quotation marks", 3},
		"empty file":      {head + "RW 1 FLAT \"\" 0\n", "not a name", 3},
		"false offset":    {head + "RW 1 FLAT \"x\" y\n", "offset is \"y\"", 3},
		"binary":          {head + "x=\"\xff\"\n", "not UTF-8", 3},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseDescriptor([]byte(test.text))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line != test.line || !strings.Contains(syntax.Message, test.message) {
				t.Errorf("got %v, want line %d: …%s…", err, test.line, test.message)
			}
		})
	}
}

func FuzzParseDescriptor(f *testing.F) {
	f.Add(NewFlat("a-flat.vmdk", 1<<20, "19", [10]byte{}).Bytes())
	f.Add([]byte(delta))
	f.Add([]byte("# Disk DescriptorFile\nCID=\"1\"\nRW 1 FLAT \"a\" 5\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDescriptor(data)
		if err != nil {
			return
		}
		again, err := ParseDescriptor(d.Bytes())
		if err != nil {
			t.Fatalf("can't read what was written: %v\n%s", err, d.Bytes())
		}
		if !reflect.DeepEqual(again, d) {
			t.Fatalf("got %+v, want %+v", again, d)
		}
	})
}
