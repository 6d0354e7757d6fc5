package volume

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"

	"hanok/dc"
	"hanok/internal/beneath"
)

// DeleteMachine removes the machine's files and then its folder if nothing else is in it; what else is in it stays. Disks in other folders
// go, too, but for those in another machine's. Absent
// files are a success, and so is a folder that belongs to another machine: nothing in it is touched. A deletion that was
// cut short goes on: the .vmx, which says whose the files are, goes last. Kinds: Unavailable when the machine runs,
// WrongState when the .vmx can't be read.
func (l *Local) DeleteMachine(ctx context.Context, m dc.Machine) error {
	n, err := namesOf(m)
	if err != nil {
		return nil // a folder that can't be holds no files, and a machine that could not be made must go
	}
	store, err := l.open(m.Datastore)
	if err != nil {
		return err
	}
	defer store.Close()
	dir, err := store.Dir(m.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return l.failure(m, "opening the folder", err)
	}
	defer dir.Close()
	owner, err := ownerOf(dir, n)
	if err != nil {
		return l.failure(m, "opening the folder", err)
	}
	if owner != "" && owner != m.ID {
		l.log.Warn("machine deleted without its folder, which is another's", "machine", m.ID, "folder", m.Folder,
			"datastore", m.Datastore, "owner", owner)
		return nil
	}
	if owner == m.ID {
		f := &Files{l: l, m: m, root: store, dir: dir, names: n}
		if err := f.delete(ctx); err != nil {
			return l.failure(m, "deleting the files", err)
		}
	}
	left, err := dir.Names()
	if err != nil {
		return l.failure(m, "deleting the folder", err)
	}
	if len(left) > 0 {
		slices.Sort(left)
		l.log.Warn("folder of a deleted machine stays: it holds other files", "machine", m.ID, "folder", m.Folder,
			"datastore", m.Datastore, "files", left)
		return nil
	}
	if err := store.RemoveDir(m.Folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l.failure(m, "deleting the folder", err)
	}
	return l.failure(m, "deleting the folder", store.Sync())
}

// delete removes the files by the names that the machine has given them.
func (f *Files) delete(ctx context.Context) error {
	lock, err := f.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	disks, err := f.ownDisks()
	if err != nil {
		return err
	}
	for _, d := range disks {
		if err := f.checkUnused(f.names.flatPath(d)); err != nil {
			return err
		}
	}
	for _, d := range disks {
		for _, name := range []string{d.File, f.names.flatPath(d)} {
			if err := discard(f.root, name); err != nil {
				return err
			}
		}
		if err := f.root.SyncParent(d.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	doomed := []string{f.names.suspend(f.m.ID), f.names.nvram(), f.names.variables(), f.names.snapshots(), f.names.team(), logName}
	all, err := f.dir.Names()
	if err != nil {
		return err
	}
	for _, name := range all {
		if _, ok := oldLogNumber(name); ok {
			doomed = append(doomed, name)
		}
	}
	doomed = append(doomed, f.names.backup(), f.names.lock())
	for _, name := range doomed {
		if err := discard(f.dir, name); err != nil {
			return err
		}
	}
	if err := f.dir.RemoveAll(ctx, f.names.tpm()); err != nil {
		return err
	}
	if err := f.dir.Sync(); err != nil {
		return err
	}
	if err := discard(f.dir, f.names.config()); err != nil {
		return err
	}
	return f.dir.Sync()
}

// ownDisks are the disks that are not in another machine's folder.
func (f *Files) ownDisks() ([]dc.Disk, error) {
	var own []dc.Disk
	for _, d := range f.m.Disks {
		others, err := f.anothers(path.Dir(d.File))
		if err != nil {
			return nil, err
		}
		if others {
			f.l.log.Warn("a disk of a deleted machine stays: it is in another machine's folder", "machine", f.m.ID, "disk", d.File)
			continue
		}
		own = append(own, d)
	}
	return own, nil
}

// checkUnused refuses the use of a disk that is locked by itself, not through its machine; name is its path on the datastore.
func (f *Files) checkUnused(name string) error {
	file, err := f.root.Open(name, os.O_RDONLY)
	var odd *beneath.Irregular
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &odd) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return lock(f.m, name, file)
}

// discard removes a file and what a crash may have left of its making. A folder by that name is not the machine's.
func discard(dir *beneath.Dir, name string) error {
	for _, name := range []string{name + beneath.Temporary, name} {
		var odd *beneath.Irregular
		if err := dir.Remove(name); err != nil && !errors.As(err, &odd) {
			return err
		}
	}
	return nil
}
