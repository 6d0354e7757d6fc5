package hostsystem

import (
	"context"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task"
)

const (
	disconnectType = "HostSystem.disconnect"
	reconnectType  = "HostSystem.reconnect"
)

// Disconnect starts the task that keeps a host's agent from connecting. Its machines run on, and nobody here hears of them
// or can change them. WrongState for a host that was disconnected. Privilege: PrivHostConnection.
func (s *Service) Disconnect(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error) {
	return s.submit(ctx, by, id, disconnectRequest)
}

// Reconnect starts the task that lets a host's agent connect again and waits until it has. WrongState for a host that
// was not disconnected. Privilege: PrivHostConnection.
func (s *Service) Reconnect(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error) {
	return s.submit(ctx, by, id, reconnectRequest)
}

var disconnectRequest = request{disconnectType, dc.PrivHostConnection, func(_ *store.View, h *dc.Host) error {
	if h.Spec.Disconnected {
		return wrongState(h, "it is disconnected already", "")
	}
	return nil
}}

var reconnectRequest = request{reconnectType, dc.PrivHostConnection, func(_ *store.View, h *dc.Host) error {
	if !h.Spec.Disconnected {
		return wrongState(h, "nobody has disconnected it", "see that its agent runs and reaches the manager, if it does not respond")
	}
	return nil
}}

var disconnectDefinition = task.Definition{Type: disconnectType, Steps: []task.Step{
	{Name: "refuse its connections", Do: setDisconnected(true), Undo: setDisconnected(false)},
	{Name: "wait for the end of its connection", Do: awaitConnection("waiting for the end of its connection", dc.Disconnected,
		dc.EventHostDisconnected, "is disconnected: its machines run on")},
}}

// A reconnection that is canceled or fails leaves the host disconnected, as it was.
var reconnectDefinition = task.Definition{Type: reconnectType, Steps: []task.Step{
	{Name: "accept its connections", Do: setDisconnected(false), Undo: setDisconnected(true)},
	{Name: "wait for its connection", Do: awaitConnection("waiting for the host's agent to connect", dc.Connected, "", "")},
}}

func setDisconnected(to bool) func(context.Context, *task.Run) error {
	return func(_ context.Context, r *task.Run) error {
		finish(r, func(tx *store.Tx, _ *dc.Task, h *dc.Host) error {
			h.Spec.Disconnected = to
			tx.Put(h)
			return nil
		})
		return nil
	}
}

// awaitConnection waits for a state of the host's connection, and records the event if there is one.
func awaitConnection(waiting string, state dc.Connection, typ dc.EventType, what string) func(context.Context, *task.Run) error {
	return func(ctx context.Context, r *task.Run) error {
		r.Progress(50, waiting)
		err := r.Wait(ctx, func(v *store.View) (bool, error) {
			h, err := store.Get[*dc.Host](v, r.Task().Target)
			if err != nil {
				return false, err
			}
			return h.Connection() == state, nil
		})
		if err != nil || typ == "" {
			return err
		}
		finish(r, func(tx *store.Tx, t *dc.Task, h *dc.Host) error {
			record(tx, t, h, typ, what)
			return nil
		})
		return nil
	}
}
