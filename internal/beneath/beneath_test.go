package beneath_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/internal/beneath"
)

const secret = "not yours"

// tree makes a folder with "a/file" in it, beside a folder with a secret, and opens it.
func tree(t *testing.T) (d *beneath.Dir, root, outside string) {
	t.Helper()
	top := t.TempDir()
	root, outside = filepath.Join(top, "root"), filepath.Join(top, "outside")
	for _, dir := range []string{root, outside, filepath.Join(root, "a")} {
		must(t, os.Mkdir(dir, 0o700))
	}
	must(t, os.WriteFile(filepath.Join(root, "a", "file"), []byte("content"), 0o600))
	must(t, os.WriteFile(filepath.Join(outside, "file"), []byte(secret), 0o600))
	d, err := beneath.Open(root)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d, root, outside
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// everything calls each method that takes a path; all must fail.
func everything(d *beneath.Dir, name string) map[string]error {
	all := map[string]error{}
	close := func(c io.Closer, err error) error {
		if err == nil {
			c.Close()
		}
		return err
	}
	f, err := d.Open(name, os.O_RDWR)
	all["Open"] = close(f, err)
	f, err = d.CreateNew(name, os.O_RDWR)
	all["CreateNew"] = close(f, err)
	f, err = d.Create(name)
	all["Create"] = close(f, err)
	below, err := d.Dir(name)
	all["Dir"] = close(below, err)
	all["Mkdir"] = d.Mkdir(name, 0o700)
	all["Rename from"] = d.Rename(name, "b")
	all["Rename to"] = d.Rename("a/file", name)
	all["RenameNew"] = d.RenameNew("a/file", name)
	all["Remove"] = d.Remove(name)
	all["RemoveDir"] = d.RemoveDir(name)
	all["Write"] = d.Write(name, []byte("x"))
	_, err = d.Exists(name)
	all["Exists"] = err
	all["SyncParent"] = d.SyncParent(name)
	return all
}

func TestPathsThatLeadOutside(t *testing.T) {
	d, root, outside := tree(t)
	must(t, os.Symlink(outside, filepath.Join(root, "link")))
	must(t, os.Symlink("../outside", filepath.Join(root, "climbs")))
	must(t, os.Symlink("a", filepath.Join(root, "stays")))
	must(t, os.Symlink("/proc/self/cwd", filepath.Join(root, "magic")))
	for _, name := range []string{
		"", "/", "..", "../outside/file", "a/../../outside/file", "a/../a/file", "/etc/passwd", outside + "/file", "a//file", "a/", "./a/file",
		"a/./file", "a\x00/file", "link/file", "climbs/file", "stays/file", "magic/file", "a/file/x",
	} {
		for method, err := range everything(d, name) {
			if err == nil {
				t.Errorf("%s(%q) succeeded", method, name)
			}
		}
	}
	for _, file := range []string{filepath.Join(outside, "file"), filepath.Join(root, "a", "file")} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	if data, _ := os.ReadFile(filepath.Join(outside, "file")); string(data) != secret {
		t.Errorf("the file outside has %q", data)
	}
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	d, root, outside := tree(t)
	must(t, os.Symlink(filepath.Join(outside, "file"), filepath.Join(root, "link")))
	must(t, os.Symlink("a/file", filepath.Join(root, "inside")))
	must(t, os.Symlink("/proc/self/fd/0", filepath.Join(root, "magic")))
	must(t, unix.Mkfifo(filepath.Join(root, "pipe"), 0o600))
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	defer unix.Close(socket)
	must(t, unix.Bind(socket, &unix.SockaddrUnix{Name: filepath.Join(root, "socket")}))
	for name, what := range map[string]string{
		"link": "a symbolic link", "inside": "a symbolic link", "magic": "a symbolic link", "pipe": "a named pipe",
		"socket": "a socket", "a": "a folder",
	} {
		for _, flag := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_TRUNC} {
			f, err := d.Open(name, flag)
			var odd *beneath.Irregular
			if !errors.As(err, &odd) || !strings.HasSuffix(err.Error(), " is "+what) {
				t.Errorf("Open(%q): got %v, %v, want that it is %s", name, f, err, what)
			}
		}
		if _, err := d.Exists(name); err == nil {
			t.Errorf("Exists(%q) has no error", name)
		}
	}
	must(t, d.Remove("link"))
	if _, err := os.Stat(filepath.Join(outside, "file")); err != nil {
		t.Error("the link's target went with it")
	}
}

func TestFiles(t *testing.T) {
	d, root, _ := tree(t)
	must(t, d.Write("a/new", []byte("one")))
	must(t, d.Write("a/new", []byte("two")))
	f, err := d.Open("a/new", os.O_RDONLY)
	must(t, err)
	defer f.Close()
	if data, err := io.ReadAll(f); string(data) != "two" || err != nil {
		t.Errorf("got %q, %v", data, err)
	}
	if err := d.RenameNew("a/file", "a/new"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("rename to a name that is taken: %v", err)
	}
	must(t, d.Mkdir("b", 0o700))
	must(t, d.Rename("a/file", "b/file"))
	sub, err := d.Dir("b")
	must(t, err)
	defer sub.Close()
	list, err := sub.List()
	must(t, err)
	if len(list) != 1 || list[0].Name() != "file" || list[0].Size() != 7 {
		t.Errorf("the list is %v", list)
	}
	if err := d.Remove("b"); err == nil {
		t.Error("Remove removed a folder")
	}
	must(t, sub.Remove("file"))
	must(t, sub.Remove("file"))
	must(t, d.RemoveDir("b"))
	if left, _ := os.ReadDir(root); len(left) != 1 {
		t.Errorf("left are %v", left)
	}
}

// TestRaces swaps a folder and a file for links to the outside, as fast as it goes, while both are opened.
func TestRaces(t *testing.T) {
	d, root, outside := tree(t)
	must(t, os.Symlink(outside, filepath.Join(root, "x")))
	must(t, os.Symlink(filepath.Join(outside, "file"), filepath.Join(root, "y")))
	must(t, os.WriteFile(filepath.Join(root, "f"), []byte("content"), 0o600))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, pair := range [][2]string{{"a", "x"}, {"f", "y"}} {
				unix.Renameat2(unix.AT_FDCWD, filepath.Join(root, pair[0]), unix.AT_FDCWD, filepath.Join(root, pair[1]), unix.RENAME_EXCHANGE)
			}
		}
	}()
	opened := 0
	for range 20000 {
		for _, name := range []string{"a/file", "f"} {
			f, err := d.Open(name, os.O_RDONLY)
			if err != nil {
				continue
			}
			opened++
			if data, err := io.ReadAll(f); string(data) != "content" || err != nil {
				t.Errorf("%s has %q, %v", name, data, err)
			}
			f.Close()
		}
	}
	close(stop)
	<-stopped
	if opened == 0 {
		t.Error("nothing was ever opened")
	}
}
