package volume

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/beneath"
	"hanok/internal/testhost"
)

var created = []string{"hello-flat.vmdk", "hello.vmdk", "hello.vmx", "hello_1-flat.vmdk", "hello_1.vmdk"}

func TestCreateMachine(t *testing.T) {
	l, path := mount(t)
	m := machine()
	var last, sum int64
	err := l.CreateMachine(t.Context(), m, fetchContent, func(done, total int64) {
		if done < last {
			t.Errorf("progress goes back from %d to %d", last, done)
		}
		last, sum = done, total
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != 8<<20 || sum != 8<<20 {
		t.Errorf("progress ends at %d of %d", last, sum)
	}
	dir := filepath.Join(path, "hello")
	wantList(t, dir, created...)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
	flat := filepath.Join(dir, "hello-flat.vmdk")
	got := read(t, flat)
	if want := string(content()) + strings.Repeat("\x00", 8<<20-len(content())); got != want {
		t.Error("the disk does not hold the image and zeros behind it")
	}
	if n := allocated(t, flat); n > 64<<10 {
		t.Errorf("the disk takes %d bytes for 14 that are not zero", n)
	}
	if n := allocated(t, filepath.Join(dir, "hello_1-flat.vmdk")); n > 4096 {
		t.Errorf("the empty disk takes %d bytes", n)
	}
	if info, err := os.Stat(filepath.Join(dir, "hello_1-flat.vmdk")); err != nil || info.Size() != 1<<30 {
		t.Errorf("the empty disk: %v, %v", info, err)
	}
	if d := read(t, filepath.Join(dir, "hello_1.vmdk")); !strings.Contains(d, `RW 2097152 VMFS "hello_1-flat.vmdk"`) {
		t.Errorf("the second descriptor:\n%s", d)
	}

	// Again: what is there stays, and nothing is fetched.
	write(t, flat, got[:100]+"guest"+got[105:])
	noFetch := func(context.Context, string) (io.ReadCloser, error) { return nil, errors.New("fetched again") }
	if err := l.CreateMachine(t.Context(), m, noFetch, ignore); err != nil {
		t.Fatal(err)
	}
	if now := read(t, flat); now[100:105] != "guest" {
		t.Error("the disk was made again")
	}
	wantList(t, dir, created...)
}

func TestConfigFollowsTheMachine(t *testing.T) {
	l, path := mount(t)
	m := machine()
	create(t, l, m)
	file := filepath.Join(path, "hello", "hello.vmx")
	before := read(t, file)
	for _, want := range []string{
		`.encoding = "UTF-8"`, `hanok.id = "vm-1"`, `displayName = "hello"`, `guestOS = "otherlinux-64"`,
		`uuid.bios = "42 00 93 72 17 da be 73-77 9d 00 7c cf 1b d2 28"`, `memSize = "128"`, `firmware = "bios"`,
		`scsi0:0.fileName = "hello.vmdk"`, `scsi0:1.fileName = "hello_1.vmdk"`, `ethernet0.addressType = "static"`,
		`ethernet0.address = "` + testMAC + `"`, `ethernet0.networkName = "network-1"`,
	} {
		if !strings.Contains(before, want+"\n") {
			t.Errorf("the configuration has no line %s:\n%s", want, before)
		}
	}

	// Somebody adds a CD drive; then the machine gets another name and loses a disk and its NIC.
	before += "sata0:0.fileName = \"x.iso\" # mine\n"
	write(t, file, before)
	m.Name, m.Disks, m.NICs = `a "new" name`, m.Disks[:1], nil
	if err := files(t, l, m).SaveConfig(); err != nil {
		t.Fatal(err)
	}
	after := read(t, file)
	for text, want := range map[string]bool{
		`displayName = "a |22new|22 name"`: true, "sata0:0.fileName = \"x.iso\" # mine\n": true, "scsi0:0.": true,
		"scsi0:1.": false, "ethernet0": false,
	} {
		if strings.Contains(after, text) != want {
			t.Errorf("%q in the new configuration: want %v\n%s", text, want, after)
		}
	}
	if got := read(t, file+"~"); got != before {
		t.Errorf("the configuration before: got\n%s", got)
	}
	if err := files(t, l, m).SaveConfig(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, file+"~"); got != before {
		t.Error("a configuration without changes was written again")
	}
}

func TestCreateMachineLeavesNoHalfDisk(t *testing.T) {
	tooLong := bytes.Repeat([]byte{1}, 8<<20+1)
	for name, test := range map[string]struct {
		content io.Reader
		kind    dc.ErrorKind
		words   []string
	}{
		"wrong content": {io.MultiReader(bytes.NewReader(content()), errReader{errors.New("the digest differs")}),
			dc.Unavailable, []string{"sha256:1", "the digest differs"}},
		"kind of the reader":   {errReader{dc.Errorf(dc.NotFound, "no such image").Fix("make one")}, dc.NotFound, []string{"no such image"}},
		"longer than the disk": {bytes.NewReader(tooLong), dc.Invalid, []string{"hello.vmdk", "8388608"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, path := mount(t)
			err := l.CreateMachine(t.Context(), machine(), func(context.Context, string) (io.ReadCloser, error) {
				return io.NopCloser(test.content), nil
			}, ignore)
			wantError(t, err, test.kind, test.words...)
			wantList(t, filepath.Join(path, "hello"), "hello.vmx")
			create(t, l, machine())
			wantList(t, filepath.Join(path, "hello"), created...)
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestCreateMachineIsCanceled(t *testing.T) {
	l, path := mount(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := l.CreateMachine(ctx, machine(), fetchContent, func(done, total int64) { cancel() })
	if dc.KindOf(err) != dc.Canceled {
		t.Errorf("got %v, want Canceled", err)
	}
	wantList(t, filepath.Join(path, "hello"), "hello.vmx")

	ctx, cancel = context.WithCancel(t.Context())
	err = l.CreateMachine(ctx, machine(), func(context.Context, string) (io.ReadCloser, error) {
		cancel()
		return io.NopCloser(errReader{dc.Errorf(dc.Unavailable, "the connection was closed")}), nil
	}, ignore)
	if dc.KindOf(err) != dc.Canceled {
		t.Errorf("while it reads: got %v, want Canceled", err)
	}
}

func TestCreateMachineRefusesOthersFolders(t *testing.T) {
	other := machine()
	other.ID, other.Name = "vm-2", "other"
	for name, test := range map[string]struct {
		prepare func(t *testing.T, l *Local, dir string)
		kind    dc.ErrorKind
		words   []string
	}{
		"another machine's": {func(t *testing.T, l *Local, dir string) { create(t, l, other) }, dc.Exists, []string{"vm-2", "hello"}},
		"VMware's": {func(t *testing.T, l *Local, dir string) {
			write(t, dir+"/hello.vmx", "displayName = \"theirs\"\n")
		}, dc.Exists, []string{"hello.vmx"}},
		"somebody's": {func(t *testing.T, l *Local, dir string) { write(t, dir+"/thesis.txt", "") }, dc.Exists, []string{"thesis.txt"}},
		"unreadable": {func(t *testing.T, l *Local, dir string) { write(t, dir+"/hello.vmx", "x = \"1\"\n\x00\n") },
			dc.WrongState, []string{`virtual machine "hello"`, "line 2", "hello.vmx~"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, path := mount(t)
			dir := filepath.Join(path, "hello")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			test.prepare(t, l, dir)
			before := list(t, dir)
			wantError(t, l.CreateMachine(t.Context(), machine(), fetchContent, ignore), test.kind, test.words...)
			if _, err := l.Files(t.Context(), machine()); err == nil {
				t.Error("Files opens a folder that is another's")
			}
			err := l.DeleteMachine(t.Context(), machine())
			if test.kind == dc.WrongState {
				wantError(t, err, dc.WrongState, "line 2")
			} else if err != nil {
				t.Errorf("delete: %v", err)
			}
			wantList(t, dir, before...)
		})
	}
}

// TestQEMUReadsTheDescriptor has the disk read through its descriptor by somebody else who knows the format.
func TestQEMUReadsTheDescriptor(t *testing.T) {
	testhost.Require(t)
	l, path := mount(t)
	create(t, l, machine())
	descriptor := filepath.Join(path, "hello", "hello.vmdk")
	raw := filepath.Join(t.TempDir(), "raw")
	out, err := exec.Command("qemu-img", "convert", "-f", "vmdk", "-O", "raw", descriptor, raw).CombinedOutput()
	if err != nil {
		t.Fatalf("qemu-img: %v\n%s", err, out)
	}
	if read(t, raw) != read(t, filepath.Join(path, "hello", "hello-flat.vmdk")) {
		t.Error("the descriptor does not lead to the bytes of the disk")
	}
}

func TestFullDatastore(t *testing.T) {
	testhost.Require(t)
	path := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
	l, _ := mount(t)
	if err := l.Mount(t.Context(), "datastore-small", path); err != nil {
		t.Fatal(err)
	}
	m := machine()
	m.Datastore = "datastore-small"
	ones := func(context.Context, string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(bytes.Repeat([]byte{1}, 8<<20))), nil
	}
	err := l.CreateMachine(t.Context(), m, ones, ignore)
	wantError(t, err, dc.Exhausted, "datastore-small", "hello.vmdk", "up to 8.0 MB", "4.0 MB of 4.0 MB are free", "free space")
	wantList(t, filepath.Join(path, "hello"), "hello.vmx")

	create(t, l, m) // an image that is mostly holes has room
	f := files(t, l, m)
	s, err := f.CreateSuspended()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.File.Write(make([]byte, 8<<20)); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("got %v, want a full datastore", err)
	}
	_, err = f.NVRAM(make([]byte, 1<<20))
	wantError(t, err, dc.Exhausted, "datastore-small", "firmware variables", `virtual machine "hello"`, "0.0 MB of 4.0 MB")
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := l.DeleteMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	wantList(t, path)
}

// run is a machine's folder after a while: suspended, with logs and firmware variables and what a crash left.
func run(t *testing.T, l *Local, m dc.Machine, dir string) {
	t.Helper()
	create(t, l, m)
	f := files(t, l, m)
	for range 5 {
		log, err := f.RotateLog()
		if err != nil {
			t.Fatal(err)
		}
		log.Close()
	}
	nvram, err := f.NVRAM([]byte("vars"))
	if err != nil {
		t.Fatal(err)
	}
	nvram.Close()
	s, err := f.CreateSuspended()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	lock, err := f.Lock()
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
	for _, name := range []string{"hello-flat.vmdk.tmp", "hello.vmx.tmp", "hello.nvram.tmp", "hello.vmx~"} {
		write(t, filepath.Join(dir, name), "half")
	}
}

func TestDeleteMachine(t *testing.T) {
	l, path := mount(t)
	dir := filepath.Join(path, "hello")
	run(t, l, machine(), dir)
	if err := l.DeleteMachine(t.Context(), machine()); err != nil {
		t.Fatal(err)
	}
	wantList(t, path)
	if err := l.DeleteMachine(t.Context(), machine()); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestDeleteMachineLeavesWhatIsNotTheMachines(t *testing.T) {
	l, path := mount(t)
	dir := filepath.Join(path, "hello")
	run(t, l, machine(), dir)
	for _, name := range []string{"hello_2.vmdk", "hello.iso", "vmware-1x.log", "vmware-01.log"} {
		write(t, filepath.Join(dir, name), "")
	}
	if err := os.Remove(dir + "/hello.nvram"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/hello.nvram", 0o700); err != nil {
		t.Fatal(err)
	}
	victim := filepath.Join(path, "victim")
	write(t, victim, "bytes")
	if err := os.Remove(dir + "/hello_1-flat.vmdk"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, dir+"/hello_1-flat.vmdk"); err != nil {
		t.Fatal(err)
	}
	if err := l.DeleteMachine(t.Context(), machine()); err != nil {
		t.Fatal(err)
	}
	wantList(t, dir, "hello.iso", "hello.nvram/", "hello_2.vmdk", "vmware-01.log", "vmware-1x.log")
	if read(t, victim) != "bytes" {
		t.Error("a file outside was touched")
	}
	if err := l.DeleteMachine(t.Context(), machine()); err != nil {
		t.Errorf("again: %v", err)
	}
	wantError(t, l.CreateMachine(t.Context(), machine(), fetchContent, ignore), dc.Exists, "hello.iso")
}

func TestDeleteMachineGoesOnAfterACrash(t *testing.T) {
	l, path := mount(t)
	dir := filepath.Join(path, "hello")
	run(t, l, machine(), dir)
	order := watch(t, dir, unix.IN_DELETE, func() {
		if err := l.DeleteMachine(t.Context(), machine()); err != nil {
			t.Fatal(err)
		}
	})
	if order[len(order)-1] != "hello.vmx" {
		t.Errorf("deleted in the order %q: the mark of the owner must go last", order)
	}
	for crash := range order {
		run(t, l, machine(), dir)
		for _, name := range order[:crash] {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.DeleteMachine(t.Context(), machine()); err != nil {
			t.Errorf("after %q: %v", order[:crash], err)
		}
		wantList(t, path)
	}
}

func TestFilesAppearInAnOrderThatSurvivesACrash(t *testing.T) {
	l, path := mount(t)
	dir := filepath.Join(path, "hello")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	order := watch(t, dir, unix.IN_MOVED_TO|unix.IN_CREATE, func() { create(t, l, machine()) })
	order = slices.DeleteFunc(order, func(name string) bool { return strings.HasSuffix(name, beneath.Temporary) })
	want := []string{"hello.vmx", "hello-flat.vmdk", "hello_1-flat.vmdk", "hello.vmdk", "hello_1.vmdk"}
	if !slices.Equal(order, want) {
		t.Errorf("got the order %q, want %q", order, want)
	}
}

// watch returns the names in a folder that events happened to while fn ran, in their order.
func watch(t *testing.T, dir string, events uint32, fn func()) []string {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, dir, events); err != nil {
		t.Fatal(err)
	}
	fn()
	buf := make([]byte, 64<<10)
	n, err := unix.Read(fd, buf)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for buf = buf[:n]; len(buf) > 0; {
		// struct inotify_event: four 32-bit words, the last of which is the length of the name behind them.
		size := int(buf[12]) | int(buf[13])<<8
		if name := strings.TrimRight(string(buf[16:16+size]), "\x00"); name != "" {
			names = append(names, name)
		}
		buf = buf[16+size:]
	}
	return names
}
