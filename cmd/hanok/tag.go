package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var tagCategoryColumns = []column[*hanokv1.TagCategory]{
	{"Name", (*hanokv1.TagCategory).GetName},
	{"ID", (*hanokv1.TagCategory).GetId},
	{"Cardinality", (*hanokv1.TagCategory).GetCardinality},
	{"Kinds", func(o *hanokv1.TagCategory) string {
		if len(o.AssociableKinds) == 0 {
			return "all"
		}
		return strings.Join(o.AssociableKinds, ",")
	}},
	{"Description", (*hanokv1.TagCategory).GetDescription},
}

var tagColumns = []column[*hanokv1.Tag]{
	{"Name", (*hanokv1.Tag).GetName},
	{"Category", (*hanokv1.Tag).GetCategory},
	{"ID", (*hanokv1.Tag).GetId},
	{"Description", (*hanokv1.Tag).GetDescription},
}

var taggedColumns = []column[*hanokv1.TaggedObject]{
	{"Name", (*hanokv1.TaggedObject).GetName},
	{"Kind", (*hanokv1.TaggedObject).GetKind},
	{"ID", (*hanokv1.TaggedObject).GetId},
}

// objectKinds are the kinds of objects of the inventory by what the command line calls them.
var objectKinds = map[string]dc.Kind{"": "", "vm": dc.KindVirtualMachine, "host": dc.KindHost, "cluster": dc.KindCluster, "pool": dc.KindResourcePool,
	"datastore": dc.KindDatastore, "network": dc.KindPortGroup, "folder": dc.KindFolder, "datacenter": dc.KindDatacenter}

const objectKindsHelp = `"vm", "host", "cluster", "pool", "datastore", "network", "folder" or "datacenter"`

func objectKind(word string) (string, error) {
	if kind, ok := objectKinds[word]; ok {
		return string(kind), nil
	}
	return "", dc.Errorf(dc.Invalid, "there is no kind of object %q", word).Fix("name one of %s", objectKindsHelp)
}

func (a *app) tagCommands() *cobra.Command {
	var object, kind string
	tags := a.client(command{use: "list", short: "List the tags, or those of an object", args: cobra.NoArgs, do: func(ctx context.Context, c *client, _ []string) error {
		k, err := objectKind(kind)
		if err != nil {
			return err
		}
		res, err := c.tags.ListTags(ctx, &hanokv1.ListTagsRequest{Kind: k, Object: object})
		if err != nil {
			return err
		}
		return list(a, res.Tags, tagColumns)
	}})
	tags.Flags().StringVar(&object, "object", "", "only the tags of this object")
	tags.Flags().StringVar(&kind, "kind", "", "what the object is: "+objectKindsHelp)
	var req hanokv1.CreateTagRequest
	create := a.client(command{use: "create NAME --category CATEGORY", short: "Make a tag in a category", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			req.Name = args[0]
			res, err := c.tags.CreateTag(ctx, &req)
			if err != nil {
				return err
			}
			return done(a, res.Tag)
		}})
	create.Flags().StringVar(&req.TagCategory, "category", "", "the category to make it in")
	create.Flags().StringVar(&req.Description, "description", "", "what it is for")
	required(create, "category")
	return group("tag", "Tags, in categories, that objects of the inventory have", tags, create, a.tagUpdateCommand(), a.tagCategoryCommands(),
		a.client(command{use: "ls TAG", short: "List the objects that have a tag", args: cobra.ExactArgs(1), object: true, complete: tagNames,
			do: func(ctx context.Context, c *client, args []string) error {
				res, err := c.tags.ListTaggedObjects(ctx, &hanokv1.ListTaggedObjectsRequest{Tag: args[0]})
				if err != nil {
					return err
				}
				return list(a, res.Objects, taggedColumns)
			}}),
		a.client(command{use: "delete TAG", short: "Delete a tag; no object has it from then on", args: cobra.ExactArgs(1), object: true, complete: tagNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.tags.DeleteTag(ctx, &hanokv1.DeleteTagRequest{Tag: args[0]})
				return err
			}}),
		a.tagObjectCommand("attach", "Give objects a tag", dc.BulkAttachTag, func(ctx context.Context, c *client, tag, kind, object string) error {
			_, err := c.tags.AttachTag(ctx, &hanokv1.AttachTagRequest{Tag: tag, Kind: kind, Object: object})
			return err
		}),
		a.tagObjectCommand("detach", "Take a tag from objects", dc.BulkDetachTag, func(ctx context.Context, c *client, tag, kind, object string) error {
			_, err := c.tags.DetachTag(ctx, &hanokv1.DetachTagRequest{Tag: tag, Kind: kind, Object: object})
			return err
		}))
}

// tagObjectCommand returns a command about a tag of one object, or of many.
func (a *app) tagObjectCommand(use, short string, op dc.BulkOp, do func(ctx context.Context, c *client, tag, kind, object string) error) *cobra.Command {
	var chosen selection
	cmd := a.kindCommand(command{use: use + " TAG OBJECT...", short: short, args: chosen.arguments(1), object: true, complete: tagNames},
		func(ctx context.Context, c *client, kind string, args []string) error {
			return a.bulk(ctx, c, dc.Kind(kind), &chosen, args[1:], false, &hanokv1.StartBulkRequest{Op: string(op), Tag: args[0]}, func(name string) (*hanokv1.Task, error) {
				return nil, do(ctx, c, args[0], kind, name)
			})
		})
	a.selectsAny(cmd, &chosen)
	return cmd
}

func (a *app) tagUpdateCommand() *cobra.Command {
	var name, description string
	var cmd *cobra.Command
	cmd = a.client(command{use: "update TAG", short: "Change a tag's name or description", args: cobra.ExactArgs(1), object: true, complete: tagNames,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.tags.UpdateTag(ctx, &hanokv1.UpdateTagRequest{Tag: args[0], Name: given(cmd, "name", &name), Description: given(cmd, "description", &description)})
			if err != nil {
				return err
			}
			return done(a, res.Tag)
		}})
	cmd.Flags().StringVar(&name, "name", "", "another name")
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	return cmd
}

// given returns the value of a flag, or nil where that was not given.
func given[T any](cmd *cobra.Command, flag string, value *T) *T {
	if cmd.Flags().Changed(flag) {
		return value
	}
	return nil
}

func tagNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.tags.ListTags(ctx, &hanokv1.ListTagsRequest{})
	return namesOf(res.GetTags()), err
}
