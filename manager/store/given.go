package store

import "hanok/dc"

// Given is what the machines have been given that are placed on a host, with power or without. It is counted with every
// change, so that nobody has to look at all machines to choose a host.
type Given struct {
	Machines int
	MemoryMB int64
}

// GivenOn returns what the machines on host have been given.
func GivenOn(v *View, host dc.HostID) Given {
	if r, ok := v.tables.given.get(&givenRow{host: host}); ok {
		return r.Given
	}
	return Given{}
}

// give counts a machine's row in the place of old. Both may be nil, and rows of other kinds count nothing.
func (t *tables) give(r, old *row) {
	now, before := givenTo(r), givenTo(old)
	if now == before {
		return
	}
	t.add(before.host, Given{-before.Machines, -before.MemoryMB})
	t.add(now.host, now.Given)
}

// givenTo returns what a single machine has been given, and nothing for what is no machine on a host.
func givenTo(r *row) givenRow {
	if r == nil || r.host == "" {
		return givenRow{}
	}
	vm := r.object.(*dc.VirtualMachine)
	return givenRow{r.host, Given{Machines: 1, MemoryMB: vm.Spec.Hardware.MemoryMB}}
}

func (t *tables) add(host dc.HostID, g Given) {
	if host == "" {
		return
	}
	sum := &givenRow{host: host, Given: g}
	if old, ok := t.given.get(sum); ok {
		sum.Machines += old.Machines
		sum.MemoryMB += old.MemoryMB
	}
	if sum.Given == (Given{}) {
		t.given.remove(sum)
		return
	}
	t.given.put(sum)
}
