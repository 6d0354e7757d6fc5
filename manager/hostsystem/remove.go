package hostsystem

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

const removeType = "HostSystem.destroy"

// Remove starts the task that removes a host from the data center, and its local datastores with it, whose files stay. Its
// certificate is refused from then on. WrongState for a host that is neither in maintenance nor disconnected, and for one
// that has machines. Privilege: PrivHostRemove.
func (s *Service) Remove(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error) {
	return s.submit(ctx, by, dc.PrivHostRemove, id, removeType, admitRemove)
}

func admitRemove(v *store.View, h *dc.Host) error {
	if h.Spec.Maintenance != dc.InMaintenance && h.Connection() != dc.Disconnected {
		return wrongState(h, "it is in service", "let it enter maintenance mode first, or disconnect it")
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

var removeDefinition = task.Definition{Type: removeType, Steps: []task.Step{{Name: "remove it from the inventory", Do: remove}}}

func remove(_ context.Context, r *task.Run) error {
	finish(r, func(tx *store.Tx, t *dc.Task, h *dc.Host) error {
		if err := admitRemove(tx.View(), h); err != nil {
			return err
		}
		for ds := range store.List[*dc.Datastore](tx.View()) {
			if ds.Spec.Host == h.ID {
				tx.Delete(ds)
			}
		}
		tx.Delete(h)
		record(tx, t, h, dc.EventHostRemoved, "was removed")
		return nil
	})
	return nil
}
