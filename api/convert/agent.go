package convert

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"hanok/api/hanok/agent/v1"
	"hanok/dc"
)

// HostFacts returns what a host says of itself for the wire. Connection is not the host's to say and is left out.
func HostFacts(s dc.HostStatus) *agentv1.HostFacts {
	h := s.Hypervisor
	return &agentv1.HostFacts{
		Version: s.Version, BootId: s.BootID, Os: s.OS, Cpus: int32(s.CPUs), CpuModel: s.CPUModel, MemoryMb: s.MemoryMB,
		Hypervisor: &agentv1.Hypervisor{Name: h.Name, Version: h.Version, Accelerator: string(h.Accelerator), Reason: h.Reason,
			Warnings: slices.Clone(h.Warnings)},
	}
}

// FromHostFacts returns what f says, with Connection left empty. A nil f says nothing.
func FromHostFacts(f *agentv1.HostFacts) dc.HostStatus {
	h := f.GetHypervisor()
	return dc.HostStatus{
		Version: f.GetVersion(), BootID: f.GetBootId(), OS: f.GetOs(), CPUs: int(f.GetCpus()), CPUModel: f.GetCpuModel(),
		MemoryMB: f.GetMemoryMb(),
		Hypervisor: dc.Hypervisor{Name: h.GetName(), Version: h.GetVersion(), Accelerator: dc.Accelerator(h.GetAccelerator()),
			Reason: h.GetReason(), Warnings: slices.Clone(h.GetWarnings())},
	}
}

// MachineAssignment returns a for the wire.
func MachineAssignment(a dc.Assignment) *agentv1.MachineAssignment {
	m := a.Machine
	out := &agentv1.MachineAssignment{
		Revision: a.Revision,
		Machine: &agentv1.Machine{Id: string(m.ID), Name: m.Name, Uuid: m.UUID, GuestId: m.GuestID, Firmware: string(m.Firmware),
			Cpus: int32(m.CPUs), MemoryMb: m.MemoryMB, Datastore: string(m.Datastore), Folder: m.Folder},
		Power: &agentv1.PowerRequest{Generation: a.Power.Generation, Op: string(a.Power.Op),
			Timeout: duration(a.Power.Timeout)},
		Deleted: a.Deleted,
	}
	for _, d := range m.Disks {
		out.Machine.Disks = append(out.Machine.Disks, &agentv1.Disk{Key: d.Key, CapacityBytes: d.CapacityBytes, Image: d.Image})
	}
	for _, n := range m.NICs {
		out.Machine.Nics = append(out.Machine.Nics, &agentv1.NIC{Key: n.Key, Mac: n.MAC, PortGroup: string(n.PortGroup)})
	}
	return out
}

// FromMachineAssignment returns the assignment that a carries. The kind Unsupported means that a newer manager asks for
// something that this program doesn't know; Invalid, that a names no machine.
func FromMachineAssignment(a *agentv1.MachineAssignment) (dc.Assignment, error) {
	m, op := a.GetMachine(), dc.PowerOp(a.GetPower().GetOp())
	if dc.ID(m.GetId()).Kind() != dc.KindVirtualMachine {
		return dc.Assignment{}, dc.Errorf(dc.Invalid, "the assignment names no virtual machine: %q", m.GetId())
	}
	if op != "" && !slices.Contains(dc.PowerOps(), op) {
		return dc.Assignment{}, dc.Errorf(dc.Unsupported, "no power operation %q", op).
			On(dc.Describe(dc.KindVirtualMachine, m.Name)).Fix("upgrade this host")
	}
	out := dc.Assignment{
		Revision: a.Revision,
		Machine: dc.Machine{ID: dc.VirtualMachineID(m.Id), Name: m.Name, Datastore: dc.DatastoreID(m.Datastore), Folder: m.Folder,
			Hardware: dc.Hardware{UUID: m.Uuid, GuestID: m.GuestId, Firmware: dc.Firmware(m.Firmware), CPUs: int(m.Cpus),
				MemoryMB: m.MemoryMb}},
		Power:   dc.PowerRequest{Generation: a.GetPower().GetGeneration(), Op: op, Timeout: a.GetPower().GetTimeout().AsDuration()},
		Deleted: a.Deleted,
	}
	for _, d := range m.Disks {
		out.Machine.Disks = append(out.Machine.Disks, dc.Disk{Key: d.Key, CapacityBytes: d.CapacityBytes, Image: d.Image})
	}
	for _, n := range m.Nics {
		out.Machine.NICs = append(out.Machine.NICs, dc.NIC{Key: n.Key, MAC: n.Mac, PortGroup: dc.PortGroupID(n.PortGroup)})
	}
	return out, nil
}

// MachineStatus returns s for the wire.
func MachineStatus(s dc.VirtualMachineStatus) *agentv1.MachineStatus {
	return &agentv1.MachineStatus{
		Files: string(s.Files), FilesFailure: Failure(s.FilesFailure), Power: string(s.Power), Paused: Failure(s.Paused),
		OutcomeGeneration: s.Outcome.Generation, OutcomeFailure: Failure(s.Outcome.Failure), Fault: Failure(s.Fault),
		Blocked: Failure(s.Blocked), Booted: Time(s.Booted),
		Guest: &agentv1.Guest{AgentRunning: s.Guest.AgentRunning, Hostname: s.Guest.Hostname, Os: s.Guest.OS,
			Addresses: slices.Clone(s.Guest.Addresses)},
	}
}

// FromMachineStatus returns the status that s carries. A state that this program doesn't know is an error of kind
// Unsupported.
func FromMachineStatus(s *agentv1.MachineStatus) (dc.VirtualMachineStatus, error) {
	g := s.GetGuest()
	out := dc.VirtualMachineStatus{
		Files: dc.FilesState(s.GetFiles()), FilesFailure: FromFailure(s.GetFilesFailure()),
		Power: dc.PowerState(s.GetPower()), Paused: FromFailure(s.GetPaused()),
		Outcome: dc.PowerOutcome{Generation: s.GetOutcomeGeneration(), Failure: FromFailure(s.GetOutcomeFailure())},
		Fault:   FromFailure(s.GetFault()), Blocked: FromFailure(s.GetBlocked()), Booted: fromTime(s.GetBooted()),
		Guest: dc.Guest{AgentRunning: g.GetAgentRunning(), Hostname: g.GetHostname(), OS: g.GetOs(),
			Addresses: slices.Clone(g.GetAddresses())},
	}
	switch out.Files {
	case "", dc.FilesReady, dc.FilesFailed, dc.FilesRemoved:
	default:
		return dc.VirtualMachineStatus{}, dc.Errorf(dc.Unsupported, "no state of files %q", out.Files)
	}
	switch out.Power {
	case "", dc.PoweredOff, dc.PoweredOn, dc.Suspended:
	default:
		return dc.VirtualMachineStatus{}, dc.Errorf(dc.Unsupported, "no power state %q", out.Power)
	}
	return out, nil
}

// fromTime returns the time that t carries, in UTC, and the zero time for nil.
func fromTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
