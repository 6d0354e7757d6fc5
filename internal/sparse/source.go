package sparse

import (
	"bytes"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Source is content that knows its holes. It is used by one goroutine; Close may be called by any.
type Source interface {
	io.Closer
	// Size is how long the content is, with its holes.
	Size() int64
	// Next returns the next stretch that is no hole, which Read then reads, and io.EOF where there is none. Stretches come in order, and
	// do not overlap.
	Next() (offset, length int64, err error)
	// Read reads what is left of the stretch, up to io.EOF at its end.
	Read(p []byte) (int, error)
}

// File is a file as a source. The zero value is none.
type File struct {
	// F is the file; Close closes it. Its length must not change.
	F *os.File
	// Packed says that stretches have hardly any zeros, so that they may be copied without a look at them.
	Packed    bool
	size, at  int64
	left, pos int64
}

// NewFile returns the file as a source.
func NewFile(f *os.File, packed bool) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &File{F: f, Packed: packed, size: info.Size()}, nil
}

// Size implements Source.
func (f *File) Size() int64 { return f.size }

// Close implements Source.
func (f *File) Close() error { return f.F.Close() }

// Next implements Source.
func (f *File) Next() (offset, length int64, err error) {
	start, end, err := Next(f.F, f.at, f.size)
	if err != nil {
		return 0, 0, err
	}
	if start >= f.size {
		return 0, 0, io.EOF
	}
	f.at, f.pos, f.left = end, start, end-start
	return start, end - start, nil
}

// Read implements Source.
func (f *File) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n, err := f.F.ReadAt(p[:min(int64(len(p)), f.left)], f.pos)
	f.pos, f.left = f.pos+int64(n), f.left-int64(n)
	if n > 0 {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // it was longer
	}
	return 0, err
}

// Bytes returns a source without holes.
func Bytes(b []byte) Source { return &content{b: b} }

type content struct {
	b    []byte
	r    *bytes.Reader
	done bool
}

func (c *content) Size() int64  { return int64(len(c.b)) }
func (c *content) Close() error { return nil }

func (c *content) Next() (offset, length int64, err error) {
	if c.done || len(c.b) == 0 {
		return 0, 0, io.EOF
	}
	c.done, c.r = true, bytes.NewReader(c.b)
	return 0, int64(len(c.b)), nil
}

func (c *content) Read(p []byte) (int, error) {
	if c.r == nil {
		return 0, io.EOF
	}
	return c.r.Read(p)
}

// Share makes dst, which is empty, a file that shares all blocks with this one, and reports whether the file system can.
func (f *File) Share(dst *os.File) bool {
	return unix.IoctlFileClone(int(dst.Fd()), int(f.F.Fd())) == nil
}
