package volume

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/sparse"
	"hanok/internal/vmx"
)

// written is how many bytes of a file have been written: blocks that are taken and no more are holes.
func written(t *testing.T, path string) (bytes int64) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// What has been read lies in the page cache, which counts as written.
	if err := errors.Join(file.Sync(), unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at < info.Size(); {
		start, end, err := sparse.Next(file, at, info.Size())
		if err != nil {
			t.Fatal(err)
		}
		bytes, at = bytes+end-start, end
	}
	return bytes
}

func TestProvisioning(t *testing.T) {
	const capacity = 8 << 20
	for provisioning, want := range map[dc.Provisioning]struct {
		allocated, written bool // of the whole disk
		thin               string
	}{
		dc.Thin:            {false, false, "1"},
		dc.ThickLazyZeroed: {true, false, ""},
		dc.ThickEager:      {true, true, ""},
	} {
		for _, image := range []string{"", "sha256:1"} {
			t.Run(string(provisioning)+image, func(t *testing.T) {
				l, path := mount(t)
				m := machine()
				m.Disks = m.Disks[:1]
				m.Disks[0].Provisioning, m.Disks[0].Image = provisioning, image
				var last, of int64
				if err := l.CreateMachine(t.Context(), m, fetchContent, func(done, total int64) { last, of = done, total }); err != nil {
					t.Fatal(err)
				}
				if takesTime(m.Disks[0]) && (last != capacity || of != capacity) {
					t.Errorf("the last report of progress: %d of %d", last, of)
				}
				flat := filepath.Join(path, "hello", "hello-flat.vmdk")
				check := func(size int64) {
					t.Helper()
					data := make([]byte, size)
					if image != "" {
						copy(data, content())
					}
					if !bytes.Equal([]byte(read(t, flat)), data) {
						t.Error("it holds other bytes")
					}
					if got := allocated(t, flat); got >= size != want.allocated {
						t.Errorf("%d of %d bytes are taken", got, size)
					}
					if got := written(t, flat); got >= size != want.written {
						t.Errorf("%d of %d bytes are written", got, size)
					}
					d, err := vmx.ParseDescriptor([]byte(read(t, filepath.Join(path, "hello", "hello.vmdk"))))
					if err != nil {
						t.Fatal(err)
					}
					if got, _ := d.Get("ddb.thinProvisioned"); got != want.thin {
						t.Errorf("ddb.thinProvisioned: got %q, want %q", got, want.thin)
					}
					found, err := l.DescribeDisk(t.Context(), store, "hello/hello.vmdk")
					if err != nil || found.Provisioning != provisioning || found.CapacityBytes != size {
						t.Errorf("found %+v, %v", found, err)
					}
				}
				check(capacity)

				// It grows, and the host dies amid that.
				m.Disks[0].CapacityBytes = 2 * capacity
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				err := l.ConfigureMachine(ctx, m, nil, nil, fetchContent, ignore)
				if want.written != errors.Is(err, context.Canceled) {
					t.Fatalf("got %v", err)
				}
				if want.written {
					file, err := os.OpenFile(flat, os.O_WRONLY|os.O_APPEND, 0)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := file.Write(make([]byte, 4096)); err != nil {
						t.Fatal(err)
					}
					file.Close()
				}
				if err := l.ConfigureMachine(t.Context(), m, nil, nil, fetchContent, ignore); err != nil {
					t.Fatal(err)
				}
				check(2 * capacity)
			})
		}
	}
}

// A thick disk that has no room is refused before anything is taken.
func TestThickDiskWithoutRoom(t *testing.T) {
	for _, provisioning := range []dc.Provisioning{dc.ThickLazyZeroed, dc.ThickEager} {
		l, path := mount(t)
		m := machine()
		m.Disks = m.Disks[1:]
		m.Disks[0].Provisioning, m.Disks[0].CapacityBytes = provisioning, dc.MaxDiskBytes
		before, err := l.Usage(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		if before.FreeBytes > dc.MaxDiskBytes {
			t.Fatalf("this file system has %d bytes free", before.FreeBytes)
		}
		wantError(t, l.CreateMachine(t.Context(), m, fetchContent, ignore), dc.Exhausted, "hello_1.vmdk", "are free", "free space")
		wantList(t, filepath.Join(path, "hello"), "hello.vmx")
	}
}

// An eager disk that is given up leaves nothing, and neither does one whose image is bad.
func TestEagerDiskIsWholeOrNotThere(t *testing.T) {
	l, path := mount(t)
	m := machine()
	m.Disks = m.Disks[:1]
	m.Disks[0].Provisioning = dc.ThickEager
	ctx, cancel := context.WithCancel(t.Context())
	err := l.CreateMachine(ctx, m, fetchContent, func(done, total int64) {
		if done > 6<<20+100 { // behind the image: the zeros are written
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	wantList(t, filepath.Join(path, "hello"), "hello.vmx")
	bad := func(context.Context, string) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("x"), errReader{errors.New("the digest differs")})), nil
	}
	wantError(t, l.CreateMachine(t.Context(), m, bad, ignore), dc.Unavailable, "the digest differs")
	wantList(t, filepath.Join(path, "hello"), "hello.vmx")
}

func TestDescriptorsSayTheAdapter(t *testing.T) {
	l, path := mount(t)
	m := machine()
	m.Disks[0].Key, m.Disks[0].Controller, m.Disks[0].Provisioning = 3000, dc.FirstIDEKey, dc.ThickLazyZeroed
	create(t, l, m)
	for name, want := range map[string][2]string{"hello.vmdk": {"ide", "16"}, "hello_1.vmdk": {"lsilogic", "128"}} {
		d, err := vmx.ParseDescriptor([]byte(read(t, filepath.Join(path, "hello", name))))
		if err != nil {
			t.Fatal(err)
		}
		adapter, _ := d.Get("ddb.adapterType")
		heads, _ := d.Get("ddb.geometry.heads")
		if got := [2]string{adapter, heads}; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
