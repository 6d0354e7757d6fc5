// Package drivertest says what the agent's drivers promise, as tests that every set of them passes: the simulated one and
// the real one, with real guests under software emulation. The tests of the packages in host call Run.
//
// Nothing waits for a fixed time: a test waits for the driver's Changed and looks at the state, until Setup.Patience has
// passed.
package drivertest

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"hanok/agent"
	"hanok/dc"
)

// Drivers are the drivers of one process of the agent.
type Drivers struct {
	agent.Hypervisor
	agent.Storage
	agent.Network
}

// Setup is one empty host to test on. Each test gets its own.
type Setup struct {
	// Open returns the drivers for a new process of the agent on this host. The test calls Close on the Hypervisor
	// before it calls Open again.
	Open func() Drivers
	// Path is the folder for a datastore, which need not exist.
	Path string
	// Machine is the hardware to test with: it boots a guest whose agent answers, and has one NIC and a first disk that
	// starts as an image. The test fills in the rest.
	Machine dc.Hardware
	// Image opens the content of that image.
	Image func() (io.ReadCloser, error)
	// Patience bounds each wait for one thing, such as a guest's boot.
	Patience time.Duration
	// Kill ends the machine's process as kill -9 does.
	Kill func(id dc.VirtualMachineID)
	// Log is part of the machine's log, and so of what is said of a machine that was killed.
	Log string
	// Restart lets the machine's guest restart itself. serial is its first serial port.
	Restart func(m dc.Machine, serial io.ReadWriter)
	// Fill leaves no space on the datastore and lets the machine's guest write until it notices. serial is its first serial
	// port. Free makes space again.
	Fill func(m dc.Machine, serial io.ReadWriter)
	Free func()
}

// Run runs all tests. setup is called once for each.
func Run(t *testing.T, setup func(t *testing.T) Setup) {
	for _, test := range []struct {
		name string
		run  func(*host)
	}{
		{"Files", testFiles},
		{"Configure", testConfigure},
		{"Reconfigure", testReconfigure},
		{"Attach", testAttach},
		{"Register", testRegister},
		{"Unknown", testUnknown},
		{"Power", testPower},
		{"Keep", testKeep},
		{"Suspend", testSuspend},
		{"Recover", testRecover},
		{"Lost", testLost},
		{"Killed", testKilled},
		{"Guest", testGuest},
		{"Restart", testRestart},
		{"Silent", testSilentGuest},
		{"Readings", testReadings},
		{"Consoles", testConsoles},
		{"Full", testFull},
		{"Network", testNetwork},
		{"Probe", testProbe},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &host{T: t, Setup: setup(t), handles: map[dc.VirtualMachineID]dc.Handle{}}
			h.open()
			t.Cleanup(h.end)
			test.run(h)
		})
	}
}

// host is a Setup in use.
type host struct {
	*testing.T
	Setup
	Drivers
	machines []dc.Machine
	handles  map[dc.VirtualMachineID]dc.Handle
	// Exit that no test asked for is shown when a wait fails.
}

const datastore dc.DatastoreID = "datastore-test"

// open opens the drivers and mounts the datastore.
func (h *host) open() {
	h.Helper()
	h.Drivers = h.Setup.Open()
	h.ok(h.Mount(h.ctx(), datastore, h.Path))
}

// restart is the end of the agent's process and a new one.
func (h *host) restart() {
	h.Helper()
	h.ok(h.Close())
	h.open()
}

// end takes the power of all machines, so that no test leaves a process behind.
func (h *host) end() {
	ctx, cancel := context.WithTimeout(context.Background(), h.Patience)
	defer cancel()
	for _, m := range h.machines {
		if err := h.Stop(ctx, m); err != nil {
			h.Error("stop at the end:", err)
		}
	}
	if err := h.Close(); err != nil {
		h.Error("close at the end:", err)
	}
}

// ctx returns a context for one call.
func (h *host) ctx() context.Context {
	ctx, cancel := context.WithTimeout(h.Context(), h.Patience)
	h.Cleanup(cancel)
	return ctx
}

