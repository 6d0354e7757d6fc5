package disk

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ballast is the file that fills a file system.
const ballast = "ballast"

// Fill takes all room that is left in the mounted file system, but for keep bytes. What came free since an earlier Fill it takes, too.
func Fill(folder string, keep int64) error {
	f, err := os.OpenFile(filepath.Join(folder, ballast), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		var room unix.Statfs_t
		if err := errors.Join(f.Sync(), unix.Fstatfs(int(f.Fd()), &room)); err != nil {
			return err
		}
		end, err := f.Seek(0, 2)
		if err != nil {
			return err
		}
		n := int64(room.Bavail)*room.Bsize - keep
		// Not all of it may be had at once: the file system needs some for its own lists.
		for ; n >= room.Bsize; n /= 2 {
			if err = unix.Fallocate(int(f.Fd()), 0, end, n); !errors.Is(err, unix.ENOSPC) {
				break
			}
		}
		if n < room.Bsize {
			return f.Sync()
		}
		if err != nil {
			return err
		}
	}
}

// Free gives back what Fill has taken.
func Free(folder string) error { return os.Remove(filepath.Join(folder, ballast)) }
