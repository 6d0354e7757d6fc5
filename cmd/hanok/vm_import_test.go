package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanok/host/sim"
	"hanok/internal/ovf/ovftest"
)

// written writes a file of the test.
func written(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestImport makes machines of packages as VMware and VirtualBox write them, as one archive and as files side by side.
func TestImport(t *testing.T) {
	c := startCenter(t, sim.Options{})
	disk := ovftest.Entry{Name: "web-disk1.vmdk", Text: ovftest.Disk()}
	web := ovftest.VMware(int64(len(disk.Text)), 4<<20)
	manifest := ovftest.Manifest("web.mf", web, disk)

	ova := written(t, "web.ova", ovftest.Archive(web, manifest, disk))
	code, _, stderr := c.run(t.Context(), "vm", "import", ova, "--network", "VM Network", "--power-on")
	if want := "ResourcePool.ImportVAppLRO web: done\n"; code != exitOK || !strings.Contains(stderr, want) || strings.Contains(stderr, "warning") {
		t.Fatalf("exit code %d, without %q, or with a warning:\n%s", code, want, stderr)
	}
	got := c.must(t, "vm", "get", "web")
	for _, want := range []string{"poweredOn", "debian12_64Guest", "the web server", "4 MB", "128 MB"} {
		if !strings.Contains(got, want) {
			t.Errorf("without %q:\n%s", want, got)
		}
	}

	box := ovftest.VirtualBox()
	ova = written(t, "box.ova", ovftest.Archive(box, ovftest.Entry{Name: "box-disk001.vmdk", Text: disk.Text}))
	code, _, stderr = c.run(t.Context(), "vm", "import", ova, "--name", "mine")
	if code != exitFailure || !strings.Contains(stderr, `the package's network "NAT" has no port group`) {
		t.Errorf("without a port group: exit code %d:\n%s", code, stderr)
	}
	c.must(t, "vm", "import", ova, "--name", "mine", "--network", "NAT=VM Network", "--annotation", "from a colleague")
	if got := c.must(t, "vm", "get", "mine"); !strings.Contains(got, "from a colleague") || !strings.Contains(got, "132 MB") || !strings.Contains(got, "debian10_64Guest") {
		t.Errorf("got\n%s", got)
	}

	dir := t.TempDir()
	for _, f := range []ovftest.Entry{web, manifest, disk} {
		if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(f.Text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.must(t, "vm", "import", filepath.Join(dir, "web.ovf"), "--name", "side") // its network has the port group's name
	if left := c.leftovers(t); left != "" {
		t.Errorf("left is %s", left)
	}
}

// leftovers returns the names of what is uploaded or unpacked.
func (c *center) leftovers(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(c.data, "manager", "images", ".*.*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, " ")
}

// TestBadPackages refuses packages before anything is made of them.
func TestBadPackages(t *testing.T) {
	c := startCenter(t, sim.Options{})
	disk := ovftest.Entry{Name: "web-disk1.vmdk", Text: ovftest.Disk()}
	size := int64(len(disk.Text))
	web := ovftest.VMware(size, 4<<20)
	junk := ovftest.Entry{Name: disk.Name, Text: strings.Repeat("junk", len(disk.Text)/4)}
	windows := ovftest.Entry{Name: web.Name, Text: strings.NewReplacer("debian12_64Guest", "windows2019srv_64Guest", "VirtualSCSI", "buslogic").Replace(web.Text)}
	property := ovftest.Entry{Name: web.Name, Text: strings.Replace(web.Text, ">128<", ">0<", 1)}
	var large bytes.Buffer
	if err := tar.NewWriter(&large).WriteHeader(&tar.Header{Name: "web.ovf", Size: 10 << 30, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"a manifest that lies", ovftest.Archive(web, ovftest.Manifest("web.mf", web, junk), disk), "is not what the manifest says"},
		{"a manifest that lies, last", ovftest.Archive(web, disk, ovftest.Manifest("web.mf", web, junk)), "is not what the manifest says"},
		{"a link", ovftest.Archive(web, ovftest.Entry{Name: disk.Name, Kind: tar.TypeSymlink}), "links and all else are refused"},
		{"a climbing name", ovftest.Archive(web, disk, ovftest.Entry{Name: "../up.vmdk", Text: "x"}), "is not the name of a file"},
		{"an absolute name", ovftest.Archive(web, ovftest.Entry{Name: "/etc/shadow", Text: "x"}, disk), "is not the name of a file"},
		{"a name twice", ovftest.Archive(web, disk, disk), "is there twice"},
		{"a missing disk", ovftest.Archive(web), "is missing"},
		{"a descriptor of 10 GB", append(large.Bytes(), make([]byte, 4096)...), "the descriptor has 10737418240 bytes"},
		{"cut off", ovftest.Archive(web, disk)[:60_000], "damaged or cut off"},
		{"no disk", ovftest.Archive(web, junk), "it is no VMDK"},
		{"a disk that is larger than described", ovftest.Archive(ovftest.VMware(size, 1<<19), disk), "its disk has 1048576 bytes, and the descriptor says 524288"},
		{"no memory", ovftest.Archive(property, disk), "0 MB of memory can't be"},
		{"a guest that could not boot", ovftest.Archive(windows, disk), "has no driver for virtio-scsi"},
		{"no package", []byte("nothing"), "damaged or cut off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := c.run(t.Context(), "vm", "import", written(t, "web.ova", tt.content), "--network", "VM Network")
			if code != exitFailure || !strings.Contains(stderr, tt.want) || !strings.Contains(stderr, "next: ") {
				t.Errorf("exit code %d, without %q:\n%s", code, tt.want, stderr)
			}
		})
	}
	if got := c.must(t, "vm", "list"); strings.Contains(got, "web") {
		t.Errorf("there is a machine:\n%s", got)
	}
}
