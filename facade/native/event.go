package native

import (
	"context"
	"slices"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// usualEvents is how many events a request gets that names no limit.
const usualEvents = 100

func (s *service) ListEvents(ctx context.Context, req *hanokv1.ListEventsRequest) (*hanokv1.ListEventsResponse, error) {
	limit := int(req.Limit)
	if limit == 0 {
		limit = usualEvents
	}
	q := EventQuery{Target: dc.ID(req.TargetId), Types: req.Types, User: req.User, Limit: limit}
	if req.Since != nil {
		q.Since = req.Since.AsTime()
	}
	if req.Until != nil {
		q.Until = req.Until.AsTime()
	}
	events, err := s.Events.Newest(caller(ctx), q)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ListEventsResponse{}
	for _, e := range slices.Backward(events) {
		out.Events = append(out.Events, convert.Event(e))
	}
	return out, nil
}
