package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

var scheduleColumns = []column[*hanokv1.ScheduledTask]{
	{"Name", (*hanokv1.ScheduledTask).GetName},
	{"Enabled", func(o *hanokv1.ScheduledTask) string { return map[bool]string{true: "yes", false: "no"}[o.Enabled] }},
	{"When", (*hanokv1.ScheduledTask).GetWhen},
	{"Does", func(o *hanokv1.ScheduledTask) string { return doesText(o.Action) }},
	{"Next run", func(o *hanokv1.ScheduledTask) string { return moment(o.NextRun) }},
	{"Last run", func(o *hanokv1.ScheduledTask) string {
		if o.LastRun == nil {
			return ""
		}
		return moment(o.LastRun.Started) + ", " + runText(o.LastRun)
	}},
}

var scheduleDetails = []column[*hanokv1.ScheduledTask]{
	{"Task", func(o *hanokv1.ScheduledTask) string { return o.LastRun.GetTask() }},
	{"Failure", func(o *hanokv1.ScheduledTask) string {
		if o.LastRun.GetFailure() == nil {
			return ""
		}
		return convert.FromFailure(o.LastRun.Failure).Err().Error()
	}},
	{"Skipped", func(o *hanokv1.ScheduledTask) string {
		if o.Skipped == nil {
			return ""
		}
		return moment(o.Skipped) + ": " + o.SkippedReason
	}},
	{"Runs as", func(o *hanokv1.ScheduledTask) string {
		if o.ApiToken != "" {
			return o.RunsAs + " within the API token " + o.ApiToken
		}
		return o.RunsAs
	}},
	{"Changed", func(o *hanokv1.ScheduledTask) string { return o.ModifiedBy + ", " + ago(o.Modified) }},
	{"ID", (*hanokv1.ScheduledTask).GetId},
	{"Description", (*hanokv1.ScheduledTask).GetDescription},
}

// moment returns a time as the client's clocks show it.
func moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Local().Format("2006-01-02 15:04 MST")
}

func runText(r *hanokv1.ScheduledRun) string {
	switch {
	case r.State == string(dc.TaskSuccess):
		return "done"
	case r.State != string(dc.TaskError):
		return "running"
	case r.Failed > 0:
		return fmt.Sprintf("failed with %d of %d", r.Failed, r.Objects)
	}
	return "failed"
}

// doesText says what a scheduled task does, and with what.
func doesText(b *hanokv1.StartBulkRequest) string {
	text := b.GetOp()
	for verb, op := range scheduledOps {
		if string(op) == text {
			text = verb
		}
	}
	on := slices.Concat(b.GetVirtualMachines(), b.GetObjects())
	for kind, name := range map[string]string{"folder ": b.GetFolder(), "pool ": b.GetResourcePool()} {
		if name != "" {
			on = append(on, kind+name)
		}
	}
	for _, tag := range b.GetTags() {
		on = append(on, "tag "+tag)
	}
	slices.Sort(on[len(b.GetVirtualMachines())+len(b.GetObjects()):])
	return text + " " + strings.Join(on, ", ")
}

func (a *app) scheduleCommands() *cobra.Command {
	one := func(use, short string, do func(ctx context.Context, c *client, name string) error) *cobra.Command {
		return a.client(command{use: use + " NAME", short: short, args: cobra.ExactArgs(1), object: true, complete: scheduleNames,
			do: func(ctx context.Context, c *client, args []string) error { return do(ctx, c, args[0]) }})
	}
	enable := func(use, short string, enabled bool) *cobra.Command {
		return one(use, short, func(ctx context.Context, c *client, name string) error {
			_, err := c.schedules.UpdateScheduledTask(ctx, &hanokv1.UpdateScheduledTaskRequest{ScheduledTask: name, Enabled: &enabled})
			return err
		})
	}
	var async bool
	run := one("run", "Start a run at once, for whom it always runs for", func(ctx context.Context, c *client, name string) error {
		res, err := c.schedules.RunScheduledTask(ctx, &hanokv1.RunScheduledTaskRequest{ScheduledTask: name})
		if err != nil {
			return err
		}
		return a.await(ctx, c, res.Task, async)
	})
	asyncFlag(run, &async)
	return group("schedule", "Scheduled tasks: what is done with virtual machines and other objects by the clock",
		a.scheduleCreateCommand(),
		a.client(command{use: "list", short: "List the scheduled tasks, when they run next and how their last runs went", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.schedules.ListScheduledTasks(ctx, &hanokv1.ListScheduledTasksRequest{})
				if err != nil {
					return err
				}
				return list(a, res.ScheduledTasks, scheduleColumns)
			}}),
		one("show", "Show a scheduled task", func(ctx context.Context, c *client, name string) error {
			res, err := c.schedules.GetScheduledTask(ctx, &hanokv1.GetScheduledTaskRequest{ScheduledTask: name})
			if err != nil {
				return err
			}
			return show(a, res.ScheduledTask, scheduleColumns, scheduleDetails)
		}),
		a.scheduleUpdateCommand(),
		enable("enable", "Let a scheduled task run again", true), enable("disable", "Let a scheduled task not run by itself", false),
		run,
		one("delete", "Delete a scheduled task; a run that has started goes on", func(ctx context.Context, c *client, name string) error {
			_, err := c.schedules.DeleteScheduledTask(ctx, &hanokv1.DeleteScheduledTaskRequest{ScheduledTask: name})
			return err
		}))
}

