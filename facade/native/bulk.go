package native

import (
	"context"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) StartBulk(ctx context.Context, req *hanokv1.StartBulkRequest) (*hanokv1.StartBulkResponse, error) {
	by := caller(ctx)
	b, selection, err := s.bulkRequest(ctx, by, req)
	if err != nil {
		return nil, err
	}
	t, err := s.Bulk.Start(ctx, by, b, selection)
	if err != nil {
		return nil, err
	}
	return &hanokv1.StartBulkResponse{Task: s.task(by, t)}, nil
}

// bulkRequest resolves what a request asks for. An object that is not there is one with a failure.
func (s *service) bulkRequest(ctx context.Context, by dc.Caller, req *hanokv1.StartBulkRequest) (dc.Bulk, *dc.BulkSelection, error) {
	b := dc.Bulk{Op: dc.BulkOp(req.Op), Timeout: req.Timeout.AsDuration(), Value: req.Value, Confirmed: int(req.Confirm)}
	if req.Timeout != nil && (req.Timeout.CheckValid() != nil || b.Timeout < 0) {
		return b, nil, dc.Errorf(dc.Invalid, "the time-out is no span of time from zero up")
	}
	if n := len(req.VirtualMachines) + len(req.Objects); n > dc.MaxBulk { // before each is looked for
		return b, nil, dc.CheckBulk(dc.Bulk{Op: b.Op, Objects: make([]dc.BulkObject, n)})
	}
	name := func(kind dc.Kind, refs []string) {
		for _, ref := range refs {
			id, err := s.Inventory.Resolve(by, kind, ref)
			b.Objects = append(b.Objects, dc.BulkObject{ID: id, Name: ref, Failure: dc.FailureOf(err)})
		}
	}
	name(dc.KindVirtualMachine, req.VirtualMachines)
	name(dc.Kind(req.Kind), req.Objects)
	selection, err := s.selection(by, req)
	if err != nil {
		return b, nil, err
	}
	return b, selection, s.bulkArguments(ctx, by, req, &b, selection)
}

// selection resolves what a request selects objects by; nil is by nothing.
func (s *service) selection(by dc.Caller, req *hanokv1.StartBulkRequest) (*dc.BulkSelection, error) {
	if req.Folder == "" && req.ResourcePool == "" && len(req.Tags) == 0 {
		return nil, nil
	}
	q := dc.BulkSelection{Kind: dc.Kind(req.Kind)}
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

// bulkArguments resolves what the operation works with. Tags, custom attributes and principals are shown to those who may use them on one
// of the objects at least, on what they are selected by, or on the root folder.
func (s *service) bulkArguments(ctx context.Context, by dc.Caller, req *hanokv1.StartBulkRequest, b *dc.Bulk, q *dc.BulkSelection) (err error) {
	objects := b.Objects
	if q != nil {
		objects = append(objects[:len(objects):len(objects)], dc.BulkObject{ID: dc.ID(q.Folder)}, dc.BulkObject{ID: dc.ID(q.Pool)})
	}
	on := dc.ID(dc.RootFolder)
	for _, o := range objects {
		if p, ok := b.Op.Privilege(o.ID.Kind()); ok && o.ID != "" && s.Access.Authorize(by, p, o.ID) == nil {
			on = o.ID
			break
		}
	}
	switch b.Op {
	case dc.BulkMove:
		if req.TargetCluster == "" {
			b.Folder, err = resolve[dc.FolderID](s, by, dc.KindFolder, req.TargetFolder)
			return err
		}
		var to dc.HostDestination
		to, err = s.hostDestination(by, req.TargetFolder, req.TargetCluster, req.TargetPool)
		b.Folder, b.Cluster, b.Pool = to.Folder, to.Cluster, to.Pool
	case dc.BulkAttachTag, dc.BulkDetachTag:
		b.Tag, err = s.tagID(by, dc.PrivTagAttach, on, req.Tag)
	case dc.BulkCustomValue:
		b.Field, err = s.customFieldID(by, dc.PrivCustomValue, on, req.CustomField)
	case dc.BulkReconfigure:
		var change dc.HardwareChange
		if change, err = s.hardwareChange(by, req.Change); len(req.Change.GetAddDisks()) > 0 {
			change.AddDisks = make([]dc.NewDisk, 1) // which are refused, as other devices are
		}
		b.Change = &change
	case dc.BulkClone:
		b.Clone, err = s.cloneSpec(by, req.Clone)
	case dc.BulkVirtualMachine:
		b.Pool, err = resolveAny[dc.ResourcePoolID](s, by, dc.KindResourcePool, req.TargetPool)
	case dc.BulkSetPermission, dc.BulkRemovePermission:
		err = s.bulkPermission(ctx, by, on, req, b)
	}
	return err
}

// bulkPermission resolves the permission that is given or taken away, for a caller who may do that on an object.
func (s *service) bulkPermission(ctx context.Context, by dc.Caller, on dc.ID, req *hanokv1.StartBulkRequest, b *dc.Bulk) error {
	if err := s.Access.Authorize(by, dc.PrivUsers, on); err != nil {
		return err
	}
	find := s.Access.Principal
	if b.Op == dc.BulkSetPermission {
		role, err := s.Access.Role(req.Role)
		if err != nil {
			return err
		}
		b.Role, b.Propagate, find = role.ID, req.Propagate, s.ensure(ctx, by)
	}
	var err error
	b.Principal, err = find(req.Principal, req.Group)
	return err
}
