package drivertest

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"io"
	"strings"
	"sync"
	"time"

	"hanok/dc"
)

func testProbe(h *host) {
	found, err := h.Probe(h.ctx())
	h.ok(err)
	if found.Name == "" || found.Version == "" || found.Accelerator == "" || found.Reason == "" {
		h.Errorf("the probe leaves something out: %+v", found)
	}
	if found.Accelerator == dc.TCG && len(found.Warnings) == 0 {
		h.Error("software emulation is not warned of")
	}
}

// testUnknown: what is not there is off, and stays so.
func testUnknown(h *host) {
	m := h.created(1)
	if state := h.is(m, dc.RunStopped); state.Exit != nil {
		h.Errorf("a machine that never ran has ended: %+v", state.Exit)
	}
	h.ok(h.Stop(h.ctx(), m))
	h.kind(h.Reset(h.ctx(), m.ID), dc.WrongState)
	h.kind(h.Suspend(h.ctx(), m), dc.WrongState)
	h.kind(h.Continue(h.ctx(), m.ID), dc.WrongState)
	h.kind(h.Allocate(h.ctx(), m), dc.WrongState)
	h.kind(h.Reconfigure(h.ctx(), m, nil), dc.WrongState)
	h.kind(h.ShutdownGuest(h.ctx(), m.ID), dc.WrongState)
	h.kind(h.RebootGuest(h.ctx(), m.ID), dc.WrongState)
	h.kind(h.Screenshot(h.ctx(), m.ID, io.Discard), dc.WrongState)
	_, err := h.OpenConsole(h.ctx(), m.ID, dc.ConsoleSerial)
	h.kind(err, dc.WrongState)
	_, err = h.Find(h.ctx(), m)
	h.kind(err, dc.NotFound)
	for _, handle := range []dc.Handle{nil, dc.Handle("{}"), dc.Handle("\x00 nonsense")} {
		h.kind(h.Recover(h.ctx(), m, handle), dc.NotFound)
	}
	elsewhere := m
	elsewhere.Datastore = "datastore-absent"
	_, err = h.State(h.ctx(), elsewhere)
	h.kind(err, dc.NotFound)
}

func testPower(h *host) {
	m, other := h.started(1), h.started(2)
	h.is(m, dc.RunRunning)
	// A second start changes nothing, and does not touch the handle.
	handle := h.handles[m.ID]
	h.kind(h.tryStart(m), dc.WrongState)
	if !bytes.Equal(handle, h.handles[m.ID]) {
		h.Error("a refused start has asked to keep a handle")
	}
	h.ok(h.Reset(h.ctx(), m.ID))
	h.is(m, dc.RunRunning)
	// Its share of the host changes while it runs, whatever of it this host can enforce.
	m.Resources.CPU = dc.Allocation{Level: dc.SharesHigh, Limit: 500}
	m.Pools = []dc.PoolShare{{ID: "resgroup-1", Config: dc.DefaultPoolConfig()}}
	h.ok(h.Allocate(h.ctx(), m))
	h.is(m, dc.RunRunning)

	h.ok(h.Stop(h.ctx(), m))
	state := h.is(m, dc.RunStopped)
	if state.Exit == nil || !state.Exit.Clean || state.Exit.Guest {
		h.Errorf("it was stopped, and ended as %+v", state.Exit)
	}
	if state.Guest.AgentRunning || state.Pause != nil {
		h.Errorf("a stopped machine says %+v", state)
	}
	h.stopped(m) // Changed has said so
	h.ok(h.Stop(h.ctx(), m))
	h.is(other, dc.RunRunning)

	h.start(m)
	if state := h.is(m, dc.RunRunning); state.Exit != nil {
		h.Errorf("it runs, and has ended: %+v", state.Exit)
	}
}

// testKeep: a machine whose handle can't be kept is not started.
func testKeep(h *host) {
	m := h.created(1)
	nics, err := h.Plug(h.ctx(), m)
	h.ok(err)
	full := errors.New("the host's disk is full")
	var handle dc.Handle
	err = h.Start(h.ctx(), m, nics, func(given dc.Handle) error {
		handle = given
		return full
	})
	if !errors.Is(err, full) {
		h.Fatalf("error %v, want that of keep", err)
	}
	h.is(m, dc.RunStopped)
	h.restart()
	h.kind(h.Recover(h.ctx(), m, handle), dc.NotFound)
	h.start(m)
}

