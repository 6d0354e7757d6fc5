package main

import (
	"context"
	"iter"

	"hanok/dc"
	"hanok/facade/metrics"
	"hanok/manager"
	"hanok/manager/store"
)

// metricsBackend returns the manager as the page of metrics sees it.
func metricsBackend(m *manager.Manager) metrics.Backend {
	return metrics.Backend{Access: m.Access, State: metricsState{m.Store}, Values: m.Stats.Now, Version: version,
		Store: func(ctx context.Context) (used, quota int64, err error) {
			u, err := m.Store.Usage(ctx)
			return u.UsedBytes, u.QuotaBytes, err
		}}
}

// metricsState is the store with the kinds that the page of metrics shows.
type metricsState struct{ *store.Store }

func (s metricsState) View() (int64, func(dc.Kind) iter.Seq[dc.Object]) {
	v := s.Store.View()
	return v.Revision(), func(kind dc.Kind) iter.Seq[dc.Object] {
		switch kind {
		case dc.KindAlarmState:
			return readerOf[*dc.AlarmState]().list(v)
		case dc.KindSession:
			return readerOf[*dc.Session]().list(v)
		}
		return readers[kind].list(v)
	}
}
