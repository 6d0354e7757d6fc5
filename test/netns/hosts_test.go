package netns

import (
	"slices"
	"strings"
	"syscall"
	"testing"
)

// One data center on four machines, through what goes wrong with machines.
func TestHosts(t *testing.T) {
	site := New(t)
	c := NewCenter(site.Machine("manager"))
	booted := map[string]string{}
	for _, name := range []string{"alpha", "beta", "gamma"} {
		c.Join(site.Machine(name))
		c.CreateGuest("on-"+name, name)
	}
	for name := range c.Hosts {
		booted[name] = c.AwaitGuest("on-"+name, "")
	}
	alpha, beta, gamma := c.Hosts["alpha"], c.Hosts["beta"], c.Hosts["gamma"]
	guests := func(m *Machine) []int { return m.Pids(QEMU) }
	before := map[*Machine][]int{alpha: guests(alpha), beta: guests(beta), gamma: guests(gamma)}
	for m, pids := range before {
		if len(pids) != 1 {
			t.Fatalf("%s runs %d guests, want 1", m.Name, len(pids))
		}
	}
	undisturbed := func(machines ...*Machine) {
		t.Helper()
		for _, m := range machines {
			if now := guests(m); !slices.Equal(now, before[m]) {
				t.Errorf("the guests of %s were %v and are %v", m.Name, before[m], now)
			}
		}
	}

	// The manager dies. Guests run on, and the hosts come back to the one that follows.
	c.Service.Signal(syscall.SIGKILL)
	undisturbed(alpha, beta, gamma)
	c.StartManager()
	for name := range c.Hosts {
		c.AwaitHost(name, "connected")
	}
	undisturbed(alpha, beta, gamma)

	// A host's cable is out: it is said, its guest runs on, and what is asked of it fails at once or waits as it says.
	alpha.Cut()
	c.AwaitHost("alpha", "notResponding")
	if out, complaint, err := c.Manager.Try("vm", "stop", "on-alpha"); err == nil || !strings.Contains(complaint, `host "alpha": it is not connected`) {
		t.Errorf("stopping a machine of a host that is cut off: %v\n%s%s", err, out, complaint)
	}
	undisturbed(alpha)
	alpha.Plug()
	c.AwaitHost("alpha", "connected")
	undisturbed(alpha)
	c.Manager.Hanok("vm", "stop", "on-alpha")
	c.Manager.Hanok("vm", "start", "on-alpha")

	// A host's agent is killed: the next one finds the guest.
	c.Agents["beta"].Signal(syscall.SIGKILL)
	c.AwaitHost("beta", "notResponding")
	undisturbed(beta)
	c.StartAgent("beta")
	c.AwaitHost("beta", "connected")
	undisturbed(beta)

	// An agent stands still until it is taken for lost, and goes on.
	c.Agents["beta"].Signal(syscall.SIGSTOP)
	c.AwaitHost("beta", "notResponding")
	undisturbed(beta)
	c.Agents["beta"].Signal(syscall.SIGCONT)
	c.AwaitHost("beta", "connected")
	undisturbed(beta)

	// So does the manager, until its hosts have given it up.
	c.Service.Signal(syscall.SIGSTOP)
	gamma.AwaitLog("TLS handshake timeout") // of a connection that it tries after it gave up the first
	c.Service.Signal(syscall.SIGCONT)
	c.Manager.Hanok("vm", "create", "afterward", "--host", "gamma", "--disk", "1M", "--memory", "32M")
	c.Manager.Hanok("vm", "delete", "afterward")
	undisturbed(beta, gamma)

	// A host loses its power while the manager is away, and starts its machine again by itself.
	c.Service.Signal(syscall.SIGKILL)
	gamma.PowerOff()
	gamma.PowerOn()
	c.BeginAgent("gamma")
	gamma.AwaitProcess(QEMU)
	c.StartManager()
	c.AwaitHost("gamma", "connected")
	c.AwaitGuest("on-gamma", booted["gamma"])

	// Out of service and gone.
	c.Manager.Hanok("vm", "shutdown", "on-gamma")
	c.Manager.Hanok("host", "enter-maintenance", "gamma")
	if out := c.Manager.Hanok("vm", "create", "anywhere", "--memory", "64M"); strings.Contains(out, "gamma") {
		t.Errorf("a machine was placed on a host in maintenance: %s", out)
	}
	c.Manager.Hanok("vm", "delete", "on-gamma")
	c.Manager.Hanok("host", "remove", "gamma")
	if left := c.Rows("host"); len(left) != 2 {
		t.Errorf("the hosts are %v, want alpha and beta", left)
	}
	undisturbed(beta)
}
