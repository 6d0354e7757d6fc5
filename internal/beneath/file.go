package beneath

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Open opens the existing regular file name; flag is that of os.OpenFile and makes no file. Anything else that has the
// name is *Irregular, and was not touched.
func (d *Dir) Open(name string, flag int) (*os.File, error) {
	pinned, err := d.pin(name)
	if err != nil {
		return nil, err
	}
	defer pinned.Close()
	info, err := pinned.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &Irregular{name, info.Mode()}
	}
	// The very file that was looked at, whatever has the name by now.
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", pinned.Fd()), flag&^(os.O_CREATE|os.O_EXCL)|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// CreateNew makes the file name, which must not exist, that only its owner may open. flag is os.O_WRONLY or os.O_RDWR,
// perhaps with os.O_APPEND.
func (d *Dir) CreateNew(name string, flag int) (*os.File, error) {
	fd, err := d.openat(name, flag|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Create makes an empty file that only its owner may open, for reading and writing. What has the name is removed, unless it is a folder.
func (d *Dir) Create(name string) (*os.File, error) {
	if err := d.Remove(name); err != nil {
		return nil, err
	}
	return d.CreateNew(name, os.O_RDWR)
}

// Publish ends the making of the file f by the name name+Temporary: its bytes reach the disk, then it gets its name for
// good, in the place of what has it.
func (d *Dir) Publish(f *os.File, name string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := d.Rename(name+Temporary, name); err != nil {
		return err
	}
	return d.SyncParent(name)
}

// Write replaces the content of a file: a crash leaves the old one or the new one.
func (d *Dir) Write(name string, data []byte) error {
	f, err := d.Create(name + Temporary)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.Write(data); err == nil {
		err = d.Publish(f, name)
	}
	if err != nil {
		return errors.Join(err, d.Remove(name+Temporary))
	}
	return nil
}

// Exists reports whether a regular file has the name; anything else that has it is *Irregular.
func (d *Dir) Exists(name string) (bool, error) {
	info, err := d.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, &Irregular{name, info.Mode()}
	}
	return true, nil
}

// SyncParent makes the names in the folder that name is in durable.
func (d *Dir) SyncParent(name string) error {
	return d.at("sync", name, func(dir int, _ string) error {
		fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Fsync(fd)
	})
}
