package metrics

import (
	"context"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hanok/dc"
)

// MaxMachines is how many virtual machines may be there for each to have series of its own unless a scrape asks for it: some ten
// thousand series are what a Prometheus takes from one target without thought.
const MaxMachines = 1000

// collector makes the metrics of a scrape.
type collector struct {
	Backend
	vms string
}

// Describe implements prometheus.Collector; what there is depends on the data center.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hanok_"+name, help, labels, nil)
}

var (
	build       = desc("build_info", "The version of the manager's program.", "version")
	hosts       = desc("hosts", "Hosts by the state of their connection.", "connection")
	machines    = desc("virtual_machines", "Virtual machines by their power.", "power")
	omitted     = desc("virtual_machine_series_omitted", "Whether there are too many virtual machines for series of each.")
	tasks       = desc("tasks", "Tasks that are remembered, by their state.", "state")
	alarms      = desc("alarms_triggered", "Objects that an alarm has found not to be green, by color.", "color")
	sessions    = desc("sessions", "Sessions of users.")
	revision    = desc("store_revision", "The revision of the store.")
	used        = desc("store_used_bytes", "How much of the store is in use.")
	quota       = desc("store_quota_bytes", "How much of the store may be in use.")
	connected   = desc("host_connected", "Whether the host's agent is connected.", "host_id", "host")
	maintenance = desc("host_in_maintenance", "Whether the host is out of service.", "host_id", "host")
	accessible  = desc("datastore_accessible", "Whether the datastore can be used.", "datastore_id", "datastore")
	powered     = desc("virtual_machine_powered_on", "Whether the virtual machine has power.", "vm_id", "vm")
)

// measure is how the figures of a counter are shown: in the base unit.
type measure struct {
	name, help string
	factor     float64
}

var measures = map[dc.CounterID]measure{
	dc.CPUUsage:             {"cpu_usage_ratio", "How much of its CPUs it used.", 1e-4},
	dc.CPUUsageMHz:          {"cpu_usage_hertz", "How much of its CPUs it used, at their nominal frequency.", 1e6},
	dc.CPUReady:             {"cpu_ready_ratio", "For which part of the time its virtual CPUs waited for a CPU, all together.", 1e-3 / float64(dc.SampleInterval/time.Second)},
	dc.MemoryUsage:          {"memory_usage_ratio", "How much of its memory is in use.", 1e-4},
	dc.MemoryConsumed:       {"memory_consumed_bytes", "The host's memory that it takes.", 1 << 10},
	dc.MemoryActive:         {"memory_active_bytes", "The memory that its guest does not call available.", 1 << 10},
	dc.DiskRead:             {"disk_read_bytes_per_second", "What was read from its disks.", 1 << 10},
	dc.DiskWrite:            {"disk_written_bytes_per_second", "What was written to its disks.", 1 << 10},
	dc.NetReceived:          {"network_received_bytes_per_second", "What its network adapters received.", 1 << 10},
	dc.NetTransmitted:       {"network_transmitted_bytes_per_second", "What its network adapters sent.", 1 << 10},
	dc.SysUptime:            {"uptime_seconds", "How long it has been on.", 1},
	dc.DatastoreUsed:        {"used_bytes", "The space that is in use.", 1 << 10},
	dc.DatastoreProvisioned: {"provisioned_bytes", "The space that the machines' disks could use.", 1 << 10},
	dc.DatastoreCapacity:    {"capacity_bytes", "How large it is.", 1 << 10},
}

// usage has the descriptions of what hosts, machines and datastores use.
var usage = map[dc.Kind]map[dc.CounterID]*prometheus.Desc{
	dc.KindHost:           described("host", "host_id", "host"),
	dc.KindVirtualMachine: described("virtual_machine", "vm_id", "vm"),
	dc.KindDatastore:      described("datastore", "datastore_id", "datastore"),
}

