package diskimage

import (
	"context"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"hanok/internal/sparse"
)

// Convert writes the disk to dst, which is empty, as a raw file with holes of the disk's size. progress, which may be nil, gets how
// far in the disk it is; several goroutines call it, not in order. What is damaged is an *Error. It does not sync.
func (i *Image) Convert(ctx context.Context, dst *os.File, progress func(done int64)) error {
	if progress == nil {
		progress = func(int64) {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	chunks := make(chan chunk)
	var workers sync.WaitGroup
	var furthest atomic.Int64
	for range max(2, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			var buf []byte
			for c := range chunks {
				if ctx.Err() != nil {
					continue
				}
				if int64(cap(buf)) < c.size {
					buf = make([]byte, c.size)
				}
				err := c.read(buf[:c.size])
				if err == nil {
					err = sparse.WriteAt(dst, buf[:c.size], c.offset)
				}
				if err != nil {
					cancel(err)
					continue
				}
				if end := c.offset + c.size; end > furthest.Load() {
					furthest.Store(end)
					progress(end)
				}
			}
		})
	}
	err := i.walk(ctx, func(c chunk) error {
		select {
		case chunks <- c:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(chunks)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		return err
	}
	progress(i.Size)
	return dst.Truncate(i.Size)
}

// Stream writes the whole disk to w, with zeros where it has no data.
func (i *Image) Stream(ctx context.Context, w io.Writer) error {
	var at int64
	buf, zeros := make([]byte, step), make([]byte, 64<<10)
	fill := func(end int64) error {
		for at < end {
			n, err := w.Write(zeros[:min(int64(len(zeros)), end-at)])
			if at += int64(n); err != nil {
				return err
			}
		}
		return nil
	}
	err := i.walk(ctx, func(c chunk) error {
		if err := fill(c.offset); err != nil {
			return err
		}
		if int64(len(buf)) < c.size {
			buf = make([]byte, c.size)
		}
		if err := c.read(buf[:c.size]); err != nil {
			return err
		}
		at += c.size
		_, err := w.Write(buf[:c.size])
		return err
	})
	if err != nil {
		return err
	}
	return fill(i.Size)
}

// walk calls yield for all data of the disk.
func (i *Image) walk(ctx context.Context, yield func(chunk) error) error {
	for _, p := range i.parts {
		err := p.reader.walk(ctx, func(c chunk) error {
			c.offset += p.offset
			return yield(c)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// OSFile is a file of the operating system as a part of an image; it knows its holes.
type OSFile struct {
	*os.File
	size int64
}

// NewFile returns f as a part of an image. Its length is what it is now.
func NewFile(f *os.File) (OSFile, error) {
	info, err := f.Stat()
	if err != nil {
		return OSFile{}, err
	}
	return OSFile{f, info.Size()}, nil
}

// Size returns the length of the file.
func (f OSFile) Size() int64 { return f.size }

// Next returns the next stretch from offset on that is no hole.
func (f OSFile) Next(offset int64) (start, end int64, err error) {
	return sparse.Next(f.File, offset, f.size)
}

// Bytes is a file in memory.
type Bytes []byte

// Size returns its length.
func (b Bytes) Size() int64 { return int64(len(b)) }

// ReadAt implements io.ReaderAt.
func (b Bytes) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 || offset >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
