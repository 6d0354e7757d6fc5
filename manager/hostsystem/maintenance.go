package hostsystem

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

const (
	enterType = "HostSystem.enterMaintenanceMode"
	exitType  = "HostSystem.exitMaintenanceMode"
)

// EnterMaintenance starts the task that takes a host out of service. From its first step on no machine is placed or
// powered on there; it ends when none on it has power. Machines without power stay. WrongState for a host that is in
// maintenance or not connected. Privilege: PrivHostMaintenance.
func (s *Service) EnterMaintenance(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error) {
	return s.submit(ctx, by, id, enterRequest)
}

// ExitMaintenance starts the task that puts a host back into service. WrongState for one that is in service. Privilege:
// PrivHostMaintenance.
func (s *Service) ExitMaintenance(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error) {
	return s.submit(ctx, by, id, exitRequest)
}

var enterRequest = request{enterType, dc.PrivHostMaintenance, func(_ *store.View, h *dc.Host) error {
	switch {
	case h.Spec.Maintenance != "":
		return wrongState(h, "it is in maintenance mode already", "")
	case h.Connection() != dc.Connected:
		return wrongState(h, "it is not connected, so nobody knows what runs on it", "connect it first")
	}
	return nil
}}

var exitRequest = request{exitType, dc.PrivHostMaintenance, func(_ *store.View, h *dc.Host) error {
	if h.Spec.Maintenance == "" {
		return wrongState(h, "it is not in maintenance mode", "")
	}
	return nil
}}

var enterDefinition = task.Definition{Type: enterType, Steps: []task.Step{
	{Name: "keep machines away", Do: keepAway, Undo: letIn},
	{Name: "wait for its machines", Do: awaitEmpty},
}}

func keepAway(_ context.Context, r *task.Run) error {
	finish(r, func(tx *store.Tx, t *dc.Task, h *dc.Host) error {
		h.Spec.Maintenance = dc.MaintenanceEntering
		tx.Put(h)
		record(tx, t, h, dc.EventHostEntering, "is entering maintenance mode")
		return nil
	})
	return nil
}

func letIn(_ context.Context, r *task.Run) error {
	finish(r, func(tx *store.Tx, _ *dc.Task, h *dc.Host) error {
		h.Spec.Maintenance = ""
		tx.Put(h)
		return nil
	})
	return nil
}

// awaitEmpty waits until no machine on the host has power. The host may go and come back meanwhile: what it reported last
// counts, and a machine that ran then keeps the task waiting.
func awaitEmpty(ctx context.Context, r *task.Run) error {
	host := dc.HostID(r.Task().Target)
	r.ProgressFrom(func() (int, string) { return 50, waitingFor(r.View(), host) })
	err := r.Wait(ctx, func(v *store.View) (bool, error) {
		if _, err := store.Get[*dc.Host](v, dc.ID(host)); err != nil {
			return false, err
		}
		return len(withPower(v, host)) == 0, nil
	})
	if err != nil {
		return err
	}
	finish(r, func(tx *store.Tx, t *dc.Task, h *dc.Host) error {
		h.Spec.Maintenance = dc.InMaintenance
		tx.Put(h)
		record(tx, t, h, dc.EventHostMaintenance, "is in maintenance mode")
		return nil
	})
	return nil
}

func waitingFor(v *store.View, host dc.HostID) string {
	names := withPower(v, host)
	if len(names) == 0 {
		return "entering maintenance mode"
	}
	return "waiting until these are powered off or suspended: " + few(names)
}

// withPower returns the names of the machines on the host that have power or are about to have it.
func withPower(v *store.View, host dc.HostID) (names []string) {
	for vm := range store.OnHost(v, host) {
		if vm.HasPower() {
			names = append(names, vm.Name)
		}
	}
	return names
}

var exitDefinition = task.Definition{Type: exitType, Steps: []task.Step{{Name: "let machines in", Do: exit}}}

func exit(_ context.Context, r *task.Run) error {
	finish(r, func(tx *store.Tx, t *dc.Task, h *dc.Host) error {
		h.Spec.Maintenance = ""
		tx.Put(h)
		record(tx, t, h, dc.EventHostInService, "is back in service")
		return nil
	})
	return nil
}
