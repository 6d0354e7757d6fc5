package dc

import (
	"fmt"
	"time"
)

// Readings are what drivers read off: meters that only go up, and amounts. Two readings of the same thing make figures. What a
// driver cannot know is nil or missing, and makes no figure: a figure is never made up.

// HostReading is a reading of a whole host.
type HostReading struct {
	Time time.Time
	// Boot tells one run of the host from all others.
	Boot string
	// MHz is the nominal frequency of one CPU, or 0 where it is not known.
	MHz    int64
	Uptime time.Duration
	// CPUs are the meters of each logical CPU, in order.
	CPUs []CPUReading
	// Memory in KB; nil where it is not known.
	MemoryKB, ConsumedKB, SwapUsedKB *int64
	Disks                            []DiskReading
	NICs                             []NICReading
}

// CPUReading is the time of one CPU since its beginning.
type CPUReading struct {
	Used time.Duration
	// Idle is a host's, and Ready a virtual machine's.
	Idle, Ready time.Duration
}

// DiskReading is what was done to one disk since the beginning of the run.
type DiskReading struct {
	Instance                string
	ReadBytes, WrittenBytes int64
	Reads, Writes           int64
	// ReadTime and WriteTime are how long those took together.
	ReadTime, WriteTime time.Duration
}

// NICReading is what went through one network adapter since the beginning of the run.
type NICReading struct {
	Instance                            string
	ReceivedBytes, TransmittedBytes     int64
	ReceivedPackets, TransmittedPackets int64
}

// MachineReading is a reading of a virtual machine that has power.
type MachineReading struct {
	Time time.Time
	// Run tells one run of the machine from all others.
	Run string
	// CPUs are its virtual CPUs, in order; none where they can't be told apart.
	CPUs     []CPUReading
	MemoryKB int64
	// ConsumedKB is the host's memory behind the guest's, ActiveKB what the guest does not call available, BalloonedKB what the
	// balloon has taken; nil where it is not known.
	ConsumedKB, ActiveKB, BalloonedKB *int64
	// Uptime is since it was powered on; 0 where it is not known.
	Uptime time.Duration
	Disks  []DiskReading
	NICs   []NICReading
}

// HostFigures returns the figures of a host for the interval between two readings, of which before may be the zero one: then
// those that need no interval.
func HostFigures(before, now HostReading) []Figure {
	s := sheet{elapsed: elapsed(before.Time, now.Time, before.Boot == now.Boot)}
	if s.elapsed > 0 && len(before.CPUs) == len(now.CPUs) {
		s.cpus(before.CPUs, now.CPUs, now.MHz, CPUIdle)
	}
	if now.MemoryKB != nil && now.ConsumedKB != nil && *now.MemoryKB > 0 {
		s.add(MemoryUsage, "", *now.ConsumedKB*10000 / *now.MemoryKB)
	}
	s.amount(MemoryConsumed, now.ConsumedKB)
	s.amount(MemorySwapUsed, now.SwapUsedKB)
	s.disks(before.Disks, now.Disks, false)
	s.nics(before.NICs, now.NICs)
	s.add(SysUptime, "", int64(now.Uptime/time.Second))
	return s.figures
}

// MachineFigures returns the figures of a machine for the interval between two readings, of which before may be the zero one;
// mhz is the nominal frequency of the host's CPUs, or 0.
func MachineFigures(id VirtualMachineID, before, now MachineReading, mhz int64) []Figure {
	s := sheet{object: ID(id), elapsed: elapsed(before.Time, now.Time, before.Run == now.Run)}
	if s.elapsed > 0 && len(before.CPUs) == len(now.CPUs) {
		s.cpus(before.CPUs, now.CPUs, mhz, CPUReady)
	}
	s.amount(MemoryConsumed, now.ConsumedKB)
	s.amount(MemoryGranted, now.ConsumedKB)
	s.amount(MemoryActive, now.ActiveKB)
	s.amount(MemoryBallooned, now.BalloonedKB)
	if now.ActiveKB != nil && now.MemoryKB > 0 {
		s.add(MemoryUsage, "", min(*now.ActiveKB*10000/now.MemoryKB, 10000))
	}
	s.disks(before.Disks, now.Disks, true)
	s.nics(before.NICs, now.NICs)
	if now.Uptime > 0 {
		s.add(SysUptime, "", int64(now.Uptime/time.Second))
	}
	return s.figures
}

