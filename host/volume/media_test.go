package volume

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"hanok/dc"
)

func TestMedia(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "store")
	if err := os.MkdirAll(filepath.Join(path, "iso"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"outside": "secret", "store/iso/a.iso": "content"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside", filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	l, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	m := dc.Machine{Name: "a"}
	file, opened, err := l.Media(m, dc.Media{Datastore: store, Path: "iso/a.iso"})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if content, err := io.ReadAll(file); err != nil || string(content) != "content" || opened != filepath.Join(path, "iso/a.iso") {
		t.Errorf("read %q, %v from %s", content, err, opened)
	}
	for _, hostile := range []string{"../outside", "iso/../../outside", filepath.Join(root, "outside"), "link", "iso", "none", ""} {
		for what, open := range map[string]func(dc.Machine, dc.Media) (*os.File, string, error){"media": l.Media, "port": l.PortFile} {
			if what == "port" && hostile == "none" {
				continue // is made
			}
			if file, _, err := open(m, dc.Media{Datastore: store, Path: hostile}); err == nil {
				file.Close()
				t.Errorf("%s: %q was opened", what, hostile)
			}
		}
	}
}

func TestPortFile(t *testing.T) {
	folder := t.TempDir()
	l, err := open(folder)
	if err != nil {
		t.Fatal(err)
	}
	m, media := dc.Machine{Name: "a"}, dc.Media{Datastore: store, Path: "port.log"}
	for range 2 { // the second one appends
		file, path, err := l.PortFile(m, media)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.PortFile(m, media); dc.KindOf(err) != dc.Unavailable {
			t.Errorf("a second machine got %v", err)
		}
		if _, err := file.WriteString("line\n"); err != nil {
			t.Fatal(err)
		}
		file.Close()
		if path != filepath.Join(folder, "port.log") {
			t.Errorf("the path is %s", path)
		}
	}
	if content, err := os.ReadFile(filepath.Join(folder, "port.log")); err != nil || string(content) != "line\nline\n" {
		t.Errorf("it has %q, %v", content, err)
	}
}
