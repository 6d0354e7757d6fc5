package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var clusterColumns = []column[*hanokv1.Cluster]{
	{"Name", (*hanokv1.Cluster).GetName},
	{"ID", (*hanokv1.Cluster).GetId},
	{"Standalone", func(o *hanokv1.Cluster) string { return yes(o.Standalone) }},
	{"Created", func(o *hanokv1.Cluster) string { return ago(o.Created) }},
}

func (a *app) clusterCommands() *cobra.Command {
	var datacenter string
	create := a.client(command{use: "create NAME", short: "Create a cluster", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.clusters.CreateCluster(ctx, &hanokv1.CreateClusterRequest{Name: args[0], Datacenter: datacenter})
			if err != nil {
				return err
			}
			return done(a, res.Cluster)
		}})
	a.datacenterFlag(create, &datacenter)
	return group("cluster", "Clusters: hosts whose CPU and memory are given out together",
		a.client(command{use: "list", short: "List clusters", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.clusters.ListClusters(ctx, &hanokv1.ListClustersRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Clusters, clusterColumns)
			}}),
		create,
		a.renameCommand(dc.KindCluster, clusterNames), a.moveCommand(dc.KindCluster, clusterNames),
		a.deleteRecursiveCommand(dc.KindCluster, "Delete empty clusters, or one with everything in it",
			"delete what is in it, too: its machines and their files, its pools, and its hosts, which are in maintenance", clusterNames,
			func(ctx context.Context, c *client, name string, recursive bool, confirm int32) (*hanokv1.Task, error) {
				res, err := c.clusters.DeleteCluster(ctx, &hanokv1.DeleteClusterRequest{Cluster: name, Recursive: recursive, Confirm: confirm})
				return res.GetTask(), err
			}),
	)
}

// datacenterFlag adds the flag that names a data center, which is not needed where there is one.
func (a *app) datacenterFlag(cmd *cobra.Command, datacenter *string) {
	cmd.Flags().StringVar(datacenter, "datacenter", "", "the data center (default: the only one)")
	a.completeFlag(cmd, "datacenter", datacenterNames)
}

func clusterNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.clusters.ListClusters(ctx, &hanokv1.ListClustersRequest{})
	return namesOf(res.GetClusters()), err
}
