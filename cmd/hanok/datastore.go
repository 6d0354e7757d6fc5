package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func datastoreColumns(hosts away) []column[*hanokv1.Datastore] {
	return []column[*hanokv1.Datastore]{
		{"Name", (*hanokv1.Datastore).GetName},
		{"ID", (*hanokv1.Datastore).GetId},
		{"Type", (*hanokv1.Datastore).GetType},
		{"Host", (*hanokv1.Datastore).GetHost},
		{"Path", (*hanokv1.Datastore).GetPath},
		{"Capacity", func(o *hanokv1.Datastore) string { return bytesText(o.CapacityBytes) }},
		{"Free", func(o *hanokv1.Datastore) string {
			if o.FreeBytes == nil {
				return ""
			}
			return bytesText(*o.FreeBytes)
		}},
		{"State", func(o *hanokv1.Datastore) string { return hosts.state(datastoreState(o), o.Host) }},
	}
}

// datastoreState says whether a datastore's files can be had, as its host has found last.
func datastoreState(o *hanokv1.Datastore) string {
	switch {
	case o.Accessible:
		return "accessible"
	case o.Failure != nil:
		return o.Failure.Message
	}
	return "not accessible"
}

func (a *app) datastoreCommands() *cobra.Command {
	var req hanokv1.CreateDatastoreRequest
	create := a.client(command{use: "create NAME --host HOST --path DIR", short: "Add a folder of a host as a datastore", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			req.Name = args[0]
			res, err := c.datastores.CreateDatastore(ctx, &req)
			if err != nil {
				return err
			}
			return done(a, res.Datastore)
		}})
	a.datacenterFlag(create, &req.Datacenter)
	create.Flags().StringVar(&req.Host, "host", "", "the host that has the folder")
	create.Flags().StringVar(&req.Path, "path", "", "the absolute folder on that host")
	required(create, "host")
	required(create, "path")
	a.completeFlag(create, "host", hostNames)
	cmd := group("datastore", "Datastores: where the files of virtual machines are",
		a.client(command{use: "list", short: "List datastores", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.datastores.ListDatastores(ctx, &hanokv1.ListDatastoresRequest{})
				if err != nil {
					return err
				}
				hosts, err := hostsAway(ctx, c)
				if err != nil {
					return err
				}
				return list(a, res.Datastores, datastoreColumns(hosts))
			}}),
		create,
		a.renameCommand(dc.KindDatastore, datastoreNames), a.moveCommand(dc.KindDatastore, datastoreNames),
		a.deleteCommand(dc.KindDatastore, "Remove datastores without virtual machines; their files stay", datastoreNames, func(ctx context.Context, c *client, name string) error {
			_, err := c.datastores.DeleteDatastore(ctx, &hanokv1.DeleteDatastoreRequest{Datastore: name})
			return err
		}),
	)
	cmd.AddCommand(a.fileCommands()...)
	return cmd
}

func datastoreNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.datastores.ListDatastores(ctx, &hanokv1.ListDatastoresRequest{})
	return namesOf(res.GetDatastores()), err
}
