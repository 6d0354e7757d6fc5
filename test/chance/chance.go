// Package chance is what tests that let things happen by chance have in common: settings from the environment, a seed that repeats
// a run's choices, and moments. Tests of test/e2e, test/outage and test/soak use it.
package chance

import (
	"cmp"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Setting reads a number of 0 or more from the environment. Where there is none it is otherwise.
func Setting(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(cmp.Or(os.Getenv(name), strconv.FormatUint(otherwise, 10)), 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// Random returns random numbers, and the seed of which they are made: HANOK_SEED, or else another one each time. It logs the seed.
// The numbers are for one goroutine.
func Random(t testing.TB) (*rand.Rand, uint64) {
	t.Helper()
	seed := Setting(t, "HANOK_SEED", uint64(time.Now().UnixNano()))
	t.Logf("HANOK_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0)), seed
}

// Moment lets a moment pass, which is another one each time: the choice of moments is what such a test is about.
func Moment(random *rand.Rand, atMost time.Duration) {
	time.Sleep(time.Duration(random.Int64N(int64(atMost))))
}
