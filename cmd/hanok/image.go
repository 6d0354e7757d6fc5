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
	var name, guestID string
	var async bool
	add := a.client(command{use: "import FILE --name NAME", short: "Make an image of a disk", args: cobra.ExactArgs(1), object: true,
		long: `Make an image of a disk: raw, qcow2, or VMDK of any kind that is not a snapshot. The manager inspects the file before anything else is
done with it, and refuses what refers to other files. After an interruption the same command goes on where it was. The parts of a VMDK
in several files are read here, beside FILE, which is its descriptor.`,
		do: func(ctx context.Context, c *client, args []string) error {
			t, err := a.importImage(ctx, c, args[0], name, guestID)
			if err != nil {
				return err
			}
			return a.await(ctx, c, t, async)
		}})
	add.Flags().StringVar(&name, "name", "", "the name of the image")
	add.Flags().StringVar(&guestID, "guest-id", "otherLinux64Guest", "the vSphere identifier of the guest operating system in it")
	required(add, "name")
	asyncFlag(add, &async)
	return group("image", "Images: disk contents that new virtual machines may start from",
		a.client(command{use: "list", short: "List images", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.images.ListImages(ctx, &hanokv1.ListImagesRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Images, imageColumns)
			}}),
		add,
	)
}

func imageNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.images.ListImages(ctx, &hanokv1.ListImagesRequest{})
	return namesOf(res.GetImages()), err
}
