package volume

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"hanok/dc"
	"hanok/internal/sparse"
)

// copyOf returns a machine whose disks are those of m, with the provisioning.
func copyOf(m dc.Machine, how dc.Provisioning) dc.Machine {
	n := m
	n.ID, n.Name, n.Folder, n.Variables, n.Disks = "vm-2", "copy", "copy", dc.ContentOf(m.ID, dc.VariablesKey), nil
	for i, d := range m.Disks {
		d.Image, d.Provisioning, d.File = dc.ContentOf(m.ID, d.Key), how, []string{"copy/copy.vmdk", "copy/copy_1.vmdk"}[i]
		n.Disks = append(n.Disks, d)
	}
	return n
}

// TestCopies: every way of provisioning is made of every other one, on the same host and over a stream.
func TestCopies(t *testing.T) {
	all := []dc.Provisioning{dc.Thin, dc.ThickLazyZeroed, dc.ThickEager}
	for _, from := range all {
		for _, to := range all {
			for _, remote := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s to %s remote=%v", from, to, remote), func(t *testing.T) {
					l, path := mount(t)
					m := machine()
					m.Firmware = dc.EFI
					m.Disks[1].CapacityBytes = 2 << 20
					for i := range m.Disks {
						m.Disks[i].Provisioning = from
					}
					create(t, l, m)
					write(t, filepath.Join(path, "hello", "hello.nvram"), "variables")
					fetch := func(ctx context.Context, name string) (io.ReadCloser, error) {
						vm, key, ok := dc.ParseContent(name)
						if !ok || vm != m.ID {
							t.Fatalf("%q was asked for", name)
						}
						local, err := l.OpenDisk(ctx, m, key)
						if err != nil || !remote {
							return local, err
						}
						defer local.Close()
						var b bytes.Buffer
						if err := sparse.Send(ctx, &b, local.(sparse.Source)); err != nil {
							return nil, err
						}
						return sparse.Receive(io.NopCloser(&b))
					}
					n := copyOf(m, to)
					var last int64
					err := l.CreateMachine(t.Context(), n, fetch, func(done, total int64) {
						if done < last || done > total {
							t.Errorf("progress goes from %d to %d of %d", last, done, total)
						}
						last = done
					})
					if err != nil {
						t.Fatal(err)
					}
					for i, name := range []string{"-flat.vmdk", "_1-flat.vmdk"} {
						source, dst := filepath.Join(path, "hello", "hello"+name), filepath.Join(path, "copy", "copy"+name)
						if read(t, source) != read(t, dst) {
							t.Errorf("disk %d has other bytes", i)
						}
						if got := allocated(t, dst); to == dc.Thin && got > 64<<10 || to != dc.Thin && got < n.Disks[i].CapacityBytes {
							t.Errorf("disk %d takes %d bytes", i, got)
						}
						if got := written(t, dst); to == dc.ThickEager && got < n.Disks[i].CapacityBytes {
							t.Errorf("only %d bytes of disk %d are written", got, i)
						}
					}
					if got := read(t, filepath.Join(path, "copy", "copy.nvram")); got != "variables" {
						t.Errorf("the variables are %q", got)
					}
				})
			}
		}
	}
}

// TestSourceIsLocked: who reads a disk shares it with other readers, and with nobody else.
func TestSourceIsLocked(t *testing.T) {
	l, _ := mount(t)
	m := machine()
	create(t, l, m)
	open := func() io.Closer {
		t.Helper()
		f, err := l.OpenDisk(t.Context(), m, 2000)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first, second := open(), open()
	_, err := files(t, l, m).Disks()
	wantError(t, err, dc.Unavailable, "it is in use")
	wantError(t, l.DeleteMachine(t.Context(), m), dc.Unavailable, "it is in use")
	first.Close()
	second.Close()
	disks, err := files(t, l, m).Disks()
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.OpenDisk(t.Context(), m, 2000)
	wantError(t, err, dc.Unavailable, "it is in use")
	for _, d := range disks {
		d.File.Close()
	}
	_, err = l.OpenDisk(t.Context(), m, 2005)
	if dc.KindOf(err) != dc.NotFound {
		t.Errorf("a disk that it has not: %v", err)
	}
	_, err = l.OpenDisk(t.Context(), m, dc.VariablesKey)
	if dc.KindOf(err) != dc.NotFound {
		t.Errorf("variables that it has not: %v", err)
	}
}

// TestCopyIsCutOff: of a disk that did not come whole nothing stays, and the next attempt makes it.
func TestCopyIsCutOff(t *testing.T) {
	l, path := mount(t)
	m := machine()
	m.Disks = m.Disks[:1]
	create(t, l, m)
	cut := func(at int) func(context.Context, string) (io.ReadCloser, error) {
		return func(ctx context.Context, name string) (io.ReadCloser, error) {
			_, key, _ := dc.ParseContent(name)
			local, err := l.OpenDisk(ctx, m, key)
			if err != nil {
				return nil, err
			}
			defer local.Close()
			var b bytes.Buffer
			if err := sparse.Send(ctx, &b, local.(sparse.Source)); err != nil {
				return nil, err
			}
			if at > 0 {
				b.Truncate(at)
			}
			return sparse.Receive(io.NopCloser(&b))
		}
	}
	n := copyOf(m, dc.Thin)
	n.Variables = ""
	err := l.CreateMachine(t.Context(), n, cut(5000), ignore)
	wantError(t, err, dc.Unavailable, "could not be read")
	if _, err := os.Stat(filepath.Join(path, "copy", "copy-flat.vmdk")); err == nil {
		t.Error("half a disk has a name")
	}
	if err := l.CreateMachine(t.Context(), n, cut(0), ignore); err != nil {
		t.Fatal(err)
	}
	if read(t, filepath.Join(path, "copy", "copy-flat.vmdk")) != read(t, filepath.Join(path, "hello", "hello-flat.vmdk")) {
		t.Error("the copy has other bytes")
	}
}
