package upload

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
)

const (
	object = `image "mine"`
	// sum is the SHA-256 of "0123456789".
	sum = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
)

func folder(t *testing.T) (*beneath.Dir, func() string) {
	path := t.TempDir()
	dir, err := beneath.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir, func() string {
		text, err := os.ReadFile(filepath.Join(path, "file"))
		if errors.Is(err, os.ErrNotExist) {
			return "nothing"
		}
		return string(text)
	}
}

func TestGoesOnWhereItBroke(t *testing.T) {
	dir, there := folder(t)
	d := NewDock()
	cut := io.MultiReader(strings.NewReader("01234"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := d.Take(t.Context(), dir, "file", object, Spec{}, cut); dc.KindOf(err) != dc.Canceled || there() != "01234" {
		t.Fatalf("broken off: %v, and there is %q", err, there())
	}
	n, _, err := Measure(t.Context(), dir, "file", object)
	if err != nil || n != 5 {
		t.Fatalf("got %d, %v", n, err)
	}
	file, err := d.Take(t.Context(), dir, "file", object, Spec{Offset: n, SHA256: func() string { return sum }}, strings.NewReader("56789"))
	if err != nil || there() != "0123456789" {
		t.Fatalf("%v, and there is %q", err, there())
	}
	if _, _, err := Measure(t.Context(), dir, "file", object); dc.KindOf(err) != dc.Conflict {
		t.Errorf("measured while it is held: %v", err)
	}
	if _, err := d.Take(t.Context(), dir, "file", object, Spec{}, strings.NewReader("")); dc.KindOf(err) != dc.Conflict {
		t.Errorf("taken while it is held: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, got, err := Measure(t.Context(), dir, "file", object); err != nil || got != sum {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spec    Spec
		content io.Reader
		kind    dc.ErrorKind
		left    string
	}{
		"a gap":             {Spec{Offset: 7}, strings.NewReader("x"), dc.Invalid, "old"},
		"a negative offset": {Spec{Offset: -1}, strings.NewReader("x"), dc.Invalid, "old"},
		"another checksum":  {Spec{SHA256: func() string { return sum }}, strings.NewReader("x"), dc.Invalid, "nothing"},
		"broken off":        {Spec{}, iotest.ErrReader(io.ErrClosedPipe), dc.Canceled, ""},
		"a full disk":       {Spec{}, iotest.ErrReader(unix.ENOSPC), dc.Canceled, ""}, // the sender's is not the manager's
	} {
		t.Run(name, func(t *testing.T) {
			dir, there := folder(t)
			d := NewDock()
			file, err := d.Take(t.Context(), dir, "file", object, Spec{}, strings.NewReader("old"))
			if err != nil {
				t.Fatal(err)
			}
			file.Close()
			_, err = d.Take(t.Context(), dir, "file", object, c.spec, c.content)
			var e *dc.Error
			if dc.KindOf(err) != c.kind || !errors.As(err, &e) || c.kind != dc.Canceled && e.Object != object {
				t.Errorf("got %v", err)
			}
			if there() != c.left || len(d.places) != 0 {
				t.Errorf("there is %q, and %d places are taken", there(), len(d.places))
			}
		})
	}
}

func TestSoManyAtOnce(t *testing.T) {
	dir, _ := folder(t)
	d := NewDock()
	var held []io.Closer
	for i := range most {
		file, err := d.Take(t.Context(), dir, "file"+string(rune('a'+i)), object, Spec{}, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, file)
	}
	if _, err := d.Take(t.Context(), dir, "more", object, Spec{}, strings.NewReader("x")); dc.KindOf(err) != dc.Unavailable {
		t.Errorf("one more: %v", err)
	}
	for _, file := range held {
		file.Close()
	}
	file, err := d.Take(t.Context(), dir, "more", object, Spec{}, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
}

func TestFailure(t *testing.T) {
	for err, kind := range map[error]dc.ErrorKind{unix.ENOSPC: dc.Exhausted, unix.EDQUOT: dc.Exhausted, io.ErrNoProgress: dc.Internal,
		context.Canceled: dc.Canceled, dc.Errorf(dc.NotFound, "gone"): dc.NotFound} {
		if got := dc.KindOf(Failure(object, err)); got != kind {
			t.Errorf("%v is %s, not %s", err, got, kind)
		}
	}
	if Failure(object, nil) != nil {
		t.Error("nothing has failed")
	}
}
