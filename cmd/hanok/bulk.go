package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// selection is what selects virtual machines besides their names.
type selection struct {
	folder, pool string
	tags         []string
}

// selects adds the flags of a selection to a command.
func (a *app) selects(cmd *cobra.Command, s *selection) {
	f := cmd.Flags()
	f.StringVar(&s.folder, "folder", "", "all virtual machines below this folder")
	f.StringVar(&s.pool, "pool", "", "all virtual machines in this resource pool or below it")
	f.StringArrayVar(&s.tags, "tag", nil, "all virtual machines with this tag; may be given several times, for those with all of them")
	a.completeFlag(cmd, "folder", folderNames)
	a.completeFlag(cmd, "pool", poolNames)
	a.completeFlag(cmd, "tag", tagNames)
}

func (s *selection) empty() bool { return s.folder == "" && s.pool == "" && len(s.tags) == 0 }

// arguments wants at least others arguments, and names of virtual machines besides unless they are selected.
func (s *selection) arguments(others int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > others || len(args) == others && !s.empty() {
			return nil
		}
		return errors.New("name virtual machines, or select them with --folder, --pool or --tag")
	}
}

// bulk does something with virtual machines: by the call single where one is named and none selected, and else by a bulk task.
func (a *app) bulk(ctx context.Context, c *client, s *selection, names []string, async bool, req *hanokv1.StartBulkRequest,
	single func(name string) (*hanokv1.Task, error)) error {
	if len(names) == 1 && s.empty() {
		t, err := single(names[0])
		if err != nil || t == nil {
			return err
		}
		return a.await(ctx, c, t, async)
	}
	a.object = ""
	req.VirtualMachines, req.Folder, req.ResourcePool, req.Tags = names, s.folder, s.pool, s.tags
	res, err := c.bulk.StartBulk(ctx, req)
	if err != nil {
		return err
	}
	return a.await(ctx, c, res.Task, async)
}

var resultColumns = []column[*hanokv1.TaskResult]{
	{"Name", (*hanokv1.TaskResult).GetName},
	{"Result", func(o *hanokv1.TaskResult) string {
		switch {
		case o.State == string(dc.TaskSuccess):
			return "done"
		case o.Failure.GetKind() == string(dc.Canceled):
			return "canceled"
		}
		return "failed"
	}},
	{"Failure", func(o *hanokv1.TaskResult) string {
		f := o.Failure
		text := f.GetMessage()
		if f.GetObject() != "" && !strings.HasSuffix(f.Object, `"`+o.Name+`"`) {
			text = f.Object + ": " + text
		}
		if f.GetRemedy() != "" {
			text += "; " + f.Remedy
		}
		return text
	}},
}

// results prints how it went with each object of a bulk task. The error is that of the task, or errSilent where an object has one.
func (a *app) results(t *hanokv1.Task) error {
	var err error
	if a.json {
		err = done(a, t)
	} else {
		err = list(a, t.Results, resultColumns)
	}
	if err != nil {
		return err
	}
	if t.State == string(dc.TaskError) {
		return failureOf(t)
	}
	for _, r := range t.Results {
		if r.State != string(dc.TaskSuccess) {
			return errSilent
		}
	}
	return nil
}
