package main

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"hanok/api/hanok/v1"
	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/ovf"
)

func (a *app) vmImportCommand() *cobra.Command {
	var (
		req        hanokv1.GetPackageUploadRequest
		annotation string
		networks   []string
		async      bool
	)
	cmd := a.client(command{use: "import FILE.ova|FILE.ovf", short: "Make a virtual machine of a package", args: cobra.ExactArgs(1), object: true,
		long: `Make a virtual machine of a package of VMware, VirtualBox and others, for example

  hanok vm import web.ova --name web1 --network "VM Network" --power-on

The files of an OVF lie beside it. The manager reads all of the package, and compares it with its manifest, before anything is made of it.
What of the machine is other than the package says is listed. After an interruption the same command goes on with an OVA where it was.`,
		do: func(ctx context.Context, c *client, args []string) error {
			req.Name = cmp.Or(req.Name, strings.TrimSuffix(filepath.Base(args[0]), filepath.Ext(args[0])))
			query := url.Values{"folder": {req.Folder}, "pool": {req.ResourcePool}, "host": {req.Host}, "datastore": {req.Datastore},
				"annotation": {annotation}, "network": networks}
			if req.PowerOn {
				query.Set("power-on", "1")
			}
			res, err := a.importPackage(ctx, c, args[0], &req, query)
			if err != nil {
				return err
			}
			for _, warning := range res.Warnings {
				fmt.Fprintln(a.stderr, "warning: "+warning)
			}
			return a.await(ctx, c, res.Task, async)
		}})
	f := cmd.Flags()
	f.StringVar(&req.Name, "name", "", "the name of the machine (default: that of the file)")
	f.StringVar(&req.Folder, "folder", "", `the folder (default: the data center's "vm" folder)`)
	f.StringVar(&req.ResourcePool, "pool", "", "the resource pool (default: the only cluster's)")
	f.StringVar(&req.Host, "host", "", "the host (default: placement chooses)")
	f.StringVar(&req.Datastore, "datastore", "", "the datastore (default: placement chooses)")
	f.StringArrayVar(&networks, "network", nil, "NETWORK=PORTGROUP, the port group of one of the package's networks, or PORTGROUP for all, where they are not of one name; may be given several times")
	f.StringVar(&annotation, "annotation", "", "a note (default: the package's)")
	f.BoolVar(&req.PowerOn, "power-on", false, "power it on when it is there")
	asyncFlag(cmd, &async)
	for flag, names := range map[string]func(context.Context, *client) ([]string, error){
		"network": networkNames, "folder": folderNames, "pool": poolNames, "host": hostNames, "datastore": datastoreNames,
	} {
		a.completeFlag(cmd, flag, names)
	}
	return cmd
}

// importPackage uploads a package: an OVA as it is, and an OVF with its files as one, which does not go on after an interruption.
func (a *app) importPackage(ctx context.Context, c *client, local string, req *hanokv1.GetPackageUploadRequest, query url.Values) (*hanokv1.ImportPackageResponse, error) {
	there := func() (int64, string, error) {
		res, err := c.machines.GetPackageUpload(ctx, req)
		return res.GetOffset(), res.GetSha256(), err
	}
	to := c.server + "/packages/" + url.PathEscape(req.Name)
	var answer []byte
	var err error
	if strings.EqualFold(filepath.Ext(local), ".ovf") {
		if _, _, err := there(); err != nil { // nothing is read for a machine that can't be
			return nil, c.explain(err)
		}
		r, w := io.Pipe()
		go func() { w.CloseWithError(pack(w, local)) }()
		defer r.Close()
		if answer, err = a.put(ctx, c, to, query, r, sha256.New(), 0, -1); err != nil {
			return nil, packageError(local, err)
		}
	} else if answer, err = a.putFile(ctx, c, local, to, query, there); err != nil {
		return nil, err
	}
	res := &hanokv1.ImportPackageResponse{}
	return res, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(answer, res)
}

// packageError says what is wrong with a package of the user's own.
func packageError(local string, err error) error {
	var bad *ovf.Error
	if errors.As(err, &bad) {
		return &dc.Error{Kind: dc.Invalid, Object: local, Message: bad.Message, Remedy: "correct that, then try again", Err: err}
	}
	return backupError(err)
}

// pack writes an OVF, its manifest and the files beside it that it refers to as an OVA.
func pack(w io.Writer, local string) error {
	dir, err := beneath.Open(filepath.Dir(local))
	if err != nil {
		return err
	}
	defer dir.Close()
	out, descriptor := tar.NewWriter(w), filepath.Base(local)
	add := func(name string) error {
		f, err := dir.Open(name, os.O_RDONLY)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if err := out.WriteHeader(&tar.Header{Name: name, Size: info.Size(), Mode: 0o644}); err != nil {
			return err
		}
		_, err = io.CopyN(out, f, info.Size())
		return err
	}
	machine, err := parse(dir, descriptor)
	if err != nil {
		return err
	}
	if err := add(descriptor); err != nil {
		return err
	}
	err = add(strings.TrimSuffix(descriptor, filepath.Ext(descriptor)) + ".mf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range machine.Files {
		if err := add(f.Name); err != nil {
			return err
		}
	}
	return out.Close()
}

func parse(dir *beneath.Dir, descriptor string) (*ovf.Machine, error) {
	f, err := dir.Open(descriptor, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, ovf.MaxDescriptor+1))
	if err != nil {
		return nil, err
	}
	return ovf.Parse(text)
}
