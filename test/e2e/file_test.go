package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hanok/internal/testhost"
)

// TestFiles works on the files of a datastore beside a machine that runs, and boots one from a disk that came as a stream-optimized VMDK.
func TestFiles(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up()
	dir := t.TempDir()
	back := filepath.Join(dir, "back.vmdk")

	c.story("the disk of a machine that runs is left alone", func(t *testing.T) {
		for _, args := range [][]string{{"download", "hello/hello-flat.vmdk", back}, {"cp", "hello", "copy"}} {
			c.refused([]string{"powered on"}, append([]string{"datastore"}, args...)...)
		}
		c.refused([]string{"only it may change them"}, "datastore", "rm", "hello")
		c.ok("datastore", "download", "hello/vmware.log", filepath.Join(dir, "log"))
	})

	c.story("a disk that was exported boots as another machine", func(t *testing.T) {
		c.ok("vm", "stop", "hello")
		c.ok("datastore", "download", "hello/hello-flat.vmdk", back)
		stream := filepath.Join(dir, "stream.vmdk")
		if out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", back, stream).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		c.ok("image", "import", stream, "--name", "exported")
		c.ok("vm", "create", "again", "--image", "exported", "--memory", "128M", "--network", "VM Network", "--power-on")
		until(t, "the guest's address", func() bool { return len(c.machine("again").Addresses) > 0 })
		c.ok("datastore", "mkdir", "disks")
		c.ok("datastore", "import", stream, "disks/data.vmdk")
	})

	c.story("files are there as they were sent", func(t *testing.T) {
		c.ok("datastore", "mkdir", "iso")
		c.ok("datastore", "upload", back, "[datastore1] iso/disk.raw")
		c.ok("datastore", "cp", "iso/disk.raw", "iso/copy.raw")
		again := filepath.Join(dir, "again.raw")
		c.ok("datastore", "download", "iso/copy.raw", again)
		if one, two := read(t, back), read(t, again); one != two {
			t.Error("the copy is another one")
		}
		if out := c.ok("datastore", "ls", "iso"); !strings.Contains(out, "iso/copy.raw") {
			t.Errorf("the list is\n%s", out)
		}
	})
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
