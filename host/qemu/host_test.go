package qemu

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hanok/agent/drivertest"
	"hanok/dc"
	"hanok/host/cgroup"
	"hanok/host/usernet"
	"hanok/host/volume"
	"hanok/image"
	"hanok/internal/testhost"
)

// patience bounds what would otherwise hang a broken test for ever; no test measures time.
const patience = 2 * time.Minute

// testStore is the datastore of this package's own tests.
const testStore dc.DatastoreID = "datastore-1"

// starter builds the starter image once for all tests.
var starter = sync.OnceValues(func() (path string, err error) {
	dir, err := os.MkdirTemp("", "starter")
	if err != nil {
		return "", err
	}
	scratch = append(scratch, dir)
	path = filepath.Join(dir, "image")
	_, err = image.Build(context.Background(), image.Config{Packages: "../../.cache/image-packages", Out: path})
	return path, err
})

// site is a host to test on: a datastore on a file system of its own below a folder that only root may enter, and a
// folder for sockets.
type site struct {
	t      testing.TB
	path   string // of the datastore's file system
	run    string
	binary string
	groups string // the name of the control group
}

func newSite(t testing.TB) *site {
	t.Helper()
	testhost.Require(t)
	private := filepath.Join(t.TempDir(), "private")
	path := filepath.Join(private, "store")
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=320m,mode=700"); err != nil {
		t.Fatal("the tests need a mount namespace of their own: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Error("something is left on the datastore: ", err)
		}
	})
	run, err := os.MkdirTemp("/run", "q")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(run); err != nil || len(left) > 0 {
			t.Errorf("left in the folder for sockets: %v, %v", left, err)
		}
		os.RemoveAll(run)
	})
	groups := "hanok-test-" + filepath.Base(run)
	t.Cleanup(func() {
		if left, err := filepath.Glob("/sys/fs/cgroup/*/" + groups); err != nil || len(left) > 0 {
			t.Errorf("control groups are left: %v, %v", left, err)
		}
	})
	return &site{t: t, path: path, run: run, groups: groups}
}

// open returns the drivers of a new process of the agent.
func (s *site) open() (*Driver, *volume.Local) {
	s.t.Helper()
	log := slog.New(slog.NewTextHandler(s.t.Output(), nil))
	v := volume.NewLocal(log)
	d, err := New(Config{Volume: v, RunDir: s.run, Binary: s.binary, Accelerator: dc.TCG, Groups: cgroup.Open(s.groups), CPUMHz: 2000, Log: log})
	if err != nil {
		s.t.Fatal(err)
	}
	return d, v
}

// pid returns the process that executes a machine, 0 for none: the one of its user.
func pid(id dc.VirtualMachineID) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != userOf(id) {
			continue
		}
		if _, err := startTime(pid); err == nil { // it has not ended, unseen by its parent
			return pid
		}
	}
	return 0
}

// fill leaves no space on the file system.
func (s *site) fill() {
	f, err := os.Create(filepath.Join(s.path, "filler"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}

// free takes fill back.
func (s *site) free() {
	if err := os.Remove(filepath.Join(s.path, "filler")); err != nil {
		s.t.Fatal(err)
	}
}

// terminal types on a guest's serial port and reads it.
type terminal struct {
	t    testing.TB
	port io.ReadWriter
	seen []byte
}

// await reads until the pattern matches, and forgets what it has read.
func (m *terminal) await(pattern string) string {
	m.t.Helper()
	wanted := regexp.MustCompile(pattern)
	chunk := make([]byte, 4096)
	for {
		if at := wanted.FindIndex(m.seen); at != nil {
			found := string(m.seen[at[0]:at[1]])
			m.seen = m.seen[at[1]:]
			return found
		}
		n, err := m.port.Read(chunk)
		m.seen = append(m.seen, chunk[:n]...)
		if err != nil {
			m.t.Fatalf("await %q on the serial port: %v; it said:\n%s", pattern, err, m.seen)
		}
	}
}

func (m *terminal) enter(format string, args ...any) {
	m.t.Helper()
	if _, err := fmt.Fprintf(m.port, format+"\n", args...); err != nil {
		m.t.Fatal(err)
	}
}

// login logs in to the starter guest.
func (m *terminal) login() {
	m.t.Helper()
	m.enter("")
	m.await(`login: `)
	m.enter("root")
	m.await(`Password: `)
	m.enter("hanok")
	m.await(`# `)
}

func TestDrivers(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Setup {
		s := newSite(t)
		path, err := starter()
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return drivertest.Setup{
			Open: func() drivertest.Drivers {
				d, v := s.open()
				return drivertest.Drivers{Hypervisor: d, Storage: v, Network: usernet.Network{}}
			},
			Path: filepath.Join(s.path, "datastore"),
			Machine: dc.Hardware{Version: dc.DefaultHardwareVersion, GuestID: "otherLinux64Guest", Firmware: dc.BIOS, CPUs: 1, MemoryMB: 128,
				Controllers: []dc.Controller{{Key: dc.FirstSCSIKey, Type: dc.ControllerVirtio}},
				Disks:       []dc.Disk{{Key: dc.FirstDiskKey, Controller: dc.FirstSCSIKey, CapacityBytes: info.Size(), Image: "sha256:starter"}},
				NICs:        []dc.NIC{{Key: dc.FirstNICKey, PortGroup: "network-1", Connected: true, StartConnected: true}},
				SerialPorts: []dc.SerialPort{{Key: dc.FirstSerialKey, Console: true}}},
			Image:    func() (io.ReadCloser, error) { return os.Open(path) },
			Patience: patience,
			Kill: func(id dc.VirtualMachineID) {
				if err := unix.Kill(pid(id), unix.SIGKILL); err != nil {
					t.Fatal(err)
				}
			},
			Log: "hanok: starting virtual machine",
			Restart: func(m dc.Machine, serial io.ReadWriter) {
				port := &terminal{t: t, port: serial}
				port.login()
				port.enter("reboot -f")
			},
			Fill: func(m dc.Machine, serial io.ReadWriter) {
				s.fill()
				port := &terminal{t: t, port: serial}
				port.login()
				port.enter("dd if=/dev/urandom of=/data/new bs=64k count=64; sync")
			},
			Free: s.free,
		}
	})
}
