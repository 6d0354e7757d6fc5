package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (a *app) tagCategoryCommands() *cobra.Command {
	return group("category", "Categories of tags", a.tagCategoryCreateCommand(), a.tagCategoryUpdateCommand(),
		a.client(command{use: "list", short: "List the categories", args: cobra.NoArgs, do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.tags.ListTagCategories(ctx, &hanokv1.ListTagCategoriesRequest{})
			if err != nil {
				return err
			}
			return list(a, res.TagCategories, tagCategoryColumns)
		}}),
		a.client(command{use: "delete CATEGORY", short: "Delete a category without tags", args: cobra.ExactArgs(1), object: true, complete: tagCategoryNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.tags.DeleteTagCategory(ctx, &hanokv1.DeleteTagCategoryRequest{TagCategory: args[0]})
				return err
			}}))
}

func (a *app) tagCategoryCreateCommand() *cobra.Command {
	var (
		req      hanokv1.CreateTagCategoryRequest
		kinds    []string
		multiple bool
	)
	cmd := a.client(command{use: "create NAME", short: "Make a category of tags, of which an object has one at most", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) (err error) {
			req.Name, req.Cardinality = args[0], cardinality(multiple)
			if req.AssociableKinds, err = namedKinds(kinds); err != nil {
				return err
			}
			res, err := c.tags.CreateTagCategory(ctx, &req)
			if err != nil {
				return err
			}
			return done(a, res.TagCategory)
		}})
	cmd.Flags().BoolVar(&multiple, "multiple", false, "let an object have several of its tags")
	cmd.Flags().StringArrayVar(&kinds, "of", nil, "let only these have its tags: "+objectKindsHelp+"; may be given several times")
	cmd.Flags().StringVar(&req.Description, "description", "", "what it is for")
	return cmd
}

func (a *app) tagCategoryUpdateCommand() *cobra.Command {
	var (
		name, description string
		kinds             []string
		multiple          bool
		cmd               *cobra.Command
	)
	cmd = a.client(command{use: "update CATEGORY", short: "Change a category, or let more objects have its tags", args: cobra.ExactArgs(1), object: true, complete: tagCategoryNames,
		do: func(ctx context.Context, c *client, args []string) (err error) {
			req := &hanokv1.UpdateTagCategoryRequest{TagCategory: args[0], Name: given(cmd, "name", &name), Description: given(cmd, "description", &description)}
			many := cardinality(multiple)
			req.Cardinality = given(cmd, "multiple", &many)
			if len(kinds) == 1 && kinds[0] == "all" {
				req.AllKinds, kinds = true, nil
			}
			if req.AssociableKinds, err = namedKinds(kinds); err != nil {
				return err
			}
			res, err := c.tags.UpdateTagCategory(ctx, req)
			if err != nil {
				return err
			}
			return done(a, res.TagCategory)
		}})
	cmd.Flags().StringVar(&name, "name", "", "another name")
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	cmd.Flags().BoolVar(&multiple, "multiple", false, "let an object have several of its tags; there is no way back")
	cmd.Flags().StringArrayVar(&kinds, "of", nil, `what may have its tags, in the place of what might: "all", or `+objectKindsHelp+"; may be given several times")
	return cmd
}

func cardinality(multiple bool) string {
	if multiple {
		return string(dc.MultipleTags)
	}
	return string(dc.SingleTag)
}

func namedKinds(words []string) (kinds []string, err error) {
	for _, word := range words {
		kind, err := objectKind(word)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

func tagCategoryNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.tags.ListTagCategories(ctx, &hanokv1.ListTagCategoriesRequest{})
	return namesOf(res.GetTagCategories()), err
}