func described(prefix string, labels ...string) map[dc.CounterID]*prometheus.Desc {
	out := map[dc.CounterID]*prometheus.Desc{}
	for id, m := range measures {
		out[id] = desc(prefix+"_"+m.name, m.help, labels...)
	}
	return out
}

// sheet takes the metrics of one scrape.
type sheet chan<- prometheus.Metric

func (s sheet) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s sheet) count(d *prometheus.Desc, counts map[string]int) {
	for label, n := range counts {
		s.gauge(d, float64(n), label)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := sheet(to)
	at, objects := c.State.View()
	s.gauge(build, 1, c.Version)
	s.gauge(revision, float64(at))
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	if bytes, limit, err := c.Store(ctx); err == nil {
		s.gauge(used, float64(bytes))
		if limit > 0 {
			s.gauge(quota, float64(limit))
		}
	}
	c.collectHosts(s, objects)
	c.collectMachines(s, objects)
	for o := range each[*dc.Datastore](objects, dc.KindDatastore) {
		s.gauge(accessible, number(o.Status.Accessible), string(o.ID), o.Name)
		c.collectUsage(s, o)
	}
	counts := map[string]int{}
	for o := range each[*dc.Task](objects, dc.KindTask) {
		counts[string(o.State)]++
	}
	s.count(tasks, counts)
	counts = map[string]int{string(dc.Yellow): 0, string(dc.Red): 0}
	for o := range each[*dc.AlarmState](objects, dc.KindAlarmState) {
		counts[string(o.Color)]++
	}
	s.count(alarms, counts)
	logins := 0
	for range objects(dc.KindSession) {
		logins++
	}
	s.gauge(sessions, float64(logins))
}

func (c *collector) collectHosts(s sheet, objects func(dc.Kind) iter.Seq[dc.Object]) {
	counts := map[string]int{string(dc.Connected): 0, string(dc.NotResponding): 0, string(dc.Disconnected): 0}
	for o := range each[*dc.Host](objects, dc.KindHost) {
		if o.Connection() != "" { // else it has never been connected
			counts[string(o.Connection())]++
		}
		s.gauge(connected, number(o.Connection() == dc.Connected), string(o.ID), o.Name)
		s.gauge(maintenance, number(o.Spec.Maintenance == dc.InMaintenance), string(o.ID), o.Name)
		c.collectUsage(s, o)
	}
	s.count(hosts, counts)
}

func (c *collector) collectMachines(s sheet, objects func(dc.Kind) iter.Seq[dc.Object]) {
	counts := map[string]int{string(dc.PoweredOn): 0, string(dc.PoweredOff): 0, string(dc.Suspended): 0}
	all := 0
	for o := range each[*dc.VirtualMachine](objects, dc.KindVirtualMachine) {
		all++
		if o.Status.Power != "" {
			counts[string(o.Status.Power)]++
		}
	}
	s.count(machines, counts)
	show := c.vms == "all" || c.vms == "" && all <= MaxMachines
	s.gauge(omitted, number(!show))
	if !show {
		return
	}
	for o := range each[*dc.VirtualMachine](objects, dc.KindVirtualMachine) {
		s.gauge(powered, number(o.Status.Power == dc.PoweredOn), string(o.ID), o.Name)
		c.collectUsage(s, o)
	}
}

// collectUsage shows what an object uses, as far as it was measured lately.
func (c *collector) collectUsage(s sheet, o dc.Object) {
	for _, f := range c.Values(o.Identity()) {
		if d := usage[o.Kind()][f.Counter]; d != nil {
			s.gauge(d, float64(f.Value)*measures[f.Counter].factor, string(o.Identity()), o.Metadata().Name)
		}
	}
}

func each[T dc.Object](objects func(dc.Kind) iter.Seq[dc.Object], kind dc.Kind) iter.Seq[T] {
	return func(yield func(T) bool) {
		for o := range objects(kind) {
			if !yield(o.(T)) {
				return
			}
		}
	}
}
