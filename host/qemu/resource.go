package qemu

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"hanok/dc"
	"hanok/host/cgroup"
)

// Allocate implements the agent's Hypervisor.
func (d *Driver) Allocate(_ context.Context, spec dc.Machine) error {
	m, err := d.running(spec.ID)
	if err != nil {
		return err
	}
	unenforced := d.place(spec, m.proc, m.tpm)
	m.update(func() { m.unenforced = unenforced })
	return nil
}

// place puts a machine's processes, of which the later ones may be nil, into the group that its resources ask for, and returns what
// can't be enforced.
func (d *Driver) place(spec dc.Machine, processes ...*process) []string {
	unenforced := d.unenforced(spec)
	var err error
	for _, p := range processes {
		if p != nil && err == nil {
			err = d.cfg.Groups.Place(p.pid, d.shares(spec)...)
		}
	}
	if err != nil {
		d.log.Warn("a machine's resources are not enforced", "machine", spec.ID, "error", err)
		for line := range strings.Lines(err.Error()) {
			unenforced = append(unenforced, "Its resources are not enforced as they should be: "+strings.TrimSuffix(line, "\n")+".")
		}
	}
	return unenforced
}

// shares returns the groups of a machine: those of its resource pools, and its own.
func (d *Driver) shares(spec dc.Machine) []cgroup.Share {
	var path []cgroup.Share
	for _, p := range spec.Pools {
		cpu, _ := p.Config.PoolShares()
		path = append(path, cgroup.Share{Name: string(p.ID), CPUShares: cpu, CPULimit: d.cpus(p.Config.CPU.Limit)})
	}
	cpu, _ := spec.Resources.MachineShares(spec.Hardware)
	overhead := dc.OverheadMB(spec.Hardware, d.probe.accelerator())
	own := cgroup.Share{Name: string(spec.ID), CPUShares: cpu, CPULimit: d.cpus(spec.Resources.CPU.Limit),
		// A backstop against a QEMU that has gone mad, and no limit that a sound one meets: what it takes is counted, not bounded.
		MemoryMax: (spec.MemoryMB + 4*overhead) << 20}
	if reserved := spec.Resources.Memory.Reservation; reserved > 0 {
		own.MemoryMin = (reserved + overhead) << 20
	}
	return append(path, own)
}

// cpus returns how many CPUs a limit in MHz is, 0 for none.
func (d *Driver) cpus(mhz int64) float64 {
	if mhz == 0 || d.cfg.CPUMHz <= 0 {
		return 0
	}
	return float64(mhz) / float64(d.cfg.CPUMHz)
}

// unenforced says what of a machine's resources this host can't enforce, each in a sentence.
func (d *Driver) unenforced(spec dc.Machine) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	c := spec.Resources
	holders := append([]dc.PoolShare{{Config: c}}, spec.Pools...)
	for i, h := range holders {
		whose := "Its"
		if i > 0 {
			whose = fmt.Sprintf("The %s's", dc.Describe(dc.KindResourcePool, cmp.Or(spec.Names[dc.ID(h.ID)], string(h.ID))))
		}
		cpu, memory := h.Config.CPU, h.Config.Memory
		switch {
		case cpu.Limit != 0 && d.cfg.Groups.CPU() == cgroup.Absent:
			say("%s CPU limit of %d MHz is not enforced: the host has no cpu controller.", whose, cpu.Limit)
		case cpu.Limit != 0 && d.cfg.CPUMHz <= 0:
			say("%s CPU limit of %d MHz is not enforced: the host's clock rate is not known.", whose, cpu.Limit)
		case cpu.Limit != 0 && i > 0:
			say("%s CPU limit of %d MHz is enforced on each host by itself.", whose, cpu.Limit)
		}
		if cpu.Level != "" && cpu.Level != dc.SharesNormal && d.cfg.Groups.CPU() == cgroup.Absent {
			say("%s CPU shares have no effect: the host has no cpu controller.", whose)
		}
		if memory.Limit != 0 && (i > 0 || memory.Limit < spec.MemoryMB) {
			say("%s memory limit of %d MB is not enforced: nothing takes memory back from a guest yet.", whose, memory.Limit)
		}
		if memory.Level != "" && memory.Level != dc.SharesNormal {
			say("%s memory shares have no effect: no memory is given twice yet.", whose)
		}
	}
	if c.CPU.Reservation > 0 {
		say("Its CPU reservation of %d MHz is kept free of other reservations; when the CPUs are short, shares decide.", c.CPU.Reservation)
	}
	if c.Memory.Reservation > 0 {
		switch d.cfg.Groups.Memory() {
		case cgroup.Absent:
			say("Its memory reservation of %d MB is kept free of other machines, not of other programs: the host has no memory controller.", c.Memory.Reservation)
		case cgroup.V1:
			say("Its memory reservation of %d MB is kept free of other machines; where other programs take too much, others are asked first: "+
				"the host has control groups of version 1.", c.Memory.Reservation)
		}
	}
	return all
}
