package outage

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"hanok/test/guest"
	"hanok/test/netns"
)

// What a user looks at and asks for while a part of the data center is away.
var looks = [][]string{{"host", "list"}, {"vm", "list"}, {"datastore", "list"}}

// outage lets the time of HANOK_OUTAGE pass: without it, an outage lasts only until it is noticed.
func outage(t *testing.T) {
	t.Helper()
	if text := os.Getenv("HANOK_OUTAGE"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("HANOK_OUTAGE: %v", err)
		}
		time.Sleep(d)
	}
}

// The manager is dead, a host's cable is out, and a host has no power, while guests write; and then they are back. Nobody does
// anything but to start what was dead.
func TestAway(t *testing.T) {
	site := netns.New(t)
	c := netns.NewCenter(site.Machine("manager"))
	m := c.Manager
	hosts := []string{"alpha", "beta"}
	for _, name := range hosts {
		host := site.Machine(name)
		if name == "alpha" {
			onDisk(host, 2*gigabyte)
		}
		c.Join(host)
		c.CreateGuest("on-"+name, name)
	}
	cl := c.Client()
	logs, booted, pids := map[string]*guest.Log{}, map[string]string{}, map[string][]int{}
	for _, name := range hosts {
		booted[name] = c.AwaitGuest("on-"+name, "")
		logs[name] = guest.StartLog(guest.Open(t, cl, "on-"+name), "on-"+name)
		pids[name] = c.Hosts[name].Pids(netns.QEMU)
	}
	undisturbed := func(name string) {
		t.Helper()
		if now := c.Hosts[name].Pids(netns.QEMU); !slices.Equal(now, pids[name]) {
			t.Errorf("the guests of %s were %v and are %v", name, pids[name], now)
		}
	}
	s := newTranscript(t, "away")
	look := func() {
		for _, args := range looks {
			s.types(m, args...)
		}
		s.looksFor("^problem", m, "doctor")
	}

	s.chapter("All is well.")
	look()

	s.chapter("The manager is dead.")
	c.Service.Signal(syscall.SIGKILL)
	s.types(m, "vm", "list")
	s.types(m, "vm", "stop", "on-alpha")
	s.types(c.Hosts["alpha"], "vm", "list")
	outage(t)
	for _, name := range hosts {
		undisturbed(name)
	}

	s.chapter("The manager is started again.")
	c.StartManager()
	for _, name := range hosts {
		c.AwaitHost(name, "connected")
		undisturbed(name)
		logs[name].Reattach(guest.Open(t, cl, "on-"+name), false)
		logs[name].Progress()
	}
	look()
	s.looksFor("alpha", m, "event", "list", "--type", "!Alarm*", "--limit", "1000000")

	s.chapter("The cable of the host alpha is out.")
	c.Hosts["alpha"].Cut()
	c.AwaitHost("alpha", "notResponding")
	outage(t)
	look()
	s.types(m, "vm", "get", "on-alpha")
	s.types(m, "vm", "stop", "on-alpha")
	s.types(m, "vm", "reset", "on-alpha")
	s.types(m, "vm", "delete", "on-alpha")
	s.types(m, "vm", "create", "there", "--host", "alpha", "--memory", "64M")
	s.types(m, "vm", "create", "anywhere", "--memory", "64M")
	s.types(m, "host", "enter-maintenance", "alpha")
	s.types(m, "task", "list")
	undisturbed("alpha")
	logs["beta"].Progress()

	s.chapter("The cable is in again.")
	c.Hosts["alpha"].Plug()
	c.AwaitHost("alpha", "connected")
	undisturbed("alpha")
	logs["alpha"].Reattach(guest.Open(t, cl, "on-alpha"), false)
	logs["alpha"].Progress()
	look()
	s.looksFor("alpha", m, "event", "list", "--type", "!Alarm*", "--limit", "1000000")
	s.types(m, "vm", "create", "there", "--host", "alpha", "--memory", "64M")

	s.chapter("The host alpha has no power.")
	c.Hosts["alpha"].PowerLoss(1)
	logs["alpha"].Note()
	c.AwaitHost("alpha", "notResponding")
	outage(t)
	look()
	s.types(m, "vm", "stop", "on-alpha")

	s.chapter("The power is back, and the host boots.")
	c.Hosts["alpha"].PowerOn()
	c.StartAgent("alpha")
	c.AwaitHost("alpha", "connected")
	c.AwaitGuest("on-alpha", booted["alpha"])
	look()
	s.looksFor("alpha", m, "event", "list", "--type", "!Alarm*", "--limit", "1000000")
	logs["alpha"].Resume(guest.Open(t, cl, "on-alpha"))
	for _, name := range hosts {
		logs[name].Verify()
	}
}
