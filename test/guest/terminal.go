// Package guest is somebody who works in a guest: a terminal at its serial console, and a program in it that writes a log to its
// disk, whose every record can be checked. The guest is one of the starter image, whose user is root.
//
// It is used by the tests below test. It starts no machines and doesn't know where they run.
package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hanok/test/client"
)

// patience bounds every wait for something that a slow machine may take long over.
const patience = 3 * time.Minute

// BootID is a command for Run that prints what is another one after each boot of the guest.
const BootID = "cat /proc/sys/kernel/random/boot_id"

// TB is what a terminal needs of the test that it is part of: a *testing.T, or what a program has in its place. As there, Fatal
// and Fatalf don't return.
type TB interface {
	client.TB
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

// Terminal is a serial console with somebody in front of it who remembers everything that was printed. Its methods are for one
// goroutine at a time.
type Terminal struct {
	t    TB
	keys io.Writer

	mu      sync.Mutex
	changed chan struct{} // closed, and another one made, when something below has changed
	printed strings.Builder
	err     error // why there is no more
	// read is how far the person has read.
	read int
}

// commands counts those of all terminals: what a console shows at first may hold the answers to earlier ones.
var commands atomic.Int64

// NewTerminal sits down in front of a console, which is read until it ends.
func NewTerminal(t TB, screen io.Reader, keys io.Writer) *Terminal {
	term := &Terminal{t: t, keys: keys, changed: make(chan struct{})}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := screen.Read(buf)
			term.mu.Lock()
			term.printed.Write(buf[:n])
			term.err = err
			close(term.changed)
			term.changed = make(chan struct{})
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return term
}

// Open opens the serial console of a machine that has power. It ends with the test.
func Open(t TB, cl *client.Client, machine string) *Terminal {
	t.Helper()
	conn := cl.Console(t, machine, "serial")
	return NewTerminal(t, conn, conn)
}

// Await reads on until one of the texts was printed, and returns what came before it and its index.
func (term *Terminal) Await(texts ...string) (before string, which int) {
	term.t.Helper()
	deadline := time.After(patience)
	for {
		term.mu.Lock()
		unread, err, changed := term.printed.String()[term.read:], term.err, term.changed
		first := -1
		for i, text := range texts {
			if at := strings.Index(unread, text); at >= 0 && (first < 0 || at < first) {
				first, which = at, i
			}
		}
		if first >= 0 {
			term.read += first + len(texts[which])
			term.mu.Unlock()
			return unread[:first], which
		}
		term.mu.Unlock()
		if err != nil {
			term.t.Fatalf("the console ended with %v before %q came; it had\n%s", err, texts, unread)
		}
		select {
		case <-changed:
		case <-deadline:
			term.t.Fatalf("%q did not come; the console has\n%s", texts, unread)
		}
	}
}

// Discard leaves out what was printed and not read up to now.
func (term *Terminal) Discard() {
	term.mu.Lock()
	defer term.mu.Unlock()
	term.read = term.printed.Len()
}

// Ended waits until the console has ended.
func (term *Terminal) Ended() {
	term.t.Helper()
	deadline := time.After(patience)
	for {
		term.mu.Lock()
		err, changed := term.err, term.changed
		term.mu.Unlock()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, context.Canceled) {
				term.t.Errorf("the console ended with %v", err)
			}
			return
		}
		select {
		case <-changed:
		case <-deadline:
			term.t.Fatal("the console does not end")
		}
	}
}

// Enter types a line.
func (term *Terminal) Enter(line string) {
	term.t.Helper()
	if _, err := io.WriteString(term.keys, line+"\n"); err != nil {
		term.t.Fatal(err)
	}
}

// Login logs in as root at the guest's next invitation.
func (term *Terminal) Login() {
	term.t.Helper()
	term.Await("login: ")
	term.Enter("root")
	term.Await("assword: ")
	term.Enter("hanok")
	if _, which := term.Await("# ", "incorrect"); which != 0 {
		term.t.Fatal("the guest does not let root in with the password hanok")
	}
}

// Run executes a command in the guest, which must have been logged in to, and returns what it printed.
func (term *Terminal) Run(command string) string {
	term.t.Helper()
	n := commands.Add(1)
	begin, end := fmt.Sprintf("@begin%d@", n), fmt.Sprintf("@end%d@", n)
	// The shell shows what is typed, in which the marks must not stand.
	mark := func(text string) string { return "printf '@%s@' " + strings.Trim(text, "@") }
	term.Enter(mark(begin) + "; { " + command + "; }; status=$?; " + mark(end) + "; echo $status.")
	term.Await(begin)
	out, _ := term.Await(end)
	status, _ := term.Await(".")
	out = strings.ReplaceAll(out, "\r", "")
	if code, err := strconv.Atoi(status); err != nil || code != 0 {
		term.t.Fatalf("%s: exit code %s\n%s", command, status, out)
	}
	return strings.TrimSuffix(out, "\n")
}
