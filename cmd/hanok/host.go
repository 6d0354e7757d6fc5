package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var hostColumns = []column[*hanokv1.Host]{
	{"Name", (*hanokv1.Host).GetName},
	{"ID", (*hanokv1.Host).GetId},
	{"Connection", (*hanokv1.Host).GetConnection},
	{"Maintenance", func(o *hanokv1.Host) string { return o.Maintenance }},
	{"Cluster", (*hanokv1.Host).GetCluster},
	{"CPUs", func(o *hanokv1.Host) string { return strconv.Itoa(int(o.Cpus)) }},
	{"CPU", func(o *hanokv1.Host) string { return megahertz(max(int64(o.CpuCores), 1) * o.CpuMhz) }},
	{"Memory", func(o *hanokv1.Host) string { return bytesText(o.MemoryMb << 20) }},
	{"Accelerator", func(o *hanokv1.Host) string { return o.Hypervisor.GetAccelerator() }},
	{"Version", (*hanokv1.Host).GetVersion},
}

// hostDetails are shown of a single host besides the columns.
var hostDetails = []column[*hanokv1.Host]{
	{"CPU model", (*hanokv1.Host).GetCpuModel},
	{"Cores", func(o *hanokv1.Host) string { return fmt.Sprintf("%d of %s", o.CpuCores, megahertz(o.CpuMhz)) }},
	{"Guaranteed", func(o *hanokv1.Host) string {
		return megahertz(o.GuaranteedCpuMhz) + ", " + megabytes(o.GuaranteedMemoryMb)
	}},
	{"Operating system", (*hanokv1.Host).GetOs},
	{"Hypervisor", func(o *hanokv1.Host) string {
		return strings.TrimSpace(o.Hypervisor.GetName() + " " + o.Hypervisor.GetVersion())
	}},
	{"Reason", func(o *hanokv1.Host) string { return o.Hypervisor.GetReason() }},
	{"Warnings", func(o *hanokv1.Host) string { return strings.Join(o.Hypervisor.GetWarnings(), "; ") }},
	{"Created", func(o *hanokv1.Host) string { return ago(o.Created) }},
}

func (a *app) hostCommands() *cobra.Command {
	return group("host", "Hosts: the machines that run virtual machines",
		a.client(command{use: "list", short: "List hosts", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.hosts.ListHosts(ctx, &hanokv1.ListHostsRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Hosts, hostColumns)
			}}),
		a.client(command{use: "get HOST", short: "Show one host", args: cobra.ExactArgs(1), object: true, complete: hostNames,
			do: func(ctx context.Context, c *client, args []string) error {
				res, err := c.hosts.GetHost(ctx, &hanokv1.GetHostRequest{Host: args[0]})
				if err != nil {
					return err
				}
				return show(a, res.Host, hostColumns, hostDetails)
			}}),
		a.hostMoveCommand(), a.hostTokenCommand(), a.hostJoinCommand(), a.hostRunCommand(), a.hostSimCommand(),
		a.hostTaskCommand("enter-maintenance", "Take hosts out of service: wait until no machine on them has power, and let none come", dc.BulkEnterMaintenance,
			func(ctx context.Context, c *client, host string) (*hanokv1.Task, error) {
				res, err := c.hosts.EnterMaintenanceMode(ctx, &hanokv1.EnterMaintenanceModeRequest{Host: host})
				return res.GetTask(), err
			}),
		a.hostTaskCommand("exit-maintenance", "Put hosts back into service", dc.BulkExitMaintenance,
			func(ctx context.Context, c *client, host string) (*hanokv1.Task, error) {
				res, err := c.hosts.ExitMaintenanceMode(ctx, &hanokv1.ExitMaintenanceModeRequest{Host: host})
				return res.GetTask(), err
			}),
		a.hostTaskCommand("disconnect", "Keep hosts' agents from connecting; their machines run on", dc.BulkDisconnect,
			func(ctx context.Context, c *client, host string) (*hanokv1.Task, error) {
				res, err := c.hosts.DisconnectHost(ctx, &hanokv1.DisconnectHostRequest{Host: host})
				return res.GetTask(), err
			}),
		a.hostTaskCommand("reconnect", "Let hosts' agents connect again, and wait for them", dc.BulkReconnect,
			func(ctx context.Context, c *client, host string) (*hanokv1.Task, error) {
				res, err := c.hosts.ReconnectHost(ctx, &hanokv1.ReconnectHostRequest{Host: host})
				return res.GetTask(), err
			}),
		a.hostTaskCommand("remove", "Remove hosts that are in maintenance or disconnected and have no machines", dc.BulkDelete,
			func(ctx context.Context, c *client, host string) (*hanokv1.Task, error) {
				res, err := c.hosts.RemoveHost(ctx, &hanokv1.RemoveHostRequest{Host: host})
				return res.GetTask(), err
			}),
	)
}

