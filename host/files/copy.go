package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/sparse"
)

// duplicate copies p to the path to below the folder root, which is first removed: an earlier try may have left half of it. All
// of it is on the disk when duplicate returns.
func duplicate(ctx context.Context, dir *beneath.Dir, p, root, to string, progress func(done, total int64)) error {
	target, err := beneath.Open(root)
	if err != nil {
		return err
	}
	defer target.Close()
	if err := target.RemoveAll(ctx, to); err != nil {
		return err
	}
	total, err := measure(dir, p)
	if err != nil {
		return err
	}
	c := copier{ctx: ctx, total: total, progress: progress}
	if err := c.copy(dir, p, target, to); err != nil {
		return errors.Join(err, target.RemoveAll(context.WithoutCancel(ctx), to))
	}
	return target.SyncParent(to)
}

// measure returns how long p is, with all that is in it.
func measure(dir *beneath.Dir, p string) (total int64, err error) {
	info, err := dir.Lstat(p)
	if err != nil || !info.IsDir() {
		if err == nil {
			total = info.Size()
		}
		return total, err
	}
	d, err := dir.Dir(p)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	names, err := d.Names()
	for _, name := range names {
		n, err := measure(d, name)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, err
}

type copier struct {
	ctx         context.Context
	done, total int64
	progress    func(done, total int64)
}

func (c *copier) copy(from *beneath.Dir, p string, to *beneath.Dir, name string) error {
	info, err := from.Lstat(p)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return c.copyFolder(from, p, to, name)
	case !info.Mode().IsRegular():
		return &beneath.Irregular{Name: p, Mode: info.Mode()}
	}
	src, err := from.Open(p, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := lock(src, p, unix.LOCK_SH); err != nil {
		return err
	}
	dst, err := to.CreateNew(name, os.O_RDWR)
	if err != nil {
		return err
	}
	defer dst.Close()
	err = sparse.Copy(c.ctx, dst, src, func(step int64) {
		c.done += step
		c.progress(c.done, c.total)
	})
	if err != nil {
		return err
	}
	return dst.Sync()
}

func (c *copier) copyFolder(from *beneath.Dir, p string, to *beneath.Dir, name string) error {
	src, err := from.Dir(p)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := to.Mkdir(name, 0o700); err != nil {
		return err
	}
	dst, err := to.Dir(name)
	if err != nil {
		return err
	}
	defer dst.Close()
	names, err := src.Names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasPrefix(n, dc.ReservedFile) {
			continue
		}
		if err := c.copy(src, n, dst, n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return dst.Sync()
}
