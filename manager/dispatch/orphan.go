package dispatch

import (
	"cmp"
	"maps"
	"slices"

	"hanok/dc"
)

// Orphan is a virtual machine that a host has and that is not the host's by the store: after a restore of the store from
// an older copy, say. It is left as it is.
type Orphan struct {
	ID   dc.VirtualMachineID
	Name string
	// Host is who reported it, and Owner the host that the store says has it, or "" for a machine that the store does not
	// know.
	Host, Owner dc.HostID
	// Status is what Host says.
	Status dc.VirtualMachineStatus
}

// Orphans returns the orphans that connected hosts have reported, by ID.
func (s *Service) Orphans() []Orphan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.orphans), func(a, b Orphan) int { return cmp.Compare(a.ID, b.ID) })
}

func (s *Service) setOrphan(o Orphan) {
	s.mu.Lock()
	_, known := s.orphans[o.ID]
	s.orphans[o.ID] = o
	s.mu.Unlock()
	if !known {
		s.cfg.Log.Warn("a host has a virtual machine that is not its own", "host", o.Host, "vm", o.ID, "name", o.Name, "owner", o.Owner)
	}
}

// removeOrphan forgets what host has reported of a machine.
func (s *Service) removeOrphan(vm dc.VirtualMachineID, host dc.HostID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orphans[vm].Host == host {
		delete(s.orphans, vm)
	}
}
