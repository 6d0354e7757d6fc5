package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hanok/internal/testhost"
	"hanok/test/client"
)

// TestHello is what a newcomer does, and what happens to them on a bad day.
func TestHello(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up()
	url := strings.TrimPrefix(c.printed[len(c.printed)-1], "ready ")
	t.Log("\n" + strings.Join(c.printed, "\n"))

	c.story("the machine is there", func(t *testing.T) {
		hello := c.machine("hello")
		if hello.PowerState != "poweredOn" || len(hello.Addresses) == 0 || hello.ID == "" || hello.Host == "" {
			t.Errorf("hello is %+v", hello)
		}
		for _, field := range []string{"name", "id", "powerState", "host", "addresses"} {
			if _, ok := c.objects("vm")[0][field]; !ok {
				t.Errorf("vm list -o json has no %q", field)
			}
		}
		if first := c.firstLogin(); first.URL != url || first.User == "" || first.Password == "" {
			t.Errorf("first-login.json has %+v", first)
		}
		if info, err := os.Stat(filepath.Join(c.data, "first-login.json")); err != nil || info.Mode() != 0o600 {
			t.Errorf("first-login.json is %v, %v; want mode 0600", info.Mode(), err)
		}
		for _, name := range []string{"hello.vmx", "hello.vmdk", "hello-flat.vmdk", "vmware.log"} {
			if _, err := os.Stat(filepath.Join(c.data, "datastore1", "hello", name)); err != nil {
				t.Error(err)
			}
		}
	})

	pid := c.qemu("hello")
	c.story("a killed service loses nothing", func(t *testing.T) {
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

	c.story("a stopped service leaves machines alone", func(t *testing.T) {
		before := c.inventory()
		c.signal(syscall.SIGINT)
		if now := c.qemu("hello"); now != pid {
			t.Fatalf("hello runs as process %d, and did as %d", now, pid)
		}
		c.up()
		if now := c.qemu("hello"); now != pid {
			t.Errorf("hello runs as process %d, and did as %d", now, pid)
		}
		c.client().Await(t, "hello", "has its address again", client.HasAddress) // its host asks the guest anew
		if diff := cmp.Diff(before, c.inventory()); diff != "" {
			t.Errorf("the second start changed something (-before +after):\n%s", diff)
		}
	})

	c.story("only one service a folder", func(t *testing.T) {
		c.refused([]string{c.data, "runs on it already", "next: "}, "up", "--listen", "127.0.0.1:0")
		c.ok("vm", "list")
	})

	c.story("users elsewhere", func(t *testing.T) { usersElsewhere(t, c) })

	c.story("bad input", func(t *testing.T) {
		c.refused([]string{"slash", "next:"}, "vm", "create", "../x", "--image", "starter")
		c.refused([]string{"hello", "of this name already", "next:"}, "vm", "create", "hello", "--image", "starter")
		c.refused([]string{"memory", "next:"}, "vm", "create", "giant", "--memory", "900G", "--image", "starter")
		c.refused([]string{"powered on already"}, "vm", "start", "hello")
		c.refused([]string{"power it off first"}, "vm", "delete", "hello")
		c.refused([]string{"nobody"}, "vm", "get", "nobody")
	})

	c.story("a killed QEMU is a fault", func(t *testing.T) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		c.event("GeneralVmErrorEvent", "hello")
		if hello := c.machine("hello"); hello.PowerState != "poweredOff" {
			t.Errorf("hello is %s", hello)
		}
		if c.qemu("hello") != 0 {
			t.Error("somebody started hello again")
		}
	})

	c.story("power off, delete", func(t *testing.T) {
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

	c.story("the first login ends with its password", func(t *testing.T) {
		if _, complaint, code := c.run("a better password", "user", "password", "administrator", "--password-stdin"); code != 0 {
			t.Fatal(complaint)
		}
		until(t, "first-login.json is gone", func() bool {
			_, err := os.Stat(filepath.Join(c.data, "first-login.json"))
			return errors.Is(err, fs.ErrNotExist)
		})
		c.refused([]string{"initial login is gone", "HANOK_USERNAME"}, "vm", "list")
	})
}

// inventory returns everything that list commands show, by their nouns.
func (c *center) inventory() map[string][]map[string]any {
	c.t.Helper()
	all := map[string][]map[string]any{}
	for _, noun := range []string{"datacenter", "cluster", "host", "pool", "folder", "datastore", "image", "network", "vm", "user", "task"} {
		all[noun] = c.objects(noun)
	}
	// What each start measures and asks anew.
	for _, host := range all["host"] {
		delete(host, "hypervisor")
		delete(host, "revision")
	}
	for _, datastore := range all["datastore"] {
		delete(datastore, "freeBytes")
	}
	for _, vm := range all["vm"] {
		delete(vm, "revision")
	}
	return all
}

// usersElsewhere log in from machines that have nothing of the data center but what they were told.
func usersElsewhere(t *testing.T, c *center) {
	const secret = "what only bob knows"
	if _, complaint, code := c.run(secret+"\n", "user", "create", "bob", "--password-stdin"); code != 0 {
		t.Fatal(complaint)
	}
	server, ca := "HANOK_SERVER="+c.firstLogin().URL, "HANOK_CA="+filepath.Join(c.data, "ca.pem")
	bob := []string{server, ca, "HANOK_USERNAME=bob", "HANOK_PASSWORD=" + secret}
	if out, complaint, code := execute(t, bob, "", "vm", "list"); code != 0 || !strings.Contains(out, "hello") {
		t.Errorf("bob does not get in: %s%s", out, complaint)
	}
	refused(t, bob, []string{`hanok: vm stop "hello": `, "VirtualMachine.Interact.PowerOff"}, "vm", "stop", "hello")

	wrong := []string{`hanok: vm list: wrong user name or password`, "next: log in again"}
	refused(t, []string{server, ca, "HANOK_USERNAME=bob", "HANOK_PASSWORD=a guess"}, wrong, "vm", "list")
	refused(t, []string{server, "HANOK_INSECURE=1", "HANOK_USERNAME=nobody", "HANOK_PASSWORD=" + secret}, wrong, "vm", "list")
	refused(t, []string{server, "HANOK_USERNAME=bob", "HANOK_PASSWORD=" + secret},
		[]string{"its certificate is not one of a data center that is trusted here", "next: set HANOK_CA"}, "vm", "list")
	c.event("BadUsernameSessionEvent", `A login as \"bob\" failed`)
}