func (a *app) hostMoveCommand() *cobra.Command {
	var folder, cluster, pool string
	var async bool
	var chosen selection
	cmd := a.client(command{use: "move HOST... --to FOLDER | --cluster CLUSTER", short: "Move hosts with their machines into a cluster, or out of one", args: chosen.arguments(0), object: true, complete: hostNames, many: true,
		long: `Move hosts with their machines into a cluster, or into a folder, where each stands alone. A host of a cluster is in maintenance mode
then. Its machines come into the root resource pool of where it comes to, or into the one that --pool names; the pools of a host that stood
alone are gone then.`,
		do: func(ctx context.Context, c *client, args []string) error {
			req := &hanokv1.StartBulkRequest{Op: string(dc.BulkMove), TargetFolder: folder, TargetCluster: cluster, TargetPool: pool}
			return a.bulk(ctx, c, dc.KindHost, &chosen, args, async, req, func(name string) (*hanokv1.Task, error) {
				res, err := c.hosts.MoveHost(ctx, &hanokv1.MoveHostRequest{Host: name, Folder: folder, Cluster: cluster, ResourcePool: pool})
				return res.GetTask(), err
			})
		}})
	f := cmd.Flags()
	f.StringVar(&folder, "to", "", "the folder of hosts to move them into, such as /Datacenter/host")
	f.StringVar(&cluster, "cluster", "", "the cluster to move them into")
	f.StringVar(&pool, "pool", "", "the resource pool of the cluster for their machines (default: the root pool)")
	cmd.MarkFlagsOneRequired("to", "cluster")
	cmd.MarkFlagsMutuallyExclusive("to", "cluster")
	cmd.MarkFlagsMutuallyExclusive("to", "pool")
	a.completeFlag(cmd, "to", folderNames)
	a.completeFlag(cmd, "cluster", clusterNames)
	a.completeFlag(cmd, "pool", poolNames)
	asyncFlag(cmd, &async)
	a.selectsKind(cmd, dc.KindHost, &chosen)
	return cmd
}

// hostTaskCommand returns the command of a task on hosts: start starts that of one, and op is the bulk operation.
func (a *app) hostTaskCommand(verb, short string, op dc.BulkOp, start func(context.Context, *client, string) (*hanokv1.Task, error)) *cobra.Command {
	var async bool
	var confirm int32
	var chosen selection
	cmd := a.client(command{use: verb + " HOST...", short: short, args: chosen.arguments(0), object: true, complete: hostNames, many: true,
		do: func(ctx context.Context, c *client, args []string) error {
			return a.bulk(ctx, c, dc.KindHost, &chosen, args, async, &hanokv1.StartBulkRequest{Op: string(op), Confirm: confirm}, func(name string) (*hanokv1.Task, error) {
				return start(ctx, c, name)
			})
		}})
	if op == dc.BulkDelete {
		confirmFlag(cmd, &confirm)
	}
	asyncFlag(cmd, &async)
	a.selectsKind(cmd, dc.KindHost, &chosen)
	return cmd
}

func (a *app) hostTokenCommand() *cobra.Command {
	var req hanokv1.CreateJoinTokenRequest
	cmd := a.client(command{use: "token", short: "Print a token with which one machine becomes a host, once, within an hour", args: cobra.NoArgs,
		long: `Print a token with which one machine becomes a host, once, within an hour. On that machine:

  hanok host join --manager URL --token-stdin

With --host the token is for a host that lost its certificate: it keeps its machines. With --standalone the new host is in no
cluster: it gets a compute resource of its own, with a resource pool, that goes with it.`,
		do: func(ctx context.Context, c *client, _ []string) error {
			if req.Cluster == "" && req.Host == "" && !req.Standalone {
				only, err := onlyCluster(ctx, c)
				if err != nil {
					return err
				}
				req.Cluster = only
			}
			res, err := c.hosts.CreateJoinToken(ctx, &req)
			if err != nil {
				return err
			}
			if a.json {
				return done(a, res)
			}
			fmt.Fprintln(a.stdout, res.Token)
			fmt.Fprintf(a.stderr, "on the machine that is to join, until %s:\n  hanok host join --manager %s --token-stdin\n",
				res.Expires.AsTime().Local().Format("15:04"), c.server)
			return nil
		}})
	cmd.Flags().StringVar(&req.Cluster, "cluster", "", "the cluster of the new host (default: the only one)")
	cmd.Flags().StringVar(&req.Host, "host", "", "the host that is to join again")
	cmd.Flags().BoolVar(&req.Standalone, "standalone", false, "the new host is to be in no cluster")
	cmd.Flags().StringVar(&req.Folder, "folder", "", "with --standalone: the folder of hosts (default: that of the only data center)")
	a.completeFlag(cmd, "cluster", clusterNames)
	a.completeFlag(cmd, "host", hostNames)
	return cmd
}

func onlyCluster(ctx context.Context, c *client) (string, error) {
	res, err := c.clusters.ListClusters(ctx, &hanokv1.ListClustersRequest{})
	if err != nil {
		return "", err
	}
	clusters := slices.DeleteFunc(res.Clusters, (*hanokv1.Cluster).GetStandalone)
	if n := len(clusters); n != 1 {
		return "", dc.Errorf(dc.Invalid, "there are %d clusters", n).Fix("name one with --cluster, or make one with \"hanok cluster create\"")
	}
	return clusters[0].Id, nil
}

func hostNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.hosts.ListHosts(ctx, &hanokv1.ListHostsRequest{})
	return namesOf(res.GetHosts()), err
}
