package native

import (
	"context"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) CloneVirtualMachine(ctx context.Context, req *hanokv1.CloneVirtualMachineRequest) (*hanokv1.CloneVirtualMachineResponse, error) {
	by := caller(ctx)
	source, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	place, err := s.createRequest(by, &hanokv1.CreateVirtualMachineRequest{Folder: req.Folder, ResourcePool: req.ResourcePool, Host: req.Host, Datastore: req.Datastore})
	if err != nil {
		return nil, err
	}
	t, err := s.Machines.Clone(ctx, by, CloneRequest{Source: source, Name: req.Name, Folder: place.Folder, Pool: place.Pool, Host: place.Host,
		Datastore: place.Datastore, CPUs: int(req.Cpus), MemoryMB: req.MemoryMb, Provisioning: dc.Provisioning(req.Provisioning),
		Template: req.Template, PowerOn: req.PowerOn})
	if err != nil {
		return nil, err
	}
	return &hanokv1.CloneVirtualMachineResponse{Task: s.task(by, t)}, nil
}

// cloneSpec resolves what copies of machines are to be, and where.
func (s *service) cloneSpec(by dc.Caller, req *hanokv1.CloneVirtualMachineRequest) (*dc.CloneSpec, error) {
	if req == nil {
		return nil, nil
	}
	place, err := s.createRequest(by, &hanokv1.CreateVirtualMachineRequest{Folder: req.Folder, ResourcePool: req.ResourcePool, Host: req.Host, Datastore: req.Datastore})
	if err != nil {
		return nil, err
	}
	return &dc.CloneSpec{Name: req.Name, Folder: place.Folder, Pool: place.Pool, Host: place.Host, Datastore: place.Datastore, CPUs: int(req.Cpus),
		MemoryMB: req.MemoryMb, Provisioning: dc.Provisioning(req.Provisioning), Template: req.Template, PowerOn: req.PowerOn}, nil
}
