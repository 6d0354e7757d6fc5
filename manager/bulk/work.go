package bulk

import (
	"context"
	"fmt"
	"slices"

	"hanok/dc"
	"hanok/manager/compute"
	"hanok/manager/store"
	"hanok/manager/task"
)

// workStep is the step behind which what was done with objects is not taken back.
const workStep = "work on each object"

// parallel is how many parts of a bulk task are open at once.
const parallel = 32

// work gives every object its turn. Where it is repeated it goes on: a part whose place is claimed was begun.
func (s *Service) work(ctx context.Context, r *task.Run) error {
	var a args
	if err := r.Args(&a); err != nil {
		return err
	}
	var open []int
	ended, total := 0, len(a.Bulk.Objects)
	for next := 0; next < total || len(open) > 0; {
		for next < total && len(open) < parallel && (len(open) == 0 || a.Bulk.Objects[open[0]].Rank == a.Bulk.Objects[next].Rank) {
			if err := s.begin(ctx, r, a, next); err != nil {
				return err
			}
			open = append(open, next)
			next++
		}
		err := r.Wait(ctx, func(v *store.View) (bool, error) {
			before := len(open)
			open = slices.DeleteFunc(open, func(i int) bool { return !isOpen(v, r.Task().ID, i) })
			ended += before - len(open)
			return len(open) < before, nil
		})
		if err != nil {
			return err
		}
		r.Progress(100*ended/total, fmt.Sprintf("%d of %d objects", ended, total))
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		t.Results = results(tx.View(), t.ID, a.Bulk.Objects)
		return nil
	})
	return nil
}

// begin does what is to be done with the object at a place, or starts its task, together with the mark that this was done; what can't
// be is marked as failed. Nothing happens where the mark is there.
func (s *Service) begin(ctx context.Context, r *task.Run, a args, place int) error {
	id, object := r.Task().ID, a.Bulk.Objects[place]
	if partOf(r.View(), id, place) != nil {
		return nil
	}
	mark := func(tx *store.Tx, part *dc.Task) error {
		part.Batch, part.Place = id, place
		tx.Put(part)
		return nil
	}
	once := func(do func(tx *store.Tx) error) error {
		return r.Change(ctx, func(tx *store.Tx) error {
			if partOf(tx.View(), id, place) != nil {
				return nil
			}
			return do(tx)
		})
	}
	var refused error
	var allocated map[int32]int64
	if a.Bulk.Op == dc.BulkClone {
		allocated, _ = s.Machines.Allocated(ctx, a.By, dc.VirtualMachineID(object.ID)) // or what is done next fails for the same reason
	}
	err := once(func(tx *store.Tx) error {
		var part *dc.Task
		if part, refused = s.do(tx, a, object, allocated); refused != nil {
			return refused
		}
		if part == nil {
			part = task.Ended(tx, a.By, r.Task().Type, object.ID, object.Name, nil)
		}
		return mark(tx, part)
	})
	if err == nil || refused == nil && !aboutObject(err) {
		return err
	}
	failure := dc.FailureOf(err)
	if failure.Kind == dc.Internal {
		s.Log.Error("bulk: an object's turn failed", "task", id, "object", object.ID, "err", err)
	}
	return once(func(tx *store.Tx) error {
		return mark(tx, task.Ended(tx, a.By, r.Task().Type, object.ID, object.Name, failure))
	})
}

// aboutObject reports whether the store refused a transaction for what is in it, and not for itself.
func aboutObject(err error) bool {
	return slices.Contains([]dc.ErrorKind{dc.Exists, dc.NotFound, dc.WrongState}, dc.KindOf(err))
}

