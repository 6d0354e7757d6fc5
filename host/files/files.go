// Package files works on the files of a host's datastores as their users do: it lists, reads, uploads, copies, renames and
// removes them. It is the agent's Files. Which paths belong to machines is decided before by those who know the machines; here a
// file that somebody has locked, as QEMU has its disks, is neither changed nor read. The files of machines are package
// volume's.
//
// Nothing is opened but beneath the datastore's folder (package beneath). What is half made or half removed has a name that
// begins with dc.ReservedFile, and users don't see it; an upload that was broken off stays by such a name, to be continued.
package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
)

// Driver implements the agent's Files. It has no state.
type Driver struct{}

// Do carries out an operation that takes and gives no bulk data. root is the datastore's folder on this host, and to that of the
// datastore req.To. Paths are checked by the caller (dc.CheckFilePath), but for the reserved names.
func (Driver) Do(ctx context.Context, root, to string, req dc.FileRequest, progress func(done, total int64)) (dc.FileReply, error) {
	dir, err := beneath.Open(root)
	if err != nil {
		return dc.FileReply{}, failure(req.Path, err)
	}
	defer dir.Close()
	reply, err := do(ctx, dir, to, req, progress)
	return reply, failure(req.Path, err)
}

func do(ctx context.Context, dir *beneath.Dir, to string, req dc.FileRequest, progress func(done, total int64)) (dc.FileReply, error) {
	switch req.Op {
	case dc.FileList:
		return list(ctx, dir, req)
	case dc.FileStat:
		f, err := stat(dir, req.Path)
		return dc.FileReply{File: &f}, err
	case dc.FileMakeFolder:
		return dc.FileReply{}, makeFolder(dir, req.Path, req.Parents)
	case dc.FileUploaded:
		return uploaded(ctx, dir, req.Path)
	case dc.FileCopy:
		return dc.FileReply{}, duplicate(ctx, dir, req.Path, to, req.To.Path, progress)
	case dc.FilePlace:
		return dc.FileReply{}, place(dir, req.Path, req.To.Path, req.Aside)
	case dc.FileImport:
		return dc.FileReply{}, imageFailure(req.Path, importDisk(ctx, dir, req, progress))
	case dc.FileRemove:
		if err := dir.RemoveAll(ctx, req.Path); err != nil {
			return dc.FileReply{}, err
		}
		if err := dir.SyncParent(req.Path); !errors.Is(err, fs.ErrNotExist) {
			return dc.FileReply{}, err
		}
		return dc.FileReply{}, nil
	}
	return dc.FileReply{}, dc.Errorf(dc.Unsupported, "this host knows no operation %q of files", req.Op).Fix("upgrade this host")
}

func list(ctx context.Context, dir *beneath.Dir, req dc.FileRequest) (dc.FileReply, error) {
	for _, p := range req.Query.Patterns {
		if _, err := path.Match(p, ""); err != nil {
			return dc.FileReply{}, dc.Errorf(dc.Invalid, "%q is no pattern of names", p).Fix("give one such as *.vmdk")
		}
	}
	var reply dc.FileReply
	var walk func(folder string) error
	walk = func(folder string) error {
		d, err := dir.Dir(cmpDot(folder))
		if err != nil {
			return err
		}
		infos, err := d.List()
		d.Close()
		if err != nil {
			return err
		}
		for _, info := range infos {
			if err := ctx.Err(); err != nil {
				return err
			}
			p := path.Join(folder, info.Name())
			if strings.HasPrefix(info.Name(), dc.ReservedFile) || !info.IsDir() && !info.Mode().IsRegular() || dc.CheckFilePath(p) != nil {
				continue // what can't be named or opened is not offered
			}
			if len(reply.Files) >= dc.MaxListedFiles {
				reply.Truncated = true
				return nil
			}
			if fits(info.Name(), req.Query.Patterns) {
				reply.Files = append(reply.Files, fileOf(p, info))
			}
			if info.IsDir() && req.Query.Recursive {
				if err := walk(p); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EXDEV) {
					return err
				}
			}
		}
		return nil
	}
	err := walk(req.Path)
	return reply, err
}

func cmpDot(folder string) string {
	if folder == "" {
		return "."
	}
	return folder
}

func fits(name string, patterns []string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return len(patterns) == 0
}

