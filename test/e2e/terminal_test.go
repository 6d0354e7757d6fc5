package e2e

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
	"testing"
	"time"
)

// terminal is a serial console with somebody in front of it who remembers everything that was printed.
type terminal struct {
	t    *testing.T
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

// newTerminal sits down in front of a console.
func newTerminal(t *testing.T, screen io.Reader, keys io.Writer) *terminal {
	term := &terminal{t: t, keys: keys, changed: make(chan struct{})}
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

// terminal opens the serial console of a machine.
func (cl *client) terminal(t *testing.T, name string) *terminal {
	t.Helper()
	conn := cl.console(t, name, "serial")
	return newTerminal(t, conn, conn)
}

// await reads on until one of the texts was printed, and returns what came before it and its index.
func (term *terminal) await(texts ...string) (before string, which int) {
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

// ended waits until the console has ended.
func (term *terminal) ended() {
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

func (term *terminal) enter(line string) {
	term.t.Helper()
	if _, err := io.WriteString(term.keys, line+"\n"); err != nil {
		term.t.Fatal(err)
	}
}

// login logs in as root at the guest's next invitation.
func (term *terminal) login() {
	term.t.Helper()
	term.await("login: ")
	term.enter("root")
	term.await("assword: ")
	term.enter("hanok")
	if _, which := term.await("# ", "incorrect"); which != 0 {
		term.t.Fatal("the guest does not let root in with the password hanok")
	}
}

// run executes a command in the guest, which must have been logged in to, and returns what it printed.
func (term *terminal) run(command string) string {
	term.t.Helper()
	n := commands.Add(1)
	begin, end := fmt.Sprintf("@begin%d@", n), fmt.Sprintf("@end%d@", n)
	// The shell shows what is typed, in which the marks must not stand.
	mark := func(text string) string { return "printf '@%s@' " + strings.Trim(text, "@") }
	term.enter(mark(begin) + "; { " + command + "; }; status=$?; " + mark(end) + "; echo $status.")
	term.await(begin)
	out, _ := term.await(end)
	status, _ := term.await(".")
	out = strings.ReplaceAll(out, "\r", "")
	if code, err := strconv.Atoi(status); err != nil || code != 0 {
		term.t.Fatalf("%s: exit code %s\n%s", command, status, out)
	}
	return strings.TrimSuffix(out, "\n")
}

// number reads a number that a guest has printed.
func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
