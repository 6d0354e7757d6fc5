package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

func TestEmbeddedKeepsAll(t *testing.T) {
	dir := t.TempDir()
	s := open(t, store.EmbeddedConfig{Dir: dir})
	if err := putFolder(t.Context(), s, "group-a"); err != nil {
		t.Fatal(err)
	}
	fence, err := s.TakeFence(t.Context(), "manager")
	if err != nil {
		t.Fatal(err)
	}
	before, _ := store.Get[*dc.Folder](s.View(), "group-a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, store.EmbeddedConfig{Dir: dir})
	after, err := store.Get[*dc.Folder](s.View(), "group-a")
	if err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("got %+v, %v; want %+v", after, err, before)
	}
	if holder, _ := store.Claimed(s.View(), dc.NameClaim("", "group-a")); holder != "group-a" {
		t.Errorf("the name is held by %q", holder)
	}
	if err := s.Change(t.Context(), func(tx *store.Tx) error { tx.Require(fence); return nil }); err != nil {
		t.Errorf("the fence of before: %v", err)
	}
}

func TestEmbeddedTwice(t *testing.T) {
	dir := t.TempDir()
	s := open(t, store.EmbeddedConfig{Dir: dir})
	_, err := store.OpenEmbedded(t.Context(), store.EmbeddedConfig{Dir: dir})
	want := fmt.Sprintf("the store in %s: the process %d uses it; stop that process, or choose another folder", dir, os.Getpid())
	if dc.KindOf(err) != dc.WrongState || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := putFolder(t.Context(), s, "group-a"); err != nil {
		t.Errorf("the first one: %v", err)
	}
	s.Close()
	open(t, store.EmbeddedConfig{Dir: dir})
}

func TestEmbeddedHasNoSocket(t *testing.T) {
	before := sockets(t)
	open(t, store.EmbeddedConfig{Dir: t.TempDir()})
	if after := sockets(t); after != before {
		t.Errorf("%d sockets, %d before", after, before)
	}
}

// sockets counts the sockets of this process.
func sockets(t *testing.T) int {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, fd := range fds {
		if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

func TestEmbeddedFolder(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(base, "foreign")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("the store in %s: its folder belongs to the user with the ID 12345, not to you (0); "+
		"choose another folder, or make this one yours with chown", foreign)
	if os.Geteuid() == 0 {
		if err := os.Chown(foreign, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	} else {
		if err := os.Chmod(foreign, 0); err != nil {
			t.Fatal(err)
		}
		want = fmt.Sprintf("the store in %s: cannot lock its folder: open %s/lock: permission denied; "+
			"choose another folder, or run as the user that it belongs to", foreign, foreign)
	}
	tests := []struct {
		name, dir string
		kind      dc.ErrorKind
		message   string
	}{
		{"below a file", file + "/store", dc.WrongState,
			fmt.Sprintf("the store in %s/store: cannot make its folder: mkdir %s: not a directory; choose another folder", file, file)},
		{"of somebody else", foreign, dc.Denied, want},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := store.OpenEmbedded(t.Context(), store.EmbeddedConfig{Dir: tt.dir})
			if dc.KindOf(err) != tt.kind || err.Error() != tt.message {
				t.Errorf("error %v of kind %s, want %s of kind %s", err, dc.KindOf(err), tt.message, tt.kind)
			}
		})
	}
}

// A folder whose mode is wide open is closed to others: there are password hashes in it.
func TestEmbeddedFolderMode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	open(t, store.EmbeddedConfig{Dir: dir}).Close()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// etcd would end the process on damaged files. Here the caller gets an error, and the log has etcd's words.
func TestEmbeddedDamage(t *testing.T) {
	tests := []struct{ name, glob string }{
		{"log", "etcd/member/wal/*.wal"},
		{"database", "etcd/member/snap/db"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, store.EmbeddedConfig{Dir: dir})
			if err := putFolder(t.Context(), s, "group-a"); err != nil {
				t.Fatal(err)
			}
			s.Close()
			files, err := filepath.Glob(filepath.Join(dir, tt.glob))
			if err != nil || len(files) != 1 {
				t.Fatalf("files %v, %v", files, err)
			}
			f, err := os.OpenFile(files[0], os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 1<<15), 0); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			_, err = store.OpenEmbedded(t.Context(), store.EmbeddedConfig{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
			t.Log(err)
			if dc.KindOf(err) != dc.Unavailable || !strings.Contains(err.Error(), "the store in "+dir+": etcd has failed: ") {
				t.Errorf("error %v, want one of kind Unavailable that names the folder", err)
			}
			if !strings.Contains(log.String(), "etcd: ") {
				t.Errorf("log %q, want etcd's message", &log)
			}
		})
	}
}

// An ended context ends the opening, and the folder is free again afterwards.
func TestEmbeddedCanceled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.OpenEmbedded(ctx, store.EmbeddedConfig{Dir: dir}); dc.KindOf(err) != dc.Canceled {
		t.Errorf("error %v, want kind Canceled", err)
	}
	for {
		s, err := store.OpenEmbedded(t.Context(), store.EmbeddedConfig{Dir: dir})
		if err == nil {
			s.Close()
			return
		}
		if dc.KindOf(err) != dc.WrongState {
			t.Fatal(err)
		}
		runtime.Gosched() // the abandoned etcd is still ending
	}
}

// The log is quiet when all is well.
func TestEmbeddedLog(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	for range 2 {
		s := open(t, store.EmbeddedConfig{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if _, err := s.TakeFence(t.Context(), "manager"); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	if log.Len() > 0 {
		t.Errorf("log:\n%s", &log)
	}
}

// Closed stores leave no goroutines behind.
func TestNoGoroutineStays(t *testing.T) {
	opens := map[string]func() (*store.Store, error){
		"memory":   func() (*store.Store, error) { return store.OpenMemory(), nil },
		"embedded": func() (*store.Store, error) { return openIn(t.TempDir()) },
	}
	for name, open := range opens {
		t.Run(name, func(t *testing.T) {
			cycle := func() {
				s, err := open()
				if err != nil {
					t.Fatal(err)
				}
				if err := putFolder(t.Context(), s, "group-a"); err != nil {
					t.Fatal(err)
				}
				s.Close()
			}
			cycle() // what starts once in a process
			before := runtime.NumGoroutine()
			for range 5 {
				cycle()
			}
			for runtime.NumGoroutine() > before+2 { // some end a little later than Close
				if t.Context().Err() != nil {
					t.Fatal("timeout")
				}
				runtime.Gosched()
			}
		})
	}
}
