package main

import (
	"context"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var folderColumns = []column[*hanokv1.Folder]{
	{"Name", (*hanokv1.Folder).GetName},
	{"ID", (*hanokv1.Folder).GetId},
	{"Type", (*hanokv1.Folder).GetType},
	{"Parent", (*hanokv1.Folder).GetParentId},
}

func (a *app) folderCommands() *cobra.Command {
	var parent string
	create := a.client(command{use: "create NAME --parent FOLDER", short: "Create a folder in another one", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.folders.CreateFolder(ctx, &hanokv1.CreateFolderRequest{Name: args[0], Parent: parent})
			if err != nil {
				return err
			}
			return done(a, res.Folder)
		}})
	create.Flags().StringVar(&parent, "parent", "", "the folder to create it in, such as /Datacenter/vm")
	required(create, "parent")
	return group("folder", "Folders that group inventory objects",
		a.client(command{use: "list", short: "List folders", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.folders.ListFolders(ctx, &hanokv1.ListFoldersRequest{})
				if err != nil {
					return err
				}
				return list(a, res.Folders, folderColumns)
			}}),
		create,
		a.renameCommand(dc.KindFolder, folderNames), a.moveCommand(dc.KindFolder, folderNames),
		a.folderDeleteCommand(),
	)
}

func (a *app) folderDeleteCommand() *cobra.Command {
	return a.deleteRecursiveCommand(dc.KindFolder, "Delete empty folders, or one with everything in it",
		"delete what is in it, too: machines and their files, networks, datastores, clusters", folderNames,
		func(ctx context.Context, c *client, name string, recursive bool, confirm int32) (*hanokv1.Task, error) {
			res, err := c.folders.DeleteFolder(ctx, &hanokv1.DeleteFolderRequest{Folder: name, Recursive: recursive, Confirm: confirm})
			return res.GetTask(), err
		})
}

func folderNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.folders.ListFolders(ctx, &hanokv1.ListFoldersRequest{})
	return namesOf(res.GetFolders()), err
}

// required marks a flag that must be given.
func required(cmd *cobra.Command, flag string) {
	if err := cmd.MarkFlagRequired(flag); err != nil {
		panic(err) // a flag that the command does not have
	}
}
