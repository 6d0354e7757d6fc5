package store_test

import (
	"bufio"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// A process that is killed at any moment loses no acknowledged write and leaves no half transaction. HANOK_SEED repeats
// a run.
func TestCrash(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("HANOK_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HANOK_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))

	dir := t.TempDir()
	acknowledged := map[[2]int]bool{}
	for round := range 6 {
		cmd := childCommand("write", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Every third round ends somewhere in the start, the others somewhere in the work.
		lines := bufio.NewReader(out)
		if round%3 == 2 {
			time.Sleep(time.Duration(rnd.IntN(150)) * time.Millisecond)
		} else {
			want := 1 + rnd.IntN(300)
			if got := readPairs(lines, want, acknowledged); got < want {
				t.Errorf("round %d: the writer ended after %d writes", round, got)
			}
			time.Sleep(time.Duration(rnd.IntN(3000)) * time.Microsecond)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		readPairs(lines, math.MaxInt, acknowledged) // what it said before it died
		_ = cmd.Wait()                              // killed, as it should be
		s, err := openIn(dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := checkPairs(s, acknowledged); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged")
	}
	t.Logf("%d writes acknowledged", len(acknowledged))
}
