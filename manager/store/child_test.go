package store_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

// childEnv names what a process that was started from the test binary does instead of the tests.
const childEnv = "HANOK_STORE_TEST_CHILD"

// children are those things. Each gets the folder of a store.
var children = map[string]func(dir string) error{
	"write":     writeForEver,
	"small":     onSmallDisk,
	"full":      fillDisk,
	"stillfull": openOnFullDisk,
	"free":      openAfterwards,
}

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childEnv)]; child != nil {
		if err := child(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// childCommand returns the command that runs a child in another process.
func childCommand(what, dir string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", dir)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

// openIn opens an embedded store without a log.
func openIn(dir string) (*store.Store, error) {
	return store.OpenEmbedded(context.Background(), store.EmbeddedConfig{Dir: dir, Log: slog.New(slog.DiscardHandler)})
}

// pair returns the two secrets that the nth transaction of a writer makes.
func pair(writer, n int) [2]*dc.Secret {
	var p [2]*dc.Secret
	for i := range p {
		id := dc.SecretID(fmt.Sprintf("secret-w%dn%dp%d", writer, n, i))
		p[i] = &dc.Secret{ID: id, Data: fmt.Appendf(nil, "%d %d", writer, n)}
	}
	return p
}

func writePair(s *store.Store, writer, n int) error {
	return s.Change(context.Background(), func(tx *store.Tx) error {
		for _, secret := range pair(writer, n) {
			tx.Put(secret)
		}
		return nil
	})
}

// writeForEver writes pairs from several goroutines and says so after each acknowledgement.
func writeForEver(dir string) error {
	s, err := openIn(dir)
	if err != nil {
		return err
	}
	first := 0
	for range store.List[*dc.Secret](s.View()) {
		first++ // numbers that no earlier round has used
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for writer := range 4 {
		wg.Go(func() {
			for n := first; ; n++ {
				if err := writePair(s, writer, n); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				mu.Lock()
				fmt.Fprintln(os.Stdout, writer, n)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

// checkPairs reports acknowledged pairs that are missing, and halves.
func checkPairs(s *store.Store, acknowledged map[[2]int]bool) error {
	v := s.View()
	for key := range acknowledged {
		for _, want := range pair(key[0], key[1]) {
			got, err := store.Get[*dc.Secret](v, dc.ID(want.ID))
			if err != nil {
				return fmt.Errorf("an acknowledged write is lost: %w", err)
			}
			if string(got.Data) != string(want.Data) {
				return fmt.Errorf("%s has %q, want %q", want.ID, got.Data, want.Data)
			}
		}
	}
	for secret := range store.List[*dc.Secret](v) {
		var writer, n int
		if _, err := fmt.Sscan(string(secret.Data), &writer, &n); err != nil {
			return err
		}
		for _, half := range pair(writer, n) {
			if _, err := store.Get[*dc.Secret](v, dc.ID(half.ID)); err != nil {
				return fmt.Errorf("half a transaction: %s is there, but %w", secret.ID, err)
			}
		}
	}
	return nil
}

// readPairs reads what a writer acknowledged, at most limit lines; it stops early at the end of r.
func readPairs(r io.Reader, limit int, into map[[2]int]bool) int {
	for n := range limit {
		var writer, k int
		if _, err := fmt.Fscanln(r, &writer, &k); err != nil {
			return n
		}
		into[[2]int{writer, k}] = true
	}
	return limit
}
