package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var networkColumns = []column[*hanokv1.PortGroup]{
	{"Name", (*hanokv1.PortGroup).GetName},
	{"ID", (*hanokv1.PortGroup).GetId},
	{"Created", func(o *hanokv1.PortGroup) string { return ago(o.Created) }},
}

func (a *app) networkCommands() *cobra.Command {
	var datacenter string
	create := a.client(command{use: "create NAME", short: "Create a port group", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.portGroups.CreatePortGroup(ctx, &hanokv1.CreatePortGroupRequest{Name: args[0], Datacenter: datacenter})
			if err != nil {
				return err
			}
			return done(a, res.PortGroup)
		}})
	a.datacenterFlag(create, &datacenter)
	return group("network", "Port groups: the networks that virtual machines connect to",
		a.client(command{use: "list", short: "List port groups", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.portGroups.ListPortGroups(ctx, &hanokv1.ListPortGroupsRequest{})
				if err != nil {
					return err
				}
				return list(a, res.PortGroups, networkColumns)
			}}),
		create,
		a.renameCommand(dc.KindPortGroup, networkNames), a.moveCommand(dc.KindPortGroup, networkNames),
		a.deleteCommand(dc.KindPortGroup, "Delete port groups without NICs", networkNames, func(ctx context.Context, c *client, name string) error {
			_, err := c.portGroups.DeletePortGroup(ctx, &hanokv1.DeletePortGroupRequest{PortGroup: name})
			return err
		}),
	)
}

func networkNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.portGroups.ListPortGroups(ctx, &hanokv1.ListPortGroupsRequest{})
	return namesOf(res.GetPortGroups()), err
}
