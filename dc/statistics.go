package dc

import "time"

// SampleInterval is how often hosts measure, and the interval of what a host itself remembers for an hour.
const SampleInterval = 20 * time.Second

// RealTimeSpan is how long a host remembers its samples.
const RealTimeSpan = time.Hour

// Interval is one of the resolutions in which the manager keeps statistics, as vSphere's historical intervals.
type Interval struct {
	// Name is vSphere's: "Past day".
	Name string
	// Period is the time that a sample stands for, Span how long it is kept.
	Period, Span time.Duration
}

// Intervals returns the historical intervals, the finest first.
func Intervals() []Interval {
	return []Interval{
		{"Past day", 5 * time.Minute, 24 * time.Hour},
		{"Past week", 30 * time.Minute, 7 * 24 * time.Hour},
		{"Past month", 2 * time.Hour, 30 * 24 * time.Hour},
	}
}

// Figure is what was measured of one object by one counter in one interval.
type Figure struct {
	// Object is a virtual machine or datastore, or "" for the host that measures.
	Object  ID
	Counter CounterID
	// Instance is the part of the object: a virtual CPU "0", a virtual disk "scsi0:0", a network adapter "4000"; "" is all of it.
	Instance string
	Value    int64
}

// CounterValue is what was measured of a whole object by one counter: a Figure where the object is known.
type CounterValue struct {
	Counter CounterID
	Value   int64
}

// Historical reports whether the manager keeps the figure: those of whole objects whose counters matter, as in a vCenter with
// statistics level 2. The others a host remembers for an hour.
func (f Figure) Historical() bool {
	c, ok := CounterOf(f.Counter)
	return ok && f.Instance == "" && c.Level <= 2
}

// Series is what is known of one counter and instance of one object, in the order of time.
type Series struct {
	Counter  CounterID `json:"counter"`
	Instance string    `json:"instance,omitempty"`
	Samples  []Sample  `json:"samples"`
}

// Sample is the value for the interval that ended at End.
type Sample struct {
	End   time.Time `json:"end"`
	Value int64     `json:"value"`
}

// SeriesQuery asks for series of one object.
type SeriesQuery struct {
	Object ID `json:"object,omitempty"` // "" for the host itself, where a host is asked
	// Counters are those to return; none means all.
	Counters []CounterID `json:"counters,omitempty"`
	// Instance leaves out all others; "*" leaves out none.
	Instance string `json:"instance"`
	// Start and End bound the samples: after Start, up to End. The zero time is no bound.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Max is how many samples a series has at most, the newest ones; 0 is no bound.
	Max int `json:"max,omitempty"`
}

// AllInstances is the SeriesQuery.Instance that leaves out none.
const AllInstances = "*"

// Wants reports whether the query asks for the figure at all.
func (q SeriesQuery) Wants(f Figure) bool {
	if f.Object != q.Object || q.Instance != AllInstances && f.Instance != q.Instance {
		return false
	}
	for _, c := range q.Counters {
		if c == f.Counter {
			return true
		}
	}
	return len(q.Counters) == 0
}

// Within reports whether the query asks for samples that end at t.
func (q SeriesQuery) Within(t time.Time) bool {
	return (q.Start.IsZero() || t.After(q.Start)) && (q.End.IsZero() || !t.After(q.End))
}

// Newest returns the newest samples, as many as the query asks for at most.
func (q SeriesQuery) Newest(samples []Sample) []Sample {
	if q.Max > 0 && len(samples) > q.Max {
		return samples[len(samples)-q.Max:]
	}
	return samples
}

// RollUp returns the one value for count samples of a counter, 1 or more, of which total is the sum and last the last one.
func RollUp(c CounterID, total, count, last int64) int64 {
	counter, _ := CounterOf(c)
	switch counter.Rollup {
	case RollupSummation:
		return total
	case RollupLatest:
		return last
	}
	return total / count
}
