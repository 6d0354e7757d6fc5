package upgrade

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hanok/api/hanok/v1"
	"hanok/test/client"
	"hanok/test/guest"
	"hanok/test/netns"
)

// center is a data center whose programs are replaced.
type center struct {
	*testing.T
	*netns.Center
	client *client.Client
	// previous and next are the programs.
	previous, next string
	guests         []*witness
}

// witness is a machine that has to notice nothing: its guest writes a log.
type witness struct {
	name string
	host *netns.Machine
	pids []int // of all QEMUs on the host
	log  *guest.Log
}

// newCenter starts a data center of the version before, with hosts of these names and a witness on each.
func newCenter(t *testing.T, hosts ...string) *center {
	site := netns.New(t)
	c := &center{T: t, previous: previousProgram(t, site), next: site.Program}
	site.Program = c.previous
	c.Center = netns.NewCenter(site.Machine("manager"))
	c.client = c.Client()
	for _, name := range hosts {
		c.Join(site.Machine(name))
		c.CreateGuest("on-"+name, name)
	}
	for _, name := range hosts {
		c.AwaitGuest("on-"+name, "")
		w := &witness{name: "on-" + name, host: c.Hosts[name], pids: c.Hosts[name].Pids(netns.QEMU)}
		w.log = guest.StartLog(guest.Open(t, c.client, w.name), w.name)
		c.guests = append(c.guests, w)
	}
	return c
}

// previousProgram returns the program that scripts/previous has built.
func previousProgram(t *testing.T, site *netns.Site) string {
	t.Helper()
	program := filepath.Join(filepath.Dir(site.ImagePackages()), "previous", "bin", "hanok")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v: run scripts/previous first, or make test", err)
	}
	t.Logf("from %s to %s", versionOf(t, program), versionOf(t, site.Program))
	return program
}

// versionOf returns what a program says that its version is.
func versionOf(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.Command(program, "version").Output()
	if err != nil {
		t.Fatalf("%s version: %v", program, err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "hanok ")
}

// replaceManager ends the manager as its administrator does, and starts the program in its place.
func (c *center) replaceManager(program string) {
	c.Helper()
	c.Service.Signal(syscall.SIGTERM)
	c.Manager.Program = program
	c.StartManager()
	for name := range c.Hosts {
		c.AwaitHost(name, "connected")
	}
}

// replaceAgent ends the agent of a host as its administrator does, and starts the program in its place.
func (c *center) replaceAgent(host, program string) {
	c.Helper()
	c.Agents[host].Signal(syscall.SIGTERM)
	c.Hosts[host].Program = program
	c.StartAgent(host)
	c.AwaitHost(host, "connected")
}

// undisturbed checks that the witnesses are the same processes and write on.
func (c *center) undisturbed() {
	c.Helper()
	for _, w := range c.guests {
		if now := w.host.Pids(netns.QEMU); !slices.Equal(now, w.pids) {
			c.Errorf("the guests of %s were the processes %v and are %v", w.host.Name, w.pids, now)
		}
		w.log.Reattach(guest.Open(c.T, c.client, w.name), false)
		w.log.Progress()
	}
}

// work does on each host what its users do, and leaves nothing.
func (c *center) work() {
	c.Helper()
	for host := range c.Hosts {
		name := "work-on-" + host
		c.Manager.Hanok("vm", "create", name, "--host", host, "--image", "starter", "--memory", "64M", "--network", "VM Network", "--power-on")
		// What the guest says comes before its reset: one in the first instructions of SeaBIOS may halt it, without Hanok too.
		console := c.client.Console(c.T, name, "serial")
		_ = console.SetReadDeadline(time.Now().Add(time.Minute)) // which it can
		if _, err := console.Read(make([]byte, 1)); err != nil {
			out, _, _ := c.Manager.Try("vm", "get", name)
			c.Errorf("the console of %s: %v\n%s%s", name, err, out, c.Hosts[host].Log())
		}
		c.Manager.Hanok("vm", "reset", name)
		c.Manager.Hanok("vm", "screenshot", name, "-f", filepath.Join(c.TempDir(), "screen.png"))
		c.Manager.Hanok("vm", "suspend", name)
		c.Manager.Hanok("vm", "start", name)
		c.Manager.Hanok("vm", "stop", name)
		c.Manager.Hanok("vm", "delete", name)
	}
}

// object is one of a list that a command prints as JSON.
type object map[string]any

// nouns are what there are lists of.
var nouns = []string{"datacenter", "folder", "cluster", "pool", "host", "datastore", "network", "image", "user", "vm", "task", "event"}

// moving are the fields that change by themselves, or with the version of a host.
var moving = []string{"revision", "freeBytes", "version", "hypervisor", "maintenance", "connection"}

// content returns everything that lists show, by its ID. Tasks that have not ended are left out.
func (c *center) content() map[string]object {
	c.Helper()
	all := map[string]object{}
	for _, noun := range nouns {
		args := []string{noun, "list", "-o", "json"}
		if noun == "event" {
			args = append(args, "--limit", "10000")
		}
		var list []object
		if err := json.Unmarshal([]byte(c.Manager.Hanok(args...)), &list); err != nil {
			c.Fatalf("%s list: %v", noun, err)
		}
		for _, o := range list {
			if noun != "task" || o["completed"] != nil {
				all[o["id"].(string)] = o
			}
		}
	}
	return all
}

// says reports whether a newer value says all that an older one did: there may be fields in it that the older program did not know.
func says(is, was any) bool {
	switch was := was.(type) {
	case map[string]any:
		is, ok := is.(map[string]any)
		for field, value := range was {
			ok = ok && says(is[field], value)
		}
		return ok
	case []any:
		is, ok := is.([]any)
		return ok && slices.EqualFunc(is, was, says)
	}
	return reflect.DeepEqual(is, was)
}

// holds checks that all of an earlier content is still there, as it was.
func (c *center) holds(before map[string]object) {
	c.Helper()
	now := c.content()
	for id, was := range before {
		is, ok := now[id]
		if !ok {
			c.Errorf("%s (%v) is gone", id, was["name"])
			continue
		}
		for field, value := range was {
			if !slices.Contains(moving, field) && !says(is[field], value) {
				c.Errorf("%s: its %s was %v and is %v", id, field, value, is[field])
			}
		}
	}
}

// createUser creates a user that may read.
func (c *center) createUser(name string) {
	c.Helper()
	_, err := c.client.Users.CreateUser(context.Background(), &hanokv1.CreateUserRequest{Name: name, Password: "not used " + name, Role: "ReadOnly"})
	if err != nil {
		c.Fatal(err)
	}
}

// differing returns the warnings of doctor about hosts whose version is not the manager's.
func (c *center) differing() (warnings []string) {
	c.Helper()
	out, _, _ := c.Manager.Try("doctor") // which fails for what is no concern of this test
	for line := range strings.Lines(out) {
		if strings.Contains(line, "it runs hanok ") {
			warnings = append(warnings, line)
		}
	}
	return warnings
}
