package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var poolColumns = []column[*hanokv1.ResourcePool]{
	{"Name", (*hanokv1.ResourcePool).GetName},
	{"ID", (*hanokv1.ResourcePool).GetId},
	{"Parent", (*hanokv1.ResourcePool).GetParentId},
	{"CPU reserved", func(o *hanokv1.ResourcePool) string {
		return reservedText(o.Runtime.GetReservationUsed().GetCpuMhz(), o.Runtime.GetReservation().GetCpuMhz(), o.Cpu, megahertz)
	}},
	{"CPU free", func(o *hanokv1.ResourcePool) string { return megahertz(o.Runtime.GetUnreserved().GetCpuMhz()) }},
	{"CPU", func(o *hanokv1.ResourcePool) string { return allocationText(o.Cpu, megahertz) }},
	{"Memory reserved", func(o *hanokv1.ResourcePool) string {
		return reservedText(o.Runtime.GetReservationUsed().GetMemoryMb(), o.Runtime.GetReservation().GetMemoryMb(), o.Memory, megabytes)
	}},
	{"Memory free", func(o *hanokv1.ResourcePool) string { return megabytes(o.Runtime.GetUnreserved().GetMemoryMb()) }},
	{"Memory", func(o *hanokv1.ResourcePool) string { return allocationText(o.Memory, megabytes) }},
}

func megahertz(n int64) string { return strconv.FormatInt(n, 10) + " MHz" }
func megabytes(n int64) string { return bytesText(n << 20) }

// reservedText says how much of a pool's reservation is reserved by what is in it, with a plus where that is expandable.
func reservedText(used, own int64, a *hanokv1.ResourceAllocation, unit func(int64) string) string {
	text := unit(used) + " of " + unit(own)
	if a.GetExpandableReservation() {
		text += "+"
	}
	return text
}

// allocationText says how an allocation is divided: "normal (4000)", "low (2000), limit 500 MHz". A root pool has none.
func allocationText(a *hanokv1.ResourceAllocation, unit func(int64) string) string {
	if a == nil {
		return ""
	}
	text := fmt.Sprintf("%s (%d)", a.SharesLevel, a.Shares)
	if a.Limit >= 0 {
		text += ", limit " + unit(a.Limit)
	}
	return text
}

// machineAllocation is allocationText with the reservation.
func machineAllocation(a *hanokv1.ResourceAllocation, unit func(int64) string) string {
	text := allocationText(a, unit)
	if a.GetReservation() > 0 {
		text += ", reservation " + unit(a.Reservation)
	}
	return text
}

func (a *app) poolCommands() *cobra.Command {
	return group("pool", "Resource pools: shares of the clusters' CPU and memory",
		a.client(command{use: "list", short: "List resource pools with what is reserved in them", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.pools.ListResourcePools(ctx, &hanokv1.ListResourcePoolsRequest{})
				if err != nil {
					return err
				}
				return list(a, res.ResourcePools, poolColumns)
			}}),
		a.poolCreateCommand(), a.poolUpdateCommand(),
		a.renameCommand(dc.KindResourcePool, poolNames),
		a.client(command{use: "move POOL INTO-POOL", short: "Move a resource pool with everything in it into another one", args: cobra.ExactArgs(2), object: true, complete: poolNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.pools.MoveResourcePool(ctx, &hanokv1.MoveResourcePoolRequest{ResourcePool: args[0], Parent: args[1]})
				return err
			}}),
		a.deleteCommand(dc.KindResourcePool, "Delete resource pools; what is in them goes to the pools that they are in", poolNames, func(ctx context.Context, c *client, name string) error {
			_, err := c.pools.DeleteResourcePool(ctx, &hanokv1.DeleteResourcePoolRequest{ResourcePool: name})
			return err
		}),
	)
}

func (a *app) poolCreateCommand() *cobra.Command {
	var req hanokv1.CreateResourcePoolRequest
	var flags resourceFlags
	cmd := a.client(command{use: "create NAME", short: "Create a resource pool", args: cobra.ExactArgs(1), object: true,
		long: `Create a resource pool, for example

  hanok pool create web --cpu-shares high --cpu-reservation 2000 --memory-reservation 4G

Its reservations are expandable: what they do not hold is taken from the pools above, unless --cpu-expandable=false or
--memory-expandable=false is given.`,
		do: func(ctx context.Context, c *client, args []string) error {
			req.Name = args[0]
			req.Cpu, req.Memory = flags.cpu.change(), flags.memory.change()
			res, err := c.pools.CreateResourcePool(ctx, &req)
			if err != nil {
				return err
			}
			return done(a, res.ResourcePool)
		}})
	cmd.Flags().StringVar(&req.Parent, "parent", "", "the resource pool in which it is to be (default: the only cluster's)")
	a.completeFlag(cmd, "parent", poolNames)
	flags.add(cmd, true)
	return cmd
}

func (a *app) poolUpdateCommand() *cobra.Command {
	var flags resourceFlags
	cmd := a.client(command{use: "update POOL", short: "Change what a resource pool gets; what no flag names stays", args: cobra.ExactArgs(1), object: true, complete: poolNames,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.pools.UpdateResourcePool(ctx, &hanokv1.UpdateResourcePoolRequest{ResourcePool: args[0],
				Cpu: flags.cpu.change(), Memory: flags.memory.change()})
			if err != nil {
				return err
			}
			return done(a, res.ResourcePool)
		}})
	flags.add(cmd, true)
	return cmd
}

