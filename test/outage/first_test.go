package outage

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"hanok/test/chance"
	"hanok/test/netns"
)

// The power goes while a manager and a host start for the first time: the next start goes on with what is there, whatever that
// is. HANOK_ROUNDS says how often.
func TestPowerLossAtFirstStart(t *testing.T) {
	site := netns.New(t)
	random, _ := chance.Random(t)
	manager := site.Machine("manager")
	center := netns.NewCenter(manager)
	for i := range chance.Setting(t, "HANOK_ROUNDS", 6) {
		m := site.Machine(fmt.Sprintf("m%d", i))
		onDisk(m, gigabyte)
		if i%2 == 0 {
			run := []string{"manager", "run", "--listen", m.Address + ":443", "--image-packages", site.ImagePackages()}
			first := m.Start("", run...)
			chance.Moment(random, 3*time.Second)
			ready := first.IsReady()
			lost := m.PowerLoss(random.Uint64())
			t.Logf("round %d: ready %v, %d sectors lost", i, ready, lost)
			m.PowerOn()
			second := m.Serve("", run...)
			if out := m.Hanok("whoami"); !strings.Contains(out, "administrator") {
				t.Errorf("round %d: the first user is %s", i, out)
			}
			second.Signal(syscall.SIGTERM)
		} else {
			token := manager.Hanok("host", "token")
			first := m.Start(token, "host", "join", "--manager", center.Service.URL, "--token-stdin")
			chance.Moment(random, time.Second)
			ready := first.IsReady()
			lost := m.PowerLoss(random.Uint64())
			known := strings.Contains(manager.Hanok("host", "list"), m.Name+" ")
			t.Logf("round %d: joined %v, known %v, %d sectors lost", i, ready, known, lost)
			m.PowerOn()
			if ready {
				center.Hosts[m.Name] = m
				center.StartAgent(m.Name)
				center.AwaitHost(m.Name, "connected")
				continue
			}
			// Whether it has joined, nobody was told. The administrator asks for it, again.
			args := []string{"host", "token"}
			if known {
				args = append(args, "--host", m.Name)
			}
			m.Serve(manager.Hanok(args...), "host", "join", "--manager", center.Service.URL, "--token-stdin")
			center.AwaitHost(m.Name, "connected")
		}
	}
}
