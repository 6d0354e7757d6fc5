package netns

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const qemu = "qemu-system-x86"

// center is a data center with a manager and hosts on machines of their own.
type center struct {
	*testing.T
	manager *Machine
	service *Service
	hosts   map[string]*Machine
	agents  map[string]*Service
	// booted is when the machine of a host was powered on first.
	booted map[string]string
}

func (c *center) startManager() {
	c.Helper()
	c.service = c.manager.Serve("", "manager", "run", "--listen", c.manager.Address+":443", "--image-packages", c.manager.s.ImagePackages())
}

// row is a row of `vm list` or `host list`.
type row struct {
	Name, PowerState, Connection, Booted string
	Addresses                            []string
}

func rows(t *testing.T, out string) map[string]row {
	t.Helper()
	var all []row
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	named := map[string]row{}
	for _, r := range all {
		named[r.Name] = r
	}
	return named
}

// untilHost waits for a state of a host's connection.
func (c *center) untilHost(name, connection string) {
	c.Helper()
	c.manager.Await("host "+name+" "+connection, func(out string) bool { return rows(c.T, out)[name].Connection == connection },
		"host", "list", "-o", "json")
}

// untilGuest waits until a machine's guest says where it is, after another boot than that at the time before, and returns the
// time of that boot.
func (c *center) untilGuest(name, before string) (booted string) {
	c.Helper()
	c.manager.Await("guest in "+name, func(out string) bool {
		r := rows(c.T, out)[name]
		booted = r.Booted
		return r.PowerState == "poweredOn" && len(r.Addresses) > 0 && booted != before
	}, "vm", "list", "-o", "json")
	return booted
}

// newCenter makes a data center with the hosts of these names, each with a datastore and a machine named after it.
func newCenter(t *testing.T, names ...string) *center {
	s := New(t)
	c := &center{T: t, manager: s.Machine("manager"), hosts: map[string]*Machine{}, agents: map[string]*Service{}, booted: map[string]string{}}
	c.startManager()
	for _, name := range names {
		m := s.Machine(name)
		c.hosts[name] = m
		token := c.manager.Hanok("host", "token")
		c.agents[name] = m.Serve(token, "host", "join", "--manager", c.service.URL, "--token-stdin")
		c.manager.Hanok("datastore", "create", "ds-"+name, "--host", name, "--path", m.Data+"/datastore1")
		c.manager.Hanok("vm", "create", "on-"+name, "--host", name, "--image", "starter", "--memory", "128M", "--network", "VM Network", "--power-on")
	}
	for _, name := range names {
		c.booted[name] = c.untilGuest("on-"+name, "")
	}
	return c
}

// One data center on four machines, through what goes wrong with machines.
func TestHosts(t *testing.T) {
	c := newCenter(t, "alpha", "beta", "gamma")
	alpha, beta, gamma := c.hosts["alpha"], c.hosts["beta"], c.hosts["gamma"]
	guests := func(m *Machine) []int { return m.Pids(qemu) }
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
	c.service.Signal(syscall.SIGKILL)
	undisturbed(alpha, beta, gamma)
	c.startManager()
	for name := range c.hosts {
		c.untilHost(name, "connected")
	}
	undisturbed(alpha, beta, gamma)

	// A host's cable is out: it is said, its guest runs on, and what is asked of it fails at once or waits as it says.
	alpha.Cut()
	c.untilHost("alpha", "notResponding")
	if out, complaint, err := c.manager.Try("vm", "stop", "on-alpha"); err == nil || !strings.Contains(complaint, `host "alpha": it is not connected`) {
		t.Errorf("stopping a machine of a host that is cut off: %v\n%s%s", err, out, complaint)
	}
	undisturbed(alpha)
	alpha.Plug()
	c.untilHost("alpha", "connected")
	undisturbed(alpha)
	c.manager.Hanok("vm", "stop", "on-alpha")
	c.manager.Hanok("vm", "start", "on-alpha")

	// A host's agent is killed: the next one finds the guest.
	c.agents["beta"].Signal(syscall.SIGKILL)
	c.untilHost("beta", "notResponding")
	undisturbed(beta)
	c.agents["beta"] = beta.Serve("", "host", "run")
	c.untilHost("beta", "connected")
	undisturbed(beta)

	// A host loses its power while the manager is away, and starts its machine again by itself.
	c.service.Signal(syscall.SIGKILL)
	gamma.PowerOff()
	gamma.PowerOn()
	c.agents["gamma"] = gamma.Start("", "host", "run")
	gamma.AwaitProcess(qemu)
	c.startManager()
	c.untilHost("gamma", "connected")
	c.untilGuest("on-gamma", c.booted["gamma"])

	// Out of service and gone.
	c.manager.Hanok("vm", "shutdown", "on-gamma")
	c.manager.Hanok("host", "enter-maintenance", "gamma")
	if out := c.manager.Hanok("vm", "create", "anywhere", "--memory", "64M"); strings.Contains(out, "gamma") {
		t.Errorf("a machine was placed on a host in maintenance: %s", out)
	}
	c.manager.Hanok("vm", "delete", "on-gamma")
	c.manager.Hanok("host", "remove", "gamma")
	if left := rows(t, c.manager.Hanok("host", "list", "-o", "json")); len(left) != 2 {
		t.Errorf("the hosts are %v, want alpha and beta", left)
	}
	undisturbed(beta)
}
