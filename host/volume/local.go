package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/durable"
)

// Local is the local datastores of one host. Its methods are safe for concurrent use, as long as no two of them change
// the same machine at once. It holds no files open between calls.
type Local struct {
	log *slog.Logger

	mu    sync.Mutex
	paths map[dc.DatastoreID]string
}

// NewLocal returns a Local without datastores. log gets what an administrator may want to know and no caller waits for.
func NewLocal(log *slog.Logger) *Local {
	return &Local{log: log, paths: map[dc.DatastoreID]string{}}
}

// Mount makes the folder at the absolute path usable as the datastore id, and creates it if need be. Again with the
// same path is a success, after which the folder is known to be usable still. A path may have several datastores: each
// machine's folder says whose it is, whichever way leads there. Kinds: Invalid for a path that cannot be a datastore's, Exists
// when id has another path, WrongState when others than this process's user may change the folder, Unavailable when the
// folder cannot be made or opened.
func (l *Local) Mount(ctx context.Context, id dc.DatastoreID, path string) error {
	object := describeStore(id)
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" {
		return dc.Errorf(dc.Invalid, "%q is not the absolute path of a folder", path).On(object).
			Fix("give a path that starts with a slash and has no . and .. in it")
	}
	if err := durable.MkdirAll(path, 0o755); err != nil {
		return storeFailure(object, path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return storeFailure(object, path, err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return dc.Errorf(dc.WrongState, "others may change the folder %s (mode %04o, owner %d)", path, info.Mode().Perm(),
			owner).On(object).Fix("make it the service's own: chown %d %s && chmod go-w %[2]s", os.Geteuid(), path)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if old, ok := l.paths[id]; ok && old != path {
		return dc.Errorf(dc.Exists, "it is mounted from %s already", old).On(object).Fix("make a new datastore for %s", path)
	}
	l.paths[id] = path
	return nil
}

// Usage says how full the datastore's file system is. Kinds: NotFound when it isn't mounted, Unavailable when its
// folder is gone.
func (l *Local) Usage(ctx context.Context, id dc.DatastoreID) (dc.DatastoreUsage, error) {
	path, err := l.path(id)
	if err != nil {
		return dc.DatastoreUsage{}, err
	}
	usage, err := usageOf(path)
	if err != nil {
		return dc.DatastoreUsage{}, storeFailure(describeStore(id), path, err)
	}
	return usage, nil
}

func usageOf(path string) (dc.DatastoreUsage, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return dc.DatastoreUsage{}, fmt.Errorf("statfs: %w", err)
	}
	return dc.DatastoreUsage{
		CapacityBytes: int64(st.Blocks) * st.Bsize,
		FreeBytes:     int64(st.Bavail) * st.Bsize,
	}, nil
}

func (l *Local) path(id dc.DatastoreID) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	path, ok := l.paths[id]
	if !ok {
		return "", dc.Errorf(dc.NotFound, "it is not mounted on this host").On(describeStore(id)).
			Fix("wait until the host has mounted it, or look at the datastore's status")
	}
	return path, nil
}

// open opens a mounted datastore's folder.
func (l *Local) open(id dc.DatastoreID) (*beneath.Dir, error) {
	path, err := l.path(id)
	if err != nil {
		return nil, err
	}
	root, err := beneath.Open(path)
	if err != nil {
		return nil, storeFailure(describeStore(id), path, err)
	}
	return root, nil
}

func describeStore(id dc.DatastoreID) string { return dc.Describe(dc.KindDatastore, string(id)) }

// storeFailure says that the folder of a datastore could not be used.
func storeFailure(object, path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return dc.Errorf(dc.Unavailable, "its folder %s can't be used: %w", path, err).On(object).
		Fix("check that the folder exists, is mounted and belongs to the service's user")
}
