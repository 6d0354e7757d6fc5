package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var datacenterColumns = []column[*hanokv1.Datacenter]{
	{"Name", (*hanokv1.Datacenter).GetName},
	{"ID", (*hanokv1.Datacenter).GetId},
	{"Created", func(o *hanokv1.Datacenter) string { return ago(o.Created) }},
}

func (a *app) datacenterCommands() *cobra.Command {
	return group("datacenter", "Data centers: the tops of the inventory",
		a.client(command{use: "list", short: "List data centers", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.datacenters.ListDatacenters(ctx, &hanokv1.ListDatacentersRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Datacenters, datacenterColumns)
			}}),
		a.client(command{use: "create NAME", short: "Create a data center", args: cobra.ExactArgs(1), object: true,
			do: func(ctx context.Context, c *client, args []string) error {
				res, err := c.datacenters.CreateDatacenter(ctx, &hanokv1.CreateDatacenterRequest{Name: args[0]})
				if err != nil {
					return err
				}
				return done(a, res.Datacenter)
			}}),
		a.renameCommand(dc.KindDatacenter, datacenterNames), a.moveCommand(dc.KindDatacenter, datacenterNames),
		a.client(command{use: "delete DATACENTER", short: "Delete an empty data center", args: cobra.ExactArgs(1), object: true, complete: datacenterNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.datacenters.DeleteDatacenter(ctx, &hanokv1.DeleteDatacenterRequest{Datacenter: args[0]})
				return err
			}}),
	)
}

// renameCommand returns the command that renames objects of a kind.
func (a *app) renameCommand(kind dc.Kind, names func(context.Context, *client) ([]string, error)) *cobra.Command {
	return a.client(command{use: "rename NAME NEW-NAME", short: "Rename a " + kind.Noun(), args: cobra.ExactArgs(2), object: true, complete: names,
		do: func(ctx context.Context, c *client, args []string) error {
			_, err := c.inventory.RenameObject(ctx, &hanokv1.RenameObjectRequest{Kind: string(kind), Object: args[0], Name: args[1]})
			return err
		}})
}

// moveCommand returns the command that moves objects of a kind into another folder.
func (a *app) moveCommand(kind dc.Kind, names func(context.Context, *client) ([]string, error)) *cobra.Command {
	var to string
	cmd := a.client(command{use: "move NAME --to FOLDER", short: "Move a " + kind.Noun() + " into another folder", args: cobra.ExactArgs(1), object: true, complete: names,
		do: func(ctx context.Context, c *client, args []string) error {
			_, err := c.inventory.MoveObject(ctx, &hanokv1.MoveObjectRequest{Kind: string(kind), Object: args[0], Folder: to})
			return err
		}})
	cmd.Flags().StringVar(&to, "to", "", "the folder to move it into, such as /Datacenter/vm/web")
	required(cmd, "to")
	a.completeFlag(cmd, "to", folderNames)
	return cmd
}

func datacenterNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.datacenters.ListDatacenters(ctx, &hanokv1.ListDatacentersRequest{})
	return namesOf(res.GetDatacenters()), err
}

// namesOf returns the names of objects, for completion.
func namesOf[T interface{ GetName() string }](objects []T) []string {
	var names []string
	for _, o := range objects {
		names = append(names, o.GetName())
	}
	return names
}