func (h *host) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// kind fails the test unless err is of the kind.
func (h *host) kind(err error, want dc.ErrorKind) {
	h.Helper()
	if got := dc.KindOf(err); got != want {
		h.Fatalf("error %v of kind %q, want kind %q", err, got, want)
	}
}

// machine returns a machine without files.
func (h *host) machine(n int) dc.Machine {
	m := dc.Machine{
		ID: dc.VirtualMachineID(fmt.Sprintf("vm-test%d", n)), Name: fmt.Sprintf("test %d", n),
		Hardware: h.Machine, Datastore: datastore, Folder: fmt.Sprintf("test %d", n),
	}
	m.UUID = fmt.Sprintf("3f2b6a10-0000-4000-8000-%012d", n)
	m.NameDisks(m.Folder)
	m.NICs = append([]dc.NIC(nil), m.NICs...)
	for i := range m.NICs {
		m.NICs[i].MAC = fmt.Sprintf("52:54:00:00:%02x:%02x", n, i)
	}
	h.machines = append(h.machines, m)
	return m
}

// created returns a machine with files.
func (h *host) created(n int) dc.Machine {
	h.Helper()
	m := h.machine(n)
	h.ok(h.CreateMachine(h.ctx(), m, h.fetch, func(int64, int64) {}))
	return m
}

// fetch is the ImageFetcher of the tests.
func (h *host) fetch(_ context.Context, digest string) (io.ReadCloser, error) {
	if want := h.Machine.Disks[0].Image; digest != want {
		return nil, dc.Errorf(dc.NotFound, "no image %s", digest)
	}
	return h.Image()
}

// start gives a machine power.
func (h *host) start(m dc.Machine) {
	h.Helper()
	h.ok(h.tryStart(m))
}

func (h *host) tryStart(m dc.Machine) error {
	h.Helper()
	nics, err := h.Plug(h.ctx(), m)
	h.ok(err)
	return h.Start(h.ctx(), m, nics, func(handle dc.Handle) error {
		if len(handle) == 0 {
			h.Error("keep was given an empty handle")
		}
		h.handles[m.ID] = handle
		return nil
	})
}

// started returns a machine with power.
func (h *host) started(n int) dc.Machine {
	h.Helper()
	m := h.created(n)
	h.start(m)
	return m
}

func (h *host) state(m dc.Machine) dc.MachineState {
	h.Helper()
	state, err := h.State(h.ctx(), m)
	h.ok(err)
	return state
}

// is fails the test unless the machine is in the run state now.
func (h *host) is(m dc.Machine, want dc.RunState) dc.MachineState {
	h.Helper()
	state := h.state(m)
	if state.Run != want {
		h.Fatalf("%s is %s (%+v), want %s", m.ID, state.Run, state, want)
	}
	return state
}

// until waits for the machine's state to satisfy done, looking only when Changed said so.
func (h *host) until(m dc.Machine, what string, done func(dc.MachineState) bool) dc.MachineState {
	h.Helper()
	patience := time.NewTimer(h.Patience)
	defer patience.Stop()
	for {
		state := h.state(m)
		if done(state) {
			return state
		}
		for changed := false; !changed; {
			select {
			case id, open := <-h.Changed():
				if !open {
					h.Fatalf("Changed was closed while waiting for %s", what)
				}
				changed = id == m.ID
			case <-patience.C:
				h.Fatalf("%s: no %s; it is %+v and was said to be %+v", m.ID, what, h.state(m), state)
			}
		}
	}
}

// booted waits until the guest's agent answers with an address.
func (h *host) booted(m dc.Machine) dc.Guest {
	h.Helper()
	return h.until(m, "answer of the guest's agent", func(s dc.MachineState) bool {
		return s.Guest.AgentRunning && len(s.Guest.Addresses) > 0
	}).Guest
}

// stopped waits until the machine has no power.
func (h *host) stopped(m dc.Machine) dc.MachineState {
	h.Helper()
	return h.until(m, "loss of power", func(s dc.MachineState) bool { return s.Run == dc.RunStopped })
}
