package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// watchCommand prints every change. It is made for scripts and for looking at the system at work.
func (a *app) watchCommand() *cobra.Command {
	var since int64
	cmd := a.client(command{use: "watch [KIND]...", short: "Print all objects, and then every change until Ctrl-C", args: cobra.ArbitraryArgs,
		long: fmt.Sprintf("Print all objects, and then every change until Ctrl-C.\n\nKinds: %v. With -o json, each line is one change.", convert.WatchKinds()),
		complete: func(context.Context, *client) (names []string, _ error) {
			for _, kind := range convert.WatchKinds() {
				names = append(names, string(kind))
			}
			return names, nil
		},
		do: func(ctx context.Context, c *client, kinds []string) error {
			stream, err := c.watch.Watch(ctx, &hanokv1.WatchRequest{Kinds: kinds, SinceRevision: since})
			if err != nil {
				return err
			}
			defer stream.Close()
			for stream.Receive() {
				for _, change := range stream.Msg().Changes {
					if err := a.printChange(change); err != nil {
						return err
					}
				}
			}
			if ctx.Err() != nil {
				return nil // Ctrl-C is how this ends
			}
			return stream.Err()
		}})
	cmd.Flags().Int64Var(&since, "since", 0, "the revision after which to start, without the objects")
	return cmd
}

func (a *app) printChange(c *hanokv1.Change) error {
	if a.json {
		return a.printLine(c)
	}
	what := "deleted"
	if c.Object != nil {
		what = changeName(c)
	}
	_, err := fmt.Fprintf(a.stdout, "%d  %s  %s  %s\n", c.Revision, c.Kind, c.Id, cell(what))
	return err
}

// changeName returns what a user calls the object that changed, with its state where it has one.
func changeName(c *hanokv1.Change) string {
	switch c.Kind {
	case string(dc.KindVirtualMachine):
		return c.GetVirtualMachine().Name + " " + c.GetVirtualMachine().PowerState
	case string(dc.KindHost):
		return c.GetHost().Name + " " + c.GetHost().Connection
	case string(dc.KindTask):
		return c.GetTask().Type + " " + c.GetTask().Target + " " + c.GetTask().State
	case string(dc.KindEvent):
		return c.GetEvent().Message
	}
	m := c.ProtoReflect()
	object := m.Get(m.WhichOneof(m.Descriptor().Oneofs().ByName("object"))).Message()
	if name := object.Descriptor().Fields().ByName(protoreflect.Name("name")); name != nil {
		return object.Get(name).String()
	}
	return ""
}
