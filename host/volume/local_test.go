package volume

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"hanok/dc"
)

func TestMount(t *testing.T) {
	l, path := mount(t)
	if err := l.Mount(t.Context(), store, path); err != nil {
		t.Errorf("again: %v", err)
	}
	wantError(t, l.Mount(t.Context(), store, path+"2"), dc.Exists, "datastore-1", path)
	for _, bad := range []string{"", "ds", "./ds", "/", path + "/../x", path + "/"} {
		wantError(t, l.Mount(t.Context(), "datastore-3", bad), dc.Invalid, "absolute path")
	}

	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	wantError(t, l.Mount(t.Context(), "datastore-3", file), dc.Unavailable, file, "not a directory")

	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	wantError(t, l.Mount(t.Context(), "datastore-3", open), dc.WrongState, "0777", "chmod go-w "+open)
}

func TestUsage(t *testing.T) {
	l, path := mount(t)
	u, err := l.Usage(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	if u.CapacityBytes <= 0 || u.FreeBytes < 0 || u.FreeBytes > u.CapacityBytes {
		t.Errorf("got %+v", u)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = l.Usage(t.Context(), store)
	wantError(t, err, dc.Unavailable, path)
	err = l.CreateMachine(t.Context(), machine(), fetchContent, ignore)
	wantError(t, err, dc.Unavailable, path)
}

func TestNothingWorksUnmounted(t *testing.T) {
	l := NewLocal(slog.New(slog.DiscardHandler))
	_, err := l.Usage(t.Context(), store)
	wantError(t, err, dc.NotFound, "datastore-1", "not mounted")
	wantError(t, l.CreateMachine(t.Context(), machine(), fetchContent, ignore), dc.NotFound, "not mounted")
	wantError(t, l.DeleteMachine(t.Context(), machine()), dc.NotFound, "not mounted")
	_, err = l.Files(t.Context(), machine())
	wantError(t, err, dc.NotFound, "not mounted")
}
