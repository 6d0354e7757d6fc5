package netns

import (
	"encoding/json"

	"hanok/test/client"
)

// QEMU is the name of the processes that execute machines; see Pids.
const QEMU = "qemu-system-x86"

// Center is a data center with a manager and hosts on machines of their own. Its methods are for one goroutine at a time.
type Center struct {
	// Manager is the machine that the manager runs on, and Service the manager that was started last.
	Manager *Machine
	Service *Service
	// Hosts are the machines that are hosts, and Agents what was started on them last, by the names of the machines.
	Hosts  map[string]*Machine
	Agents map[string]*Service
}

// NewCenter starts a data center whose manager runs on the machine. It has no host yet.
func NewCenter(manager *Machine) *Center {
	manager.s.t.Helper()
	c := &Center{Manager: manager, Hosts: map[string]*Machine{}, Agents: map[string]*Service{}}
	c.StartManager()
	return c
}

// StartManager starts the manager, on the state that an earlier one has left, and returns when it is ready.
func (c *Center) StartManager() {
	c.Manager.s.t.Helper()
	c.BeginManager()
	c.Service.Ready()
}

// BeginManager is StartManager that does not wait.
func (c *Center) BeginManager() {
	c.Manager.s.t.Helper()
	c.Service = c.Manager.Start("", "manager", "run", "--listen", c.Manager.Address+":443", "--image-packages", c.Manager.s.ImagePackages())
}

// Join makes the machine a host with a datastore, which is called "ds-" and the machine's name.
func (c *Center) Join(m *Machine) {
	m.s.t.Helper()
	c.Hosts[m.Name] = m
	token := c.Manager.Hanok("host", "token")
	c.Agents[m.Name] = m.Serve(token, "host", "join", "--manager", c.Service.URL, "--token-stdin")
	c.Manager.Hanok("datastore", "create", "ds-"+m.Name, "--host", m.Name, "--path", m.Data+"/datastore1")
	c.Manager.Await("datastore of "+m.Name, func(out string) bool { return c.rows(out)["ds-"+m.Name].Accessible }, "datastore", "list", "-o", "json")
}

// StartAgent starts the agent of a host, on the state that an earlier one has left, and returns when it is ready.
func (c *Center) StartAgent(host string) {
	c.Manager.s.t.Helper()
	c.BeginAgent(host)
	c.Agents[host].Ready()
}

// BeginAgent is StartAgent that does not wait.
func (c *Center) BeginAgent(host string) {
	c.Manager.s.t.Helper()
	c.Agents[host] = c.Hosts[host].Start("", "host", "run")
}

// CreateGuest makes a machine with the starter image on a host and gives it power. AwaitGuest waits for its guest.
func (c *Center) CreateGuest(name, host string) {
	c.Manager.s.t.Helper()
	c.Manager.Hanok("vm", "create", name, "--host", host, "--image", "starter", "--memory", "128M", "--network", "VM Network", "--power-on")
}

// Client logs in as the first user, with the initial password, from this program's own place on the switch.
func (c *Center) Client() *client.Client {
	c.Manager.s.t.Helper()
	return client.New(c.Manager.s.t, c.Manager.Path(c.Manager.Data))
}

// Row is a row of `vm list`, `host list` or `datastore list`.
type Row struct {
	Name, PowerState, Connection, Booted string
	Addresses                            []string
	Accessible                           bool
}

// Rows returns what a list shows, by the names.
func (c *Center) Rows(noun string) map[string]Row {
	c.Manager.s.t.Helper()
	return c.rows(c.Manager.Hanok(noun, "list", "-o", "json"))
}

func (c *Center) rows(list string) map[string]Row {
	c.Manager.s.t.Helper()
	var all []Row
	if err := json.Unmarshal([]byte(list), &all); err != nil {
		c.Manager.s.t.Fatalf("%v in %s", err, list)
	}
	named := map[string]Row{}
	for _, r := range all {
		named[r.Name] = r
	}
	return named
}

// AwaitHost waits for a state of a host's connection.
func (c *Center) AwaitHost(name, connection string) {
	c.Manager.s.t.Helper()
	c.Manager.Await("host "+name+" "+connection, func(out string) bool { return c.rows(out)[name].Connection == connection },
		"host", "list", "-o", "json")
}

// AwaitGuest waits until a machine's guest says where it is, after another boot than that at the time before, and returns the
// time of that boot.
func (c *Center) AwaitGuest(name, before string) (booted string) {
	c.Manager.s.t.Helper()
	c.Manager.Await("guest in "+name, func(out string) bool {
		r := c.rows(out)[name]
		booted = r.Booted
		return r.PowerState == "poweredOn" && len(r.Addresses) > 0 && booted != before
	}, "vm", "list", "-o", "json")
	return booted
}
