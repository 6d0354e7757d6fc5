package main

import (
	"cmp"
	"context"
	"path"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
)

var orphanColumns = []column[*hanokv1.Orphan]{
	{"Name", (*hanokv1.Orphan).GetName},
	{"ID", (*hanokv1.Orphan).GetId},
	{"State", (*hanokv1.Orphan).GetPowerState},
	{"Host", (*hanokv1.Orphan).GetHost},
	{"Files", orphanFiles},
	{"Why", orphanReason},
}

// orphanFiles returns the absolute folder of an orphan on its host, as far as it is known.
func orphanFiles(o *hanokv1.Orphan) string {
	if o.DatastorePath == "" {
		return o.DatastoreFolder
	}
	return path.Join(o.DatastorePath, o.DatastoreFolder)
}

// orphanReason says why a machine is an orphan, and what keeps it from being adopted.
func orphanReason(o *hanokv1.Orphan) string {
	switch {
	case o.OwnerId != "":
		return "by the inventory it is on " + cmp.Or(o.Owner, o.OwnerId)
	case o.Obstacle != nil:
		return "unknown to the inventory; " + o.Obstacle.Message
	}
	return "unknown to the inventory"
}

func (a *app) vmOrphansCommand() *cobra.Command {
	return a.client(command{use: "orphans", short: "List the virtual machines that hosts have and the inventory does not know there", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.machines.ListOrphans(ctx, &hanokv1.ListOrphansRequest{})
			if err != nil {
				return err
			}
			return list(a, res.Orphans, orphanColumns)
		}})
}

func (a *app) vmAdoptCommand() *cobra.Command {
	var (
		req   hanokv1.AdoptVirtualMachineRequest
		async bool
	)
	cmd := a.client(command{use: "adopt ORPHAN", short: "Take a virtual machine that a host has into the inventory, as it is", args: cobra.ExactArgs(1), object: true,
		complete: orphanNames,
		long: `Take a virtual machine that a host has, and the inventory does not know, into the inventory. It keeps its ID, its hardware and its
files, and runs on if it runs. ORPHAN is its ID, or its name where no other orphan has it: see "hanok vm orphans".`,
		do: func(ctx context.Context, c *client, args []string) error {
			req.Orphan = args[0]
			res, err := c.machines.AdoptVirtualMachine(ctx, &req)
			if err != nil {
				return err
			}
			return a.await(ctx, c, res.Task, async)
		}})
	cmd.Flags().StringVar(&req.Name, "name", "", "what it is to be called (default: as its host calls it)")
	cmd.Flags().StringVar(&req.Folder, "folder", "", `the folder (default: "vm" of the data center)`)
	cmd.Flags().StringVar(&req.PortGroup, "network", "", "the port group for network adapters whose own does not exist any more")
	asyncFlag(cmd, &async)
	a.completeFlag(cmd, "folder", folderNames)
	a.completeFlag(cmd, "network", networkNames)
	return cmd
}

// orphanNames completes the name of an orphan.
func orphanNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.machines.ListOrphans(ctx, &hanokv1.ListOrphansRequest{})
	return namesOf(res.GetOrphans()), err
}
