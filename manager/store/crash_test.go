package store_test

import (
	"bufio"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"hanok/manager/store"
)

// A process that is killed at any moment loses no acknowledged write and leaves no half transaction. HANOK_SEED repeats
// a run.
func TestCrash(t *testing.T) {
	t.Parallel()
	rnd := random(t)
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

// A process that is killed in the very first moments of a store leaves one that can be opened.
func TestCrashAtFirstStart(t *testing.T) {
	t.Parallel()
	rnd := random(t)
	for round := range 12 {
		dir := filepath.Join(t.TempDir(), "store")
		cmd := childCommand("write", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rnd.IntN(120)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed, as it should be
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		s, err := store.OpenEmbedded(ctx, store.EmbeddedConfig{Dir: dir})
		if err == nil {
			err = putFolder(ctx, s, "group-a")
			s.Close()
		}
		cancel()
		if err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
}

// random returns numbers that HANOK_SEED repeats.
func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("HANOK_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HANOK_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
