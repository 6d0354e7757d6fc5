package sparse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// A stream is a source on its way to another machine: a magic and the size; then stretches, each with its offset, its length and its
// bytes; at the end a stretch of no length at the size, and the SHA-256 of all of that. All numbers are big endian.

const (
	magic = "hanok-sparse-1\n\x00"
	// maxStretch is how long one stretch of a stream is, at most.
	maxStretch = 1 << 20
	// MaxSize is how long the content of a stream may be: that of the largest virtual disk.
	MaxSize = 62 << 40
)

// Send writes the source to w, without its holes and without blocks of zeros at the edges of stretches.
func Send(ctx context.Context, w io.Writer, src Source) error {
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	head := binary.BigEndian.AppendUint64([]byte(magic), uint64(src.Size()))
	if _, err := out.Write(head); err != nil {
		return err
	}
	buf := make([]byte, 12+maxStretch)
	put := func(offset int64, n int) error {
		binary.BigEndian.PutUint64(buf, uint64(offset))
		binary.BigEndian.PutUint32(buf[8:], uint32(n))
		_, err := out.Write(buf[:12+n])
		return err
	}
	for {
		offset, length, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for length > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := int(min(length, maxStretch))
			if _, err := io.ReadFull(src, buf[12:12+n]); err != nil {
				return errors.Join(io.ErrUnexpectedEOF, err)
			}
			if !bytes.Equal(buf[12:12+n], allZeros[:n]) {
				if err := put(offset, n); err != nil {
					return err
				}
			}
			offset, length = offset+int64(n), length-int64(n)
		}
	}
	if err := put(src.Size(), 0); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

var allZeros [maxStretch]byte

// Receiver is a stream as a source.
type Receiver struct {
	c         io.ReadCloser
	r         io.Reader
	sum       hash.Hash
	size      int64
	end, left int64
	done      bool
}

// Receive begins to read a stream, which is the receiver's from then on. What comes is worth nothing before Next has returned io.EOF.
func Receive(c io.ReadCloser) (*Receiver, error) {
	r := &Receiver{c: c, sum: sha256.New()}
	r.r = io.TeeReader(c, r.sum)
	var head [len(magic) + 8]byte
	if err := r.full(head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint64(head[len(magic):])
	if string(head[:len(magic)]) != magic || size > MaxSize {
		return nil, errors.New("it is no stream of a sparse file")
	}
	r.size = int64(size)
	return r, nil
}

func (r *Receiver) full(p []byte) error {
	_, err := io.ReadFull(r.r, p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Size implements Source.
func (r *Receiver) Size() int64 { return r.size }

// Close implements Source.
func (r *Receiver) Close() error { return r.c.Close() }

// Next implements Source. What was not read of the stretch before is skipped. Its io.EOF means that all came, undamaged.
func (r *Receiver) Next() (offset, length int64, err error) {
	if r.done {
		return 0, 0, io.EOF
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return 0, 0, err
	}
	var head [12]byte
	if err := r.full(head[:]); err != nil {
		return 0, 0, err
	}
	at, n := binary.BigEndian.Uint64(head[:]), int64(binary.BigEndian.Uint32(head[8:]))
	switch {
	case n == 0:
		return 0, 0, r.finish(at)
	case n > maxStretch || at < uint64(r.end) || at > uint64(r.size-min(n, r.size)):
		return 0, 0, fmt.Errorf("a stretch of %d bytes at %d can't be", n, at)
	}
	r.left, r.end = n, int64(at)+n
	return int64(at), n, nil
}

func (r *Receiver) finish(at uint64) error {
	want := r.sum.Sum(nil)
	got := make([]byte, len(want))
	if err := r.full(got); err != nil {
		return err
	}
	if at != uint64(r.size) || !bytes.Equal(got, want) {
		return errors.New("what came is damaged: its checksum is another one")
	}
	r.done = true
	return io.EOF
}

// Read implements Source.
func (r *Receiver) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if r.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}
