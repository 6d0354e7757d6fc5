package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"hanok/host/sim"
)

// screen is what a command writes, for a test that waits for something in it.
type screen struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func newScreen() *screen { return &screen{changed: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// await returns when text was written.
func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(patience)
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.changed:
		case <-late:
			t.Fatalf("%q was not written, but %q", text, s.String())
		}
	}
}

// session is a command that runs while a test looks at it.
type session struct {
	stdout, stderr *screen
	keys           *io.PipeWriter
	interrupt      context.CancelFunc
	code           chan int
}

// begin starts a command with the first user's session, on a terminal or not.
func (c *center) begin(t *testing.T, terminal bool, args ...string) *session {
	ctx, cancel := context.WithCancel(context.Background())
	keyboard, keys := io.Pipe()
	s := &session{stdout: newScreen(), stderr: newScreen(), keys: keys, interrupt: cancel, code: make(chan int, 1)}
	vars := c.env()
	env := environment{stdin: keyboard, stdout: s.stdout, stderr: s.stderr, getenv: func(k string) string { return vars[k] },
		progress: terminal, raw: noTerminal}
	go func() { s.code <- run(ctx, env, args) }()
	t.Cleanup(func() { cancel(); keyboard.Close() })
	return s
}

func TestConsole(t *testing.T) {
	c := startCenter(t, sim.Options{})
	c.must(t, "vm", "create", "hello", "--power-on")
	s := c.begin(t, true, "vm", "console", "hello")
	s.stdout.await(t, "hello login: ")
	io.WriteString(s.keys, "root\r")
	s.stdout.await(t, "root\r\nhello login: ")
	io.WriteString(s.keys, "last\x1dnever")
	if code := <-s.code; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(s.stdout.String(), "never") {
		t.Errorf("what follows Ctrl-] is sent: %q", s.stdout)
	}

	s = c.begin(t, true, "vm", "console", "hello")
	s.stdout.await(t, "hello login: ")
	c.must(t, "vm", "stop", "hello")
	if code := <-s.code; code != exitOK {
		t.Errorf("exit code %d after the machine lost its power:\n%s", code, s.stderr)
	}
}

func TestInterruptedWait(t *testing.T) {
	c := startCenter(t, sim.Options{Start: time.Hour})
	c.must(t, "vm", "create", "hello")
	s := c.begin(t, false, "vm", "start", "hello")
	s.stderr.await(t, "VirtualMachine.powerOn hello: ")
	s.interrupt()
	if code := <-s.code; code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	id := strings.TrimSpace(c.must(t, "__complete", "task", "cancel", ""))
	id, _, _ = strings.Cut(id, "\n")
	for _, want := range []string{
		`hanok: vm start "hello": no longer waiting; the task ` + id + " goes on\n",
		`  next: wait for it with "hanok task wait ` + id + `", or stop it with "hanok task cancel ` + id + `"`,
	} {
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, s.stderr)
		}
	}

	s = c.begin(t, false, "task", "wait", id)
	s.stderr.await(t, "VirtualMachine.powerOn hello: ")
	c.must(t, "task", "cancel", id)
	if code := <-s.code; code != exitFailure || !strings.Contains(s.stderr.String(), "hanok: task wait \""+id+"\": ") {
		t.Errorf("waiting for a canceled task: %d\n%s", code, s.stderr)
	}
}

func TestProgressOnTerminal(t *testing.T) {
	c := startCenter(t, sim.Options{})
	s := c.begin(t, true, "vm", "create", "hello", "--image", "starter")
	if code := <-s.code; code != exitOK {
		t.Fatalf("exit code %d:\n%s", code, s.stderr)
	}
	text := s.stderr.String()
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(strings.TrimRight(text, " \n"), "VirtualMachine.create hello  100 %  done") {
		t.Errorf("the progress is not one line that ends in done: %q", text)
	}
}

func TestFollowEvents(t *testing.T) {
	c := startCenter(t, sim.Options{})
	c.must(t, "network", "create", "one")
	c.must(t, "network", "create", "two")
	c.must(t, "vm", "create", "first")
	s := c.begin(t, false, "event", "list", "--follow", "--limit", "1")
	s.stdout.await(t, `"first"`)
	if n := strings.Count(s.stdout.String(), "\n"); n != 1 {
		t.Errorf("%d events instead of one:\n%s", n, s.stdout)
	}
	c.must(t, "vm", "create", "second")
	s.stdout.await(t, `"second"`)
	s.interrupt()
	if code := <-s.code; code != exitOK {
		t.Errorf("exit code %d:\n%s", code, s.stderr)
	}
}

func TestWatchCommand(t *testing.T) {
	c := startCenter(t, sim.Options{})
	table := c.begin(t, false, "watch", "VirtualMachine", "PortGroup")
	table.stdout.await(t, "VM Network")
	lines := c.begin(t, false, "watch", "VirtualMachine", "-o", "json")
	c.must(t, "vm", "create", "hello")
	table.stdout.await(t, "hello poweredOff")
	lines.stdout.await(t, `"powerState":"poweredOff"`)
	c.must(t, "vm", "delete", "hello")
	table.stdout.await(t, "deleted")
	for _, s := range []*session{table, lines} {
		s.interrupt()
		if code := <-s.code; code != exitOK {
			t.Errorf("exit code %d:\n%s", code, s.stderr)
		}
	}
}
