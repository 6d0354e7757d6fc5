package outage

import (
	"testing"
	"time"

	"hanok/test/chance"
	"hanok/test/guest"
	"hanok/test/netns"
)

// A whole machine loses its power, and what its disk had not flushed, while tasks are under way and a guest writes: the manager's and a
// host's by turns. Everything that was acknowledged is there afterwards, to users and to guests, and machines that were on come back.
// HANOK_ROUNDS says how often, HANOK_SEED repeats an earlier run's choices.
func TestPowerLoss(t *testing.T) {
	site := netns.New(t)
	random, _ := chance.Random(t)
	manager := site.Machine("manager")
	onDisk(manager, gigabyte)
	c := netns.NewCenter(manager)
	hosts := []string{"alpha", "beta"}
	logs := map[string]*guest.Log{}
	booted := map[string]string{}
	for _, name := range hosts {
		m := site.Machine(name)
		onDisk(m, 2*gigabyte)
		c.Join(m)
		c.CreateGuest("on-"+name, name)
	}
	cl := c.Client()
	for _, name := range hosts {
		booted[name] = c.AwaitGuest("on-"+name, "")
		logs[name] = guest.StartLog(guest.Open(t, cl, "on-"+name), "on-"+name)
	}
	begin := time.Now()
	w := newWorkers(t, cl, hosts, random)
	for i := range chance.Setting(t, "HANOK_ROUNDS", 4) {
		w.progress(1 + random.IntN(10))
		for _, name := range hosts {
			logs[name].Progress()
		}
		chance.Moment(random, 300*time.Millisecond)
		victim := []string{"manager", "alpha", "beta"}[i%3]
		if victim == "manager" {
			lost := manager.PowerLoss(random.Uint64())
			t.Logf("%5.1f s: %s lost its power and %d sectors", time.Since(begin).Seconds(), victim, lost)
			for _, name := range hosts {
				logs[name].Note()
			}
			manager.PowerOn()
			c.StartManager()
			for _, name := range hosts {
				c.AwaitHost(name, "connected")
				logs[name].Reattach(guest.Open(t, cl, "on-"+name), false)
			}
			continue
		}
		m := c.Hosts[victim]
		lost := m.PowerLoss(random.Uint64())
		t.Logf("%5.1f s: %s lost its power and %d sectors", time.Since(begin).Seconds(), victim, lost)
		logs[victim].Note()
		m.PowerOn()
		c.StartAgent(victim)
		c.AwaitHost(victim, "connected")
		booted[victim] = c.AwaitGuest("on-"+victim, booted[victim])
		logs[victim].Resume(guest.Open(t, cl, "on-"+victim))
	}
	w.progress(1)
	w.stop()
	w.verify()
	for _, name := range hosts {
		logs[name].Progress()
		logs[name].Verify()
	}
}
