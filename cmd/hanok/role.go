package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var roleColumns = []column[*hanokv1.Role]{
	{"Name", (*hanokv1.Role).GetName},
	{"ID", (*hanokv1.Role).GetId},
	{"Number", func(o *hanokv1.Role) string { return strconv.Itoa(int(o.Number)) }},
	{"System", func(o *hanokv1.Role) string { return yes(o.System) }},
	{"Privileges", func(o *hanokv1.Role) string { return strconv.Itoa(len(o.Privileges)) }},
	{"Summary", (*hanokv1.Role).GetSummary},
}

var privilegeColumns = []column[*hanokv1.Privilege]{
	{"Privilege", (*hanokv1.Privilege).GetId},
	{"Group", (*hanokv1.Privilege).GetGroup},
}

func (a *app) roleCommands() *cobra.Command {
	var summary, name string
	var force bool
	create := a.client(command{use: "create NAME PRIVILEGE...", short: "Create a role of privileges", args: cobra.MinimumNArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			return a.createRole(ctx, c, &hanokv1.CreateRoleRequest{Name: args[0], Summary: summary, Privileges: args[1:]})
		}})
	create.Flags().StringVar(&summary, "summary", "", "what it is for")
	update := a.client(command{use: "update ROLE [PRIVILEGE...]", short: "Give a role other privileges, another name or summary", args: cobra.MinimumNArgs(1), object: true, complete: roleNames,
		do: func(ctx context.Context, c *client, args []string) error {
			req := &hanokv1.UpdateRoleRequest{Role: args[0], Name: name, Privileges: args[1:]}
			if summary != "" {
				req.Summary = &summary
			}
			_, err := c.roles.UpdateRole(ctx, req)
			return err
		}})
	update.Flags().StringVar(&name, "name", "", "the new name")
	update.Flags().StringVar(&summary, "summary", "", "what it is for")
	remove := a.client(command{use: "delete ROLE", short: "Delete a role", args: cobra.ExactArgs(1), object: true, complete: roleNames,
		do: func(ctx context.Context, c *client, args []string) error {
			_, err := c.roles.DeleteRole(ctx, &hanokv1.DeleteRoleRequest{Role: args[0], RemovePermissions: force})
			return err
		}})
	remove.Flags().BoolVar(&force, "force", false, "remove the permissions that have it, too")
	return group("role", "Roles: sets of privileges, which permissions give",
		a.client(command{use: "list", short: "List roles", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.roles.ListRoles(ctx, &hanokv1.ListRolesRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Roles, roleColumns)
			}}),
		create, update, remove,
		a.client(command{use: "clone ROLE NAME", short: "Create a role with the privileges of another one", args: cobra.ExactArgs(2), object: true, complete: roleNames,
			do: func(ctx context.Context, c *client, args []string) error {
				res, err := c.roles.ListRoles(ctx, &hanokv1.ListRolesRequest{})
				if err != nil {
					return err
				}
				for _, r := range res.Roles {
					if r.Name == args[0] || r.Id == args[0] {
						return a.createRole(ctx, c, &hanokv1.CreateRoleRequest{Name: args[1], Summary: r.Summary, Privileges: r.Privileges})
					}
				}
				return dc.Errorf(dc.NotFound, "there is none of this name").Fix("choose one of the roles that are listed (hanok role list)")
			}}),
	)
}

func (a *app) createRole(ctx context.Context, c *client, req *hanokv1.CreateRoleRequest) error {
	res, err := c.roles.CreateRole(ctx, req)
	if err != nil {
		return err
	}
	return done(a, res.Role)
}

func (a *app) privilegeCommands() *cobra.Command {
	var user, on string
	cmd := a.client(command{use: "list", short: "List the privileges that there are, or that a user has on an object", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.roles.ListPrivileges(ctx, &hanokv1.ListPrivilegesRequest{})
			if err != nil {
				return err
			}
			all := res.Privileges
			if on != "" || user != "" {
				if on == "" {
					on = "/"
				}
				has, err := c.permissions.FetchPrivileges(ctx, &hanokv1.FetchPrivilegesRequest{Entity: on, User: user})
				if err != nil {
					return err
				}
				held := strings.Join(has.Privileges, " ") + " "
				all = nil
				for _, p := range res.Privileges {
					if strings.Contains(" "+held, " "+p.Id+" ") {
						all = append(all, p)
					}
				}
			}
			return list(a, all, privilegeColumns)
		}})
	cmd.Flags().StringVar(&on, "on", "", "the object: its ID, inventory path or name")
	cmd.Flags().StringVar(&user, "user", "", "the user; yourself if not given")
	return group("privilege", "Privileges: what roles are made of", cmd)
}

func roleNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.roles.ListRoles(ctx, &hanokv1.ListRolesRequest{})
	return namesOf(res.GetRoles()), err
}
