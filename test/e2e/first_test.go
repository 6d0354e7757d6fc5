package e2e

import (
	"syscall"
	"testing"

	"hanok/internal/testhost"
)

// TestFirstStartFails: a start that can't make what it has to make ends and says why, and the next one goes on.
func TestFirstStartFails(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.refused([]string{"the starter image's packages are not in /nowhere", "make setup"}, "up", "--listen", "127.0.0.1:0", "--image-packages", "/nowhere")
	c.up()
	if m := c.machine("hello"); m.PowerState != "poweredOn" || len(m.Addresses) == 0 {
		t.Errorf("hello is %+v", m)
	}
	c.ok("vm", "stop", "hello")
	c.ok("vm", "delete", "hello")
	c.signal(syscall.SIGINT)
	// What was removed is not made again.
	c.up()
	if left := c.machines(); len(left) != 0 {
		t.Errorf("there is %+v again", left)
	}
	c.signal(syscall.SIGINT)
}
