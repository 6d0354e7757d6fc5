package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var alarmColumns = []column[*hanokv1.Alarm]{
	{"Name", (*hanokv1.Alarm).GetName},
	{"ID", (*hanokv1.Alarm).GetId},
	{"Of", (*hanokv1.Alarm).GetKind},
	{"Enabled", func(o *hanokv1.Alarm) string {
		if o.Enabled {
			return "yes"
		}
		return "no"
	}},
	{"When", func(o *hanokv1.Alarm) string {
		if o.All {
			return strings.Join(o.Expressions, " AND ")
		}
		return strings.Join(o.Expressions, " OR ")
	}},
}

var triggeredColumns = []column[*hanokv1.TriggeredAlarm]{
	{"Color", (*hanokv1.TriggeredAlarm).GetColor},
	{"Alarm", (*hanokv1.TriggeredAlarm).GetAlarm},
	{"Object", (*hanokv1.TriggeredAlarm).GetObject},
	{"Object ID", (*hanokv1.TriggeredAlarm).GetObjectId},
	{"Since", func(o *hanokv1.TriggeredAlarm) string { return ago(o.Since) }},
	{"Acknowledged", func(o *hanokv1.TriggeredAlarm) string {
		if o.AcknowledgedBy == "" {
			return ""
		}
		return o.AcknowledgedBy + ", " + ago(o.Acknowledged)
	}},
}

// alarmKinds are the kinds of objects that alarms are of by what the command line calls them.
var alarmKinds = map[string]dc.Kind{"vm": dc.KindVirtualMachine, "host": dc.KindHost, "datastore": dc.KindDatastore, "folder": dc.KindFolder}

const expressionsHelp = `Each --when is one condition:

  metric cpu.usage.average above 75 yellow 90 red for 5m
  metric disk.used.latest of disk.capacity.latest above 75 yellow 85 red
  state runtime.connectionState is notResponding red
  state runtime.powerState is-not poweredOn yellow
  event VmPoweredOffEvent yellow

One of several is enough; with --all, all must be met. "hanok stats list" shows the counters.`

func (a *app) alarmCommands() *cobra.Command {
	alarms := a.client(command{use: "list", short: "List the alarms", args: cobra.NoArgs, do: func(ctx context.Context, c *client, _ []string) error {
		res, err := c.alarms.ListAlarms(ctx, &hanokv1.ListAlarmsRequest{})
		if err != nil {
			return err
		}
		return list(a, res.Alarms, alarmColumns)
	}})
	triggered := a.client(command{use: "triggered", short: "List the objects that are yellow or red", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.alarms.ListTriggeredAlarms(ctx, &hanokv1.ListTriggeredAlarmsRequest{})
			if err != nil {
				return err
			}
			return list(a, res.Triggered, triggeredColumns)
		}})
	remove := a.client(command{use: "delete ALARM", short: "Delete an alarm", args: cobra.ExactArgs(1), object: true, complete: alarmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			_, err := c.alarms.DeleteAlarm(ctx, &hanokv1.DeleteAlarmRequest{Alarm: args[0]})
			return err
		}})
	return group("alarm", "Alarms: what is not as it should be", alarms, triggered,
		a.alarmCreateCommand(), a.alarmUpdateCommand(), remove, a.alarmEnableCommand("enable", "Let an alarm watch again", true),
		a.alarmEnableCommand("disable", "Let an alarm watch nothing; what it has triggered is cleared", false),
		a.alarmStateCommand("acknowledge", "Say that you take care of an object that an alarm has found", func(ctx context.Context, c *client, alarm, kind, object string) error {
			_, err := c.alarms.AcknowledgeAlarm(ctx, &hanokv1.AcknowledgeAlarmRequest{Alarm: alarm, Kind: kind, Object: object})
			return err
		}),
		a.alarmStateCommand("reset", "Make an object that an alarm has found green again", func(ctx context.Context, c *client, alarm, kind, object string) error {
			_, err := c.alarms.ResetAlarm(ctx, &hanokv1.ResetAlarmRequest{Alarm: alarm, Kind: kind, Object: object})
			return err
		}))
}