// Traffic is what the machines on a datastore did to their disks there in a second.
type Traffic struct {
	readBytes, writtenBytes, reads, writes float64
	done                                   DiskReading
}

// Add adds what a machine, all of whose disks are on the datastore, did between two readings.
func (t *Traffic) Add(before, now MachineReading) {
	seconds := elapsed(before.Time, now.Time, before.Run == now.Run).Seconds()
	if seconds <= 0 {
		return
	}
	for _, d := range changes(before.Disks, now.Disks) {
		t.readBytes, t.writtenBytes = t.readBytes+float64(d.ReadBytes)/seconds, t.writtenBytes+float64(d.WrittenBytes)/seconds
		t.reads, t.writes = t.reads+float64(d.Reads)/seconds, t.writes+float64(d.Writes)/seconds
		t.done.add(d)
	}
}

// DatastoreFigures returns the figures of a datastore on which disks of provisioned bytes are; traffic is nil where no interval is known.
func DatastoreFigures(id DatastoreID, u DatastoreUsage, provisioned int64, traffic *Traffic) []Figure {
	s := sheet{object: ID(id)}
	if t := traffic; t != nil {
		s.add(DatastoreReads, "", int64(t.reads))
		s.add(DatastoreWrites, "", int64(t.writes))
		s.add(DatastoreRead, "", int64(t.readBytes)>>10)
		s.add(DatastoreWrite, "", int64(t.writtenBytes)>>10)
		s.latency(DatastoreReadTime, "", t.done.ReadTime, t.done.Reads)
		s.latency(DatastoreWriteTime, "", t.done.WriteTime, t.done.Writes)
	}
	s.add(DatastoreUsed, "", max(0, u.CapacityBytes-u.FreeBytes)>>10)
	s.add(DatastoreProvisioned, "", provisioned>>10)
	s.add(DatastoreCapacity, "", u.CapacityBytes>>10)
	return s.figures
}

// elapsed is the length of the interval, or 0 where the two readings are not of the same run.
func elapsed(before, now time.Time, same bool) time.Duration {
	if before.IsZero() || !same {
		return 0
	}
	return max(0, now.Sub(before))
}

// sheet collects the figures of one object.
type sheet struct {
	object  ID
	elapsed time.Duration
	figures []Figure
}

func (s *sheet) add(c CounterID, instance string, v int64) {
	s.figures = append(s.figures, Figure{s.object, c, instance, v})
}

func (s *sheet) amount(c CounterID, kb *int64) {
	if kb != nil {
		s.add(c, "", *kb)
	}
}

// cpus adds the figures of all CPUs and of each; other is CPUIdle or CPUReady.
func (s *sheet) cpus(before, now []CPUReading, mhz int64, other CounterID) {
	if len(now) == 0 {
		return
	}
	var used, rest time.Duration
	for i := range now {
		u, o := now[i].Used-before[i].Used, now[i].Idle-before[i].Idle
		if other == CPUReady {
			o = now[i].Ready - before[i].Ready
		}
		u, o = max(0, u), max(0, o)
		used, rest = used+u, rest+o
		instance := fmt.Sprint(i)
		s.add(CPUUsage, instance, s.percent(u, 1))
		s.add(CPUUsed, instance, u.Milliseconds())
		s.add(other, instance, o.Milliseconds())
	}
	s.add(CPUUsage, "", s.percent(used, len(now)))
	s.add(CPUUsed, "", used.Milliseconds())
	s.add(other, "", rest.Milliseconds())
	if mhz > 0 {
		s.add(CPUUsageMHz, "", int64(float64(mhz)*used.Seconds()/s.elapsed.Seconds()))
	}
}

// percent is the part that used is of the time of n CPUs, in hundredths of a percent. The two clocks differ a little: it is never
// above all.
func (s *sheet) percent(used time.Duration, n int) int64 {
	return min(10000, int64(10000*used.Seconds()/(s.elapsed.Seconds()*float64(n))))
}

// rate is how much of delta there was in a second.
func (s *sheet) rate(delta int64) int64 { return int64(float64(delta) / s.elapsed.Seconds()) }

// disks adds the figures of all disks and of each; virtual says that each has counters of its own.
func (s *sheet) disks(before, now []DiskReading, virtual bool) {
	if s.elapsed <= 0 || len(now) == 0 {
		return
	}
	var sum DiskReading
	known := false
	for _, d := range changes(before, now) {
		sum.add(d)
		known = true
		if virtual {
			s.virtualDisk(d)
		} else {
			s.disk(d)
		}
	}
	if known {
		s.disk(sum)
	}
}

