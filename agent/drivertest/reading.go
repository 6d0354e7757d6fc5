package drivertest

import (
	"hanok/dc"
)

// testReadings: the meters of a machine with power only go up, also past a new process of the agent; one without power has none, and
// a new run is known as one.
func testReadings(h *host) {
	off, m := h.created(1), h.started(2)
	h.booted(m)
	first := h.reading(m)
	if _, ok := h.Readings(h.ctx())[off.ID]; ok {
		h.Error("a machine that never had power has a reading")
	}
	if len(first.CPUs) != m.CPUs || first.MemoryKB != m.MemoryMB<<10 || first.Uptime <= 0 || first.Run == "" || len(first.Disks) != len(m.Disks) {
		h.Errorf("it reads %+v", first)
	}
	if len(first.Disks) > 0 && first.Disks[0].Instance != m.Disks[0].Instance() {
		h.Errorf("its first disk is %q", first.Disks[0].Instance)
	}
	handle := h.handles[m.ID]
	h.restart()
	h.ok(h.Recover(h.ctx(), m, handle))
	second := h.reading(m)
	if second.Run != first.Run || second.CPUs[0].Used < first.CPUs[0].Used || !second.Time.After(first.Time) || second.Disks[0].ReadBytes < first.Disks[0].ReadBytes {
		h.Errorf("it read %+v, and %+v later", first, second)
	}
	h.ok(h.Stop(h.ctx(), m))
	if r, ok := h.Readings(h.ctx())[m.ID]; ok {
		h.Errorf("without power it reads %+v", r)
	}
	h.start(m)
	if again := h.reading(m); again.Run == first.Run {
		h.Errorf("another run is called %q, too", again.Run)
	}
}

// reading returns the reading of a machine, which has one.
func (h *host) reading(m dc.Machine) dc.MachineReading {
	h.Helper()
	r, ok := h.Readings(h.ctx())[m.ID]
	if !ok {
		h.Fatal("a machine with power has no reading")
	}
	return r
}
