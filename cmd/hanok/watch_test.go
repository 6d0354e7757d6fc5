package main

import (
	"context"
	"fmt"
	"testing"

	"connectrpc.com/connect"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
	"hanok/host/sim"
)

// follower is a watch whose responses a test reads.
type follower struct {
	t      *testing.T
	stream *connect.ServerStreamForClient[hanokv1.WatchResponse]
	// revision is the one to resume from.
	revision int64
}

func watchKinds(t *testing.T, c *client, since int64, kinds ...string) *follower {
	t.Helper()
	stream, err := c.watch.Watch(t.Context(), &hanokv1.WatchRequest{Kinds: kinds, SinceRevision: since})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Close() })
	return &follower{t: t, stream: stream}
}

// next returns the changes up to the next complete revision, and whether they are a snapshot.
func (f *follower) next() (changes []*hanokv1.Change, reset bool) {
	f.t.Helper()
	for f.stream.Receive() {
		msg := f.stream.Msg()
		reset = reset || msg.Reset_
		changes = append(changes, msg.Changes...)
		if msg.Revision != 0 {
			f.revision = msg.Revision
			return changes, reset
		}
	}
	f.t.Fatalf("the watch ended: %v", f.stream.Err())
	return nil, false
}

func TestWatch(t *testing.T) {
	c := startCenter(t, sim.Options{})
	ctx := context.Background()
	create := func(name string) *dc.PortGroup {
		t.Helper()
		all, err := c.manager.Inventory.Datacenters(dc.System)
		if err != nil {
			t.Fatal(err)
		}
		pg, err := c.manager.Inventory.CreatePortGroup(ctx, dc.System, all[0].ID, name)
		if err != nil {
			t.Fatal(err)
		}
		return pg
	}

	f := watchKinds(t, c.client(t), 0, "PortGroup", "Host")
	changes, reset := f.next()
	if !reset || len(changes) != 2 || changes[0].GetHost().GetName() != "alpha" || changes[1].GetPortGroup().GetName() != "VM Network" {
		t.Fatalf("the snapshot (reset %v) is %v", reset, changes)
	}
	before := f.revision

	lan := create("lan")
	changes, reset = f.next()
	if reset || len(changes) != 1 || changes[0].GetPortGroup().GetId() != string(lan.ID) || changes[0].Revision <= before {
		t.Errorf("after a creation: reset %v, %v", reset, changes)
	}
	if err := c.manager.Inventory.DeletePortGroup(ctx, dc.System, lan.ID); err != nil {
		t.Fatal(err)
	}
	changes, _ = f.next()
	if len(changes) != 1 || changes[0].Object != nil || changes[0].Id != string(lan.ID) || changes[0].Kind != "PortGroup" {
		t.Errorf("after a deletion: %v", changes)
	}

	t.Run("resume", func(t *testing.T) {
		f := watchKinds(t, c.client(t), before, "PortGroup")
		if changes, reset := f.next(); reset || len(changes) != 2 {
			t.Errorf("reset %v, %v; want the creation and the deletion", reset, changes)
		}
	})
	t.Run("resume from nowhere", func(t *testing.T) {
		f := watchKinds(t, c.client(t), 1<<40, "PortGroup")
		if changes, reset := f.next(); !reset || len(changes) != 1 {
			t.Errorf("reset %v, %v; want a snapshot", reset, changes)
		}
	})
	t.Run("pages", func(t *testing.T) {
		const n = 450
		for i := range n {
			create(fmt.Sprintf("net%d", i))
		}
		f := watchKinds(t, c.client(t), 0, "PortGroup")
		changes, reset := f.next()
		ids := map[string]bool{}
		for _, change := range changes {
			ids[change.Id] = true
		}
		if !reset || len(ids) != n+1 || len(changes) != n+1 {
			t.Errorf("reset %v, %d changes of %d objects, want %d", reset, len(changes), len(ids), n+1)
		}
	})
	t.Run("unknown kind", func(t *testing.T) {
		for _, kind := range []string{"User", "Secret", "Session", "nonsense"} {
			stream, err := c.client(t).watch.Watch(ctx, &hanokv1.WatchRequest{Kinds: []string{kind}})
			if err == nil {
				stream.Receive()
				err = stream.Err()
				stream.Close()
			}
			if dc.KindOf(convert.FromError(err)) != dc.Invalid {
				t.Errorf("%s: %v", kind, err)
			}
		}
	})
	t.Run("session ends", func(t *testing.T) {
		token := c.readOnly(t)
		viewer := c.clientOf(t, token)
		f := watchKinds(t, viewer, 0, "PortGroup")
		f.next()
		if _, err := viewer.session.Logout(ctx, &hanokv1.LogoutRequest{}); err != nil {
			t.Fatal(err)
		}
		if f.stream.Receive() || dc.KindOf(convert.FromError(f.stream.Err())) != dc.Unauthenticated {
			t.Errorf("the watch outlives its session: %v, %v", f.stream.Msg(), f.stream.Err())
		}
	})
}
