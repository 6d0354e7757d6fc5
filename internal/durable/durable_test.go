package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/internal/durable"
)

func TestWriteFile(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		if err := durable.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("folder: %v, %v", info.Mode(), err)
	}
	path := filepath.Join(dir, "x.json")
	// What a crash left behind is no obstacle, whatever its length and mode.
	if err := os.WriteFile(path+".tmp", []byte("half of something long"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", "", "third"} {
		if err := durable.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != text {
			t.Errorf("read %q, %v; want %q", data, err, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("file: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "y.json.tmp"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := durable.ReadDir(dir, ".json")
	if err != nil || len(files) != 1 || string(files["x"]) != "third" {
		t.Errorf("read %q, %v", files, err)
	}
	for range 2 {
		if err := durable.Remove(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed, yet: %v", err)
	}
}

// TestWriteOver: the spare file becomes the one that is written, in the blocks that it has.
func TestWriteOver(t *testing.T) {
	dir := t.TempDir()
	spare, path := filepath.Join(dir, "spare"), filepath.Join(dir, "sub", "x")
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", ""} {
		if err := os.WriteFile(spare, make([]byte, 8<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(spare)
		if err != nil {
			t.Fatal(err)
		}
		if err := durable.WriteOver(spare, path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != text {
			t.Errorf("read %q, %v; want %q", data, err, text)
		}
		if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("it is another file: %v", err)
		}
		if err := durable.WriteOver(spare, path, []byte("more")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("without a spare file: %v", err)
		}
	}
}

// TestWriteFails: after a failure the old content is there and nothing else.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.Mkdir(path, 0o700); err != nil { // a folder cannot be replaced by a file
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, []byte("data"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := durable.WriteFile(filepath.Join(dir, "absent", "x"), nil, 0o600); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.MkdirAll(file, 0o700); err == nil {
		t.Error("a file passed for a folder")
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	lock, err := durable.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Lock(dir); !errors.Is(err, durable.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second lock: %v", err)
	}
	// Somebody who is about to give it up is waited for.
	go lock.Close()
	next, err := durable.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	next.Close()
}
