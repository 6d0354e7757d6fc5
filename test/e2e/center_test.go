package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hanok/test/client"
)

// patience bounds every wait for something that a slow machine may take long over.
const patience = 3 * time.Minute

// center is a data center that runs as its own process.
type center struct {
	// t is the test, or the story of it, that runs now.
	t    *testing.T
	data string
	cmd  *exec.Cmd
	// printed is everything that the service has printed, up to "ready".
	printed []string
	exited  chan error
}

// story runs a part of a test that several parts share a data center for.
func (c *center) story(name string, tell func(t *testing.T)) {
	whole := c.t
	defer func() { c.t = whole }()
	whole.Run(name, func(t *testing.T) {
		c.t = t
		tell(t)
	})
}

func program(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/hanok")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make build first, or make test", err)
	}
	return path
}

// up starts the service and waits until it says that it is ready.
func (c *center) up(flags ...string) {
	c.t.Helper()
	lines, complaint := c.start(flags...)
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				c.t.Fatalf("the service ended with %v before it was ready:\n%s\n%s%s", <-c.exited, strings.Join(c.printed, "\n"), complaint, c.log())
			}
			c.printed = append(c.printed, line)
			if strings.HasPrefix(line, "ready https://") {
				go func() {
					for range lines {
					}
				}()
				return
			}
		case <-deadline:
			c.t.Fatalf("the service is not ready after %v:\n%s\n%s", patience, strings.Join(c.printed, "\n"), c.log())
		}
	}
}

// start starts the service. It returns what it prints, line by line, and what it complains of once the lines have ended.
func (c *center) start(flags ...string) (<-chan string, *bytes.Buffer) {
	c.t.Helper()
	packages, err := filepath.Abs("../../.cache/image-packages")
	if err != nil {
		c.t.Fatal(err)
	}
	args := append([]string{"up", "--data", c.data, "--listen", "127.0.0.1:0", "--image-packages", packages}, flags...)
	cmd := exec.Command(program(c.t), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	lines, exited := make(chan string, 100), make(chan error, 1) // more than it prints: it never waits for its reader
	go func() {
		s := bufio.NewScanner(out)
		for s.Scan() {
			lines <- s.Text()
		}
		exited <- cmd.Wait()
		close(lines)
	}()
	c.cmd, c.exited, c.printed = cmd, exited, nil
	return lines, &complaint
}

// runFolder returns the folder of the data center's sockets.
func (c *center) runFolder() string {
	c.t.Helper()
	var marker struct{ Run string }
	b, err := os.ReadFile(filepath.Join(c.data, "hanok.json"))
	if err == nil {
		err = json.Unmarshal(b, &marker)
	}
	if err != nil || marker.Run == "" {
		c.t.Fatalf("no run folder in %s: %v", b, err)
	}
	return filepath.Join("/run/hanok", marker.Run)
}

// log returns the end of the service's log, for a failure.
func (c *center) log() string {
	b, _ := os.ReadFile(filepath.Join(c.data, "hanok.log"))
	return "hanok.log:\n" + string(b[max(0, len(b)-4000):])
}

// signal ends the service and waits for it.
func (c *center) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-c.exited:
	case <-time.After(patience):
		c.t.Fatalf("the service does not end after %v", s)
	}
}

// run executes a command of the client and returns what it printed and its exit code.
func (c *center) run(stdin string, args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	return execute(c.t, nil, stdin, append([]string{"--data", c.data}, args...)...)
}

// execute runs the program until it ends by itself. env is added to the environment.
func execute(t *testing.T, env []string, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t), args...)
	cmd.Env = append(os.Environ(), env...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &complaint
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), complaint.String(), cmd.ProcessState.ExitCode()
}

// ok runs a command that has to succeed.
func (c *center) ok(args ...string) string {
	c.t.Helper()
	out, complaint, code := c.run("", args...)
	if code != 0 {
		c.t.Fatalf("hanok %s: exit code %d\n%s%s\n%s", strings.Join(args, " "), code, out, complaint, c.log())
	}
	return out
}

// refused runs a command that has to fail with a message that has all parts.
func (c *center) refused(parts []string, args ...string) {
	c.t.Helper()
	refused(c.t, nil, parts, append([]string{"--data", c.data}, args...)...)
}

