package native

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListCounters(context.Context, *hanokv1.ListCountersRequest) (*hanokv1.ListCountersResponse, error) {
	out := &hanokv1.ListCountersResponse{}
	for _, c := range dc.Counters() {
		out.Counters = append(out.Counters, convert.Counter(c))
	}
	return out, nil
}

func (s *service) QueryStatistics(ctx context.Context, req *hanokv1.QueryStatisticsRequest) (*hanokv1.QueryStatisticsResponse, error) {
	kind := dc.Kind(req.Kind)
	if !slices.Contains(measured, kind) {
		return nil, dc.Errorf(dc.Invalid, "objects of the kind %q have no statistics", req.Kind).Fix("name one of the kinds %v", measured)
	}
	id, err := s.Inventory.Resolve(caller(ctx), kind, req.Object)
	if err != nil {
		return nil, err
	}
	q := dc.SeriesQuery{Object: id, Instance: req.Instance, Max: int(req.MaxSamples)}
	if req.Start != nil {
		q.Start = req.Start.AsTime()
	}
	if req.End != nil {
		q.End = req.End.AsTime()
	}
	for _, name := range req.Counters {
		c, err := dc.ParseCounter(name)
		if err != nil {
			return nil, err
		}
		q.Counters = append(q.Counters, c.ID)
	}
	period := req.Interval.AsDuration()
	if req.Interval == nil {
		period = dc.SampleInterval
	}
	all, err := s.Statistics.Query(ctx, caller(ctx), period, q)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b dc.Series) int {
		return cmp.Or(cmp.Compare(a.Counter, b.Counter), cmp.Compare(a.Instance, b.Instance))
	})
	out := &hanokv1.QueryStatisticsResponse{ObjectId: string(id), Interval: durationpb.New(period)}
	for _, series := range all {
		if _, ok := dc.CounterOf(series.Counter); ok { // a newer host may have others
			out.Series = append(out.Series, convert.Series(series))
		}
	}
	return out, nil
}

// measured are the kinds of objects that have statistics.
var measured = []dc.Kind{dc.KindHost, dc.KindVirtualMachine, dc.KindDatastore}
