package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds the wait for the kernel.
const patience = time.Minute

// New makes a disk of the size in bytes in a folder, or opens the one that is there. A new one has an empty file system.
func New(dir string, size int64) (*Disk, error) {
	d := &Disk{dir: dir, size: size, cache: map[int64]*block{}}
	if err := os.MkdirAll(d.device(), 0o700); err != nil {
		return nil, err
	}
	medium := filepath.Join(dir, "medium")
	info, err := os.Stat(medium)
	if errors.Is(err, fs.ErrNotExist) {
		err = format(medium, size)
	} else if err == nil {
		d.size = info.Size()
	}
	if err != nil {
		return nil, err
	}
	if d.medium, err = os.OpenFile(medium, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	return d, nil
}

// format makes a file with an empty file system, as an installer of a distribution would. root has all of it.
func format(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return err
	}
	return run("mkfs.ext4", "-q", "-b", "4096", "-m", "0", "-E", "nodiscard,assume_storage_prezeroed=1", path)
}

// Close gives the medium up. The disk is not mounted.
func (d *Disk) Close() error { return d.medium.Close() }

// device is where the disk's file is served.
func (d *Disk) device() string { return filepath.Join(d.dir, "device") }

// Mount mounts the file system in a folder, after a loss of power with what its journal has.
func (d *Disk) Mount(folder string) error {
	if err := d.serve(d.device()); err != nil {
		return err
	}
	if err := run("mount", "-t", "ext4", "-o", "loop", filepath.Join(d.device(), fileName), folder); err != nil {
		return errors.Join(err, unix.Unmount(d.device(), 0))
	}
	return nil
}

// Unmount unmounts what Mount has mounted, and returns when the kernel has written all that it still had; while the power is cut,
// that is lost. It fails while something there is in use.
func (d *Disk) Unmount(folder string) error {
	if err := unix.Unmount(folder, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", folder, err)
	}
	// The loop device lets go of the file by itself, and with the file the file system goes.
	if err := unix.Unmount(d.device(), unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", d.device(), err)
	}
	select {
	case <-d.served:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("disk in %s: something still uses it", d.dir)
	}
}

// Check looks for damage in the file system, as e2fsck does. The disk is not mounted.
func (d *Disk) Check() error {
	return run("e2fsck", "-f", "-n", filepath.Join(d.dir, "medium"))
}

func run(args ...string) error {
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
