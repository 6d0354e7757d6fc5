package volume

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"hanok/dc"
)

// ConfigureMachine brings the machine's files in line with m: it makes the disks in added that are not there, lengthens those that
// have grown, writes the .vmx, and removes the discarded disks that m has no more, but for those in another machine's folder. It may be
// called again after a crash or failure. fetch and progress are as for CreateMachine.
//
// Kinds: as CreateMachine, and NotFound for a disk that should be there and is not, WrongState for one that is longer than it
// should be, Unavailable for a discarded disk that is in use.
func (l *Local) ConfigureMachine(ctx context.Context, m dc.Machine, added []int32, discarded []string,
	fetch func(ctx context.Context, digest string) (io.ReadCloser, error), progress func(done, total int64)) error {
	if err := checkDevices(m); err != nil {
		return err
	}
	f, err := l.Files(ctx, m)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, d := range m.Disks {
		if slices.Contains(added, d.Key) {
			if err := l.checkAttached(f.root, m, d); err != nil {
				return err
			}
		}
	}
	missing, err := missingDisks(f.root, f.names, m)
	if err != nil {
		return l.failure(m, "looking for the disks", err)
	}
	for _, d := range missing {
		if !slices.Contains(added, d.Key) {
			return l.failure(m, "looking for the disks", f.lost(f.names.flat(d)))
		}
	}
	for _, d := range m.Disks {
		if slices.ContainsFunc(missing, func(other dc.Disk) bool { return other.Key == d.Key }) {
			continue
		}
		if err := f.extend(ctx, d); err != nil {
			return l.failure(m, "extending the disk "+f.names.descriptor(d), err)
		}
	}
	if err := l.makeDisks(ctx, f.root, f.names, m, missing, fetch, progress); err != nil {
		return err
	}
	if err := f.SaveConfig(); err != nil {
		return err
	}
	for _, file := range discarded {
		if err := f.discardDisk(file); err != nil {
			return l.failure(m, "removing the disk "+file, err)
		}
	}
	return nil
}

// extend lengthens the file of a disk that has grown. The descriptor comes first: as long as the file is shorter, both are done again.
func (f *Files) extend(ctx context.Context, d dc.Disk) error {
	file, err := f.root.Open(f.names.flatPath(d), os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return f.lost(f.names.flat(d))
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() >= d.CapacityBytes {
		return checkLength(f.m, f.names.flat(d), info, d.CapacityBytes)
	}
	if err := reserve(file, d, info.Size()); err != nil {
		return err
	}
	if err := f.root.Write(d.File, describeDisk(f.names, f.m, d).Bytes()); err != nil {
		return err
	}
	if err := finish(ctx, file, d, info.Size(), func(int64) {}); err != nil {
		return err
	}
	return file.Sync()
}

// anothers reports whether a folder on the datastore is another machine's.
func (f *Files) anothers(folder string) (bool, error) {
	if folder == f.m.Folder {
		return false, nil
	}
	dir, err := f.root.Dir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer dir.Close()
	all, err := dir.Names()
	if err != nil {
		return false, err
	}
	for _, name := range all {
		base, is := strings.CutSuffix(name, configEnding)
		if !is {
			continue
		}
		if owner, err := ownerOf(dir, names{base}); err != nil || owner != "" && owner != f.m.ID {
			return true, err
		}
	}
	return false, nil
}

// discardDisk removes a disk that the machine has no more and nobody uses. The descriptor goes last: it says that the file is a disk.
func (f *Files) discardDisk(file string) error {
	if !diskFile(f.m, file) || slices.ContainsFunc(f.m.Disks, func(d dc.Disk) bool { return d.File == file }) {
		return nil
	}
	if others, err := f.anothers(path.Dir(file)); err != nil || others {
		return err // it is that machine's to remove
	}
	doomed := dc.Disk{File: file}
	if err := f.checkUnused(f.names.flatPath(doomed)); err != nil {
		return err
	}
	for _, name := range []string{f.names.flatPath(doomed), file} {
		if err := discard(f.root, name); err != nil {
			return err
		}
	}
	if err := f.root.SyncParent(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
