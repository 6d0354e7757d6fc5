package dispatch

import (
	"reflect"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/manager/store"
)

// commit writes reports into the store as they come, until the connection ends.
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
		for _, r := range machines {
			if err := l.commitMachine(r); err != nil {
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

// commitMachine writes the status of one of the host's machines. A machine that is not the host's by the store is kept in
// mind as an orphan; one that is gone here and there is to be forgotten.
func (l *link) commitMachine(r *agentv1.MachineReport) error {
	id := dc.VirtualMachineID(r.Id)
	status, err := convert.FromMachineStatus(r.Status)
	if err != nil {
		l.s.cfg.Log.Error("a report can't be understood", "host", l.host, "vm", id, "err", err)
		return nil
	}
	var owner dc.HostID
	known := false
	err = l.change(func(tx *store.Tx) error {
		vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(id))
		if dc.KindOf(err) == dc.NotFound {
			owner, known = "", false
			return nil
		} else if err != nil {
			return err
		}
		owner, known = vm.Spec.Host, true
		if owner != l.host || reflect.DeepEqual(vm.Status, status) {
			return nil
		}
		vm.Status = status
		tx.Put(vm)
		return nil
	})
	switch {
	case err != nil:
		return err
	case owner == l.host:
		l.s.removeOrphan(id, l.host)
	case !known && status.Files == dc.FilesRemoved:
		l.s.removeOrphan(id, l.host)
		l.forgetMachine(r.Id)
	default:
		l.setOrphan(r, owner, status)
	}
	return nil
}

// commitDatastore writes the status of one of the host's datastores.
func (l *link) commitDatastore(r *agentv1.DatastoreReport) error {
	status := dc.DatastoreStatus{Accessible: r.Accessible, Failure: convert.FromFailure(r.Failure), CapacityBytes: r.CapacityBytes}
	mine := true
	err := l.change(func(tx *store.Tx) error {
		ds, err := store.Load[*dc.Datastore](tx, dc.ID(r.Id))
		if dc.KindOf(err) == dc.NotFound || err == nil && ds.Spec.Host != l.host {
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
