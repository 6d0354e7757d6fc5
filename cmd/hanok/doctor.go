package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
)

var checkColumns = []column[*hanokv1.Check]{
	{"Status", (*hanokv1.Check).GetStatus},
	{"Check", (*hanokv1.Check).GetName},
	{"Found", (*hanokv1.Check).GetMessage},
	{"Next", (*hanokv1.Check).GetRemedy},
}

func (a *app) doctorCommand() *cobra.Command {
	deep := false
	cmd := a.client(command{use: "doctor", short: "Examine the data center; fails if there is a problem", args: cobra.NoArgs,
		long: `Examine the data center; fails if there is a problem.

With --deep, the store, the disks and processes of every host, and what executes the machines are compared with what the data
center promises, whatever manager and agents say of themselves. Each promise is a line that says how many things were examined,
or a line for each object that breaks it, with what to do. Nothing is changed.`,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.system.Doctor(ctx, &hanokv1.DoctorRequest{Deep: deep})
			if err != nil {
				return err
			}
			if err := list(a, res.Checks, checkColumns); err != nil {
				return err
			}
			for _, check := range res.Checks {
				if check.Status == "problem" {
					return errSilent
				}
			}
			return nil
		}})
	cmd.Flags().BoolVar(&deep, "deep", false, "also compare store, disks and processes with what is promised")
	return cmd
}

// versionCommand needs no data center.
func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this program", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			a.started = true
			if a.json {
				return a.printJSON(append(append([]byte(`{"version":`), appendText(nil, version)...), '}'))
			}
			_, err := fmt.Fprintln(a.stdout, "hanok "+version)
			return err
		},
	}
}
