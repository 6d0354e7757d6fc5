package model

import (
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

var computeResource = map[string]prop{
	"resourcePool": of(func(p *Picture, c *dc.Cluster) any { return p.ref(dc.ID(c.RootPool)) }),
	"host":         list(func(p *Picture, c *dc.Cluster) []Ref { return refs(p, p.view.Children(dc.KindHost, dc.ID(c.ID))) }, Children),
	"datastore":    list(func(p *Picture, c *dc.Cluster) []Ref { return p.datastoresOfHosts(c) }, Children),
	"network":      list(func(p *Picture, c *dc.Cluster) []Ref { return p.networksAround(dc.ID(c.ID)) }),
	"environmentBrowser": of(func(_ *Picture, c *dc.Cluster) any {
		return Ref{Type: "EnvironmentBrowser", Value: "envbrowser-" + string(c.ID)}
	}),
	// What the hosts are like changes by itself.
	"summary": {value: func(p *Picture, o dc.Object) any { return p.computeSummary(o.(*dc.Cluster)) }, each: true},
	"configurationEx": of(func(_ *Picture, c *dc.Cluster) any {
		if c.Standalone {
			return types.ComputeResourceConfigInfo{VmSwapPlacement: string(types.VirtualMachineConfigInfoSwapPlacementTypeVmDirectory)}
		}
		return clusterConfig()
	}),
}

var cluster = map[string]prop{
	"configuration": of(func(*Picture, *dc.Cluster) any {
		c := clusterConfig()
		return types.ClusterConfigInfo{DasConfig: c.DasConfig, DrsConfig: c.DrsConfig}
	}),
}

// clusterConfig says that there is neither HA nor DRS yet, with the structures that clients expect to be there.
func clusterConfig() types.ClusterConfigInfoEx {
	return types.ClusterConfigInfoEx{
		ComputeResourceConfigInfo: types.ComputeResourceConfigInfo{VmSwapPlacement: string(types.VirtualMachineConfigInfoSwapPlacementTypeVmDirectory)},
		DasConfig: types.ClusterDasConfigInfo{
			Enabled: types.NewBool(false), VmMonitoring: string(types.ClusterDasConfigInfoVmMonitoringStateVmMonitoringDisabled),
			HostMonitoring: string(types.ClusterDasConfigInfoServiceStateDisabled), AdmissionControlEnabled: types.NewBool(false),
		},
		DrsConfig: types.ClusterDrsConfigInfo{Enabled: types.NewBool(false), DefaultVmBehavior: types.DrsBehaviorManual},
	}
}

func (p *Picture) datastoresOfHosts(c *dc.Cluster) []Ref {
	seen := map[dc.DatastoreID]bool{}
	out := []Ref{}
	for h := range all[*dc.Host](p.view.Children(dc.KindHost, dc.ID(c.ID))) {
		for d := range p.view.DatastoresOf(h.ID) {
			if !seen[d.ID] && p.sees(d) {
				seen[d.ID] = true
				out = append(out, refOf(d))
			}
		}
	}
	return out
}

// networksAround returns the networks of the data center in which an object stands: each host has every one.
func (p *Picture) networksAround(id dc.ID) []Ref {
	d := p.DatacenterOf(id)
	if d == nil {
		return []Ref{}
	}
	return p.within(dc.KindPortGroup, dc.ID(d.ID))
}

func (p *Picture) computeSummary(c *dc.Cluster) any {
	s := types.ComputeResourceSummary{OverallStatus: p.status(dc.ID(c.ID))}
	for h := range all[*dc.Host](p.view.Children(dc.KindHost, dc.ID(c.ID))) {
		s.NumHosts++
		s.NumCpuThreads += int16(h.Status.CPUs)
		s.NumCpuCores += int16(cores(h))
		s.TotalCpu += int32(int64(cores(h)) * h.Status.CPUMHz)
		s.TotalMemory += h.Status.MemoryMB << 20
		if h.Status.Connection == dc.Connected && h.Spec.Maintenance == "" {
			s.NumEffectiveHosts++
			s.EffectiveCpu += int32(int64(cores(h)) * h.Status.CPUMHz)
			s.EffectiveMemory += h.Status.MemoryMB - h.Status.ReservedMemoryMB
		}
	}
	if c.Standalone {
		return s
	}
	return types.ClusterComputeResourceSummary{ComputeResourceSummary: s}
}

var pool = map[string]prop{
	"owner": of(func(p *Picture, r *dc.ResourcePool) any { return p.ref(p.clusterOf(r)) }),
	"resourcePool": list(func(p *Picture, r *dc.ResourcePool) []Ref {
		return refs(p, p.view.Children(dc.KindResourcePool, dc.ID(r.ID)))
	}, Children),
	"vm": list(func(p *Picture, r *dc.ResourcePool) []Ref {
		return p.machinesThat(func(vm *dc.VirtualMachine) bool { return vm.Spec.Pool == r.ID })
	}, Machines),
	"config": of(func(p *Picture, r *dc.ResourcePool) any { return p.poolConfig(r) }),
	// What is reserved changes by itself.
	"summary": {each: true, value: func(p *Picture, o dc.Object) any {
		r := o.(*dc.ResourcePool)
		return types.ResourcePoolSummary{Name: r.Name, Config: p.poolConfig(r), Runtime: p.poolRuntime(r)}
	}},
	"runtime": {each: true, value: func(p *Picture, o dc.Object) any { return p.poolRuntime(o.(*dc.ResourcePool)) }},
}

// clusterOf returns the compute resource that a resource pool divides.
func (p *Picture) clusterOf(r *dc.ResourcePool) dc.ID {
	id := r.Parent
	for id.Kind() == dc.KindResourcePool {
		id = parentOf(p.view, id)
	}
	return id
}

// poolConfig returns what a pool may have. A root pool has what its hosts have.
func (p *Picture) poolConfig(r *dc.ResourcePool) types.ResourceConfigSpec {
	ref, config := refOf(r), r.Config
	if r.Root() {
		config = dc.DefaultPoolConfig()
		cpu, memory := p.capacity(r)
		config.CPU.Reservation, config.CPU.Limit = cpu, cpu
		config.Memory.Reservation, config.Memory.Limit = memory, memory
	}
	cpu, memory := config.PoolShares()
	return types.ResourceConfigSpec{
		Entity: &ref, ChangeVersion: version(r.Revision),
		CpuAllocation: allocation(config.CPU, cpu, true), MemoryAllocation: allocation(config.Memory, memory, true),
		ScaleDescendantsShares: string(types.ResourceConfigSpecScaleSharesBehaviorDisabled),
	}
}

// capacity returns the MHz and MB of the hosts that a pool's compute resource has.
func (p *Picture) capacity(r *dc.ResourcePool) (cpu, memory int64) {
	for h := range all[*dc.Host](p.view.Children(dc.KindHost, p.clusterOf(r))) {
		cpu += int64(cores(h)) * h.Status.CPUMHz
		memory += h.Status.MemoryMB - h.Status.ReservedMemoryMB
	}
	return cpu, memory
}

// poolRuntime says what is reserved in a pool. What machines use at the moment is in the statistics.
func (p *Picture) poolRuntime(r *dc.ResourcePool) types.ResourcePoolRuntimeInfo {
	if p.pools == nil {
		p.pools = p.feed.state.Pools()
	}
	now := p.pools[r.ID]
	config := p.poolConfig(r)
	cpu, memory := p.capacity(r)
	usage := func(used, unreserved, limit, capacity, unit int64) types.ResourcePoolResourceUsage {
		if limit < 0 {
			limit = capacity
		}
		return types.ResourcePoolResourceUsage{
			ReservationUsed: used * unit, ReservationUsedForVm: used * unit, UnreservedForPool: unreserved * unit, UnreservedForVm: unreserved * unit,
			MaxUsage: min(limit, capacity) * unit,
		}
	}
	return types.ResourcePoolRuntimeInfo{
		OverallStatus: p.status(dc.ID(r.ID)),
		Cpu:           usage(now.ReservationUsed.CPUMHz, now.Unreserved.CPUMHz, *config.CpuAllocation.Limit, cpu, 1),
		Memory:        usage(now.ReservationUsed.MemoryMB, now.Unreserved.MemoryMB, *config.MemoryAllocation.Limit, memory, 1<<20),
	}
}

// allocation returns what somebody gets of one resource, as the API writes it.
func allocation(a dc.Allocation, shares int64, pool bool) types.ResourceAllocationInfo {
	level := a.Level
	if level == "" {
		level = dc.SharesNormal
	}
	limit := a.Limit
	if limit == 0 {
		limit = -1
	}
	return types.ResourceAllocationInfo{
		Reservation: types.NewInt64(a.Reservation), Limit: types.NewInt64(limit), ExpandableReservation: types.NewBool(pool && a.Expandable),
		Shares: &types.SharesInfo{Shares: int32(shares), Level: types.SharesLevel(level)},
	}
}