// refused runs a command that has to fail with a message that has all parts. env is added to the environment.
func refused(t *testing.T, env, parts []string, args ...string) {
	t.Helper()
	out, complaint, code := execute(t, env, "", args...)
	t.Logf("hanok %s\n%s", strings.Join(args, " "), complaint)
	if code != 1 {
		t.Errorf("exit code %d, want 1\n%s", code, out)
	}
	for _, p := range parts {
		if !strings.Contains(complaint, p) {
			t.Errorf("it does not say %q", p)
		}
	}
}

// objects returns what a list command shows, as JSON objects.
func (c *center) objects(noun string) []map[string]any {
	c.t.Helper()
	return c.parse(c.ok(noun, "list", "-o", "json"))
}

func (c *center) parse(list string) []map[string]any {
	c.t.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte(list), &all); err != nil {
		c.t.Fatalf("%v in %s", err, list)
	}
	return all
}

// events returns all events, the newest last.
func (c *center) events() []map[string]any {
	c.t.Helper()
	return c.parse(c.ok("event", "list", "--limit", "1000000", "-o", "json"))
}

// client logs in as the first user. It needs the initial password, and ends with the test.
func (c *center) client() *client.Client {
	c.t.Helper()
	return client.New(c.t, c.data)
}

// firstLogin is what the first user logs in with.
func (c *center) firstLogin() client.Login {
	c.t.Helper()
	first, err := client.FirstLogin(c.data)
	if err != nil {
		c.t.Fatal(err)
	}
	return first
}

// machine is a row of `vm list -o json`.
type machine struct {
	ID, Name, PowerState, Host string
	Addresses                  []string
}

func (c *center) machines() []machine {
	c.t.Helper()
	var all []machine
	out := c.ok("vm", "list", "-o", "json")
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		c.t.Fatalf("%v in %s", err, out)
	}
	return all
}

func (c *center) machine(name string) machine {
	c.t.Helper()
	for _, m := range c.machines() {
		if m.Name == name {
			return m
		}
	}
	c.t.Fatalf("there is no machine %q", name)
	return machine{}
}

// event waits for a new event whose JSON holds all parts. It follows the events, those that are there already included.
func (c *center) event(parts ...string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(c.t), "--data", c.data, "event", "list", "--follow", "-o", "json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	defer func() { cancel(); cmd.Wait() }()
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		found := true
		for _, p := range parts {
			found = found && strings.Contains(s.Text(), p)
		}
		if found {
			return
		}
	}
	c.t.Fatalf("no event with %q came", parts)
}

// qemu returns the process that executes a machine of the data center's own datastore, or 0. Two would be a disaster.
func (c *center) qemu(name string) int {
	c.t.Helper()
	return qemuIn(c.t, filepath.Join(c.data, "datastore1", name))
}

// qemuIn returns the process that executes the machine in a folder, or 0.
func qemuIn(t *testing.T, folder string) int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	mine := regexp.MustCompile(regexp.QuoteMeta(folder) + `([^0-9A-Za-z_-]|$)`)
	found := 0
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte("qemu-system")) || !mine.Match(line) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		if found != 0 {
			t.Fatalf("processes %d and %d both execute the machine in %s", found, pid, folder)
		}
		found = pid
	}
	return found
}

// until waits for something that nobody tells of.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v it is still not true that %s", patience, what)
		}
	}
}

// newCenter returns a data center that is not started yet, below a folder that only root may enter. What it leaves at
// the end is removed by its own command.
func newCenter(t *testing.T) *center {
	c := &center{t: t, data: filepath.Join(t.TempDir(), "private", "data")}
	if err := os.Mkdir(filepath.Dir(c.data), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.cmd != nil && c.cmd.ProcessState == nil {
			c.cmd.Process.Kill()
			<-c.exited
		}
		var groups []string
		if _, err := os.Stat(filepath.Join(c.data, "hanok.json")); err == nil {
			groups = []string{"/sys/fs/cgroup/hanok-" + filepath.Base(c.runFolder()), "/sys/fs/cgroup/*/hanok-" + filepath.Base(c.runFolder())}
		}
		out, err := exec.Command(program(t), "clean", "--data", c.data).CombinedOutput()
		if err != nil {
			t.Errorf("hanok clean: %v\n%s", err, out)
		}
		if _, err := os.Stat(c.data); err == nil {
			t.Errorf("%s is left after hanok clean", c.data)
		}
		for _, pattern := range groups {
			if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
				t.Errorf("control groups are left after hanok clean: %v, %v", left, err)
			}
		}
	})
	return c
}

func (m machine) String() string {
	return fmt.Sprintf("%s %s %v", m.Name, m.PowerState, m.Addresses)
}
