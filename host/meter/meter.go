// Package meter reads what a Linux host uses of its CPUs, memory, disks and network adapters, from /proc and /sys, as package
// dc's readings. Only real devices count: a partition, a loop device or a tap would count twice what their device counts.
//
// What virtual machines use is the hypervisor's to read; figures, history and the manager are the agent's. cmd joins both.
package meter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/blockdevice"

	"hanok/dc"
)

// Meter implements the agent's Meter. It is safe for concurrent use.
type Meter struct {
	proc, sys string
	fs        procfs.FS
	disks     blockdevice.FS
}

// New returns the meter of this host. It fails where /proc or /sys is not mounted.
func New() (*Meter, error) { return open("/proc", "/sys") }

func open(proc, sys string) (*Meter, error) {
	f, err := procfs.NewFS(proc)
	if err != nil {
		return nil, dc.Errorf(dc.Unavailable, "this host can't be measured: %w", err).Fix("mount /proc")
	}
	d, err := blockdevice.NewFS(proc, sys)
	if err != nil {
		return nil, dc.Errorf(dc.Unavailable, "this host can't be measured: %w", err).Fix("mount /sys")
	}
	return &Meter{proc: proc, sys: sys, fs: f, disks: d}, nil
}

// Read implements the agent's Meter. What this kernel does not tell is left out.
func (m *Meter) Read(context.Context) (dc.HostReading, error) {
	stat, err := m.fs.Stat()
	if err != nil {
		return dc.HostReading{}, fmt.Errorf("read the CPUs' times: %w", err)
	}
	boot, err := os.ReadFile(filepath.Join(m.proc, "sys/kernel/random/boot_id"))
	if err != nil {
		return dc.HostReading{}, fmt.Errorf("read which boot this is: %w", err)
	}
	now := time.Now()
	r := dc.HostReading{Time: now, Boot: strings.TrimSpace(string(boot)), Uptime: now.Sub(time.Unix(int64(stat.BootTime), 0))}
	for _, c := range sorted(stat.CPU) {
		// Guest time is part of user time already.
		busy := c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ + c.Steal
		r.CPUs = append(r.CPUs, dc.CPUReading{Used: seconds(busy), Idle: seconds(c.Idle + c.Iowait)})
	}
	r.MHz = m.mhz()
	memory, err := m.fs.Meminfo()
	if err != nil {
		return dc.HostReading{}, fmt.Errorf("read the use of memory: %w", err)
	}
	r.MemoryKB = kb(memory.MemTotal)
	r.ConsumedKB = difference(memory.MemTotal, memory.MemAvailable)
	r.SwapUsedKB = difference(memory.SwapTotal, memory.SwapFree)
	if r.Disks, err = m.readDisks(); err != nil {
		return dc.HostReading{}, err
	}
	if r.NICs, err = m.readNICs(); err != nil {
		return dc.HostReading{}, err
	}
	return r, nil
}

// sorted returns the times of the CPUs in the order of their numbers.
func sorted(all map[int64]procfs.CPUStat) []procfs.CPUStat {
	var numbers []int64
	for n := range all {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	out := make([]procfs.CPUStat, len(numbers))
	for i, n := range numbers {
		out[i] = all[n]
	}
	return out
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func kb(n *uint64) *int64 {
	if n == nil {
		return nil
	}
	v := int64(*n)
	return &v
}

func difference(all, rest *uint64) *int64 {
	if all == nil || rest == nil {
		return nil
	}
	v := max(0, int64(*all)-int64(*rest))
	return &v
}

// mhz returns the nominal frequency of the first CPU, or 0.
func (m *Meter) mhz() int64 {
	cpus, err := m.fs.CPUInfo()
	if err != nil || len(cpus) == 0 {
		return 0
	}
	return int64(cpus[0].CPUMHz)
}

// readDisks reads the disks that are devices of this host.
func (m *Meter) readDisks() ([]dc.DiskReading, error) {
	all, err := m.disks.ProcDiskstats()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read the disks' meters: %w", err)
	}
	const sector = 512 // in this file, whatever the device's own is
	var out []dc.DiskReading
	for _, d := range all {
		if !m.device("block", d.DeviceName) {
			continue
		}
		out = append(out, dc.DiskReading{Instance: d.DeviceName, ReadBytes: int64(d.ReadSectors) * sector, WrittenBytes: int64(d.WriteSectors) * sector,
			Reads: int64(d.ReadIOs), Writes: int64(d.WriteIOs), ReadTime: time.Duration(d.ReadTicks) * time.Millisecond,
			WriteTime: time.Duration(d.WriteTicks) * time.Millisecond})
	}
	return out, nil
}

// readNICs reads the network adapters that are devices of this host.
func (m *Meter) readNICs() ([]dc.NICReading, error) {
	all, err := m.fs.NetDev()
	if err != nil {
		return nil, fmt.Errorf("read the network adapters' meters: %w", err)
	}
	var out []dc.NICReading
	for _, n := range all {
		if !m.device("class/net", n.Name) {
			continue
		}
		out = append(out, dc.NICReading{Instance: n.Name, ReceivedBytes: int64(n.RxBytes), TransmittedBytes: int64(n.TxBytes),
			ReceivedPackets: int64(n.RxPackets), TransmittedPackets: int64(n.TxPackets)})
	}
	slices.SortFunc(out, func(a, b dc.NICReading) int {
		if a.Instance < b.Instance {
			return -1
		}
		return 1
	})
	return out, nil
}

// device reports whether something stands behind the name in /sys that is a device.
func (m *Meter) device(class, name string) bool {
	_, err := os.Stat(filepath.Join(m.sys, class, name, "device"))
	return err == nil
}
