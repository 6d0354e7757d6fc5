package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hanok/dc"
	"hanok/internal/testhost"
)

// wantError checks an error's kind and that its text has every part.
func wantError(t *testing.T, err error, kind dc.ErrorKind, parts ...string) {
	t.Helper()
	if err == nil || dc.KindOf(err) != kind {
		t.Fatalf("error %v, want one of kind %s", err, kind)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("the error does not say %q: %v", p, err)
		}
	}
}

func TestDataFolder(t *testing.T) {
	testhost.Require(t) // it makes folders below /run
	dir := filepath.Join(t.TempDir(), "data")
	d, err := prepareData(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v; want mode 0700", info.Mode(), err)
	}
	_, err = prepareData(dir)
	wantError(t, err, dc.WrongState, dir, "runs on it already", "Ctrl-C")
	d.close()

	other := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(other, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"agent", "datastore1"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d, err = openData(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !d.marker.MadeFolder {
		t.Error("the marker does not say that the folder was made")
	}
	if err := d.remove(); err != nil {
		t.Fatal(err)
	}
	d.close()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "notes.txt" {
		t.Errorf("what is left is %v, %v; want notes.txt alone, which is not ours", entries, err)
	}
	if _, err := os.Stat(d.run); err == nil {
		t.Errorf("%s is left", d.run)
	}
	if _, err := openData(dir); err != errNoData {
		t.Errorf("opening it again: %v, want errNoData", err)
	}
}

func TestDataFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := prepareData(dir)
	wantError(t, err, dc.Invalid, dir, `it holds "thesis.tex"`, "choose another folder with DATA=DIR")

	_, err = prepareData(filepath.Join(dir, "thesis.tex"))
	wantError(t, err, dc.Invalid, "it is not a folder")

	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "hanok.json"), []byte(`{"format":1,"run":"../../etc"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = prepareData(damaged)
	wantError(t, err, dc.Invalid, "hanok.json is damaged")

	newer := t.TempDir()
	if err := os.WriteFile(filepath.Join(newer, "hanok.json"), []byte(`{"format":9,"run":"abc"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = prepareData(newer)
	wantError(t, err, dc.Unsupported, "format 9", "use the program that made it")
}

func TestDataFolderOfSomebodyElse(t *testing.T) {
	testhost.Require(t)
	dir := t.TempDir()
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	_, err := prepareData(dir)
	wantError(t, err, dc.Invalid, dir, "it belongs to user 12345, not to root", "DATA=DIR")
}

func TestDataFolderOnAFullDisk(t *testing.T) {
	testhost.Require(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m,mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	_, err := prepareData(dir)
	wantError(t, err, dc.Exhausted, dir, "MB left", "needs 256 MB", "free some space")

	full := filepath.Join(dir, "fill")
	if err := os.WriteFile(full, make([]byte, 80<<20), 0o600); err == nil {
		t.Fatal("80 MB fit on a disk of 64 MB")
	}
	_, err = prepareData(filepath.Join(dir, "data"))
	wantError(t, err, dc.Exhausted, "its disk is full")
}
