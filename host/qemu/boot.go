package qemu

import (
	"fmt"
	"slices"

	"hanok/dc"
)

// boot returns QEMU's boot options. Both firmwares show their prompt for the delay: SeaBIOS waits for Esc, and OVMF for Esc or F2,
// which opens its setup.
func boot(b dc.Boot) string {
	if b.DelayMS == 0 {
		return "strict=on"
	}
	return fmt.Sprintf("strict=on,menu=on,splash-time=%d", b.DelayMS)
}

// bootIndex returns the place of a device among those that the firmware tries: first the boot order, then all disks, then the CD-ROM
// and the floppy drives, by their keys. A NIC is tried only where the boot order names it.
func bootIndex(h dc.Hardware, key int32) int {
	order := slices.Clone(h.Boot.Order)
	for _, d := range h.Disks {
		order = append(order, d.Key)
	}
	for _, d := range h.Drives {
		order = append(order, d.Key)
	}
	var places []int32
	for _, k := range order {
		if !slices.Contains(places, k) {
			places = append(places, k)
		}
	}
	return slices.Index(places, key) + 1
}

// topology says how many CPUs there are in how many sockets, and how many there may be.
func topology(h dc.Hardware) string {
	cores := max(1, h.CoresPerSocket)
	if !h.CPUHotAdd {
		return fmt.Sprintf("cpus=%d,sockets=%d,cores=%d,threads=1", h.CPUs, h.CPUs/cores, cores)
	}
	sockets := dc.MaxCPUs / cores
	return fmt.Sprintf("cpus=%d,maxcpus=%d,sockets=%d,cores=%d,threads=1", h.CPUs, sockets*cores, sockets, cores)
}

const (
	// memoryGrowth is how many times its memory a machine may have after hot-add, as in vSphere; memorySlots is how often it may
	// grow. Beyond reserveMB a CPU of 40 address bits has no addresses left for its devices.
	memoryGrowth = 16
	memorySlots  = 16
	reserveMB    = 512 << 10
)

// memory says how much memory there is at the power-on, and how much there may be.
func (c Command) memory() string {
	base := c.Machine.MemoryMB
	for _, mb := range c.Modules {
		base -= mb
	}
	size := fmt.Sprintf("size=%dM", base)
	most := mostMemory(base)
	if !c.Machine.MemoryHotAdd || most <= base {
		return size
	}
	return fmt.Sprintf("%s,slots=%d,maxmem=%dM", size, memorySlots, most)
}

// mostMemory returns what a machine that was powered on with base MB of memory may have at most, in MB.
func mostMemory(base int64) int64 { return min(memoryGrowth*base, reserveMB) }

// modules are the memory that was added to a machine that wakes up. QEMU gives them the slots and addresses that they had, since it
// chooses the first that is free.
func (c Command) modules() []string {
	var a []string
	for i, mb := range c.Modules {
		a = append(a, "-object", fmt.Sprintf("memory-backend-ram,id=%s,size=%dM", moduleID(i), mb),
			"-device", fmt.Sprintf("pc-dimm,memdev=%s", moduleID(i)))
	}
	return a
}

// moduleID is the name of the content of a module, by their order.
func moduleID(i int) string { return fmt.Sprintf("module%d", i) }
