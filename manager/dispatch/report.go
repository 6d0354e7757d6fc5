package dispatch

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/manager/event"
	"hanok/manager/store"
)

// reportBatch bounds how many reports go into one transaction.
const reportBatch = 250

// commit writes reports into the store as they come, until the connection ends. Those that have come meanwhile go together: a
// host with a hundred machines that connects again costs one transaction, and none where nothing has changed.
func (l *link) commit() error {
	for {
		select {
		case <-l.reported:
		case <-l.ctx.Done():
			return nil
		}
		machines, stores := l.takeReports()
		for _, r := range stores {
			if err := l.commitDatastore(r); err != nil {
				return err
			}
		}
		for batch := range slices.Chunk(l.understood(machines), reportBatch) {
			if err := l.commitMachines(batch); err != nil {
				return err
			}
		}
	}
}

// takeReports returns the reports that wait, and forgets them.
func (l *link) takeReports() (map[dc.VirtualMachineID]*agentv1.MachineReport, map[dc.DatastoreID]*agentv1.DatastoreReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	machines, stores := l.machines, l.stores
	l.machines, l.stores = map[dc.VirtualMachineID]*agentv1.MachineReport{}, map[dc.DatastoreID]*agentv1.DatastoreReport{}
	return machines, stores
}

// machineReport is what a host has reported of one machine.
type machineReport struct {
	*agentv1.MachineReport
	id     dc.VirtualMachineID
	status dc.VirtualMachineStatus
	// known is whether the store has the machine, and owner its host by the store.
	known bool
	owner dc.HostID
}

// understood returns the reports in the order of IDs, without those that make no sense.
func (l *link) understood(reports map[dc.VirtualMachineID]*agentv1.MachineReport) []*machineReport {
	out := make([]*machineReport, 0, len(reports))
	for _, id := range slices.Sorted(maps.Keys(reports)) {
		status, err := convert.FromMachineStatus(reports[id].Status)
		if err != nil {
			l.s.cfg.Log.Error("a report can't be understood", "host", l.host, "vm", id, "err", err)
			continue
		}
		out = append(out, &machineReport{MachineReport: reports[id], id: id, status: status})
	}
	return out
}

// commitMachines writes the statuses of the host's machines. A machine that is not the host's by the store is kept in mind as
// an orphan; one that is gone here and there is to be forgotten.
func (l *link) commitMachines(reports []*machineReport) error {
	v, news := l.s.cfg.Store.View(), false
	for _, r := range reports {
		news = r.compare(v, l.host) || news
	}
	if news {
		if err := l.change(func(tx *store.Tx) error { return l.putStatuses(tx, reports) }); err != nil {
			return err
		}
	}
	for _, r := range reports {
		switch {
		case r.owner == l.host:
			l.s.removeOrphan(r.id, l.host)
		case !r.known && r.status.Files.Gone():
			l.s.removeOrphan(r.id, l.host)
			l.forgetMachine(r.Id)
		default:
			l.setOrphan(r.MachineReport, r.owner, r.status)
		}
	}
	return nil
}

// putStatuses writes the statuses that differ from what is stored.
func (l *link) putStatuses(tx *store.Tx, reports []*machineReport) error {
	for _, r := range reports {
		if !r.compare(tx.View(), l.host) {
			continue
		}
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(r.id))
		if err != nil {
			return err
		}
		if at := r.status.Restarted; !at.IsZero() && !at.Equal(vm.Status.Restarted) {
			event.Add(tx, time.Now(), dc.Event{Type: dc.EventVMGuestReboot, Target: dc.ID(vm.ID), TargetName: vm.Name,
				Message: dc.Describe(dc.KindVirtualMachine, vm.Name) + ": its guest has restarted"})
		}
		vm.Status = r.status
		tx.Put(vm)
	}
	return nil
}

// compare finds out whose the machine is by the view, and reports whether it is host's and its status another than stored.
func (r *machineReport) compare(v *store.View, host dc.HostID) bool {
	stored, err := store.Get[*dc.VirtualMachine](v, dc.ID(r.id))
	if err != nil {
		r.known, r.owner = false, ""
		return false
	}
	r.known, r.owner = true, stored.Spec.Host
	return r.owner == host && !reflect.DeepEqual(stored.Status, r.status)
}

// commitDatastore writes the status of one of the host's datastores.
func (l *link) commitDatastore(r *agentv1.DatastoreReport) error {
	status := dc.DatastoreStatus{Accessible: r.Accessible, Failure: convert.FromFailure(r.Failure), CapacityBytes: r.CapacityBytes}
	if ds, err := store.Get[*dc.Datastore](l.s.cfg.Store.View(), dc.ID(r.Id)); err == nil && ds.Spec.ReachedBy(l.host) && reflect.DeepEqual(ds.Status, status) {
		return nil
	}
	mine := true
	err := l.change(func(tx *store.Tx) error {
		ds, err := store.Load[*dc.Datastore](tx, dc.ID(r.Id))
		if dc.KindOf(err) == dc.NotFound || err == nil && !ds.Spec.ReachedBy(l.host) {
			mine = false
			return nil
		} else if err != nil {
			return err
		}
		mine = true
		if reflect.DeepEqual(ds.Status, status) {
			return nil
		}
		ds.Status = status
		tx.Put(ds)
		return nil
	})
	if err == nil && !mine {
		l.forgetDatastore(r.Id)
	}
	return err
}

// change commits on the condition that this connection still is the host's.
func (l *link) change(fn func(tx *store.Tx) error) error {
	return l.s.cfg.Store.Change(l.ctx, func(tx *store.Tx) error {
		tx.Require(l.fence)
		return fn(tx)
	})
}
