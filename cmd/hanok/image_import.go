package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protojson"

	"hanok/api/hanok/v1"
	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/diskimage"
)

// importImage uploads a disk and returns the task that makes an image of it.
func (a *app) importImage(ctx context.Context, c *client, local, name, guestID string) (*hanokv1.Task, error) {
	to, query := c.server+"/images/"+url.PathEscape(name), url.Values{"guest-id": {guestID}}
	answer, err := a.putDisk(ctx, c, local, to, query, func() (int64, string, error) {
		res, err := c.images.GetImageUpload(ctx, &hanokv1.GetImageUploadRequest{Name: name})
		return res.GetOffset(), res.GetSha256(), err
	})
	if err != nil {
		return nil, err
	}
	t := &hanokv1.Task{}
	return t, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(answer, t)
}

// importDisk uploads a disk to a file beside the virtual disk that it becomes there.
func (a *app) importDisk(ctx context.Context, c *client, local string, f fileRef, async bool) error {
	source := fileRef{f.Datastore, f.Path + ".import"}
	_, err := a.putDisk(ctx, c, local, c.fileURL(source), url.Values{"overwrite": {"1"}}, func() (int64, string, error) {
		res, err := c.datastores.GetUpload(ctx, &hanokv1.GetUploadRequest{Datastore: source.Datastore, Path: source.Path})
		return res.GetOffset(), res.GetSha256(), err
	})
	if err != nil {
		return err
	}
	res, err := c.datastores.ImportDisk(ctx, &hanokv1.ImportDiskRequest{Datastore: f.Datastore, Path: source.Path, TargetPath: f.Path, RemoveSource: true})
	if err != nil {
		return err
	}
	return a.await(ctx, c, res.Task, async)
}

// putDisk uploads a disk: a single file as it is, the parts of a VMDK put together, which does not go on after an interruption.
func (a *app) putDisk(ctx context.Context, c *client, local, to string, query url.Values, there func() (int64, string, error)) ([]byte, error) {
	dir, image, closeAll, err := openDisk(local)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	defer closeAll()
	if image == nil {
		return a.putFile(ctx, c, local, to, query, there)
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(image.Stream(ctx, w)) }()
	defer r.Close()
	answer, err := a.put(ctx, c, to, query, r, sha256.New(), 0, image.Size)
	if err != nil {
		return nil, diskError(local, err)
	}
	return answer, nil
}

// openDisk opens a disk of several files; of one in a single file, which the server reads as it is, image is nil. The parts must lie beside it.
func openDisk(local string) (dir *beneath.Dir, image *diskimage.Image, closeAll func(), err error) {
	if dir, err = beneath.Open(filepath.Dir(local)); err != nil {
		return nil, nil, nil, backupError(err)
	}
	var files []*os.File
	closeAll = func() {
		for _, f := range files {
			f.Close()
		}
	}
	open := func(name string) (diskimage.File, error) {
		f, err := dir.Open(name, os.O_RDONLY)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
		return diskimage.NewFile(f)
	}
	first, err := open(filepath.Base(local))
	if err == nil {
		image, err = diskimage.Open(first, open)
	}
	if err != nil {
		closeAll()
		dir.Close()
		return nil, nil, nil, diskError(local, err)
	}
	if len(files) == 1 {
		image = nil
	}
	return dir, image, closeAll, nil
}

// diskError says what is wrong with a disk of the user's own.
func diskError(local string, err error) error {
	var bad *diskimage.Error
	if errors.As(err, &bad) {
		return &dc.Error{Kind: dc.Invalid, Object: local, Message: bad.Message, Remedy: "correct that, then try again", Err: err}
	}
	return backupError(err)
}
