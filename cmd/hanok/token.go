package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/hanok/v1"
)

var tokenColumns = []column[*hanokv1.APIToken]{
	{"Name", (*hanokv1.APIToken).GetName},
	{"ID", (*hanokv1.APIToken).GetId},
	{"Owner", (*hanokv1.APIToken).GetOwner},
	{"Expires", func(o *hanokv1.APIToken) string {
		if time.Now().After(o.Expires.AsTime()) {
			return "expired"
		}
		return ago(o.Expires)
	}},
	{"Last used", func(o *hanokv1.APIToken) string { return ago(o.LastUsed) }},
	{"May", func(o *hanokv1.APIToken) string { return strings.Join(append(o.Roles, o.Privileges...), " ") }},
	{"On", func(o *hanokv1.APIToken) string { return strings.Join(o.Objects, " ") }},
}

func (a *app) tokenCommands() *cobra.Command {
	return group("token", "API tokens: what programs log in with", a.tokenListCommand(), a.tokenCreateCommand(), a.tokenRevokeCommand())
}

func (a *app) tokenListCommand() *cobra.Command {
	var req hanokv1.ListAPITokensRequest
	cmd := a.client(command{use: "list", short: "List your API tokens", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.apiTokens.ListAPITokens(ctx, &req)
			if err != nil {
				return err
			}
			return list(a, res.ApiTokens, tokenColumns)
		}})
	cmd.Flags().StringVar(&req.User, "user", "", "those of this user")
	cmd.Flags().BoolVar(&req.All, "all", false, "those of all users")
	cmd.MarkFlagsMutuallyExclusive("user", "all")
	a.completeFlag(cmd, "user", userNames)
	return cmd
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var (
		req  hanokv1.CreateAPITokenRequest
		days int
	)
	cmd := a.client(command{use: "create NAME", short: "Create an API token and print it", args: cobra.ExactArgs(1), object: true,
		long: `Create an API token and print it, this once.

A program uses it as HANOK_TOKEN, in the header "Authorization: Bearer TOKEN", or as its owner's password. It may do what its owner
may, and less where roles, privileges or objects are named: only what these roles have and these privileges, only on these objects and
what is below them. It ends when it expires, is revoked, or its owner is disabled or deleted.`,
		do: func(ctx context.Context, c *client, args []string) error {
			req.Name = args[0]
			if days != 0 {
				req.Lifetime = durationpb.New(time.Duration(days) * 24 * time.Hour)
			}
			res, err := c.apiTokens.CreateAPIToken(ctx, &req)
			if err != nil {
				return err
			}
			if a.json {
				return done(a, res)
			}
			fmt.Fprintln(a.stdout, res.Token)
			return nil
		}})
	cmd.Flags().StringVar(&req.User, "user", "", "its owner; yourself if not given")
	cmd.Flags().IntVar(&days, "days", 90, "how long it lasts, 366 at most")
	cmd.Flags().StringArrayVar(&req.Roles, "role", nil, "it may do only what this role has; may be given again")
	cmd.Flags().StringArrayVar(&req.Privileges, "privilege", nil, "it may use only this privilege; may be given again")
	cmd.Flags().StringArrayVar(&req.Objects, "on", nil, "only on this object and what is below it; may be given again")
	a.completeFlag(cmd, "user", userNames)
	a.completeFlag(cmd, "role", roleNames)
	return cmd
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	var user string
	cmd := a.client(command{use: "revoke NAME", short: "End an API token and what was opened with it", args: cobra.ExactArgs(1), object: true, complete: tokenNames,
		do: func(ctx context.Context, c *client, args []string) error {
			_, err := c.apiTokens.RevokeAPIToken(ctx, &hanokv1.RevokeAPITokenRequest{ApiToken: args[0], User: user})
			return err
		}})
	cmd.Flags().StringVar(&user, "user", "", "its owner; yourself if not given")
	a.completeFlag(cmd, "user", userNames)
	return cmd
}

func tokenNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.apiTokens.ListAPITokens(ctx, &hanokv1.ListAPITokensRequest{})
	return namesOf(res.GetApiTokens()), err
}
