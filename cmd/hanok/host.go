package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
)

var hostColumns = []column[*hanokv1.Host]{
	{"Name", (*hanokv1.Host).GetName},
	{"ID", (*hanokv1.Host).GetId},
	{"Connection", (*hanokv1.Host).GetConnection},
	{"Cluster", (*hanokv1.Host).GetCluster},
	{"CPUs", func(o *hanokv1.Host) string { return strconv.Itoa(int(o.Cpus)) }},
	{"Memory", func(o *hanokv1.Host) string { return bytesText(o.MemoryMb << 20) }},
	{"Accelerator", func(o *hanokv1.Host) string { return o.Hypervisor.GetAccelerator() }},
}

// hostDetails are shown of a single host besides the columns.
var hostDetails = []column[*hanokv1.Host]{
	{"CPU model", (*hanokv1.Host).GetCpuModel},
	{"Operating system", (*hanokv1.Host).GetOs},
	{"Hypervisor", func(o *hanokv1.Host) string {
		return strings.TrimSpace(o.Hypervisor.GetName() + " " + o.Hypervisor.GetVersion())
	}},
	{"Reason", func(o *hanokv1.Host) string { return o.Hypervisor.GetReason() }},
	{"Warnings", func(o *hanokv1.Host) string { return strings.Join(o.Hypervisor.GetWarnings(), "; ") }},
	{"Agent", (*hanokv1.Host).GetVersion},
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
	)
}

func hostNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.hosts.ListHosts(ctx, &hanokv1.ListHostsRequest{})
	return namesOf(res.GetHosts()), err
}
