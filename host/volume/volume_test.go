package volume

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

const (
	store   = dc.DatastoreID("datastore-1")
	testMAC = "52:54:00:01:02:03"
)

// mount returns datastores of which one is mounted, and its folder.
func mount(t testing.TB) (*Local, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ds")
	l := NewLocal(slog.New(slog.DiscardHandler))
	if err := l.Mount(t.Context(), store, path); err != nil {
		t.Fatal(err)
	}
	return l, path
}

// machine has a disk from an image and an empty one.
func machine() dc.Machine {
	return dc.Machine{
		ID: "vm-1", Name: "hello", Datastore: store, Folder: "hello",
		Hardware: dc.Hardware{
			UUID: "42009372-17da-be73-779d-007ccf1bd228", Version: 19, GuestID: "otherLinux64Guest", Firmware: dc.BIOS, CPUs: 1,
			MemoryMB:    128,
			Controllers: []dc.Controller{{Key: 1000, Type: dc.ControllerVirtio}},
			Disks: []dc.Disk{
				{Key: 2000, Controller: 1000, CapacityBytes: 8 << 20, File: "hello/hello.vmdk", Image: "sha256:1"},
				{Key: 2001, Controller: 1000, Unit: 1, CapacityBytes: 1 << 30, File: "hello/hello_1.vmdk"},
			},
			NICs: []dc.NIC{{Key: 4000, Type: dc.VirtioNet, MAC: testMAC, PortGroup: "network-1"}},
		},
	}
}

// content is an image of 6 MB: mostly holes, with bytes at its beginning, across two blocks, and at its end.
func content() []byte {
	b := make([]byte, 6<<20+100)
	copy(b, "begin")
	copy(b[2<<20-2:], "middle")
	copy(b[len(b)-3:], "end")
	return b
}

// fetchContent is the fetcher of an image with that content.
func fetchContent(ctx context.Context, digest string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(content())), nil
}

func ignore(done, total int64) {}

// create makes a machine's files.
func create(t *testing.T, l *Local, m dc.Machine) {
	t.Helper()
	if err := l.CreateMachine(t.Context(), m, fetchContent, ignore); err != nil {
		t.Fatal(err)
	}
}

// files opens a machine's folder.
func files(t *testing.T, l *Local, m dc.Machine) *Files {
	t.Helper()
	f, err := l.Files(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// list returns the names in a folder, with a slash behind folders, sorted; nil for a folder that isn't there.
func list(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	return names
}

func wantList(t *testing.T, path string, want ...string) {
	t.Helper()
	if got := list(t, path); !slices.Equal(got, want) {
		t.Errorf("in %s: got %q, want %q", path, got, want)
	}
}

// wantError checks an error's kind, and that a user reads all of the words.
func wantError(t *testing.T, err error, kind dc.ErrorKind, words ...string) {
	t.Helper()
	if dc.KindOf(err) != kind {
		t.Fatalf("got the error %v of kind %q, want %s", err, dc.KindOf(err), kind)
	}
	f := dc.FailureOf(err)
	text := f.Object + ": " + f.Message + "; " + f.Remedy
	t.Log(text)
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("the error %q does not say %q", text, word)
		}
	}
	if f.Remedy == "" {
		t.Errorf("the error %q has no remedy", text)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// allocated is the number of bytes that a file takes on its file system.
func allocated(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}
