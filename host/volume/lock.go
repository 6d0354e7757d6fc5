package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hanok/dc"
	"hanok/internal/sabotage"
)

// lock locks an open file against every other opener. The lock belongs to the open file itself (flock(2)): every copy
// of the descriptor, inherited or passed, holds it, and closing the last copy gives it up.
func lock(m dc.Machine, name string, file *os.File) error {
	return lockAs(describe(m), name, file, unix.LOCK_EX)
}

// lockToRead locks an open file against those who lock it.
func lockToRead(m dc.Machine, name string, file *os.File) error {
	return lockAs(describe(m), name, file, unix.LOCK_SH)
}

func lockAs(object, name string, file *os.File, how int) error {
	if sabotage.Is(sabotage.SecondQEMU) {
		return nil
	}
	err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return dc.Errorf(dc.Unavailable, "it is in use%s: %s is locked", holder(file), name).On(object).
			Fix("power it off where it runs, then try again")
	}
	if err != nil {
		return fmt.Errorf("flock %s: %w", name, err)
	}
	return nil
}

// DiskHolder names another process that has one of the machine's disks open, as " by process 12 (qemu)", or nothing.
func (f *Files) DiskHolder() string {
	for _, d := range f.m.Disks {
		file, err := f.root.Open(f.names.flatPath(d), os.O_RDONLY)
		if err != nil {
			continue
		}
		by := holder(file)
		file.Close()
		if by != "" {
			return by
		}
	}
	return ""
}

// holder names another process that has the file open, as " by process 12 (qemu)", with the virtual machine that it executes, or nothing
// when none is to be seen: the kernel remembers who took a lock, not who holds it now.
func holder(file *os.File) string {
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	self := strconv.Itoa(os.Getpid())
	for _, fd := range fds {
		pid := strings.Split(fd, "/")[2]
		if pid == self {
			continue
		}
		if link, err := os.Readlink(fd); err != nil || filepath.Base(link) != filepath.Base(file.Name()) {
			continue // spares a look at files that may not answer
		}
		if other, err := os.Stat(fd); err != nil || !os.SameFile(info, other) {
			continue
		}
		comm, _ := os.ReadFile("/proc/" + pid + "/comm")
		args, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		return fmt.Sprintf(" by process %s (%s)", pid, strings.TrimSpace(string(comm))+executes(strings.Split(string(args), "\x00")))
	}
	return ""
}

// executes names the virtual machine that a process with these arguments executes, whoever has started it, or nothing.
func executes(args []string) string {
	at := slices.Index(args, "-name")
	if at < 0 || at+1 == len(args) {
		return ""
	}
	name := strings.TrimPrefix(args[at+1], "guest=")
	const comma = "\x00" // QEMU reads two as one, and one as the end
	name, _, _ = strings.Cut(strings.ReplaceAll(name, ",,", comma), ",")
	return fmt.Sprintf(", which executes %q", strings.ReplaceAll(name, comma, ","))
}