// do does the operation with one object; allocated is what the disks take of one that is cloned. It returns the task that goes on with it,
// or nil where it is done.
func (s *Service) do(tx *store.Tx, a args, object dc.BulkObject, allocated map[int32]int64) (*dc.Task, error) {
	if object.Failure != nil {
		return nil, object.Failure.Err()
	}
	b, id := a.Bulk, object.ID
	if err := b.Op.CheckKind(id.Kind()); err != nil {
		return nil, err
	}
	switch b.Op {
	case dc.BulkMove:
		if id.Kind() == dc.KindHost {
			return s.Hosts.MoveIn(tx, a.By, dc.HostID(id), dc.HostDestination{Folder: b.Folder, Cluster: b.Cluster, Pool: b.Pool})
		}
		return nil, s.Inventory.MoveIn(tx, a.By, id, b.Folder)
	case dc.BulkAttachTag:
		return nil, s.Tags.AttachIn(tx, a.By, b.Tag, id)
	case dc.BulkDetachTag:
		return nil, s.Tags.DetachIn(tx, a.By, b.Tag, id)
	case dc.BulkCustomValue:
		return nil, s.Fields.SetIn(tx, a.By, b.Field, id, b.Value)
	case dc.BulkSetPermission:
		return nil, s.Access.SetPermissionIn(tx, a.By, dc.Permission{Entity: id, Principal: b.Principal, Role: b.Role, Propagate: b.Propagate})
	case dc.BulkRemovePermission:
		return nil, s.Access.RemovePermissionIn(tx, a.By, id, b.Principal)
	case dc.BulkReconfigure:
		return s.Machines.ReconfigureIn(tx, a.By, dc.VirtualMachineID(id), *b.Change)
	case dc.BulkClone:
		return s.Machines.CloneIn(tx, a.By, cloneOf(object, *b.Clone), allocated)
	case dc.BulkTemplate:
		return nil, s.Machines.MarkAsTemplateIn(tx, a.By, dc.VirtualMachineID(id))
	case dc.BulkVirtualMachine:
		return nil, s.Machines.MarkAsVirtualMachineIn(tx, a.By, dc.VirtualMachineID(id), b.Pool)
	}
	switch vm := dc.VirtualMachineID(id); {
	case id.Kind() == dc.KindHost:
		return s.Hosts.StartIn(tx, a.By, b.Op, dc.HostID(id))
	case id.Kind() == dc.KindResourcePool:
		return nil, s.Pools.DeleteIn(tx, a.By, dc.ResourcePoolID(id))
	case id.Kind() != dc.KindVirtualMachine:
		return nil, s.Inventory.DeleteIn(tx, a.By, id)
	case b.Op == dc.BulkDelete:
		return s.Machines.DeleteIn(tx, a.By, vm)
	case b.Lenient && isDone(tx.View(), id, dc.PowerOp(b.Op)):
		return nil, s.Access.Authorize(a.By, dc.PowerOp(b.Op).Privilege(), id)
	default:
		return s.Machines.PowerIn(tx, a.By, vm, dc.PowerOp(b.Op), b.Timeout)
	}
}

// cloneOf returns the request for a copy of a machine.
func cloneOf(source dc.BulkObject, c dc.CloneSpec) compute.CloneRequest {
	return compute.CloneRequest{Source: dc.VirtualMachineID(source.ID), Name: c.NameOf(source.Name), Folder: c.Folder, Pool: c.Pool, Host: c.Host, Datastore: c.Datastore,
		CPUs: c.CPUs, MemoryMB: c.MemoryMB, Provisioning: c.Provisioning, Template: c.Template, PowerOn: c.PowerOn}
}

// isDone reports whether a machine is as the operation would leave it.
func isDone(v *store.View, id dc.ID, op dc.PowerOp) bool {
	vm, err := store.Get[*dc.VirtualMachine](v, id)
	return err == nil && op.IsDone(vm)
}

// stop ends a bulk task that was canceled: open parts are canceled, too, and the others have no turn any more. What was done stays.
func (s *Service) stop(ctx context.Context, r *task.Run) error {
	var a args
	if err := r.Args(&a); err != nil {
		return err
	}
	for i := range a.Bulk.Objects {
		if v := r.View(); isOpen(v, r.Task().ID, i) {
			err := r.Change(ctx, func(tx *store.Tx) error { return s.Tasks.CancelIn(tx, partOf(v, r.Task().ID, i).ID) })
			if err != nil && dc.KindOf(err) != dc.WrongState { // it ends by itself
				return err
			}
		}
	}
	err := r.Wait(ctx, func(v *store.View) (bool, error) {
		for i := range a.Bulk.Objects {
			if isOpen(v, r.Task().ID, i) {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	r.Finish(func(tx *store.Tx, t *dc.Task) error {
		t.Results = results(tx.View(), t.ID, a.Bulk.Objects)
		return nil
	})
	return nil
}

// partOf returns the part of a bulk task that is about the object at the place, or nil where its turn has not come.
func partOf(v *store.View, batch dc.TaskID, place int) *dc.Task {
	id, ok := store.Claimed(v, dc.BatchClaim(batch, place))
	if !ok {
		return nil
	}
	part, err := store.Get[*dc.Task](v, id)
	if err != nil {
		return nil
	}
	return part
}

func isOpen(v *store.View, batch dc.TaskID, place int) bool {
	part := partOf(v, batch, place)
	return part != nil && !part.Done()
}

// results says how it went with each object, when no part is open any more.
func results(v *store.View, batch dc.TaskID, objects []dc.BulkObject) []dc.TaskResult {
	out := make([]dc.TaskResult, len(objects))
	for i, o := range objects {
		out[i] = dc.TaskResult{Object: o.ID, Name: o.Name, State: dc.TaskError}
		if part := partOf(v, batch, i); part != nil {
			out[i].State, out[i].Failure, out[i].Task = part.State, part.Failure, part.ID
		} else {
			out[i].Failure = &dc.Failure{Kind: dc.Canceled, Message: "its turn did not come"}
		}
	}
	return out
}
