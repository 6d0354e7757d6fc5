package volume

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"

	"hanok/dc"
)

// RegisterMachine makes a folder that is there the machine's own: it compares the disks with m and puts m's mark, and what m has
// otherwise, into the .vmx, the one before stays as .vmx~. Nothing else is changed. Again is a success. Kinds: NotFound when a file is
// missing or the datastore isn't mounted, Exists when the folder is another machine's than r says, WrongState and Invalid for disks that are
// others than m's, Unavailable when somebody executes the machine or uses a disk.
func (l *Local) RegisterMachine(ctx context.Context, m dc.Machine, r dc.Registration) error {
	n, err := namesOf(m)
	if err != nil {
		return err
	}
	if err := checkDevices(m); err != nil {
		return err
	}
	root, err := l.open(m.Datastore)
	if err != nil {
		return err
	}
	dir, err := root.Dir(m.Folder)
	if err != nil {
		root.Close()
		if errors.Is(err, fs.ErrNotExist) {
			return missing(m, "its folder %s is missing", filepath.Join(root.Name(), m.Folder))
		}
		return l.failure(m, "opening the folder", err)
	}
	f := &Files{Path: filepath.Join(root.Name(), m.Folder), l: l, m: m, root: root, dir: dir, names: n}
	defer f.Close()
	return l.failure(m, "taking over the files", f.register(r))
}

func (f *Files) register(r dc.Registration) error {
	release, err := f.root.Lock() // against somebody else who registers the same folder
	if err != nil {
		return err
	}
	defer release()
	c, _, err := readConfig(f.dir, f.names)
	if err != nil {
		return err
	}
	if c == nil {
		return missing(f.m, "its configuration %s is missing in the folder %s", f.names.config(), f.Path)
	}
	owner, _ := c.Get(ownerKey)
	if now := dc.VirtualMachineID(owner); now != "" && now != r.Owner && now != f.m.ID {
		return foreign(f.m, now)
	}
	lock, err := f.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	d := &description{l: f.l, id: f.m.Datastore, root: f.root}
	for _, disk := range f.m.Disks {
		found := dc.Disk{File: disk.File}
		if err := d.disk(&found); err != nil {
			return d.failure(disk.File, err)
		}
		if found.CapacityBytes != disk.CapacityBytes {
			return dc.Errorf(dc.WrongState, "its disk %s has %d bytes instead of %d", path.Base(disk.File), found.CapacityBytes, disk.CapacityBytes).
				Fix("register it again")
		}
		if err := f.checkUnused(f.names.flatPath(disk)); err != nil {
			return err
		}
	}
	return saveConfig(f.dir, f.names, f.m)
}

// ReleaseMachine takes m's mark off its files, so that they are nobody's, and the lock beside the .vmx. The .vmx says before what m is by
// now, all else stays as it is. Again is
// a success, and so are files that are not there and those of another machine. Kinds: NotFound when the datastore isn't mounted,
// WrongState when the .vmx can't be read, Unavailable when the machine is executed.
func (l *Local) ReleaseMachine(ctx context.Context, m dc.Machine) error {
	if _, err := namesOf(m); err != nil {
		return nil // there can be no such files
	}
	if _, err := l.path(m.Datastore); err != nil {
		return err
	}
	f, err := l.Files(ctx, m)
	if kind := dc.KindOf(err); kind == dc.NotFound || kind == dc.Exists {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return l.failure(m, "letting go of the files", f.release())
}

func (f *Files) release() error {
	lock, err := f.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := saveConfig(f.dir, f.names, f.m); err != nil { // its name or its note may have changed since
		return err
	}
	c, _, err := readConfig(f.dir, f.names)
	if err != nil {
		return err
	}
	c.Delete(ownerKey)
	if err := f.dir.Write(f.names.config(), c.Bytes()); err != nil {
		return err
	}
	return discard(f.dir, f.names.lock())
}
