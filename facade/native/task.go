package native

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// progressTime is how often the progress of a watched task is looked at. It is kept in memory and changes no revision.
const progressTime = 250 * time.Millisecond

// task returns a task with its progress, and its results as far as the caller asked for it or may see what they are about.
func (s *service) task(by dc.Caller, o *dc.Task) *hanokv1.Task {
	out := s.progress(by, o)
	if o.User == by.Name || len(o.Results) == 0 {
		out.Results = convert.TaskResults(o.Results)
		return out
	}
	if visible, err := s.Access.Visible(by); err == nil {
		view := s.State.View()
		out.Results = convert.TaskResults(slices.DeleteFunc(slices.Clone(o.Results), func(r dc.TaskResult) bool {
			object := view.Object(r.Object)
			return object == nil || !visible(object)
		}))
	}
	return out
}

// progress returns a task with its progress.
func (s *service) progress(by dc.Caller, o *dc.Task) *hanokv1.Task {
	if percent, message, ok := s.Tasks.Progress(by, o.ID); ok {
		return convert.Task(o, &convert.Progress{Percent: percent, Message: message})
	}
	return convert.Task(o, nil)
}

func (s *service) ListTasks(ctx context.Context, _ *hanokv1.ListTasksRequest) (*hanokv1.ListTasksResponse, error) {
	by := caller(ctx)
	tasks, err := s.Tasks.List(by)
	if err != nil {
		return nil, err
	}
	newest := slices.SortedFunc(slices.Values(tasks), func(a, b *dc.Task) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID))
	})
	out := &hanokv1.ListTasksResponse{}
	for _, t := range newest {
		out.Tasks = append(out.Tasks, s.progress(by, t))
	}
	return out, nil
}

func (s *service) GetTask(ctx context.Context, req *hanokv1.GetTaskRequest) (*hanokv1.GetTaskResponse, error) {
	t, err := s.Tasks.Get(caller(ctx), dc.TaskID(req.Task))
	if err != nil {
		return nil, err
	}
	return &hanokv1.GetTaskResponse{Task: s.task(caller(ctx), t)}, nil
}

func (s *service) CancelTask(ctx context.Context, req *hanokv1.CancelTaskRequest) (*hanokv1.CancelTaskResponse, error) {
	return &hanokv1.CancelTaskResponse{}, s.Tasks.Cancel(ctx, caller(ctx), dc.TaskID(req.Task))
}

func (s *service) WatchTask(ctx context.Context, req *hanokv1.WatchTaskRequest, stream *connect.ServerStream[hanokv1.WatchTaskResponse]) error {
	var sent *hanokv1.Task
	for {
		by, err := s.stillAllowed(ctx)
		if err != nil {
			return err
		}
		revision := s.State.View().Revision()
		t, err := s.Tasks.Get(by, dc.TaskID(req.Task))
		if err != nil {
			return err
		}
		if now := s.task(by, t); !proto.Equal(now, sent) {
			if err := stream.Send(&hanokv1.WatchTaskResponse{Task: now}); err != nil {
				return err
			}
			sent = now
		}
		if t.Done() {
			return nil
		}
		if _, err := s.wait(ctx, revision, progressTime); err != nil {
			return err
		}
	}
}

// wait returns when the state's revision is above since, or after atMost; changed says which.
func (s *service) wait(ctx context.Context, since int64, atMost time.Duration) (changed bool, err error) {
	short, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	err = s.State.Wait(short, since)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// stillAllowed returns the caller of a stream, as long as the session lasts.
func (s *service) stillAllowed(ctx context.Context) (dc.Caller, error) {
	return s.Access.Authenticate(callOf(ctx).token)
}
