// Package beneath works on files below one folder and cannot leave it, whatever lies there: no symbolic link is followed,
// no mount point crossed, and nothing but a regular file is opened. The kernel enforces it on every lookup (openat2(2),
// Linux 5.6), so that a tree which is changed at the same time leads nowhere either; os.Root alone is not enough, because
// it follows links that stay below. Whoever opens a path that came from outside calls it. It knows nothing of data centers,
// and paths that this program itself has made up, of its own folders, need it not.
package beneath

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Temporary ends the name of a file that is being made. Such a file becomes valid by losing this ending (Dir.Publish).
const Temporary = ".tmp"

// ErrPath is the error of a path that is empty, absolute, or has an element ".", ".." or none between two slashes.
var ErrPath = errors.New("not the path of something below the folder")

// Irregular is the error of something that stands where a regular file was expected, or a folder.
type Irregular struct {
	Name string
	Mode fs.FileMode
}

// Error says what it is: "a.vmdk is a symbolic link".
func (e *Irregular) Error() string {
	what := "neither a file nor a folder"
	switch {
	case e.Mode&fs.ModeSymlink != 0:
		what = "a symbolic link"
	case e.Mode.IsRegular():
		what = "a file"
	case e.Mode.IsDir():
		what = "a folder"
	case e.Mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case e.Mode&fs.ModeSocket != 0:
		what = "a socket"
	case e.Mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Sprintf("%s is %s", e.Name, what)
}

// Dir is an open folder. Paths in it are relative, with slashes; "." is the folder itself where a method says so. It goes
// on working when the folder is renamed. Its methods are safe for concurrent use until Close, and their errors are
// *fs.PathError, *Irregular or ErrPath.
type Dir struct{ f *os.File }

// Open opens the folder at the path name, which is trusted: links in it are followed.
func Open(name string) (*Dir, error) {
	f, err := os.OpenFile(name, unix.O_DIRECTORY|os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{f}, nil
}

// Name returns the path that the folder was opened by, for people.
func (d *Dir) Name() string { return d.f.Name() }

// Close lets go of the folder. What was opened in it stays open.
func (d *Dir) Close() error { return d.f.Close() }

// File returns the folder's own descriptor, for a process that inherits it. It lives until Close, which may be called on either.
func (d *Dir) File() *os.File { return d.f }

// Dir opens the folder at the path name, "." for another handle of the same one.
func (d *Dir) Dir(name string) (*Dir, error) {
	if name != "." {
		info, err := d.Lstat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			return nil, &Irregular{name, info.Mode()}
		}
	}
	fd, err := d.openat(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{os.NewFile(uintptr(fd), filepath.Join(d.Name(), name))}, nil
}

// Lstat describes what has the path name, "." for the folder itself. A link is described, not followed.
func (d *Dir) Lstat(name string) (fs.FileInfo, error) {
	f, err := d.pin(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// pin takes hold of what has the name without opening it: a device does not notice, and a pipe waits for nobody.
func (d *Dir) pin(name string) (*os.File, error) {
	fd, err := d.openat(name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openat opens name below d, or not at all. The kernel asks for another try when a rename comes between (EAGAIN), which a path without ".."
// hardly meets; somebody who renames all the time is not waited for.
func (d *Dir) openat(name string, flags, mode int) (int, error) {
	if err := check(name); err != nil {
		return -1, err
	}
	raw, err := d.f.SyscallConn()
	if err != nil {
		return -1, err
	}
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Mode: uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV}
	var fd int
	outer := raw.Control(func(dir uintptr) {
		for range 100 {
			fd, err = unix.Openat2(int(dir), name, &how)
			if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	if err = errors.Join(outer, err); err != nil {
		return -1, &fs.PathError{Op: "open", Path: name, Err: errnoOf(err)}
	}
	return fd, nil
}

// errnoOf takes the system's error out of what was joined, or returns err.
func errnoOf(err error) error {
	var no unix.Errno
	if errors.As(err, &no) {
		return no
	}
	return err
}

// check refuses a path that the kernel would refuse as well, and those that it would read in another way than they are written.
func check(name string) error {
	if name == "." {
		return nil
	}
	for element := range strings.SplitSeq(name, "/") {
		if element == "" || element == "." || element == ".." || strings.ContainsRune(element, 0) {
			return fmt.Errorf("%q: %w", name, ErrPath)
		}
	}
	return nil
}

// at calls f with a descriptor of the folder that name is in and its last element.
func (d *Dir) at(op, name string, f func(dir int, base string) error) error {
	if name == "." {
		return fmt.Errorf("%q: %w", name, ErrPath)
	}
	parent, base := path.Split(name)
	fd, err := d.openat(path.Clean("./"+parent), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err == nil {
		defer unix.Close(fd)
		err = check(name)
	}
	if err != nil {
		return err
	}
	if err := f(fd, base); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

// Mkdir makes the folder name, which must not exist, with the permissions perm less the umask.
func (d *Dir) Mkdir(name string, perm fs.FileMode) error {
	return d.at("mkdir", name, func(dir int, base string) error { return unix.Mkdirat(dir, base, uint32(perm.Perm())) })
}

// Rename gives what is called from the name to; a file that has that name already is replaced.
func (d *Dir) Rename(from, to string) error { return d.rename(from, to, 0) }

// RenameNew is Rename, and fails with fs.ErrExist where something has the name to already.
func (d *Dir) RenameNew(from, to string) error { return d.rename(from, to, unix.RENAME_NOREPLACE) }

func (d *Dir) rename(from, to string, flags uint) error {
	return d.at("rename", from, func(fromDir int, fromBase string) error {
		return d.at("rename", to, func(toDir int, toBase string) error {
			return unix.Renameat2(fromDir, fromBase, toDir, toBase, flags)
		})
	})
}

// Remove removes a name that is not a folder's: a link goes, not what it leads to. An absent one is a success.
func (d *Dir) Remove(name string) error {
	info, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return &Irregular{name, info.Mode()}
	}
	err = d.at("remove", name, func(dir int, base string) error { return unix.Unlinkat(dir, base, 0) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// RemoveDir removes an empty folder.
func (d *Dir) RemoveDir(name string) error {
	return d.at("rmdir", name, func(dir int, base string) error { return unix.Unlinkat(dir, base, unix.AT_REMOVEDIR) })
}

// List describes all that is in the folder, by name; what goes meanwhile is left out.
func (d *Dir) List() ([]fs.FileInfo, error) {
	names, err := d.Names()
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	all := make([]fs.FileInfo, 0, len(names))
	for _, name := range names {
		info, err := d.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, nil
}

// Names lists the names in the folder, in no order.
func (d *Dir) Names() ([]string, error) {
	fd, err := d.openat(".", unix.O_RDONLY|unix.O_DIRECTORY, 0) // anew: a listing has a position, which two must not share
	if err != nil {
		return nil, err
	}
	self := os.NewFile(uintptr(fd), d.Name())
	defer self.Close()
	return self.Readdirnames(-1)
}

// Sync makes the names in the folder durable.
func (d *Dir) Sync() error { return d.f.Sync() }

// Lock waits until nobody else has this folder locked, in this process or another, and takes it until release is called. It keeps
// nobody from anything who does not lock: those who look before they change agree by it on what they have seen.
func (d *Dir) Lock() (release func(), err error) {
	own, err := d.Dir(".") // a lock belongs to an opening of the folder
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(own.f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		own.Close()
		return nil, err
	}
	return func() { own.Close() }, nil
}

// RemoveAll removes what has the name, with all that is in it; links in it go, not what they lead to. An absent one is a
// success. It ends early when ctx does.
func (d *Dir) RemoveAll(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := d.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return d.Remove(name)
	}
	below, err := d.Dir(name)
	if err != nil {
		return err
	}
	defer below.Close()
	names, err := below.Names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := below.RemoveAll(ctx, n); err != nil {
			return err
		}
	}
	return d.RemoveDir(name)
}
