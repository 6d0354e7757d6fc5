package dc

// CounterID is the number of a counter, the same in every data center and for ever: a vCenter's.
type CounterID int32

// Rollup is how the samples of a short interval become one of a longer interval.
type Rollup string

// The rollups, by vSphere's names.
const (
	RollupAverage   Rollup = "average"
	RollupSummation Rollup = "summation"
	RollupLatest    Rollup = "latest"
)

// Unit is what a counter counts.
type Unit string

// The units, by vSphere's names. A percentage is in hundredths of a percent: 10000 is all of it.
const (
	Percent            Unit = "percent"
	MegaHertz          Unit = "megaHertz"
	Millisecond        Unit = "millisecond"
	KiloBytes          Unit = "kiloBytes"
	KiloBytesPerSecond Unit = "kiloBytesPerSecond"
	Number             Unit = "number"
	Second             Unit = "second"
)

// Counter is something that is measured of hosts, virtual machines or datastores.
type Counter struct {
	ID CounterID
	// Group and Name are its name with the rollup: "cpu.usage.average".
	Group, Name string
	Rollup      Rollup
	Unit        Unit
	// Stats is what a sample is of its interval, by vSphere's names: "absolute", "delta" or "rate".
	Stats string
	// Level says how much it matters, from 1, as in vSphere.
	Level int
	// Summary is a sentence for a person.
	Summary string
	// Of are the kinds of objects that may have it.
	Of []Kind
}

// FullName returns the counter's name as users know it: "cpu.usage.average".
func (c Counter) FullName() string { return c.Group + "." + c.Name + "." + string(c.Rollup) }

// The counters, by a vCenter's numbers.
const (
	CPUUsage              CounterID = 2
	CPUUsageMHz           CounterID = 6
	CPUReady              CounterID = 12
	CPUIdle               CounterID = 13
	CPUUsed               CounterID = 14
	MemoryUsage           CounterID = 24
	MemoryGranted         CounterID = 29
	MemoryActive          CounterID = 33
	MemorySwapUsed        CounterID = 49
	MemoryBallooned       CounterID = 90
	MemoryConsumed        CounterID = 98
	DiskUsage             CounterID = 125
	DiskRead              CounterID = 130
	DiskWrite             CounterID = 131
	DiskNumberRead        CounterID = 136
	DiskNumberWrite       CounterID = 137
	NetUsage              CounterID = 143
	NetPacketsReceived    CounterID = 146
	NetPacketsTransmitted CounterID = 147
	NetReceived           CounterID = 148
	NetTransmitted        CounterID = 149
	SysUptime             CounterID = 155
	VirtualDiskReads      CounterID = 171
	VirtualDiskWrites     CounterID = 172
	VirtualDiskRead       CounterID = 173
	VirtualDiskWrite      CounterID = 174
	VirtualDiskReadTime   CounterID = 175
	VirtualDiskWriteTime  CounterID = 176
	DatastoreReads        CounterID = 178
	DatastoreWrites       CounterID = 179
	DatastoreRead         CounterID = 180
	DatastoreWrite        CounterID = 181
	DatastoreReadTime     CounterID = 182
	DatastoreWriteTime    CounterID = 183
	DatastoreUsed         CounterID = 281
	DatastoreProvisioned  CounterID = 282
	DatastoreCapacity     CounterID = 283
)

var (
	ofBoth       = []Kind{KindHost, KindVirtualMachine}
	ofHosts      = []Kind{KindHost}
	ofMachines   = []Kind{KindVirtualMachine}
	ofDatastores = []Kind{KindDatastore}
)

