package volume

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/sparse"
)

// CreateMachine makes the machine's folder and what is missing in it. Disks that are there stay as they are. fetch opens
// the content of an image by its digest; a reader that fails at its end, because the content is not the digest's, leaves
// no disk behind. progress gets the bytes written so far and in all: a disk counts with its capacity if it starts as an
// image or is zeroed at once, else not at all. After a crash or failure it goes on with the disks that are not there.
//
// Kinds: Invalid for a folder or disk that cannot be, NotFound when the datastore isn't mounted, Exists when the folder is
// another machine's, Exhausted when the datastore is full, WrongState when something else stands where a file should.
func (l *Local) CreateMachine(ctx context.Context, m dc.Machine,
	fetch func(ctx context.Context, digest string) (io.ReadCloser, error), progress func(done, total int64)) error {
	n, err := namesOf(m)
	if err != nil {
		return err
	}
	if err := checkDevices(m); err != nil {
		return err
	}
	for _, d := range m.Disks {
		if err := checkOwn(m, d); err != nil {
			return err
		}
	}
	store, err := l.open(m.Datastore)
	if err != nil {
		return err
	}
	defer store.Close()
	for _, d := range m.Disks {
		if err := l.checkAttached(store, m, d); err != nil {
			return err
		}
	}
	dir, err := l.claimFolder(store, m, n)
	if err != nil {
		return l.failure(m, "making the folder", err)
	}
	defer dir.Close()

	// From here on the folder is the machine's own, and DeleteMachine finds it.
	if err := copyVariables(ctx, dir, n, m, fetch); err != nil {
		return l.failure(m, "copying the variables of the firmware", err)
	}
	missing, err := missingDisks(store, n, m)
	if err != nil {
		return l.failure(m, "looking for the disks", err)
	}
	return l.makeDisks(ctx, store, n, m, missing, fetch, progress)
}

// makeDisks makes the bytes of the missing disks, and the descriptors of all; root is the datastore's folder.
func (l *Local) makeDisks(ctx context.Context, root *beneath.Dir, n names, m dc.Machine, missing []dc.Disk,
	fetch func(ctx context.Context, digest string) (io.ReadCloser, error), progress func(done, total int64)) error {
	var done, total int64
	for _, d := range missing {
		if takesTime(d) {
			total += d.CapacityBytes
		}
	}
	for _, d := range missing {
		report := func(copied int64) { progress(done+copied, total) }
		if err := l.makeDisk(ctx, root, n, m, d, fetch, report); err != nil {
			return l.failure(m, "making the disk "+n.descriptor(d), err)
		}
		if takesTime(d) {
			done += d.CapacityBytes
			progress(done, total)
		}
	}
	for _, d := range m.Disks {
		if err := saveDescriptor(root, n, m, d); err != nil {
			return l.failure(m, "making the disk "+n.descriptor(d), err)
		}
	}
	return nil
}

