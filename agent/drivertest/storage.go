package drivertest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"hanok/dc"
	"hanok/internal/sparse"
)

func testFiles(h *host) {
	h.ok(h.Mount(h.ctx(), datastore, h.Path))
	usage, err := h.Usage(h.ctx(), datastore)
	h.ok(err)
	if usage.CapacityBytes <= 0 || usage.FreeBytes <= 0 || usage.FreeBytes > usage.CapacityBytes {
		h.Errorf("usage %+v", usage)
	}
	_, err = h.Usage(h.ctx(), "datastore-absent")
	h.kind(err, dc.NotFound)

	// An image that can't be read makes no disk, and is no obstacle later.
	m := h.machine(1)
	ignore := func(int64, int64) {}
	broken := errors.New("the image is broken")
	err = h.CreateMachine(h.ctx(), m, func(context.Context, string) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("only the beginning"), failing{broken})), nil
	}, ignore)
	if !errors.Is(err, broken) {
		h.Fatalf("error %v, want that of the image", err)
	}
	elsewhere := m
	elsewhere.Datastore = "datastore-absent"
	h.kind(h.CreateMachine(h.ctx(), elsewhere, h.fetch, ignore), dc.NotFound)
	h.missing(m)
	h.kind(h.FindMachine(h.ctx(), elsewhere), dc.NotFound)

	var done, total int64
	progress := func(d, t int64) {
		if d < done || d > t || t < total {
			h.Errorf("progress went from %d of %d to %d of %d", done, total, d, t)
		}
		done, total = d, t
	}
	h.ok(h.CreateMachine(h.ctx(), m, h.fetch, progress))
	if done != total || total <= 0 {
		h.Errorf("the last progress was %d of %d", done, total)
	}
	// Another ID for the same folder leads to the same files.
	const again = "datastore-again"
	renamed := m
	renamed.Datastore = again
	h.kind(h.FindMachine(h.ctx(), renamed), dc.NotFound)
	h.ok(h.Mount(h.ctx(), again, h.Path))
	h.ok(h.FindMachine(h.ctx(), renamed))
	// Again: existing disks are left as they are, so no image is read.
	h.ok(h.CreateMachine(h.ctx(), m, func(context.Context, string) (io.ReadCloser, error) {
		h.Error("an image was read for a disk that exists")
		return nil, broken
	}, ignore))

	// What is there is found, and nothing is made by looking for more.
	h.ok(h.FindMachine(h.ctx(), m))
	larger := m
	larger.Disks = slices.Clone(m.Disks)
	added, _ := larger.AddDisk(m.Controllers[0].Type)
	added.CapacityBytes = 1 << 20
	larger.NameDisks(larger.Folder)
	h.missing(larger)
	h.missing(larger)
	h.ok(h.FindMachine(h.ctx(), m))

	// Its disks can be read, as they are without their holes.
	for _, d := range m.Disks {
		content, err := h.OpenDisk(h.ctx(), m, d.Key)
		h.ok(err)
		source, ok := content.(sparse.Source)
		if !ok || source.Size() > d.CapacityBytes {
			h.Errorf("the disk %d is a %T", d.Key, content)
		}
		h.ok(content.Close())
	}
	_, err = h.OpenDisk(h.ctx(), m, 1)
	h.kind(err, dc.NotFound)

	// The folder is that machine's alone.
	thief := h.machine(2)
	thief.Folder, thief.Disks = m.Folder, m.Disks
	h.kind(h.FindMachine(h.ctx(), thief), dc.Exists)
	h.kind(h.CreateMachine(h.ctx(), thief, h.fetch, ignore), dc.Exists)
	h.ok(h.DeleteMachine(h.ctx(), thief))
	h.start(m)
	h.is(m, dc.RunRunning)
	h.ok(h.Stop(h.ctx(), m))

	h.ok(h.DeleteMachine(h.ctx(), renamed))
	h.ok(h.DeleteMachine(h.ctx(), m))
	h.missing(m)
	_, err = h.OpenDisk(h.ctx(), m, m.Disks[0].Key)
	h.kind(err, dc.NotFound)
	thief.Folder, thief.Disks = m.Folder, m.Disks // free again
	h.ok(h.CreateMachine(h.ctx(), thief, h.fetch, ignore))
	h.ok(h.DeleteMachine(h.ctx(), thief))
}

// missing fails the test unless something of the machine's files is missing, and said to be.
func (h *host) missing(m dc.Machine) {
	h.Helper()
	err := h.FindMachine(h.ctx(), m)
	h.kind(err, dc.NotFound)
	if f := dc.FailureOf(err); f.Object != dc.Describe(dc.KindVirtualMachine, m.Name) || f.Remedy == "" {
		h.Errorf("what is missing is said as %+v", f)
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func testFull(h *host) {
	m := h.started(1)
	h.booted(m)
	serial, err := h.OpenConsole(h.ctx(), m.ID, dc.ConsoleSerial)
	h.ok(err)
	defer serial.Close()
	h.Fill(m, serial)
	paused := h.until(m, "pause", func(s dc.MachineState) bool { return s.Run == dc.RunPaused })
	if paused.Pause == nil || paused.Pause.Kind != dc.Exhausted || paused.Pause.Message == "" {
		h.Errorf("it is paused because of %+v", paused.Pause)
	}
	// The reason outlives the agent.
	h.restart()
	h.ok(h.Recover(h.ctx(), m, h.handles[m.ID]))
	if state := h.is(m, dc.RunPaused); state.Pause == nil {
		h.Error("a recovered machine does not say why it is paused")
	}
	h.Free()
	h.ok(h.Continue(h.ctx(), m.ID))
	running := h.until(m, "continuation", func(s dc.MachineState) bool { return s.Run == dc.RunRunning })
	if running.Pause != nil {
		h.Errorf("it runs, and is paused because of %+v", running.Pause)
	}
	h.ok(h.Continue(h.ctx(), m.ID)) // one that runs is a success
}

func testNetwork(h *host) {
	m := h.machine(1)
	first, err := h.Plug(h.ctx(), m)
	h.ok(err)
	second, err := h.Plug(h.ctx(), m)
	h.ok(err)
	if len(first) != len(m.NICs) || len(second) != len(first) {
		h.Fatalf("%d and then %d attachments for %d NICs", len(first), len(second), len(m.NICs))
	}
	for i := range first {
		if first[i].Key != m.NICs[i].Key || first[i] != second[i] {
			h.Errorf("attachment %d: %+v, then %+v, want the key %d", i, first[i], second[i], m.NICs[i].Key)
		}
	}
	h.ok(h.Unplug(h.ctx(), m))
	h.ok(h.Unplug(h.ctx(), m))
}
