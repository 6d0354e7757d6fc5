package files

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

var ignore = func(done, total int64) {}

// tree is a datastore with dir/a.iso, beside a folder with a secret to which links of the datastore lead.
func tree(t *testing.T) (root, outside string) {
	t.Helper()
	top := t.TempDir()
	root, outside = filepath.Join(top, "ds"), filepath.Join(top, "outside")
	for path, text := range map[string]string{"ds/dir/a.iso": "content", "outside/secret": "not yours"} {
		path = filepath.Join(top, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	must(t, os.Symlink(outside, filepath.Join(root, "link")))
	must(t, os.Symlink("../../outside/secret", filepath.Join(root, "dir", "climbs.iso")))
	must(t, unix.Mkfifo(filepath.Join(root, "pipe"), 0o600))
	return root, outside
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, root string, req dc.FileRequest) (dc.FileReply, error) {
	t.Helper()
	return Driver{}.Do(t.Context(), root, root, req, ignore)
}

func at(path string) dc.FileRef { return dc.FileRef{Datastore: "datastore-1", Path: path} }

func TestListShowsWhatCanBeUsed(t *testing.T) {
	root, _ := tree(t)
	must(t, os.WriteFile(filepath.Join(root, dc.WorkFile("x", ".part")), nil, 0o600))
	reply, err := ask(t, root, dc.FileRequest{Op: dc.FileList, Query: dc.FileQuery{Recursive: true}})
	must(t, err)
	var got []string
	for _, f := range reply.Files {
		got = append(got, string(f.Kind)+" "+f.Path)
	}
	if want := "folder dir, iso dir/a.iso"; strings.Join(got, ", ") != want {
		t.Errorf("got %v", got)
	}
	reply, err = ask(t, root, dc.FileRequest{Op: dc.FileList, FileRef: at("dir"), Query: dc.FileQuery{Patterns: []string{"*.vmdk"}}})
	if err != nil || len(reply.Files) != 0 {
		t.Errorf("got %v, %v", reply.Files, err)
	}
	if _, err := ask(t, root, dc.FileRequest{Op: dc.FileList, Query: dc.FileQuery{Patterns: []string{"["}}}); dc.KindOf(err) != dc.Invalid {
		t.Errorf("a bad pattern: %v", err)
	}
}

// TestLinksLeadNowhere tries every operation on what leads out of the datastore.
func TestLinksLeadNowhere(t *testing.T) {
	root, outside := tree(t)
	to := at("copied")
	for _, path := range []string{"link/secret", "dir/climbs.iso", "pipe", "../outside/secret", "/etc/passwd"} {
		for _, op := range []dc.FileOp{dc.FileStat, dc.FileCopy, dc.FileList} {
			if reply, err := ask(t, root, dc.FileRequest{Op: op, FileRef: at(path), To: &to}); err == nil {
				t.Errorf("%s of %s: %+v", op, path, reply)
			}
		}
		if f, _, err := (Driver{}).Open(root, path); err == nil {
			f.Close()
			t.Errorf("%s was opened", path)
		}
	}
	for _, path := range []string{"link/new", "../new", "dir/climbs.iso", "pipe"} {
		_, err := Driver{}.Upload(t.Context(), root, dc.FileRequest{FileRef: at(path), Overwrite: true}, func(w io.Writer) (string, error) {
			_, err := io.WriteString(w, "planted")
			return "", err
		}, func() error { return nil })
		if err == nil {
			t.Errorf("a file was uploaded to %s", path)
		}
	}
	if _, err := ask(t, root, dc.FileRequest{Op: dc.FileRemove, FileRef: at("link")}); err != nil {
		t.Errorf("the link itself can't be removed: %v", err)
	}
	left, _ := os.ReadDir(outside)
	if text, _ := os.ReadFile(filepath.Join(outside, "secret")); len(left) != 1 || string(text) != "not yours" {
		t.Errorf("outside are %v", left)
	}
}

func TestLockedFilesStay(t *testing.T) {
	root, _ := tree(t)
	disk, err := os.OpenFile(filepath.Join(root, "dir", "a.iso"), os.O_RDWR, 0)
	must(t, err)
	defer disk.Close()
	must(t, unix.Flock(int(disk.Fd()), unix.LOCK_EX))
	to := at("moved")
	for _, path := range []string{"dir/a.iso", "dir"} {
		for _, op := range []dc.FileOp{dc.FilePlace, dc.FileCopy} {
			if _, err := ask(t, root, dc.FileRequest{Op: op, FileRef: at(path), To: &to}); dc.KindOf(err) != dc.Conflict {
				t.Errorf("%s of %s: %v", op, path, err)
			}
		}
	}
	if _, _, err := (Driver{}).Open(root, "dir/a.iso"); dc.KindOf(err) != dc.Conflict {
		t.Errorf("it was opened: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "moved")); err == nil {
		t.Error("half a copy is left")
	}
}

func TestPlaceIsDoneOnce(t *testing.T) {
	root, _ := tree(t)
	must(t, os.WriteFile(filepath.Join(root, "old"), []byte("old"), 0o600))
	to := at("old")
	req := dc.FileRequest{Op: dc.FilePlace, FileRef: at("dir/a.iso"), To: &to}
	if _, err := ask(t, root, req); dc.KindOf(err) != dc.Exists {
		t.Errorf("a name that is taken: %v", err)
	}
	req.Aside = dc.WorkFile("old", ".old")
	for range 3 {
		_, err := ask(t, root, req)
		must(t, err)
	}
	for name, want := range map[string]string{"old": "content", req.Aside: "old"} {
		if text, _ := os.ReadFile(filepath.Join(root, name)); string(text) != want {
			t.Errorf("%s has %q, want %q", name, text, want)
		}
	}
}

func TestUploadGoesOn(t *testing.T) {
	root, _ := tree(t)
	req := dc.FileRequest{FileRef: at("dir/b.iso")}
	send := func(text string, err error) error {
		_, err = Driver{}.Upload(context.Background(), root, req, func(w io.Writer) (string, error) {
			if _, err := io.WriteString(w, text); err != nil {
				return "", err
			}
			return "", err
		}, func() error { return nil })
		return err
	}
	if send("abc", io.ErrUnexpectedEOF) == nil {
		t.Error("broken off, and a success")
	}
	reply, err := ask(t, root, dc.FileRequest{Op: dc.FileUploaded, FileRef: req.FileRef})
	if err != nil || reply.Offset != 3 || !strings.HasPrefix(reply.SHA256, "ba7816bf") {
		t.Errorf("got %+v, %v", reply, err)
	}
	req.Offset = 4
	if err := send("e", nil); dc.KindOf(err) != dc.Invalid {
		t.Errorf("a gap: %v", err)
	}
	req.Offset = 2
	must(t, send("d", nil))
	if text, _ := os.ReadFile(filepath.Join(root, "dir", "b.iso")); string(text) != "abd" {
		t.Errorf("the file has %q", text)
	}
	req.Offset = 0
	if err := send("e", nil); dc.KindOf(err) != dc.Exists {
		t.Errorf("a name that is taken: %v", err)
	}
}
