package sparse_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"hanok/internal/sparse"
)

func create(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestCopy(t *testing.T) {
	src, dst := create(t, "src"), create(t, "dst")
	const size = 10<<20 + 123
	for offset, text := range map[int64]string{0: "begin", 5 << 20: "middle", size - 3: "end"} {
		if _, err := src.WriteAt([]byte(text), offset); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := src.WriteAt(make([]byte, 1<<20), 6<<20); err != nil { // zeros that are written
		t.Fatal(err)
	}
	var done int64
	if err := sparse.Copy(t.Context(), dst, src, func(n int64) { done += n }); err != nil {
		t.Fatal(err)
	}
	a, _ := io.ReadAll(io.NewSectionReader(src, 0, size+1))
	b, _ := io.ReadAll(io.NewSectionReader(dst, 0, size+1))
	if !bytes.Equal(a, b) || len(b) != size || done != size {
		t.Errorf("got %d bytes, %d of progress", len(b), done)
	}
	info, _ := dst.Stat()
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; used > 1<<20 {
		t.Errorf("it takes %d bytes", used)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sparse.Copy(ctx, create(t, "x"), src, func(int64) {}); err != context.Canceled {
		t.Errorf("canceled: %v", err)
	}
}
