package model

import (
	"fmt"
	"strconv"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

var machine = map[string]prop{
	"config":         of(func(p *Picture, vm *dc.VirtualMachine) any { return p.machineConfig(vm) }),
	"runtime":        of(func(p *Picture, vm *dc.VirtualMachine) any { return p.runtime(vm) }),
	"guest":          of(func(_ *Picture, vm *dc.VirtualMachine) any { return guestInfo(vm) }),
	"summary":        of(func(p *Picture, vm *dc.VirtualMachine) any { return p.machineSummary(vm) }, Alarms),
	"capability":     of(func(_ *Picture, vm *dc.VirtualMachine) any { return capability(vm) }),
	"resourceConfig": of(func(_ *Picture, vm *dc.VirtualMachine) any { return resourceConfig(vm) }),
	"resourcePool":   of(func(p *Picture, vm *dc.VirtualMachine) any { return anyRef(p.refOr(dc.ID(vm.Spec.Pool))) }),
	"environmentBrowser": of(func(p *Picture, vm *dc.VirtualMachine) any {
		return Ref{Type: "EnvironmentBrowser", Value: "envbrowser-" + string(p.computeOf(vm))}
	}),
	"datastore": list(func(p *Picture, vm *dc.VirtualMachine) []Ref {
		of := datastoresOf(vm)
		return refs(p, func(yield func(dc.Object) bool) {
			for id := range of {
				if o := p.view.Object(dc.ID(id)); o != nil && !yield(o) {
					return
				}
			}
		})
	}),
	"network": list(func(p *Picture, vm *dc.VirtualMachine) []Ref {
		seen := map[dc.PortGroupID]bool{}
		return refs(p, func(yield func(dc.Object) bool) {
			for _, n := range vm.Spec.Hardware.NICs {
				o := p.view.Object(dc.ID(n.PortGroup))
				if o == nil || seen[n.PortGroup] {
					continue
				}
				seen[n.PortGroup] = true
				if !yield(o) {
					return
				}
			}
		})
	}),
	"storage":              of(func(p *Picture, vm *dc.VirtualMachine) any { return p.storageInfo(vm) }),
	"layoutEx":             of(func(p *Picture, vm *dc.VirtualMachine) any { return p.layout(vm) }),
	"guestHeartbeatStatus": of(func(_ *Picture, vm *dc.VirtualMachine) any { return heartbeat(vm) }),
}

// computeOf returns the compute resource that a machine is in.
func (p *Picture) computeOf(vm *dc.VirtualMachine) dc.ID {
	if h, ok := p.view.Object(dc.ID(vm.Spec.Host)).(*dc.Host); ok {
		return h.Parent
	}
	if r, ok := p.view.Object(dc.ID(vm.Spec.Pool)).(*dc.ResourcePool); ok {
		return p.clusterOf(r)
	}
	return ""
}

func version(revision int64) string { return strconv.FormatInt(revision, 10) }

// path returns a file as the API writes it: "[datastore] folder/file".
func (p *Picture) path(ds dc.DatastoreID, file string) string {
	if ds == "" {
		return ""
	}
	return fmt.Sprintf("[%s] %s", p.name(dc.ID(ds)), file)
}

// ConfigFile returns a machine's .vmx.
func (p *Picture) ConfigFile(vm *dc.VirtualMachine) string {
	if vm.Spec.Datastore == "" {
		return ""
	}
	config := vm.Spec.Config
	if config == "" {
		config = vm.Spec.Folder + ".vmx"
	}
	return p.path(vm.Spec.Datastore, vm.Spec.Folder+"/"+config)
}

// PowerState returns the API's word for the power that a machine has.
func PowerState(vm *dc.VirtualMachine) types.VirtualMachinePowerState {
	if vm.Status.Power == "" {
		return types.VirtualMachinePowerStatePoweredOff
	}
	return types.VirtualMachinePowerState(vm.Status.Power)
}

func (p *Picture) runtime(vm *dc.VirtualMachine) types.VirtualMachineRuntimeInfo {
	r := types.VirtualMachineRuntimeInfo{
		Host: p.refOr(dc.ID(vm.Spec.Host)), ConnectionState: types.VirtualMachineConnectionStateConnected, PowerState: PowerState(vm),
		FaultToleranceState: types.VirtualMachineFaultToleranceStateNotConfigured, RecordReplayState: types.VirtualMachineRecordReplayStateInactive,
		MaxMemoryUsage: int32(vm.Spec.Hardware.MemoryMB),
	}
	if h, ok := p.view.Object(dc.ID(vm.Spec.Host)).(*dc.Host); ok {
		r.MaxCpuUsage = int32(h.Status.CPUMHz * int64(vm.Spec.Hardware.CPUs))
		if h.Status.Connection != dc.Connected {
			r.ConnectionState = types.VirtualMachineConnectionStateDisconnected
		}
	}
	if vm.Status.Files == dc.FilesMissing {
		r.ConnectionState = types.VirtualMachineConnectionStateInaccessible
	}
	if !vm.Status.Booted.IsZero() {
		booted := vm.Status.Booted
		r.BootTime = &booted
	}
	return r
}

func guestInfo(vm *dc.VirtualMachine) types.GuestInfo {
	g := vm.Status.Guest
	info := types.GuestInfo{
		ToolsStatus: types.VirtualMachineToolsStatusToolsNotInstalled, ToolsVersionStatus: string(types.VirtualMachineToolsVersionStatusGuestToolsNotInstalled),
		ToolsVersionStatus2: string(types.VirtualMachineToolsVersionStatusGuestToolsNotInstalled), ToolsRunningStatus: string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning),
		GuestState: string(types.VirtualMachineGuestStateNotRunning), HostName: g.Hostname, GuestFullName: g.OS, GuestOperationsReady: types.NewBool(false),
		InteractiveGuestOperationsReady: types.NewBool(false), GuestStateChangeSupported: types.NewBool(g.AgentRunning), Net: []types.GuestNicInfo{},
	}
	if vm.HasPower() {
		info.GuestState = string(types.VirtualMachineGuestStateUnknown)
	}
	if g.AgentRunning {
		info.ToolsStatus, info.ToolsRunningStatus = types.VirtualMachineToolsStatusToolsOk, string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
		info.ToolsVersionStatus = string(types.VirtualMachineToolsVersionStatusGuestToolsUnmanaged)
		info.ToolsVersionStatus2, info.GuestState = info.ToolsVersionStatus, string(types.VirtualMachineGuestStateRunning)
		info.GuestId, info.GuestFamily = vm.Spec.Hardware.GuestID, familyOf(vm)
	}
	if len(g.Addresses) > 0 {
		info.IpAddress = g.Addresses[0]
	}
	return info
}

