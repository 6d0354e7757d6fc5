package dispatch

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/manager/store"
)

// Statistics takes what hosts measure. Its methods are quick and safe for concurrent use.
type Statistics interface {
	// Measured takes the newest samples of a host and what is on it.
	Measured(host dc.HostID, f dc.Frame)
	// Keep takes rolled-up figures, and calls kept once they are on the disk. The same frame may come again: what was not kept the
	// host sends again later.
	Keep(f dc.Frame, kept func())
}

// streamStatistics is the kind of the stream with a host's own samples: a list of dc.Series as JSON, and the end.
const streamStatistics = "statistics"

// maxSeries bounds what a host may answer to one query.
const maxSeries = 64 << 20

// Series asks the host for its own samples; an empty object is the host itself. Kinds: Unavailable while the host is not
// connected, Unsupported for one whose agent is too old.
func (s *Service) Series(ctx context.Context, host dc.HostID, q dc.SeriesQuery) ([]dc.Series, error) {
	conn, err := s.openStream(ctx, host, &agentv1.OpenStream{Kind: streamStatistics, StatisticsQuery: convert.StatisticsQuery(q)})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var out []dc.Series
	if err := json.NewDecoder(io.LimitReader(conn, maxSeries)).Decode(&out); err != nil {
		return nil, dc.Errorf(dc.Unavailable, "the answer of the host can't be read: %w", err).On(s.describe(host)).Fix("try again")
	}
	return out, nil
}

// describe returns the host as a user knows it.
func (s *Service) describe(host dc.HostID) string {
	if h, err := store.Get[*dc.Host](s.cfg.Store.View(), dc.ID(host)); err == nil {
		return dc.Describe(dc.KindHost, h.Name)
	}
	return dc.Describe(dc.KindHost, string(host))
}

// takeStatistics passes on what the host has measured of itself, its machines and its datastores, and tells it what was kept.
func (l *link) takeStatistics(m *agentv1.Statistics) {
	sink := l.s.cfg.Statistics
	if sink == nil {
		return
	}
	f, err := convert.FromStatistics(m, l.host, time.Now())
	if err != nil {
		l.s.cfg.Log.Warn("statistics can't be understood", "host", l.host, "err", err)
		return
	}
	f.Figures = l.own(f.Figures)
	if f.Period == dc.SampleInterval {
		sink.Measured(l.host, f)
		return
	}
	sink.Keep(f, func() {
		l.send(l.ctx, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_StatisticsKept{StatisticsKept: &agentv1.StatisticsKept{End: m.End}}})
	})
}

// own leaves out the figures of what is not the host's.
func (l *link) own(all []dc.Figure) []dc.Figure {
	v := l.s.cfg.Store.View()
	out := all[:0]
	last, mine := dc.ID(""), false
	for _, f := range all {
		if f.Object != last {
			last, mine = f.Object, l.owns(v, f.Object)
		}
		if mine {
			out = append(out, f)
		}
	}
	return out
}

func (l *link) owns(v *store.View, id dc.ID) bool {
	switch id.Kind() {
	case dc.KindHost:
		return dc.HostID(id) == l.host
	case dc.KindVirtualMachine:
		vm, err := store.Get[*dc.VirtualMachine](v, id)
		return err == nil && vm.Spec.Host == l.host
	case dc.KindDatastore:
		ds, err := store.Get[*dc.Datastore](v, id)
		return err == nil && ds.Spec.ReachedBy(l.host)
	}
	return false
}
