package volume

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"hanok/dc"
	"hanok/internal/beneath"
)

// Media opens what lies in a drive of the machine, for reading, and returns its absolute path for people. It is not locked: any
// number of machines may read it. Kinds: NotFound when the file is not there or its datastore isn't mounted, WrongState for
// anything else than a regular file.
func (l *Local) Media(m dc.Machine, media dc.Media) (*os.File, string, error) {
	return l.openBeside(m, media, "opening the media", func(store *beneath.Dir) (*os.File, error) {
		return store.Open(media.Path, os.O_RDONLY)
	})
}

// PortFile opens the file that a serial port of the machine appends to, and returns its absolute path for people. It makes the file
// where there is none, and locks it. Kinds: as Media, and Unavailable when it is in use.
func (l *Local) PortFile(m dc.Machine, media dc.Media) (*os.File, string, error) {
	return l.openBeside(m, media, "opening the file of a serial port", func(store *beneath.Dir) (*os.File, error) {
		const flags = os.O_WRONLY | os.O_APPEND
		file, err := store.Open(media.Path, flags)
		if errors.Is(err, fs.ErrNotExist) {
			file, err = store.CreateNew(media.Path, flags)
		}
		if err != nil {
			return nil, err
		}
		if err := lock(m, media.Path, file); err != nil {
			file.Close()
			return nil, err
		}
		return file, nil
	})
}

// openBeside opens a file on a datastore by its path, which can't lead out of it.
func (l *Local) openBeside(m dc.Machine, media dc.Media, doing string, open func(*beneath.Dir) (*os.File, error)) (*os.File, string, error) {
	store, err := l.open(media.Datastore)
	if err != nil {
		return nil, "", err
	}
	defer store.Close()
	path := filepath.Join(store.Name(), media.Path)
	file, err := open(store)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", dc.Errorf(dc.NotFound, "there is no file %s on %s", media.Path, describeStore(media.Datastore)).On(describe(m)).
			Fix("upload it, or choose another file")
	}
	if err != nil {
		return nil, "", l.failure(m, doing+" "+media.Path, err)
	}
	return file, path, nil
}
