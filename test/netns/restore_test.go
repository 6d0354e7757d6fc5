package netns

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A manager that is restored from a backup knows nothing of what came after it. No guest notices; what its hosts have and it does not
// know is adopted, what it knows and they have no more is said to be missing, and nothing old is done again.
func TestRestore(t *testing.T) {
	s := New(t)
	c := NewCenter(s.Machine("manager"))
	m, file := c.Manager, filepath.Join(t.TempDir(), "backup")
	small := func(name, host string) {
		t.Helper()
		m.Hanok("vm", "create", name, "--host", host, "--disk", "16M", "--memory", "32M", "--network", "VM Network", "--power-on")
	}
	power := func(name string) string { return c.Rows("vm")[name].PowerState }

	alpha := s.Machine("alpha")
	c.Join(alpha)
	c.CreateGuest("guest", "alpha")
	for _, name := range []string{"gone", "off-since", "on-since"} {
		small(name, "alpha")
	}
	m.Hanok("vm", "stop", "on-since")
	m.Hanok("backup", file)

	m.Hanok("vm", "start", "on-since")
	m.Hanok("vm", "stop", "off-since")
	m.Hanok("vm", "stop", "gone")
	m.Hanok("vm", "delete", "gone")
	small("later", "alpha")
	gamma := s.Machine("gamma")
	c.Join(gamma)
	small("on-gamma", "gamma")
	c.AwaitGuest("guest", "")
	before := map[*Machine][]int{alpha: alpha.Pids(QEMU), gamma: gamma.Pids(QEMU)}
	undisturbed := func() {
		t.Helper()
		for m, pids := range before {
			if now := m.Pids(QEMU); !slices.Equal(now, pids) {
				t.Fatalf("the machines of %s were the processes %v and are %v", m.Name, pids, now)
			}
		}
	}
	if len(before[alpha]) != 3 || len(before[gamma]) != 1 {
		t.Fatalf("machines run as the processes %v", before)
	}

	c.Service.Signal(syscall.SIGKILL)
	m.Hanok("restore", file)
	c.StartManager()
	c.AwaitHost("alpha", "connected")
	m.Await("orphan", func(out string) bool { return strings.Contains(out, "later") }, "vm", "orphans")
	c.AwaitGuest("guest", "")
	undisturbed()
	for name, want := range map[string]string{"guest": "poweredOn", "on-since": "poweredOn", "off-since": "poweredOff"} {
		if got := power(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}

	// A machine that was made since runs on, and is this data center's again.
	m.Hanok("vm", "adopt", "later")
	undisturbed()
	if got := power("later"); got != "poweredOn" {
		t.Errorf("an adopted machine is %q, and it runs", got)
	}
	for _, name := range []string{"later", "on-since", "guest"} {
		m.Hanok("vm", "stop", name)
		m.Hanok("vm", "start", name)
	}
	before[alpha] = alpha.Pids(QEMU)
	if len(before[alpha]) != 3 {
		t.Errorf("machines of alpha run as the processes %v", before[alpha])
	}

	// One that was deleted since is not made anew.
	if out, complaint, err := m.Try("vm", "start", "gone"); err == nil || !strings.Contains(complaint, "its files are missing") {
		t.Errorf("starting a machine whose files are gone: %v\n%s%s", err, out, complaint)
	}
	m.Hanok("vm", "delete", "gone")

	// A host that has joined since is unknown. It joins again, and its machine is adopted, on the datastore that is there.
	c.Agents["gamma"].Signal(syscall.SIGKILL)
	c.Join(gamma)
	m.Await("orphan", func(out string) bool { return strings.Contains(out, "on-gamma") }, "vm", "orphans")
	undisturbed()
	m.Hanok("vm", "adopt", "on-gamma")
	m.Await("power of on-gamma", func(out string) bool { return c.rows(out)["on-gamma"].PowerState == "poweredOn" }, "vm", "list", "-o", "json")
	undisturbed()
	c.Agents["gamma"].Signal(syscall.SIGKILL)
	c.StartAgent("gamma")
	c.AwaitHost("gamma", "connected")
	undisturbed()
	m.Hanok("doctor", "--deep")
	for _, name := range []string{"later", "on-gamma"} {
		m.Hanok("vm", "reset", name)
		m.Hanok("vm", "stop", name)
		m.Hanok("vm", "start", name)
		m.Hanok("vm", "stop", name)
		m.Hanok("vm", "delete", name)
	}
	if left := gamma.Pids(QEMU); len(left) > 0 {
		t.Errorf("gamma runs the processes %v", left)
	}
	m.Hanok("doctor", "--deep")
}
