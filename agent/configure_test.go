package agent

import (
	"testing"

	"hanok/dc"
)

// configured waits for the outcome of a machine's newest hardware.
func (m *manager) configured(id dc.VirtualMachineID) dc.VirtualMachineStatus {
	want := m.asked(id).Configuration
	return m.until(id, "configuration", func(s dc.VirtualMachineStatus) bool { return s.Configured.Generation == want })
}

// addDisk asks for one more disk.
func addDisk(a *dc.Assignment) {
	a.Configuration++
	disk, _ := a.Machine.AddDisk(dc.ControllerVirtio)
	disk.CapacityBytes = 1 << 20
	a.Machine.NameDisks(a.Machine.Folder)
}

// TestConfigure: disks come and go, whether the machine has power or not, and the outcome survives the process.
func TestConfigure(t *testing.T) {
	for name, op := range map[string]dc.PowerOp{"off": dc.PowerOff, "on": dc.PowerOn} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t)
			m.start()
			defer m.stop()
			h := newHost(t, m)
			p := h.start()
			defer func() { p.kill() }()
			const id = "vm-1"
			m.askPower(id, op)
			m.untilDone(id, map[dc.PowerOp]dc.PowerState{dc.PowerOff: dc.PoweredOff, dc.PowerOn: dc.PoweredOn}[op])
			was := m.asked(id).Machine

			m.ask(id, addDisk)
			if s := m.configured(id); s.Configured.Failure != nil {
				t.Fatalf("it failed: %+v", s.Configured.Failure)
			}
			drivers := h.world.Open()
			defer drivers.Close()
			if err := drivers.Mount(t.Context(), labDatastore, labPath); err != nil {
				t.Fatal(err)
			}
			larger := m.asked(id).Machine
			if err := drivers.FindMachine(t.Context(), larger); err != nil {
				t.Error(err)
			}
			p.kill()
			m.forgetReports()
			p = h.start()
			m.configured(id)

			// It goes, and its file with it.
			m.ask(id, func(a *dc.Assignment) {
				a.Machine.Hardware = was.Hardware
				a.Configuration++
				a.Discarded = []string{larger.Disks[1].File}
			})
			if s := m.configured(id); s.Configured.Failure != nil {
				t.Fatalf("it failed: %+v", s.Configured.Failure)
			}
			if err := drivers.FindMachine(t.Context(), was); err != nil {
				t.Error(err)
			}
			if err := drivers.FindMachine(t.Context(), larger); dc.KindOf(err) != dc.NotFound {
				t.Errorf("the discarded disk is found: %v", err)
			}
			h.counts(id, map[string]int{"create": 1})
		})
	}
}

// TestConfigureRefused: a change that can't be made is said to have failed, once; the next one is made.
func TestConfigureRefused(t *testing.T) {
	m := newManager(t)
	m.start()
	defer m.stop()
	h := newHost(t, m)
	p := h.start()
	defer func() { p.kill() }()
	const id = "vm-1"
	m.ask(id, func(*dc.Assignment) {})
	m.until(id, "files", ready)
	was := m.asked(id).Machine
	h.world.Fill(labPath)
	m.ask(id, addDisk)
	if f := m.configured(id).Configured.Failure; f == nil || f.Kind != dc.Exhausted {
		t.Fatalf("a disk without room: %+v", f)
	}
	h.world.Free(labPath)
	m.ask(id, func(a *dc.Assignment) { a.Configuration++ })
	if f := m.configured(id).Configured.Failure; f != nil {
		t.Fatalf("with room: %+v", f)
	}

	// A disk that was there once is not made again by another change.
	larger := m.asked(id).Machine
	drivers := h.world.Open()
	defer drivers.Close()
	if err := drivers.Mount(t.Context(), labDatastore, labPath); err != nil {
		t.Fatal(err)
	}
	if err := drivers.ConfigureMachine(t.Context(), was, nil, []string{larger.Disks[1].File}, nil, func(_, _ int64) {}); err != nil {
		t.Fatal(err)
	}
	m.ask(id, addDisk)
	if f := m.configured(id).Configured.Failure; f == nil || f.Kind != dc.NotFound {
		t.Fatalf("a disk was made that was lost: %+v", f)
	}
}
