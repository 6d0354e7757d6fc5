package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"google.golang.org/protobuf/types/known/timestamppb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var eventColumns = []column[*hanokv1.Event]{
	{"Time", func(o *hanokv1.Event) string { return ago(o.Created) }},
	{"Type", (*hanokv1.Event).GetType},
	{"Target", (*hanokv1.Event).GetTarget},
	{"User", (*hanokv1.Event).GetUser},
	{"Message", (*hanokv1.Event).GetMessage},
}

func (a *app) eventCommands() *cobra.Command {
	var (
		req        hanokv1.ListEventsRequest
		limit      int32
		follow     bool
		noSessions bool
		since      time.Duration
	)
	events := a.client(command{use: "list", short: "List the newest events", args: cobra.NoArgs,
		long: "List the newest events, the newest last. With --follow and -o json, each line is one event.",
		do: func(ctx context.Context, c *client, _ []string) error {
			if follow {
				return a.followEvents(ctx, c, int(limit))
			}
			req.Limit = limit
			if noSessions {
				req.Types = append(req.Types, "!User*SessionEvent")
			}
			if since > 0 {
				req.Since = timestamppb.New(time.Now().Add(-since))
			}
			res, err := c.events.ListEvents(ctx, &req)
			if err != nil {
				return err
			}
			return list(a, res.Events, eventColumns)
		}})
	events.Flags().Int32Var(&limit, "limit", 100, "how many at most")
	events.Flags().StringSliceVar(&req.Types, "type", nil, `only events whose class fits, such as "Host*", or "!Alarm*" for all others; may be given several times`)
	events.Flags().StringVar(&req.TargetId, "target", "", "only those of the object with this ID")
	events.Flags().StringVar(&req.User, "user", "", "only what this user has caused")
	events.Flags().DurationVar(&since, "since", 0, "only so much of the past, such as 1h (default: all)")
	events.Flags().BoolVar(&noSessions, "no-sessions", false, "leave out logins and logouts")
	events.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new events until Ctrl-C")
	for _, filter := range []string{"type", "target", "user", "since", "no-sessions"} {
		events.MarkFlagsMutuallyExclusive("follow", filter)
	}
	return group("event", "Events: what happened", events)
}

// followEvents prints the newest events, and each new one as it happens, until ctx ends.
func (a *app) followEvents(ctx context.Context, c *client, limit int) error {
	stream, err := c.watch.Watch(ctx, &hanokv1.WatchRequest{Kinds: []string{string(dc.KindEvent)}})
	if err != nil {
		return err
	}
	defer stream.Close()
	var (
		waiting []*hanokv1.Event // of a snapshot that is not complete
		last    string           // the ID printed last: IDs of events are in the order of time
	)
	for stream.Receive() {
		for _, change := range stream.Msg().Changes {
			if e := change.GetEvent(); e != nil && e.Id > last {
				waiting = append(waiting, e)
			}
		}
		if stream.Msg().Revision == 0 {
			continue
		}
		if last == "" && len(waiting) > limit {
			waiting = waiting[len(waiting)-limit:]
		}
		for _, e := range waiting {
			if err := a.printEvent(e); err != nil {
				return err
			}
			last = e.Id
		}
		waiting = nil
	}
	if ctx.Err() != nil {
		return nil // Ctrl-C is how this ends
	}
	return stream.Err()
}

func (a *app) printEvent(e *hanokv1.Event) error {
	if a.json {
		return a.printLine(e)
	}
	_, err := fmt.Fprintf(a.stdout, "%s  %s  %s\n", e.Created.AsTime().Local().Format(time.DateTime), e.Type, cell(e.Message))
	return err
}
