package event

import (
	"path"
	"slices"
	"strings"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

// Access says who may see what: access.Service. It is an interface because access records events itself.
type Access interface {
	Visible(by dc.Caller) (func(dc.Object) bool, error)
	// Shown returns a function that leaves out of an event what the caller may not know.
	Shown(by dc.Caller) (func(dc.Object) dc.Object, error)
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
	// Types are patterns of classes, as of path.Match: "Host*", or "!User*SessionEvent" for all others. An event must fit one of those
	// that leave nothing out, if there are such, and none of the others.
	Types []string
	// User, if not empty, leaves out what others have caused.
	User string
	// Since and Until, unless they are zero, bound when it happened.
	Since, Until time.Time
	// OldestFirst turns the order round.
	OldestFirst bool
	// Limit is how many events are listed at most, from the beginning of the order; 0 means no limit.
	Limit int
}

// List returns the events that q asks for and that the caller may see, without the names that he may not know. They are shared and must not be changed. Errors: Unauthenticated
// and Invalid for a negative limit.
func (s *Service) List(by dc.Caller, q Query) ([]*dc.Event, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	shown, err := s.access.Shown(by)
	if err != nil {
		return nil, err
	}
	if q.Limit < 0 {
		return nil, dc.Errorf(dc.Invalid, "the limit %d is negative", q.Limit).Fix("give a limit of 1 or more, or 0 for none")
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	var out []*dc.Event
	for e := range store.List[*dc.Event](s.store.View()) {
		if !q.wants(e) || !visible(e) {
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
	for i, e := range out {
		out[i] = shown(e).(*dc.Event)
	}
	return out, nil
}

const maxTypes = 50

func (q Query) check() error {
	if len(q.Types) > maxTypes {
		return dc.Errorf(dc.Invalid, "there are %d patterns of events", len(q.Types)).Fix("give %d at most", maxTypes)
	}
	for _, pattern := range q.Types {
		if _, err := path.Match(strings.TrimPrefix(pattern, "!"), ""); err != nil {
			return dc.Errorf(dc.Invalid, "%q is no pattern", pattern).Fix(`give one such as "Host*"`)
		}
	}
	return nil
}

// wants reports whether the query asks for the event.
func (q Query) wants(e *dc.Event) bool {
	switch {
	case q.Target != "" && e.Target != q.Target, q.User != "" && e.User != q.User,
		!q.Since.IsZero() && e.Created.Before(q.Since), !q.Until.IsZero() && e.Created.After(q.Until):
		return false
	}
	asked, fits := false, false
	for _, pattern := range q.Types {
		rest, not := strings.CutPrefix(pattern, "!")
		ok, err := path.Match(rest, string(e.Type))
		ok = ok && err == nil
		if not && ok {
			return false
		}
		asked, fits = asked || !not, fits || !not && ok
	}
	return !asked || fits
}
