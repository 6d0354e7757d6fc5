package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var userColumns = []column[*hanokv1.User]{
	{"Name", (*hanokv1.User).GetName},
	{"ID", (*hanokv1.User).GetId},
	{"Role", (*hanokv1.User).GetRole},
	{"Kind", func(o *hanokv1.User) string {
		switch {
		case o.Disabled:
			return "disabled"
		case o.ServiceAccount:
			return "service"
		}
		return o.IdentitySource
	}},
	{"Created", func(o *hanokv1.User) string { return ago(o.Created) }},
}

func (a *app) userCommands() *cobra.Command {
	var role string
	service := false
	create := a.client(command{use: "create NAME", short: "Create a user, or a service account", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			req := &hanokv1.CreateUserRequest{Name: args[0], Role: role, ServiceAccount: service}
			if !service {
				var err error
				if req.Password, err = a.readPassword(); err != nil {
					return err
				}
			}
			res, err := c.users.CreateUser(ctx, req)
			if err != nil {
				return err
			}
			return done(a, res.User)
		}})
	create.Flags().StringVar(&role, "role", "ReadOnly", "the role on the whole inventory")
	create.Flags().BoolVar(&service, "service-account", false, "without a password: for programs with API tokens (hanok token create --user)")
	create.Flags().Bool("password-stdin", false, "read the password from the first line of standard input")
	create.MarkFlagsOneRequired("password-stdin", "service-account")
	create.MarkFlagsMutuallyExclusive("password-stdin", "service-account")
	password := a.client(command{use: "password NAME --password-stdin", short: "Change a user's password", args: cobra.ExactArgs(1), object: true, complete: userNames,
		do: func(ctx context.Context, c *client, args []string) error {
			password, err := a.readPassword()
			if err != nil {
				return err
			}
			_, err = c.users.SetPassword(ctx, &hanokv1.SetPasswordRequest{User: args[0], Password: password})
			return err
		}})
	passwordFlag(password)
	return group("user", "Users: who may log in",
		a.client(command{use: "list", short: "List users", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.users.ListUsers(ctx, &hanokv1.ListUsersRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Users, userColumns)
			}}),
		create, password,
		a.client(command{use: "role NAME ROLE", short: "Give a user another role on the whole inventory", args: cobra.ExactArgs(2), object: true, complete: userNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.users.SetRole(ctx, &hanokv1.SetRoleRequest{User: args[0], Role: args[1]})
				return err
			}}),
		a.client(command{use: "disable NAME", short: "Keep a user out, and end its sessions", args: cobra.ExactArgs(1), object: true, complete: userNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.users.DisableUser(ctx, &hanokv1.DisableUserRequest{User: args[0]})
				return err
			}}),
		a.client(command{use: "enable NAME", short: "Let a user in again", args: cobra.ExactArgs(1), object: true, complete: userNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.users.EnableUser(ctx, &hanokv1.EnableUserRequest{User: args[0]})
				return err
			}}),
		a.client(command{use: "delete NAME", short: "Delete a user and end its sessions", args: cobra.ExactArgs(1), object: true, complete: userNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.users.DeleteUser(ctx, &hanokv1.DeleteUserRequest{User: args[0]})
				return err
			}}),
	)
}

// passwordFlag adds the flag that says where the password comes from. It is required, so that a command never waits for
// input that its user did not expect to give.
func passwordFlag(cmd *cobra.Command) {
	cmd.Flags().Bool("password-stdin", false, "read the password from the first line of standard input")
	required(cmd, "password-stdin")
}

// readPassword reads the first line of standard input.
func (a *app) readPassword() (string, error) { return a.readSecret("password") }

// readSecret reads the first line of standard input, which is a secret of the kind that what says.
func (a *app) readSecret(what string) (string, error) {
	const longest = 4096
	line, err := bufio.NewReader(io.LimitReader(a.stdin, longest)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", &dc.Error{Kind: dc.Invalid, Message: "there is no " + what + " on standard input", Remedy: "write it there, on one line"}
	}
	return line, nil
}

func userNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.users.ListUsers(ctx, &hanokv1.ListUsersRequest{})
	return namesOf(res.GetUsers()), err
}
