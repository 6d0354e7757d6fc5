package netns

import (
	"syscall"
	"testing"
)

// TestDeployElsewhere deploys a template on another host, whose agent dies in the middle of the copy.
func TestDeployElsewhere(t *testing.T) {
	site := New(t)
	c := NewCenter(site.Machine("manager"))
	for _, name := range []string{"alpha", "beta"} {
		c.Join(site.Machine(name))
	}
	c.CreateGuest("golden", "alpha")
	c.AwaitGuest("golden", "")
	c.Manager.Hanok("vm", "stop", "golden")
	c.Manager.Hanok("vm", "template", "golden")
	c.Manager.Hanok("vm", "clone", "golden", "web", "--host", "beta", "--thick", "--async")
	c.Agents["beta"].Signal(syscall.SIGKILL)
	c.AwaitHost("beta", "notResponding")
	c.StartAgent("beta")
	c.AwaitHost("beta", "connected")
	c.Manager.Await("the copy", func(out string) bool { return c.rows(out)["web"].PowerState == "poweredOff" }, "vm", "list", "-o", "json")
	c.Manager.Hanok("vm", "start", "web")
	c.AwaitGuest("web", "")
	if pids := c.Hosts["beta"].Pids(QEMU); len(pids) != 1 {
		t.Errorf("beta runs %d guests", len(pids))
	}
}