func testSuspend(h *host) {
	m := h.started(1)
	before := h.booted(m)
	suspend := func() {
		h.ok(h.Suspend(h.ctx(), m))
		if state := h.is(m, dc.RunSuspended); state.Guest.AgentRunning {
			h.Errorf("a suspended guest answers: %+v", state)
		}
		h.until(m, "suspension", func(s dc.MachineState) bool { return s.Run == dc.RunSuspended })
	}
	suspend()
	h.kind(h.Suspend(h.ctx(), m), dc.WrongState)
	// Nothing but the datastore knows of it.
	h.restart()
	h.is(m, dc.RunSuspended)
	h.kind(h.Recover(h.ctx(), m, h.handles[m.ID]), dc.NotFound)
	h.start(m)
	if after := h.booted(m); after.Hostname != before.Hostname {
		h.Errorf("the guest was %+v and is %+v", before, after)
	}
	// A second time, and then without waking up.
	suspend()
	h.ok(h.Stop(h.ctx(), m))
	h.is(m, dc.RunStopped)
	h.restart()
	h.is(m, dc.RunStopped)
}

// testRecover: the agent's process comes and goes, and no machine notices.
func testRecover(h *host) {
	m, killed, stranger := h.started(1), h.started(2), h.created(3)
	guest := h.booted(m)
	changed := h.Changed()
	h.ok(h.Close())
	for range changed { // until it is closed
	}
	h.kind(h.Stop(h.ctx(), m), dc.Unavailable)
	h.Kill(killed.ID)
	h.open()

	h.ok(h.Recover(h.ctx(), m, h.handles[m.ID]))
	h.ok(h.Recover(h.ctx(), m, h.handles[m.ID])) // again is a success
	h.is(m, dc.RunRunning)
	if again := h.booted(m); again.Hostname != guest.Hostname {
		h.Errorf("the guest was %+v and is %+v", guest, again)
	}
	h.kind(h.tryStart(m), dc.WrongState)
	h.ok(h.Recover(h.ctx(), m, h.handles[m.ID]))

	h.kind(h.Recover(h.ctx(), killed, h.handles[killed.ID]), dc.NotFound)
	if state := h.is(killed, dc.RunStopped); state.Exit != nil && state.Exit.Clean {
		h.Errorf("it was killed, and has ended as %+v", state.Exit)
	}
	// Another machine's handle finds nothing, and disturbs nobody.
	h.kind(h.Recover(h.ctx(), stranger, h.handles[killed.ID]), dc.NotFound)

	// A handle of a machine that was stopped since, and one from before its last start.
	old := h.handles[m.ID]
	h.ok(h.Stop(h.ctx(), m))
	h.kind(h.Recover(h.ctx(), m, old), dc.NotFound)
	h.start(m)
	h.restart()
	h.ok(h.Recover(h.ctx(), m, h.handles[m.ID]))
	h.is(m, dc.RunRunning)
}

// testLost: the agent's process has lost its records, and finds a machine that runs.
func testLost(h *host) {
	m, off, suspended := h.started(1), h.created(2), h.started(3)
	guest := h.booted(m)
	h.booted(suspended)
	h.ok(h.Suspend(h.ctx(), suspended))
	h.restart()
	for _, idle := range []dc.Machine{off, suspended} {
		_, err := h.Find(h.ctx(), idle)
		h.kind(err, dc.NotFound)
	}
	h.is(suspended, dc.RunSuspended)
	handle, err := h.Find(h.ctx(), m)
	h.ok(err)
	h.ok(h.Recover(h.ctx(), m, handle))
	h.is(m, dc.RunRunning)
	if again := h.booted(m); again.Hostname != guest.Hostname {
		h.Errorf("the guest was %+v and is %+v", guest, again)
	}
	// The handle is as good as the one that was lost.
	h.restart()
	h.ok(h.Recover(h.ctx(), m, handle))
	h.ok(h.Stop(h.ctx(), m))
	_, err = h.Find(h.ctx(), m)
	h.kind(err, dc.NotFound)
}

