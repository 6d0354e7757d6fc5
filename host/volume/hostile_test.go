package volume

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

func TestNamesThatClimbAreRefused(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "../hello", "a/../../b", "/etc", "a/b", `a\b`, "a\x00b", "a\nb", `a"b`, "\xff", strings.Repeat("é", 119),
	} {
		t.Run(name, func(t *testing.T) {
			l, path := mount(t)
			m := machine()
			m.Folder = name
			wantError(t, l.CreateMachine(t.Context(), m, fetchContent, ignore), dc.Invalid, `virtual machine "hello"`, "folder")
			_, err := l.Files(t.Context(), m)
			wantError(t, err, dc.Invalid, "folder")
			if err := l.DeleteMachine(t.Context(), m); err != nil {
				t.Errorf("a machine that could not be made can't be deleted: %v", err)
			}
			wantList(t, filepath.Dir(path), "ds/")
			wantList(t, path)
		})
	}
}

func TestLongAndOddNamesAreTaken(t *testing.T) {
	for _, name := range []string{strings.Repeat("é", 118), "a b", "...", "-x", "a|22b", "한옥", "a%2fb", "*"} {
		t.Run(name, func(t *testing.T) {
			l, path := mount(t)
			m := machine()
			m.Folder = name
			m.Disks[0].File, m.Disks[1].File = "", ""
			m.NameDisks(m.Folder)
			run(t, l, m, t.TempDir())
			if err := l.DeleteMachine(t.Context(), m); err != nil {
				t.Error(err)
			}
			wantList(t, path)
		})
	}
}

func TestDevicesWithoutAPlaceAreRefused(t *testing.T) {
	l, path := mount(t)
	for _, controller := range []int32{0, 999, 1004, -1} {
		m := machine()
		m.Disks[1].Controller = controller
		wantError(t, l.CreateMachine(t.Context(), m, fetchContent, ignore), dc.Invalid, "on no controller that can have it")
	}
	for _, file := range []string{"", "hello.vmdk", "hello/.vmdk", "hello/x.vmx", "other/x.vmdk", "hello/../x.vmdk", "/hello/x.vmdk"} {
		m := machine()
		m.Disks[1].File = file
		wantError(t, l.CreateMachine(t.Context(), m, fetchContent, ignore), dc.Invalid, "has no file in")
	}
	for _, key := range []int32{3999, 4010} {
		m := machine()
		m.NICs[0].Key = key
		wantError(t, l.CreateMachine(t.Context(), m, fetchContent, ignore), dc.Invalid, "network adapter with the key")
	}
	wantList(t, path)
}

// TestPlantedFoldersAreRefused puts something else where a machine's folder is expected. The victim carries the
// machine's own mark, so that only the link itself can give it away.
func TestPlantedFoldersAreRefused(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "hello.vmx"), "hanok.id = \"vm-1\"\n")
	write(t, filepath.Join(outside, "hello-flat.vmdk"), "bytes")
	const link = "hello is a symbolic link"
	for name, test := range map[string]struct {
		plant func(path string) error
		word  string
	}{
		"link": {func(path string) error { return os.Symlink(outside, path) }, link},
		"link that climbs": {func(path string) error {
			relative, err := filepath.Rel(filepath.Dir(path), outside)
			if err != nil {
				return err
			}
			return os.Symlink(relative, path)
		}, link},
		"link that stays": {func(path string) error {
			if err := os.CopyFS(filepath.Join(filepath.Dir(path), "inside"), os.DirFS(outside)); err != nil {
				return err
			}
			return os.Symlink("inside", path)
		}, link},
		"dangling link": {func(path string) error { return os.Symlink("nowhere", path) }, link},
		"named pipe":    {func(path string) error { return unix.Mkfifo(path, 0o600) }, "hello is a named pipe"},
		"file":          {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "hello is a file"},
	} {
		t.Run(name, func(t *testing.T) {
			l, path := mount(t)
			if err := test.plant(filepath.Join(path, "hello")); err != nil {
				t.Fatal(err)
			}
			before := list(t, path)
			wantError(t, l.CreateMachine(t.Context(), machine(), fetchContent, ignore), dc.WrongState, test.word)
			_, err := l.Files(t.Context(), machine())
			wantError(t, err, dc.WrongState, test.word)
			wantError(t, l.DeleteMachine(t.Context(), machine()), dc.WrongState, test.word)
			wantList(t, path, before...)
			wantList(t, outside, "hello-flat.vmdk", "hello.vmx")
		})
	}
}

// TestPlantedFilesAreRefused puts something else where each file of a machine is expected.
func TestPlantedFilesAreRefused(t *testing.T) {
	plants := map[string]func(victim, path string) error{
		"a symbolic link": func(victim, path string) error { return os.Symlink(victim, path) },
		"a named pipe":    func(victim, path string) error { return unix.Mkfifo(path, 0o600) },
		"a folder":        func(victim, path string) error { return os.Mkdir(path, 0o700) },
	}
	for file, open := range map[string]func(l *Local, f *Files) error{
		"hello-flat.vmdk": func(l *Local, f *Files) error { _, err := f.Disks(); return err },
		"hello.nvram":     func(l *Local, f *Files) error { _, err := f.NVRAM([]byte("x")); return err },
		"hello.vmx":       func(l *Local, f *Files) error { return f.SaveConfig() },
		"hello.vmx.lck":   func(l *Local, f *Files) error { _, err := f.Lock(); return err },
		"vmware.log":      func(l *Local, f *Files) error { _, err := f.LogTail(1); return err },
		"hello_1.vmdk": func(l *Local, f *Files) error {
			return l.CreateMachine(t.Context(), machine(), fetchContent, ignore)
		},
	} {
		for what, plant := range plants {
			t.Run(file+" is "+what, func(t *testing.T) {
				l, path := mount(t)
				create(t, l, machine())
				f := files(t, l, machine())
				victim := filepath.Join(path, "victim")
				write(t, victim, "bytes")
				target := filepath.Join(f.Path, file)
				if err := os.RemoveAll(target); err != nil {
					t.Fatal(err)
				}
				if err := plant("../victim", target); err != nil {
					t.Fatal(err)
				}
				wantError(t, open(l, f), dc.WrongState, file+" is "+what, "folder hello")
				if file == "vmware.log" {
					_, err := f.RotateLog()
					wantError(t, err, dc.WrongState, file+" is "+what)
				}
				if got := read(t, victim); got != "bytes" {
					t.Errorf("the victim has %q", got)
				}
			})
		}
	}
}

func TestPlantedSuspendImageIsRefused(t *testing.T) {
	l, path := mount(t)
	create(t, l, machine())
	f := files(t, l, machine())
	victim := filepath.Join(path, "victim")
	write(t, victim, "bytes")
	target := filepath.Join(f.Path, f.names.suspend("vm-1"))
	if err := os.Symlink(victim, target); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, target+".tmp"); err != nil {
		t.Fatal(err)
	}
	_, err := f.Suspended()
	wantError(t, err, dc.WrongState, "vmss is a symbolic link")
	_, err = f.OpenSuspended()
	wantError(t, err, dc.WrongState, "vmss is a symbolic link")
	s, err := f.CreateSuspended() // takes the place of the link, does not follow it
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.File.WriteString("memory"); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, victim); got != "bytes" {
		t.Errorf("the victim has %q", got)
	}
	if found, err := f.Suspended(); !found || err != nil {
		t.Errorf("suspended: got %v, %v", found, err)
	}
}
