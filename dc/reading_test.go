package dc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hanok/dc"
)

var readAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func kb(n int64) *int64 { return &n }

func text(figures []dc.Figure) string {
	var s []string
	for _, f := range figures {
		c, _ := dc.CounterOf(f.Counter)
		s = append(s, fmt.Sprintf("%s %s[%s]=%d", f.Object, strings.TrimSuffix(c.FullName(), "."+string(c.Rollup)), f.Instance, f.Value))
	}
	return strings.Join(s, "\n")
}

func TestMachineFigures(t *testing.T) {
	before := dc.MachineReading{Time: readAt, Run: "1", MemoryKB: 1000, CPUs: []dc.CPUReading{{Used: time.Second}, {Used: 5 * time.Second, Ready: time.Second}},
		Disks: []dc.DiskReading{{Instance: "scsi0:0", ReadBytes: 1 << 20, Reads: 10}}}
	now := dc.MachineReading{Time: readAt.Add(20 * time.Second), Run: "1", MemoryKB: 1000, ActiveKB: kb(250), Uptime: time.Minute,
		CPUs:  []dc.CPUReading{{Used: 11 * time.Second}, {Used: 25 * time.Second, Ready: 1500 * time.Millisecond}},
		Disks: []dc.DiskReading{{Instance: "scsi0:0", ReadBytes: 21 << 20, Reads: 50, ReadTime: 80 * time.Millisecond}, {Instance: "scsi0:1", Reads: 9}}}
	want := `vm-a cpu.usage[0]=5000
vm-a cpu.used[0]=10000
vm-a cpu.ready[0]=0
vm-a cpu.usage[1]=10000
vm-a cpu.used[1]=20000
vm-a cpu.ready[1]=500
vm-a cpu.usage[]=7500
vm-a cpu.used[]=30000
vm-a cpu.ready[]=500
vm-a cpu.usagemhz[]=3000
vm-a mem.active[]=250
vm-a mem.usage[]=2500
vm-a virtualDisk.read[scsi0:0]=1024
vm-a virtualDisk.write[scsi0:0]=0
vm-a virtualDisk.numberReadAveraged[scsi0:0]=2
vm-a virtualDisk.numberWriteAveraged[scsi0:0]=0
vm-a virtualDisk.totalReadLatency[scsi0:0]=2
vm-a disk.read[]=1024
vm-a disk.write[]=0
vm-a disk.usage[]=1024
vm-a disk.numberReadAveraged[]=2
vm-a disk.numberWriteAveraged[]=0
vm-a sys.uptime[]=60`
	if got := text(dc.MachineFigures("vm-a", before, now, 2000)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// What can't be known makes no figure: no interval, another run, another number of CPUs, no memory that is known.
	another := now
	another.Run = "2"
	for name, got := range map[string][]dc.Figure{
		"the first reading": dc.MachineFigures("vm-a", dc.MachineReading{}, now, 2000),
		"another run":       dc.MachineFigures("vm-a", before, another, 2000),
	} {
		if text(got) != "vm-a mem.active[]=250\nvm-a mem.usage[]=2500\nvm-a sys.uptime[]=60" {
			t.Errorf("%s: %s", name, text(got))
		}
	}
	if got := dc.MachineFigures("vm-a", before, dc.MachineReading{Time: now.Time, Run: "1"}, 0); len(got) != 0 {
		t.Errorf("of nothing: %s", text(got))
	}
}

func TestHostFigures(t *testing.T) {
	before := dc.HostReading{Time: readAt, Boot: "1", CPUs: []dc.CPUReading{{}}, NICs: []dc.NICReading{{Instance: "eth0", ReceivedBytes: 5}}}
	now := dc.HostReading{Time: readAt.Add(10 * time.Second), Boot: "1", MemoryKB: kb(2000), ConsumedKB: kb(500), Uptime: time.Hour,
		CPUs: []dc.CPUReading{{Used: time.Second, Idle: 9 * time.Second}}, NICs: []dc.NICReading{{Instance: "eth0", ReceivedBytes: 5 + 30<<10, ReceivedPackets: 7}}}
	want := ` cpu.usage[0]=1000
 cpu.used[0]=1000
 cpu.idle[0]=9000
 cpu.usage[]=1000
 cpu.used[]=1000
 cpu.idle[]=9000
 mem.usage[]=2500
 mem.consumed[]=500
 net.received[eth0]=3
 net.transmitted[eth0]=0
 net.usage[eth0]=3
 net.packetsRx[eth0]=7
 net.packetsTx[eth0]=0
 net.received[]=3
 net.transmitted[]=0
 net.usage[]=3
 net.packetsRx[]=7
 net.packetsTx[]=0
 sys.uptime[]=3600`
	if got := text(dc.HostFigures(before, now)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDatastoreFigures(t *testing.T) {
	got := text(dc.DatastoreFigures("datastore-a", dc.DatastoreUsage{CapacityBytes: 10 << 10, FreeBytes: 4 << 10}, 20<<10, nil))
	if want := "datastore-a disk.used[]=6\ndatastore-a disk.provisioned[]=20\ndatastore-a disk.capacity[]=10"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestTraffic adds what the machines of a datastore did, each in its own interval.
func TestTraffic(t *testing.T) {
	reading := func(run string, after time.Duration, disks ...dc.DiskReading) dc.MachineReading {
		return dc.MachineReading{Time: readAt.Add(after), Run: run, Disks: disks}
	}
	var all dc.Traffic
	all.Add(reading("1", 0, dc.DiskReading{Instance: "scsi0:0", ReadBytes: 1 << 10, Reads: 1}),
		reading("1", 10*time.Second, dc.DiskReading{Instance: "scsi0:0", ReadBytes: 101 << 10, Reads: 21, ReadTime: 60 * time.Millisecond},
			dc.DiskReading{Instance: "scsi0:1", Reads: 1000})) // it is new
	all.Add(reading("1", 0, dc.DiskReading{Instance: "scsi0:0"}),
		reading("1", 20*time.Second, dc.DiskReading{Instance: "scsi0:0", ReadBytes: 100 << 10, Reads: 20, WrittenBytes: 400 << 10, Writes: 40}))
	all.Add(reading("1", 0), reading("2", 10*time.Second, dc.DiskReading{Instance: "scsi0:0", Writes: 1000})) // another run
	all.Add(dc.MachineReading{}, reading("1", 10*time.Second, dc.DiskReading{Instance: "scsi0:0", Writes: 1000}))
	got := text(dc.DatastoreFigures("datastore-a", dc.DatastoreUsage{}, 0, &all))
	want := `datastore-a datastore.numberReadAveraged[]=3
datastore-a datastore.numberWriteAveraged[]=2
datastore-a datastore.read[]=15
datastore-a datastore.write[]=20
datastore-a datastore.totalReadLatency[]=1
datastore-a datastore.totalWriteLatency[]=0
datastore-a disk.used[]=0
datastore-a disk.provisioned[]=0
datastore-a disk.capacity[]=0`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCounters(t *testing.T) {
	last := dc.CounterID(0)
	for _, c := range dc.Counters() {
		if c.ID <= last {
			t.Errorf("%s: its number %d comes after %d", c.FullName(), c.ID, last)
		}
		last = c.ID
		if byName, err := dc.ParseCounter(c.FullName()); err != nil || byName.ID != c.ID {
			t.Errorf("%s: found as %v, %v", c.FullName(), byName.ID, err)
		}
	}
	if _, err := dc.ParseCounter("cpu.usage"); dc.KindOf(err) != dc.Invalid {
		t.Errorf("an unknown counter: %v", err)
	}
}
