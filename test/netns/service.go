package netns

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience bounds every wait for something that a slow machine may take long over.
const patience = 2 * time.Minute

// Service is a hanok that runs on a machine until it is ended.
type Service struct {
	m      *Machine
	cmd    *exec.Cmd
	errors bytes.Buffer
	ready  chan string
	exited chan struct{}
	// URL is what the service has said that it is ready at.
	URL string
}

// Serve starts hanok with the arguments and the machine's data folder, and returns when it says that it is ready.
func (m *Machine) Serve(stdin string, args ...string) *Service {
	m.s.t.Helper()
	v := m.Start(stdin, args...)
	v.Ready()
	return v
}

// Start starts hanok with the arguments and the machine's data folder.
func (m *Machine) Start(stdin string, args ...string) *Service {
	m.s.t.Helper()
	v := &Service{m: m, ready: make(chan string, 1), exited: make(chan struct{})}
	v.cmd = m.Command(append([]string{m.Program, "--data", m.Data}, args...)...)
	v.cmd.Stdin, v.cmd.Stderr = strings.NewReader(stdin), &v.errors
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		m.s.t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		m.s.t.Fatal(err)
	}
	go func() {
		defer close(v.exited)
		defer close(v.ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				v.ready <- url
			}
		}
		_ = v.cmd.Wait()
	}()
	return v
}

// Ready waits until the service says that it is ready. It is called once.
func (v *Service) Ready() {
	v.m.s.t.Helper()
	if complaint, ready := v.Settled(); !ready {
		v.m.s.t.Fatalf("%v on %s ends instead of being ready:\n%s%s", v.cmd.Args, v.m.Name, complaint, v.m.Log())
	}
}

// Settled waits until the service is ready or has ended, and returns which, with all that it has complained about if it has ended.
// It is called in the place of Ready.
func (v *Service) Settled() (complaint string, ready bool) {
	v.m.s.t.Helper()
	select {
	case v.URL = <-v.ready: // or closed, by the end
	case <-time.After(patience):
		v.m.s.t.Fatalf("%v on %s is neither ready nor ends\n%s", v.cmd.Args, v.m.Name, v.m.Log())
	}
	if v.URL != "" {
		return "", true
	}
	<-v.exited
	return v.errors.String(), false
}

// IsReady reports whether the service has said that it is ready, by now. Ready is not called after it has.
func (v *Service) IsReady() bool {
	select {
	case v.URL = <-v.ready:
	default:
	}
	return v.URL != ""
}

// Ended waits until the service has ended by itself, and returns all that it has complained about.
func (v *Service) Ended() (complaint string) {
	v.m.s.t.Helper()
	select {
	case <-v.exited:
	case <-time.After(patience):
		v.m.s.t.Fatalf("%v on %s does not end\n%s", v.cmd.Args, v.m.Name, v.m.Log())
	}
	return v.errors.String()
}

// Signal sends a signal to the service and, if it ends it, waits for its end.
func (v *Service) Signal(s syscall.Signal) {
	v.m.s.t.Helper()
	for _, pid := range v.m.Pids("hanok") {
		if err := syscall.Kill(pid, s); err != nil && err != syscall.ESRCH {
			v.m.s.t.Fatal(err)
		}
	}
	switch s {
	case syscall.SIGCONT:
		_ = v.cmd.Process.Signal(s) // nsenter stopped together with what it runs; it may have ended
		return
	case syscall.SIGSTOP:
		return
	}
	select {
	case <-v.exited:
	case <-time.After(patience):
		v.m.s.t.Fatalf("hanok on %s does not end after %v", v.m.Name, s)
	}
}

// Log returns the end of the log of the machine's hanok.
func (m *Machine) Log() string {
	data, _ := os.ReadFile(filepath.Join(m.Data, "hanok.log"))
	return fmt.Sprintf("hanok.log of %s:\n%s", m.Name, data[max(0, len(data)-4000):])
}

// AwaitLog waits until the log of the machine's hanok has the text.
func (m *Machine) AwaitLog(text string) {
	m.s.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(m.Log(), text); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.s.t.Fatalf("no %q in %s", text, m.Log())
		}
	}
}

// Try runs a command of the client on the machine.
func (m *Machine) Try(args ...string) (stdout, stderr string, err error) {
	m.s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := m.Command(append([]string{m.Program, "--data", m.Data}, args...)...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err = cmd.Start(); err == nil {
		defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
		err = cmd.Wait()
	}
	return out.String(), complaint.String(), err
}

// Hanok runs a command of the client that has to succeed, and returns what it has printed.
func (m *Machine) Hanok(args ...string) string {
	m.s.t.Helper()
	out, complaint, err := m.Try(args...)
	if err != nil {
		m.s.t.Fatalf("hanok %s: %v\n%s%s\n%s", strings.Join(args, " "), err, out, complaint, m.Log())
	}
	return out
}

// Await runs a command of the client again until what it prints satisfies done, and returns that.
func (m *Machine) Await(what string, done func(out string) bool, args ...string) string {
	m.s.t.Helper()
	var out, complaint string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var err error
		if out, complaint, err = m.Try(args...); err == nil && done(out) {
			return out
		}
	}
	m.s.t.Fatalf("no %s: hanok %s says\n%s%s\n%s", what, strings.Join(args, " "), out, complaint, m.Log())
	return ""
}
