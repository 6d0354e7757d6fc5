package native

import (
	"context"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) ListVirtualMachines(ctx context.Context, req *hanokv1.ListVirtualMachinesRequest) (*hanokv1.ListVirtualMachinesResponse, error) {
	tags, err := s.tagIDs(caller(ctx), req.Tags)
	if err != nil {
		return nil, err
	}
	machines, err := withTags(tags)(s.Machines.List(caller(ctx)))
	if err != nil {
		return nil, err
	}
	names, of := s.names(caller(ctx)), convert.VirtualMachine
	if req.Summary {
		of = convert.VirtualMachineSummary
	}
	out := &hanokv1.ListVirtualMachinesResponse{VirtualMachines: make([]*hanokv1.VirtualMachine, len(machines))}
	for i, o := range machines { // by name, as they came
		out.VirtualMachines[i] = of(o, names)
	}
	return out, nil
}

func (s *service) GetVirtualMachine(ctx context.Context, req *hanokv1.GetVirtualMachineRequest) (*hanokv1.GetVirtualMachineResponse, error) {
	vm, err := s.machine(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	out := convert.VirtualMachine(vm, s.names(caller(ctx)))
	out.Hardware = convert.Hardware(vm.Spec.Hardware)
	out.Hardware.Nics = out.Nics // which have their port groups' names
	return &hanokv1.GetVirtualMachineResponse{VirtualMachine: out}, nil
}

// machine returns the virtual machine that a reference names.
func (s *service) machine(ctx context.Context, ref string) (*dc.VirtualMachine, error) {
	id, err := s.machineID(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.Machines.Get(caller(ctx), id)
}

func (s *service) machineID(ctx context.Context, ref string) (dc.VirtualMachineID, error) {
	return resolve[dc.VirtualMachineID](s, caller(ctx), dc.KindVirtualMachine, ref)
}

func (s *service) CreateVirtualMachine(ctx context.Context, req *hanokv1.CreateVirtualMachineRequest) (*hanokv1.CreateVirtualMachineResponse, error) {
	by := caller(ctx)
	create, err := s.createRequest(by, req)
	if err != nil {
		return nil, err
	}
	t, err := s.Machines.Create(ctx, by, create)
	if err != nil {
		return nil, err
	}
	return &hanokv1.CreateVirtualMachineResponse{Task: s.task(caller(ctx), t)}, nil
}

// createRequest resolves what a request refers to.
func (s *service) createRequest(by dc.Caller, req *hanokv1.CreateVirtualMachineRequest) (CreateRequest, error) {
	out := CreateRequest{
		Name: req.Name, CPUs: int(req.Cpus), MemoryMB: req.MemoryMb, Firmware: dc.Firmware(req.Firmware),
		GuestID: req.GuestId, Annotation: req.Annotation, PowerOn: req.PowerOn, Version: int(req.HardwareVersion),
	}
	var err error
	if out.Change, err = s.hardwareChange(by, req.Hardware); err != nil {
		return out, err
	}
	if out.Folder, err = resolveAny[dc.FolderID](s, by, dc.KindFolder, req.Folder); err != nil {
		return out, err
	}
	if out.Pool, err = resolveAny[dc.ResourcePoolID](s, by, dc.KindResourcePool, req.ResourcePool); err != nil {
		return out, err
	}
	if out.Host, err = resolveAny[dc.HostID](s, by, dc.KindHost, req.Host); err != nil {
		return out, err
	}
	if out.Datastore, err = resolveAny[dc.DatastoreID](s, by, dc.KindDatastore, req.Datastore); err != nil {
		return out, err
	}
	for _, d := range append(req.Disks, req.Hardware.GetAddDisks()...) {
		image, err := resolveAny[dc.ImageID](s, by, dc.KindImage, d.GetImage())
		if err != nil {
			return out, err
		}
		form, err := s.newDisk(by, d)
		if err != nil {
			return out, err
		}
		out.Disks = append(out.Disks, NewDisk{CapacityBytes: d.GetCapacityBytes(), Image: image, Form: form})
	}
	for _, n := range req.Nics {
		nic, err := s.newNIC(by, n)
		if err != nil {
			return out, err
		}
		out.Change.AddNICs = append(out.Change.AddNICs, nic)
	}
	return out, nil
}

func (s *service) PowerVirtualMachine(ctx context.Context, req *hanokv1.PowerVirtualMachineRequest) (*hanokv1.PowerVirtualMachineResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	timeout := req.Timeout.AsDuration()
	if req.Timeout != nil && (req.Timeout.CheckValid() != nil || timeout < 0) {
		return nil, dc.Errorf(dc.Invalid, "the time-out is no span of time from zero up")
	}
	t, err := s.Machines.Power(ctx, caller(ctx), id, dc.PowerOp(req.Op), timeout)
	if err != nil {
		return nil, err
	}
	return &hanokv1.PowerVirtualMachineResponse{Task: s.task(caller(ctx), t)}, nil
}

func (s *service) AnnotateVirtualMachine(ctx context.Context, req *hanokv1.AnnotateVirtualMachineRequest) (*hanokv1.AnnotateVirtualMachineResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	return &hanokv1.AnnotateVirtualMachineResponse{}, s.Machines.Annotate(ctx, caller(ctx), id, req.Annotation)
}

func (s *service) RenameVirtualMachine(ctx context.Context, req *hanokv1.RenameVirtualMachineRequest) (*hanokv1.RenameVirtualMachineResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	return &hanokv1.RenameVirtualMachineResponse{}, s.Machines.Rename(ctx, caller(ctx), id, req.Name)
}

func (s *service) DeleteVirtualMachine(ctx context.Context, req *hanokv1.DeleteVirtualMachineRequest) (*hanokv1.DeleteVirtualMachineResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	t, err := s.Machines.Delete(ctx, caller(ctx), id)
	if err != nil {
		return nil, err
	}
	return &hanokv1.DeleteVirtualMachineResponse{Task: s.task(caller(ctx), t)}, nil
}

func (s *service) ScreenshotVirtualMachine(ctx context.Context, req *hanokv1.ScreenshotVirtualMachineRequest) (*hanokv1.ScreenshotVirtualMachineResponse, error) {
	id, err := s.machineID(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	png, err := s.Machines.Screenshot(ctx, caller(ctx), id)
	return &hanokv1.ScreenshotVirtualMachineResponse{Png: png}, err
}
