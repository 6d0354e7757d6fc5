package native

import (
	"context"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ReconfigureVirtualMachine(ctx context.Context, req *hanokv1.ReconfigureVirtualMachineRequest) (*hanokv1.ReconfigureVirtualMachineResponse, error) {
	by := caller(ctx)
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	change, err := s.hardwareChange(by, req.Change)
	if err != nil {
		return nil, err
	}
	for _, d := range req.Change.GetAddDisks() {
		if d.GetImage() != "" {
			return nil, dc.Errorf(dc.Invalid, "a disk that is added to a machine starts empty").Fix("leave the image out, or create a machine with it")
		}
		disk, err := s.newDisk(by, d)
		if err != nil {
			return nil, err
		}
		change.AddDisks = append(change.AddDisks, disk)
	}
	t, err := s.Machines.Reconfigure(ctx, by, id, change)
	if err != nil {
		return nil, err
	}
	return &hanokv1.ReconfigureVirtualMachineResponse{Task: s.task(by, t)}, nil
}

func (s *service) UpgradeVirtualMachine(ctx context.Context, req *hanokv1.UpgradeVirtualMachineRequest) (*hanokv1.UpgradeVirtualMachineResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	t, err := s.Machines.Upgrade(ctx, caller(ctx), id, int(req.Version))
	if err != nil {
		return nil, err
	}
	return &hanokv1.UpgradeVirtualMachineResponse{Task: s.task(caller(ctx), t)}, nil
}
