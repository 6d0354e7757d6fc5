package main

import (
	"context"
	"errors"

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
		a.deleteRecursiveCommand(dc.KindDatacenter, "Delete empty data centers, or one with everything in it",
			"delete what is in it, too: machines and their files, networks, datastores, clusters, and hosts in maintenance", datacenterNames,
			func(ctx context.Context, c *client, name string, recursive bool, confirm int32) (*hanokv1.Task, error) {
				res, err := c.datacenters.DeleteDatacenter(ctx, &hanokv1.DeleteDatacenterRequest{Datacenter: name, Recursive: recursive, Confirm: confirm})
				return res.GetTask(), err
			}),
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

// selectsKind adds the flags of a selection of objects of a kind to a command.
func (a *app) selectsKind(cmd *cobra.Command, kind dc.Kind, s *selection) {
	if kind == dc.KindVirtualMachine {
		a.selects(cmd, s)
		return
	}
	a.selectsOf(cmd, s, kind.Noun()+"s")
}

// moveCommand returns the command that moves objects of a kind into another folder.
func (a *app) moveCommand(kind dc.Kind, names func(context.Context, *client) ([]string, error)) *cobra.Command {
	var to string
	var chosen selection
	cmd := a.client(command{use: "move NAME... --to FOLDER", short: "Move " + kind.Noun() + "s into another folder", args: chosen.arguments(0), object: true, complete: names, many: true,
		do: func(ctx context.Context, c *client, args []string) error {
			return a.bulk(ctx, c, kind, &chosen, args, false, &hanokv1.StartBulkRequest{Op: string(dc.BulkMove), TargetFolder: to}, func(name string) (*hanokv1.Task, error) {
				_, err := c.inventory.MoveObject(ctx, &hanokv1.MoveObjectRequest{Kind: string(kind), Object: name, Folder: to})
				return nil, err
			})
		}})
	cmd.Flags().StringVar(&to, "to", "", "the folder to move them into, such as /Datacenter/vm/web")
	required(cmd, "to")
	a.completeFlag(cmd, "to", folderNames)
	a.selectsKind(cmd, kind, &chosen)
	return cmd
}

// deleteCommand returns the command that deletes objects of a kind, one by the call single.
func (a *app) deleteCommand(kind dc.Kind, short string, names func(context.Context, *client) ([]string, error),
	single func(ctx context.Context, c *client, name string) error) *cobra.Command {
	var confirm int32
	var chosen selection
	cmd := a.client(command{use: "delete NAME...", short: short, args: chosen.arguments(0), object: true, complete: names, many: true,
		do: func(ctx context.Context, c *client, args []string) error {
			return a.bulk(ctx, c, kind, &chosen, args, false, &hanokv1.StartBulkRequest{Op: string(dc.BulkDelete), Confirm: confirm}, func(name string) (*hanokv1.Task, error) {
				return nil, single(ctx, c, name)
			})
		}})
	confirmFlag(cmd, &confirm)
	a.selectsKind(cmd, kind, &chosen)
	return cmd
}

// deleteRecursiveCommand is deleteCommand for objects that are deleted with everything in them, too, one at a time: single then starts a task.
func (a *app) deleteRecursiveCommand(kind dc.Kind, short, recursiveHelp string, names func(context.Context, *client) ([]string, error),
	single func(ctx context.Context, c *client, name string, recursive bool, confirm int32) (*hanokv1.Task, error)) *cobra.Command {
	var recursive, async bool
	var confirm int32
	var chosen selection
	cmd := a.client(command{use: "delete NAME...", short: short, object: true, complete: names, many: true,
		args: func(cmd *cobra.Command, args []string) error {
			if recursive && (len(args) != 1 || !chosen.empty()) {
				return errors.New("name one: with everything in it, only one is deleted in a call")
			}
			return chosen.arguments(0)(cmd, args)
		},
		do: func(ctx context.Context, c *client, args []string) error {
			return a.bulk(ctx, c, kind, &chosen, args, async, &hanokv1.StartBulkRequest{Op: string(dc.BulkDelete), Confirm: confirm}, func(name string) (*hanokv1.Task, error) {
				return single(ctx, c, name, recursive, confirm)
			})
		}})
	cmd.Flags().BoolVar(&recursive, "recursive", false, recursiveHelp)
	confirmFlag(cmd, &confirm)
	asyncFlag(cmd, &async)
	a.selectsKind(cmd, kind, &chosen)
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
