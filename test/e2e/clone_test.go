package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"hanok/internal/testhost"
)

// TestClone boots copies of a machine: a clone, one that was deployed from a template, and one that was exported and imported. Each is a
// machine of its own, and the source is what it was.
func TestClone(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up()
	c.ok("vm", "stop", "hello")
	disk := func(name string) string {
		t.Helper()
		to := filepath.Join(t.TempDir(), name)
		c.ok("datastore", "download", name+"/"+name+"-flat.vmdk", to)
		return to
	}
	same := func(t *testing.T, what, a, b string) {
		t.Helper()
		if out, err := exec.Command("qemu-img", "compare", "-f", "raw", "-F", "raw", a, b).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", what, out)
		}
	}
	identity := func(name string) (uuid, mac string) {
		t.Helper()
		var vm struct {
			UUID string
			NICs []struct{ MAC string }
		}
		if err := json.Unmarshal([]byte(c.ok("vm", "get", name, "-o", "json")), &vm); err != nil || len(vm.NICs) != 1 {
			t.Fatalf("%s: %+v, %v", name, vm, err)
		}
		return vm.UUID, vm.NICs[0].MAC
	}
	source := disk("hello")
	uuid, mac := identity("hello")
	boots := func(t *testing.T, name string) {
		t.Helper()
		c.ok("vm", "start", name)
		until(t, "the guest's address", func() bool { return len(c.machine(name).Addresses) > 0 })
		if u, m := identity(name); u == uuid || m == mac {
			t.Errorf("%s has the UUID %s and the address %s, its source %s and %s", name, u, m, uuid, mac)
		}
		c.ok("vm", "stop", name)
	}

	c.story("a clone is another machine with the same bytes", func(t *testing.T) {
		c.ok("vm", "clone", "hello", "twin", "--eager")
		same(t, "the clone", source, disk("twin"))
		boots(t, "twin")
	})
	c.story("a template is deployed", func(t *testing.T) {
		c.ok("vm", "template", "hello")
		c.ok("vm", "clone", "hello", "deployed", "--thin", "--memory", "192M")
		boots(t, "deployed")
		c.ok("vm", "untemplate", "hello")
	})
	c.story("what is exported is read by QEMU and boots when it is imported", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "package")
		ova := filepath.Join(t.TempDir(), "hello.ova")
		c.ok("vm", "export", "hello", dir)
		c.ok("vm", "export", "hello", ova)
		stream, raw := filepath.Join(dir, "hello-disk1.vmdk"), filepath.Join(dir, "raw")
		if out, err := exec.Command("qemu-img", "convert", "-f", "vmdk", "-O", "raw", stream, raw).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		same(t, "the exported disk", source, raw)
		c.ok("vm", "import", ova, "--name", "back", "--network", "VM Network")
		boots(t, "back")
	})
	same(t, "the source", source, disk("hello"))
}
