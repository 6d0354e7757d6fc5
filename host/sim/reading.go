package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"hanok/dc"
)

// The meters of a simulated host turn as those of a host with quiet machines would: each machine has a load of its own, which
// goes up and down within some minutes, or the one that Busy has set.

const (
	// simMHz is the frequency of a simulated CPU, and wave how long a load takes to go up and down.
	simMHz = 2400
	wave   = 7 * time.Minute
)

// meters are what a simulated machine has used.
type meters struct {
	at, began time.Time
	used      time.Duration // of each virtual CPU
	io, net   int64
}

// Busy lets a machine use the given part of its CPUs from now on, in percent; a negative one is up to the simulation again.
func (w *World) Busy(id dc.VirtualMachineID, percent int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.machines[id]; m != nil {
		m.turn(time.Now())
		m.busy = percent
	}
}

// load is the part of its CPUs that a machine uses at a moment.
func (m *machine) load(now time.Time) float64 {
	if m.busy >= 0 {
		return float64(min(m.busy, 100)) / 100
	}
	h := fnv.New32a()
	h.Write([]byte(m.spec.ID))
	sum := h.Sum32()
	base, phase := 0.05+0.2*float64(sum%1000)/1000, float64(sum>>10%1000)/1000
	return base * (1 + 0.5*math.Sin(2*math.Pi*(float64(now.UnixMilli())/float64(wave.Milliseconds())+phase)))
}

// turn brings the meters of a machine up to now.
func (m *machine) turn(now time.Time) {
	passed := max(0, now.Sub(m.meters.at))
	part := m.load(now)
	if m.paused {
		part = 0
	}
	m.meters.used += time.Duration(part * float64(passed))
	m.meters.io += int64(part * passed.Seconds() * (2 << 20))
	m.meters.net += int64(part * passed.Seconds() * (1 << 20))
	m.meters.at = now
}

// Readings implements the agent's Hypervisor.
func (h *Host) Readings(ctx context.Context) map[dc.VirtualMachineID]dc.MachineReading {
	if h.lock(ctx, 0) != nil {
		return nil
	}
	defer h.w.mu.Unlock()
	out := map[dc.VirtualMachineID]dc.MachineReading{}
	now := time.Now()
	for id, m := range h.w.machines {
		if h.known[id] {
			m.turn(now)
			out[id] = m.reading(now)
		}
	}
	return out
}

func (m *machine) reading(now time.Time) dc.MachineReading {
	all := m.spec.MemoryMB << 10
	active := int64(float64(all) * (0.2 + m.load(now)/2))
	consumed := max(all/2, active)
	none := int64(0)
	r := dc.MachineReading{Time: now, Run: fmt.Sprint(m.run), MemoryKB: all, ConsumedKB: &consumed, ActiveKB: &active, BalloonedKB: &none,
		Uptime: now.Sub(m.meters.began)}
	for range m.spec.CPUs {
		r.CPUs = append(r.CPUs, dc.CPUReading{Used: m.meters.used, Ready: m.meters.used / 200})
	}
	for _, d := range m.spec.Disks {
		r.Disks = append(r.Disks, dc.DiskReading{Instance: d.Instance(), ReadBytes: m.meters.io, WrittenBytes: m.meters.io / 2,
			Reads: m.meters.io >> 14, Writes: m.meters.io >> 15, ReadTime: time.Duration(m.meters.io>>14) * time.Millisecond,
			WriteTime: time.Duration(m.meters.io>>15) * 2 * time.Millisecond})
	}
	for _, n := range m.spec.NICs {
		r.NICs = append(r.NICs, dc.NICReading{Instance: fmt.Sprint(n.Key), ReceivedBytes: m.meters.net, TransmittedBytes: m.meters.net / 3,
			ReceivedPackets: m.meters.net >> 10, TransmittedPackets: m.meters.net >> 11})
	}
	return r
}

// Read implements the agent's Meter: the host uses what its machines do, and a little for itself.
func (h *Host) Read(ctx context.Context) (dc.HostReading, error) {
	facts := h.w.Facts()
	if err := h.lock(ctx, 0); err != nil {
		return dc.HostReading{}, err
	}
	defer h.w.mu.Unlock()
	now := time.Now()
	passed := max(0, now.Sub(h.w.read))
	h.w.read = now
	used, memory := 0.01*passed.Seconds()*float64(facts.CPUs), int64(2<<20)
	disk, nic := int64(0), int64(0)
	for _, m := range h.w.machines {
		m.turn(now)
		used += m.load(now) * passed.Seconds() * float64(m.spec.CPUs)
		memory += *m.reading(now).ConsumedKB
		disk, nic = disk+m.meters.io, nic+m.meters.net
	}
	h.w.used += time.Duration(min(used/float64(facts.CPUs), passed.Seconds()) * float64(time.Second))
	all := facts.MemoryMB << 10
	memory = min(memory, all)
	none := int64(0)
	r := dc.HostReading{Time: now, Boot: facts.BootID, MHz: simMHz, Uptime: now.Sub(h.w.began), MemoryKB: &all, ConsumedKB: &memory, SwapUsedKB: &none,
		Disks: []dc.DiskReading{{Instance: "sda", ReadBytes: disk, WrittenBytes: disk / 2, Reads: disk >> 14, Writes: disk >> 15}},
		NICs:  []dc.NICReading{{Instance: "vmnic0", ReceivedBytes: nic, TransmittedBytes: nic / 3, ReceivedPackets: nic >> 10, TransmittedPackets: nic >> 11}}}
	for range facts.CPUs {
		r.CPUs = append(r.CPUs, dc.CPUReading{Used: h.w.used, Idle: now.Sub(h.w.began) - h.w.used})
	}
	return r, nil
}
