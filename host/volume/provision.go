package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/sparse"
)

// takesTime reports whether the making of a disk is worth a progress report: bytes are written, up to its capacity.
func takesTime(d dc.Disk) bool { return d.Image != "" || d.Provisioning == dc.ThickEager }

// reserve takes the blocks of a thick disk from the offset on. Where they are not free nothing is taken: the error is ENOSPC,
// before anybody else on the datastore runs out of space. What is read of them is zeros.
func reserve(file *os.File, d dc.Disk, from int64) error {
	if d.Provisioning != dc.ThickLazyZeroed && d.Provisioning != dc.ThickEager || d.CapacityBytes <= from {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	var room unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &room); err != nil {
		return fmt.Errorf("statfs: %w", err)
	}
	taken := max(from, st.Blocks*512) // what an attempt before this one took is there
	if d.CapacityBytes-taken > int64(room.Bavail)*room.Bsize {
		return unix.ENOSPC
	}
	// The length stays as it is: as long as it is short the disk is not finished.
	err := unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_KEEP_SIZE, from, d.CapacityBytes-from)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return dc.Errorf(dc.Unsupported, "the file system of the datastore can't take blocks before they are written").
			Fix("make the disk thin, or choose another datastore")
	}
	if err != nil {
		return fmt.Errorf("fallocate: %w", err)
	}
	return nil
}

// writerOf is how bytes get to a disk: without its zeros, or each of them where the disk is to be zeroed at once.
func writerOf(d dc.Disk) func(dst io.WriterAt, data []byte, offset int64) error {
	if d.Provisioning != dc.ThickEager {
		return sparse.WriteAt
	}
	return func(dst io.WriterAt, data []byte, offset int64) error {
		_, err := dst.WriteAt(data, offset)
		return err
	}
}

// finish gives a disk its length, and the zeros from the offset on where it is to have them at once.
func finish(ctx context.Context, file *os.File, d dc.Disk, from int64, progress func(done int64)) error {
	if d.Provisioning != dc.ThickEager {
		return file.Truncate(d.CapacityBytes)
	}
	return zero(ctx, file, from, d.CapacityBytes, progress)
}

// zero writes zeros to the file, from one offset to another.
func zero(ctx context.Context, file *os.File, from, end int64, progress func(done int64)) error {
	zeros := make([]byte, min(copyBuffer, max(0, end-from)))
	for from < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := file.WriteAt(zeros[:min(copyBuffer, end-from)], from)
		from += int64(n)
		if err != nil {
			return err
		}
		progress(from)
	}
	return nil
}
