package dispatch

import (
	"cmp"
	"maps"
	"slices"

	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

// Refusal is why a host of the inventory that wanted to connect could not, the last time it tried.
type Refusal struct {
	Host dc.HostID
	// Failure says why. Its object may be empty: it is about the host.
	Failure dc.Failure
}

// Refused returns the refusals of hosts that have not connected since, by host.
func (s *Service) Refused() []Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.refused), func(a, b Refusal) int { return cmp.Compare(a.Host, b.Host) })
}

// refuse keeps why a host is refused, and returns err.
func (s *Service) refuse(host dc.HostID, err error) error {
	failure := *dc.FailureOf(err)
	s.mu.Lock()
	known := s.refused[host].Failure == failure
	s.refused[host] = Refusal{Host: host, Failure: failure}
	s.mu.Unlock()
	if !known {
		s.cfg.Log.Warn("a host is refused", "host", host, "err", err)
	}
	return err
}

// checkRevision refuses a host that knows more than the store, which was put back to an old copy behind the manager's back. What
// the host is asked now would have a lower revision than what it was asked before, and it would not listen.
func (s *Service) checkRevision(hello *agentv1.Hello) error {
	revision := s.cfg.Store.View().Revision()
	if hello.HighestRevision <= revision {
		return nil
	}
	return dc.Errorf(dc.WrongState, "the manager's store is at revision %d and the host was asked for things up to revision %d: the manager was put back to an old copy",
		revision, hello.HighestRevision).
		Fix("on the manager: stop it, run \"hanok restore --as-is --data DIR\" and start it; until then the host goes on by itself")
}
