// Package diskimage reads disk images that nobody trusts: raw, qcow2, and VMDK of every kind that is not a snapshot. It opens
// nothing by itself: all files of an image are given by the caller, a descriptor can name those only, and what refers to anything
// outside (backing files, data files, raw devices) is refused. Headers and tables are bounded and checked before they are used, so that a
// small file can neither ask for much memory nor become more data than it has.
//
// It writes no images but raw files with holes (Convert); it is not a driver for running machines. Those who import disks call it: the
// manager for its images, hosts for their datastores.
package diskimage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Format is how an image is written.
type Format string

// The formats.
const (
	Raw   Format = "raw"
	QCOW2 Format = "qcow2"
	VMDK  Format = "vmdk"
)

// MaxSize is the largest disk: vSphere's, 62 TB.
const MaxSize = 62 << 40

// sector is the unit of VMDK.
const sector = 512

// maxTable bounds a table that is read at once.
const maxTable = 64 << 20

// Error says what is wrong with an image, in the field or the line.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// File is one file of an image.
type File interface {
	io.ReaderAt
	// Size is its length in bytes, which does not change.
	Size() int64
}

// Image is an image that was found to be sound as far as its headers and directories say. It is safe for concurrent use.
type Image struct {
	Format Format
	// Kind is the VMDK's createType, or "".
	Kind string
	// Size is that of the disk in bytes.
	Size  int64
	parts []part
}

// part is a stretch of the disk.
type part struct {
	offset, size int64
	reader       reader
}

// reader finds the data of one part.
type reader interface {
	// walk calls yield for the stretches of the part that have data, in rising order; what is not yielded is zero.
	walk(ctx context.Context, yield func(chunk) error) error
}

// chunk is a stretch of data that is read at once.
type chunk struct {
	offset, size int64
	// read fills buf, of the chunk's size.
	read func(buf []byte) error
}

// Open inspects the image whose first file is f. Files returns another file by the name that a descriptor gives, which is
// a single path element; nil means that there are no others. The error is an *Error where the image is at fault.
func Open(f File, files func(name string) (File, error)) (*Image, error) {
	var magic [8]byte
	n, err := f.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if files == nil {
		files = func(name string) (File, error) { return nil, errorf("its part %q was not given", name) }
	}
	var image *Image
	switch head := string(magic[:n]); {
	case strings.HasPrefix(head, "QFI\xfb"):
		image, err = openQCOW2(f)
	case strings.HasPrefix(head, "KDMV"), strings.HasPrefix(head, "COWD"), strings.HasPrefix(head, seMagic):
		image, err = openVMDK(f)
	case strings.HasPrefix(strings.ToLower(head), "# disk d"):
		image, err = openDescriptor(f, files)
	default:
		for name, magic := range refused {
			if strings.HasPrefix(head, magic) {
				return nil, errorf("it is in the format %s, which is not supported: convert it to raw, qcow2 or VMDK", name)
			}
		}
		image, err = &Image{Format: Raw, Size: f.Size(), parts: []part{{0, f.Size(), flat{f, 0, f.Size()}}}}, nil
	}
	if err != nil {
		return nil, err
	}
	if image.Size <= 0 || image.Size > MaxSize {
		return nil, errorf("a disk of %d bytes can't be", image.Size)
	}
	return image, nil
}

// refused are formats that must not be taken for raw disks: their content would be nonsense.
var refused = map[string]string{"VHDX": "vhdxfile", "VHD": "conectix", "VDI": "<<< ", "gzip": "\x1f\x8b", "xz": "\xfd7zXZ", "zstd": "\x28\xb5\x2f\xfd"}

// flat is bytes as they are.
type flat struct {
	f      File
	offset int64
	size   int64
}

// step is how much is read at once where data lies in one piece.
const step = 2 << 20

// holes is a file that knows where it has data.
type holes interface {
	Next(offset int64) (start, end int64, err error)
}

func (p flat) walk(ctx context.Context, yield func(chunk) error) error {
	for at := int64(0); at < p.size; {
		end := p.size
		if h, ok := p.f.(holes); ok {
			start, stop, err := h.Next(p.offset + at)
			if err != nil {
				return err
			}
			at, end = start-p.offset, min(stop-p.offset, p.size)
			if at >= p.size {
				return nil
			}
		}
		for ; at < end; at += step {
			if err := ctx.Err(); err != nil {
				return err
			}
			size := min(step, end-at)
			from := p.offset + at
			if err := yield(chunk{at, size, func(buf []byte) error { return readFull(p.f, buf, from) }}); err != nil {
				return err
			}
		}
		at = end
	}
	return nil
}

