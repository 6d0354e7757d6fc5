package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (a *app) vmCloneCommand() *cobra.Command {
	var (
		req                hanokv1.CloneVirtualMachineRequest
		memory             sizeFlag
		thin, thick, eager bool
		async              bool
	)
	cmd := a.client(command{use: "clone VM NAME", short: "Copy a virtual machine without power, or deploy one from a template", args: cobra.ExactArgs(2), object: true, complete: vmNames,
		long: `Copy a virtual machine without power, or deploy one from a template, for example

  hanok vm clone golden web1 --host beta --memory 2G --start

The copy has the same hardware, with identifiers and network addresses of its own. The source stays as it is meanwhile: others may clone it, too,
and nobody may power it on, change or delete it.`,
		do: func(ctx context.Context, c *client, args []string) error {
			req.VirtualMachine, req.Name, req.MemoryMb = args[0], args[1], int64(memory)>>20
			switch {
			case thin:
				req.Provisioning = string(dc.Thin)
			case thick:
				req.Provisioning = string(dc.ThickLazyZeroed)
			case eager:
				req.Provisioning = string(dc.ThickEager)
			}
			res, err := c.machines.CloneVirtualMachine(ctx, &req)
			if err != nil {
				return err
			}
			return a.await(ctx, c, res.Task, async)
		}})
	f := cmd.Flags()
	f.StringVar(&req.Folder, "folder", "", `the folder (default: the data center's "vm" folder)`)
	f.StringVar(&req.ResourcePool, "pool", "", "the resource pool (default: the host's; without a host, the source's)")
	f.StringVar(&req.Host, "host", "", "the host (default: placement chooses, and prefers the source's)")
	f.StringVar(&req.Datastore, "datastore", "", "the datastore (default: placement chooses)")
	f.Int32Var(&req.Cpus, "cpus", 0, "the number of virtual CPUs (default: the source's)")
	f.Var(&memory, "memory", "the memory (default: the source's)")
	f.BoolVar(&thin, "thin", false, "make all disks thin")
	f.BoolVar(&thick, "thick", false, "make all disks thick, zeroed when they are first used")
	f.BoolVar(&eager, "eager", false, "make all disks thick, zeroed at once")
	f.BoolVar(&req.Template, "template", false, "make a template of the copy")
	f.BoolVar(&req.PowerOn, "start", false, "power it on when it is there")
	cmd.MarkFlagsMutuallyExclusive("thin", "thick", "eager")
	asyncFlag(cmd, &async)
	for flag, names := range map[string]func(context.Context, *client) ([]string, error){
		"folder": folderNames, "pool": poolNames, "host": hostNames, "datastore": datastoreNames,
	} {
		a.completeFlag(cmd, flag, names)
	}
	return cmd
}
