package volume

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

func TestDisks(t *testing.T) {
	l, path := mount(t)
	m := machine()
	m.Disks[0], m.Disks[1] = m.Disks[1], m.Disks[0]
	create(t, l, m)
	f := files(t, l, m)
	if f.Path != filepath.Join(path, "hello") {
		t.Errorf("got the path %s", f.Path)
	}
	disks, err := f.Disks()
	if err != nil {
		t.Fatal(err)
	}
	if len(disks) != 2 || disks[0].Key != 2000 || disks[0].Name != "hello-flat.vmdk" || disks[1].Key != 2001 {
		t.Fatalf("got %+v, want them in the order of their keys", disks)
	}
	if flags, err := unix.FcntlInt(disks[0].File.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 ||
		flags&unix.O_ACCMODE != unix.O_RDWR {
		t.Errorf("the descriptor's flags are %#o, %v", flags, err)
	}
	if _, err := disks[0].File.WriteAt([]byte("guest"), 0); err != nil {
		t.Error(err)
	}
	_, err = f.Disks()
	wantError(t, err, dc.Unavailable, "hello-flat.vmdk is locked")
	wantError(t, l.DeleteMachine(t.Context(), m), dc.Unavailable, "hello_1-flat.vmdk is locked")
	for _, d := range disks {
		d.File.Close()
	}
	if disks, err = f.Disks(); err != nil {
		t.Fatal(err)
	}
	for _, d := range disks {
		d.File.Close()
	}

	if err := os.Truncate(filepath.Join(f.Path, "hello_1-flat.vmdk"), 100); err != nil {
		t.Fatal(err)
	}
	_, err = f.Disks()
	wantError(t, err, dc.WrongState, "hello_1-flat.vmdk", "100 bytes", "1073741824")
	wantError(t, l.CreateMachine(t.Context(), m, fetchContent, ignore), dc.WrongState, "hello_1-flat.vmdk")
	if err := os.Remove(filepath.Join(f.Path, "hello_1-flat.vmdk")); err != nil {
		t.Fatal(err)
	}
	_, err = f.Disks()
	wantError(t, err, dc.NotFound, "hello_1-flat.vmdk is missing")
}

func TestFilesNeedsAMachine(t *testing.T) {
	l, path := mount(t)
	_, err := l.Files(t.Context(), machine())
	wantError(t, err, dc.NotFound, `virtual machine "hello"`, "folder hello")
	if err := os.Mkdir(filepath.Join(path, "hello"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = l.Files(t.Context(), machine())
	wantError(t, err, dc.NotFound, "folder hello")
}

func TestRotateLog(t *testing.T) {
	l, _ := mount(t)
	create(t, l, machine())
	f := files(t, l, machine())
	if tail, err := f.LogTail(3); tail != "" || err != nil {
		t.Errorf("without a log: got %q, %v", tail, err)
	}
	for i := range 11 {
		log, err := f.RotateLog()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(log, "run "+strconv.Itoa(i)+"\n"); err != nil {
			t.Error(err)
		}
		log.Close()
	}
	wantList(t, f.Path, append(append([]string{}, created...), "vmware-10.log", "vmware-8.log", "vmware-9.log", "vmware.log")...)
	if got := read(t, filepath.Join(f.Path, "vmware-10.log")); got != "run 9\n" {
		t.Errorf("the log before has %q", got)
	}
	if tail, err := f.LogTail(3); tail != "run 10" || err != nil {
		t.Errorf("got %q, %v", tail, err)
	}
}

func TestLogTail(t *testing.T) {
	l, _ := mount(t)
	create(t, l, machine())
	f := files(t, l, machine())
	for name, test := range map[string]struct {
		log, want string
	}{
		"few lines":     {"one\ntwo", "one\ntwo"},
		"many lines":    {"one\ntwo\nthree\nfour\n\n", "two\nthree\nfour"},
		"long log":      {strings.Repeat("0123456\n", 2000) + "x\n", "0123456\n0123456\nx"},
		"cut line":      {strings.Repeat("é", 5000) + "\nlast\n", "last"},
		"one long line": {strings.Repeat("a", 9000), strings.Repeat("a", 8192)},
		"binary":        {"\xff\xfe!", "?!"},
	} {
		write(t, filepath.Join(f.Path, "vmware.log"), test.log)
		if got, err := f.LogTail(3); got != test.want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, test.want)
		}
	}
}

func TestNVRAM(t *testing.T) {
	l, _ := mount(t)
	create(t, l, machine())
	f := files(t, l, machine())
	nvram, err := f.NVRAM([]byte("empty"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nvram.WriteAt([]byte("E"), 0); err != nil {
		t.Error(err)
	}
	nvram.Close()
	if nvram, err = f.NVRAM([]byte("EMPTY")); err != nil {
		t.Fatal(err)
	}
	nvram.Close()
	if got := read(t, filepath.Join(f.Path, "hello.nvram")); got != "Empty" {
		t.Errorf("got %q: what the firmware wrote must stay", got)
	}
	_, err = f.NVRAM([]byte("another firmware's"))
	wantError(t, err, dc.WrongState, "hello.nvram", "5 bytes instead of 18", "move it away")
}

func TestSuspend(t *testing.T) {
	l, _ := mount(t)
	create(t, l, machine())
	f := files(t, l, machine())
	suspended := func(want bool) {
		t.Helper()
		if got, err := f.Suspended(); got != want || err != nil {
			t.Errorf("suspended: got %v, %v; want %v", got, err, want)
		}
	}
	suspend := func() *SuspendImage {
		t.Helper()
		s, err := f.CreateSuspended()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(s.File, "memory"); err != nil {
			t.Fatal(err)
		}
		return s
	}
	suspended(false)
	_, err := f.OpenSuspended()
	wantError(t, err, dc.NotFound, "not suspended")

	s := suspend()
	suspended(false) // a crash here leaves a machine that is not suspended
	s.File.Close()
	s = suspend() // which does not stand in the way
	if err := s.Abort(); err != nil {
		t.Error(err)
	}
	suspended(false)
	wantList(t, f.Path, created...)

	if err := suspend().Commit(); err != nil {
		t.Fatal(err)
	}
	suspended(true)
	image, err := f.OpenSuspended()
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	if got, err := io.ReadAll(image); string(got) != "memory" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for range 2 {
		if err := f.RemoveSuspended(); err != nil {
			t.Error(err)
		}
		suspended(false)
	}
	wantList(t, f.Path, created...)
}
