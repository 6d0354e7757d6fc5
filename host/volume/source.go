package volume

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/sparse"
)

// OpenDisk opens the bytes of one of the machine's disks for reading, or with dc.VariablesKey the variables of its firmware, and locks
// them against every writer. What it returns is a *sparse.File. Kinds: NotFound for a disk that the machine doesn't have and for files
// that are not there, WrongState for a file that is not the disk's, Unavailable for one in use.
func (l *Local) OpenDisk(ctx context.Context, m dc.Machine, key int32) (io.ReadCloser, error) {
	f, err := l.Files(ctx, m)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := f.openToRead(key)
	if err != nil {
		return nil, l.failure(m, "opening a disk to read it", err)
	}
	return file, nil
}

func (f *Files) openToRead(key int32) (*sparse.File, error) {
	name, err := f.variables()
	if err != nil {
		return nil, err
	}
	dir, capacity, thin := f.dir, int64(0), false
	if key != dc.VariablesKey {
		at := slices.IndexFunc(f.m.Disks, func(d dc.Disk) bool { return d.Key == key })
		if at < 0 {
			return nil, dc.Errorf(dc.NotFound, "it has no disk %d", key).On(describe(f.m))
		}
		d := f.m.Disks[at]
		dir, name, capacity, thin = f.root, f.names.flatPath(d), d.CapacityBytes, d.Provisioning == dc.Thin
	}
	file, err := dir.Open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.lost(name)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && capacity > 0 {
		err = checkLength(f.m, name, info, capacity)
	}
	if err == nil {
		err = lockToRead(f.m, name, file)
	}
	var source *sparse.File
	if err == nil {
		source, err = sparse.NewFile(file, thin)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return source, nil
}

// copySource copies a source to the file of a disk, which is empty: by the file system where it can, and without blocks of zeros where
// the disk is thin. It returns up to where the file is written, as copyTo does, and its errors are copyTo's.
func copySource(ctx context.Context, dst *os.File, d dc.Disk, src sparse.Source, progress func(done int64)) (done int64, err error) {
	if src.Size() > d.CapacityBytes {
		return 0, errTooLong
	}
	if local, ok := src.(*sparse.File); ok && local.Packed && d.Provisioning == dc.Thin && local.Share(dst) {
		progress(src.Size())
		return src.Size(), nil
	}
	for {
		start, length, err := src.Next()
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, sourceError{err}
		}
		if d.Provisioning == dc.ThickEager {
			if err := zero(ctx, dst, done, start, progress); err != nil {
				return done, err
			}
		}
		done = start
		progress(done)
		if done, err = copyStretch(ctx, dst, d, src, done, start+length, progress); err != nil {
			return done, err
		}
	}
}

// copyStretch copies the bytes of src's stretch that are left.
func copyStretch(ctx context.Context, dst *os.File, d dc.Disk, src io.Reader, done, end int64, progress func(done int64)) (int64, error) {
	write, buf := writerOf(d), make([]byte, min(copyBuffer, end-done))
	for done < end {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		n, err := io.ReadFull(src, buf[:min(int64(len(buf)), end-done)])
		if err != nil {
			if ctx.Err() != nil {
				return done, ctx.Err()
			}
			return done, sourceError{err}
		}
		if err := write(dst, buf[:n], done); err != nil {
			return done, err
		}
		done += int64(n)
		progress(done)
	}
	return done, nil
}

// maxVariables is more than any firmware keeps.
const maxVariables = 64 << 20

// copyVariables gives a new machine with EFI firmware the variables of the one that it is a clone of, if that has any.
func copyVariables(ctx context.Context, dir *beneath.Dir, n names, m dc.Machine,
	fetch func(ctx context.Context, digest string) (io.ReadCloser, error)) error {
	if m.Variables == "" || m.Firmware != dc.EFI {
		return nil
	}
	if found, err := dir.Exists(n.nvram()); err != nil || found {
		return err
	}
	content, err := fetch(ctx, m.Variables)
	if dc.KindOf(err) == dc.NotFound {
		return nil // it never had power
	}
	if err != nil {
		return unreadable(m, m.Variables, err)
	}
	defer content.Close()
	source, ok := content.(sparse.Source)
	if !ok || source.Size() > maxVariables {
		return dc.Errorf(dc.Invalid, "%s are no variables of a firmware", m.Variables).On(describe(m))
	}
	data := make([]byte, source.Size())
	for {
		start, length, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			_, err = io.ReadFull(source, data[start:start+length])
		}
		if err != nil {
			return unreadable(m, m.Variables, err)
		}
	}
	if len(data) == 0 {
		return nil
	}
	return dir.Write(n.nvram(), data)
}
