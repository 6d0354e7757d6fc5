package model

import (
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

var host = map[string]prop{
	"runtime":  of(func(_ *Picture, h *dc.Host) any { return hostRuntime(h) }),
	"summary":  of(func(p *Picture, h *dc.Host) any { return p.hostSummary(h) }, Alarms),
	"hardware": of(func(_ *Picture, h *dc.Host) any { return hostHardware(h) }),
	"config":   of(func(_ *Picture, h *dc.Host) any { return hostConfig(h) }),
	"capability": of(func(*Picture, *dc.Host) any {
		return types.HostCapability{MaintenanceModeSupported: true}
	}),
	"configManager": of(func(*Picture, *dc.Host) any { return types.HostConfigManager{} }),
	"vm":            list(func(p *Picture, h *dc.Host) []Ref { return refs(p, p.view.OnHost(h.ID)) }, Machines),
	"datastore":     list(func(p *Picture, h *dc.Host) []Ref { return refs(p, p.view.DatastoresOf(h.ID)) }),
	"network":       list(func(p *Picture, h *dc.Host) []Ref { return p.networksAround(dc.ID(h.ID)) }),
	"datastoreBrowser": of(func(_ *Picture, h *dc.Host) any {
		return Ref{Type: "HostDatastoreBrowser", Value: "browser-" + string(h.ID)}
	}),
}

// connectionState returns the API's word for how the manager is connected to a host.
func connectionState(h *dc.Host) types.HostSystemConnectionState {
	if h.Spec.Disconnected {
		return types.HostSystemConnectionStateDisconnected
	}
	switch h.Status.Connection {
	case dc.Connected:
		return types.HostSystemConnectionStateConnected
	case dc.Disconnected:
		return types.HostSystemConnectionStateDisconnected
	}
	return types.HostSystemConnectionStateNotResponding
}

func hostRuntime(h *dc.Host) types.HostRuntimeInfo {
	power := types.HostSystemPowerStatePoweredOn
	if connectionState(h) != types.HostSystemConnectionStateConnected {
		power = types.HostSystemPowerStateUnknown
	}
	return types.HostRuntimeInfo{
		ConnectionState: connectionState(h), PowerState: power, InMaintenanceMode: h.Spec.Maintenance == dc.InMaintenance,
		StandbyMode: string(types.HostStandbyModeNone),
	}
}

func cores(h *dc.Host) int16 {
	if h.Status.CPUCores > 0 {
		return int16(h.Status.CPUCores)
	}
	return int16(h.Status.CPUs)
}

func product(h *dc.Host) *types.AboutInfo {
	return &types.AboutInfo{
		Name: "VMware ESXi", FullName: "Hanok " + h.Status.Version + " on " + h.Status.OS, Vendor: "Hanok", Version: APIVersion, Build: "0",
		OsType: "linux-x64", ProductLineId: "embeddedEsx", ApiType: "HostAgent", ApiVersion: APIVersion,
	}
}

func (p *Picture) hostSummary(h *dc.Host) types.HostListSummary {
	ref, runtime := refOf(h), hostRuntime(h)
	return types.HostListSummary{
		Host: &ref, Runtime: &runtime, OverallStatus: p.status(dc.ID(h.ID)),
		Hardware: &types.HostHardwareSummary{
			Vendor: "Hanok", Model: h.Status.Hypervisor.Name, Uuid: uuidOf(h), MemorySize: h.Status.MemoryMB << 20, CpuModel: h.Status.CPUModel,
			CpuMhz: int32(h.Status.CPUMHz), NumCpuPkgs: 1, NumCpuCores: cores(h), NumCpuThreads: int16(h.Status.CPUs),
		},
		Config: types.HostConfigSummary{Name: h.Name, Product: product(h)},
	}
}

func hostHardware(h *dc.Host) types.HostHardwareInfo {
	return types.HostHardwareInfo{
		SystemInfo: types.HostSystemInfo{Vendor: "Hanok", Model: h.Status.Hypervisor.Name, Uuid: uuidOf(h)},
		CpuInfo:    types.HostCpuInfo{NumCpuPackages: 1, NumCpuCores: cores(h), NumCpuThreads: int16(h.Status.CPUs), Hz: h.Status.CPUMHz * 1_000_000},
		MemorySize: h.Status.MemoryMB << 20,
	}
}

func hostConfig(h *dc.Host) types.HostConfigInfo {
	return types.HostConfigInfo{Host: refOf(h), Product: *product(h)}
}

// uuidOf returns a host's identifier in the form of a BIOS UUID, which its own need not be unique.
func uuidOf(h *dc.Host) string { return UUID(string(h.ID)) }