// testKilled: a machine whose process dies is reported with its log, and can be started again.
func testKilled(h *host) {
	m, other := h.started(1), h.started(2)
	h.Kill(m.ID)
	state := h.stopped(m)
	if state.Exit == nil || state.Exit.Clean || !strings.Contains(state.Exit.Message, h.Log) || state.Exit.Message == "" {
		h.Errorf("it was killed, and ended as %+v; want %q in the message", state.Exit, h.Log)
	}
	h.is(other, dc.RunRunning)
	h.ok(h.Stop(h.ctx(), m))
	h.start(m)
	h.is(m, dc.RunRunning)
}

func testGuest(h *host) {
	m := h.started(1)
	guest := h.booted(m)
	if guest.Hostname == "" || guest.OS == "" {
		h.Errorf("the guest says %+v", guest)
	}
	h.ok(h.RebootGuest(h.ctx(), m.ID))
	if state := h.is(m, dc.RunRunning); !state.Restarted.IsZero() {
		h.Errorf("its guest was asked to reboot, and has restarted itself at %v", state.Restarted)
	}
	h.booted(m)
	h.ok(h.ShutdownGuest(h.ctx(), m.ID))
	state := h.is(m, dc.RunStopped)
	if state.Exit == nil || !state.Exit.Clean || !state.Exit.Guest {
		h.Errorf("the guest has shut down, and it ended as %+v", state.Exit)
	}
	h.stopped(m)
}

// testRestart lets a guest restart itself, and sees that it is said.
func testRestart(h *host) {
	m := h.started(1)
	h.booted(m)
	before := time.Now().Add(-time.Second) // what executes it may round
	console, err := h.OpenConsole(h.ctx(), m.ID, dc.ConsoleSerial)
	h.ok(err)
	defer console.Close()
	h.Setup.Restart(m, console)
	h.until(m, "a guest that has restarted itself", func(s dc.MachineState) bool { return s.Restarted.After(before) })
	h.is(m, dc.RunRunning)
}

// testSilentGuest: a guest whose agent does not answer (its firmware still runs, or it was just reset) is waited for, and
// the error says what was seen.
func testSilentGuest(h *host) {
	m := h.started(1)
	ctx, cancel := context.WithTimeout(h.ctx(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	for name, ask := range map[string]func(context.Context, dc.VirtualMachineID) error{
		"shutdown": h.ShutdownGuest, "reboot": h.RebootGuest,
	} {
		if err := ask(ctx, m.ID); err == nil {
			h.Errorf("%s: a success after the time was over", name)
		}
	}
	h.is(m, dc.RunRunning)
}

func testConsoles(h *host) {
	m := h.started(1)
	h.booted(m)
	var picture bytes.Buffer
	h.ok(h.Screenshot(h.ctx(), m.ID, &picture))
	if image, err := png.Decode(&picture); err != nil || image.Bounds().Empty() {
		h.Errorf("the screenshot: %v", err)
	}

	// Several at once, of each kind.
	var all sync.WaitGroup
	defer all.Wait()
	for _, kind := range []dc.ConsoleKind{dc.ConsoleVNC, dc.ConsoleVNC, dc.ConsoleSerial, dc.ConsoleSerial} {
		console, err := h.OpenConsole(h.ctx(), m.ID, kind)
		h.ok(err)
		defer console.Close()
		answer := make([]byte, 1)
		if kind == dc.ConsoleVNC {
			answer = make([]byte, 4)
		}
		read := make(chan error, 1)
		all.Go(func() {
			_, err := io.ReadFull(console, answer)
			read <- err
			if err == nil {
				io.Copy(io.Discard, console) // until the machine or the test ends
			}
		})
		if kind == dc.ConsoleSerial {
			_, err := io.WriteString(console, "\r")
			h.ok(err)
		}
		select {
		case err := <-read:
			h.ok(err)
		case <-h.ctx().Done():
			h.Fatalf("the %s console shows nothing", kind)
		}
		if kind == dc.ConsoleVNC && string(answer) != "RFB " {
			h.Errorf("the vnc console shows %q", answer)
		}
	}
	// The end of the machine is the end of its consoles.
	h.ok(h.Stop(h.ctx(), m))
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-h.ctx().Done():
		h.Fatal("a console outlives its machine")
	}
}
