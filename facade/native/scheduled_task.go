package native

import (
	"context"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) scheduled(by dc.Caller, o *dc.ScheduledTask) *hanokv1.ScheduledTask {
	return convert.ScheduledTask(o, s.names(by))
}

func (s *service) ListScheduledTasks(ctx context.Context, _ *hanokv1.ListScheduledTasksRequest) (*hanokv1.ListScheduledTasksResponse, error) {
	by := caller(ctx)
	names := s.names(by)
	all, err := each(func(o *dc.ScheduledTask) *hanokv1.ScheduledTask { return convert.ScheduledTask(o, names) })(s.Schedules.List(by))
	return &hanokv1.ListScheduledTasksResponse{ScheduledTasks: all}, err
}

func (s *service) GetScheduledTask(ctx context.Context, req *hanokv1.GetScheduledTaskRequest) (*hanokv1.GetScheduledTaskResponse, error) {
	o, err := s.Schedules.Get(caller(ctx), req.ScheduledTask)
	if err != nil {
		return nil, err
	}
	return &hanokv1.GetScheduledTaskResponse{ScheduledTask: s.scheduled(caller(ctx), o)}, nil
}

func (s *service) CreateScheduledTask(ctx context.Context, req *hanokv1.CreateScheduledTaskRequest) (*hanokv1.CreateScheduledTaskResponse, error) {
	by := caller(ctx)
	action, err := s.scheduledAction(ctx, by, req.Action)
	if err != nil {
		return nil, err
	}
	scheduler, err := convert.FromScheduler(req.Scheduler, time.Now())
	if err != nil {
		return nil, err
	}
	o, err := s.Schedules.Create(ctx, by, req.Name, dc.ScheduledTaskSpec{Description: req.Description, Disabled: req.Disabled, Scheduler: scheduler, Action: action})
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateScheduledTaskResponse{ScheduledTask: s.scheduled(by, o)}, nil
}

func (s *service) UpdateScheduledTask(ctx context.Context, req *hanokv1.UpdateScheduledTaskRequest) (*hanokv1.UpdateScheduledTaskResponse, error) {
	by := caller(ctx)
	known, err := s.Schedules.Get(by, req.ScheduledTask)
	if err != nil {
		return nil, err
	}
	var scheduler dc.Scheduler
	if req.Scheduler != nil {
		if scheduler, err = convert.FromScheduler(req.Scheduler, time.Now()); err != nil {
			return nil, err
		}
	}
	var action dc.ScheduledAction
	if req.Action != nil {
		if action, err = s.scheduledAction(ctx, by, req.Action); err != nil {
			return nil, err
		}
	}
	o, err := s.Schedules.Edit(ctx, by, known.ID, func(o *dc.ScheduledTask) {
		set(&o.Name, req.Name)
		set(&o.Spec.Description, req.Description)
		if req.Enabled != nil {
			o.Spec.Disabled = !*req.Enabled
		}
		if req.Scheduler != nil {
			o.Spec.Scheduler = scheduler
		}
		if req.Action != nil {
			o.Spec.Action = action
		}
	})
	if err != nil {
		return nil, err
	}
	return &hanokv1.UpdateScheduledTaskResponse{ScheduledTask: s.scheduled(by, o)}, nil
}

func (s *service) RunScheduledTask(ctx context.Context, req *hanokv1.RunScheduledTaskRequest) (*hanokv1.RunScheduledTaskResponse, error) {
	by := caller(ctx)
	o, err := s.Schedules.Get(by, req.ScheduledTask)
	if err != nil {
		return nil, err
	}
	t, err := s.Schedules.RunNow(ctx, by, o.ID)
	if err != nil {
		return nil, err
	}
	return &hanokv1.RunScheduledTaskResponse{Task: s.task(by, t)}, nil
}

func (s *service) DeleteScheduledTask(ctx context.Context, req *hanokv1.DeleteScheduledTaskRequest) (*hanokv1.DeleteScheduledTaskResponse, error) {
	o, err := s.Schedules.Get(caller(ctx), req.ScheduledTask)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteScheduledTaskResponse{}, s.Schedules.Delete(ctx, caller(ctx), o.ID)
}

// scheduledAction resolves what a scheduled task is to do. What is not there is an error: nobody would read it at night.
func (s *service) scheduledAction(ctx context.Context, by dc.Caller, req *hanokv1.StartBulkRequest) (dc.ScheduledAction, error) {
	if req == nil {
		return dc.ScheduledAction{}, dc.Errorf(dc.Invalid, "action: it is missing").Fix("say what it is to do")
	}
	b, selection, err := s.bulkRequest(ctx, by, req)
	for _, o := range b.Objects {
		if err == nil {
			err = o.Failure.Err()
		}
	}
	return dc.ScheduledAction{Bulk: b, Selection: selection}, err
}
