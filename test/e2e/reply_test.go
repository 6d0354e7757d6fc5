package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"hanok/internal/testhost"
	"hanok/test/guest"
)

// TestReplyCutInHalf lets QEMU's monitor hang up in the middle of its replies: whoever asked for what was answered so
// hears of it, the machine runs on, and the next try works.
func TestReplyCutInHalf(t *testing.T) {
	testhost.Require(t)
	c := newCenter(t)
	c.up("--hello=false")
	c.ok("vm", "create", "patient", "--image", "starter", "--memory", "128M", "--power-on")
	pid, sockets := c.qemu("patient"), c.sockets("patient")
	c.signal(syscall.SIGINT)
	mon := newMonitor(t, sockets)

	// The agent looks for its machine, gets half an answer, and looks again.
	mon.cut("query-status")
	c.up("--hello=false")
	term := guest.Open(t, c.client(), "patient")
	term.Login()
	boot := term.Run(guest.BootID)
	mon.wasCut()

	mon.cut("system_reset")
	c.refused([]string{`hanok: vm reset "patient": its QEMU process `, "does not answer", "connection closed in the middle of a reply",
		"next: try again; if that does not help, power it off"}, "vm", "reset", "patient")
	mon.wasCut()
	if vm := c.machine("patient"); vm.PowerState != "poweredOn" || c.qemu("patient") != pid {
		t.Errorf("patient is %s as process %d, and was process %d", vm, c.qemu("patient"), pid)
	}
	// QEMU had executed it nevertheless.
	term.Login()
	if now := term.Run(guest.BootID); now == boot {
		t.Error("the guest did not boot anew")
	}

	// The connection comes back by itself.
	until(t, "a reset succeeds", func() bool {
		_, _, code := c.run("", "vm", "reset", "patient")
		return code == 0
	})
	if now := c.qemu("patient"); now != pid || pid == 0 {
		t.Errorf("patient runs as process %d, and did as %d", now, pid)
	}

	for _, e := range c.events() {
		if e["type"] == "GeneralVmErrorEvent" || e["type"] == "VmPoweredOffEvent" {
			t.Errorf("a machine that ran on has the event %v", e)
		}
	}

	// The power goes without any answer.
	mon.cut("quit")
	c.ok("vm", "stop", "patient")
	mon.wasCut()
	if vm := c.machine("patient"); vm.PowerState != "poweredOff" || c.qemu("patient") != 0 {
		t.Errorf("patient is %s as process %d", vm, c.qemu("patient"))
	}
	c.ok("vm", "start", "patient")
}

// sockets returns the folder of a running machine's sockets.
func (c *center) sockets(name string) string {
	c.t.Helper()
	found, err := filepath.Glob(filepath.Join("/run/hanok", "*", c.machine(name).ID))
	if err != nil || len(found) != 1 {
		c.t.Fatalf("the sockets of %s are in %q, %v", name, found, err)
	}
	return found[0]
}

// monitor stands between the agent and the monitor of a machine's QEMU.
type monitor struct {
	t    *testing.T
	real string

	mu sync.Mutex
	// next is the command whose reply is to be cut in half, "" for none.
	next string
}

// newMonitor takes the place of the monitor's socket in a folder.
func newMonitor(t *testing.T, dir string) *monitor {
	t.Helper()
	path := filepath.Join(dir, "monitor")
	m := &monitor{t: t, real: path + ".real"}
	if err := os.Rename(path, m.real); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // it may be the next QEMU's by then
	t.Cleanup(func() {
		l.Close()
		_ = os.Rename(m.real, path) // where that QEMU still runs
	})
	go func() {
		for {
			agent, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(agent)
		}
	}()
	return m
}

// cut lets the next reply to a command be cut in half.
func (m *monitor) cut(command string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next = command
}

// wasCut waits until that has happened.
func (m *monitor) wasCut() {
	m.t.Helper()
	until(m.t, "a reply was cut", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.next == ""
	})
}

// message is what of QMP's messages tells which reply belongs to which command.
type message struct {
	Execute string
	ID      json.RawMessage
}

// serve relays one connection until a reply was cut or a side hangs up.
func (m *monitor) serve(agent net.Conn) {
	defer agent.Close()
	qemu, err := net.Dial("unix", m.real)
	if err != nil {
		return // it has ended
	}
	defer qemu.Close()
	var mu sync.Mutex
	var cut json.RawMessage
	go func() {
		defer qemu.Close()
		relay(agent, qemu, func(msg message, line []byte) []byte {
			m.mu.Lock()
			defer m.mu.Unlock()
			if msg.Execute != "" && msg.Execute == m.next {
				mu.Lock()
				defer mu.Unlock()
				m.next, cut = "", msg.ID
			}
			return line
		})
	}()
	relay(qemu, agent, func(msg message, line []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		if cut != nil && string(msg.ID) == string(cut) {
			return line[:len(line)/2]
		}
		return line
	})
}

// relay passes messages on, as edit returns them, until one is shorter than it was.
func relay(from, to net.Conn, edit func(message, []byte) []byte) {
	for lines := json.NewDecoder(from); ; {
		var line json.RawMessage
		var msg message
		if lines.Decode(&line) != nil || json.Unmarshal(line, &msg) != nil {
			return
		}
		edited := edit(msg, line)
		if len(edited) < len(line) {
			_, _ = to.Write(edited)
			return
		}
		if _, err := to.Write(append(edited, '\n')); err != nil {
			return
		}
	}
}
