package dispatch

import (
	"cmp"
	"slices"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/manager/store"
)

// Orphans returns the orphans that connected hosts have reported, by ID.
func (s *Service) Orphans() []dc.Orphan {
	v := s.cfg.Store.View()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []dc.Orphan
	for _, o := range s.orphans {
		o.Owner = ""
		if vm, err := store.Get[*dc.VirtualMachine](v, dc.ID(o.Machine.ID)); err == nil {
			o.Owner = vm.Spec.Host
		}
		if o.Owner != o.Host { // it may have been adopted since
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b dc.Orphan) int { return cmp.Compare(a.Machine.ID, b.Machine.ID) })
	return all
}

// setOrphan keeps what the link's host has reported of a machine that the store says owner has, "" for nobody.
func (l *link) setOrphan(r *agentv1.MachineReport, owner dc.HostID, status dc.VirtualMachineStatus) {
	m, err := convert.FromMachine(r.Machine)
	if err != nil || string(m.ID) != r.Id { // so do hosts of protocol version 1
		m = dc.Machine{ID: dc.VirtualMachineID(r.Id), Name: r.Name}
	}
	o := dc.Orphan{Machine: m, Path: r.DatastorePath, Host: l.host, Owner: owner, Generation: r.PowerGeneration, Deleted: r.Deleted,
		Status: status}
	l.s.mu.Lock()
	_, known := l.s.orphans[m.ID]
	l.s.orphans[m.ID] = o
	l.s.mu.Unlock()
	if !known {
		l.s.cfg.Log.Warn("a host has a virtual machine that is not its own", "host", l.host, "vm", m.ID, "name", m.Name, "owner", owner)
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
