package e2e

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"hanok/api/hanok/v1"
	"hanok/internal/testhost"
	"hanok/test/client"
	"hanok/test/guest"
)

// TestGuest is the life of one machine whose guest its users work with.
func TestGuest(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up()
	cl := c.client()
	stale := cl.Ticket(t, "hello", "serial")

	c.story("what the guest says of itself", func(t *testing.T) { guestInfo(t, c) })
	c.story("serial console", func(t *testing.T) { serialConsole(t, c, cl) })
	c.story("screen", func(t *testing.T) { screen(t, c, cl) })
	c.story("suspend", func(t *testing.T) { suspend(t, c, cl) })
	c.story("reboot and reset", func(t *testing.T) { rebootAndReset(t, c, cl) })
	c.story("guests that do not obey", func(t *testing.T) { disobey(t, c, cl) })
	c.story("shutdown", func(t *testing.T) { shutdown(t, c, cl) })
	c.story("a ticket expires", func(t *testing.T) { expire(t, cl, stale) })
}

func guestInfo(t *testing.T, c *center) {
	var vm struct {
		PowerState, Hostname, GuestOS, Host string
		Addresses                           []string
		AgentRunning                        bool
	}
	out := c.ok("vm", "get", "hello", "-o", "json")
	if err := json.Unmarshal([]byte(out), &vm); err != nil {
		t.Fatal(err)
	}
	if !vm.AgentRunning || vm.Hostname != "hello" || !strings.HasPrefix(vm.GuestOS, "Hanok Starter (Linux ") ||
		len(vm.Addresses) != 1 || vm.Addresses[0] != "10.0.2.15" {
		t.Errorf("the guest is %+v in\n%s", vm, out)
	}
	for _, want := range []string{"Hostname:", "hello", "Hanok Starter (Linux ", "10.0.2.15"} {
		if out := c.ok("vm", "get", "hello"); !strings.Contains(out, want) {
			t.Errorf("vm get does not show %q:\n%s", want, out)
		}
	}
}

// suspend takes the power of a machine, whose guest does not notice.
func suspend(t *testing.T, c *center, cl *client.Client) {
	const count = "cat /tmp/count"
	term := guest.Open(t, cl, "hello")
	term.Run("(i=0; while :; do i=$((i+1)); echo $i >/tmp/count.new; mv /tmp/count.new /tmp/count; sleep 0.05; done) >/dev/null 2>&1 & true")
	boot := term.Run(guest.BootID)
	before := number(t, term.Run("until cat /tmp/count 2>/dev/null; do :; done"))

	c.ok("vm", "suspend", "hello")
	term.Ended()
	if vm := c.machine("hello"); vm.PowerState != "suspended" || len(vm.Addresses) != 0 {
		t.Errorf("hello is %s", vm)
	}
	if pid := c.qemu("hello"); pid != 0 {
		t.Errorf("process %d executes a suspended machine", pid)
	}
	c.refused([]string{"not powered on"}, "vm", "suspend", "hello")
	c.refused([]string{"not powered on", "power it on first"}, "vm", "reset", "hello")

	c.ok("vm", "start", "hello")
	term = guest.Open(t, cl, "hello")
	if now := term.Run(guest.BootID); now != boot {
		t.Errorf("the guest has booted anew: %s, and was %s", now, boot)
	}
	after := number(t, term.Run(count))
	if after < before {
		t.Errorf("the guest has counted to %d, and had to %d", after, before)
	}
	for number(t, term.Run(count)) <= after { // it counts on
	}
	cl.Await(t, "hello", "has its address again", client.HasAddress)
}

// rebootAndReset boot the guest anew in the same process, once with its consent.
func rebootAndReset(t *testing.T, c *center, cl *client.Client) {
	pid := c.qemu("hello")
	term := guest.Open(t, cl, "hello")
	boot := term.Run(guest.BootID)
	term.Run("echo kept >/data/kept") // not synced: a guest that is asked to reboot does so
	for _, verb := range []string{"reboot", "reset"} {
		c.ok("vm", verb, "hello")
		term.Login()
		now := term.Run(guest.BootID)
		if now == boot {
			t.Errorf("the guest was not booted by %s: it is still %s", verb, now)
		}
		boot = now
		if text := term.Run("cat /data/kept"); text != "kept" {
			t.Errorf("after a %s the guest's disk has %q", verb, text)
		}
	}
	if now := c.qemu("hello"); now != pid || pid == 0 {
		t.Errorf("hello runs as process %d, and did as %d", now, pid)
	}
	c.event("VmResettingEvent", "hello")
	c.event("VmGuestRebootEvent", "hello")
	cl.Await(t, "hello", "has its address again", client.HasAddress)
}

// disobey asks guests that don't do as they are told: the user hears how far it went.
func disobey(t *testing.T, c *center, cl *client.Client) {
	term := guest.Open(t, cl, "hello")
	term.Run(`mv /sbin/shutdown /sbin/shutdown.true; printf '#!/bin/sh\n' >/sbin/shutdown; chmod +x /sbin/shutdown`)
	c.refused([]string{`hanok: vm shutdown "hello": its guest has accepted the shutdown `, "ago and still runs",
		"next: look at its console, give it more time, or use power off or reset"}, "vm", "shutdown", "hello", "--timeout", "5s")
	if vm := c.machine("hello"); vm.PowerState != "poweredOn" {
		t.Errorf("hello is %s", vm)
	}
	term.Run("mv /sbin/shutdown.true /sbin/shutdown")

	// Whether the manager knows already that the agent is dumb or has to find out, nothing was asked of the guest.
	term.Run("kill -STOP $(pidof qemu-ga)")
	c.refused([]string{"no guest agent answer", "power off or reset"}, "vm", "shutdown", "hello", "--timeout", "2s")
	term.Run("kill -CONT $(pidof qemu-ga)")
	cl.Await(t, "hello", "has its address again", client.HasAddress)

	term.Run("kill -STOP $(pidof agent); kill $(pidof qemu-ga)")
	cl.Await(t, "hello", "has no agent", func(vm *hanokv1.VirtualMachine) bool { return !vm.AgentRunning })
	c.refused([]string{"no guest agent answers in it", "next: install and start qemu-guest-agent in the guest, or use power off or reset"},
		"vm", "shutdown", "hello")
	term.Run("kill -CONT $(pidof agent)")
	cl.Await(t, "hello", "has its address again", client.HasAddress)
}

// shutdown lets the guest put everything in order before its power goes.
func shutdown(t *testing.T, c *center, cl *client.Client) {
	term := guest.Open(t, cl, "hello")
	term.Run("echo written late >/data/late")
	c.ok("vm", "shutdown", "hello")
	term.Ended()
	if vm := c.machine("hello"); vm.PowerState != "poweredOff" || c.qemu("hello") != 0 {
		t.Errorf("hello is %s, process %d", vm, c.qemu("hello"))
	}
	c.event("VmPoweredOffEvent", "shut down by its guest")
	c.ok("vm", "start", "hello")
	term = guest.Open(t, cl, "hello")
	term.Login()
	if text := term.Run("cat /data/late"); text != "written late" {
		t.Errorf("after the shutdown the guest's disk has %q", text)
	}
	// A guest that goes down by itself is followed, not brought back.
	term.Enter("poweroff")
	cl.Await(t, "hello", "is off", func(vm *hanokv1.VirtualMachine) bool { return vm.PowerState == "poweredOff" })
	c.event("VmPoweredOffEvent", "powered off by its guest")
}

// number reads a number that a guest has printed.
func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
