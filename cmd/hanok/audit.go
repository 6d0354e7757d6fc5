package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/manager/audit"
)

var auditColumns = []column[*hanokv1.AuditRecord]{
	{"Number", func(o *hanokv1.AuditRecord) string { return fmt.Sprint(o.Number) }},
	{"Time", func(o *hanokv1.AuditRecord) string { return o.Time.AsTime().Local().Format(time.DateTime) }},
	{"User", func(o *hanokv1.AuditRecord) string {
		if o.ApiToken != "" {
			return o.User + " (token " + o.ApiToken + ")"
		}
		return o.User
	}},
	{"From", (*hanokv1.AuditRecord).GetFrom},
	{"Call", (*hanokv1.AuditRecord).GetCall},
	{"Objects", func(o *hanokv1.AuditRecord) string {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(o.Objects)) {
			all = append(all, name+"="+o.Objects[name])
		}
		return strings.Join(all, " ")
	}},
	{"Result", (*hanokv1.AuditRecord).GetResult},
	{"Message", (*hanokv1.AuditRecord).GetMessage},
}

var auditProblemColumns = []column[*hanokv1.AuditProblem]{
	{"File", (*hanokv1.AuditProblem).GetFile},
	{"Line", func(o *hanokv1.AuditProblem) string { return fmt.Sprint(o.Line) }},
	{"Record", func(o *hanokv1.AuditProblem) string { return fmt.Sprint(o.Number) }},
	{"Found", (*hanokv1.AuditProblem).GetMessage},
}

func (a *app) auditCommands() *cobra.Command {
	return group("audit", "The audit log: who called what", a.auditListCommand(), a.auditVerifyCommand())
}

func (a *app) auditListCommand() *cobra.Command {
	var (
		req   hanokv1.ListAuditRequest
		since time.Duration
	)
	cmd := a.client(command{use: "list", short: "List the newest records", args: cobra.NoArgs,
		long: `List the newest records, the newest last: every call that changes something, that was denied, or that logs in.

A call that changes something has two with the same ID ("requestId" of -o json): "begun", before it is carried out, and how it ended,
"ok" or the kind of its error.`,
		do: func(ctx context.Context, c *client, _ []string) error {
			if since > 0 {
				req.Since = timestamppb.New(time.Now().Add(-since))
			}
			res, err := c.audit.ListAudit(ctx, &req)
			if err != nil {
				return err
			}
			return list(a, res.Records, auditColumns)
		}})
	cmd.Flags().Int32Var(&req.Limit, "limit", 100, "how many at most")
	cmd.Flags().StringVar(&req.User, "user", "", "only what this user has called")
	cmd.Flags().StringVar(&req.Call, "call", "", `only calls that fit, such as "UserService.*"`)
	cmd.Flags().StringVar(&req.Object, "object", "", "only calls that named this")
	cmd.Flags().StringVar(&req.Result, "result", "", `only what ended so: "ok", "begun", "Denied", "Unauthenticated" and so on`)
	cmd.Flags().StringVar(&req.RequestId, "request", "", "only the call with this ID")
	cmd.Flags().DurationVar(&since, "since", 0, "only so much of the past, such as 1h (default: all)")
	return cmd
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var head string
	offline := false
	cmd := a.client(command{use: "verify", short: "See whether the audit log was tampered with; fails if so", args: cobra.NoArgs,
		long: `See whether the audit log was tampered with; fails if so.

Each record has the checksum of the one before: what was changed, removed, inserted or reordered is found, with its place. The
running manager knows the newest record, too. With --offline, the log in the DATA folder (--data) is read without a manager.

Whoever can write to the disk can make a whole new chain. Keep the head that this prints elsewhere, and give it with --head
the next time: the log must still have that record.`,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.audit.VerifyAudit(ctx, &hanokv1.VerifyAuditRequest{Head: head})
			if err != nil {
				return err
			}
			return a.auditReport(res.Report)
		}})
	online := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !offline {
			return online(cmd, args)
		}
		return a.service(func(context.Context) error {
			report, err := audit.Verify(filepath.Join(a.data, "manager", "audit"), head)
			if err != nil {
				return err
			}
			return a.auditReport(convert.AuditReport(report))
		})(cmd, args)
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "read the DATA folder, without a manager")
	cmd.Flags().StringVar(&head, "head", "", "the head that an earlier verification has printed")
	return cmd
}

// auditReport prints a report, and fails where it has problems.
func (a *app) auditReport(r *hanokv1.AuditReport) error {
	var err error
	switch {
	case a.json:
		err = a.printJSON(appendMessage(nil, r.ProtoReflect()))
	case len(r.Problems) > 0:
		err = list(a, r.Problems, auditProblemColumns)
	default:
		fmt.Fprintf(a.stdout, "the chain holds: %d records, %d to %d\n", r.Records, r.First, r.Last)
		if r.Gaps > 0 {
			fmt.Fprintf(a.stdout, "crashes have left %d unfinished records\n", r.Gaps)
		}
		fmt.Fprintf(a.stdout, "head %s\n", r.Head)
	}
	if err == nil && len(r.Problems) > 0 {
		return errSilent
	}
	return err
}