const scheduleHelp = `

When it runs is one of

  --once TIME            "2026-12-24 18:00", "2026-12-24T18:00:00Z" or "+30m"
  --after-startup 5m     after each start of the manager
  --hourly :15           at this minute
  --daily 22:00
  --weekly mon,fri       at the time of --at
  --monthly 1            on this day, or the last of a shorter month; also "first-mon" to "last-sun"; at the time of --at

by the clocks of --zone. A time that they leave out in spring is the first moment after that; of one that they show twice in autumn it is the first.`

func (a *app) scheduleCreateCommand() *cobra.Command {
	var (
		when     whenFlags
		does     doesFlags
		disabled bool
		text     string
	)
	cmd := a.client(command{use: "create NAME [OBJECT...] --do WHAT", short: "Make a scheduled task", args: cobra.MinimumNArgs(1), object: true,
		long: "Make a scheduled task, which runs for you, with what you may do at that moment, for example\n\n" +
			"  hanok schedule create nightly --do shutdown --tag test --daily 22:00 --zone Europe/Berlin" + scheduleHelp,
		do: func(ctx context.Context, c *client, args []string) error {
			scheduler, err := when.scheduler(time.Now())
			if err != nil {
				return err
			}
			action, err := does.action(args[1:])
			if err != nil {
				return err
			}
			res, err := c.schedules.CreateScheduledTask(ctx, &hanokv1.CreateScheduledTaskRequest{Name: args[0], Description: text, Disabled: disabled,
				Scheduler: scheduler, Action: action})
			if err != nil {
				return err
			}
			return done(a, res.ScheduledTask)
		}})
	when.add(cmd)
	does.add(a, cmd)
	required(cmd, "do")
	cmd.Flags().BoolVar(&disabled, "disabled", false, "let it not run by itself yet")
	cmd.Flags().StringVar(&text, "description", "", "what it is for")
	return cmd
}

func (a *app) scheduleUpdateCommand() *cobra.Command {
	var (
		when       whenFlags
		does       doesFlags
		name, text string
		cmd        *cobra.Command
	)
	cmd = a.client(command{use: "update NAME [--do WHAT [OBJECT...]]", short: "Change a scheduled task", args: cobra.MinimumNArgs(1), object: true, complete: scheduleNames,
		long: "Change a scheduled task. What is not named stays as it is; --do replaces all that it does, and on what. Who changes when it runs or\nwhat it does is who it runs for." + scheduleHelp,
		do: func(ctx context.Context, c *client, args []string) error {
			req := &hanokv1.UpdateScheduledTaskRequest{ScheduledTask: args[0], Name: given(cmd, "name", &name), Description: given(cmd, "description", &text)}
			var err error
			if when.given() {
				if req.Scheduler, err = when.scheduler(time.Now()); err != nil {
					return err
				}
			}
			if does.do != "" || len(args) > 1 || !does.chosen.empty() {
				if req.Action, err = does.action(args[1:]); err != nil {
					return err
				}
			}
			res, err := c.schedules.UpdateScheduledTask(ctx, req)
			if err != nil {
				return err
			}
			return done(a, res.ScheduledTask)
		}})
	when.add(cmd)
	does.add(a, cmd)
	cmd.Flags().StringVar(&name, "name", "", "another name")
	cmd.Flags().StringVar(&text, "description", "", "what it is for")
	return cmd
}

// scheduledOps are what a scheduled task does, by the words of "hanok vm" and its neighbours.
var scheduledOps = map[string]dc.BulkOp{
	"start": dc.BulkOp(dc.PowerOn), "stop": dc.BulkOp(dc.PowerOff), "reset": dc.BulkOp(dc.Reset), "suspend": dc.BulkOp(dc.Suspend),
	"shutdown": dc.BulkOp(dc.ShutdownGuest), "reboot": dc.BulkOp(dc.RebootGuest), "update": dc.BulkReconfigure, "clone": dc.BulkClone,
	"template": dc.BulkTemplate, "delete": dc.BulkDelete, "move": dc.BulkMove, "attach-tag": dc.BulkAttachTag, "detach-tag": dc.BulkDetachTag,
	"set-attribute": dc.BulkCustomValue, "enter-maintenance": dc.BulkEnterMaintenance, "exit-maintenance": dc.BulkExitMaintenance,
}

