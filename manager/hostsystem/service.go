// Package hostsystem is what administrators do with the hosts of a data center, as vSphere's HostSystem: take them out of
// service and back, disconnect and reconnect them, move and remove them. It defines the tasks that do so, which change Host.Spec
// and wait for what follows.
//
// How hosts join and what they report is package dispatch's, which also ends the connection of a host that Spec wants
// disconnected; that no machine comes to a host in maintenance is package compute's. The facades call Service.
package hostsystem

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/inventory"
	"hanok/manager/store"
	"hanok/manager/task"
)

// Service is what administrators may do with hosts. It is safe for concurrent use. Every method takes the caller and
// checks the privilege that it names before anything else; the errors of that are of the kinds Unauthenticated and
// Denied. Each returns a task, which the engine carries out. Kinds: NotFound, WrongState as the method says, Conflict while
// another task works on the host.
type Service struct {
	store     *store.Store
	access    *access.Service
	tasks     *task.Engine
	inventory *inventory.Service
}

// New returns the service and registers its task definitions with tasks.
func New(st *store.Store, acc *access.Service, tasks *task.Engine, inv *inventory.Service) *Service {
	s := &Service{store: st, access: acc, tasks: tasks, inventory: inv}
	tasks.Register(definitions()...)
	return s
}

func definitions() []task.Definition {
	return []task.Definition{enterDefinition, exitDefinition, disconnectDefinition, reconnectDefinition, removeDefinition,
		moveDefinition(moveIntoFolder), moveDefinition(moveIntoCluster)}
}

// request is how a task on a host is asked for: its privilege, and what admit has against it.
type request struct {
	typ       string
	privilege dc.Privilege
	admit     func(*store.View, *dc.Host) error
}

// submit starts a task on a host, if the caller has the privilege and admit has no objection.
func (s *Service) submit(ctx context.Context, by dc.Caller, id dc.HostID, r request) (submitted *dc.Task, err error) {
	err = s.store.Change(ctx, func(tx *store.Tx) error {
		submitted, err = s.submitIn(tx, by, id, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return submitted, nil
}

// submitIn is submit as a part of tx.
func (s *Service) submitIn(tx *store.Tx, by dc.Caller, id dc.HostID, r request) (*dc.Task, error) {
	if err := s.access.Authorize(by, r.privilege, dc.ID(id)); err != nil {
		return nil, err
	}
	h, err := store.Get[*dc.Host](tx.View(), dc.ID(id))
	if err != nil {
		return nil, err
	}
	if err := r.admit(tx.View(), h); err != nil {
		return nil, err
	}
	return s.tasks.Submit(tx, by, r.typ, h, struct{}{})
}

// bulk are the tasks that bulk operations start.
var bulk = map[dc.BulkOp]request{
	dc.BulkEnterMaintenance: enterRequest, dc.BulkExitMaintenance: exitRequest,
	dc.BulkDisconnect: disconnectRequest, dc.BulkReconnect: reconnectRequest, dc.BulkDelete: removeRequest,
}

// StartIn starts the task of a bulk operation with a host as a part of tx, as the method for it does, but removals are not guarded.
// Unsupported for other operations.
func (s *Service) StartIn(tx *store.Tx, by dc.Caller, op dc.BulkOp, id dc.HostID) (*dc.Task, error) {
	r, ok := bulk[op]
	if !ok { // whoever may not even look at the host learns nothing else
		return nil, cmp.Or(s.access.Authorize(by, dc.PrivHostConnection, dc.ID(id)), error(dc.Errorf(dc.Unsupported, "%q is not for hosts", op)))
	}
	return s.submitIn(tx, by, id, r)
}

// finish makes change part of the end of the step, with the task's host.
func finish(r *task.Run, change func(tx *store.Tx, t *dc.Task, h *dc.Host) error) {
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		h, err := store.Load[*dc.Host](tx, t.Target)
		if err != nil {
			return err
		}
		return change(tx, t, h)
	})
}

// record adds an event about the host that the task t caused.
func record(tx *store.Tx, t *dc.Task, h *dc.Host, typ dc.EventType, what string) {
	event.Add(tx, time.Now(), dc.Event{Type: typ, Target: dc.ID(h.ID), TargetName: h.Name, User: t.User, Task: t.ID,
		Message: dc.Describe(dc.KindHost, h.Name) + " " + what})
}

func wrongState(h *dc.Host, message, remedy string) error {
	return &dc.Error{Kind: dc.WrongState, Object: dc.Describe(dc.KindHost, h.Name), Message: message, Remedy: remedy}
}

// maxNames is how many machines a message lists by name.
const maxNames = 5

// few lists the first few names.
func few(names []string) string {
	if more := len(names) - maxNames; more > 0 {
		names = append(names[:maxNames:maxNames], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
