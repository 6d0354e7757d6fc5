package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

// streamStatistics is the kind of the stream with the host's own samples of one object: a list of dc.Series as JSON, and the end.
const streamStatistics = "statistics"

// rolledUp is how many rolled-up frames wait for the manager at most: those of a day.
const rolledUp = int(24 * time.Hour / (5 * time.Minute))

// burst is how many of them go out at once, so that heartbeats come between.
const burst = 12

// statistics measures the host and what is on it. It remembers the samples of an hour, and what it has rolled up until the manager
// has it, in memory: a restart of the agent loses both, of the second what no manager was there to take.
type statistics struct {
	a *Agent
	// changed has one element when there is something to send.
	changed chan struct{}

	// Of measure's goroutine.
	host     dc.HostReading
	machines map[dc.VirtualMachineID]dc.MachineReading
	measured bool // whether there are readings of before

	mu      sync.Mutex
	history history
	rollup  rollup
	newest  dc.Frame
	pending []dc.Frame // oldest first
	again   bool       // whether those that were sent and not answered are to be sent again
}

func newStatistics(a *Agent) *statistics {
	return &statistics{a: a, changed: make(chan struct{}, 1)}
}

// run measures until ctx ends.
func (s *statistics) run(ctx context.Context) {
	tick := time.NewTicker(dc.SampleInterval)
	defer tick.Stop()
	s.measure(ctx, time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.measure(ctx, time.Now())
		}
	}
}

// measure reads all meters and keeps what has passed since the last time. Readings that can't be had make no figures.
func (s *statistics) measure(ctx context.Context, now time.Time) {
	host := dc.HostReading{}
	if s.a.cfg.Meter != nil {
		var err error
		if host, err = s.a.cfg.Meter.Read(ctx); err != nil {
			s.a.cfg.Log.Warn("the host can't be measured", "error", err)
			host = dc.HostReading{}
		}
	}
	machines := s.a.cfg.Hypervisor.Readings(ctx)
	if ctx.Err() != nil {
		return
	}
	f := dc.Frame{End: now.UTC().Truncate(time.Second), Period: dc.SampleInterval}
	if !host.Time.IsZero() {
		f.Figures = dc.HostFigures(s.host, host)
	}
	for _, id := range sortedKeys(machines) {
		f.Figures = append(f.Figures, dc.MachineFigures(id, s.machines[id], machines[id], host.MHz)...)
	}
	usages := s.a.datastores.usages()
	provisioned, traffic := s.onDatastores(machines)
	for _, id := range sortedKeys(usages) {
		var moved *dc.Traffic
		if s.measured {
			moved = cmp.Or(traffic[id], &dc.Traffic{})
		}
		f.Figures = append(f.Figures, dc.DatastoreFigures(id, usages[id], provisioned[id], moved)...)
	}
	s.measured = true
	s.host, s.machines = host, machines
	s.keep(f)
}

// sortedKeys are in the same order each time, which packs best.
func sortedKeys[K ~string, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// onDatastores returns how many bytes the disks of this host's machines on each datastore may have, and what was done to them since the
// last readings.
func (s *statistics) onDatastores(now map[dc.VirtualMachineID]dc.MachineReading) (provisioned map[dc.DatastoreID]int64, traffic map[dc.DatastoreID]*dc.Traffic) {
	provisioned, traffic = map[dc.DatastoreID]int64{}, map[dc.DatastoreID]*dc.Traffic{}
	for id, r := range s.a.board.snapshot().machines {
		if r.deleted {
			continue
		}
		on := r.machine.Datastore
		for _, d := range r.machine.Disks {
			provisioned[on] += d.CapacityBytes
		}
		if traffic[on] == nil {
			traffic[on] = &dc.Traffic{}
		}
		traffic[on].Add(s.machines[id], now[id])
	}
	return provisioned, traffic
}

// keep remembers a frame of samples.
func (s *statistics) keep(f dc.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.add(f)
	s.newest = f
	s.newest.Figures = slices.DeleteFunc(slices.Clone(f.Figures), func(f dc.Figure) bool { return !f.Historical() })
	if done, ok := s.rollup.add(f); ok {
		s.pending = append(s.pending, done)
		s.pending = s.pending[max(0, len(s.pending)-rolledUp):]
		s.again = true
	}
	s.notify()
}

// notify says that there is something to send.
func (s *statistics) notify() {
	select {
	case s.changed <- struct{}{}:
	default: // somebody has said so already
	}
}

// kept lets go of the rolled-up frame with that end.
func (s *statistics) kept(end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = slices.DeleteFunc(s.pending, func(f dc.Frame) bool { return f.End.Equal(end) })
}

// news returns the newest samples and the next rolled-up frames after the end up to which they were sent. more says that there are
// others.
func (s *statistics) news(after time.Time) (newest dc.Frame, rolled []dc.Frame, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again {
		s.again, after = false, time.Time{}
	}
	for _, f := range s.pending {
		if !f.End.After(after) {
			continue
		}
		if len(rolled) == burst {
			return s.newest, rolled, true
		}
		rolled = append(rolled, f)
	}
	return s.newest, rolled, false
}

func (s *statistics) query(q dc.SeriesQuery) []dc.Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.history.query(q)
}

// open returns the stream that answers a query of the manager.
func (s *statistics) open(q *agentv1.StatisticsQuery) (io.ReadWriteCloser, error) {
	answer, err := json.Marshal(s.query(convert.FromStatisticsQuery(q)))
	if err != nil {
		return nil, err
	}
	return picture{bytes.NewReader(answer)}, nil
}

// sendStatistics sends what was measured and not sent on this connection.
func (c *conversation) sendStatistics() error {
	if !c.welcome {
		return nil
	}
	newest, rolled, more := c.a.statistics.news(c.rolledUp)
	if more {
		defer time.AfterFunc(progressPace, c.a.statistics.notify)
	}
	if newest.End.After(c.measured) {
		rolled = append(rolled, newest)
		c.measured = newest.End
	}
	for _, f := range rolled {
		message := &agentv1.AgentMessage_Statistics{Statistics: convert.Statistics(f, time.Now())}
		if err := c.stream.Send(&agentv1.AgentMessage{Message: message}); err != nil {
			return err
		}
		if f.Period != dc.SampleInterval {
			c.rolledUp = f.End
		}
	}
	return nil
}
