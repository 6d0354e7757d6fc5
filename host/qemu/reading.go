package qemu

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"hanok/dc"
)

const (
	// readingTime bounds the reading of one machine, and readers how many are read at once: a QEMU that doesn't answer must not
	// hold up the others.
	readingTime = 5 * time.Second
	readers     = 8
	// balloonPace is how often, in seconds, the guest's balloon driver is to say how its memory is used.
	balloonPace = 10
	balloonPath = "/machine/peripheral/balloon0"
)

// Readings implements the agent's Hypervisor.
func (d *Driver) Readings(ctx context.Context) map[dc.VirtualMachineID]dc.MachineReading {
	d.mu.Lock()
	live := make([]*machine, 0, len(d.live))
	for _, m := range d.live {
		live = append(live, m)
	}
	d.mu.Unlock()
	var (
		work  sync.WaitGroup
		mu    sync.Mutex
		out   = map[dc.VirtualMachineID]dc.MachineReading{}
		slots = make(chan struct{}, readers)
	)
	for _, m := range live {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, readingTime)
			defer cancel()
			r, err := m.reading(ctx)
			if err != nil {
				return // it is ending, or its QEMU does not answer: no figures
			}
			mu.Lock()
			defer mu.Unlock()
			out[m.spec.ID] = r
		})
	}
	work.Wait()
	return out
}

// reading reads the machine's meters: those of its process from /proc, those of its devices from QEMU, and from the guest's
// balloon driver, if there is one, how it uses its memory. A NIC in QEMU's user-mode network has no meter.
func (m *machine) reading(ctx context.Context) (dc.MachineReading, error) {
	proc, err := procfs.NewProc(m.proc.pid)
	if err != nil {
		return dc.MachineReading{}, err
	}
	r := dc.MachineReading{Run: fmt.Sprintf("%d-%d", m.proc.pid, m.proc.start), MemoryKB: m.spec.MemoryMB << 10}
	if r.ConsumedKB, err = resident(m.proc.pid, r.MemoryKB); err != nil {
		return dc.MachineReading{}, err
	}
	if r.Uptime, err = age(proc); err != nil {
		return dc.MachineReading{}, err
	}
	if r.CPUs, err = m.readCPUs(ctx); err != nil {
		return dc.MachineReading{}, err
	}
	r.Time = time.Now()
	if r.Disks, err = m.readDisks(ctx); err != nil {
		return dc.MachineReading{}, err
	}
	m.readBalloon(ctx, &r)
	return r, nil
}

// resident returns how much of the guest's memory of size KB the host has given, or nil where the process has no one mapping of
// that size: QEMU's own memory does not count. proc_pid_smaps(5).
func resident(pid int, size int64) (*int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var found *int64
	guest := false
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			return found, lines.Err()
		}
		var kb int64
		if n, _ := fmt.Sscanf(lines.Text(), "Size: %d kB", &kb); n == 1 {
			guest = kb == size
		} else if n, _ := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kb); n == 1 && guest {
			if found != nil {
				return nil, nil
			}
			found = &kb
		}
	}
}

// age returns how long ago the process was started.
func age(proc procfs.Proc) (time.Duration, error) {
	stat, err := proc.Stat()
	if err != nil {
		return 0, err
	}
	started, err := stat.StartTime()
	if err != nil {
		return 0, err
	}
	return max(0, time.Since(time.UnixMilli(int64(started*1000)))), nil
}

// readCPUs reads how long the threads of the virtual CPUs ran, and how long they waited for a CPU of the host. Where one thread
// executes several of them there is nothing to say of each, and nothing is returned.
func (m *machine) readCPUs(ctx context.Context) ([]dc.CPUReading, error) {
	var cpus []struct {
		Index  int `json:"cpu-index"`
		Thread int `json:"thread-id"`
	}
	if err := m.execute(ctx, "query-cpus-fast", nil, &cpus); err != nil {
		return nil, err
	}
	out := make([]dc.CPUReading, len(cpus))
	var seen []int
	for _, c := range cpus {
		if c.Index < 0 || c.Index >= len(out) || slices.Contains(seen, c.Thread) {
			return nil, nil
		}
		seen = append(seen, c.Thread)
		thread, err := procfs.NewProc(m.proc.pid)
		if err != nil {
			return nil, err
		}
		thread, err = thread.Thread(c.Thread)
		if err != nil {
			return nil, err
		}
		times, err := thread.Schedstat()
		if err != nil {
			return nil, err
		}
		out[c.Index] = dc.CPUReading{Used: time.Duration(times.RunningNanoseconds), Ready: time.Duration(times.WaitingNanoseconds)}
	}
	return out, nil
}

// readDisks reads what the guest has done to its disks.
func (m *machine) readDisks(ctx context.Context) ([]dc.DiskReading, error) {
	var all []struct {
		Device string `json:"qdev"`
		Stats  struct {
			ReadBytes  int64 `json:"rd_bytes"`
			WriteBytes int64 `json:"wr_bytes"`
			Reads      int64 `json:"rd_operations"`
			Writes     int64 `json:"wr_operations"`
			ReadTime   int64 `json:"rd_total_time_ns"`
			WriteTime  int64 `json:"wr_total_time_ns"`
		} `json:"stats"`
	}
	if err := m.execute(ctx, "query-blockstats", nil, &all); err != nil {
		return nil, err
	}
	var out []dc.DiskReading
	m.mu.Lock()
	disks := m.asked.Disks
	m.mu.Unlock()
	for _, d := range disks {
		for _, s := range all {
			if s.Device == diskID(d.Key) {
				out = append(out, dc.DiskReading{Instance: d.Instance(), ReadBytes: s.Stats.ReadBytes, WrittenBytes: s.Stats.WriteBytes,
					Reads: s.Stats.Reads, Writes: s.Stats.Writes, ReadTime: time.Duration(s.Stats.ReadTime), WriteTime: time.Duration(s.Stats.WriteTime)})
			}
		}
	}
	return out, nil
}

// readBalloon reads what the guest's balloon driver says. A guest without one says nothing, and a guest may say anything: what
// can't be is left out.
func (m *machine) readBalloon(ctx context.Context, r *dc.MachineReading) {
	var said struct {
		Updated int64 `json:"last-update"`
		Stats   struct {
			Total     uint64 `json:"stat-total-memory"`
			Available uint64 `json:"stat-available-memory"`
		} `json:"stats"`
	}
	property := map[string]any{"path": balloonPath, "property": "guest-stats"}
	if err := m.execute(ctx, "qom-get", property, &said); err != nil {
		return
	}
	if time.Since(time.Unix(said.Updated, 0)) > 3*balloonPace*time.Second { // perhaps nobody has asked the guest yet
		property := map[string]any{"path": balloonPath, "property": "guest-stats-polling-interval", "value": balloonPace}
		_ = m.execute(ctx, "qom-set", property, nil) // without it nothing is known, which is no harm
		return
	}
	most := uint64(r.MemoryKB) << 10
	if said.Stats.Total == 0 || said.Stats.Total > most || said.Stats.Available > said.Stats.Total {
		return
	}
	active := int64(said.Stats.Total-said.Stats.Available) >> 10
	r.ActiveKB = &active
	var balloon struct {
		Actual int64 `json:"actual"`
	}
	if m.execute(ctx, "query-balloon", nil, &balloon) == nil && balloon.Actual > 0 {
		taken := max(0, r.MemoryKB-balloon.Actual>>10)
		r.BalloonedKB = &taken
	}
}
