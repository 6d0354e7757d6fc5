package outage

import (
	"strings"
	"testing"
	"time"

	"hanok/test/chance"
	"hanok/test/guest"
	"hanok/test/netns"
)

// The disks of the manager and of a host are as slow as disks are that are about to die: everything takes longer, and that is all.
func TestSlow(t *testing.T) {
	site := netns.New(t)
	manager, alpha := site.Machine("manager"), site.Machine("alpha")
	disks := []*netns.Disk{onDisk(manager, gigabyte), onDisk(alpha, 2*gigabyte)}
	c := netns.NewCenter(manager)
	c.Join(alpha)
	c.CreateGuest("on-alpha", "alpha")
	c.AwaitGuest("on-alpha", "")
	cl := c.Client()
	log := guest.StartLog(guest.Open(t, cl, "on-alpha"), "on-alpha")
	s := newTranscript(t, "slow")

	s.chapter("Each flush of the manager's disk and of the host's takes 100 ms.")
	for _, d := range disks {
		d.Slow(0, 100*time.Millisecond)
	}
	random, _ := chance.Random(t)
	w := newWorkers(t, cl, []string{"alpha"}, random)
	w.progress(10)
	log.Progress()
	s.chapter("It takes 200 ms, and each read and write 5 ms.")
	for _, d := range disks {
		d.Slow(5*time.Millisecond, 200*time.Millisecond)
	}
	w.progress(5)
	log.Progress()
	w.stop()
	w.verify()
	s.types(manager, "vm", "create", "slow", "--host", "alpha", "--image", "starter", "--memory", "128M", "--power-on")
	s.types(manager, "vm", "stop", "slow")
	s.types(manager, "vm", "delete", "slow")
	s.looksFor("^(NAME|on-)", manager, "vm", "list")
	s.types(manager, "host", "list")
	s.looksFor("^problem", manager, "doctor")
	s.looksFor(" (error|running|queued) ", manager, "task", "list")
	s.looksFor("Lost|Failed", manager, "event", "list", "--limit", "1000000")
	log.Verify()
	if out := manager.Hanok("event", "list", "--limit", "1000000"); strings.Contains(out, "Lost") {
		t.Errorf("a host was taken for lost:\n%s", out)
	}
	for _, d := range disks {
		d.Slow(0, 0)
	}
}