// changes returns what was done between two readings of disks, of each that both have. One that is new, or whose meters began anew, has
// no interval.
func changes(before, now []DiskReading) []DiskReading {
	old := make(map[string]DiskReading, len(before))
	for _, d := range before {
		old[d.Instance] = d
	}
	all := make([]DiskReading, 0, len(now))
	for _, d := range now {
		b, ok := old[d.Instance]
		if !ok || d.ReadBytes < b.ReadBytes || d.WrittenBytes < b.WrittenBytes || d.Reads < b.Reads || d.Writes < b.Writes {
			continue
		}
		all = append(all, DiskReading{d.Instance, d.ReadBytes - b.ReadBytes, d.WrittenBytes - b.WrittenBytes, d.Reads - b.Reads, d.Writes - b.Writes,
			d.ReadTime - b.ReadTime, d.WriteTime - b.WriteTime})
	}
	return all
}

func (d *DiskReading) add(o DiskReading) {
	d.ReadBytes, d.WrittenBytes, d.Reads, d.Writes = d.ReadBytes+o.ReadBytes, d.WrittenBytes+o.WrittenBytes, d.Reads+o.Reads, d.Writes+o.Writes
	d.ReadTime, d.WriteTime = d.ReadTime+o.ReadTime, d.WriteTime+o.WriteTime
}

// latency adds how long one of n operations took, where there was one.
func (s *sheet) latency(c CounterID, instance string, all time.Duration, n int64) {
	if n > 0 {
		s.add(c, instance, all.Milliseconds()/n)
	}
}

func (s *sheet) disk(d DiskReading) {
	s.add(DiskRead, d.Instance, s.rate(d.ReadBytes>>10))
	s.add(DiskWrite, d.Instance, s.rate(d.WrittenBytes>>10))
	s.add(DiskUsage, d.Instance, s.rate((d.ReadBytes+d.WrittenBytes)>>10))
	s.add(DiskNumberRead, d.Instance, s.rate(d.Reads))
	s.add(DiskNumberWrite, d.Instance, s.rate(d.Writes))
}

func (s *sheet) virtualDisk(d DiskReading) {
	s.add(VirtualDiskRead, d.Instance, s.rate(d.ReadBytes>>10))
	s.add(VirtualDiskWrite, d.Instance, s.rate(d.WrittenBytes>>10))
	s.add(VirtualDiskReads, d.Instance, s.rate(d.Reads))
	s.add(VirtualDiskWrites, d.Instance, s.rate(d.Writes))
	s.latency(VirtualDiskReadTime, d.Instance, d.ReadTime, d.Reads)
	s.latency(VirtualDiskWriteTime, d.Instance, d.WriteTime, d.Writes)
}

// nics adds the figures of all network adapters and of each.
func (s *sheet) nics(before, now []NICReading) {
	if s.elapsed <= 0 || len(now) == 0 {
		return
	}
	old := map[string]NICReading{}
	for _, n := range before {
		old[n.Instance] = n
	}
	var sum NICReading
	known := false
	for _, n := range now {
		b, ok := old[n.Instance]
		if !ok || n.ReceivedBytes < b.ReceivedBytes || n.TransmittedBytes < b.TransmittedBytes {
			continue
		}
		n = NICReading{n.Instance, n.ReceivedBytes - b.ReceivedBytes, n.TransmittedBytes - b.TransmittedBytes,
			n.ReceivedPackets - b.ReceivedPackets, n.TransmittedPackets - b.TransmittedPackets}
		sum = NICReading{"", sum.ReceivedBytes + n.ReceivedBytes, sum.TransmittedBytes + n.TransmittedBytes,
			sum.ReceivedPackets + n.ReceivedPackets, sum.TransmittedPackets + n.TransmittedPackets}
		known = true
		s.nic(n)
	}
	if known {
		s.nic(sum)
	}
}

func (s *sheet) nic(n NICReading) {
	s.add(NetReceived, n.Instance, s.rate(n.ReceivedBytes>>10))
	s.add(NetTransmitted, n.Instance, s.rate(n.TransmittedBytes>>10))
	s.add(NetUsage, n.Instance, s.rate((n.ReceivedBytes+n.TransmittedBytes)>>10))
	s.add(NetPacketsReceived, n.Instance, n.ReceivedPackets)
	s.add(NetPacketsTransmitted, n.Instance, n.TransmittedPackets)
}
