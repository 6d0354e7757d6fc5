package upgrade

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hanok/test/netns"
)

// From the version before to this one, back, and forward again.
func TestUpgrade(t *testing.T) {
	c := newCenter(t, "alpha", "beta")
	c.createUser("reader")
	c.Manager.Hanok("vm", "create", "idle", "--host", "alpha", "--memory", "32M", "--disk", "8M")
	c.work()
	before := c.content()

	// A task is under way while the manager is replaced: a host is being emptied.
	c.Manager.Hanok("vm", "create", "last", "--host", "beta", "--memory", "32M", "--power-on")
	c.guests[1].pids = c.Hosts["beta"].Pids(netns.QEMU)
	emptying := c.taskOf(c.Manager.Hanok("host", "enter-maintenance", "beta", "--async", "-o", "json"))
	c.replaceManager(c.next)
	c.undisturbed()
	if state := c.state(emptying); state != "running" {
		t.Errorf("the task that was running is %s", state)
	}
	c.Manager.Hanok("vm", "stop", "last")
	c.Manager.Hanok("vm", "delete", "last")
	c.guests[1].pids = c.Hosts["beta"].Pids(netns.QEMU)
	c.Manager.Hanok("task", "cancel", emptying)
	if _, complaint, err := c.Manager.Try("task", "wait", emptying); err == nil || !strings.Contains(complaint, "canceled") {
		t.Errorf("the task that was canceled: %v, %s", err, complaint)
	}

	// The hosts may stay as they are, and everything works on them; it is said.
	c.work()
	c.holds(before)
	if warnings := c.differing(); len(warnings) != 2 {
		t.Errorf("doctor warns of %q, and both hosts run another version", warnings)
	}
	c.Manager.Program = c.previous // and so may the programs of those who use it
	c.Manager.Hanok("vm", "create", "old-client", "--memory", "32M", "--power-on")
	c.Manager.Hanok("vm", "stop", "old-client")
	c.Manager.Hanok("vm", "delete", "old-client")
	c.Manager.Program = c.next

	c.replaceAgent("alpha", c.next)
	c.undisturbed()
	if warnings := c.differing(); len(warnings) != 1 || !strings.Contains(warnings[0], `"beta"`) {
		t.Errorf("doctor warns of %q, and beta runs another version", warnings)
	}
	c.replaceAgent("beta", c.next)
	c.undisturbed()
	c.work()
	if warnings := c.differing(); len(warnings) != 0 {
		t.Errorf("doctor warns of %q, and all run one version", warnings)
	}
	c.holds(before)

	// Somebody starts what was there before, by mistake or because it was better: it works, or it says why not.
	c.back(c.Manager, c.Service, "manager", "run", "--listen", c.Manager.Address+":443")
	c.StartManager()
	c.AwaitHost("beta", "connected")
	c.back(c.Hosts["beta"], c.Agents["beta"], "host", "run")
	c.StartAgent("beta")
	for name := range c.Hosts {
		c.AwaitHost(name, "connected")
	}
	c.undisturbed()
	c.work()
	c.holds(before)
	for _, w := range c.guests {
		w.log.Verify()
	}
}

// back starts the version before in the place of a service, and ends it.
func (c *center) back(m *netns.Machine, service *netns.Service, args ...string) {
	c.Helper()
	service.Signal(syscall.SIGTERM)
	m.Program = c.previous
	old := m.Start("", args...)
	complaint, ready := old.Settled()
	if ready {
		c.Logf("the version before works on %s", m.Name)
		old.Signal(syscall.SIGTERM)
	} else {
		c.Logf("the version before is refused on %s: %s", m.Name, complaint)
		if !strings.Contains(complaint, "\n  next: ") || !slices.ContainsFunc([]string{"format", "newer"}, func(s string) bool { return strings.Contains(complaint, s) }) {
			c.Errorf("%s does not say that %s was written by a newer program and what to do: %s", c.previous, m.Data, complaint)
		}
	}
	m.Program = c.next
}

// taskOf returns the ID of a task that was printed as JSON.
func (c *center) taskOf(out string) string {
	c.Helper()
	var task object
	if err := json.Unmarshal([]byte(out), &task); err != nil {
		c.Fatalf("%v in %s", err, out)
	}
	return task["id"].(string)
}

// state returns the state of a task.
func (c *center) state(task string) string {
	c.Helper()
	var o object
	if err := json.Unmarshal([]byte(c.Manager.Hanok("task", "get", task, "-o", "json")), &o); err != nil {
		c.Fatal(err)
	}
	return o["state"].(string)
}

// A host that is its own manager's: both are replaced at once.
func TestUpgradeTogether(t *testing.T) {
	site := netns.New(t)
	m := site.Machine("single")
	m.Program = previousProgram(t, site)
	start := func() *netns.Service {
		return m.Serve("", "up", "--listen", m.Address+":443", "--image-packages", site.ImagePackages())
	}
	service := start()
	guests := m.Pids(netns.QEMU)
	hello := func() (o object) {
		t.Helper()
		if err := json.Unmarshal([]byte(m.Hanok("vm", "get", "hello", "-o", "json")), &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	was := hello()
	service.Signal(syscall.SIGTERM)
	m.Program = site.Program
	start()
	if now := m.Pids(netns.QEMU); len(guests) != 1 || !slices.Equal(now, guests) {
		t.Errorf("the guests were the processes %v and are %v", guests, now)
	}
	if is := hello(); was["booted"] == nil || is["booted"] != was["booted"] || is["powerState"] != "poweredOn" {
		t.Errorf("the machine was %v and is %v", was, is)
	}
	if out := m.Hanok("host", "list", "-o", "json"); !strings.Contains(out, `"version": "`+versionOf(t, site.Program)+`"`) {
		t.Errorf("the host is not of this version: %s", out)
	}
}
