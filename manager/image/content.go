package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/diskimage"
	"hanok/manager/store"
	"hanok/manager/task"
)

// Inspect opens a disk in one file that may become a content. The error is a *diskimage.Error where the disk is at fault, and of
// kind Invalid where it is too large.
func Inspect(f diskimage.File) (*diskimage.Image, error) {
	image, err := diskimage.Open(f, nil)
	if err != nil {
		return nil, err
	}
	if image.Size > maxSize {
		return nil, dc.Errorf(dc.Invalid, "a disk of %d GB is too large for an image: %d GB are the most", image.Size>>30, maxSize>>30).
			Fix("import it to a datastore instead")
	}
	return image, nil
}

// Make writes the raw disk of an image to the file of the name, which is replaced, and returns its digest when it is synced.
// progress gets how many bytes are done of twice the disk's size: it is converted first, and then read for its digest.
func Make(ctx context.Context, image *diskimage.Image, dir *beneath.Dir, name string, progress func(done int64)) (digest string, err error) {
	dst, err := dir.Create(name)
	if err != nil {
		return "", err
	}
	defer dst.Close()
	if err := image.Convert(ctx, dst, progress); err != nil {
		return "", err
	}
	sum, hashed := sha256.New(), int64(0)
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := dst.ReadAt(buf, hashed)
		sum.Write(buf[:n])
		hashed += int64(n)
		progress(image.Size + hashed)
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), dst.Sync()
}

// Open opens the folder of the contents, in which names that begin with a dot and are not those of this package may be used by
// others. The caller closes it.
func (s *Service) Open() (*beneath.Dir, error) { return s.open() }

// Keep gives the content in the file of the name the one by which hosts find it. Nothing is done where that has happened. Somebody
// must use the content already, by the store: see Release.
func (s *Service) Keep(dir *beneath.Dir, name, digest string) error {
	s.contents.Lock()
	defer s.contents.Unlock()
	err := dir.Rename(name, strings.TrimPrefix(digest, "sha256:"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // absent: it has its name since an earlier try
		return err
	}
	return dir.Sync()
}

// Release removes the content, unless somebody but the task, machine or image with the ID uses it.
func (s *Service) Release(dir *beneath.Dir, digest string, without dc.ID) error {
	s.contents.Lock()
	defer s.contents.Unlock()
	if inUse(s.store.View(), digest, without) {
		return nil
	}
	return dir.Remove(strings.TrimPrefix(digest, "sha256:"))
}

// inUse reports whether somebody else needs the content: an image, a task that makes one, or a machine whose files are not yet made.
func inUse(v *store.View, digest string, without dc.ID) bool {
	for image := range store.List[*dc.Image](v) {
		if image.Digest == digest && dc.ID(image.ID) != without {
			return true
		}
	}
	for t := range store.List[*dc.Task](v) {
		var a args
		if t.Type == importType && !t.Done() && dc.ID(t.ID) != without && task.Args(t, &a) == nil && a.Digest == digest {
			return true
		}
	}
	for vm := range store.List[*dc.VirtualMachine](v) {
		if dc.ID(vm.ID) == without || vm.Spec.Deleted || vm.Status.Files != "" && vm.Status.Files != dc.FilesFailed {
			continue
		}
		for _, d := range vm.Spec.Hardware.Disks {
			if d.Image == digest {
				return true
			}
		}
	}
	return false
}
