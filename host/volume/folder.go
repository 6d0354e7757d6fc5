package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// temporary ends the name of a file that is being made. Such a file becomes valid by losing this ending.
const temporary = ".tmp"

// errIrregular is what stands where a regular file was expected, or a folder.
type errIrregular struct {
	name string
	mode fs.FileMode
}

func (e *errIrregular) Error() string {
	what := "neither a file nor a folder"
	switch {
	case e.mode&fs.ModeSymlink != 0:
		what = "a symbolic link"
	case e.mode.IsRegular():
		what = "a file"
	case e.mode.IsDir():
		what = "a folder"
	case e.mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case e.mode&fs.ModeSocket != 0:
		what = "a socket"
	case e.mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Sprintf("%s is %s", e.name, what)
}

// folder is one folder whose direct entries alone are used. Names are single path elements.
type folder struct{ *os.Root }

// openFolder opens the folder name in parent. A symbolic link is refused, wherever it leads.
func openFolder(parent folder, name string) (folder, error) {
	before, err := parent.Lstat(name)
	if err != nil {
		return folder{}, err
	}
	if !before.IsDir() {
		return folder{}, &errIrregular{name, before.Mode()}
	}
	root, err := parent.OpenRoot(name)
	if err != nil {
		return folder{}, err
	}
	after, err := root.Lstat(".")
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("%s was replaced while it was opened", name)
	}
	if err != nil {
		root.Close()
		return folder{}, err
	}
	return folder{root}, nil
}

// open opens an existing regular file.
func (d folder) open(name string, flag int) (*os.File, error) {
	before, err := d.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &errIrregular{name, before.Mode()}
	}
	// Had the file been replaced by a pipe since, the open would not wait for its other end.
	f, err := d.OpenFile(name, flag|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("%s was replaced while it was opened", name)
	}
	if err == nil {
		err = unix.SetNonblock(int(f.Fd()), false)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// create makes an empty file that only its owner may open, for reading and writing. What has the name is removed.
func (d folder) create(name string) (*os.File, error) {
	if err := d.remove(name); err != nil {
		return nil, err
	}
	return d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// publish ends the making of a file: its bytes reach the disk, then it gets its name for good.
func (d folder) publish(f *os.File, name string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := d.Rename(name+temporary, name); err != nil {
		return err
	}
	return d.sync()
}

// write replaces the content of a file: a crash leaves the old one or the new one.
func (d folder) write(name string, data []byte) error {
	f, err := d.create(name + temporary)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.Write(data); err == nil {
		err = d.publish(f, name)
	}
	if err != nil {
		return errors.Join(err, d.remove(name+temporary))
	}
	return nil
}

// exists reports whether a regular file has the name; anything else that has it is an error.
func (d folder) exists(name string) (bool, error) {
	info, err := d.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, &errIrregular{name, info.Mode()}
	}
	return true, nil
}

// remove removes a name that is not a folder's. An absent one is a success.
func (d folder) remove(name string) error {
	info, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return &errIrregular{name, info.Mode()}
	}
	return d.Remove(name)
}

// names lists the folder.
func (d folder) names() ([]string, error) {
	self, err := d.Open(".")
	if err != nil {
		return nil, err
	}
	defer self.Close()
	return self.Readdirnames(-1)
}

// sync makes the folder's own changes durable.
func (d folder) sync() error {
	self, err := d.Open(".")
	if err != nil {
		return err
	}
	defer self.Close()
	return self.Sync()
}
