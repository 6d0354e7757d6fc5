package convert

import (
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// Progress is how far a running task is, where its step says so.
type Progress struct {
	// Percent is of the whole task, from 0 to 100.
	Percent int
	// Message says what it does now.
	Message string
}

// Task returns a task for the wire, without results. Without progress (nil) its percentage follows from the steps that are done.
func Task(o *dc.Task, progress *Progress) *hanokv1.Task {
	out := &hanokv1.Task{
		Id: string(o.ID), Type: o.Type, TargetId: string(o.Target), Target: o.TargetName, User: o.User,
		State: string(o.State), Created: Time(o.Created), Started: Time(o.Started), Completed: Time(o.Completed),
		Revision: o.Revision, Steps: o.Steps, Cursor: int32(o.Cursor), Undoing: o.Undoing,
		CancelRequested: o.CancelRequested, Failure: Failure(o.Failure), BatchId: string(o.Batch),
	}
	switch {
	case o.State == dc.TaskSuccess:
		out.Percent = 100
	case progress != nil:
		out.Percent, out.Message = int32(progress.Percent), progress.Message
	case len(o.Steps) > 0:
		out.Percent = int32(o.Cursor * 100 / len(o.Steps))
	}
	return out
}

// TaskResults returns the results of a bulk task for the wire.
func TaskResults(all []dc.TaskResult) (out []*hanokv1.TaskResult) {
	for _, r := range all {
		out = append(out, &hanokv1.TaskResult{ObjectId: string(r.Object), Name: r.Name, State: string(r.State), Failure: Failure(r.Failure),
			TaskId: string(r.Task)})
	}
	return out
}

// Event returns an event for the wire.
func Event(o *dc.Event) *hanokv1.Event {
	return &hanokv1.Event{
		Id: string(o.ID), Created: Time(o.Created), Revision: o.Revision, Type: string(o.Type),
		TargetId: string(o.Target), Target: o.TargetName, User: o.User, TaskId: string(o.Task), Message: o.Message,
	}
}
