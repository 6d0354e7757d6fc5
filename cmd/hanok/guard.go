package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/hanok/v1"
)

var limitColumns = []column[*hanokv1.DeletionLimits]{
	{"Objects", func(o *hanokv1.DeletionLimits) string { return strconv.Itoa(int(o.Objects)) }},
	{"Percent", func(o *hanokv1.DeletionLimits) string { return strconv.Itoa(int(o.Percent)) }},
	{"Single", func(o *hanokv1.DeletionLimits) string { return strconv.Itoa(int(o.Single)) }},
	{"Window", func(o *hanokv1.DeletionLimits) string { return o.Window.AsDuration().String() }},
}

var stoppedColumns = []column[*hanokv1.StoppedUser]{
	{"User", (*hanokv1.StoppedUser).GetUser},
	{"Until", func(o *hanokv1.StoppedUser) string { return o.Until.AsTime().Local().Format("15:04:05") }},
}

func (a *app) guardCommands() *cobra.Command {
	var objects, percent, single int32
	var window time.Duration
	var set *cobra.Command
	set = a.client(command{use: "set", short: "Change the limits of deletions, and let everybody go on who was stopped; 0 is no limit", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			req := &hanokv1.SetDeletionLimitsRequest{Objects: given(set, "objects", &objects), Percent: given(set, "percent", &percent), Single: given(set, "single", &single)}
			if window != 0 {
				req.Window = durationpb.New(window)
			}
			res, err := c.guard.SetDeletionLimits(ctx, req)
			if err != nil {
				return err
			}
			return show(a, res.Limits, limitColumns)
		}})
	f := set.Flags()
	f.Int32Var(&objects, "objects", 0, "how many objects one call deletes without a confirmation")
	f.Int32Var(&percent, "percent", 0, "how many percent of all virtual machines, if it deletes five objects or more")
	f.Int32Var(&single, "single", 0, "how many deletions of one user without a confirmation there may be within the window")
	f.DurationVar(&window, "window", 0, "the window")
	var user string
	release := a.client(command{use: "release --user NAME", short: "Let one user go on whose deletions were stopped", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			_, err := c.guard.ReleaseUser(ctx, &hanokv1.ReleaseUserRequest{User: user})
			return err
		}})
	release.Flags().StringVar(&user, "user", "", "the user")
	required(release, "user")
	return group("guard", "The guard against mass deletion",
		a.client(command{use: "list", short: "List the users whose deletions are stopped", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.guard.GetDeletionLimits(ctx, &hanokv1.GetDeletionLimitsRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Stopped, stoppedColumns)
			}}),
		a.client(command{use: "get", short: "Show the limits of deletions", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.guard.GetDeletionLimits(ctx, &hanokv1.GetDeletionLimitsRequest{})
				if err != nil {
					return err
				}
				return show(a, res.Limits, limitColumns)
			}}), set, release)
}

// confirmFlag adds the flag by which a deletion of many objects is confirmed.
func confirmFlag(cmd *cobra.Command, confirm *int32) {
	cmd.Flags().Int32Var(confirm, "confirm", 0, "how many objects are to be deleted, where those are many")
}
