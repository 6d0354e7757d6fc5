package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hanok/api/hanok/v1"
	"hanok/internal/testhost"
	"hanok/test/guest"
)

// smallDisk is a file system of its own that can be filled.
type smallDisk struct {
	t    *testing.T
	path string
}

// newSmallDisk mounts a file system with the given room at path.
func newSmallDisk(t *testing.T, path, room string) smallDisk {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "mode=0700,size="+room); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Errorf("unmount %s: %v", path, err)
		}
	})
	return smallDisk{t, path}
}

func (d smallDisk) ballast() string { return filepath.Join(d.path, "ballast") }

// fill takes all its room but some bytes, also while others take some.
func (d smallDisk) fill(butBytes int64) {
	d.t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for err = syscall.ENOSPC; errors.Is(err, syscall.ENOSPC); {
		var st syscall.Statfs_t
		if err := syscall.Statfs(d.path, &st); err != nil {
			d.t.Fatal(err)
		}
		room := int64(st.Bavail)*st.Bsize - butBytes
		if room <= 0 {
			return
		}
		err = syscall.Fallocate(int(f.Fd()), 0, 0, room)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// free gives the room back.
func (d smallDisk) free() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}

// TestFullDatastore lets a guest write more than its datastore can hold: it stands still, says why, and loses nothing.
func TestFullDatastore(t *testing.T) {
	testhost.Require(t)
	disk := newSmallDisk(t, filepath.Join(t.TempDir(), "small"), "200m")
	c := newCenter(t)
	c.up("--hello=false")
	cl := c.client()
	host := c.objects("host")[0]["name"].(string)
	c.ok("datastore", "create", "small", "--host", host, "--path", disk.path)
	c.ok("vm", "create", "writer", "--image", "starter", "--datastore", "small", "--memory", "128M", "--power-on")
	term := guest.Open(t, cl, "writer")
	term.Login()
	sum := term.Run("dd if=/dev/urandom of=/data/synced bs=64k count=16 2>/dev/null; sync; md5sum </data/synced")
	disk.fill(1 << 20)

	c.story("the memory does not fit", func(t *testing.T) {
		c.refused([]string{`datastore "small": `, "too full for the memory of", "writer", "next: free space on the datastore, then suspend it again"},
			"vm", "suspend", "writer")
		if now := term.Run("md5sum </data/synced"); now != sum {
			t.Errorf("the guest read %s, and wrote %s", now, sum)
		}
	})
	c.story("a new machine does not fit", func(t *testing.T) {
		until(t, "the manager knows that the datastore is full", func() bool {
			for _, datastore := range c.objects("datastore") {
				if free, ok := datastore["freeBytes"].(float64); ok && datastore["name"] == "small" {
					return free < 2<<20
				}
			}
			return false
		})
		c.refused([]string{"no host can hold it: ", `datastore "small": needs 64 MB, has `, " MB free", "next: make it smaller, free resources, or add a host"},
			"vm", "create", "late", "--image", "starter", "--datastore", "small")
		if _, err := os.Stat(filepath.Join(disk.path, "late")); err == nil {
			t.Error("something is left of it")
		}
	})
	c.story("the guest stands still", func(t *testing.T) {
		term.Enter("dd if=/dev/urandom of=/data/more bs=64k count=128 conv=fsync 2>/dev/null; echo written-$?.")
		cl.Await(t, "writer", "stands still", func(vm *hanokv1.VirtualMachine) bool { return vm.Paused != nil })
		pid := qemuIn(t, filepath.Join(disk.path, "writer"))
		out := c.ok("vm", "get", "writer")
		t.Log("\n" + out)
		for _, want := range []string{"paused", `datastore "small": it is full`, `virtual machine "writer" stands still`, "free space on it, then power on writer to continue"} {
			if !strings.Contains(out, want) {
				t.Errorf("vm get does not say %q:\n%s", want, out)
			}
		}
		if out := c.ok("vm", "list"); !strings.Contains(out, "paused") {
			t.Errorf("vm list does not say paused:\n%s", out)
		}
		c.event("VmMessageErrorEvent", "writer", "it is full", "free space on it")

		disk.free()
		c.ok("vm", "start", "writer")
		term.Await("written-0.")
		c.event("VmMessageEvent", "writer")
		cl.Await(t, "writer", "runs", func(vm *hanokv1.VirtualMachine) bool { return vm.Paused == nil && vm.PowerState == "poweredOn" })
		if now := qemuIn(t, filepath.Join(disk.path, "writer")); now != pid {
			t.Errorf("writer runs as process %d, and did as %d", now, pid)
		}
	})
	c.story("nothing is lost", func(t *testing.T) {
		more := term.Run("md5sum </data/more")
		term.Run("sync; echo 3 >/proc/sys/vm/drop_caches")
		if now := term.Run("md5sum </data/synced"); now != sum {
			t.Errorf("the guest read %s, and wrote %s", now, sum)
		}
		if now := term.Run("md5sum </data/more"); now != more {
			t.Errorf("the guest read %s, and wrote %s", now, more)
		}
		if out := term.Run("dmesg | grep -i 'i/o error' || true"); out != "" {
			t.Errorf("the guest has seen errors of its disk:\n%s", out)
		}
	})
}