// claimFolder makes the machine's folder with the .vmx in it, which comes before all other files: it says whose they are.
func (l *Local) claimFolder(store *beneath.Dir, m dc.Machine, n names) (*beneath.Dir, error) {
	if err := store.Mkdir(m.Folder, 0o700); err == nil {
		if err := store.Sync(); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	dir, err := store.Dir(m.Folder)
	if err != nil {
		return nil, err
	}
	release, err := store.Lock() // against files that somebody puts into the folder at this moment (package files)
	if err != nil {
		dir.Close()
		return nil, err
	}
	defer release()
	owner, err := ownerOf(dir, n)
	if err == nil && owner == "" {
		err = checkEmpty(dir, n, m)
	}
	if err == nil && owner != "" && owner != m.ID {
		err = foreign(m, owner)
	}
	if err == nil {
		err = saveConfig(dir, n, m)
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// checkEmpty refuses a folder in which somebody else may have files. What a crash left of the very first file is nobody's.
func checkEmpty(dir *beneath.Dir, n names, m dc.Machine) error {
	all, err := dir.Names()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(name string) bool { return name == n.config()+beneath.Temporary })
	if len(all) > 0 {
		slices.Sort(all)
		return dc.Errorf(dc.Exists, "the folder %s of %s is not empty and no machine's of this data center: it holds %s", m.Folder,
			describeStore(m.Datastore), all[0]).On(describe(m)).
			Fix("move what is in the folder elsewhere, or choose another name for the machine")
	}
	return nil
}

func foreign(m dc.Machine, owner dc.VirtualMachineID) error {
	return dc.Errorf(dc.Exists, "the folder %s of %s belongs to the virtual machine %s", m.Folder,
		describeStore(m.Datastore), owner).On(describe(m)).Fix("choose another name for the machine")
}

// missingDisks returns the disks that are to be made, by their keys, and removes what a crash left of them.
func missingDisks(root *beneath.Dir, n names, m dc.Machine) ([]dc.Disk, error) {
	var missing []dc.Disk
	for _, d := range m.Disks {
		if d.Attached {
			continue
		}
		name := n.flatPath(d)
		if err := root.Remove(name + beneath.Temporary); err != nil {
			return nil, err
		}
		found, err := root.Exists(name)
		if err != nil {
			return nil, err
		}
		if !found {
			missing = append(missing, d)
		}
	}
	slices.SortFunc(missing, byKey)
	return missing, nil
}

// makeDisk makes the bytes of one disk: all of them, or nothing.
func (l *Local) makeDisk(ctx context.Context, root *beneath.Dir, n names, m dc.Machine, d dc.Disk,
	fetch func(ctx context.Context, digest string) (io.ReadCloser, error), progress func(copied int64)) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkOwn(m, d); err != nil {
		return err
	}
	name := n.flatPath(d)
	file, err := root.Create(name + beneath.Temporary)
	if err != nil {
		return err
	}
	defer func() {
		file.Close()
		if err != nil {
			err = errors.Join(err, root.Remove(name+beneath.Temporary))
		}
		if isFull(err) { // said after the removal, so that the free space is what the next attempt finds
			err = l.full(m, "making the disk "+n.descriptor(d), d.CapacityBytes, err)
		}
	}()
	if err := reserve(file, d, 0); err != nil {
		return err
	}
	var copied int64
	if d.Image != "" {
		content, err := fetch(ctx, d.Image)
		if err != nil {
			return unreadable(m, d.Image, err)
		}
		defer content.Close()
		if source, ok := content.(sparse.Source); ok {
			copied, err = copySource(ctx, file, d, source, progress)
		} else {
			copied, err = copyTo(ctx, file, writerOf(d), content, d.CapacityBytes, progress)
		}
		var source sourceError
		switch {
		case errors.As(err, &source):
			return unreadable(m, d.Image, source.error)
		case errors.Is(err, errTooLong):
			return dc.Errorf(dc.Invalid, "the image %s is longer than the disk %s of %d bytes", d.Image, n.descriptor(d),
				d.CapacityBytes).On(describe(m)).Fix("make the disk at least as large as the image")
		case err != nil:
			return err
		}
	}
	if err := finish(ctx, file, d, copied, progress); err != nil {
		return err
	}
	return root.Publish(file, name)
}

// checkOwn refuses to make a disk elsewhere than in the machine's folder.
func checkOwn(m dc.Machine, d dc.Disk) error {
	if d.Attached || path.Dir(d.File) == m.Folder {
		return nil
	}
	return dc.Errorf(dc.Invalid, "the disk %d has no file in the machine's folder, where it could be made: %q", d.Key, d.File).On(describe(m)).
		Fix("make it in the machine's folder, or bring it back")
}

// checkAttached refuses a disk that was there before the machine, and is another one by now than the one that was described.
func (l *Local) checkAttached(root *beneath.Dir, m dc.Machine, d dc.Disk) error {
	if !d.Attached {
		return nil
	}
	found, at := dc.Disk{File: d.File}, &description{l: l, id: m.Datastore, root: root}
	if err := at.disk(&found); err != nil {
		return at.failure(d.File, err)
	}
	if found.CapacityBytes != d.CapacityBytes {
		return dc.Errorf(dc.WrongState, "the disk %s has %d bytes instead of %d", d.File, found.CapacityBytes, d.CapacityBytes).On(describe(m)).
			Fix("add it again")
	}
	return nil
}

// unreadable says that an image could not be read. Where the reader gave no kind, reading it again may help.
func unreadable(m dc.Machine, image string, err error) error {
	if dc.KindOf(err) != dc.Internal {
		return err
	}
	return dc.Errorf(dc.Unavailable, "the image %s could not be read: %w", image, err).On(describe(m)).
		Fix("try again; if it fails again, make the image anew")
}

// saveDescriptor writes the descriptor of a disk whose bytes are there, unless it exists.
func saveDescriptor(root *beneath.Dir, n names, m dc.Machine, d dc.Disk) error {
	info, err := root.Lstat(n.flatPath(d))
	if err != nil {
		return err
	}
	if err := checkLength(m, n.flat(d), info, d.CapacityBytes); err != nil {
		return err
	}
	found, err := root.Exists(d.File)
	if err != nil || found {
		return err
	}
	return root.Write(d.File, describeDisk(n, m, d).Bytes())
}
