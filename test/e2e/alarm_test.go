package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"hanok/internal/testhost"
	"hanok/test/guest"
)

// TestBusyGuest lets a guest compute: its CPU usage rises, an alarm on it turns red, is acknowledged, and turns green again when the
// guest rests. A scrape shows the same figures.
func TestBusyGuest(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up("--hello=false")
	cl := c.client()
	c.ok("vm", "create", "worker", "--image", "starter", "--memory", "128M", "--power-on")
	c.ok("alarm", "create", "busy", "--when", "metric cpu.usage.average above 15 red")
	term := guest.Open(t, cl, "worker")
	term.Login()
	before := c.newestCPU("worker")
	term.Enter("while :; do :; done & echo working")
	term.Await("working")

	c.story("an alarm turns red", func(t *testing.T) {
		c.event("AlarmStatusChangedEvent", "worker", "changed from green to red")
		if busy := c.newestCPU("worker"); busy <= before || busy < 1500 {
			t.Errorf("its CPU usage was %d and is %d hundredths of a percent", before, busy)
		}
		if out := c.ok("alarm", "triggered"); !strings.Contains(out, "red") || !strings.Contains(out, "busy") || !strings.Contains(out, "worker") {
			t.Errorf("triggered:\n%s", out)
		}
		out := c.ok("stats", "show", "worker", "--instance", "*")
		t.Log("\n" + out)
		if strings.Contains(out, "net.") {
			t.Error("there are figures of a network that nobody measures")
		}
	})
	c.story("a scrape shows it", func(t *testing.T) {
		login := c.firstLogin()
		for user, want := range map[string]int{login.User: http.StatusOK, "nobody": http.StatusUnauthorized} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", login.URL+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth(user, login.Password)
			res, err := cl.HTTP.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			shown := strings.Contains(string(body), `hanok_virtual_machine_cpu_usage_ratio{vm="worker"`) && strings.Contains(string(body), "etcd_disk_backend_commit_duration_seconds")
			if res.StatusCode != want || shown != (want == http.StatusOK) {
				t.Errorf("a scrape by %s: %s, %v", user, res.Status, shown)
			}
		}
	})
	c.story("somebody takes care, and it turns green", func(t *testing.T) {
		c.ok("alarm", "acknowledge", "busy", "worker")
		if out := c.ok("alarm", "triggered"); !strings.Contains(out, "administrator, ") {
			t.Errorf("nobody takes care:\n%s", out)
		}
		c.event("AlarmAcknowledgedEvent", "worker")
		term.Enter("kill $!; echo resting")
		term.Await("resting")
		c.event("AlarmStatusChangedEvent", "worker", "changed from red to green")
		if out := c.ok("alarm", "triggered"); strings.Contains(out, "busy") {
			t.Errorf("it is still triggered:\n%s", out)
		}
	})
	c.story("commands share a session", func(t *testing.T) {
		logins := 0
		for _, e := range c.events() {
			if e["type"] == "UserLoginSessionEvent" {
				logins++
			}
		}
		if logins > 5 {
			t.Errorf("there were %d logins", logins)
		}
	})
}

// newestCPU returns the machine's CPU usage in its newest sample, in hundredths of a percent, or 0.
func (c *center) newestCPU(name string) int {
	c.t.Helper()
	var series []struct {
		Samples []struct{ Value json.Number }
	}
	out := c.ok("stats", "show", name, "--counter", "cpu.usage.average", "--samples", "1", "-o", "json")
	if err := json.Unmarshal([]byte(out), &series); err != nil {
		c.t.Fatalf("%v in %s", err, out)
	}
	if len(series) == 0 {
		return 0
	}
	v, err := series[0].Samples[0].Value.Int64()
	if err != nil {
		c.t.Fatal(err)
	}
	return int(v)
}
