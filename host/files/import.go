package files

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/diskimage"
	"hanok/internal/vmx"
)

// hardwareVersion is that of the descriptors of imported disks: ESXi 7.0 U2 and later.
const hardwareVersion = "19"

// importDisk makes a disk of the image req.Path: its bytes by the name req.To.Path, its descriptor by the name req.Aside, which says that
// the bytes are in the file req.Extent. What earlier tries have left goes first.
func importDisk(ctx context.Context, dir *beneath.Dir, req dc.FileRequest, progress func(done, total int64)) error {
	var open []*os.File
	defer func() {
		for _, f := range open {
			f.Close()
		}
	}()
	file := func(p string) (diskimage.File, error) {
		f, err := dir.Open(p, os.O_RDONLY)
		if err != nil {
			return nil, err
		}
		open = append(open, f)
		if err := lock(f, p, unix.LOCK_SH); err != nil {
			return nil, err
		}
		return diskimage.NewFile(f)
	}
	first, err := file(req.Path)
	if err != nil {
		return err
	}
	image, err := diskimage.Open(first, func(name string) (diskimage.File, error) {
		return file(path.Join(path.Dir(req.Path), name))
	})
	if err != nil {
		return err
	}
	capacity := (image.Size + vmx.SectorSize - 1) &^ (vmx.SectorSize - 1)
	dst, err := dir.Create(req.To.Path)
	if err != nil {
		return err
	}
	defer dst.Close()
	err = image.Convert(ctx, dst, func(done int64) { progress(done, image.Size) })
	if err == nil {
		err = dst.Truncate(capacity)
	}
	if err == nil {
		err = dst.Sync()
	}
	if err == nil {
		var unique [10]byte
		_, _ = rand.Read(unique[:]) // which never fails
		err = dir.Write(req.Aside, vmx.NewFlat(req.Extent, capacity, hardwareVersion, unique).Bytes())
	}
	if err != nil {
		return errors.Join(err, dir.Remove(req.To.Path))
	}
	return nil
}

// imageFailure says what is wrong with an image.
func imageFailure(p string, err error) error {
	var bad *diskimage.Error
	if errors.As(err, &bad) {
		return dc.Errorf(dc.Invalid, "it is no disk that can be imported: %s", bad.Message).On("file " + p).Fix("correct that, and upload it again")
	}
	return err
}
