package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// asyncFlag adds the flag of all commands that start a task.
func asyncFlag(cmd *cobra.Command, async *bool) {
	cmd.Flags().BoolVar(async, "async", false, "print the task and don't wait for it")
}

// await shows the progress of a task until it has ended, and prints it as JSON where that was asked for. The error is the
// task's failure. With async it only prints the task.
func (a *app) await(ctx context.Context, c *client, t *hanokv1.Task, async bool) error {
	if async {
		if a.json {
			return done(a, t)
		}
		_, err := fmt.Fprintln(a.stdout, t.Id)
		return err
	}
	t, err := a.follow(ctx, c, t)
	if ctx.Err() != nil {
		return a.leave(t)
	}
	if err != nil {
		return a.lost(c, t, err)
	}
	if len(t.Results) > 0 {
		return a.results(t)
	}
	if t.State == string(dc.TaskError) {
		return failureOf(t)
	}
	return done(a, t)
}

// follow shows a task until it has ended, and returns it as it was seen last.
func (a *app) follow(ctx context.Context, c *client, t *hanokv1.Task) (*hanokv1.Task, error) {
	p := &progressLine{app: a}
	defer p.end()
	stream, err := c.tasks.WatchTask(ctx, &hanokv1.WatchTaskRequest{Task: t.Id})
	if err != nil {
		return t, err
	}
	defer stream.Close()
	for stream.Receive() {
		t = stream.Msg().Task
		p.show(t)
	}
	if err := stream.Err(); err != nil {
		return t, err
	}
	if t.State != string(dc.TaskSuccess) && t.State != string(dc.TaskError) {
		return t, &dc.Error{Kind: dc.Unavailable, Message: "the server ended the stream"}
	}
	return t, nil
}

// leave says how to come back to a task that the user no longer waits for.
func (a *app) leave(t *hanokv1.Task) error {
	return &dc.Error{Kind: dc.Canceled, Message: fmt.Sprintf("no longer waiting; the task %s goes on", t.Id),
		Remedy: fmt.Sprintf("wait for it with \"hanok task wait %s\", or stop it with \"hanok task cancel %s\"", t.Id, t.Id)}
}

// lost says how to come back to a task whose server went away.
func (a *app) lost(c *client, t *hanokv1.Task, err error) error {
	err = c.explain(err)
	if dc.KindOf(err) != dc.Unavailable {
		return err
	}
	return &dc.Error{Kind: dc.Unavailable, Message: fmt.Sprintf("lost sight of the task %s, which goes on: %s", t.Id, dc.FailureOf(err).Message),
		Remedy: fmt.Sprintf("wait for it with \"hanok task wait %s\"", t.Id), Err: err}
}

// failureOf returns why a task failed.
func failureOf(t *hanokv1.Task) error {
	if t.Failure == nil {
		return &dc.Error{Kind: dc.Internal, Message: fmt.Sprintf("the task %s failed and does not say why", t.Id)}
	}
	return convert.FromFailure(t.Failure).Err()
}

// progressLine shows a task on stderr: on a terminal one line that is written again and again, else a line for each new
// thing that the task does.
type progressLine struct {
	*app
	last  string
	width int
}

func (p *progressLine) show(t *hanokv1.Task) {
	doing := cmp.Or(t.Message, t.State)
	switch {
	case t.State == string(dc.TaskSuccess):
		doing = "done"
	case t.State == string(dc.TaskError):
		doing = "failed"
	case t.Undoing:
		doing = "undoing: " + doing
	case t.Message == "" && int(t.Cursor) < len(t.Steps):
		doing = t.Steps[t.Cursor]
	}
	head := fmt.Sprintf("%s %s", t.Type, t.Target)
	if !p.progress {
		if line := fmt.Sprintf("%s: %s", head, doing); line != p.last {
			p.last = line
			fmt.Fprintln(p.stderr, line)
		}
		return
	}
	line := fmt.Sprintf("%s  %3d %%  %s", head, t.Percent, doing)
	fmt.Fprintf(p.stderr, "\r%s%s", line, strings.Repeat(" ", max(0, p.width-len(line))))
	p.last, p.width = line, len(line)
}

// end leaves the line as it is.
func (p *progressLine) end() {
	if p.progress && p.last != "" {
		fmt.Fprintln(p.stderr)
	}
}
