package e2e

import (
	"cmp"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"hanok/internal/testhost"
	"hanok/test/chance"
	"hanok/test/client"
)

// TestKilledStart kills the service at random moments of its first start, which makes everything, and of later ones, which find
// it. HANOK_SEED repeats an earlier run's choices. test/soak kills services that run.
func TestKilledStart(t *testing.T) {
	testhost.Require(t)
	random, _ := chance.Random(t)
	c := newCenter(t)
	for range 4 {
		c.killStart(random, 7)
	}
	c.up()
	c.client().Await(t, "hello", "has an address", client.HasAddress)
	pid := c.qemu("hello")
	c.signal(syscall.SIGKILL)
	for range 3 {
		c.killStart(random, 3)
	}
	c.up()
	if hello, now := c.machine("hello"), c.qemu("hello"); hello.PowerState != "poweredOn" || now != pid || pid == 0 {
		t.Errorf("hello is %s as process %d, and was process %d", hello, now, pid)
	}
	if all := c.machines(); len(all) != 1 {
		t.Errorf("the machines are %v", all)
	}
	for _, task := range c.objects("task") {
		if task["completed"] == nil {
			t.Errorf("a task has not ended: %v", task)
		}
	}
}

// killStart starts the service and kills it at some moment before it is ready, at most after the given number of lines.
func (c *center) killStart(random *rand.Rand, lines int) {
	c.t.Helper()
	printed, _ := c.start()
	n := random.IntN(lines)
	var last string
	for range n {
		last = cmp.Or(<-printed, last)
	}
	chance.Moment(random, 250*time.Millisecond)
	c.t.Logf("killed after %q", last)
	c.signal(syscall.SIGKILL)
}
