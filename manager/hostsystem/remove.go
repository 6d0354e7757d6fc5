package hostsystem

import (
	"context"
	"slices"

	"hanok/dc"
	"hanok/manager/guard"
	"hanok/manager/store"
	"hanok/manager/task"
)

const removeType = "HostSystem.destroy"

// Remove starts the task that removes a host from the data center, and its local datastores with it, whose files stay. Its
// certificate is refused from then on. WrongState for a host that is neither in maintenance nor disconnected, and for one
// that has machines. Privilege: PrivHostRemove.
func (s *Service) Remove(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error) {
	var submitted *dc.Task
	err := guard.Change(ctx, s.store, by, func(tx *store.Tx) (err error) {
		submitted, err = s.submitIn(tx, by, id, removeRequest)
		return err
	})
	if err != nil {
		return nil, err
	}
	return submitted, nil
}

var removeRequest = request{removeType, dc.PrivHostRemove, admitRemove}

func admitRemove(v *store.View, h *dc.Host) error {
	if err := CheckOutOfService(h); err != nil {
		return err
	}
	var names []string
	for vm := range store.OnHost(v, h.ID) {
		names = append(names, vm.Name)
	}
	if len(names) > 0 {
		return wrongState(h, "it still has the virtual machines "+few(names), "delete them first")
	}
	return nil
}

// CheckOutOfService returns an error of kind WrongState for a host that is neither in maintenance nor disconnected.
func CheckOutOfService(h *dc.Host) error {
	if h.Spec.Maintenance != dc.InMaintenance && h.Connection() != dc.Disconnected {
		return wrongState(h, "it is in service", "let it enter maintenance mode first, or disconnect it")
	}
	return nil
}

var removeDefinition = task.Definition{Type: removeType, Steps: []task.Step{{Name: "remove it from the inventory", Do: remove}}}

func remove(_ context.Context, r *task.Run) error {
	finish(r, func(tx *store.Tx, t *dc.Task, h *dc.Host) error {
		if err := admitRemove(tx.View(), h); err != nil {
			return err
		}
		if err := leaveDatastores(tx, h.ID); err != nil {
			return err
		}
		tx.Delete(h)
		if err := removeAlone(tx, h); err != nil {
			return err
		}
		record(tx, t, h, dc.EventHostRemoved, "was removed")
		return nil
	})
	return nil
}

// leaveDatastores removes the datastores that only the host reaches, and takes the host off those that others share.
func leaveDatastores(tx *store.Tx, host dc.HostID) error {
	for shared := range store.DatastoresOf(tx.View(), host) {
		ds, err := store.Load[*dc.Datastore](tx, dc.ID(shared.ID))
		if err != nil {
			return err
		}
		ds.Spec.Sharing = slices.DeleteFunc(ds.Spec.Sharing, func(h dc.HostID) bool { return h == host })
		if len(ds.Spec.Sharing) == 0 {
			tx.Delete(ds)
		} else {
			tx.Put(ds)
		}
	}
	return nil
}

// removeAlone removes the compute resource of a host that is in no cluster, with its pools.
func removeAlone(tx *store.Tx, h *dc.Host) error {
	if c, err := store.Get[*dc.Cluster](tx.View(), h.Parent); err != nil || !c.Standalone {
		return nil
	}
	c, err := store.Load[*dc.Cluster](tx, h.Parent)
	if err != nil {
		return err
	}
	return removeResource(tx, c)
}
