package volume

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"hanok/dc"
)

// FindMachine looks for what CreateMachine has made, and changes nothing: the machine's folder with its .vmx, and the bytes of
// all its disks. Kinds: NotFound when the datastore isn't mounted or something of that is missing, Exists when the folder is
// another machine's, WrongState for a disk of another size and when something else stands where a file should.
func (l *Local) FindMachine(ctx context.Context, m dc.Machine) error {
	n, err := namesOf(m)
	if err != nil {
		return err
	}
	store, err := l.open(m.Datastore)
	if err != nil {
		return err
	}
	defer store.Close()
	path := filepath.Join(store.Name(), m.Folder)
	const doing = "looking for the files"
	dir, err := store.Dir(m.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return missing(m, "its folder %s is missing", path)
	}
	if err != nil {
		return l.failure(m, doing, err)
	}
	defer dir.Close()
	owner, err := ownerOf(dir, n)
	switch {
	case err != nil:
		return l.failure(m, doing, err)
	case owner == "":
		return missing(m, "its configuration %s is missing in the folder %s, or is not marked as its own", n.config(), path)
	case owner != m.ID:
		return foreign(m, owner)
	}
	for _, d := range m.Disks {
		found, err := store.Exists(n.flatPath(d))
		if err != nil {
			return l.failure(m, doing, err)
		}
		if !found {
			return missing(m, "its disk %s is missing in the folder %s", n.flat(d), path)
		}
		info, err := store.Lstat(n.flatPath(d))
		if err == nil {
			err = checkLength(m, n.flat(d), info, d.CapacityBytes)
		}
		if err != nil {
			return l.failure(m, doing, err)
		}
	}
	return nil
}

// missing says that a file is not there which was.
func missing(m dc.Machine, format string, args ...any) error {
	return dc.Errorf(dc.NotFound, format, args...).On(describe(m)).
		Fix("bring it back, from a backup or by mounting the disk that holds it; or delete the machine")
}