func fileOf(p string, info fs.FileInfo) dc.File {
	f := dc.File{Path: p, Kind: dc.FileFolder, Modified: info.ModTime().UTC()}
	if !info.IsDir() {
		f.Kind, f.SizeBytes = dc.FileKindOf(p), info.Size()
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		f.AllocatedBytes = st.Blocks * 512
	}
	return f
}

func stat(dir *beneath.Dir, p string) (dc.File, error) {
	info, err := dir.Lstat(cmpDot(p))
	if err != nil {
		return dc.File{}, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return dc.File{}, &beneath.Irregular{Name: p, Mode: info.Mode()}
	}
	return fileOf(p, info), nil
}

// makeFolder is a success where the folder is there already and may be.
func makeFolder(dir *beneath.Dir, p string, parents bool) error {
	if parent := path.Dir(p); parents && parent != "." {
		if info, err := dir.Lstat(parent); errors.Is(err, fs.ErrNotExist) {
			if err := makeFolder(dir, parent, true); err != nil {
				return err
			}
		} else if err == nil && !info.IsDir() {
			return &beneath.Irregular{Name: parent, Mode: info.Mode()}
		}
	}
	err := dir.Mkdir(p, 0o700)
	if errors.Is(err, fs.ErrExist) && parents {
		if info, err := dir.Lstat(p); err == nil && info.IsDir() {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return dir.SyncParent(p)
}

// place renames p, after what has the name to was renamed aside. It is done where p is absent and to is there.
func place(dir *beneath.Dir, p, to, aside string) error {
	release, err := dir.Lock()
	if err != nil {
		return err
	}
	defer release()
	if err := checkFree(dir, p); err != nil {
		return err
	}
	if _, err := dir.Lstat(p); errors.Is(err, fs.ErrNotExist) {
		if _, err := dir.Lstat(to); err == nil {
			return nil
		}
		return err
	}
	if aside != "" {
		if err := checkFree(dir, to); err != nil {
			return err
		}
		err := dir.RenameNew(to, aside)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err = dir.RenameNew(p, to)
	if errors.Is(err, fs.ErrExist) {
		return taken(to)
	}
	if err != nil {
		return err
	}
	return errors.Join(dir.SyncParent(to), dir.SyncParent(p))
}

func taken(p string) error {
	return dc.Errorf(dc.Exists, "there is a file or folder %s already", p).Fix("choose another path, or allow to overwrite it")
}

// checkFree refuses a file, or a folder with one in it, that somebody has locked. What is not there is free.
func checkFree(dir *beneath.Dir, p string) error {
	info, err := dir.Lstat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		d, err := dir.Dir(p)
		if err != nil {
			return err
		}
		defer d.Close()
		names, err := d.Names()
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := checkFree(d, name); err != nil {
				return err
			}
		}
		return nil
	case !info.Mode().IsRegular():
		return nil
	}
	f, err := dir.Open(p, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	return lock(f, p, unix.LOCK_EX)
}

// lock takes an open file, to give it up with the file. Machines lock their disks so (package volume).
func lock(f *os.File, p string, how int) error {
	err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return dc.Errorf(dc.Conflict, "%s is in use", p).Fix("power off the machine that uses it, or wait for the upload to end")
	}
	return err
}

// failure gives an error of the file system its kind. An error that has one keeps it.
func failure(p string, err error) error {
	var known *dc.Error
	var odd *beneath.Irregular
	object := "file " + p
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return dc.Errorf(dc.NotFound, "there is no such file").On(object).Fix("look for it with \"hanok datastore ls\"")
	case errors.Is(err, fs.ErrExist), errors.Is(err, unix.ENOTEMPTY):
		return dc.Errorf(dc.Exists, "there is a file or folder of that name already").On(object).Fix("choose another path")
	case errors.As(err, &odd), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EISDIR), errors.Is(err, unix.ELOOP), errors.Is(err, unix.EXDEV):
		return dc.Errorf(dc.WrongState, "it can't be used: %w", err).On(object).Fix("name a file or a folder of the datastore itself")
	case errors.Is(err, beneath.ErrPath):
		return dc.Errorf(dc.Invalid, "%w", err).On(object)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return dc.Errorf(dc.Exhausted, "the datastore is full").On(object).Fix("free space on the datastore or choose another one, then try again")
	}
	return dc.Errorf(dc.Unavailable, "the datastore refuses: %w", err).On(object).Fix("look at the datastore's health on its host")
}
