package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"hanok/dc"
	"hanok/manager/store"
)

// Read reads an archive to its end, and returns it if every byte of it is what was written. image gets each image's content on
// the way, when it is not known yet whether it is whole, and may leave it unread; nil skips them all. The kinds of errors are
// Invalid for what is no backup, cut off or damaged, Unsupported for one of a newer program; errors of r and of image are
// returned as they are.
func Read(r io.Reader, image func(i Image, content io.Reader) error) (*Archive, error) {
	b := &body{r: bufio.NewReaderSize(r, chunk+trailerBytes), sum: sha256.New()}
	a, err := read(b, image)
	if b.err != nil {
		return nil, b.err
	}
	var own *callerError
	if errors.As(err, &own) {
		return nil, own.error
	}
	if known := dc.KindOf(err); known == dc.Unsupported || known == dc.Invalid {
		return nil, err
	}
	rest, drained := io.Copy(io.Discard, b)
	end, ended := io.ReadAll(b.r)
	want := trailer(b.sum.Sum(nil))
	switch {
	case drained != nil || ended != nil:
		return nil, errors.Join(drained, ended)
	case len(end) != len(want) || !bytes.HasPrefix(end, want[:len(sumName)+1]):
		return nil, broken("it is cut off: its end is missing")
	case err != nil:
		return nil, broken("it is damaged: " + err.Error())
	case rest > 0 || !bytes.Equal(end, want):
		return nil, broken("it is damaged: its checksum is not that of its content")
	}
	return a, nil
}

func broken(message string) error {
	return &dc.Error{Kind: dc.Invalid, Message: message, Remedy: "use another copy of it, or another backup"}
}

// callerError is an error of the caller's own function.
type callerError struct{ error }

func read(b *body, image func(Image, io.Reader) error) (*Archive, error) {
	a := &Archive{}
	in := tar.NewReader(b)
	first, err := in.Next()
	if err != nil || first.Name != headerName {
		return nil, broken("it is no backup of a data center")
	}
	if err := json.NewDecoder(in).Decode(&a.Header); err != nil {
		return nil, fmt.Errorf("what it is: %w", err)
	}
	if a.Format != format {
		return nil, &dc.Error{Kind: dc.Unsupported, Message: fmt.Sprintf("it is a backup of format %d, and this program knows %d", a.Format, format),
			Remedy: "use the version of hanok that wrote it (" + a.Version + "), or a newer one"}
	}
	next, err := in.Next()
	if err == nil && next.Name == loginName {
		if a.Login, err = io.ReadAll(in); err != nil {
			return nil, err
		}
		next, err = in.Next()
	}
	if err := expect(next, err, storeName); err != nil {
		return nil, err
	}
	if err := a.readLines(in); err != nil {
		return nil, err
	}
	for _, i := range a.Images {
		next, err := in.Next()
		if err := expect(next, err, imageName+strings.TrimPrefix(i.Digest, "sha256:")); err != nil {
			return nil, err
		}
		if err := readImage(i, next.Size, in, image); err != nil {
			return nil, err
		}
	}
	if next, err := in.Next(); !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("there is more in it than it says: %+v", next), err)
	}
	return a, nil
}

// expect checks that the next part is the one called name.
func expect(next *tar.Header, err error, name string) error {
	if err == nil && next.Name != name {
		err = fmt.Errorf("it is %q", next.Name)
	}
	if err != nil {
		return fmt.Errorf("the part %q: %w", name, err)
	}
	return nil
}

func (a *Archive) readLines(r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var l line
		err := dec.Decode(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("the part %q: %w", storeName, err)
		}
		a.Entries = append(a.Entries, store.Entry{Key: l.Key, Value: l.Value, Revision: l.Revision})
	}
	if len(a.Entries) != a.Objects {
		return fmt.Errorf("it has %d objects and should have %d", len(a.Entries), a.Objects)
	}
	return nil
}

func readImage(i Image, size int64, r io.Reader, use func(Image, io.Reader) error) error {
	if !dc.ValidDigest(i.Digest) || size != i.SizeBytes {
		return fmt.Errorf("image %q: it has %d bytes", i.Name, size)
	}
	sum := sha256.New()
	content := io.TeeReader(r, sum)
	if use != nil {
		if err := use(i, content); errors.Is(err, io.ErrUnexpectedEOF) {
			return err // the archive's end, seen by the caller
		} else if err != nil {
			return &callerError{err}
		}
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	if "sha256:"+hex.EncodeToString(sum.Sum(nil)) != i.Digest {
		return fmt.Errorf("image %q: its content is not what its digest says", i.Name)
	}
	return nil
}

// chunk is how much of the body is read at once.
const chunk = 64 << 10

// body is an archive without its trailer, and the sum of what was read of it.
type body struct {
	r   *bufio.Reader
	sum hash.Hash
	// err is what the source failed with.
	err error
}

func (b *body) Read(p []byte) (int, error) {
	ahead, err := b.r.Peek(min(len(p), chunk) + trailerBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
		return 0, err
	}
	n := len(ahead) - trailerBytes
	if n <= 0 {
		return 0, io.EOF
	}
	copy(p, ahead[:n])
	b.sum.Write(ahead[:n])
	_, err = b.r.Discard(n)
	return n, err
}
