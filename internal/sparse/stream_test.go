package sparse

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// source returns a file of 9 MB with bytes at its beginning, in its middle and at its end.
func source(t testing.TB) (*File, []byte) {
	f, err := os.Create(filepath.Join(t.TempDir(), "source"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	const size = 9<<20 + 1234
	for _, at := range []int64{0, 3<<20 + 17, size - 5} {
		if _, err := f.WriteAt([]byte("bytes"), at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{7}, 3<<20), 5<<20); err != nil {
		t.Fatal(err)
	}
	src, err := NewFile(f, true)
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		t.Fatal(err)
	}
	return src, want
}

// all puts a source together.
func all(s Source) ([]byte, error) {
	if s.Size() > 64<<20 {
		return nil, errors.New("too large for the test")
	}
	out := make([]byte, s.Size())
	for {
		offset, length, err := s.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(s, out[offset:offset+length]); err != nil {
			return nil, err
		}
		if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			return nil, errors.New("there is more in the stretch")
		}
	}
}

func TestStream(t *testing.T) {
	src, want := source(t)
	var b bytes.Buffer
	if err := Send(t.Context(), &b, src); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 7<<20 {
		t.Errorf("%d bytes were sent", b.Len())
	}
	whole := b.Bytes()
	receive := func(text []byte) ([]byte, error) {
		r, err := Receive(io.NopCloser(bytes.NewReader(text)))
		if err != nil {
			return nil, err
		}
		return all(r)
	}
	if got, err := receive(whole); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("another content came: %v", err)
	}
	for _, cut := range []int{0, 10, 24, 30, len(whole) / 2, len(whole) - 33, len(whole) - 1} {
		if _, err := receive(whole[:cut]); err == nil {
			t.Errorf("cut off at %d: no error", cut)
		}
	}
	for _, at := range []int{3, 20, 27, 40, len(whole) / 2, len(whole) - 40, len(whole) - 2} {
		bad := bytes.Clone(whole)
		bad[at] ^= 1
		if _, err := receive(bad); err == nil {
			t.Errorf("damaged at %d: no error", at)
		}
	}
}

func FuzzReceive(f *testing.F) {
	src, _ := source(f)
	var b bytes.Buffer
	if err := Send(f.Context(), &b, src); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes()[:100])
	f.Add([]byte(magic + "\x00\x00\x00\x00\x00\x00\x02\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Receive(io.NopCloser(bytes.NewReader(text)))
		if err != nil {
			return
		}
		var end int64
		for {
			offset, length, err := r.Next()
			if err != nil {
				return
			}
			if offset < end || length <= 0 || offset+length > r.Size() {
				t.Fatalf("a stretch of %d bytes at %d", length, offset)
			}
			end = offset + length
		}
	})
}