func familyOf(vm *dc.VirtualMachine) string {
	g, _ := dc.GuestSystemOf(vm.Spec.Hardware.GuestID)
	return string(g.Family)
}

func heartbeat(vm *dc.VirtualMachine) types.ManagedEntityStatus {
	if vm.Status.Guest.AgentRunning {
		return types.ManagedEntityStatusGreen
	}
	return types.ManagedEntityStatusGray
}

func (p *Picture) machineSummary(vm *dc.VirtualMachine) types.VirtualMachineSummary {
	ref, h, guest := refOf(vm), vm.Spec.Hardware, guestInfo(vm)
	system, _ := dc.GuestSystemOf(h.GuestID)
	return types.VirtualMachineSummary{
		Vm: &ref, Runtime: p.runtime(vm), OverallStatus: p.status(dc.ID(vm.ID)),
		Guest: &types.VirtualMachineGuestSummary{
			GuestId: guest.GuestId, GuestFullName: guest.GuestFullName, ToolsStatus: guest.ToolsStatus, ToolsVersionStatus: guest.ToolsVersionStatus,
			ToolsVersionStatus2: guest.ToolsVersionStatus2, ToolsRunningStatus: guest.ToolsRunningStatus, HostName: guest.HostName, IpAddress: guest.IpAddress,
		},
		Config: types.VirtualMachineConfigSummary{
			Name: vm.Name, Template: vm.Spec.Template, VmPathName: p.ConfigFile(vm), MemorySizeMB: int32(h.MemoryMB), NumCpu: int32(h.CPUs),
			CpuReservation: int32(vm.Spec.Resources.CPU.Reservation), MemoryReservation: int32(vm.Spec.Resources.Memory.Reservation),
			NumEthernetCards: int32(len(h.NICs)), NumVirtualDisks: int32(len(h.Disks)), Uuid: h.UUID, InstanceUuid: h.InstanceUUID,
			GuestId: h.GuestID, GuestFullName: system.Name, Annotation: vm.Spec.Annotation, HwVersion: hardwareVersion(h), TpmPresent: types.NewBool(h.TPM),
		},
		Storage:    &types.VirtualMachineStorageSummary{Committed: 0, Uncommitted: capacityOf(h), Timestamp: vm.Created},
		QuickStats: types.VirtualMachineQuickStats{GuestHeartbeatStatus: heartbeat(vm)},
	}
}

func hardwareVersion(h dc.Hardware) string { return fmt.Sprintf("vmx-%02d", h.Version) }

func capacityOf(h dc.Hardware) (bytes int64) {
	for _, d := range h.Disks {
		bytes += d.CapacityBytes
	}
	return bytes
}

