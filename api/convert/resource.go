package convert

import (
	"hanok/api/hanok/agent/v1"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// resources returns c for a host, and nil for the defaults.
func resources(c dc.ResourceConfig) *agentv1.ResourceConfig {
	if c == (dc.ResourceConfig{}) {
		return nil
	}
	return &agentv1.ResourceConfig{Cpu: allocation(c.CPU), Memory: allocation(c.Memory)}
}

func allocation(a dc.Allocation) *agentv1.Allocation {
	return &agentv1.Allocation{SharesLevel: string(a.Level), Shares: a.Shares, Reservation: a.Reservation, Limit: a.Limit, Expandable: a.Expandable}
}

func fromResources(c *agentv1.ResourceConfig) dc.ResourceConfig {
	return dc.ResourceConfig{CPU: fromAllocation(c.GetCpu()), Memory: fromAllocation(c.GetMemory())}
}

func fromAllocation(a *agentv1.Allocation) dc.Allocation {
	return dc.Allocation{Level: dc.ShareLevel(a.GetSharesLevel()), Shares: a.GetShares(), Reservation: a.GetReservation(), Limit: a.GetLimit(),
		Expandable: a.GetExpandable()}
}

// ResourceAllocation returns one resource's allocation for the wire; shares is what its level stands for.
func ResourceAllocation(a dc.Allocation, shares int64) *hanokv1.ResourceAllocation {
	out := &hanokv1.ResourceAllocation{SharesLevel: string(a.Level), Shares: shares, Reservation: a.Reservation, Limit: a.Limit,
		ExpandableReservation: a.Expandable}
	if out.SharesLevel == "" {
		out.SharesLevel = string(dc.SharesNormal)
	}
	if out.Limit == 0 {
		out.Limit = -1
	}
	return out
}

// FromResourceChange returns the change that both halves carry; nil changes nothing.
func FromResourceChange(cpu, memory *hanokv1.ResourceAllocationChange) dc.ResourceChange {
	return dc.ResourceChange{CPU: fromAllocationChange(cpu), Memory: fromAllocationChange(memory)}
}

func fromAllocationChange(c *hanokv1.ResourceAllocationChange) dc.AllocationChange {
	if c == nil {
		return dc.AllocationChange{}
	}
	return dc.AllocationChange{Level: (*dc.ShareLevel)(c.SharesLevel), Shares: c.Shares, Reservation: c.Reservation, Limit: c.Limit,
		Expandable: c.ExpandableReservation}
}

// ResourceAmount returns a quantity of both resources for the wire.
func ResourceAmount(a dc.Amount) *hanokv1.ResourceAmount {
	return &hanokv1.ResourceAmount{CpuMhz: a.CPUMHz, MemoryMb: a.MemoryMB}
}
