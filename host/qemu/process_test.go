package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

func TestQEMUHasNoRights(t *testing.T) {
	l := newLab(t, tinyMachine())
	l.start()
	l.serial().await("H")
	pid := pid(l.m.ID)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	user := fmt.Sprint(userOf(l.m.ID))
	for name, want := range map[string]string{
		"Uid": strings.Repeat("\t"+user, 4), "Gid": strings.Repeat("\t"+user, 4), "Groups": "\t ",
		"CapEff": "\t0000000000000000", "CapPrm": "\t0000000000000000", "NoNewPrivs": "\t1", "Seccomp": "\t2",
	} {
		if !strings.Contains(string(status), "\n"+name+":"+want+"\n") {
			t.Errorf("the process's %s is not %q:\n%s", name, want, status)
		}
	}
	// A session of its own: no terminal and no group of ours can signal it.
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		t.Errorf("its session is %d, %v", session, err)
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(l.folder(), l.m.Folder)
	for _, want := range []string{"guest=" + escape(l.m.Name), "opaque=" + escape(folder) + "\x00"} {
		if !strings.Contains(string(line), want) {
			t.Errorf("its command line does not show %q: %q", want, line)
		}
	}
	// Only what it needs is open, and nothing of it by a path.
	for _, file := range []string{"a,b=c-flat.vmdk", "a,b=c.vmx.lck", "vmware.log"} {
		info, err := os.Stat(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may open %s: %v", file, info.Mode())
		}
	}
}

func TestStartTime(t *testing.T) {
	start, err := startTime(os.Getpid())
	if err != nil || start == 0 {
		t.Fatalf("got %d, %v", start, err)
	}
	p, err := adopt(os.Getpid(), start)
	if err != nil {
		t.Fatal(err)
	}
	p.release()
	if _, err := adopt(os.Getpid(), start+1); !os.IsNotExist(err) {
		t.Errorf("a process of another time: %v", err)
	}
	if _, err := adopt(1<<22+1, start); !os.IsNotExist(err) {
		t.Errorf("a process that can't be: %v", err)
	}
}

func TestUserOf(t *testing.T) {
	for _, id := range []dc.VirtualMachineID{"", "vm-1", "vm-2", "vm-ffffffffffff"} {
		if user := userOf(id); user < 2_000_000_000 || user >= 2_100_000_000 || user != userOf(id) {
			t.Errorf("%q gets %d", id, user)
		}
	}
	if userOf("vm-1") == userOf("vm-2") {
		t.Error("two machines share a user")
	}
}
