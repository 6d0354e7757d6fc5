package native

import (
	"context"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) MarkAsTemplate(ctx context.Context, req *hanokv1.MarkAsTemplateRequest) (*hanokv1.MarkAsTemplateResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	return &hanokv1.MarkAsTemplateResponse{}, s.Machines.MarkAsTemplate(ctx, caller(ctx), id)
}

func (s *service) MarkAsVirtualMachine(ctx context.Context, req *hanokv1.MarkAsVirtualMachineRequest) (*hanokv1.MarkAsVirtualMachineResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	pool, err := resolveAny[dc.ResourcePoolID](s, caller(ctx), dc.KindResourcePool, req.ResourcePool)
	if err != nil {
		return nil, err
	}
	return &hanokv1.MarkAsVirtualMachineResponse{}, s.Machines.MarkAsVirtualMachine(ctx, caller(ctx), id, pool)
}
