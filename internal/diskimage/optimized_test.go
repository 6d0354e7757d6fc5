package diskimage

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hanok/internal/sparse"
	"hanok/internal/testhost"
)

// patched returns a file of the size with some bytes at the offsets, and what it has.
func patched(t testing.TB, size int64, at ...int64) (*os.File, []byte) {
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	random := rand.NewChaCha8([32]byte{1})
	for _, offset := range at {
		b := make([]byte, min(100_000, size-offset))
		_, _ = random.Read(b[:len(b)/2]) // the rest compresses well
		if _, err := f.WriteAt(b, offset); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return f, want
}

func optimize(t testing.TB, f *os.File, capacity int64) []byte {
	t.Helper()
	src, err := sparse.NewFile(f, true)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteOptimized(t.Context(), &b, src, capacity, "disk.vmdk", 19); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var optimizedDisks = map[string]struct {
	size, capacity int64
	at             []int64
}{
	"empty":                 {1 << 20, 1 << 20, nil},
	"one sector":            {512, 512, []int64{0}},
	"the end of a table":    {64 << 20, 64 << 20, []int64{0, 32<<20 - 50_000, 64<<20 - 3}},
	"an odd size":           {5<<20 + 512, 5<<20 + 512, []int64{1 << 20, 5 << 20}},
	"larger than its bytes": {3 << 20, 100 << 20, []int64{12345}},
	"a table without any":   {100 << 20, 100 << 20, []int64{70 << 20}},
}

// TestWriteOptimized: what is written is read again, to the byte, and is the same every time.
func TestWriteOptimized(t *testing.T) {
	for name, tt := range optimizedDisks {
		t.Run(name, func(t *testing.T) {
			f, want := patched(t, tt.size, tt.at...)
			want = append(want, make([]byte, tt.capacity-tt.size)...)
			packed := optimize(t, f, tt.capacity)
			if !bytes.Equal(packed, optimize(t, f, tt.capacity)) {
				t.Error("it is written otherwise the second time")
			}
			image, err := Open(Bytes(packed), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := image.Stream(t.Context(), &got); err != nil || image.Kind != "streamOptimized" || !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%d bytes of a %s came, %v", got.Len(), image.Kind, err)
			}
		})
	}
}

// TestQEMUReadsOptimized: QEMU reads the same bytes.
func TestQEMUReadsOptimized(t *testing.T) {
	testhost.Require(t)
	for name, tt := range optimizedDisks {
		t.Run(name, func(t *testing.T) {
			f, want := patched(t, tt.size, tt.at...)
			want = append(want, make([]byte, tt.capacity-tt.size)...)
			file, raw := filepath.Join(t.TempDir(), "disk.vmdk"), filepath.Join(t.TempDir(), "raw")
			if err := os.WriteFile(file, optimize(t, f, tt.capacity), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"convert", "-f", "vmdk", "-O", "raw", file, raw}, {"check", "-f", "vmdk", file}} {
				if text, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
					t.Fatalf("qemu-img %q: %s", args, text)
				}
			}
			read, err := os.ReadFile(raw)
			if err != nil || !bytes.Equal(read, want) {
				t.Errorf("QEMU reads %d other bytes, %v", len(read), err)
			}
			if text, err := exec.Command("qemu-img", "info", file).CombinedOutput(); err != nil || !strings.Contains(string(text), "streamOptimized") {
				t.Errorf("qemu-img info: %s", text)
			}
		})
	}
}

func TestWriteOptimizedFails(t *testing.T) {
	f, _ := patched(t, 8<<20, 0, 1<<20, 2<<20, 5<<20)
	src, err := sparse.NewFile(f, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteOptimized(t.Context(), &full{room: 200 << 10}, src, 8<<20, "disk.vmdk", 19); err != io.ErrShortWrite {
		t.Errorf("a full target: %v", err)
	}
	if src, err = sparse.NewFile(f, true); err != nil {
		t.Fatal(err)
	}
	if err := WriteOptimized(t.Context(), io.Discard, src, 1<<20, "disk.vmdk", 19); err == nil {
		t.Error("more bytes than the disk has room for are written")
	}
}

// full is a target that ends.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}
