package beneath_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/internal/testhost"
)

func TestMountPointsAreNotCrossed(t *testing.T) {
	testhost.Require(t)
	d, root, outside := tree(t)
	must(t, os.Mkdir(filepath.Join(root, "mount"), 0o700))
	must(t, unix.Mount(outside, filepath.Join(root, "mount"), "", unix.MS_BIND, ""))
	defer unix.Unmount(filepath.Join(root, "mount"), unix.MNT_DETACH)
	if f, err := d.Open("mount/file", os.O_RDONLY); !errors.Is(err, unix.EXDEV) {
		t.Errorf("got %v, %v", f, err)
	}
}
