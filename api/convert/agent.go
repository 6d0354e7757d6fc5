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
		CpuCores: int32(s.CPUCores), CpuMhz: s.CPUMHz, ReservedMemoryMb: s.ReservedMemoryMB,
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
		CPUCores: int(f.GetCpuCores()), CPUMHz: f.GetCpuMhz(), ReservedMemoryMB: f.GetReservedMemoryMb(),
	}
}

// MachineAssignment returns a for the wire.
func MachineAssignment(a dc.Assignment) *agentv1.MachineAssignment {
	return &agentv1.MachineAssignment{
		Revision: a.Revision,
		Machine:  Machine(a.Machine),
		Power: &agentv1.PowerRequest{Generation: a.Power.Generation, Op: string(a.Power.Op),
			Timeout: duration(a.Power.Timeout)},
		Deleted: a.Deleted,
		Known:   &agentv1.Known{Files: a.Known.Files, OutcomeGeneration: a.Known.Outcome},

		Configuration: a.Configuration, Discarded: slices.Clone(a.Discarded),
		Registered: registration(a.Registered), Released: a.Released,
	}
}

// registration returns nil for nil.
func registration(r *dc.Registration) *agentv1.Registration {
	if r == nil {
		return nil
	}
	return &agentv1.Registration{Owner: string(r.Owner)}
}

func fromRegistration(r *agentv1.Registration) *dc.Registration {
	if r == nil {
		return nil
	}
	return &dc.Registration{Owner: dc.VirtualMachineID(r.Owner)}
}

// FromMachineAssignment returns the assignment that a carries. The kind Unsupported means that a newer manager asks for
// something that this program doesn't know; Invalid, that a names no machine.
func FromMachineAssignment(a *agentv1.MachineAssignment) (dc.Assignment, error) {
	op := dc.PowerOp(a.GetPower().GetOp())
	m, err := FromMachine(a.GetMachine())
	if err != nil {
		return dc.Assignment{}, err
	}
	if op != "" && !slices.Contains(dc.PowerOps(), op) {
		return dc.Assignment{}, dc.Errorf(dc.Unsupported, "no power operation %q", op).
			On(dc.Describe(dc.KindVirtualMachine, m.Name)).Fix("upgrade this host")
	}
	return dc.Assignment{
		Revision: a.Revision,
		Machine:  m,
		Power:    dc.PowerRequest{Generation: a.GetPower().GetGeneration(), Op: op, Timeout: a.GetPower().GetTimeout().AsDuration()},
		Deleted:  a.Deleted,
		Known:    dc.Known{Files: a.GetKnown().GetFiles(), Outcome: a.GetKnown().GetOutcomeGeneration()},

		Configuration: a.Configuration, Discarded: slices.Clone(a.Discarded),
		Registered: fromRegistration(a.Registered), Released: a.Released,
	}, nil
}

// Machine returns m for the wire. Where an agent of protocol 2 can execute it, its hardware is there in that protocol's form, too.
func Machine(m dc.Machine) *agentv1.Machine {
	out := &agentv1.Machine{Id: string(m.ID), Name: m.Name, Datastore: string(m.Datastore), Folder: m.Folder, Hardware: Hardware(m.Hardware),
		Variables: m.Variables, Resources: resources(m.Resources), Config: m.Config, Annotation: m.Annotation}
	for id, name := range m.Names {
		if out.Names == nil {
			out.Names = make(map[string]string, len(m.Names))
		}
		out.Names[string(id)] = name
	}
	for _, p := range m.Pools {
		out.Pools = append(out.Pools, &agentv1.PoolShare{Id: string(p.ID), Config: resources(p.Config)})
	}
	old, ok := classic(m.Hardware, m.Folder)
	if !ok {
		return out
	}
	out.Uuid, out.GuestId, out.Firmware, out.Cpus, out.MemoryMb = old.UUID, old.GuestID, string(old.Firmware), int32(old.CPUs), old.MemoryMB
	for _, d := range old.Disks {
		out.Disks = append(out.Disks, &agentv1.Disk{Key: d.Key, CapacityBytes: d.CapacityBytes, Image: d.Image})
	}
	for _, n := range old.NICs {
		out.Nics = append(out.Nics, &agentv1.NIC{Key: n.Key, Mac: n.MAC, PortGroup: string(n.PortGroup)})
	}
	return out
}

