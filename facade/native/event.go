package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// usualEvents is how many events a request gets that names no limit.
const usualEvents = 100

func (s *service) ListEvents(ctx context.Context, req *hanokv1.ListEventsRequest) (*hanokv1.ListEventsResponse, error) {
	if err := s.Access.Authorize(caller(ctx), dc.PrivView, "the events"); err != nil {
		return nil, err
	}
	limit := int(req.Limit)
	switch {
	case limit < 0:
		return nil, dc.Errorf(dc.Invalid, "the limit %d is negative", limit)
	case limit == 0:
		limit = usualEvents
	}
	out := &hanokv1.ListEventsResponse{}
	for o := range s.State.View().Objects(dc.KindEvent) { // by ID, which is by time
		e := o.(*dc.Event)
		if req.TargetId == "" || req.TargetId == string(e.Target) {
			out.Events = append(out.Events, convert.Event(e))
		}
	}
	out.Events = out.Events[max(0, len(out.Events)-limit):]
	return out, nil
}
