package volume

import (
	"context"
	"errors"
	"io"
	"os"

	"hanok/internal/sparse"
)

const copyBuffer = 1 << 20

// errTooLong is the error of copySparse for content beyond the limit.
var errTooLong = errors.New("the content is longer than the disk")

// sourceError is an error of the reader that is copied, not of the disk that is written.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// copySparse copies all of src to dst, which is empty, and leaves holes where src has blocks of zeros. It reads src to
// its end, so that src can say there that its content is wrong; what src says is a sourceError. progress gets the bytes
// copied so far. More than limit bytes are errTooLong.
func copySparse(ctx context.Context, dst *os.File, src io.Reader, limit int64, progress func(done int64)) error {
	buf := make([]byte, copyBuffer)
	var done int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(src, buf)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			if ctx.Err() != nil {
				return ctx.Err() // whatever the reader made of it
			}
			return sourceError{err}
		}
		if done+int64(n) > limit {
			return errTooLong
		}
		if err := sparse.WriteAt(dst, buf[:n], done); err != nil {
			return err
		}
		done += int64(n)
		progress(done)
		if end {
			return nil
		}
	}
}
