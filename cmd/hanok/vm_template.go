package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (a *app) vmTemplateCommand() *cobra.Command {
	var chosen selection
	cmd := a.client(command{use: "template VM...", short: "Make templates of virtual machines without power, to clone others from", args: chosen.arguments(0), object: true, complete: vmNames, many: true,
		do: func(ctx context.Context, c *client, args []string) error {
			return a.bulk(ctx, c, dc.KindVirtualMachine, &chosen, args, false, &hanokv1.StartBulkRequest{Op: string(dc.BulkTemplate)}, func(name string) (*hanokv1.Task, error) {
				_, err := c.machines.MarkAsTemplate(ctx, &hanokv1.MarkAsTemplateRequest{VirtualMachine: name})
				return nil, err
			})
		}})
	a.selects(cmd, &chosen)
	return cmd
}

func (a *app) vmUntemplateCommand() *cobra.Command {
	var pool string
	var chosen selection
	cmd := a.client(command{use: "untemplate VM...", short: "Make virtual machines of templates", args: chosen.arguments(0), object: true, complete: vmNames, many: true,
		do: func(ctx context.Context, c *client, args []string) error {
			return a.bulk(ctx, c, dc.KindVirtualMachine, &chosen, args, false, &hanokv1.StartBulkRequest{Op: string(dc.BulkVirtualMachine), TargetPool: pool}, func(name string) (*hanokv1.Task, error) {
				_, err := c.machines.MarkAsVirtualMachine(ctx, &hanokv1.MarkAsVirtualMachineRequest{VirtualMachine: name, ResourcePool: pool})
				return nil, err
			})
		}})
	cmd.Flags().StringVar(&pool, "pool", "", "the resource pool (default: its cluster's)")
	a.completeFlag(cmd, "pool", poolNames)
	a.selectsOf(cmd, &chosen, dc.KindVirtualMachine.Noun()+"s")
	return cmd
}