// counters are in the order of their numbers.
var counters = []Counter{
	{CPUUsage, "cpu", "usage", RollupAverage, Percent, "rate", 1, "How much of its CPUs it used.", ofBoth},
	{CPUUsageMHz, "cpu", "usagemhz", RollupAverage, MegaHertz, "rate", 1, "How much of its CPUs it used, at the nominal frequency of the host.", ofBoth},
	{CPUReady, "cpu", "ready", RollupSummation, Millisecond, "delta", 1, "How long its virtual CPUs could have run and got no CPU of the host.", ofMachines},
	{CPUIdle, "cpu", "idle", RollupSummation, Millisecond, "delta", 2, "How long the CPU had nothing to do.", ofHosts},
	{CPUUsed, "cpu", "used", RollupSummation, Millisecond, "delta", 3, "How long its CPUs ran.", ofBoth},
	{MemoryUsage, "mem", "usage", RollupAverage, Percent, "absolute", 1, "How much of its memory is in use.", ofBoth},
	{MemoryGranted, "mem", "granted", RollupAverage, KiloBytes, "absolute", 2, "The host's memory that stands behind its memory.", ofMachines},
	{MemoryActive, "mem", "active", RollupAverage, KiloBytes, "absolute", 2, "The memory that its guest does not call available.", ofMachines},
	{MemorySwapUsed, "mem", "swapused", RollupAverage, KiloBytes, "absolute", 2, "The host's swap space in use.", ofHosts},
	{MemoryBallooned, "mem", "vmmemctl", RollupAverage, KiloBytes, "absolute", 1, "The memory that the balloon has taken from its guest.", ofMachines},
	{MemoryConsumed, "mem", "consumed", RollupAverage, KiloBytes, "absolute", 1, "The host's memory that it takes.", ofBoth},
	{DiskUsage, "disk", "usage", RollupAverage, KiloBytesPerSecond, "rate", 1, "What was read from and written to its disks.", ofBoth},
	{DiskRead, "disk", "read", RollupAverage, KiloBytesPerSecond, "rate", 2, "What was read from its disks.", ofBoth},
	{DiskWrite, "disk", "write", RollupAverage, KiloBytesPerSecond, "rate", 2, "What was written to its disks.", ofBoth},
	{DiskNumberRead, "disk", "numberReadAveraged", RollupAverage, Number, "rate", 1, "Reads of its disks a second.", ofBoth},
	{DiskNumberWrite, "disk", "numberWriteAveraged", RollupAverage, Number, "rate", 1, "Writes to its disks a second.", ofBoth},
	{NetUsage, "net", "usage", RollupAverage, KiloBytesPerSecond, "rate", 1, "What its network adapters received and sent.", ofBoth},
	{NetPacketsReceived, "net", "packetsRx", RollupSummation, Number, "delta", 2, "Packets that its network adapters received.", ofBoth},
	{NetPacketsTransmitted, "net", "packetsTx", RollupSummation, Number, "delta", 2, "Packets that its network adapters sent.", ofBoth},
	{NetReceived, "net", "received", RollupAverage, KiloBytesPerSecond, "rate", 2, "What its network adapters received.", ofBoth},
	{NetTransmitted, "net", "transmitted", RollupAverage, KiloBytesPerSecond, "rate", 2, "What its network adapters sent.", ofBoth},
	{SysUptime, "sys", "uptime", RollupLatest, Second, "absolute", 1, "How long it has been on.", ofBoth},
	{VirtualDiskReads, "virtualDisk", "numberReadAveraged", RollupAverage, Number, "rate", 1, "Reads of the virtual disk a second.", ofMachines},
	{VirtualDiskWrites, "virtualDisk", "numberWriteAveraged", RollupAverage, Number, "rate", 1, "Writes to the virtual disk a second.", ofMachines},
	{VirtualDiskRead, "virtualDisk", "read", RollupAverage, KiloBytesPerSecond, "rate", 2, "What was read from the virtual disk.", ofMachines},
	{VirtualDiskWrite, "virtualDisk", "write", RollupAverage, KiloBytesPerSecond, "rate", 2, "What was written to the virtual disk.", ofMachines},
	{VirtualDiskReadTime, "virtualDisk", "totalReadLatency", RollupAverage, Millisecond, "absolute", 1, "How long a read of the virtual disk took.", ofMachines},
	{VirtualDiskWriteTime, "virtualDisk", "totalWriteLatency", RollupAverage, Millisecond, "absolute", 1, "How long a write to the virtual disk took.", ofMachines},
	{DatastoreReads, "datastore", "numberReadAveraged", RollupAverage, Number, "rate", 1, "Reads of the machines on it a second.", ofDatastores},
	{DatastoreWrites, "datastore", "numberWriteAveraged", RollupAverage, Number, "rate", 1, "Writes of the machines on it a second.", ofDatastores},
	{DatastoreRead, "datastore", "read", RollupAverage, KiloBytesPerSecond, "rate", 2, "What the machines on it read.", ofDatastores},
	{DatastoreWrite, "datastore", "write", RollupAverage, KiloBytesPerSecond, "rate", 2, "What the machines on it wrote.", ofDatastores},
	{DatastoreReadTime, "datastore", "totalReadLatency", RollupAverage, Millisecond, "absolute", 1, "How long a read of a machine on it took.", ofDatastores},
	{DatastoreWriteTime, "datastore", "totalWriteLatency", RollupAverage, Millisecond, "absolute", 1, "How long a write of a machine on it took.", ofDatastores},
	{DatastoreUsed, "disk", "used", RollupLatest, KiloBytes, "absolute", 1, "The space that is in use.", ofDatastores},
	{DatastoreProvisioned, "disk", "provisioned", RollupLatest, KiloBytes, "absolute", 1, "The space that the machines' disks could use.", ofDatastores},
	{DatastoreCapacity, "disk", "capacity", RollupLatest, KiloBytes, "absolute", 1, "How large it is.", ofDatastores},
}

// Counters returns every counter, in the order of numbers. The slice is shared and must not be changed.
func Counters() []Counter { return counters }

// CounterOf returns the counter with the number.
func CounterOf(id CounterID) (Counter, bool) {
	for _, c := range counters {
		if c.ID == id {
			return c, true
		}
	}
	return Counter{}, false
}

// ParseCounter returns the counter with the full name, or an error of kind Invalid.
func ParseCounter(name string) (Counter, error) {
	for _, c := range counters {
		if c.FullName() == name {
			return c, nil
		}
	}
	return Counter{}, Errorf(Invalid, "there is no counter %q", name).Fix(`name one that "hanok stats list" shows, such as "cpu.usage.average"`)
}
