package e2e

import (
	"cmp"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"hanok/internal/testhost"
	"hanok/test/client"
	"hanok/test/guest"
)

// TestKill kills the service at random moments while clients work with it and guests run. HANOK_SEED repeats an earlier
// run's choices, HANOK_KILLS kills more often than 6 times.
func TestKill(t *testing.T) {
	testhost.Require(t)
	seed := setting(t, "HANOK_SEED", uint64(time.Now().UnixNano()))
	kills := setting(t, "HANOK_KILLS", 6)
	t.Logf("HANOK_SEED=%d HANOK_KILLS=%d", seed, kills)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newCenter(t)

	// The first start of all makes everything: two of the kills hit that.
	for range min(kills, 2) {
		c.killStart(random, 7)
	}
	c.up()
	cl := c.client()
	cl.Await(t, "hello", "has an address", client.HasAddress)
	pid := c.qemu("hello")
	log := guest.StartLog(guest.Open(t, cl, "hello"), "hello")
	u, err := url.Parse(cl.URL)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkers(t, cl, random)

	for i := 2; i < kills; i++ {
		w.progress(1 + random.IntN(10))
		log.Progress()
		moment(random)
		c.signal(syscall.SIGKILL)
		if now := c.qemu("hello"); now != pid {
			t.Fatalf("hello runs as process %d, and did as %d", now, pid)
		}
		if random.IntN(2) == 0 {
			c.killStart(random, 3, "--listen", u.Host)
		}
		c.up("--listen", u.Host)
		log.Reattach(guest.Open(t, cl, "hello"))
	}
	w.progress(1)
	log.Progress()
	w.stop()

	c.story("no acknowledged write is lost", func(t *testing.T) { w.verify(t, c) })
	c.story("machines run once or not at all", func(t *testing.T) {
		if now := c.qemu("hello"); now != pid {
			t.Errorf("hello runs as process %d, and did as %d", now, pid)
		}
		for _, vm := range c.machines() {
			if runs := c.qemu(vm.Name) != 0; runs != (vm.PowerState == "poweredOn") {
				t.Errorf("%s, and a process executes it: %v", vm, runs)
			}
		}
	})
	c.story("no acknowledged record of a guest is lost", func(t *testing.T) {
		c.ok("vm", "stop", "hello")
		c.ok("vm", "start", "hello")
		log.Resume(guest.Open(t, cl, "hello"))
	})
}

// killStart starts the service and kills it at some moment before it is ready, at most after the given number of lines.
func (c *center) killStart(random *rand.Rand, lines int, flags ...string) {
	c.t.Helper()
	printed, _ := c.start(flags...)
	n := random.IntN(lines)
	var last string
	for range n {
		last = cmp.Or(<-printed, last)
	}
	moment(random)
	c.t.Logf("killed after %q", last)
	c.signal(syscall.SIGKILL)
}

// moment lets a moment pass, which is another one each time: the choice of moments is what this is about.
func moment(random *rand.Rand) {
	time.Sleep(time.Duration(random.Int64N(int64(250 * time.Millisecond))))
}

// setting reads a number from the environment.
func setting[T int | uint64](t *testing.T, name string, otherwise T) T {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return T(n)
}
