// Package partial keeps a file that comes in pieces, until all of it is there: what came stays after an interruption, and its length
// and checksum say where to go on. It knows nothing of where the bytes come from; whoever takes uploads calls it, and gives the file
// its final name.
package partial

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"hanok/internal/beneath"
	"hanok/internal/sparse"
)

// ErrBusy is the error while somebody else writes the file, ErrGap that of an offset behind what is there, and ErrDamaged that of
// content with another checksum than its sender says.
var (
	ErrBusy    = errors.New("somebody else is writing it")
	ErrGap     = errors.New("there are not so many bytes")
	ErrDamaged = errors.New("its checksum is another one")
)

// File is a file that is being written, by one goroutine. Runs of zeros become holes.
type File struct {
	dir    *beneath.Dir
	name   string
	file   *os.File
	offset int64
	sum    hash.Hash
}

// Measure returns how many bytes of the file are there, and their SHA-256 in hexadecimal. A file that is not there has none.
func Measure(ctx context.Context, dir *beneath.Dir, name string) (size int64, sum string, err error) {
	h := sha256.New()
	f, err := dir.Open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, hex.EncodeToString(h.Sum(nil)), nil
	}
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	if err := lock(f, unix.LOCK_SH); err != nil {
		return 0, "", err
	}
	size, err = io.Copy(h, &canceled{ctx, f})
	return size, hex.EncodeToString(h.Sum(nil)), err
}

func lock(f *os.File, how int) error {
	err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrBusy
	}
	return err
}

// canceled is a reader that ends with its context.
type canceled struct {
	ctx context.Context
	r   io.Reader
}

func (c *canceled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Open goes on with the file in dir at the offset, of which all bytes before must be there; those behind go. 0 begins anew. The
// caller closes it, and keeps dir open until then.
func Open(ctx context.Context, dir *beneath.Dir, name string, offset int64) (_ *File, err error) {
	f := &File{dir: dir, name: name, offset: offset, sum: sha256.New()}
	f.file, err = dir.Open(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		f.file, err = dir.CreateNew(name, os.O_RDWR)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.file.Close()
		}
	}()
	if err := lock(f.file, unix.LOCK_EX); err != nil {
		return nil, err
	}
	n, err := io.Copy(f.sum, &canceled{ctx, io.NewSectionReader(f.file, 0, offset)})
	if err != nil {
		return nil, err
	}
	if n < offset {
		return nil, fmt.Errorf("%w: %d instead of %d", ErrGap, n, offset)
	}
	return f, f.file.Truncate(offset)
}

// Write takes the next bytes.
func (f *File) Write(p []byte) (int, error) {
	if err := sparse.WriteAt(f.file, p, f.offset); err != nil {
		return 0, err
	}
	f.sum.Write(p)
	f.offset += int64(len(p))
	return len(p), nil
}

// Finish returns when all bytes are on the disk, and their SHA-256. want is what it is to be, or "": of another file nothing stays,
// and the error is ErrDamaged.
func (f *File) Finish(want string) (sum string, err error) {
	sum = hex.EncodeToString(f.sum.Sum(nil))
	if want != "" && want != sum {
		return sum, errors.Join(ErrDamaged, f.dir.Remove(f.name))
	}
	if err := f.file.Truncate(f.offset); err != nil {
		return sum, err
	}
	return sum, f.file.Sync()
}

// Size is how many bytes there are by now.
func (f *File) Size() int64 { return f.offset }

// Close lets go of the file, which stays as it is.
func (f *File) Close() error { return f.file.Close() }