func (p *Picture) machineConfig(vm *dc.VirtualMachine) types.VirtualMachineConfigInfo {
	h := vm.Spec.Hardware
	system, _ := dc.GuestSystemOf(h.GuestID)
	resources := resourceConfig(vm)
	created := vm.Created
	return types.VirtualMachineConfigInfo{
		ChangeVersion: version(vm.Revision), Modified: vm.Created, CreateDate: &created, Name: vm.Name, GuestFullName: system.Name, GuestId: h.GuestID,
		Version: hardwareVersion(h), Uuid: h.UUID, InstanceUuid: h.InstanceUUID, Template: vm.Spec.Template, Annotation: vm.Spec.Annotation,
		Firmware: string(h.Firmware), SwapPlacement: string(types.VirtualMachineConfigInfoSwapPlacementTypeInherit),
		Files: types.VirtualMachineFileInfo{
			VmPathName: p.ConfigFile(vm), SnapshotDirectory: p.path(vm.Spec.Datastore, vm.Spec.Folder+"/"), SuspendDirectory: p.path(vm.Spec.Datastore, vm.Spec.Folder+"/"),
			LogDirectory: p.path(vm.Spec.Datastore, vm.Spec.Folder+"/"),
		},
		Hardware: types.VirtualHardware{
			NumCPU: int32(h.CPUs), NumCoresPerSocket: types.NewInt32(int32(h.CoresPerSocket)), MemoryMB: int32(h.MemoryMB), VirtualICH7MPresent: types.NewBool(false),
			VirtualSMCPresent: types.NewBool(false), Device: p.devices(vm),
		},
		CpuAllocation: &resources.CpuAllocation, MemoryAllocation: &resources.MemoryAllocation,
		CpuHotAddEnabled: types.NewBool(h.CPUHotAdd), CpuHotRemoveEnabled: types.NewBool(h.CPUHotRemove), MemoryHotAddEnabled: types.NewBool(h.MemoryHotAdd),
		Flags: types.VirtualMachineFlagInfo{EnableLogging: types.NewBool(true), DiskUuidEnabled: types.NewBool(false), VirtualMmuUsage: "automatic", VirtualExecUsage: "hvAuto"},
		DefaultPowerOps: types.VirtualMachineDefaultPowerOpInfo{
			PowerOffType: "soft", SuspendType: "hard", ResetType: "soft", DefaultPowerOffType: "soft", DefaultSuspendType: "hard", DefaultResetType: "soft", StandbyAction: "checkpoint",
		},
		BootOptions: p.bootOptions(h), ExtraConfig: []types.BaseOptionValue{},
		Tools:              &types.ToolsConfigInfo{ToolsUpgradePolicy: "manual", AfterPowerOn: types.NewBool(true), AfterResume: types.NewBool(true), BeforeGuestStandby: types.NewBool(true), BeforeGuestShutdown: types.NewBool(true), SyncTimeWithHost: types.NewBool(false)},
		LatencySensitivity: &types.LatencySensitivity{Level: types.LatencySensitivitySensitivityLevelNormal},
	}
}

func resourceConfig(vm *dc.VirtualMachine) types.ResourceConfigSpec {
	ref := refOf(vm)
	cpu, memory := vm.Spec.Resources.MachineShares(vm.Spec.Hardware)
	return types.ResourceConfigSpec{
		Entity: &ref, ChangeVersion: version(vm.Revision),
		CpuAllocation: allocation(vm.Spec.Resources.CPU, cpu, false), MemoryAllocation: allocation(vm.Spec.Resources.Memory, memory, false),
	}
}

func capability(vm *dc.VirtualMachine) types.VirtualMachineCapability {
	return types.VirtualMachineCapability{
		SettingVideoRamSizeSupported: true,
		BootOptionsSupported:         true, SecureBootSupported: types.NewBool(vm.Spec.Hardware.Firmware == dc.EFI),
	}
}

func (p *Picture) storageInfo(vm *dc.VirtualMachine) types.VirtualMachineStorageInfo {
	info := types.VirtualMachineStorageInfo{Timestamp: vm.Created, PerDatastoreUsage: []types.VirtualMachineUsageOnDatastore{}}
	if vm.Spec.Datastore != "" {
		info.PerDatastoreUsage = append(info.PerDatastoreUsage, types.VirtualMachineUsageOnDatastore{
			Datastore: p.ref(dc.ID(vm.Spec.Datastore)), Uncommitted: capacityOf(vm.Spec.Hardware),
		})
	}
	return info
}

func (p *Picture) layout(vm *dc.VirtualMachine) any {
	if vm.Spec.Datastore == "" {
		return nil
	}
	out := types.VirtualMachineFileLayoutEx{Timestamp: vm.Created}
	add := func(file string, t types.VirtualMachineFileLayoutExFileType, size int64) int32 {
		key := int32(len(out.File))
		out.File = append(out.File, types.VirtualMachineFileLayoutExFileInfo{Key: key, Name: file, Type: string(t), Size: size, Accessible: types.NewBool(true)})
		return key
	}
	add(p.ConfigFile(vm), types.VirtualMachineFileLayoutExFileTypeConfig, 0)
	for _, d := range vm.Spec.Hardware.Disks {
		key := add(p.path(vm.Spec.Datastore, d.File), types.VirtualMachineFileLayoutExFileTypeDiskDescriptor, 0)
		out.Disk = append(out.Disk, types.VirtualMachineFileLayoutExDiskLayout{Key: d.Key, Chain: []types.VirtualMachineFileLayoutExDiskUnit{{FileKey: []int32{key}}}})
	}
	return out
}
