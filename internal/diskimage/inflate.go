package diskimage

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
)

// unpacker is a decompressor that is used again and again: making one costs more than a cluster.
type unpacker struct {
	packed  bytes.Reader
	deflate io.ReadCloser
	zlib    io.ReadCloser // nil before its first use: it needs a header to begin with
}

var unpackers = sync.Pool{New: func() any { return &unpacker{deflate: flate.NewReader(nil)} }}

// inflate decompresses DEFLATE (RFC 1951) into out until either is at its end, and returns how much that is. Behind the data may be
// anything.
func inflate(out, packed []byte) (int, error) {
	u := unpackers.Get().(*unpacker)
	defer u.done()
	u.packed.Reset(packed)
	if err := u.deflate.(flate.Resetter).Reset(&u.packed, nil); err != nil {
		return 0, err
	}
	return fill(u.deflate, out)
}

// inflateZlib does it with data in zlib's container (RFC 1950), whose checksum has to be right.
func inflateZlib(out, packed []byte) (n int, err error) {
	u := unpackers.Get().(*unpacker)
	defer u.done()
	u.packed.Reset(packed)
	if u.zlib == nil {
		u.zlib, err = zlib.NewReader(&u.packed)
	} else {
		err = u.zlib.(zlib.Resetter).Reset(&u.packed, nil)
	}
	if err != nil {
		return 0, err
	}
	if n, err = fill(u.zlib, out); err != nil {
		return n, err
	}
	if more, err := u.zlib.Read(make([]byte, 1)); more > 0 {
		return n, errorf("it is longer than %d bytes", len(out))
	} else if !errors.Is(err, io.EOF) {
		return n, err
	}
	return n, nil
}

// done gives it back, without its input.
func (u *unpacker) done() {
	u.packed.Reset(nil)
	unpackers.Put(u)
}

// fill reads until out is full or r at its end.
func fill(r io.Reader, out []byte) (n int, err error) {
	for n < len(out) {
		more, err := r.Read(out[n:])
		n += more
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
