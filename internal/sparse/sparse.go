// Package sparse writes and copies files without filling their holes: a run of zeros takes no room on the disk. It knows nothing
// of data centers; whoever makes disks of virtual machines, or moves files that may be such disks, calls it.
package sparse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Block is the smallest run of zeros that is left out: a file system's block.
const Block = 4 << 10

// buffer is how much is copied at a time.
const buffer = 1 << 20

var zeros [Block]byte

// WriteAt writes the blocks of data that are not all zero, where the file has nothing yet.
func WriteAt(dst io.WriterAt, data []byte, offset int64) error {
	for start := 0; start < len(data); {
		end := start
		for end < len(data) && !isZero(data[end:min(end+Block, len(data))]) {
			end = min(end+Block, len(data))
		}
		if end > start {
			if _, err := dst.WriteAt(data[start:end], offset+int64(start)); err != nil {
				return err
			}
		}
		start = end + Block // the block at end is zero, or there is none
	}
	return nil
}

func isZero(block []byte) bool { return bytes.Equal(block, zeros[:len(block)]) }

// Next returns the next stretch of the file from offset on that has bytes and not a hole; start is size where there is none.
func Next(f *os.File, offset, size int64) (start, end int64, err error) {
	if offset >= size {
		return size, size, nil
	}
	start, err = unix.Seek(int(f.Fd()), offset, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size, nil
	}
	if err != nil { // a file system without holes
		return offset, size, nil
	}
	end, err = unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, err
	}
	return min(start, size), min(end, size), nil
}

// Copy copies the file src to dst, which is empty, with its holes. progress gets the bytes of each step.
func Copy(ctx context.Context, dst, src *os.File, progress func(step int64)) error {
	info, err := src.Stat()
	if err != nil {
		return err
	}
	size, buf := info.Size(), make([]byte, buffer)
	for offset := int64(0); offset < size; {
		start, end, err := Next(src, offset, size)
		if err != nil {
			return err
		}
		progress(start - offset)
		for offset = start; offset < end; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := src.ReadAt(buf[:min(int64(len(buf)), end-offset)], offset)
			if n == 0 && err != nil {
				return errors.Join(io.ErrUnexpectedEOF, err)
			}
			if err := WriteAt(dst, buf[:n], offset); err != nil {
				return err
			}
			offset += int64(n)
			progress(int64(n))
		}
	}
	return dst.Truncate(size)
}