// doesFlags say what a scheduled task does.
type doesFlags struct {
	do, kind, to, tag, attribute, value string
	timeout                             time.Duration
	confirm, cpus, cores                int32
	memory                              sizeFlag
	clone, host, datastore              string
	template                            bool
	chosen                              selection
}

func (d *doesFlags) add(a *app, cmd *cobra.Command) {
	verbs := []string{"start", "stop", "shutdown", "reboot", "reset", "suspend", "update", "clone", "template", "delete", "move", "attach-tag", "detach-tag",
		"set-attribute", "enter-maintenance", "exit-maintenance"}
	f := cmd.Flags()
	f.StringVar(&d.do, "do", "", "what it does: "+strings.Join(verbs, ", "))
	f.StringVar(&d.kind, "kind", "vm", "the kind of object: "+objectKindsHelp)
	f.StringVar(&d.to, "to", "", "the folder to move them into, or for the clones")
	f.Int32Var(&d.cpus, "cpus", 0, "the number of virtual CPUs to update them to, or of the clones")
	f.Int32Var(&d.cores, "cores-per-socket", 0, "how many CPUs are one socket, to update them to")
	f.Var(&d.memory, "memory", "the memory to update them to, or of the clones")
	f.StringVar(&d.clone, "clone-name", "{name}-{date}", `the name of clones; "{name}" is the source's, "{date}" and "{time}" those of the run`)
	f.StringVar(&d.host, "host", "", "the host of clones")
	f.StringVar(&d.datastore, "datastore", "", "the datastore of clones")
	f.BoolVar(&d.template, "template", false, "make templates of clones")
	f.StringVar(&d.tag, "use-tag", "", "the tag to attach or detach")
	f.StringVar(&d.attribute, "attribute", "", "the custom attribute to set")
	f.StringVar(&d.value, "value", "", "its value")
	f.DurationVar(&d.timeout, "timeout", 0, "how long the guest has to shut down or reboot (default 2m)")
	f.Int32Var(&d.confirm, "confirm", 0, "how many machines a run may delete at most, where those are many")
	a.selectsAny(cmd, &d.chosen)
	a.completeFlag(cmd, "to", folderNames)
	a.completeFlag(cmd, "use-tag", tagNames)
	a.completeFlag(cmd, "host", hostNames)
	a.completeFlag(cmd, "datastore", datastoreNames)
	a.completeFlag(cmd, "attribute", attributeNames)
}

// action returns what is to be done with the objects that are named, and those that are selected.
func (d *doesFlags) action(objects []string) (*hanokv1.StartBulkRequest, error) {
	op, ok := scheduledOps[d.do]
	if !ok {
		return nil, dc.Errorf(dc.Invalid, "--do %q is nothing that is done by the clock", d.do).Fix(`look at "hanok schedule create --help"`)
	}
	if len(objects) == 0 && d.chosen.empty() {
		return nil, dc.Errorf(dc.Invalid, "no object is named or selected").Fix("name some, or select them with --folder, --pool or --tag")
	}
	kind, err := objectKind(d.kind)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.StartBulkRequest{Op: string(op), Kind: kind, Objects: objects, Folder: d.chosen.folder, ResourcePool: d.chosen.pool, Tags: d.chosen.tags,
		TargetFolder: d.to, Tag: d.tag, CustomField: d.attribute, Value: d.value, Confirm: d.confirm}
	if d.timeout != 0 {
		out.Timeout = durationpb.New(d.timeout)
	}
	switch op {
	case dc.BulkReconfigure:
		out.Change = &hanokv1.HardwareChange{Cpus: d.cpus, CoresPerSocket: d.cores, MemoryMb: int64(d.memory) >> 20}
	case dc.BulkClone:
		out.Clone = &hanokv1.CloneVirtualMachineRequest{Name: d.clone, Folder: d.to, Host: d.host, Datastore: d.datastore, Cpus: d.cpus,
			MemoryMb: int64(d.memory) >> 20, Template: d.template}
		out.TargetFolder = ""
	}
	return out, nil
}

func scheduleNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.schedules.ListScheduledTasks(ctx, &hanokv1.ListScheduledTasksRequest{})
	return namesOf(res.GetScheduledTasks()), err
}
