package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder writes files by name into a new folder.
func folder(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuildRefusesBadPackages(t *testing.T) {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("package")))
	for _, c := range []struct {
		name    string
		content map[string]string
		want    string
	}{
		{"no manifest", nil, "run make setup"},
		{"empty manifest", map[string]string{"manifest": ""}, "is empty"},
		{"not a checksum", map[string]string{"manifest": "12  a.deb\n"}, "not a checksum"},
		{"climbs out", map[string]string{"manifest": sum + "  ../a.deb\n"}, "not a checksum"},
		{"not a package", map[string]string{"manifest": sum + "  a.txt\n"}, "not a checksum"},
		{"package absent", map[string]string{"manifest": sum + "  a.deb\n"}, "a.deb"},
		{"package damaged", map[string]string{"manifest": sum + "  a.deb\n", "a.deb": "packagE"}, "a.deb is damaged"},
		{"package cut short", map[string]string{"manifest": sum + "  a.deb\n", "a.deb": "package"}, "unpack a.deb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, c.content)
			out := filepath.Join(t.TempDir(), "image")
			_, err := Build(t.Context(), Config{Packages: dir, Out: out})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestReadTar(t *testing.T) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, header := range []*tar.Header{
		{Name: "./usr/", Typeflag: tar.TypeDir},
		{Name: "./usr/lib/libx.so.1.2", Typeflag: tar.TypeReg, Size: 1},
		{Name: "./usr/lib/libx.so.1", Typeflag: tar.TypeSymlink, Linkname: "libx.so.1.2"},
		{Name: "./lib64/ld.so", Typeflag: tar.TypeSymlink, Linkname: "/usr/lib/libx.so.1"},
		{Name: "./usr/lib/hard.so", Typeflag: tar.TypeLink, Linkname: "./usr/lib/libx.so.1.2"},
		{Name: "./usr/lib/loop.so", Typeflag: tar.TypeSymlink, Linkname: "loop.so"},
		{Name: "../../etc/passwd", Typeflag: tar.TypeReg, Size: 1},
		{Name: "./usr/share/doc", Typeflag: tar.TypeReg, Size: 1},
	} {
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, header.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	got := files{}
	keep := func(name string) bool { return !strings.HasPrefix(name, "usr/share/") }
	if err := readTar(&archive, keep, got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"usr/lib/libx.so.1.2", "usr/lib/libx.so.1", "/lib64/ld.so", "usr/lib/hard.so", "etc/passwd"} {
		if data, err := got.open(name); err != nil || len(data) != 1 {
			t.Errorf("open %s: %d bytes, %v, want 1", name, len(data), err)
		}
	}
	for name, want := range map[string]string{"usr/share/doc": "no package has", "usr/lib/loop.so": "too many symbolic links"} {
		if _, err := got.open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %s: error %v, want %q in it", name, err, want)
		}
	}
}
