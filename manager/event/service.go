package event

import (
	"slices"

	"hanok/dc"
	"hanok/manager/store"
)

// Access says who may see what: access.Service. It is an interface because access records events itself.
type Access interface {
	Visible(by dc.Caller) (func(dc.Object) bool, error)
}

// Service is what users may ask about events. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access Access
}

// NewService returns the service over the store's events.
func NewService(st *store.Store, acc Access) *Service { return &Service{store: st, access: acc} }

// Query says which events to list. The zero Query asks for all of them, newest first.
type Query struct {
	// Target, if not empty, leaves out the events of everything else. The target need not exist any more.
	Target dc.ID
	// OldestFirst turns the order round.
	OldestFirst bool
	// Limit is how many events are listed at most, from the beginning of the order; 0 means no limit.
	Limit int
}

// List returns the events that q asks for and that the caller may see. They are shared and must not be changed. Errors: Unauthenticated
// and Invalid for a negative limit.
func (s *Service) List(by dc.Caller, q Query) ([]*dc.Event, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	if q.Limit < 0 {
		return nil, dc.Errorf(dc.Invalid, "the limit %d is negative", q.Limit).Fix("give a limit of 1 or more, or 0 for none")
	}
	var out []*dc.Event
	for e := range store.List[*dc.Event](s.store.View()) {
		if q.Target != "" && e.Target != q.Target || !visible(e) {
			continue
		}
		out = append(out, e)
		if q.OldestFirst && q.Limit > 0 && len(out) == q.Limit {
			break
		}
	}
	if !q.OldestFirst {
		slices.Reverse(out)
		if q.Limit > 0 {
			out = out[:min(q.Limit, len(out))]
		}
	}
	return out, nil
}
