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

// memory says how much memory there is, and how much there may be.
func memory(h dc.Hardware) string {
	size := fmt.Sprintf("size=%dM", h.MemoryMB)
	most := min(memoryGrowth*h.MemoryMB, reserveMB)
	if !h.MemoryHotAdd || most <= h.MemoryMB {
		return size
	}
	return fmt.Sprintf("%s,slots=%d,maxmem=%dM", size, memorySlots, most)
}
