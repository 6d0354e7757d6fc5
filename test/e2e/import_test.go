package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hanok/internal/ovf/ovftest"
	"hanok/internal/testhost"
)

// TestImport boots a machine that was imported from a package with a stream-optimized disk.
func TestImport(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up()
	dir := t.TempDir()

	c.story("a package with the starter image boots", func(t *testing.T) {
		c.ok("vm", "stop", "hello")
		raw, stream := filepath.Join(dir, "hello.raw"), filepath.Join(dir, "web-disk1.vmdk")
		c.ok("datastore", "download", "hello/hello-flat.vmdk", raw)
		if out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, stream).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		info, err := os.Stat(raw)
		if err != nil {
			t.Fatal(err)
		}
		disk := ovftest.Entry{Name: "web-disk1.vmdk", Text: read(t, stream)}
		descriptor := ovftest.VMware(int64(len(disk.Text)), info.Size())
		// The image's kernel has no drivers for VMware's devices.
		descriptor.Text = strings.NewReplacer("VirtualSCSI", "virtio-scsi", "VmxNet3", "virtio").Replace(descriptor.Text)
		ova := filepath.Join(dir, "web.ova")
		if err := os.WriteFile(ova, ovftest.Archive(descriptor, ovftest.Manifest("web.mf", descriptor, disk), disk), 0o600); err != nil {
			t.Fatal(err)
		}
		c.ok("vm", "import", ova, "--network", "VM Network", "--power-on")
		until(t, "the guest's address", func() bool { return len(c.machine("web").Addresses) > 0 })
	})
}
