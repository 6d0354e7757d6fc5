// Package durable replaces files so that a crash or a power failure leaves the old content or the new one, never a mix,
// and so that what was reported as written is there after the power came back. It knows nothing of data centers; whoever
// keeps state in files calls it.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// suffix marks a file that a crash left half written.
const suffix = ".tmp"

// WriteFile puts data into the file at path, with the permissions perm whatever the umask, and returns when both the
// content and the name are on the disk. Two calls for one path must not run at once. After an error the old content is
// still there, or the new one.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	tmp := path + suffix
	if err := writeSynced(tmp, data, perm); err != nil {
		return errors.Join(err, ignoreAbsent(os.Remove(tmp)))
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return SyncDir(filepath.Dir(path))
}

func writeSynced(path string, data []byte, perm fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	err = f.Chmod(perm)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// WriteOver is WriteFile for a disk without room: data goes into the blocks that the file spare has, of the same file system and at
// least as large, which then takes the place and keeps its own permissions. After an error spare's content is lost.
func WriteOver(spare, path string, data []byte) error {
	f, err := os.OpenFile(spare, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Truncate(int64(len(data)))
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(spare, path); err != nil {
		return err
	}
	return errors.Join(SyncDir(filepath.Dir(spare)), SyncDir(filepath.Dir(path)))
}

// Remove removes the file at path and returns when that is on the disk. An absent file is a success.
func Remove(path string) error {
	if err := ignoreAbsent(os.Remove(path)); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// MkdirAll makes the folder at path, with the permissions perm whatever the umask, and those above it that are missing,
// and returns when all their names are on the disk. A folder that is there keeps its permissions.
func MkdirAll(path string, perm fs.FileMode) error {
	path = filepath.Clean(path)
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: path, Err: unix.ENOTDIR}
		}
		return nil
	}
	parent := filepath.Dir(path)
	if err := MkdirAll(parent, perm); err != nil {
		return err
	}
	if err := os.Mkdir(path, perm); errors.Is(err, fs.ErrExist) {
		return nil // somebody else made it meanwhile
	} else if err != nil {
		return err
	}
	if err := os.Chmod(path, perm); err != nil {
		return err
	}
	return SyncDir(parent)
}

// SyncDir returns when the names in the folder at path are on the disk.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadDir returns the content of every regular file in the folder at path whose name ends in ext, by the name without
// it. What WriteFile had not finished when the power went is left out.
func ReadDir(path, ext string) (map[string][]byte, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ext)
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if files[name], err = os.ReadFile(filepath.Join(path, e.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// ErrLocked is the error of Lock when another process, or another part of this one, has the folder.
var ErrLocked = errors.New("in use by another process")

// Lock takes the folder at path for this process until the returned file is closed or the process ends.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := LockFile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// lockPatience is how long LockFile waits for who may be on the way out.
const lockPatience = time.Second

// LockFile takes an open file for this process until it is closed or the process ends. The error is ErrLocked if somebody else
// has it for longer than a moment: a process that was killed while it started another one leaves the lock to that child, until
// the child executes its own program and all that it has inherited is closed (fork(2), execve(2)).
func LockFile(f *os.File) error {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		if time.Now().After(deadline) {
			return ErrLocked
		}
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
