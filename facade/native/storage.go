package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListDatastores(ctx context.Context, _ *hanokv1.ListDatastoresRequest) (*hanokv1.ListDatastoresResponse, error) {
	all, err := each(s.datastore(caller(ctx)))(s.Inventory.Datastores(caller(ctx)))
	return &hanokv1.ListDatastoresResponse{Datastores: all}, err
}

func (s *service) datastore(by dc.Caller) func(*dc.Datastore) *hanokv1.Datastore {
	names := s.names(by)
	return func(o *dc.Datastore) *hanokv1.Datastore {
		if usage, ok := s.State.Usage(o.ID); ok {
			return convert.Datastore(o, &usage, names)
		}
		return convert.Datastore(o, nil, names)
	}
}

func (s *service) CreateDatastore(ctx context.Context, req *hanokv1.CreateDatastoreRequest) (*hanokv1.CreateDatastoreResponse, error) {
	by := caller(ctx)
	datacenter, err := s.datacenter(by, req.Datacenter)
	if err != nil {
		return nil, err
	}
	host, err := resolve[dc.HostID](s, by, dc.KindHost, req.Host)
	if err != nil {
		return nil, err
	}
	o, err := s.Inventory.CreateDatastore(ctx, by, datacenter, req.Name,
		dc.DatastoreSpec{Type: dc.LocalDatastore, Host: host, Path: req.Path})
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateDatastoreResponse{Datastore: s.datastore(by)(o)}, nil
}

func (s *service) DeleteDatastore(ctx context.Context, req *hanokv1.DeleteDatastoreRequest) (*hanokv1.DeleteDatastoreResponse, error) {
	by := caller(ctx)
	id, err := resolve[dc.DatastoreID](s, by, dc.KindDatastore, req.Datastore)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteDatastoreResponse{}, s.Inventory.DeleteDatastore(ctx, by, id)
}

func (s *service) ListImages(ctx context.Context, _ *hanokv1.ListImagesRequest) (*hanokv1.ListImagesResponse, error) {
	all, err := each(convert.Image)(s.Inventory.Images(caller(ctx)))
	return &hanokv1.ListImagesResponse{Images: all}, err
}
