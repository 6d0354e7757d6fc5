package qemu

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hanok/dc"
	"hanok/internal/testhost"
)

func TestParseVersion(t *testing.T) {
	tests := []struct {
		text, version string
		major         int
		err           bool
	}{
		{"QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright", "10.0.2", 10, false},
		{"QEMU emulator version 7.2.22 (Debian)", "7.2.22", 7, false},
		{"QEMU emulator version 11.0", "11.0", 11, false},
		{"something else\nand more", "", 0, true},
		{"", "", 0, true},
	}
	for _, test := range tests {
		version, major, err := parseVersion(test.text)
		if version != test.version || major != test.major || (err != nil) != test.err {
			t.Errorf("%q: %q, %d, %v", test.text, version, major, err)
		}
	}
}

// kvmFile is a device file as os.Stat describes it.
type kvmFile struct {
	mode fs.FileMode
	gid  uint32
}

func (d kvmFile) Name() string       { return "kvm" }
func (d kvmFile) Size() int64        { return 0 }
func (d kvmFile) Mode() fs.FileMode  { return d.mode }
func (d kvmFile) ModTime() time.Time { return time.Time{} }
func (d kvmFile) IsDir() bool        { return false }
func (d kvmFile) Sys() any           { return &syscall.Stat_t{Gid: d.gid} }

func TestKVMGroups(t *testing.T) {
	tests := []struct {
		mode fs.FileMode
		gid  uint32
		want []uint32
		err  bool
	}{
		{0o660, 107, []uint32{107}, false},
		{0o666, 0, nil, false},
		{0o666, 107, nil, false},
		{0o660, 0, nil, true}, // root's group
		{0o600, 0, nil, true},
		{0o640, 107, nil, true},
	}
	for _, test := range tests {
		got, err := kvmGroups(kvmFile{test.mode, test.gid})
		if !slices.Equal(got, test.want) || (err != nil) != test.err {
			t.Errorf("%04o, group %d: %v, %v", test.mode, test.gid, got, err)
		}
	}
}

// The probe decides as it should on this host, whatever that is.
func TestProbe(t *testing.T) {
	testhost.Require(t)
	d, err := New(Config{RunDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	found, err := d.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", found)
	if _, err := os.Stat(kvmDevice); err != nil && found.Accelerator == dc.KVM {
		t.Error("KVM was chosen without its device")
	}
	warned := slices.ContainsFunc(found.Warnings, func(w string) bool { return strings.Contains(w, "labs only") })
	if (found.Accelerator == dc.TCG) != warned || !strings.HasSuffix(found.Reason, ".") {
		t.Errorf("found %+v", found)
	}
	if again, err := d.Probe(t.Context()); err != nil || again.Reason != found.Reason {
		t.Errorf("the second time it found %+v, %v", again, err)
	}
}
