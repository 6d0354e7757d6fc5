package inspect

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/vmx"
)

// write makes files below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func descriptor(extent string, bytes int64) string {
	return string(vmx.NewFlat(extent, bytes, "19", [10]byte{}).Bytes())
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"good/good.vmx":           `hanok.id = "vm-1"`,
		"good/good.vmx~":          `hanok.id = "vm-2"`,
		"good/good.vmdk":          descriptor("good-flat.vmdk", 1024),
		"good/good-flat.vmdk":     strings.Repeat("x", 1024),
		"good/vmware.log":         "",
		"asleep/asleep.vmx":       `hanok.id = "vm-3"`,
		"asleep/asleep-0.vmss":    "",
		"asleep/a.vmss.tmp":       "",
		"short/short.vmdk":        descriptor("short-flat.vmdk", 1024),
		"short/short-flat.vmdk":   "x",
		"empty/empty.vmdk":        descriptor("empty-flat.vmdk", 1024),
		"climbing/climbing.vmdk":  descriptor("../good/good-flat.vmdk", 1024),
		"nonsense/nonsense.vmx":   "?",
		"nonsense/nonsense.vmdk":  "?",
		"huge/huge.vmx":           strings.Repeat("#\n", vmx.MaxSize),
		"links/x.txt":             "",
		"somebody/notes":          "",
		"not-a-folder":            "",
		"pipe/keep":               "",
		"linked/linked.vmdk":      descriptor("linked-flat.vmdk", 1024),
		"foreign/foreign.vmx":     `displayName = "of VMware"`,
		"foreign/foreign-ctk.txt": "",
	})
	for _, err := range []error{
		unix.Mkfifo(filepath.Join(dir, "pipe/pipe.vmx"), 0o600),
		os.Symlink("../good/good.vmx", filepath.Join(dir, "links/links.vmx")),
		os.Symlink("../good/good-flat.vmdk", filepath.Join(dir, "linked/linked-flat.vmdk")),
		os.Symlink("good", filepath.Join(dir, "link-to-folder")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := readFolders(dir)
	if err != nil {
		t.Fatal(err)
	}
	disk := func(name string, capacity, bytes int64) dc.InspectedDisk {
		return dc.InspectedDisk{Name: name + ".vmdk", CapacityBytes: capacity, Extent: name + "-flat.vmdk", ExtentBytes: bytes}
	}
	want := []dc.InspectedFolder{
		{Name: "asleep", Owner: "vm-3", Memory: "asleep-0.vmss"},
		{Name: "climbing", Disks: []dc.InspectedDisk{{Name: "climbing.vmdk", Failure: "it has not one extent with a file beside it", ExtentBytes: -1}}},
		{Name: "empty", Disks: []dc.InspectedDisk{disk("empty", 1024, -1)}},
		{Name: "foreign"},
		{Name: "good", Owner: "vm-1", Disks: []dc.InspectedDisk{disk("good", 1024, 1024)}},
		{Name: "huge", Failure: "its configuration huge.vmx: line 1: the file is longer than 1048576 bytes"},
		{Name: "linked", Disks: []dc.InspectedDisk{{Name: "linked.vmdk", CapacityBytes: 1024, Extent: "linked-flat.vmdk", ExtentBytes: -1,
			Failure: "linked-flat.vmdk is not a file"}}},
		{Name: "links"},
		{Name: "nonsense", Failure: "its configuration nonsense.vmx: line 1: there is no = in it", Disks: []dc.InspectedDisk{
			{Name: "nonsense.vmdk", Failure: `line 1: it is not "# Disk DescriptorFile": this is no descriptor`, ExtentBytes: -1}}},
		{Name: "pipe"},
		{Name: "short", Disks: []dc.InspectedDisk{disk("short", 1024, 1)}},
		{Name: "somebody"},
	}
	if diff := cmp.Diff(want, found, cmpopts.IgnoreFields(dc.InspectedDisk{}, "File")); diff != "" {
		t.Errorf("-want +found:\n%s", diff)
	}
}

// TestDatastores reads the agent's files about datastores, as it writes them, and what they must not be.
func TestDatastores(t *testing.T) {
	dir, path := t.TempDir(), t.TempDir()
	write(t, path, map[string]string{"web/web.vmx": `hanok.id = "vm-1"`})
	write(t, dir, map[string]string{
		"datastores/datastore-1.json":  `{"id": "datastore-1", "revision": 7, "path": "` + path + `", "name": "one"}`,
		"datastores/datastore-2.json":  `{"id": "datastore-2", "revision": 8, "path": "/nonexistent"}`,
		"datastores/datastore-3.json":  `{"id": "datastore-4", "path": "` + path + `"}`,
		"datastores/datastore-5.json":  `{`,
		"datastores/.tmp-x.json":       `{`,
		"datastores/datastore-6.other": `{`,
	})
	found, err := readDatastores(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []dc.InspectedDatastore{
		{ID: "datastore-1", Path: path, Revision: 7, Folders: []dc.InspectedFolder{{Name: "web", Owner: "vm-1"}}},
		{ID: "datastore-2", Path: "/nonexistent", Revision: 8, Failure: "open /nonexistent: no such file or directory"},
		{ID: "datastore-3", Path: path, Failure: `the host's file about it is about "datastore-4"`},
		{ID: "datastore-5", Failure: "unexpected end of JSON input"},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("-want +found:\n%s", diff)
	}
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	handle, err := json.Marshal([]byte(`{"boot":"now","pid":12,"start":34,"uuid":"u","sockets":"/s"}`))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{
		"machines/vm-1.json": `{"assignment": {"revision": 5, "machine": {"id": "vm-1", "name": "web"}, "power": {"generation": 2}}, "files": "ready",
			"handle": ` + string(handle) + `, "bootId": "now", "begun": 1, "outcome": {"generation": 2}, "starting": true}`,
		"machines/vm-2.json": `{"assignment": {"machine": {"id": "vm-2"}, "deleted": true}, "files": "removed", "power": "poweredOff", "outcome": {}}`,
		"machines/vm-3.json": `{"assignment": {"machine": {"id": "vm-4"}}}`,
		"machines/vm-5.json": `{"assignment"`,
		"machines/vm-6.json": `{"assignment": {"machine": {"id": "vm-6"}}, "handle": "bm8="}`,
	})
	found, err := readRecords(dir, "now")
	if err != nil {
		t.Fatal(err)
	}
	want := []dc.InspectedRecord{
		{File: "vm-1", Assignment: dc.Assignment{Revision: 5, Machine: dc.Machine{ID: "vm-1", Name: "web"}, Power: dc.PowerRequest{Generation: 2}},
			Files: dc.FilesReady, Begun: 1, Outcome: dc.PowerOutcome{Generation: 2}, On: true, Starting: true, ThisBoot: true, PID: 12, Start: 34},
		{File: "vm-2", Assignment: dc.Assignment{Machine: dc.Machine{ID: "vm-2"}, Deleted: true}, Files: dc.FilesRemoved, Power: dc.PoweredOff},
		{File: "vm-3", Failure: `it is about "vm-4"`},
		{File: "vm-5", Failure: "unexpected end of JSON input"},
		{File: "vm-6", Failure: "invalid character 'o' in literal null (expecting 'u')"},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("-want +found:\n%s", diff)
	}
	if found, err := readRecords(dir, "another boot"); err != nil || found[0].ThisBoot {
		t.Errorf("a handle of an earlier boot is of this one: %+v, %v", found[0], err)
	}
}

func TestMachineIn(t *testing.T) {
	for line, want := range map[string][2]string{
		"/usr/bin/qemu-system-x86_64 -name x -uuid u -add-fd fd=3,set=1,opaque=/srv/a,,b -add-fd fd=4,set=2,opaque=/srv/a,,b/d": {"u", "/srv/a,b"},
		"qemu-system-x86_64 -uuid":             {"", ""},
		"qemu-img -uuid u":                     {"u", ""},
		"grep -uuid u":                         {"", ""},
		"":                                     {"", ""},
		"qemu-system-x86_64 -uuid u -add-fd x": {"u", ""},
	} {
		uuid, folder := machineIn(strings.Split(line, " "))
		if uuid != want[0] || folder != want[1] {
			t.Errorf("%q is the machine %q in %q, want %q", line, uuid, folder, want)
		}
	}
}

func TestParseOpenFile(t *testing.T) {
	for text, want := range map[string]dc.InspectedFile{
		"pos:\t0\nflags:\t0100002\nmnt_id:\t9\nino:\t77\nlock:\t1: FLOCK  ADVISORY  WRITE 12 00:2e:77 0 EOF\n": {Writable: true, Locked: true},
		"flags:\t0100000\nino:\t77\nlock:\t1: FLOCK  ADVISORY  READ 12 00:2e:77 0 EOF":                         {},
		"flags:\t0100001\nino:\t77\nlock:\t1: OFDLCK ADVISORY  WRITE -1 00:2e:77 100 101":                      {Writable: true},
		"flags:\t012000002\nino:\t77": {}, // O_PATH
		"flags:\tx\nino:\t77":         {},
	} {
		found, inode := parseOpenFile(text)
		if found != want || inode != "77" {
			t.Errorf("%q is %+v of the inode %q, want %+v", text, found, inode, want)
		}
	}
}

// TestNothing: a host whose agent has never run has nothing, and says so without a failure.
func TestNothing(t *testing.T) {
	found := New(filepath.Join(t.TempDir(), "absent")).Inspect(t.Context())
	if len(found.Records)+len(found.Datastores) > 0 || found.Simulated {
		t.Errorf("found %+v", found)
	}
}
