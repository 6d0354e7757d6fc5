package native

import (
	"context"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) RegisterVirtualMachine(ctx context.Context, req *hanokv1.RegisterVirtualMachineRequest) (*hanokv1.RegisterVirtualMachineResponse, error) {
	by := caller(ctx)
	file, err := s.fileRef(by, req.Datastore, req.Path)
	if err != nil {
		return nil, err
	}
	register := RegisterRequest{File: file, Name: req.Name, Template: req.AsTemplate, Identity: dc.RegisterIdentity(req.Identity)}
	if register.Folder, err = resolveAny[dc.FolderID](s, by, dc.KindFolder, req.Folder); err != nil {
		return nil, err
	}
	if register.Pool, err = resolveAny[dc.ResourcePoolID](s, by, dc.KindResourcePool, req.ResourcePool); err != nil {
		return nil, err
	}
	if register.Networks, err = s.networksOf(by, req.Networks); err != nil {
		return nil, err
	}
	t, warnings, err := s.Machines.Register(ctx, by, register)
	if err != nil {
		return nil, err
	}
	return &hanokv1.RegisterVirtualMachineResponse{Task: s.task(by, t), Warnings: warnings}, nil
}

func (s *service) UnregisterVirtualMachine(ctx context.Context, req *hanokv1.UnregisterVirtualMachineRequest) (*hanokv1.UnregisterVirtualMachineResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	t, err := s.Machines.Unregister(ctx, caller(ctx), id)
	if err != nil {
		return nil, err
	}
	return &hanokv1.UnregisterVirtualMachineResponse{Task: s.task(caller(ctx), t)}, nil
}
