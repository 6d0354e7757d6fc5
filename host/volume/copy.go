package volume

import (
	"context"
	"errors"
	"io"
	"os"
)

const copyBuffer = 1 << 20

// errTooLong is the error of copyTo for content beyond the limit.
var errTooLong = errors.New("the content is longer than the disk")

// sourceError is an error of the reader that is copied, not of the disk that is written.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// copyTo copies all of src to dst, which is empty, through write. It reads src to its end, so that src can say there that its
// content is wrong; what src says is a sourceError. progress gets the bytes copied so far, and so does the caller at the end. More
// than limit bytes are errTooLong.
func copyTo(ctx context.Context, dst *os.File, write func(dst io.WriterAt, data []byte, offset int64) error, src io.Reader, limit int64,
	progress func(done int64)) (done int64, err error) {
	buf := make([]byte, copyBuffer)
	for {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		n, err := io.ReadFull(src, buf)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			if ctx.Err() != nil {
				return done, ctx.Err() // whatever the reader made of it
			}
			return done, sourceError{err}
		}
		if done+int64(n) > limit {
			return done, errTooLong
		}
		if err := write(dst, buf[:n], done); err != nil {
			return done, err
		}
		done += int64(n)
		progress(done)
		if end {
			return done, nil
		}
	}
}
