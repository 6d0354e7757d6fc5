package volume

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
)

// failure gives an error of the file system its kind and says what it means for the machine m. doing says what failed:
// "writing the memory". An error that has a kind already keeps it, and its object if it names one.
func (l *Local) failure(m dc.Machine, doing string, err error) error {
	var known *dc.Error
	var odd *beneath.Irregular
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		if known.Object == "" {
			return known.On(describe(m))
		}
		return err
	case errors.As(err, &odd):
		return dc.Errorf(dc.WrongState, "%s: %w", doing, odd).On(describe(m)).
			Fix("look for it in %s, folder %s, find out who put it there, and remove it", describeStore(m.Datastore), m.Folder)
	case isFull(err):
		return l.full(m, doing, 0, err)
	case errors.Is(err, unix.EFBIG):
		return dc.Errorf(dc.Unsupported, "%s: the file system of the datastore holds no file that large: %w", doing, err).
			On(describe(m)).Fix("make the disk smaller or choose another datastore")
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EIO), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return dc.Errorf(dc.Unavailable, "%s: the datastore refuses: %w", doing, err).On(describe(m)).
			Fix("look at the health and the mount options of %s", describeStore(m.Datastore))
	}
	return &dc.Error{Op: doing, Kind: dc.KindOf(err), Object: describe(m), Message: err.Error(), Err: err}
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// full says that the datastore is. needed is how many bytes that may take, 0 for a few.
func (l *Local) full(m dc.Machine, doing string, needed int64, cause error) error {
	e := &dc.Error{Kind: dc.Exhausted, Object: describeStore(m.Datastore), Err: cause,
		Remedy: "free space on the datastore or choose another one, then try again"}
	e.Message = "it was full while " + doing + " of " + describe(m)
	if needed > 0 {
		e.Message += ", which may take up to " + megabytes(needed)
	}
	if path, err := l.path(m.Datastore); err == nil {
		if usage, err := usageOf(path); err == nil {
			e.Message += fmt.Sprintf("; now %s of %s are free in %s", megabytes(usage.FreeBytes),
				megabytes(usage.CapacityBytes), path)
		}
	}
	return e
}

// megabytes writes a size for a person; 1 MB is 1<<20 bytes, as in vSphere.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20)) }
