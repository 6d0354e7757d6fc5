package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
)

var imageColumns = []column[*hanokv1.Image]{
	{"Name", (*hanokv1.Image).GetName},
	{"ID", (*hanokv1.Image).GetId},
	{"Size", func(o *hanokv1.Image) string { return bytesText(o.SizeBytes) }},
	{"Guest", (*hanokv1.Image).GetGuestId},
	{"Digest", (*hanokv1.Image).GetDigest},
}

func (a *app) imageCommands() *cobra.Command {
	return group("image", "Images: disk contents that new virtual machines may start from",
		a.client(command{use: "list", short: "List images", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.images.ListImages(ctx, &hanokv1.ListImagesRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Images, imageColumns)
			}}),
	)
}

func imageNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.images.ListImages(ctx, &hanokv1.ListImagesRequest{})
	return namesOf(res.GetImages()), err
}
