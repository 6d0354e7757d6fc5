package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hanok/internal/testhost"
)

// TestHello is what a newcomer does, and what happens to them on a bad day.
func TestHello(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up()
	url := strings.TrimPrefix(c.printed[len(c.printed)-1], "ready ")
	t.Log("\n" + strings.Join(c.printed, "\n"))

	t.Run("the machine is there", func(t *testing.T) {
		hello := c.machine("hello")
		if hello.PowerState != "poweredOn" || len(hello.Addresses) == 0 || hello.ID == "" || hello.Host == "" {
			t.Errorf("hello is %+v", hello)
		}
		var first struct{ URL, User, Password string }
		b, err := os.ReadFile(filepath.Join(c.data, "first-login.json"))
		if err == nil {
			err = json.Unmarshal(b, &first)
		}
		if err != nil || first.URL != url || first.User == "" || first.Password == "" {
			t.Errorf("first-login.json has %+v, %v", first, err)
		}
		for _, name := range []string{"hello.vmx", "hello.vmdk", "hello-flat.vmdk", "vmware.log"} {
			if _, err := os.Stat(filepath.Join(c.data, "datastore1", "hello", name)); err != nil {
				t.Error(err)
			}
		}
	})

	pid := c.qemu("hello")
	t.Run("a killed service loses nothing", func(t *testing.T) {
		if pid == 0 {
			t.Fatal("no process executes hello")
		}
		c.ok("datacenter", "create", "second")
		c.signal(syscall.SIGKILL)
		c.up()
		if now := c.qemu("hello"); now != pid {
			t.Errorf("hello runs as process %d, and did as %d", now, pid)
		}
		if out := c.ok("datacenter", "list"); !strings.Contains(out, "second") {
			t.Errorf("the data center that was acknowledged is gone:\n%s", out)
		}
		if hello := c.machine("hello"); hello.PowerState != "poweredOn" {
			t.Errorf("hello is %s", hello)
		}
	})

	t.Run("a stopped service leaves machines alone", func(t *testing.T) {
		c.signal(syscall.SIGINT)
		if now := c.qemu("hello"); now != pid {
			t.Fatalf("hello runs as process %d, and did as %d", now, pid)
		}
		c.up()
		if now := c.qemu("hello"); now != pid {
			t.Errorf("hello runs as process %d, and did as %d", now, pid)
		}
		if all := c.machines(); len(all) != 1 {
			t.Errorf("the second start made machines: %v", all)
		}
	})

	t.Run("bad input", func(t *testing.T) {
		c.refused([]string{"slash", "next:"}, "vm", "create", "../x", "--image", "starter")
		c.refused([]string{"hello", "of this name already", "next:"}, "vm", "create", "hello", "--image", "starter")
		c.refused([]string{"memory", "next:"}, "vm", "create", "giant", "--memory", "900G", "--image", "starter")
		c.refused([]string{"powered on already"}, "vm", "start", "hello")
		c.refused([]string{"power it off first"}, "vm", "delete", "hello")
		c.refused([]string{"nobody"}, "vm", "get", "nobody")
	})

	t.Run("a killed QEMU is a fault", func(t *testing.T) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		c.event("VmDisconnectedEvent", "hello")
		if hello := c.machine("hello"); hello.PowerState != "poweredOff" {
			t.Errorf("hello is %s", hello)
		}
		if c.qemu("hello") != 0 {
			t.Error("somebody started hello again")
		}
	})

	t.Run("power off, delete", func(t *testing.T) {
		c.ok("vm", "start", "hello")
		c.ok("vm", "stop", "hello")
		c.ok("vm", "delete", "hello")
		if all := c.machines(); len(all) != 0 {
			t.Errorf("machines after the deletion: %v", all)
		}
		if _, err := os.Stat(filepath.Join(c.data, "datastore1", "hello")); err == nil {
			t.Error("the folder of hello is left")
		}
	})

	t.Run("the first login ends with its password", func(t *testing.T) {
		if _, complaint, code := c.run("a better password", "user", "password", "administrator", "--password-stdin"); code != 0 {
			t.Fatal(complaint)
		}
		c.refused([]string{"initial login is gone", "HANOK_USERNAME"}, "vm", "list")
	})
}
