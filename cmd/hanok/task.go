package main

import (
	"context"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
)

var taskColumns = []column[*hanokv1.Task]{
	{"ID", (*hanokv1.Task).GetId},
	{"Type", (*hanokv1.Task).GetType},
	{"Target", (*hanokv1.Task).GetTarget},
	{"State", (*hanokv1.Task).GetState},
	{"Percent", func(o *hanokv1.Task) string { return strconv.Itoa(int(o.Percent)) }},
	{"User", (*hanokv1.Task).GetUser},
	{"Created", func(o *hanokv1.Task) string { return ago(o.Created) }},
}

// taskDetails are shown of a single task besides the columns.
var taskDetails = []column[*hanokv1.Task]{
	{"Doing", (*hanokv1.Task).GetMessage},
	{"Completed", func(o *hanokv1.Task) string { return ago(o.Completed) }},
	{"Failure", func(o *hanokv1.Task) string { return o.Failure.GetMessage() }},
	{"Next", func(o *hanokv1.Task) string { return o.Failure.GetRemedy() }},
}

func (a *app) taskCommands() *cobra.Command {
	var parts bool
	all := a.client(command{use: "list", short: "List tasks, newest first", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.tasks.ListTasks(ctx, &hanokv1.ListTasksRequest{})
			if err != nil {
				return err
			}
			if !parts {
				res.Tasks = slices.DeleteFunc(res.Tasks, func(t *hanokv1.Task) bool { return t.BatchId != "" })
			}
			return list(a, res.Tasks, taskColumns)
		}})
	all.Flags().BoolVar(&parts, "parts", false, "with the parts of bulk tasks")
	return group("task", "Tasks: long operations", all,
		a.client(command{use: "get TASK", short: "Show one task", args: cobra.ExactArgs(1), object: true, complete: taskIDs,
			do: func(ctx context.Context, c *client, args []string) error {
				res, err := c.tasks.GetTask(ctx, &hanokv1.GetTaskRequest{Task: args[0]})
				if err != nil {
					return err
				}
				return show(a, res.Task, taskColumns, taskDetails)
			}}),
		a.client(command{use: "cancel TASK", short: "Ask a task to stop and undo what it did", args: cobra.ExactArgs(1), object: true, complete: openTasks,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.tasks.CancelTask(ctx, &hanokv1.CancelTaskRequest{Task: args[0]})
				return err
			}}),
		a.client(command{use: "wait TASK", short: "Wait for a task; fails if the task fails", args: cobra.ExactArgs(1), object: true, complete: openTasks,
			do: func(ctx context.Context, c *client, args []string) error {
				res, err := c.tasks.GetTask(ctx, &hanokv1.GetTaskRequest{Task: args[0]})
				if err != nil {
					return err
				}
				return a.await(ctx, c, res.Task, false)
			}}),
	)
}

func taskIDs(ctx context.Context, c *client) ([]string, error) {
	return tasksThat(ctx, c, func(*hanokv1.Task) bool { return true })
}

func openTasks(ctx context.Context, c *client) ([]string, error) {
	return tasksThat(ctx, c, func(t *hanokv1.Task) bool { return t.Completed == nil })
}

func tasksThat(ctx context.Context, c *client, match func(*hanokv1.Task) bool) (ids []string, _ error) {
	res, err := c.tasks.ListTasks(ctx, &hanokv1.ListTasksRequest{})
	for _, t := range res.GetTasks() {
		if match(t) {
			ids = append(ids, t.Id)
		}
	}
	return ids, err
}
