package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
	"hanok/internal/durable"
)

func (a *app) vmExportCommand() *cobra.Command {
	var ova, folder bool
	cmd := a.client(command{use: "export VM DIR|FILE.ova", short: "Write a virtual machine without power, or a template, to a package", args: cobra.ExactArgs(2), object: true, complete: vmNames,
		long: `Write a virtual machine without power, or a template, to a package that this program, VMware and others import: an OVF with its files
in a folder, or one archive, for example

  hanok vm export web1 web1.ova

Nobody powers the machine on meanwhile. A connection that breaks goes on where it was.`,
		do: func(ctx context.Context, c *client, args []string) error {
			return a.export(ctx, c, args[0], args[1], ova || !folder && strings.EqualFold(filepath.Ext(args[1]), ".ova"))
		}})
	cmd.Flags().BoolVar(&ova, "ova", false, "write an archive, whatever the file is called")
	cmd.Flags().BoolVar(&folder, "ovf", false, "write a folder, whatever it is called")
	cmd.MarkFlagsMutuallyExclusive("ova", "ovf")
	return cmd
}

// export writes a machine to the file or folder to.
func (a *app) export(ctx context.Context, c *client, vm, to string, archive bool) error {
	if _, err := os.Stat(to); archive && err == nil {
		return &dc.Error{Kind: dc.Exists, Object: to, Message: "it is there already", Remedy: "choose another name, or remove it"}
	}
	lease, err := c.machines.ExportVirtualMachine(ctx, &hanokv1.ExportVirtualMachineRequest{VirtualMachine: vm})
	if err != nil {
		return err
	}
	x := &exporting{app: a, client: c, lease: lease}
	if archive {
		err = x.archive(ctx, to)
	} else {
		err = x.folder(ctx, to)
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, ended := c.machines.EndExport(ending, &hanokv1.EndExportRequest{Task: lease.Task.Id, Complete: err == nil})
	return cmp.Or(err, ended)
}

// exporting is an export under way.
type exporting struct {
	*app
	*client
	lease *hanokv1.ExportVirtualMachineResponse
	// sizes are how long the disks are, and manifest what is known of the files, in their order.
	sizes    []int64
	manifest strings.Builder
}

func (x *exporting) sum(name string, sum hash.Hash) {
	fmt.Fprintf(&x.manifest, "SHA256(%s)= %s\n", name, hex.EncodeToString(sum.Sum(nil)))
}

func (x *exporting) descriptor(ctx context.Context, sizes []int64) ([]byte, error) {
	res, err := x.machines.GetExportDescriptor(ctx, &hanokv1.GetExportDescriptorRequest{Task: x.lease.Task.Id, Sizes: sizes})
	return res.GetText(), err
}

// folder writes the files side by side, each by another name until it is whole; the descriptor, without which they are nothing, comes
// last.
func (x *exporting) folder(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return backupError(err)
	}
	whole := func(name string, fill func(f *os.File) error) error {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); err == nil {
			return &dc.Error{Kind: dc.Exists, Object: path, Message: "it is there already", Remedy: "choose another folder, or remove it"}
		}
		return complete(path, fill)
	}
	for i, d := range x.lease.Disks {
		err := whole(d.Name, func(f *os.File) error { return x.disk(ctx, f, i) })
		if err != nil {
			return err
		}
	}
	base := x.lease.Name
	text, err := x.descriptor(ctx, x.sizes)
	if err != nil {
		return err
	}
	sum := sha256.New()
	sum.Write(text)
	x.sum(base+".ovf", sum)
	for _, file := range []struct{ name, text string }{{base + ".mf", x.manifest.String()}, {base + ".ovf", string(text)}} {
		err := whole(file.name, func(f *os.File) error {
			_, err := f.WriteString(file.text)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// complete makes a file of what fill writes, or none.
func complete(path string, fill func(f *os.File) error) error {
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return backupError(err)
	}
	defer f.Close()
	err = fill(f)
	if err == nil {
		err = errors.Join(f.Sync(), os.Rename(part, path), durable.SyncDir(filepath.Dir(path)))
	}
	if err != nil {
		_ = os.Remove(part) // which is of no use
		return backupError(err)
	}
	return nil
}

// tarBlock is the unit of an archive.
const tarBlock = 512

// archive writes an OVA in the order that DSP0243 asks for: descriptor, disks, manifest. Room is left for what is known last.
func (x *exporting) archive(ctx context.Context, to string) error {
	base := x.lease.Name
	longest, err := x.descriptor(ctx, slices.Repeat([]int64{1 << 62}, len(x.lease.Disks)))
	if err != nil {
		return err
	}
	room := roundUp(int64(len(longest)))
	return complete(to, func(f *os.File) error {
		at := tarBlock + room
		for i, d := range x.lease.Disks {
			if _, err := f.Seek(at+tarBlock, io.SeekStart); err != nil {
				return err
			}
			if err := x.disk(ctx, f, i); err != nil {
				return err
			}
			if err := writeHeader(f, at, d.Name, x.sizes[i]); err != nil {
				return err
			}
			at += tarBlock + roundUp(x.sizes[i])
		}
		text, err := x.descriptor(ctx, x.sizes)
		if err != nil {
			return err
		}
		if int64(len(text)) > room {
			return fmt.Errorf("the descriptor has become longer: %d bytes", len(text))
		}
		text = append(text, bytes.Repeat([]byte("\n"), int(room)-len(text))...) // which XML ignores behind its end
		if err := writeHeader(f, 0, base+".ovf", room); err != nil {
			return err
		}
		if _, err := f.WriteAt(text, tarBlock); err != nil {
			return err
		}
		sum := sha256.New()
		sum.Write(text)
		x.sum(base+".ovf", sum)
		manifest := x.manifest.String()
		if err := writeHeader(f, at, base+".mf", int64(len(manifest))); err != nil {
			return err
		}
		if _, err := f.WriteAt([]byte(manifest), at+tarBlock); err != nil {
			return err
		}
		return f.Truncate(at + tarBlock + roundUp(int64(len(manifest))) + 2*tarBlock)
	})
}

func roundUp(n int64) int64 { return (n + tarBlock - 1) / tarBlock * tarBlock }

// largestUSTAR is how long a file may be in an archive of the format that DSP0243 asks for; only a longer one has another format.
const largestUSTAR = 8<<30 - 1

// writeHeader writes the header of a file in an archive: one block.
func writeHeader(f *os.File, at int64, name string, size int64) error {
	h := &tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: tar.TypeReg, ModTime: time.Now().Truncate(time.Second), Format: tar.FormatUSTAR}
	if size > largestUSTAR {
		h.Format = tar.FormatGNU
	}
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(h); err != nil {
		return err
	}
	if b.Len() != tarBlock {
		return fmt.Errorf("the name %s is too long for an archive", name)
	}
	_, err := f.WriteAt(b.Bytes(), at)
	return err
}

// disk writes a disk to the file from where it stands, and goes on where it was when the connection breaks.
func (x *exporting) disk(ctx context.Context, f *os.File, i int) error {
	sum, done := sha256.New(), int64(0)
	bar := &transferBar{app: x.app}
	defer bar.end()
	err := retryTransfer(ctx, func() int64 { return done }, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/exports/%s/%d?offset=%d", x.server, x.lease.Task.Id, i, done), nil)
		if err != nil {
			return err
		}
		res, err := x.exchange(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		n, err := io.Copy(io.MultiWriter(f, sum, bar), res.Body)
		done += n
		var disk *os.PathError
		switch want := res.Trailer.Get(sumHeader); {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &disk):
			return err
		case err != nil || want == "":
			return &dc.Error{Kind: dc.Unavailable, Object: "server " + x.server, Message: "the download was broken off", Remedy: "try again", Err: err}
		case want != hex.EncodeToString(sum.Sum(nil)):
			return &dc.Error{Kind: dc.Invalid, Message: "what came is damaged: it has another checksum than the disk", Remedy: "try again"}
		}
		return nil
	})
	x.sizes = append(x.sizes, done)
	x.sum(x.lease.Disks[i].Name, sum)
	return err
}
