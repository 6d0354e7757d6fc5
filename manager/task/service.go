package task

import (
	"context"

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

// Get returns a task. It is shared and must not be changed. One that the caller may not see is not found.
func (s *Service) Get(by dc.Caller, id dc.TaskID) (*dc.Task, error) {
	return s.visible(by, id)
}

// List returns the tasks that are still kept and that the caller may see, without the names that he may not know, oldest first. They are shared and must not be changed.
func (s *Service) List(by dc.Caller) ([]*dc.Task, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	shown, err := s.access.Shown(by)
	if err != nil {
		return nil, err
	}
	var out []*dc.Task
	for t := range store.List[*dc.Task](s.store.View()) {
		if visible(t) {
			out = append(out, shown(t).(*dc.Task))
		}
	}
	return out, nil
}

// Progress returns how far an open task is, as Engine.Progress does; ok is false for a task that has ended, is not known,
// or is carried out by another manager.
func (s *Service) Progress(by dc.Caller, id dc.TaskID) (percent int, message string, ok bool) {
	t, err := s.visible(by, id)
	if err != nil {
		return 0, "", false
	}
	if percent, message, ok = s.engine.Progress(id); ok {
		if message, err = s.access.ShownText(by, message, t.TargetName); err != nil {
			return 0, "", false
		}
	}
	return percent, message, ok
}

// Cancel asks for a task to be undone, as Engine.Cancel does. A user may cancel what he asked for himself; anything else
// needs PrivTaskCancel on what the task is about.
func (s *Service) Cancel(ctx context.Context, by dc.Caller, id dc.TaskID) error {
	t, err := s.Get(by, id)
	if err != nil {
		return err
	}
	if t.User != by.Name || by.Narrow {
		target := t.Target
		if s.store.View().Find(target) == nil {
			target = dc.ID(dc.RootFolder)
		}
		if err := s.access.Authorize(by, dc.PrivTaskCancel, target); err != nil {
			return err
		}
	}
	return s.engine.Cancel(ctx, id)
}

// Await returns the task when it has ended; how is in the task, not in the error. The error is of kind NotFound, or that
// of ctx.
func (s *Service) Await(ctx context.Context, by dc.Caller, id dc.TaskID) (*dc.Task, error) {
	if _, err := s.visible(by, id); err != nil {
		return nil, err
	}
	for {
		v := s.store.View()
		t, err := store.Get[*dc.Task](v, dc.ID(id))
		if err != nil {
			return nil, err
		}
		if t.Done() {
			return s.visible(by, id)
		}
		if err := s.store.Wait(ctx, v.Revision()); err != nil {
			return nil, err
		}
	}
}

// visible returns the task as the caller may know it, if he may see it. It is not there for anybody else.
func (s *Service) visible(by dc.Caller, id dc.TaskID) (*dc.Task, error) {
	visible, err := s.access.Visible(by)
	if err != nil {
		return nil, err
	}
	t, err := store.Get[*dc.Task](s.store.View(), dc.ID(id))
	if err == nil && !visible(t) {
		t, err = nil, dc.Errorf(dc.NotFound, "it does not exist").On(dc.Describe(dc.KindTask, string(id)))
	}
	if err != nil {
		return nil, err
	}
	shown, err := s.access.Shown(by)
	if err != nil {
		return nil, err
	}
	return shown(t).(*dc.Task), nil
}
