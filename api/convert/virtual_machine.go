package convert

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// VirtualMachine returns a virtual machine for the wire.
func VirtualMachine(o *dc.VirtualMachine, names Names) *hanokv1.VirtualMachine {
	out, hw := VirtualMachineSummary(o, names), &o.Spec.Hardware
	cpu, memory := o.Spec.Resources.MachineShares(*hw)
	out.Created, out.Booted, out.Firmware = Time(o.Created), Time(o.Status.Booted), string(hw.Firmware)
	out.PowerRequest, out.PowerOutcome = powerRequest(o.Spec.Power), powerOutcome(o.Status.Outcome)
	out.CpuAllocation, out.MemoryAllocation = ResourceAllocation(o.Spec.Resources.CPU, cpu), ResourceAllocation(o.Spec.Resources.Memory, memory)
	out.Unenforced = o.Status.Unenforced
	out.Configuration, out.Configured = o.Spec.Configuration, o.Status.Configured.Generation
	out.ConfigurationFailure, out.Differences = Failure(o.Status.Configured.Failure), o.Status.Differences
	out.Disks, out.Nics = each(hw.Disks, disk), each(hw.NICs, nic)
	for i, n := range hw.NICs {
		out.Nics[i].PortGroup = names(dc.ID(n.PortGroup))
	}
	out.Template = o.Spec.Template
	return out
}

// VirtualMachineSummary returns what a list shows of a virtual machine: of 100,000 of them, the rest takes as long again.
func VirtualMachineSummary(o *dc.VirtualMachine, names Names) *hanokv1.VirtualMachine {
	hw, status := &o.Spec.Hardware, &o.Status
	return &hanokv1.VirtualMachine{
		Id: string(o.ID), Name: o.Name, FolderId: string(o.Parent), Revision: o.Revision,

		PowerState: string(status.Power), HostId: string(o.Spec.Host), Host: names(dc.ID(o.Spec.Host)),
		Addresses: status.Guest.Addresses, Hostname: status.Guest.Hostname, GuestOs: status.Guest.OS,
		AgentRunning: status.Guest.AgentRunning,

		Uuid: hw.UUID, GuestId: hw.GuestID, Cpus: int32(hw.CPUs), MemoryMb: hw.MemoryMB,

		Annotation: o.Spec.Annotation, ResourcePoolId: string(o.Spec.Pool), ResourcePool: names(dc.ID(o.Spec.Pool)),
		DatastoreId: string(o.Spec.Datastore), Datastore: names(dc.ID(o.Spec.Datastore)), DatastoreFolder: o.Spec.Folder,

		FilesState: string(status.Files), FilesFailure: Failure(status.FilesFailure),
		Paused: Failure(status.Paused), Fault: Failure(status.Fault), Blocked: Failure(status.Blocked), Deleting: o.Spec.Deleted,
		Template: o.Spec.Template,
	}
}

// powerRequest returns nil for a machine of which no power operation was asked yet.
func powerRequest(r dc.PowerRequest) *hanokv1.PowerRequest {
	if r.Generation == 0 {
		return nil
	}
	return &hanokv1.PowerRequest{Generation: r.Generation, Op: string(r.Op), Timeout: duration(r.Timeout)}
}

// powerOutcome returns nil for a machine of which no power operation has finished yet.
func powerOutcome(o dc.PowerOutcome) *hanokv1.PowerOutcome {
	if o.Generation == 0 {
		return nil
	}
	return &hanokv1.PowerOutcome{Generation: o.Generation, Failure: Failure(o.Failure)}
}

// duration returns d for the wire, and nil for zero.
func duration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}
