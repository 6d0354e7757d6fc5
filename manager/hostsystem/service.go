// Package hostsystem is what administrators do with the hosts of a data center, as vSphere's HostSystem: take them out of
// service and back, disconnect and reconnect them, remove them. It defines the tasks that do so, which change Host.Spec
// and wait for what follows.
//
// How hosts join and what they report is package dispatch's, which also ends the connection of a host that Spec wants
// disconnected; that no machine comes to a host in maintenance is package compute's. The facades call Service.
package hostsystem

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/guard"
	"hanok/manager/store"
	"hanok/manager/task"
)

// Service is what administrators may do with hosts. It is safe for concurrent use. Every method takes the caller and
// checks the privilege that it names before anything else; the errors of that are of the kinds Unauthenticated and
// Denied. Each returns a task, which the engine carries out. Kinds: NotFound, WrongState as the method says, Conflict while
// another task works on the host.
type Service struct {
	store  *store.Store
	access *access.Service
	tasks  *task.Engine
}

// New returns the service and registers its task definitions with tasks.
func New(st *store.Store, acc *access.Service, tasks *task.Engine) *Service {
	s := &Service{store: st, access: acc, tasks: tasks}
	tasks.Register(definitions()...)
	return s
}

func definitions() []task.Definition {
	return []task.Definition{enterDefinition, exitDefinition, disconnectDefinition, reconnectDefinition, removeDefinition}
}

// submit starts a task on a host, if the caller has the privilege and admit has no objection.
func (s *Service) submit(ctx context.Context, by dc.Caller, p dc.Privilege, id dc.HostID, typ string,
	admit func(*store.View, *dc.Host) error) (*dc.Task, error) {
	if err := s.access.Authorize(by, p, dc.ID(id)); err != nil {
		return nil, err
	}
	var submitted *dc.Task
	commit := s.store.Change
	if typ == removeType {
		commit = func(ctx context.Context, fn func(*store.Tx) error) error { return guard.Change(ctx, s.store, by, fn) }
	}
	err := commit(ctx, func(tx *store.Tx) error {
		h, err := store.Get[*dc.Host](tx.View(), dc.ID(id))
		if err != nil {
			return err
		}
		if err := admit(tx.View(), h); err != nil {
			return err
		}
		submitted, err = s.tasks.Submit(tx, by, typ, h, struct{}{})
		return err
	})
	if err != nil {
		return nil, err
	}
	return submitted, nil
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
