package native

import (
	"context"
	"slices"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// renamable are the kinds that RenameObject takes.
var renamable = []dc.Kind{dc.KindDatacenter, dc.KindFolder, dc.KindCluster, dc.KindDatastore, dc.KindPortGroup, dc.KindResourcePool}

func (s *service) RenameObject(ctx context.Context, req *hanokv1.RenameObjectRequest) (*hanokv1.RenameObjectResponse, error) {
	by, kind := caller(ctx), dc.Kind(req.Kind)
	if !slices.Contains(renamable, kind) {
		return nil, dc.Errorf(dc.Invalid, "objects of the kind %q are not renamed by this call", req.Kind).
			Fix("name one of the kinds %v", renamable)
	}
	id, err := s.Inventory.Resolve(by, kind, req.Object)
	if err != nil {
		return nil, err
	}
	return &hanokv1.RenameObjectResponse{}, s.Inventory.Rename(ctx, by, id, req.Name)
}

func (s *service) MoveObject(ctx context.Context, req *hanokv1.MoveObjectRequest) (*hanokv1.MoveObjectResponse, error) {
	by := caller(ctx)
	id, err := s.Inventory.Resolve(by, dc.Kind(req.Kind), req.Object)
	if err != nil {
		return nil, err
	}
	folder, err := resolve[dc.FolderID](s, by, dc.KindFolder, req.Folder)
	if err != nil {
		return nil, err
	}
	return &hanokv1.MoveObjectResponse{}, s.Inventory.Move(ctx, by, id, folder)
}

func (s *service) ListDatacenters(ctx context.Context, _ *hanokv1.ListDatacentersRequest) (*hanokv1.ListDatacentersResponse, error) {
	all, err := each(convert.Datacenter)(s.Inventory.Datacenters(caller(ctx)))
	return &hanokv1.ListDatacentersResponse{Datacenters: all}, err
}

func (s *service) CreateDatacenter(ctx context.Context, req *hanokv1.CreateDatacenterRequest) (*hanokv1.CreateDatacenterResponse, error) {
	o, err := s.Inventory.CreateDatacenter(ctx, caller(ctx), req.Name)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateDatacenterResponse{Datacenter: convert.Datacenter(o)}, nil
}

func (s *service) DeleteDatacenter(ctx context.Context, req *hanokv1.DeleteDatacenterRequest) (*hanokv1.DeleteDatacenterResponse, error) {
	by := caller(ctx)
	id, err := resolve[dc.DatacenterID](s, by, dc.KindDatacenter, req.Datacenter)
	if err != nil {
		return nil, err
	}
	if !req.Recursive {
		return &hanokv1.DeleteDatacenterResponse{}, s.Inventory.DeleteDatacenter(ctx, by, id)
	}
	t, err := s.destroy(ctx, by, dc.ID(id), req.Confirm)
	return &hanokv1.DeleteDatacenterResponse{Task: t}, err
}

func (s *service) ListFolders(ctx context.Context, _ *hanokv1.ListFoldersRequest) (*hanokv1.ListFoldersResponse, error) {
	all, err := each(convert.Folder)(s.Inventory.Folders(caller(ctx)))
	return &hanokv1.ListFoldersResponse{Folders: all}, err
}

func (s *service) CreateFolder(ctx context.Context, req *hanokv1.CreateFolderRequest) (*hanokv1.CreateFolderResponse, error) {
	by := caller(ctx)
	parent, err := resolve[dc.FolderID](s, by, dc.KindFolder, req.Parent)
	if err != nil {
		return nil, err
	}
	o, err := s.Inventory.CreateFolder(ctx, by, parent, req.Name)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateFolderResponse{Folder: convert.Folder(o)}, nil
}

func (s *service) DeleteFolder(ctx context.Context, req *hanokv1.DeleteFolderRequest) (*hanokv1.DeleteFolderResponse, error) {
	by := caller(ctx)
	id, err := resolve[dc.FolderID](s, by, dc.KindFolder, req.Folder)
	if err != nil {
		return nil, err
	}
	if !req.Recursive {
		return &hanokv1.DeleteFolderResponse{}, s.Inventory.DeleteFolder(ctx, by, id)
	}
	t, err := s.destroy(ctx, by, dc.ID(id), req.Confirm)
	return &hanokv1.DeleteFolderResponse{Task: t}, err
}

// destroy starts the deletion of something with everything in it.
func (s *service) destroy(ctx context.Context, by dc.Caller, id dc.ID, confirm int32) (*hanokv1.Task, error) {
	t, err := s.Bulk.Destroy(ctx, by, id, int(confirm))
	if err != nil {
		return nil, err
	}
	return s.task(by, t), nil
}
