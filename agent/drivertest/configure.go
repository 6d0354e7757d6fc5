package drivertest

import (
	"slices"

	"hanok/dc"
)

func ignore(int64, int64) {}

// with returns the machine with one more disk, which starts empty, and the disk's key.
func with(m dc.Machine) (dc.Machine, int32) {
	m.Disks, m.Controllers = slices.Clone(m.Disks), slices.Clone(m.Controllers)
	added, _ := m.AddDisk(m.Controllers[0].Type)
	added.CapacityBytes = 1 << 20
	key := added.Key
	m.NameDisks(m.Folder)
	return m, key
}

// testConfigure: a machine's files follow its hardware.
func testConfigure(h *host) {
	m := h.machine(1)
	h.kind(h.ConfigureMachine(h.ctx(), m, nil, nil, h.fetch, ignore), dc.NotFound)
	h.ok(h.CreateMachine(h.ctx(), m, h.fetch, ignore))
	configure := func(m dc.Machine, added []int32, discarded ...string) {
		h.Helper()
		for range 2 { // again is a success
			h.ok(h.ConfigureMachine(h.ctx(), m, added, discarded, h.fetch, ignore))
		}
		h.ok(h.FindMachine(h.ctx(), m))
	}
	configure(m, nil)

	// A disk that was not to be made is not made anew.
	larger, key := with(m)
	h.kind(h.ConfigureMachine(h.ctx(), larger, nil, nil, h.fetch, ignore), dc.NotFound)
	h.missing(larger)
	configure(larger, []int32{key})

	// One grows.
	grown := larger
	grown.Disks = slices.Clone(larger.Disks)
	grown.Disks[len(grown.Disks)-1].CapacityBytes *= 3
	configure(grown, nil)

	// Its absence removes nothing, and what is still there is never removed.
	file := grown.Disks[len(grown.Disks)-1].File
	configure(m, nil)
	h.ok(h.FindMachine(h.ctx(), grown))
	configure(grown, nil, file)
	configure(m, nil, file)
	h.missing(grown)

	// Other machines' files are theirs.
	thief := h.machine(2)
	thief.Folder, thief.Disks = m.Folder, m.Disks
	h.kind(h.ConfigureMachine(h.ctx(), thief, nil, []string{m.Disks[0].File}, h.fetch, ignore), dc.Exists)
	h.ok(h.FindMachine(h.ctx(), m))
	other := h.created(3)
	configure(m, nil, other.Disks[0].File)
	h.ok(h.FindMachine(h.ctx(), other))

	// It boots with what it has.
	h.start(m)
	h.ok(h.ConfigureMachine(h.ctx(), m, nil, []string{m.Disks[0].File}, h.fetch, ignore))
	h.is(m, dc.RunRunning)
	// What a running machine has is not removed under it.
	without := m
	without.Disks = nil
	h.kind(h.ConfigureMachine(h.ctx(), without, nil, []string{m.Disks[0].File}, h.fetch, ignore), dc.Unavailable)
	h.ok(h.FindMachine(h.ctx(), m))
}

// testReconfigure: a machine with power follows its hardware, or says why not and runs on.
func testReconfigure(h *host) {
	m := h.started(1)
	nics, err := h.Plug(h.ctx(), m)
	h.ok(err)
	larger, key := with(m)
	h.ok(h.ConfigureMachine(h.ctx(), larger, []int32{key}, nil, h.fetch, ignore))
	for range 2 {
		if err := h.Reconfigure(h.ctx(), larger, nics); err != nil {
			h.kind(err, dc.Unsupported)
			if dc.FailureOf(err).Remedy == "" {
				h.Errorf("refused without a remedy: %v", err)
			}
		}
	}
	h.is(m, dc.RunRunning)
}
