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
	return &hanokv1.DeleteClusterResponse{}, s.Inventory.DeleteCluster(ctx, by, id)
}

func (s *service) ListHosts(ctx context.Context, _ *hanokv1.ListHostsRequest) (*hanokv1.ListHostsResponse, error) {
	all, err := each(s.host)(s.Inventory.Hosts(caller(ctx)))
	return &hanokv1.ListHostsResponse{Hosts: all}, err
}

func (s *service) GetHost(ctx context.Context, req *hanokv1.GetHostRequest) (*hanokv1.GetHostResponse, error) {
	id, err := s.Inventory.Resolve(caller(ctx), dc.KindHost, req.Host)
	if err != nil {
		return nil, err
	}
	o, ok := s.State.View().Object(id).(*dc.Host)
	if !ok { // it went since
		return nil, &dc.Error{Kind: dc.NotFound, Object: dc.Describe(dc.KindHost, req.Host), Message: "it does not exist"}
	}
	return &hanokv1.GetHostResponse{Host: s.host(o)}, nil
}

func (s *service) host(o *dc.Host) *hanokv1.Host { return convert.Host(o, s.names()) }

func (s *service) ListResourcePools(ctx context.Context, _ *hanokv1.ListResourcePoolsRequest) (*hanokv1.ListResourcePoolsResponse, error) {
	all, err := each(convert.ResourcePool)(s.Inventory.Pools(caller(ctx)))
	return &hanokv1.ListResourcePoolsResponse{ResourcePools: all}, err
}
