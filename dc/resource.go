package dc

import (
	"fmt"
	"slices"
)

// ShareLevel is a size of shares that users need not count.
type ShareLevel string

// The levels, by vSphere's names. The empty one is SharesNormal.
const (
	SharesLow    ShareLevel = "low"
	SharesNormal ShareLevel = "normal"
	SharesHigh   ShareLevel = "high"
	SharesCustom ShareLevel = "custom" // the number in Allocation.Shares
)

// ShareLevels returns every level, in a fixed order.
func ShareLevels() []ShareLevel {
	return []ShareLevel{SharesLow, SharesNormal, SharesHigh, SharesCustom}
}

// The bounds that vSphere gives to a number of shares.
const (
	MinShares = 1
	MaxShares = 1_000_000
)

// Allocation is how much of one resource, CPU in MHz or memory in MB, somebody gets: vSphere's ResourceAllocationInfo. The
// zero value is normal shares, nothing reserved and no limit.
type Allocation struct {
	Level ShareLevel `json:"level,omitempty"`
	// Shares is for SharesCustom only. It says how much of what is short its holder gets beside its neighbours.
	Shares int64 `json:"shares,omitempty"`
	// Reservation is kept free for its holder.
	Reservation int64 `json:"reservation,omitempty"`
	// Limit is never exceeded; 0 is none, which vSphere and the contracts write as -1.
	Limit int64 `json:"limit,omitempty"`
	// Expandable lets a resource pool reserve more than its own reservation, out of its parent's. Machines have none.
	Expandable bool `json:"expandable,omitempty"`
}

// ResourceConfig is what a machine or a resource pool gets of both resources.
type ResourceConfig struct {
	CPU    Allocation `json:"cpu,omitzero"`
	Memory Allocation `json:"memory,omitzero"`
}

// DefaultPoolConfig is that of a new pool of which nothing else is said.
func DefaultPoolConfig() ResourceConfig {
	return ResourceConfig{CPU: Allocation{Expandable: true}, Memory: Allocation{Expandable: true}}
}

// The shares of each level, vSphere's: of a virtual CPU, of a megabyte of a machine's memory, and of a resource pool.
var (
	cpuShares        = map[ShareLevel]int64{SharesLow: 500, SharesNormal: 1000, SharesHigh: 2000}
	memoryShares     = map[ShareLevel]int64{SharesLow: 5, SharesNormal: 10, SharesHigh: 20}
	poolCPUShares    = map[ShareLevel]int64{SharesLow: 2000, SharesNormal: 4000, SharesHigh: 8000}
	poolMemoryShares = map[ShareLevel]int64{SharesLow: 81920, SharesNormal: 163840, SharesHigh: 327680}
)

// MachineShares returns the shares of a machine in number.
func (c ResourceConfig) MachineShares(h Hardware) (cpu, memory int64) {
	return c.CPU.shares(cpuShares, int64(h.CPUs)), c.Memory.shares(memoryShares, h.MemoryMB)
}

// PoolShares returns the shares of a resource pool in number.
func (c ResourceConfig) PoolShares() (cpu, memory int64) {
	return c.CPU.shares(poolCPUShares, 1), c.Memory.shares(poolMemoryShares, 1)
}

func (a Allocation) shares(levels map[ShareLevel]int64, size int64) int64 {
	switch a.Level {
	case SharesCustom:
		return a.Shares
	case "":
		return levels[SharesNormal] * size
	}
	return levels[a.Level] * size
}

// CheckMachineResources returns nil where a machine with the hardware may have the configuration, else an error of kind
// Invalid that names the field. It names no object.
func CheckMachineResources(c ResourceConfig, h Hardware) error {
	for _, r := range []struct {
		name string
		a    Allocation
	}{{"cpu", c.CPU}, {"memory", c.Memory}} {
		if err := r.a.check(r.name); err != nil {
			return err
		}
		if r.a.Expandable {
			return badField(r.name+".expandableReservation", "a virtual machine's reservation is not expandable",
				"leave it out: it is a resource pool's")
		}
	}
	if c.Memory.Reservation > h.MemoryMB {
		return badField("memory.reservation", fmt.Sprintf("%d MB are more than its memory", c.Memory.Reservation),
			fmt.Sprintf("give 0 to %d MB", h.MemoryMB))
	}
	return nil
}

// CheckPoolResources is CheckMachineResources for a resource pool that is no root.
func CheckPoolResources(c ResourceConfig) error {
	if err := c.CPU.check("cpu"); err != nil {
		return err
	}
	return c.Memory.check("memory")
}

// maxAmount is more MHz or MB than any cluster has, and far from where sums overflow.
const maxAmount = 1 << 40

