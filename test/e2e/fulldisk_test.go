package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hanok/api/hanok/v1"
	"hanok/internal/testhost"
)

// TestFullDisk fills the disk of a data center that runs: what can't be done says why and is done when there is room
// again, and machines are powered off and deleted all the same.
func TestFullDisk(t *testing.T) {
	testhost.Require(t)
	disk := newSmallDisk(t, filepath.Join(t.TempDir(), "small"), "700m")
	c := newCenter(t)
	c.data = filepath.Join(disk.path, "data")
	c.up("--hello=false")
	cl := c.client()
	for _, name := range []string{"keep", "stop", "drop"} {
		c.ok("vm", "create", name, "--image", "starter", "--memory", "128M", "--power-on")
	}
	cl.Await(t, "keep", "has booted", func(vm *hanokv1.VirtualMachine) bool { return vm.AgentRunning })
	pid := c.qemu("keep")
	disk.fill(0)
	const reason, remedy = " is full, and the host can't write machines/", "free some space on that disk"

	reset := c.begin("vm", "reset", "keep")
	reset.await(`waiting: host "`, reason, remedy)
	c.story("what waits says why", func(t *testing.T) {
		for name, state := range map[string]string{
			"keep": ", blocked", // it has power, or is paused, where its guest has written to its disk since
		} {
			out := c.ok("vm", "get", name)
			t.Log("\n" + out)
			for _, want := range []string{state, "Blocked", `host "`, reason, remedy} {
				if !strings.Contains(out, want) {
					t.Errorf("vm get %s does not say %q", name, want)
				}
			}
			if out := c.ok("vm", "list"); !strings.Contains(out, state) {
				t.Errorf("vm list does not say %q:\n%s", state, out)
			}
		}
		out, _, code := c.run("", "doctor")
		t.Log("\n" + out)
		if code != 1 || !strings.Contains(out, reason) || !strings.Contains(out, remedy) {
			t.Errorf("doctor ends with %d", code)
		}
	})
	c.story("power off and delete work", func(t *testing.T) {
		disk.refill()
		c.ok("vm", "stop", "stop")
		if c.qemu("stop") != 0 {
			t.Error("it still runs")
		}
		disk.refill()
		c.ok("vm", "stop", "drop")
		c.ok("vm", "delete", "drop") // this makes room, and may end the waiting of others
		if _, err := os.Stat(filepath.Join(c.data, "datastore1", "drop")); err == nil {
			t.Error("its files are left")
		}
	})
	c.story("with room again all goes on", func(t *testing.T) {
		disk.free()
		reset.succeeded()
		for _, name := range []string{"keep", "stop"} {
			cl.Await(t, name, "is not blocked", func(vm *hanokv1.VirtualMachine) bool { return vm.Blocked == nil })
		}
		if now := c.qemu("keep"); now != pid {
			t.Errorf("keep runs as process %d, and did as %d", now, pid)
		}
		c.ok("vm", "start", "stop")
	})
}

// refill takes the room that came free since fill.
func (d smallDisk) refill() {
	d.t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 1; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
}

// command is a command of the client that runs beside the test.
type command struct {
	t     *testing.T
	args  string
	cmd   *exec.Cmd
	lines *bufio.Scanner // what it says of its task
	said  []string
}

// begin starts a command.
func (c *center) begin(args ...string) *command {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program(c.t), append([]string{"--data", c.data}, args...)...)
	out, err := cmd.StderrPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	return &command{t: c.t, args: strings.Join(args, " "), cmd: cmd, lines: bufio.NewScanner(out)}
}

// await waits until it says a line with all parts.
func (r *command) await(parts ...string) {
	r.t.Helper()
	for r.lines.Scan() {
		r.said = append(r.said, r.lines.Text())
		found := true
		for _, p := range parts {
			found = found && strings.Contains(r.lines.Text(), p)
		}
		if found {
			return
		}
	}
	r.t.Fatalf("hanok %s has said no line with %q:\n%s", r.args, parts, strings.Join(r.said, "\n"))
}

// succeeded waits for its end, which has to be a success.
func (r *command) succeeded() {
	r.t.Helper()
	for r.lines.Scan() {
		r.said = append(r.said, r.lines.Text())
	}
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("hanok %s: %v\n%s", r.args, err, strings.Join(r.said, "\n"))
	}
}
