package e2e

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"syscall"
	"testing"

	"hanok/internal/testhost"
	"hanok/test/netns"
)

// TestDeepHosts lets the checker look at two hosts that are machines of their own.
func TestDeepHosts(t *testing.T) {
	testhost.Require(t)
	site := netns.New(t)
	c := netns.NewCenter(site.Machine("manager"))
	for _, name := range []string{"alpha", "beta"} {
		c.Join(site.Machine(name))
		c.CreateGuest("on-"+name, name)
	}
	for name := range c.Hosts {
		c.AwaitGuest("on-"+name, "")
	}
	expect := func(name string, want ...string) {
		t.Helper()
		out, complaint, err := c.Manager.Try("doctor", "--deep", "-o", "json")
		var all []deepCheck
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatalf("%v in %s%s", err, out, complaint)
		}
		var found []string
		for _, check := range all {
			if check.Promise != "" && check.Status != "ok" {
				found = append(found, fmt.Sprintf("%s %s %s", check.Status, check.Promise, check.Message))
			}
			if check.Promise == "executions" && check.Status == "ok" && len(want) == 0 && check.Examined != 2 {
				t.Errorf("%s: %d machines were examined, want 2", name, check.Examined)
			}
		}
		bad := len(found) != len(want) || (err != nil) != (len(want) > 0)
		for i := range min(len(want), len(found)) {
			bad = bad || !strings.HasPrefix(found[i], want[i])
		}
		if bad {
			t.Errorf("%s: found %q (%v), want %q", name, found, err, want)
		}
	}
	expect("healthy")

	beta := c.Hosts["beta"]
	uuid := strings.TrimSpace(run(t, c.Hosts["alpha"], "sh", "-c", `tr '\0' '\n' </proc/$(pidof qemu-system-x86_64)/cmdline | grep -A1 ^-uuid | tail -1`))
	folder := path.Join(beta.Data, "datastore1", "copy")
	second := beta.Command("sh", "-c", fmt.Sprintf("exec qemu-system-x86_64 -S -nodefaults -machine none -display none -uuid %s "+
		"-add-fd fd=3,set=1,opaque=%s 3</dev/null", uuid, folder))
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the second QEMU runs", func() bool { return len(beta.Pids(netns.QEMU)) == 2 })
	pid := strings.TrimSpace(run(t, beta, "pgrep", "-o", "-f", "opaque="+folder))
	expect("executed twice", fmt.Sprintf(`problem executions process %s on host "beta" executes it, and it belongs on host "alpha"`, pid),
		"problem rights its process "+pid+" has capabilities", "problem rights its process "+pid+" has no filter", "problem rights its process "+pid+" runs as the user 0")
	run(t, beta, "kill", pid)
	second.Wait()

	c.Agents["beta"].Signal(syscall.SIGSTOP)
	expect("an agent stands still", "problem examined not examined")
	c.Agents["beta"].Signal(syscall.SIGCONT)
	c.AwaitHost("beta", "connected")
	c.AwaitGuest("on-beta", "")
	expect("healthy in the end")
}

// run executes a command on a machine, which has to succeed.
func run(t *testing.T, m *netns.Machine, args ...string) string {
	t.Helper()
	out, err := m.Command(args...).Output()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return string(out)
}
