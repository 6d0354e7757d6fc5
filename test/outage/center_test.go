package outage

import (
	"cmp"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"hanok/test/netns"
)

// patience bounds every wait for something that a slow machine may take long over.
const patience = 3 * time.Minute

// gigabyte is room for a host's images and machines.
const gigabyte = 1 << 30

// onDisk gives the machine a disk of its own and lets its hanok keep everything there.
func onDisk(m *netns.Machine, size int64) *netns.Disk {
	d := m.AddDisk("disk", size)
	m.Data = filepath.Join(d.Path, "data")
	return d
}

// setting reads a number from the environment.
func setting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(cmp.Or(os.Getenv(name), strconv.FormatUint(otherwise, 10)), 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// seeded returns random numbers that HANOK_SEED repeats.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := setting(t, "HANOK_SEED", uint64(time.Now().UnixNano()))
	t.Logf("HANOK_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// moment lets a moment pass, which is another one each time: the choice of moments is what this is about.
func moment(random *rand.Rand, atMost time.Duration) {
	time.Sleep(time.Duration(random.Int64N(int64(atMost))))
}
