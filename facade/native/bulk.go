package native

import (
	"context"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) StartBulk(ctx context.Context, req *hanokv1.StartBulkRequest) (*hanokv1.StartBulkResponse, error) {
	by := caller(ctx)
	b := dc.Bulk{Op: dc.BulkOp(req.Op), Timeout: req.Timeout.AsDuration(), Value: req.Value, Confirmed: int(req.Confirm)}
	if req.Timeout != nil && (req.Timeout.CheckValid() != nil || b.Timeout < 0) {
		return nil, dc.Errorf(dc.Invalid, "the time-out is no span of time from zero up")
	}
	if len(req.VirtualMachines) > dc.MaxBulk { // before each is looked for
		return nil, dc.CheckBulk(dc.Bulk{Op: b.Op, Objects: make([]dc.BulkObject, len(req.VirtualMachines))})
	}
	for _, ref := range req.VirtualMachines {
		id, err := s.Inventory.Resolve(by, dc.KindVirtualMachine, ref)
		b.Objects = append(b.Objects, dc.BulkObject{ID: id, Name: ref, Failure: dc.FailureOf(err)})
	}
	selection, err := s.selection(by, req)
	if err != nil {
		return nil, err
	}
	if err := s.bulkArguments(by, req, &b); err != nil {
		return nil, err
	}
	t, err := s.Bulk.Start(ctx, by, b, selection)
	if err != nil {
		return nil, err
	}
	return &hanokv1.StartBulkResponse{Task: s.task(by, t)}, nil
}

// selection resolves what a request selects machines by; nil is by nothing.
func (s *service) selection(by dc.Caller, req *hanokv1.StartBulkRequest) (*dc.BulkSelection, error) {
	if req.Folder == "" && req.ResourcePool == "" && len(req.Tags) == 0 {
		return nil, nil
	}
	var q dc.BulkSelection
	var err error
	if q.Folder, err = resolveAny[dc.FolderID](s, by, dc.KindFolder, req.Folder); err != nil {
		return nil, err
	}
	if q.Pool, err = resolveAny[dc.ResourcePoolID](s, by, dc.KindResourcePool, req.ResourcePool); err != nil {
		return nil, err
	}
	q.Tags, err = s.tagIDs(by, req.Tags)
	return &q, err
}

// bulkArguments resolves what the operation works with. Tags and custom attributes are shown to those who may use them on one of the
// objects at least, or on the root folder.
func (s *service) bulkArguments(by dc.Caller, req *hanokv1.StartBulkRequest, b *dc.Bulk) (err error) {
	on := dc.ID(dc.RootFolder)
	for _, o := range b.Objects {
		if o.ID != "" && s.Access.Authorize(by, b.Op.Privilege(), o.ID) == nil {
			on = o.ID
			break
		}
	}
	switch b.Op {
	case dc.BulkMove:
		b.Folder, err = resolve[dc.FolderID](s, by, dc.KindFolder, req.TargetFolder)
	case dc.BulkAttachTag, dc.BulkDetachTag:
		b.Tag, err = s.tagID(by, dc.PrivTagAttach, on, req.Tag)
	case dc.BulkCustomValue:
		b.Field, err = s.customFieldID(by, dc.PrivCustomValue, on, req.CustomField)
	}
	return err
}
