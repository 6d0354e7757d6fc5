package main

import (
	"cmp"
	"context"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var fileColumns = []column[*hanokv1.File]{
	{"Path", (*hanokv1.File).GetPath},
	{"Kind", (*hanokv1.File).GetKind},
	{"Size", func(o *hanokv1.File) string { return bytesText(o.SizeBytes) }},
	{"Allocated", func(o *hanokv1.File) string { return bytesText(o.AllocatedBytes) }},
	{"Modified", func(o *hanokv1.File) string { return ago(o.Modified) }},
}

const filePaths = `A PATH is "[DATASTORE] FOLDER/FILE", or FOLDER/FILE on the datastore of --datastore, which may be left out where there is only one.`

// fileCommands are the commands that work on the files of datastores, in the manner of govc's.
func (a *app) fileCommands() []*cobra.Command {
	var store string
	fileCommand := func(d command) *cobra.Command {
		d.long = cmp.Or(d.long, d.short+".") + "\n\n" + filePaths
		cmd := a.client(d)
		cmd.Flags().StringVar(&store, "datastore", "", "the datastore of paths that name none")
		a.completeFlag(cmd, "datastore", datastoreNames)
		return cmd
	}
	ref := func(ctx context.Context, c *client, text string) (fileRef, error) {
		return findFile(ctx, c, store, text)
	}

	var list hanokv1.ListFilesRequest
	ls := fileCommand(command{use: "ls [PATH]", short: "List the files of a folder", args: cobra.MaximumNArgs(1),
		long: `List the files of a folder. The last element of PATH may be a pattern, such as "iso/*.iso".`,
		do: func(ctx context.Context, c *client, args []string) error {
			f, err := ref(ctx, c, strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.listFiles(ctx, c, f, &list)
		}})
	ls.Flags().BoolVarP(&list.Recursive, "recursive", "R", false, "with what is in the folders in it")

	var parents bool
	mkdir := fileCommand(command{use: "mkdir PATH", short: "Make a folder", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			f, err := ref(ctx, c, args[0])
			if err != nil {
				return err
			}
			_, err = c.datastores.MakeFolder(ctx, &hanokv1.MakeFolderRequest{Datastore: f.Datastore, Path: f.Path, Parents: parents})
			return err
		}})
	mkdir.Flags().BoolVarP(&parents, "parents", "p", false, "also the folders above it; one that is there is a success then")

	var async, force bool
	transfer := func(use, short string, start func(context.Context, *client, fileRef, fileRef) (*hanokv1.Task, error)) *cobra.Command {
		cmd := fileCommand(command{use: use, short: short, args: cobra.ExactArgs(2), object: true,
			do: func(ctx context.Context, c *client, args []string) error {
				from, err := ref(ctx, c, args[0])
				if err != nil {
					return err
				}
				to, err := ref(ctx, c, args[1])
				if err != nil {
					return err
				}
				t, err := start(ctx, c, from, to)
				if err != nil {
					return err
				}
				return a.await(ctx, c, t, async)
			}})
		cmd.Flags().BoolVarP(&force, "force", "f", false, "replace what is there")
		asyncFlag(cmd, &async)
		return cmd
	}
	cp := transfer("cp PATH PATH", "Copy a file or folder", func(ctx context.Context, c *client, from, to fileRef) (*hanokv1.Task, error) {
		res, err := c.datastores.CopyFile(ctx, &hanokv1.CopyFileRequest{
			Datastore: from.Datastore, Path: from.Path, TargetDatastore: to.Datastore, TargetPath: to.Path, Overwrite: force})
		return res.GetTask(), err
	})
	mv := transfer("mv PATH PATH", "Move a file or folder, or give it another name", func(ctx context.Context, c *client, from, to fileRef) (*hanokv1.Task, error) {
		res, err := c.datastores.MoveFile(ctx, &hanokv1.MoveFileRequest{
			Datastore: from.Datastore, Path: from.Path, TargetDatastore: to.Datastore, TargetPath: to.Path, Overwrite: force})
		return res.GetTask(), err
	})
	rm := fileCommand(command{use: "rm PATH", short: "Delete a file, or a folder with all that is in it", args: cobra.ExactArgs(1), object: true,
		do: func(ctx context.Context, c *client, args []string) error {
			f, err := ref(ctx, c, args[0])
			if err != nil {
				return err
			}
			res, err := c.datastores.DeleteFile(ctx, &hanokv1.DeleteFileRequest{Datastore: f.Datastore, Path: f.Path})
			if err != nil {
				return err
			}
			return a.await(ctx, c, res.Task, async)
		}})
	asyncFlag(rm, &async)

	upload := fileCommand(command{use: "upload FILE PATH", short: "Upload a file", args: cobra.ExactArgs(2), object: true,
		long: `Upload a file. It has its name when all of it is there and its checksum is right. After an interruption the same command
goes on where it was. FILE may be "-" for standard input, which begins anew.`,
		do: func(ctx context.Context, c *client, args []string) error {
			f, err := ref(ctx, c, args[1])
			if err != nil {
				return err
			}
			return a.uploadFile(ctx, c, args[0], f, force)
		}})
	upload.Flags().BoolVarP(&force, "force", "f", false, "replace what is there")
	download := fileCommand(command{use: "download PATH [FILE]", short: "Download a file", args: cobra.RangeArgs(1, 2), object: true,
		long: `Download a file, to FILE or to one of the same name here; "-" is standard output. After an interruption the same command goes
on where it was.`,
		do: func(ctx context.Context, c *client, args []string) error {
			f, err := ref(ctx, c, args[0])
			if err != nil {
				return err
			}
			local := path.Base(f.Path)
			if len(args) > 1 {
				local = args[1]
			}
			return a.downloadFile(ctx, c, f, filepath.Clean(local))
		}})
	imp := fileCommand(command{use: "import FILE PATH", short: "Make a virtual disk of a disk image", args: cobra.ExactArgs(2), object: true,
		long: `Make a virtual disk of a disk image: raw, qcow2, or VMDK of any kind that is not a snapshot. PATH ends in ".vmdk". The host inspects the
file before anything else is done with it. After an interruption of the upload the same command goes on where it was.`,
		do: func(ctx context.Context, c *client, args []string) error {
			f, err := ref(ctx, c, args[1])
			if err != nil {
				return err
			}
			return a.importDisk(ctx, c, args[0], f, async)
		}})
	asyncFlag(imp, &async)
	return []*cobra.Command{ls, mkdir, upload, download, cp, mv, rm, imp}
}

// listFiles prints a folder, or the file or the files that the last element names.
func (a *app) listFiles(ctx context.Context, c *client, f fileRef, req *hanokv1.ListFilesRequest) error {
	req.Datastore, req.Path = f.Datastore, f.Path
	if base := path.Base(f.Path); strings.ContainsAny(base, "*?[") {
		req.Patterns, req.Path = []string{base}, strings.TrimPrefix(path.Dir(f.Path), ".")
	}
	res, err := c.datastores.ListFiles(ctx, req)
	if err != nil {
		return err
	}
	if err := list(a, res.Files, fileColumns); err != nil {
		return err
	}
	if res.Truncated {
		return &dc.Error{Kind: dc.Exhausted, Message: "there are more files than are listed", Remedy: "list one of its folders, or by a pattern"}
	}
	return nil
}

// fileRef names a file on a datastore.
type fileRef struct{ Datastore, Path string }

// findFile returns the file that a user names.
func findFile(ctx context.Context, c *client, store, text string) (fileRef, error) {
	if datastore, file, ok := dc.ParseFileRef(text); ok {
		return fileRef{Datastore: datastore, Path: file}, nil
	}
	if store == "" {
		res, err := c.datastores.ListDatastores(ctx, &hanokv1.ListDatastoresRequest{})
		if err != nil {
			return fileRef{}, err
		}
		if len(res.Datastores) != 1 {
			return fileRef{}, &dc.Error{Kind: dc.Invalid, Message: "the path names no datastore, and there is not just one",
				Remedy: `write "[DATASTORE] ` + text + `" or add --datastore`}
		}
		store = res.Datastores[0].Id
	}
	return fileRef{Datastore: store, Path: strings.Trim(text, "/")}, nil
}
