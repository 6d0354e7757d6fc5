package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var permissionColumns = []column[*hanokv1.Permission]{
	{"Object", (*hanokv1.Permission).GetEntity},
	{"Principal", (*hanokv1.Permission).GetPrincipal},
	{"Group", func(o *hanokv1.Permission) string { return yes(o.Group) }},
	{"Role", (*hanokv1.Permission).GetRole},
	{"Propagate", func(o *hanokv1.Permission) string { return yes(o.Propagate) }},
}

// principalFlags are --user and --group, of which one is given.
type principalFlags struct{ user, group string }

func (f *principalFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.user, "user", "", "the user")
	cmd.Flags().StringVar(&f.group, "group", "", "the group")
	cmd.MarkFlagsOneRequired("user", "group")
	cmd.MarkFlagsMutuallyExclusive("user", "group")
}

// principal returns the name, and whether it is a group's.
func (f *principalFlags) principal() (string, bool) { return f.user + f.group, f.group != "" }

func (a *app) permissionCommands() *cobra.Command {
	var inherited bool
	var role string
	var here bool
	var setFor, removeFor principalFlags
	var setOn, removeOn selection
	all := a.client(command{use: "list [OBJECT]", short: "List permissions, on an object or on all", args: cobra.MaximumNArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			req := &hanokv1.ListPermissionsRequest{Inherited: inherited}
			if len(args) > 0 {
				req.Entity = args[0]
			}
			res, err := c.permissions.ListPermissions(ctx, req)
			if err != nil {
				return err
			}
			return list(a, res.Permissions, permissionColumns)
		}})
	all.Flags().BoolVar(&inherited, "inherited", false, "also those that the object has from above")
	set := a.client(command{use: "set OBJECT... --user NAME --role ROLE", short: "Give a user or a group a role on objects", args: setOn.arguments(0), object: true, many: true,
		do: func(ctx context.Context, c *client, args []string) error {
			principal, group := setFor.principal()
			req := &hanokv1.StartBulkRequest{Op: string(dc.BulkSetPermission), Principal: principal, Group: group, Role: role, Propagate: !here}
			return a.bulk(ctx, c, "", &setOn, args, false, req, func(name string) (*hanokv1.Task, error) {
				_, err := c.permissions.SetPermission(ctx, &hanokv1.SetPermissionRequest{Entity: name, Principal: principal, Group: group, Role: role, Propagate: !here})
				return nil, err
			})
		}})
	setFor.add(set)
	set.Flags().StringVar(&role, "role", "", "the role")
	set.Flags().BoolVar(&here, "no-propagate", false, "on the object only, not on what is below it")
	required(set, "role")
	a.selects(set, &setOn)
	remove := a.client(command{use: "remove OBJECT... --user NAME", short: "Take the permission of a user or a group on objects away", args: removeOn.arguments(0), object: true, many: true,
		do: func(ctx context.Context, c *client, args []string) error {
			principal, group := removeFor.principal()
			req := &hanokv1.StartBulkRequest{Op: string(dc.BulkRemovePermission), Principal: principal, Group: group}
			return a.bulk(ctx, c, "", &removeOn, args, false, req, func(name string) (*hanokv1.Task, error) {
				_, err := c.permissions.RemovePermission(ctx, &hanokv1.RemovePermissionRequest{Entity: name, Principal: principal, Group: group})
				return nil, err
			})
		}})
	a.selects(remove, &removeOn)
	removeFor.add(remove)
	return group("permission", "Permissions: who has which role on which object", all, set, remove)
}

var groupColumns = []column[*hanokv1.Group]{
	{"Name", (*hanokv1.Group).GetName},
	{"ID", (*hanokv1.Group).GetId},
	{"Members", func(o *hanokv1.Group) string { return memberNames(o) }},
	{"Summary", (*hanokv1.Group).GetSummary},
}

func memberNames(o *hanokv1.Group) (s string) {
	for i, m := range o.Members {
		if i > 0 {
			s += ", "
		}
		if m.Group {
			s += dc.KindGroup.Noun() + " "
		}
		s += m.Name
	}
	return s
}

func (a *app) groupCommands() *cobra.Command {
	var summary string
	var addFor, removeFor principalFlags
	create := a.client(command{use: "create NAME", short: "Create a group", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.groups.CreateGroup(ctx, &hanokv1.CreateGroupRequest{Name: args[0], Summary: summary})
			if err != nil {
				return err
			}
			return done(a, res.Group)
		}})
	create.Flags().StringVar(&summary, "summary", "", "what it is for")
	add := a.client(command{use: "add GROUP --user NAME", short: "Make a user or a group a member of a group", args: cobra.ExactArgs(1), object: true, complete: groupNames,
		do: func(ctx context.Context, c *client, args []string) error {
			member, group := addFor.principal()
			_, err := c.groups.AddGroupMember(ctx, &hanokv1.AddGroupMemberRequest{UserGroup: args[0], Member: member, MemberIsGroup: group})
			return err
		}})
	addFor.add(add)
	remove := a.client(command{use: "remove GROUP --user NAME", short: "End a membership", args: cobra.ExactArgs(1), object: true, complete: groupNames,
		do: func(ctx context.Context, c *client, args []string) error {
			member, group := removeFor.principal()
			_, err := c.groups.RemoveGroupMember(ctx, &hanokv1.RemoveGroupMemberRequest{UserGroup: args[0], Member: member, MemberIsGroup: group})
			return err
		}})
	removeFor.add(remove)
	return group("group", "Groups of users, to which permissions are given together",
		a.client(command{use: "list", short: "List groups and their members", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.groups.ListGroups(ctx, &hanokv1.ListGroupsRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Groups, groupColumns)
			}}),
		create, add, remove,
		a.client(command{use: "delete GROUP", short: "Delete a group; its members stay", args: cobra.ExactArgs(1), object: true, complete: groupNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.groups.DeleteGroup(ctx, &hanokv1.DeleteGroupRequest{UserGroup: args[0]})
				return err
			}}),
	)
}

func groupNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.groups.ListGroups(ctx, &hanokv1.ListGroupsRequest{})
	return namesOf(res.GetGroups()), err
}