func (a *app) vmResourcesCommand() *cobra.Command {
	var flags resourceFlags
	var pool string
	cmd := a.client(command{use: "resources VM", short: "Change what a virtual machine gets of CPU and memory, with power or without", args: cobra.ExactArgs(1), object: true, complete: vmNames,
		long: `Change what a virtual machine gets of CPU and memory; what no flag names stays. For example

  hanok vm resources web1 --cpu-shares high --cpu-limit 1000 --memory-reservation 512M

With --pool it is moved into another resource pool of its cluster first. "hanok vm get VM" shows the result, and what its host
can't enforce.`,
		do: func(ctx context.Context, c *client, args []string) error {
			if pool != "" {
				if _, err := c.machines.MoveVirtualMachineToPool(ctx, &hanokv1.MoveVirtualMachineToPoolRequest{VirtualMachine: args[0], ResourcePool: pool}); err != nil {
					return err
				}
			}
			_, err := c.machines.SetVirtualMachineResources(ctx, &hanokv1.SetVirtualMachineResourcesRequest{VirtualMachine: args[0],
				Cpu: flags.cpu.change(), Memory: flags.memory.change()})
			return err
		}})
	cmd.Flags().StringVar(&pool, "pool", "", "the resource pool to move it into")
	a.completeFlag(cmd, "pool", poolNames)
	flags.add(cmd, false)
	return cmd
}

// resourceFlags are the flags that change allocations.
type resourceFlags struct{ cpu, memory allocationFlags }

type allocationFlags struct {
	flags              *pflag.FlagSet
	name               string
	shares             sharesFlag
	reservation, limit amountFlag
	expandable         bool
}

func (f *resourceFlags) add(cmd *cobra.Command, pool bool) {
	f.cpu.add(cmd, "cpu", "MHZ", func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }, pool)
	f.memory.add(cmd, "memory", "SIZE", func(s string) (int64, error) {
		if s == "0" {
			return 0, nil
		}
		bytes, err := parseSize(s)
		return bytes >> 20, err
	}, pool)
}

func (f *allocationFlags) add(cmd *cobra.Command, name, unit string, parse func(string) (int64, error), pool bool) {
	f.flags, f.name = cmd.Flags(), name
	f.reservation, f.limit = amountFlag{parse: parse, unit: unit}, amountFlag{parse: parse, unit: unit, none: true}
	f.flags.Var(&f.shares, name+"-shares", `"low", "normal", "high" or a number`)
	f.flags.Var(&f.reservation, name+"-reservation", "what is kept free for it")
	f.flags.Var(&f.limit, name+"-limit", `what it never exceeds, or "none"`)
	if pool {
		f.flags.BoolVar(&f.expandable, name+"-expandable", true, "whether it may reserve more, out of the pool that it is in")
	}
}

// change returns what the flags that were given say.
func (f *allocationFlags) change() *hanokv1.ResourceAllocationChange {
	out := &hanokv1.ResourceAllocationChange{}
	if f.flags.Changed(f.name + "-shares") {
		out.SharesLevel, out.Shares = &f.shares.level, nil
		if f.shares.level == string(dc.SharesCustom) {
			out.Shares = &f.shares.number
		}
	}
	if f.flags.Changed(f.name + "-reservation") {
		out.Reservation = &f.reservation.value
	}
	if f.flags.Changed(f.name + "-limit") {
		out.Limit = &f.limit.value
	}
	if f.flags.Changed(f.name + "-expandable") {
		out.ExpandableReservation = &f.expandable
	}
	return out
}

// sharesFlag is a level of shares, or a number of them.
type sharesFlag struct {
	level  string
	number int64
}

func (f *sharesFlag) Set(s string) error {
	switch dc.ShareLevel(s) {
	case dc.SharesLow, dc.SharesNormal, dc.SharesHigh:
		f.level = s
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf(`it is neither "low", "normal", "high" nor a number`)
	}
	f.level, f.number = string(dc.SharesCustom), n
	return nil
}

func (f *sharesFlag) String() string { return f.level }
func (*sharesFlag) Type() string     { return "SHARES" }

// amountFlag is a number of MHz, or of MB as people write it; a limit may be "none", which is -1.
type amountFlag struct {
	value int64
	text  string
	parse func(string) (int64, error)
	unit  string
	none  bool
}

func (f *amountFlag) Set(s string) (err error) {
	f.text = s
	if f.none && (strings.EqualFold(s, "none") || s == "-1") {
		f.value = -1
		return nil
	}
	if f.value, err = f.parse(s); err != nil {
		return fmt.Errorf("it is no %s", map[string]string{"MHZ": "number of MHz", "SIZE": "size such as 512M or 10G"}[f.unit])
	}
	return nil
}

func (f *amountFlag) String() string { return f.text }
func (f *amountFlag) Type() string   { return cmp.Or(f.unit, "AMOUNT") }

func poolNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.pools.ListResourcePools(ctx, &hanokv1.ListResourcePoolsRequest{})
	return namesOf(res.GetResourcePools()), err
}
