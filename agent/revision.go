package agent

// highestRevision returns the highest revision of any assignment that the host has: a manager whose store has not come so
// far was put back to an old copy.
func (a *Agent) highestRevision() int64 {
	highest := a.datastores.highestRevision()
	a.eachMachine(func(m *machine) {
		m.mu.Lock()
		defer m.mu.Unlock()
		highest = max(highest, m.revision)
	})
	return highest
}

func (d *datastores) highestRevision() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var highest int64
	for _, ds := range d.all {
		highest = max(highest, ds.rec.Revision)
		if ds.newest != nil {
			highest = max(highest, ds.newest.Revision)
		}
	}
	return highest
}
