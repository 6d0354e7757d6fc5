package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
)

func (a *app) vmTemplateCommand() *cobra.Command {
	return a.client(command{use: "template VM", short: "Make a template of a virtual machine without power, to clone others from", args: cobra.ExactArgs(1), object: true, complete: vmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			_, err := c.machines.MarkAsTemplate(ctx, &hanokv1.MarkAsTemplateRequest{VirtualMachine: args[0]})
			return err
		}})
}

func (a *app) vmUntemplateCommand() *cobra.Command {
	var pool string
	cmd := a.client(command{use: "untemplate VM", short: "Make a virtual machine of a template", args: cobra.ExactArgs(1), object: true, complete: vmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			_, err := c.machines.MarkAsVirtualMachine(ctx, &hanokv1.MarkAsVirtualMachineRequest{VirtualMachine: args[0], ResourcePool: pool})
			return err
		}})
	cmd.Flags().StringVar(&pool, "pool", "", "the resource pool (default: its cluster's)")
	a.completeFlag(cmd, "pool", poolNames)
	return cmd
}
