package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListClusters(ctx context.Context, _ *hanokv1.ListClustersRequest) (*hanokv1.ListClustersResponse, error) {
	all, err := each(convert.Cluster)(s.Inventory.Clusters(caller(ctx)))
	return &hanokv1.ListClustersResponse{Clusters: all}, err
}

func (s *service) CreateCluster(ctx context.Context, req *hanokv1.CreateClusterRequest) (*hanokv1.CreateClusterResponse, error) {
	by := caller(ctx)
	datacenter, err := s.datacenter(by, req.Datacenter)
	if err != nil {
		return nil, err
	}
	o, err := s.Inventory.CreateCluster(ctx, by, datacenter, req.Name)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateClusterResponse{Cluster: convert.Cluster(o)}, nil
}

func (s *service) DeleteCluster(ctx context.Context, req *hanokv1.DeleteClusterRequest) (*hanokv1.DeleteClusterResponse, error) {
	by := caller(ctx)
	id, err := resolve[dc.ClusterID](s, by, dc.KindCluster, req.Cluster)
	if err != nil {
		return nil, err
	}
	if !req.Recursive {
		return &hanokv1.DeleteClusterResponse{}, s.Inventory.DeleteCluster(ctx, by, id)
	}
	t, err := s.destroy(ctx, by, dc.ID(id), req.Confirm)
	return &hanokv1.DeleteClusterResponse{Task: t}, err
}
