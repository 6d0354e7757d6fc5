package e2e

import (
	"cmp"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"hanok/internal/testhost"
	"hanok/test/client"
)

// TestKilledStart kills the service at random moments of its first start, which makes everything, and of later ones, which find
// it. HANOK_SEED repeats an earlier run's choices. test/soak kills services that run.
func TestKilledStart(t *testing.T) {
	testhost.Require(t)
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("HANOK_SEED"), strconv.FormatInt(time.Now().UnixNano(), 10)), 10, 64)
	if err != nil {
		t.Fatalf("HANOK_SEED: %v", err)
	}
	t.Logf("HANOK_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
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
	// Another moment each time: the choice of moments is what this is about.
	time.Sleep(time.Duration(random.Int64N(int64(250 * time.Millisecond))))
	c.t.Logf("killed after %q", last)
	c.signal(syscall.SIGKILL)
}
