package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (a *app) vmRegisterCommand() *cobra.Command {
	var (
		req           hanokv1.RegisterVirtualMachineRequest
		datastore     string
		moved, copied bool
		async         bool
	)
	cmd := a.client(command{use: `register "[DATASTORE] FOLDER/FILE.vmx"`, short: "Make a virtual machine of files on a datastore", args: cobra.ExactArgs(1), object: true,
		long: `Make a virtual machine of files on a datastore: of a folder that was copied from an ESXi host, or of a machine that was unregistered.
For example

  hanok vm register "[datastore1] web/web.vmx" --network "Prod=VM Network"

It has the hardware, the identifiers and the addresses that the .vmx says. Its adapters are on the port groups that are called as their
networks, and not connected where there is none. What of it is otherwise than in the files is listed.`,
		do: func(ctx context.Context, c *client, args []string) error {
			file, err := findFile(ctx, c, datastore, args[0])
			if err != nil {
				return err
			}
			req.Datastore, req.Path = file.Datastore, file.Path
			switch {
			case moved:
				req.Identity = string(dc.IdentityMoved)
			case copied:
				req.Identity = string(dc.IdentityCopied)
			}
			res, err := c.machines.RegisterVirtualMachine(ctx, &req)
			if err != nil {
				return err
			}
			for _, warning := range res.Warnings {
				fmt.Fprintln(a.stderr, "warning: "+warning)
			}
			return a.await(ctx, c, res.Task, async)
		}})
	f := cmd.Flags()
	f.StringVar(&req.Name, "name", "", "what it is to be called (default: as the .vmx says)")
	f.StringVar(&req.Folder, "folder", "", `the folder (default: the data center's "vm" folder)`)
	f.StringVar(&req.ResourcePool, "pool", "", "the resource pool (default: that of the cluster of the datastore's host)")
	f.StringVar(&datastore, "datastore", "", "the datastore of a path without one")
	f.StringArrayVar(&req.Networks, "network", nil, "NETWORK=PORTGROUP, the port group of one of its networks, or PORTGROUP for all others; may be given several times")
	f.BoolVar(&req.AsTemplate, "template", false, "make it a template")
	f.BoolVar(&moved, "moved", false, "the files were moved: it keeps its identifiers and addresses")
	f.BoolVar(&copied, "copied", false, "the files were copied: it gets identifiers and addresses of its own")
	cmd.MarkFlagsMutuallyExclusive("moved", "copied")
	asyncFlag(cmd, &async)
	for flag, names := range map[string]func(context.Context, *client) ([]string, error){
		"network": networkNames, "folder": folderNames, "pool": poolNames, "datastore": datastoreNames,
	} {
		a.completeFlag(cmd, flag, names)
	}
	return cmd
}

func (a *app) vmUnregisterCommand() *cobra.Command {
	var async bool
	cmd := a.client(command{use: "unregister VM", short: "Remove a virtual machine without power from the inventory, and leave its files", args: cobra.ExactArgs(1), object: true,
		complete: vmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.machines.UnregisterVirtualMachine(ctx, &hanokv1.UnregisterVirtualMachineRequest{VirtualMachine: args[0]})
			if err != nil {
				return err
			}
			return a.await(ctx, c, res.Task, async)
		}})
	asyncFlag(cmd, &async)
	return cmd
}