func (a Allocation) check(name string) error {
	switch {
	case a.Level != "" && !slices.Contains(ShareLevels(), a.Level):
		return badField(name+".shares.level", fmt.Sprintf("%q is no level", a.Level), fmt.Sprintf("give one of %q", ShareLevels()))
	case a.Level == SharesCustom && (a.Shares < MinShares || a.Shares > MaxShares):
		return badField(name+".shares.shares", fmt.Sprintf("%d is out of range", a.Shares), fmt.Sprintf("give %d to %d", MinShares, MaxShares))
	case a.Level != SharesCustom && a.Shares != 0:
		return badField(name+".shares.shares", "a number goes with the level custom only", `give the level "custom", or no number`)
	case a.Reservation < 0 || a.Reservation > maxAmount:
		return badField(name+".reservation", fmt.Sprintf("%d is out of range", a.Reservation), "give 0 for none, or more")
	case a.Limit < 0 || a.Limit > maxAmount:
		return badField(name+".limit", fmt.Sprintf("%d is out of range", a.Limit), "give 1 or more, or -1 for none")
	case a.Limit != 0 && a.Limit < a.Reservation:
		return badField(name+".limit", fmt.Sprintf("%d is less than the reservation of %d", a.Limit, a.Reservation),
			"give at least the reservation, or -1 for none")
	}
	return nil
}

// Amount is a quantity of both resources.
type Amount struct {
	CPUMHz   int64 `json:"cpuMHz,omitempty"`
	MemoryMB int64 `json:"memoryMB,omitempty"`
}

// Plus returns the sum.
func (a Amount) Plus(b Amount) Amount { return Amount{a.CPUMHz + b.CPUMHz, a.MemoryMB + b.MemoryMB} }

// Minus returns the difference, which may be negative.
func (a Amount) Minus(b Amount) Amount { return Amount{a.CPUMHz - b.CPUMHz, a.MemoryMB - b.MemoryMB} }

// Insufficient is the cause of an error of kind Exhausted that is about a reservation: vSphere's
// InsufficientCpuResourcesFault and InsufficientMemoryResourcesFault, with what they tell.
type Insufficient struct {
	// Memory is set for memory, in MB; otherwise it is about CPU, in MHz.
	Memory                bool
	Requested, Unreserved int64
}

// Error implements error.
func (e *Insufficient) Error() string {
	if e.Memory {
		return fmt.Sprintf("%d MB of memory are requested, and %d MB are unreserved", e.Requested, e.Unreserved)
	}
	return fmt.Sprintf("%d MHz of CPU are requested, and %d MHz are unreserved", e.Requested, e.Unreserved)
}

// within returns nil where unreserved holds what is requested, else an error of kind Exhausted with the remedy and an *Insufficient
// as its cause. Who asks for nothing gets it even where too much has been given.
func within(requested, unreserved Amount, remedy string) error {
	for _, i := range []*Insufficient{
		{false, requested.CPUMHz, unreserved.CPUMHz}, {true, requested.MemoryMB, unreserved.MemoryMB},
	} {
		if i.Requested > 0 && i.Requested > i.Unreserved {
			i.Unreserved = max(i.Unreserved, 0)
			return &Error{Kind: Exhausted, Message: i.Error(), Err: i, Remedy: remedy}
		}
	}
	return nil
}

// AllocationChange says what of an allocation is to change; nil leaves it as it is.
type AllocationChange struct {
	Level *ShareLevel
	// Shares makes the level SharesCustom where Level is nil.
	Shares, Reservation *int64
	// Limit is -1 for none.
	Limit      *int64
	Expandable *bool
}

// ResourceChange says what of a configuration is to change.
type ResourceChange struct{ CPU, Memory AllocationChange }

// Apply returns c with the change. The error is of kind Invalid for a limit that stands for nothing; what else can't be is for
// CheckMachineResources and CheckPoolResources to refuse.
func (r ResourceChange) Apply(c ResourceConfig) (ResourceConfig, error) {
	var err error
	if c.CPU, err = r.CPU.apply("cpu", c.CPU); err == nil {
		c.Memory, err = r.Memory.apply("memory", c.Memory)
	}
	return c, err
}

func (r AllocationChange) apply(name string, a Allocation) (Allocation, error) {
	switch {
	case r.Level != nil:
		a.Level, a.Shares = *r.Level, 0
		if r.Shares != nil {
			a.Shares = *r.Shares
		}
	case r.Shares != nil:
		a.Level, a.Shares = SharesCustom, *r.Shares
	}
	if r.Reservation != nil {
		a.Reservation = *r.Reservation
	}
	if r.Limit != nil {
		a.Limit = *r.Limit
		switch {
		case a.Limit == -1:
			a.Limit = 0
		case a.Limit < 1:
			return a, badField(name+".limit", fmt.Sprintf("%d is out of range", a.Limit), "give 1 or more, or -1 for none")
		}
	}
	if r.Expandable != nil {
		a.Expandable = *r.Expandable
	}
	return a, nil
}
