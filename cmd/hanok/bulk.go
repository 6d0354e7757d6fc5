package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// selection is what selects objects besides their names.
type selection struct {
	folder, pool string
	tags         []string
}

// selects adds the flags of a selection of virtual machines to a command.
func (a *app) selects(cmd *cobra.Command, s *selection) {
	a.selectsOf(cmd, s, dc.KindVirtualMachine.Noun()+"s")
	a.selectsPool(cmd, s)
}

// selectsAny adds the flags of a selection of objects of the kind that the command's flag names, or of virtual machines.
func (a *app) selectsAny(cmd *cobra.Command, s *selection) {
	a.selectsOf(cmd, s, "virtual machines, or objects of --kind,")
	a.selectsPool(cmd, s)
}

func (a *app) selectsPool(cmd *cobra.Command, s *selection) {
	cmd.Flags().StringVar(&s.pool, "pool", "", "all virtual machines in this resource pool or below it")
	a.completeFlag(cmd, "pool", poolNames)
}

// selectsOf adds the flags of a selection of any objects, which what names, to a command.
func (a *app) selectsOf(cmd *cobra.Command, s *selection, what string) {
	f := cmd.Flags()
	f.StringVar(&s.folder, "folder", "", "all "+what+" below this folder")
	f.StringArrayVar(&s.tags, "tag", nil, "all "+what+" with this tag; may be given several times, for those with all of them")
	a.completeFlag(cmd, "folder", folderNames)
	a.completeFlag(cmd, "tag", tagNames)
}

func (s *selection) empty() bool { return s.folder == "" && s.pool == "" && len(s.tags) == 0 }

// arguments wants at least others arguments, and names of objects besides unless they are selected.
func (s *selection) arguments(others int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > others || len(args) == others && !s.empty() {
			return nil
		}
		return errors.New("name objects, or select them: see the flags")
	}
}

// bulk does something with objects of a kind, "" for any: by the call single where one is named and none selected, and else by a bulk task.
func (a *app) bulk(ctx context.Context, c *client, kind dc.Kind, s *selection, names []string, async bool, req *hanokv1.StartBulkRequest,
	single func(name string) (*hanokv1.Task, error)) error {
	if len(names) == 1 && s.empty() {
		t, err := single(names[0])
		if err != nil || t == nil {
			return err
		}
		return a.await(ctx, c, t, async)
	}
	a.object = ""
	req.Folder, req.ResourcePool, req.Tags = s.folder, s.pool, s.tags
	if kind == dc.KindVirtualMachine {
		req.VirtualMachines = names // which managers of the version before know, too
	} else {
		req.Kind, req.Objects = string(kind), names
	}
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