// readFull fills buf. The end of the file before that is an *Error.
func readFull(f io.ReaderAt, buf []byte, offset int64) error {
	n, err := f.ReadAt(buf, offset)
	if n == len(buf) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return errorf("it ends at byte %d, where it should have %d more", offset+int64(n), len(buf)-n)
	}
	return err
}

// inside reports whether a file has size bytes from offset on.
func inside(f File, offset, size int64) bool {
	return offset >= 0 && size >= 0 && offset <= f.Size() && size <= f.Size()-offset
}

// table reads count entries of width bytes.
func table(f File, what string, offset, count int64, width int) ([]byte, error) {
	size := count * int64(width)
	if count < 0 || size > maxTable {
		return nil, errorf("its %s has %d entries, which is too many", what, count)
	}
	if !inside(f, offset, size) {
		return nil, errorf("its %s at byte %d is not in the file", what, offset)
	}
	b := make([]byte, size)
	return b, readFull(f, b, offset)
}

// merger joins neighbouring stretches of one file into larger chunks.
type merger struct {
	f       File
	yield   func(chunk) error
	pending bool
	offset  int64 // in the disk
	from    int64 // in the file
	size    int64
}

func (m *merger) add(offset, from, size int64) error {
	if m.pending && m.offset+m.size == offset && m.from+m.size == from && m.size+size <= step {
		m.size += size
		return nil
	}
	if err := m.flush(); err != nil {
		return err
	}
	m.pending, m.offset, m.from, m.size = true, offset, from, size
	return nil
}

func (m *merger) flush() error {
	if !m.pending {
		return nil
	}
	m.pending = false
	f, from := m.f, m.from
	return m.yield(chunk{m.offset, m.size, func(buf []byte) error { return readFull(f, buf, from) }})
}

// unit is a stretch of the disk that is compressed by itself.
type unit struct {
	offset, size int64 // in the disk
	from, most   int64 // in the file, where most bytes may be of it, and others behind
}

// packer joins units that follow each other in the disk and, without gaps, in the file: they are read at once, and written at once.
type packer struct {
	f     File
	yield func(chunk) error
	// open makes the data of a unit, out, of what is in the file from its place on.
	open  func(out, packed []byte, u unit) error
	units []unit
}

func (p *packer) add(u unit) error {
	if n := len(p.units); n > 0 {
		first, last := p.units[0], p.units[n-1]
		if last.offset+last.size == u.offset && last.from < u.from && u.from <= last.from+last.most && u.from+u.most-first.from <= step && u.offset+u.size-first.offset <= step {
			p.units = append(p.units, u)
			return nil
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	p.units = append(p.units, u)
	return nil
}

// packed are buffers for what is read of files.
var packed = sync.Pool{New: func() any { return new([]byte) }}

func (p *packer) flush() error {
	if len(p.units) == 0 {
		return nil
	}
	units := p.units
	p.units = nil
	first, last := units[0], units[len(units)-1]
	return p.yield(chunk{first.offset, last.offset + last.size - first.offset, func(buf []byte) error {
		b := packed.Get().(*[]byte)
		defer packed.Put(b)
		size := min(last.from+last.most, p.f.Size()) - first.from
		if int64(cap(*b)) < size {
			*b = make([]byte, size)
		}
		if err := readFull(p.f, (*b)[:size], first.from); err != nil {
			return err
		}
		for _, u := range units {
			at, from := u.offset-first.offset, u.from-first.from
			if err := p.open(buf[at:at+u.size], (*b)[from:min(from+u.most, size)], u); err != nil {
				return err
			}
		}
		return nil
	}})
}

// budget bounds what an image may claim to hold: no more data than its file has.
type budget struct{ left int64 }

func (b *budget) take(n int64) error {
	if b.left -= n; b.left < 0 {
		return errorf("its tables name more data than the file has: several places lead to the same one")
	}
	return nil
}

var le, be = binary.LittleEndian, binary.BigEndian
