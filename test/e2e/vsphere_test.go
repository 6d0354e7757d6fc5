package e2e

import (
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"hanok/internal/testhost"
)

// TestPyVmomi has Debian's pyVmomi, of version 6.7.1 of the API and strict about it, read the whole inventory, and start and stop a real guest.
func TestPyVmomi(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up("--hello=false")
	c.ok("vm", "create", "web", "--image", "starter", "--memory", "128M", "--network", "VM Network")
	login := c.firstLogin()
	u, err := url.Parse(login.URL)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/vsphere.py", u.Hostname(), u.Port(), login.User, login.Password).CombinedOutput()
	text := string(out)
	t.Log("\n" + text)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"urn:vim25/6.7.1", "vim.VirtualMachine ['web']", "disks ['Hard disk 1']", "the guest has an address", "refused: poweredOn", "off: success poweredOff",
		"not there yet: CreateSnapshot"} {
		if !strings.Contains(text, want) {
			t.Errorf("it did not say %q", want)
		}
	}
}
