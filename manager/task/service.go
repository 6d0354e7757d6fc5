package task

import (
	"context"
	"slices"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
)

// Service is what users may do with tasks. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access *access.Service
	engine *Engine
}

// NewService returns the service over the engine's tasks.
func NewService(st *store.Store, acc *access.Service, engine *Engine) *Service {
	return &Service{store: st, access: acc, engine: engine}
}

// Get returns a task. It is shared and must not be changed.
func (s *Service) Get(by dc.Caller, id dc.TaskID) (*dc.Task, error) {
	if err := s.authorize(by, dc.PrivView, id); err != nil {
		return nil, err
	}
	return store.Get[*dc.Task](s.store.View(), dc.ID(id))
}

// List returns all tasks that are still kept, oldest first. They are shared and must not be changed.
func (s *Service) List(by dc.Caller) ([]*dc.Task, error) {
	if err := s.access.Authorize(by, dc.PrivView, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	return slices.Collect(store.List[*dc.Task](s.store.View())), nil
}

// Progress returns how far an open task is, as Engine.Progress does; ok is false for a task that has ended, is not known,
// or is carried out by another manager.
func (s *Service) Progress(by dc.Caller, id dc.TaskID) (percent int, message string, ok bool) {
	if s.authorize(by, dc.PrivView, id) != nil {
		return 0, "", false
	}
	return s.engine.Progress(id)
}

// Cancel asks for a task to be undone, as Engine.Cancel does. A user may cancel what he asked for himself; anything else
// needs PrivTaskCancel.
func (s *Service) Cancel(ctx context.Context, by dc.Caller, id dc.TaskID) error {
	t, err := s.Get(by, id)
	if err != nil {
		return err
	}
	if t.User != by.Name {
		if err := s.authorize(by, dc.PrivTaskCancel, id); err != nil {
			return err
		}
	}
	return s.engine.Cancel(ctx, id)
}

// Await returns the task when it has ended; how is in the task, not in the error. The error is of kind NotFound, or that
// of ctx.
func (s *Service) Await(ctx context.Context, by dc.Caller, id dc.TaskID) (*dc.Task, error) {
	if err := s.authorize(by, dc.PrivView, id); err != nil {
		return nil, err
	}
	for {
		v := s.store.View()
		t, err := store.Get[*dc.Task](v, dc.ID(id))
		if err != nil || t.Done() {
			return t, err
		}
		if err := s.store.Wait(ctx, v.Revision()); err != nil {
			return nil, err
		}
	}
}

func (s *Service) authorize(by dc.Caller, p dc.Privilege, id dc.TaskID) error {
	return s.access.Authorize(by, p, dc.ID(dc.RootFolder))
}
