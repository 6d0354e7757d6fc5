package client

import (
	"context"
	"time"

	"connectrpc.com/connect"

	"hanok/api/hanok/v1"
)

// Await follows the machines until one with the name is as cond wants it, and returns it. The manager has to stay.
func (cl *Client) Await(t TB, name, what string, cond func(*hanokv1.VirtualMachine) bool) *hanokv1.VirtualMachine {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := cl.Watch.Watch(ctx, &hanokv1.WatchRequest{Kinds: []string{"VirtualMachine"}})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var last *hanokv1.VirtualMachine
	for stream.Receive() {
		for _, change := range stream.Msg().Changes {
			if vm := change.GetVirtualMachine(); vm != nil && vm.Name == name {
				if last = vm; cond(vm) {
					return vm
				}
			}
		}
	}
	t.Fatalf("waiting until %s %s: %v; it was last\n%v", name, what, stream.Err(), last)
	return nil
}

// HasAddress is true of a machine whose guest says where it is.
func HasAddress(vm *hanokv1.VirtualMachine) bool { return vm.AgentRunning && len(vm.Addresses) > 0 }

// Ended waits until a task has ended, even when the manager goes away meanwhile. It returns nil when ctx ends first, or when the
// manager does not know the task or this client any more.
func (cl *Client) Ended(ctx context.Context, id string) *hanokv1.Task {
	for ctx.Err() == nil {
		stream, err := cl.Tasks.WatchTask(ctx, &hanokv1.WatchTaskRequest{Task: id})
		if err == nil {
			for stream.Receive() {
				if t := stream.Msg().Task; t.Completed != nil {
					stream.Close()
					return t
				}
			}
			err = stream.Err()
			stream.Close()
		}
		if code := connect.CodeOf(err); code == connect.CodeNotFound || code == connect.CodeUnauthenticated {
			return nil
		}
		Rest(ctx)
	}
	return nil
}

// Rest waits a moment, as a client does before it tries again what has failed: the manager is away, or it refuses.
func Rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}
