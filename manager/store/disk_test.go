package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/testhost"
	"hanok/manager/store"
)

// A disk that becomes full under a running store ends it with an error that says so; a start on it is refused; with room
// again everything acknowledged is there.
func TestDiskFull(t *testing.T) {
	testhost.Require(t) // it mounts a small disk
	t.Parallel()
	cmd := childCommand("small", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := cmd.Output()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// onSmallDisk mounts a small file system and runs the three acts on it, each in its own process.
func onSmallDisk(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("small", dir, "tmpfs", 0, "size=160m,mode=0700"); err != nil {
		return err
	}
	for _, act := range []string{"full", "stillfull", "free"} {
		cmd := childCommand(act, dir)
		cmd.Stdout = os.Stdout
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", act, err)
		}
		if act == "stillfull" {
			if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillDisk fills the disk behind the store's back and writes until the store ends. It says what was acknowledged.
func fillDisk(dir string) error {
	s, err := openIn(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		return err
	}
	for block := make([]byte, 1<<20); err == nil; {
		_, err = filler.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		return err
	}
	written, err := os.Create(filepath.Join(dir, "store", "acknowledged"))
	if err == nil {
		err = written.Close()
	}
	if err != nil {
		return err
	}
	acknowledged := 0
	for err = nil; err == nil; {
		if err = writePair(s, 0, acknowledged); err == nil {
			err = writeLarge(s, acknowledged)
			acknowledged++
		}
	}
	fmt.Printf("after %d writes: %v\n", acknowledged, err)
	if !strings.Contains(err.Error(), unix.ENOSPC.Error()) {
		return fmt.Errorf("the change failed with %w, want the reason", err)
	}
	<-s.Done()
	if end := s.Err(); dc.KindOf(end) != dc.Exhausted {
		return fmt.Errorf("the store ended with %v, want an error of kind Exhausted", end)
	}
	fmt.Println(s.Err())
	if err := checkPairs(s, nil); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	return os.Truncate(filepath.Join(dir, "store", "acknowledged"), int64(acknowledged)) // its size is the number
}

// writeLarge makes the store's files grow.
func writeLarge(s *store.Store, n int) error {
	return s.Change(context.Background(), func(tx *store.Tx) error {
		tx.Put(&dc.Event{ID: dc.EventID(fmt.Sprintf("event-n%d", n)), Message: string(make([]byte, 1<<17))})
		return nil
	})
}

func openOnFullDisk(dir string) error {
	_, err := openIn(filepath.Join(dir, "store"))
	if dc.KindOf(err) != dc.Exhausted {
		return fmt.Errorf("open on a full disk: %v, want an error of kind Exhausted", err)
	}
	fmt.Println(err)
	return nil
}

func openAfterwards(dir string) error {
	st, err := os.Stat(filepath.Join(dir, "store", "acknowledged"))
	if err != nil {
		return err
	}
	s, err := openIn(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	acknowledged := map[[2]int]bool{}
	for n := range int(st.Size()) {
		acknowledged[[2]int{0, n}] = true
	}
	if err := checkPairs(s, acknowledged); err != nil {
		return err
	}
	return writePair(s, 1, 0)
}