func (a *app) alarmCreateCommand() *cobra.Command {
	req := &hanokv1.CreateAlarmRequest{}
	var of string
	cmd := a.client(command{use: "create NAME", short: "Make an alarm", long: "Make an alarm.\n\n" + expressionsHelp, args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			kind, err := alarmKind(of)
			if err != nil {
				return err
			}
			req.Name, req.Kind = args[0], string(kind)
			res, err := c.alarms.CreateAlarm(ctx, req)
			if err != nil {
				return err
			}
			return done(a, res.Alarm)
		}})
	flags := cmd.Flags()
	flags.StringVar(&of, "of", "vm", `what it watches: "vm", "host", "datastore" or "folder"`)
	flags.StringArrayVar(&req.Expressions, "when", nil, "a condition; may be given several times")
	flags.BoolVar(&req.All, "all", false, "all conditions must be met")
	flags.Float64Var(&req.TolerancePercent, "tolerance", 4, "how far back over a threshold a metric must come, in percent of it")
	flags.StringVar(&req.Description, "description", "", "what it is for")
	return cmd
}

func alarmKind(of string) (dc.Kind, error) {
	if kind, ok := alarmKinds[of]; ok {
		return kind, nil
	}
	return "", dc.Errorf(dc.Invalid, "there are no alarms of %q", of).Fix("name one of vm, host, datastore and folder")
}

func (a *app) alarmUpdateCommand() *cobra.Command {
	var (
		name, description string
		all               bool
		tolerance         float64
		when              []string
		cmd               *cobra.Command
	)
	cmd = a.client(command{use: "update ALARM", short: "Change an alarm", long: "Change an alarm. What is not named stays as it is.\n\n" + expressionsHelp,
		args: cobra.ExactArgs(1), object: true, complete: alarmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			req := &hanokv1.UpdateAlarmRequest{Alarm: args[0], Expressions: when}
			flags := cmd.Flags()
			if flags.Changed("name") {
				req.Name = &name
			}
			if flags.Changed("description") {
				req.Description = &description
			}
			if flags.Changed("all") {
				req.All = &all
			}
			if flags.Changed("tolerance") {
				req.TolerancePercent = &tolerance
			}
			res, err := c.alarms.UpdateAlarm(ctx, req)
			if err != nil {
				return err
			}
			return done(a, res.Alarm)
		}})
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "another name")
	flags.StringArrayVar(&when, "when", nil, "a condition, in the place of all that there are; may be given several times")
	flags.BoolVar(&all, "all", false, "whether all conditions must be met")
	flags.Float64Var(&tolerance, "tolerance", 0, "how far back over a threshold a metric must come, in percent of it")
	flags.StringVar(&description, "description", "", "what it is for")
	return cmd
}

func (a *app) alarmEnableCommand(use, short string, enabled bool) *cobra.Command {
	return a.client(command{use: use + " ALARM", short: short, args: cobra.ExactArgs(1), object: true, complete: alarmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			_, err := c.alarms.UpdateAlarm(ctx, &hanokv1.UpdateAlarmRequest{Alarm: args[0], Enabled: &enabled})
			return err
		}})
}

func (a *app) alarmStateCommand(use, short string, do func(ctx context.Context, c *client, alarm, kind, object string) error) *cobra.Command {
	return a.client(command{use: use + " ALARM OBJECT", short: short, args: cobra.ExactArgs(2), object: true, complete: alarmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			kind, err := kindOf(ctx, c, args[0])
			if err != nil {
				return err
			}
			return do(ctx, c, args[0], kind, args[1])
		}})
}

// kindOf returns the kind of the objects that an alarm watches.
func kindOf(ctx context.Context, c *client, alarm string) (string, error) {
	res, err := c.alarms.ListAlarms(ctx, &hanokv1.ListAlarmsRequest{})
	if err != nil {
		return "", err
	}
	for _, o := range res.Alarms {
		if o.Name == alarm || o.Id == alarm {
			return o.Kind, nil
		}
	}
	return "", dc.Errorf(dc.NotFound, "there is none of this name or ID").On(dc.Describe(dc.KindAlarm, alarm)).Fix(`look at "hanok alarm list"`)
}

func alarmNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.alarms.ListAlarms(ctx, &hanokv1.ListAlarmsRequest{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, o := range res.Alarms {
		names = append(names, o.Name)
	}
	return names, nil
}
