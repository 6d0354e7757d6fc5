package main

import (
	"cmp"
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var attributeColumns = []column[*hanokv1.CustomField]{
	{"Name", (*hanokv1.CustomField).GetName},
	{"Key", func(o *hanokv1.CustomField) string { return strconv.Itoa(int(o.Key)) }},
	{"ID", (*hanokv1.CustomField).GetId},
	{"Kind", func(o *hanokv1.CustomField) string { return cmp.Or(o.Kind, "all") }},
}

var valueColumns = []column[*hanokv1.CustomValue]{
	{"Name", (*hanokv1.CustomValue).GetName},
	{"Key", func(o *hanokv1.CustomValue) string { return strconv.Itoa(int(o.Key)) }},
	{"Value", (*hanokv1.CustomValue).GetValue},
}

func (a *app) attributeCommands() *cobra.Command {
	return group("attribute", "Custom attributes, and the values that objects of the inventory have under them",
		a.client(command{use: "list", short: "List the custom attributes", args: cobra.NoArgs, do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.fields.ListCustomFields(ctx, &hanokv1.ListCustomFieldsRequest{})
			if err != nil {
				return err
			}
			return list(a, res.CustomFields, attributeColumns)
		}}),
		a.kindCommand(command{use: "create NAME", short: "Make a custom attribute, of all kinds of objects or of one", args: cobra.ExactArgs(1), object: true},
			func(ctx context.Context, c *client, kind string, args []string) error {
				res, err := c.fields.CreateCustomField(ctx, &hanokv1.CreateCustomFieldRequest{Name: args[0], Kind: kind})
				if err != nil {
					return err
				}
				return done(a, res.CustomField)
			}),
		a.client(command{use: "rename ATTRIBUTE NEW-NAME", short: "Rename a custom attribute; the values stay", args: cobra.ExactArgs(2), object: true, complete: attributeNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.fields.RenameCustomField(ctx, &hanokv1.RenameCustomFieldRequest{CustomField: args[0], Name: args[1]})
				return err
			}}),
		a.client(command{use: "delete ATTRIBUTE", short: "Delete a custom attribute and its values", args: cobra.ExactArgs(1), object: true, complete: attributeNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.fields.DeleteCustomField(ctx, &hanokv1.DeleteCustomFieldRequest{CustomField: args[0]})
				return err
			}}),
		a.kindCommand(command{use: "get OBJECT", short: "Show the custom attributes of an object", args: cobra.ExactArgs(1), object: true},
			func(ctx context.Context, c *client, kind string, args []string) error {
				res, err := c.fields.ListCustomValues(ctx, &hanokv1.ListCustomValuesRequest{Kind: kind, Object: args[0]})
				if err != nil {
					return err
				}
				return list(a, res.Values, valueColumns)
			}),
		a.attributeSetCommand())
}

func (a *app) attributeSetCommand() *cobra.Command {
	var chosen selection
	cmd := a.kindCommand(command{use: "set ATTRIBUTE OBJECT... VALUE", short: `Give objects a value, or take it away with ""`,
		args: chosen.arguments(2), object: true, complete: attributeNames},
		func(ctx context.Context, c *client, kind string, args []string) error {
			last := len(args) - 1
			req := &hanokv1.StartBulkRequest{Op: string(dc.BulkCustomValue), CustomField: args[0], Value: args[last]}
			return a.bulk(ctx, c, dc.Kind(kind), &chosen, args[1:last], false, req, func(name string) (*hanokv1.Task, error) {
				_, err := c.fields.SetCustomValue(ctx, &hanokv1.SetCustomValueRequest{CustomField: args[0], Kind: kind, Object: name, Value: args[last]})
				return nil, err
			})
		})
	a.selectsAny(cmd, &chosen)
	return cmd
}

// kindCommand returns a command with a flag that says of what kind the object is that it is about.
func (a *app) kindCommand(cmd command, do func(ctx context.Context, c *client, kind string, args []string) error) *cobra.Command {
	var word string
	cmd.do = func(ctx context.Context, c *client, args []string) error {
		kind, err := objectKind(word)
		if err != nil {
			return err
		}
		return do(ctx, c, kind, args)
	}
	out := a.client(cmd)
	out.Flags().StringVar(&word, "kind", "", "the kind of object: "+objectKindsHelp)
	return out
}

func attributeNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.fields.ListCustomFields(ctx, &hanokv1.ListCustomFieldsRequest{})
	return namesOf(res.GetCustomFields()), err
}