// FromMachine returns the machine that m carries. The kind Invalid means that m names none.
func FromMachine(m *agentv1.Machine) (dc.Machine, error) {
	if dc.ID(m.GetId()).Kind() != dc.KindVirtualMachine {
		return dc.Machine{}, dc.Errorf(dc.Invalid, "no virtual machine is named: %q", m.GetId())
	}
	out := dc.Machine{ID: dc.VirtualMachineID(m.Id), Name: m.Name, Datastore: dc.DatastoreID(m.Datastore), Folder: m.Folder,
		Variables: m.Variables, Resources: fromResources(m.Resources), Config: m.Config, Annotation: m.Annotation}
	for id, name := range m.Names {
		if out.Names == nil {
			out.Names = make(map[dc.ID]string, len(m.Names))
		}
		out.Names[dc.ID(id)] = name
	}
	if len(m.Pools) > dc.MaxPoolDepth {
		return dc.Machine{}, dc.Errorf(dc.Invalid, "%d resource pools are nested", len(m.Pools))
	}
	for _, p := range m.Pools {
		if dc.ID(p.Id).Kind() != dc.KindResourcePool {
			return dc.Machine{}, dc.Errorf(dc.Invalid, "no resource pool is named: %q", p.Id)
		}
		out.Pools = append(out.Pools, dc.PoolShare{ID: dc.ResourcePoolID(p.Id), Config: fromResources(p.Config)})
	}
	if m.Hardware != nil {
		out.Hardware = FromHardware(m.Hardware)
		return out, nil
	}
	old := dc.Hardware{UUID: m.Uuid, GuestID: m.GuestId, Firmware: dc.Firmware(m.Firmware), CPUs: int(m.Cpus), MemoryMB: m.MemoryMb}
	for _, d := range m.Disks {
		old.Disks = append(old.Disks, dc.Disk{Key: d.Key, CapacityBytes: d.CapacityBytes, Image: d.Image})
	}
	for _, n := range m.Nics {
		old.NICs = append(old.NICs, dc.NIC{Key: n.Key, MAC: n.Mac, PortGroup: dc.PortGroupID(n.PortGroup)})
	}
	out.Hardware = dc.UpgradeHardware(old, m.Folder)
	return out, nil
}

// SpeaksMachine reports whether an agent of that version of the protocol, with those features, can be given the machine.
func SpeaksMachine(protocol int32, features []dc.HostFeature, m dc.Machine) bool {
	if protocol >= 3 {
		return dc.HasAll(features, m.Features())
	}
	_, ok := classic(m.Hardware, m.Folder)
	return ok
}

// MachineStatus returns s for the wire.
func MachineStatus(s dc.VirtualMachineStatus) *agentv1.MachineStatus {
	return &agentv1.MachineStatus{
		Files: string(s.Files), FilesFailure: Failure(s.FilesFailure), Power: string(s.Power), Paused: Failure(s.Paused),
		OutcomeGeneration: s.Outcome.Generation, OutcomeFailure: Failure(s.Outcome.Failure), Fault: Failure(s.Fault),
		Blocked: Failure(s.Blocked), Booted: Time(s.Booted), Unenforced: slices.Clone(s.Unenforced),
		Guest: &agentv1.Guest{AgentRunning: s.Guest.AgentRunning, Hostname: s.Guest.Hostname, Os: s.Guest.OS,
			Addresses: slices.Clone(s.Guest.Addresses)},
		Configured: s.Configured.Generation, ConfigurationFailure: Failure(s.Configured.Failure),
		Differences: slices.Clone(s.Differences), Restarted: Time(s.Restarted),
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
		Unenforced: slices.Clone(s.GetUnenforced()),
		Guest: dc.Guest{AgentRunning: g.GetAgentRunning(), Hostname: g.GetHostname(), OS: g.GetOs(),
			Addresses: slices.Clone(g.GetAddresses())},
		Configured:  dc.ConfigurationOutcome{Generation: s.GetConfigured(), Failure: FromFailure(s.GetConfigurationFailure())},
		Differences: slices.Clone(s.GetDifferences()), Restarted: fromTime(s.GetRestarted()),
	}
	switch out.Files {
	case "", dc.FilesReady, dc.FilesFailed, dc.FilesMissing, dc.FilesRemoved, dc.FilesReleased:
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
