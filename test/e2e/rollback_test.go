package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hanok/internal/testhost"
	"hanok/test/client"
)

// A manager that was put back to a snapshot says so, and what to do; after that the data center goes on, and no guest has noticed.
func TestRolledBack(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up()
	c.client().Await(t, "hello", "has an address", client.HasAddress)
	c.signal(syscall.SIGINT)
	store, snapshot := filepath.Join(c.data, "manager", "store"), filepath.Join(t.TempDir(), "snapshot")
	if out, err := exec.Command("cp", "-a", store, snapshot).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c.up()
	c.ok("vm", "stop", "hello")
	c.ok("vm", "start", "hello")
	pid := c.qemu("hello")
	c.signal(syscall.SIGINT)
	if err := os.RemoveAll(store); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(snapshot, store); err != nil {
		t.Fatal(err)
	}

	lines, complaint := c.start()
	for late := time.After(patience); ; {
		var line string
		select {
		case line = <-lines:
		case <-late:
		}
		if strings.Contains(line, "not connected: ") && strings.Contains(line, "was put back to an old copy") && strings.Contains(line, "hanok restore --as-is") {
			break
		}
		if line == "" || strings.HasPrefix(line, "ready ") {
			t.Fatalf("it does not say that the store is an old copy: %q\n%s%s", line, complaint, c.log())
		}
	}
	c.signal(syscall.SIGINT)
	if out := c.ok("restore", "--as-is"); !strings.Contains(out, "made a restored one of the store as it is") {
		t.Errorf("restore says %s", out)
	}
	c.up()
	c.client().Await(t, "hello", "has an address", client.HasAddress)
	if now := c.qemu("hello"); now != pid || pid == 0 {
		t.Errorf("hello is process %d, and was %d", now, pid)
	}
	c.ok("vm", "stop", "hello")
	if c.qemu("hello") != 0 {
		t.Error("hello is powered off, and a process executes it")
	}
}
