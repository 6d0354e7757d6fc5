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
	change := dc.HardwareChange{
		CPUs: int(req.Cpus), MemoryMB: req.MemoryMb, GuestID: req.GuestId, Firmware: dc.Firmware(req.Firmware),
		CPUHotAdd: req.CpuHotAdd, CPUHotRemove: req.CpuHotRemove, MemoryHotAdd: req.MemoryHotAdd,
		AddDisks: req.AddDisks, RemoveDisks: req.RemoveDisks, RemoveNICs: req.RemoveNics,
	}
	for _, d := range req.ExtendDisks {
		if change.ExtendDisks == nil {
			change.ExtendDisks = map[int32]int64{}
		}
		change.ExtendDisks[d.GetKey()] = d.GetCapacityBytes()
	}
	for _, ref := range req.AddNics {
		portGroup, err := resolve[dc.PortGroupID](s, by, dc.KindPortGroup, ref)
		if err != nil {
			return nil, err
		}
		change.AddNICs = append(change.AddNICs, portGroup)
	}
	t, err := s.Machines.Reconfigure(ctx, by, id, change)
	if err != nil {
		return nil, err
	}
	return &hanokv1.ReconfigureVirtualMachineResponse{Task: s.task(by, t)}, nil
}
