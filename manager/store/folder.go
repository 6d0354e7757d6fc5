package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/durable"
)

// claimDir makes the folder of an embedded store where it is missing and locks it against other processes, until the
// returned file is closed. It finds what etcd would end the process for.
func claimDir(dir string) (*os.File, error) {
	fail := func(kind dc.ErrorKind, remedy, format string, args ...any) error {
		err := dc.Errorf(kind, format, args...).On("the store in " + dir)
		err.Remedy = remedy
		return err
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fail(folderKind(err), folderRemedy(err), "cannot make its folder: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return nil, fail(folderKind(err), folderRemedy(err), "cannot look at its folder: %w", err)
	}
	if int(st.Uid) != os.Geteuid() {
		return nil, fail(dc.Denied, "choose another folder, or make this one yours with chown",
			"its folder belongs to the user with the ID %d, not to you (%d)", st.Uid, os.Geteuid())
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fail(folderKind(err), folderRemedy(err), "cannot lock its folder: %w", err)
	}
	if err := lockFile(lock); err != nil {
		lock.Close()
		return nil, fail(dc.WrongState, "stop that process, or choose another folder", "%w", err)
	}
	var sfs unix.Statfs_t
	if err := unix.Fstatfs(int(lock.Fd()), &sfs); err == nil && sfs.Bavail*uint64(sfs.Bsize) < minFree {
		lock.Close()
		return nil, fail(dc.Exhausted, "free some space there, or choose another folder",
			"its file system has %d MB left, and %d MB are needed", sfs.Bavail*uint64(sfs.Bsize)>>20, minFree>>20)
	}
	return lock, nil
}

// lockFile locks the file and writes this process into it. Its error names who has it.
func lockFile(lock *os.File) error {
	if err := durable.LockFile(lock); err != nil {
		pid := make([]byte, 16)
		n, _ := lock.ReadAt(pid, 0)
		return fmt.Errorf("the process %s uses it", strings.TrimSpace(string(pid[:n])))
	}
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := fmt.Fprintln(lock, os.Getpid())
	return err
}

func folderKind(err error) dc.ErrorKind {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return dc.Denied
	case outOfSpace(err):
		return dc.Exhausted
	}
	return dc.WrongState
}

func folderRemedy(err error) string {
	switch folderKind(err) {
	case dc.Denied:
		return "choose another folder, or run as the user that it belongs to"
	case dc.Exhausted:
		return "free some space there, or choose another folder"
	}
	return "choose another folder"
}

// outOfSpace reports whether the file system has refused to take more. etcd hands some of its errors on as text only.
func outOfSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || strings.Contains(err.Error(), unix.ENOSPC.Error())
}
