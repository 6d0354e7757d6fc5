package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/api/hanok/v1/hanokv1connect"
	"hanok/dc"
)

// center is a data center as its users start it, and a client that has logged in.
type center struct {
	program, packages, data string
	cmd                     *exec.Cmd
	complaint               bytes.Buffer

	url      string
	token    string
	api      *http.Client
	console  *http.Client // WebSockets are opened with HTTP/1.1
	machines hanokv1connect.VirtualMachineServiceClient
	hosts    hanokv1connect.HostServiceClient
	tasks    hanokv1connect.TaskServiceClient
	sessions hanokv1connect.SessionServiceClient
}

// hello is the machine that a new data center has.
const hello = "hello"

func newCenter(ctx context.Context, work, program, packages string) (*center, error) {
	return &center{program: program, packages: packages, data: filepath.Join(work, "data")}, nil
}

// measureStarts starts the data center for the first time and again, and stays logged in.
func (c *center) measureStarts(ctx context.Context) error {
	for _, which := range []string{"first", "second"} {
		c.down()
		since := stopwatch()
		if err := c.up(ctx); err != nil {
			return err
		}
		took := since()
		memory, err := c.memory()
		if err != nil {
			return err
		}
		fmt.Printf("hanok up, %s start: ready after %.1f s; its memory, with %q running: %d MB\n", which, took.Seconds(), hello, memory>>20)
	}
	return c.login(ctx)
}

// up starts the service and returns when it is ready.
func (c *center) up(ctx context.Context) error {
	c.complaint.Reset()
	c.cmd = exec.Command(c.program, "up", "--data", c.data, "--listen", "127.0.0.1:0", "--image-packages", c.packages)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this program
	c.cmd.Stderr = &c.complaint
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = c.cmd.Process.Signal(os.Interrupt) })()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			c.url = url
			return nil
		}
	}
	_ = c.cmd.Wait()
	return fmt.Errorf("hanok up ended before it was ready: %s", &c.complaint)
}

// down ends the service, if it runs, and not its machines.
func (c *center) down() {
	if c.cmd == nil || c.cmd.ProcessState != nil {
		return
	}
	_ = c.cmd.Process.Signal(os.Interrupt)
	_ = c.cmd.Wait()
}

// remove ends everything that the data center has started, and deletes it.
func (c *center) remove() {
	c.down()
	if err := execute(c.program, "clean", "--data", c.data); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// memory is what the service occupies, in bytes.
func (c *center) memory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kilobytes, err := strconv.ParseInt(f[1], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS in %q", status)
}

// login opens a session, and the connection that all calls share.
func (c *center) login(ctx context.Context) error {
	pem, err := os.ReadFile(filepath.Join(c.data, "ca.pem"))
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(c.data, "first-login.json"))
	if err != nil {
		return err
	}
	var first struct{ User, Password string }
	if err := json.Unmarshal(b, &first); err != nil {
		return err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)
	c.api = &http.Client{Transport: bearer{c, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}}}
	c.console = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, NextProtos: []string{"http/1.1"}}}}
	c.sessions = hanokv1connect.NewSessionServiceClient(c.api, c.url)
	c.machines = hanokv1connect.NewVirtualMachineServiceClient(c.api, c.url)
	c.hosts = hanokv1connect.NewHostServiceClient(c.api, c.url)
	c.tasks = hanokv1connect.NewTaskServiceClient(c.api, c.url)
	res, err := c.sessions.Login(ctx, &hanokv1.LoginRequest{Username: first.User, Password: first.Password})
	if err != nil {
		return err
	}
	c.token = res.Token
	return nil
}

// bearer adds the session's token to every request.
type bearer struct {
	c    *center
	next http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.c.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.c.token)
	}
	return b.next.RoundTrip(r)
}

// image is the file that the machine's disk started as.
func (c *center) image() string { return filepath.Join(c.data, "starter", "starter.img") }

// machine returns the machine's hardware, and leaves it without power.
func (c *center) machine(ctx context.Context) (dc.Machine, error) {
	if err := c.powerOff(ctx); err != nil {
		return dc.Machine{}, err
	}
	return c.hardware(ctx, hello)
}

// hardware returns a machine's hardware.
func (c *center) hardware(ctx context.Context, name string) (dc.Machine, error) {
	res, err := c.machines.GetVirtualMachine(ctx, &hanokv1.GetVirtualMachineRequest{VirtualMachine: name})
	if err != nil {
		return dc.Machine{}, err
	}
	vm := res.VirtualMachine
	return dc.Machine{ID: dc.VirtualMachineID(vm.Id), Name: vm.Name, Folder: vm.Name, Hardware: convert.FromHardware(vm.Hardware)}, nil
}

func (c *center) powerOn(ctx context.Context) (r reached, err error) {
	begin, since := time.Now(), stopwatch()
	if err := c.power(ctx, hello, dc.PowerOn); err != nil {
		return r, err
	}
	r.told = since()
	running, err := cpusRan(filepath.Join(c.data, "datastore1", hello, "vmware.log"), begin)
	if err != nil {
		return r, err
	}
	r.running = running.Sub(begin)
	ticket, err := c.machines.OpenConsole(ctx, &hanokv1.OpenConsoleRequest{VirtualMachine: hello, Kind: string(dc.ConsoleSerial)})
	if err != nil {
		return r, err
	}
	socket, _, err := websocket.Dial(ctx, "wss"+strings.TrimPrefix(c.url, "https")+ticket.Path,
		&websocket.DialOptions{HTTPClient: c.console, Subprotocols: []string{"binary"}})
	if err != nil {
		return r, err
	}
	defer socket.CloseNow()
	err = firstOutput(websocket.NetConn(ctx, socket, websocket.MessageBinary))
	r.output = since()
	return r, err
}

// cpusRan returns when a machine's CPUs began to run, as the driver has written it into the machine's log since begin.
func cpusRan(path string, begin time.Time) (time.Time, error) {
	log, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(string(log)) {
		if stamp, ok := strings.CutSuffix(line, " hanok: its CPUs run\n"); ok {
			if at, err := time.Parse(time.RFC3339Nano, stamp); err != nil || at.After(begin) {
				return at, err
			}
		}
	}
	return time.Time{}, fmt.Errorf("%s does not say when the CPUs began to run:\n%s", path, log)
}

func (c *center) powerOff(ctx context.Context) error { return c.power(ctx, hello, dc.PowerOff) }

// power returns when the operation's task has ended.
func (c *center) power(ctx context.Context, name string, op dc.PowerOp) error {
	res, err := c.machines.PowerVirtualMachine(ctx, &hanokv1.PowerVirtualMachineRequest{VirtualMachine: name, Op: string(op)})
	if err != nil {
		return err
	}
	return c.await(ctx, res.Task)
}

// await returns when a task has ended, with its failure.
func (c *center) await(ctx context.Context, task *hanokv1.Task) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	changes, err := c.tasks.WatchTask(ctx, &hanokv1.WatchTaskRequest{Task: task.Id})
	if err != nil {
		return err
	}
	defer changes.Close()
	for changes.Receive() {
		switch task := changes.Msg().Task; task.State {
		case string(dc.TaskSuccess):
			return nil
		case string(dc.TaskError):
			return fmt.Errorf("%s %s: %v", task.Type, task.Target, task.Failure)
		}
	}
	return fmt.Errorf("%s %s: the task is not told any more: %w", task.Type, task.Target, changes.Err())
}

// stopwatch returns a function that returns the time since this call.
func stopwatch() func() time.Duration {
	begin := time.Now()
	return func() time.Duration { return time.Since(begin) }
}
