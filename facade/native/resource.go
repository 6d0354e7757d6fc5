package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListResourcePools(ctx context.Context, _ *hanokv1.ListResourcePoolsRequest) (*hanokv1.ListResourcePoolsResponse, error) {
	by := caller(ctx)
	runtimes, err := s.Pools.Runtimes(by)
	if err != nil {
		return nil, err
	}
	all, err := each(func(o *dc.ResourcePool) *hanokv1.ResourcePool {
		out := convert.ResourcePool(o)
		if r, ok := runtimes[o.ID]; ok {
			out.Runtime = &hanokv1.ResourcePoolRuntime{ReservationUsed: convert.ResourceAmount(r.ReservationUsed),
				Unreserved: convert.ResourceAmount(r.Unreserved), Reservation: convert.ResourceAmount(r.Reservation)}
		}
		return out
	})(s.Inventory.Pools(by))
	return &hanokv1.ListResourcePoolsResponse{ResourcePools: all}, err
}

func (s *service) CreateResourcePool(ctx context.Context, req *hanokv1.CreateResourcePoolRequest) (*hanokv1.CreateResourcePoolResponse, error) {
	by := caller(ctx)
	parent, err := s.pool(by, req.Parent)
	if err != nil {
		return nil, err
	}
	o, err := s.Pools.Create(ctx, by, parent, req.Name, convert.FromResourceChange(req.Cpu, req.Memory))
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateResourcePoolResponse{ResourcePool: convert.ResourcePool(o)}, nil
}

// pool is resolve for a resource pool where the empty reference is the root pool of the only cluster.
func (s *service) pool(by dc.Caller, ref string) (dc.ResourcePoolID, error) {
	if ref != "" {
		return resolve[dc.ResourcePoolID](s, by, dc.KindResourcePool, ref)
	}
	all, err := s.Inventory.Clusters(by)
	switch {
	case err != nil:
		return "", err
	case len(all) != 1:
		return "", dc.Errorf(dc.Invalid, "there are %d clusters", len(all)).Fix("name the resource pool in which it is to be")
	}
	return all[0].RootPool, nil
}

func (s *service) UpdateResourcePool(ctx context.Context, req *hanokv1.UpdateResourcePoolRequest) (*hanokv1.UpdateResourcePoolResponse, error) {
	by := caller(ctx)
	id, err := resolve[dc.ResourcePoolID](s, by, dc.KindResourcePool, req.ResourcePool)
	if err != nil {
		return nil, err
	}
	o, err := s.Pools.Update(ctx, by, id, convert.FromResourceChange(req.Cpu, req.Memory))
	if err != nil {
		return nil, err
	}
	return &hanokv1.UpdateResourcePoolResponse{ResourcePool: convert.ResourcePool(o)}, nil
}

func (s *service) MoveResourcePool(ctx context.Context, req *hanokv1.MoveResourcePoolRequest) (*hanokv1.MoveResourcePoolResponse, error) {
	by := caller(ctx)
	id, err := resolve[dc.ResourcePoolID](s, by, dc.KindResourcePool, req.ResourcePool)
	if err != nil {
		return nil, err
	}
	parent, err := resolve[dc.ResourcePoolID](s, by, dc.KindResourcePool, req.Parent)
	if err != nil {
		return nil, err
	}
	return &hanokv1.MoveResourcePoolResponse{}, s.Pools.Move(ctx, by, id, parent)
}

func (s *service) DeleteResourcePool(ctx context.Context, req *hanokv1.DeleteResourcePoolRequest) (*hanokv1.DeleteResourcePoolResponse, error) {
	by := caller(ctx)
	id, err := resolve[dc.ResourcePoolID](s, by, dc.KindResourcePool, req.ResourcePool)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteResourcePoolResponse{}, s.Pools.Delete(ctx, by, id)
}

func (s *service) SetVirtualMachineResources(ctx context.Context, req *hanokv1.SetVirtualMachineResourcesRequest) (*hanokv1.SetVirtualMachineResourcesResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	return &hanokv1.SetVirtualMachineResourcesResponse{},
		s.Machines.SetResources(ctx, caller(ctx), id, convert.FromResourceChange(req.Cpu, req.Memory))
}

func (s *service) MoveVirtualMachineToPool(ctx context.Context, req *hanokv1.MoveVirtualMachineToPoolRequest) (*hanokv1.MoveVirtualMachineToPoolResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	pool, err := resolve[dc.ResourcePoolID](s, caller(ctx), dc.KindResourcePool, req.ResourcePool)
	if err != nil {
		return nil, err
	}
	return &hanokv1.MoveVirtualMachineToPoolResponse{}, s.Machines.MoveToPool(ctx, caller(ctx), id, pool)
}
