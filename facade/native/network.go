package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListPortGroups(ctx context.Context, _ *hanokv1.ListPortGroupsRequest) (*hanokv1.ListPortGroupsResponse, error) {
	all, err := each(convert.PortGroup)(s.Inventory.PortGroups(caller(ctx)))
	return &hanokv1.ListPortGroupsResponse{PortGroups: all}, err
}

func (s *service) CreatePortGroup(ctx context.Context, req *hanokv1.CreatePortGroupRequest) (*hanokv1.CreatePortGroupResponse, error) {
	by := caller(ctx)
	datacenter, err := s.datacenter(by, req.Datacenter)
	if err != nil {
		return nil, err
	}
	o, err := s.Inventory.CreatePortGroup(ctx, by, datacenter, req.Name)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreatePortGroupResponse{PortGroup: convert.PortGroup(o)}, nil
}

func (s *service) DeletePortGroup(ctx context.Context, req *hanokv1.DeletePortGroupRequest) (*hanokv1.DeletePortGroupResponse, error) {
	by := caller(ctx)
	id, err := resolve[dc.PortGroupID](s, by, dc.KindPortGroup, req.PortGroup)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeletePortGroupResponse{}, s.Inventory.DeletePortGroup(ctx, by, id)
}
