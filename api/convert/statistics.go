package convert

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/hanok/agent/v1"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// Statistics returns the figures of whole objects in a frame for the wire, of which all of one object follow each other.
func Statistics(f dc.Frame, now time.Time) *agentv1.Statistics {
	out := &agentv1.Statistics{Period: durationpb.New(f.Period), End: Time(f.End), Sent: Time(now)}
	var last *agentv1.ObjectStatistics
	for _, figure := range f.Figures {
		if last == nil || last.Id != string(figure.Object) {
			last = &agentv1.ObjectStatistics{Id: string(figure.Object)}
			out.Objects = append(out.Objects, last)
		}
		last.Counters, last.Values = append(last.Counters, int32(figure.Counter)), append(last.Values, figure.Value)
	}
	return out
}

// FromStatistics is the inverse of Statistics, by the clock of the receiver, for which it is now: what the host says of the age of its figures
// counts, not its clock. An object without an ID is host. Counters that this version does not know are left out. Invalid for a
// message that makes no sense.
func FromStatistics(m *agentv1.Statistics, host dc.HostID, now time.Time) (dc.Frame, error) {
	period := m.GetPeriod().AsDuration()
	if period != dc.SampleInterval && period != dc.Intervals()[0].Period {
		return dc.Frame{}, dc.Errorf(dc.Invalid, "statistics of intervals of %v are not kept", period)
	}
	if !m.GetEnd().IsValid() || !m.GetSent().IsValid() {
		return dc.Frame{}, dc.Errorf(dc.Invalid, "the statistics are of no time")
	}
	age := m.Sent.AsTime().Sub(m.End.AsTime())
	if age < 0 || age > 2*dc.Intervals()[0].Span {
		return dc.Frame{}, dc.Errorf(dc.Invalid, "the statistics are %v old", age)
	}
	f := dc.Frame{End: now.Add(-age).UTC(), Period: period}
	if period != dc.SampleInterval {
		f.End = f.End.Round(period)
	}
	counters := 0
	for _, o := range m.Objects {
		counters += len(o.Counters)
	}
	f.Figures = make([]dc.Figure, 0, counters)
	for _, o := range m.Objects {
		if len(o.Counters) != len(o.Values) {
			return dc.Frame{}, dc.Errorf(dc.Invalid, "the statistics of %q have %d counters and %d values", o.Id, len(o.Counters), len(o.Values))
		}
		id := dc.ID(o.Id)
		if id == "" {
			id = dc.ID(host)
		}
		for i, c := range o.Counters {
			figure := dc.Figure{Object: id, Counter: dc.CounterID(c), Value: o.Values[i]}
			if figure.Historical() {
				f.Figures = append(f.Figures, figure)
			}
		}
	}
	return f, nil
}

// StatisticsQuery returns a query for the wire.
func StatisticsQuery(q dc.SeriesQuery) *agentv1.StatisticsQuery {
	out := &agentv1.StatisticsQuery{ObjectId: string(q.Object), Instance: q.Instance, Start: Time(q.Start), End: Time(q.End), MaxSamples: int32(q.Max)}
	for _, c := range q.Counters {
		out.Counters = append(out.Counters, int32(c))
	}
	return out
}

// FromStatisticsQuery is the inverse of StatisticsQuery. No query asks for all of the host itself.
func FromStatisticsQuery(m *agentv1.StatisticsQuery) dc.SeriesQuery {
	q := dc.SeriesQuery{Object: dc.ID(m.GetObjectId()), Instance: m.GetInstance(), Max: int(m.GetMaxSamples())}
	for _, c := range m.GetCounters() {
		q.Counters = append(q.Counters, dc.CounterID(c))
	}
	if m.GetStart() != nil {
		q.Start = m.Start.AsTime()
	}
	if m.GetEnd() != nil {
		q.End = m.End.AsTime()
	}
	return q
}

// Counter returns a counter for the wire.
func Counter(c dc.Counter) *hanokv1.Counter {
	out := &hanokv1.Counter{Id: int32(c.ID), Name: c.FullName(), Unit: string(c.Unit), Rollup: string(c.Rollup), StatsType: c.Stats,
		Level: int32(c.Level), Summary: c.Summary}
	for _, kind := range c.Of {
		out.Kinds = append(out.Kinds, string(kind))
	}
	return out
}

// Series returns a series for the wire.
func Series(s dc.Series) *hanokv1.Series {
	c, _ := dc.CounterOf(s.Counter)
	out := &hanokv1.Series{Counter: c.FullName(), Unit: string(c.Unit), Instance: s.Instance}
	for _, sample := range s.Samples {
		out.Samples = append(out.Samples, &hanokv1.Sample{End: Time(sample.End), Value: sample.Value})
	}
	return out
}
