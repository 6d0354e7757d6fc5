package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

// process is a QEMU process: a child, or one that an earlier process of the agent has started.
type process struct {
	pid   int
	start uint64
	child bool
	pidfd *os.File
	raw   syscall.RawConn // pidfd's
	// dead is closed when the process has ended.
	dead chan struct{}
	// status is how a child ended, nil before and for a process that is nobody's child here: only a parent is told.
	status atomic.Pointer[os.ProcessState]
}

// userOf returns the user and group that executes a machine. It has no entry in the host's user database, owns nothing,
// and is another one for each machine, so that one guest that breaks out of its QEMU finds nothing of another's. (Two of
// a hundred million may meet; they still share no file.)
func userOf(id dc.VirtualMachineID) uint32 {
	h := fnv.New32a()
	h.Write([]byte(id))
	return 2_000_000_000 + h.Sum32()%100_000_000
}

// spawn starts QEMU as the machine's own user, in a session of its own so that no signal to this process's group reaches it.
// files become its descriptors from 3 on; log becomes its output. groups are its supplementary groups.
func spawn(binary string, args []string, user uint32, groups []uint32, log *os.File, files []*os.File) (*process, error) {
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: user, Gid: user, Groups: groups}}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	p, err := watch(cmd.Process.Pid, func(p *process) {
		cmd.Wait() // also what makes it vanish from the process list
		p.status.Store(cmd.ProcessState)
	})
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, err
	}
	p.child = true
	return p, nil
}

// adopt finds a process again. It fails with fs.ErrNotExist when that process has ended.
func adopt(pid int, start uint64) (*process, error) {
	p, err := watch(pid, func(*process) {})
	if err != nil {
		return nil, err
	}
	// From here on the number can't be given to another process without pidfd telling.
	if p.start != start {
		p.pidfd.Close()
		return nil, fs.ErrNotExist
	}
	return p, nil
}

// watch opens a process for waiting, and calls reap when it has ended, before dead is closed. No thread waits meanwhile.
func watch(pid int, reap func(*process)) (*process, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	p := &process{pid: pid, pidfd: os.NewFile(uintptr(fd), "pidfd"), dead: make(chan struct{})}
	p.raw, err = p.pidfd.SyscallConn()
	if err == nil {
		p.start, err = startTime(pid)
	}
	if err != nil {
		p.pidfd.Close()
		return nil, err
	}
	go func() {
		// A pidfd becomes readable when its process ends.
		err := p.raw.Read(func(fd uintptr) bool {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
		})
		if err != nil {
			return // released
		}
		reap(p)
		p.pidfd.Close()
		close(p.dead)
	}()
	return p, nil
}

// release ends the waiting for a process that is not a child: dead stays open for ever. A child is waited for in any case.
func (p *process) release() {
	if !p.child && p.pidfd != nil {
		p.pidfd.Close()
	}
}

// startTime returns when a process was started, in ticks since the host's boot: field 22 of proc_pid_stat(5). One that has
// ended and was not waited for is fs.ErrNotExist.
func startTime(pid int) (uint64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return 0, fs.ErrNotExist
	}
	if err != nil {
		return 0, err
	}
	// The second field is a name in parentheses, in which anything may stand.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat is %q", pid, stat)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, fs.ErrNotExist
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// executes reports whether the process's command line is that of the machine with the UUID.
func (p *process) executes(uuid string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	args := strings.Split(string(line), "\x00")
	i := slices.Index(args, "-uuid")
	return err == nil && i >= 0 && i+1 < len(args) && args[i+1] == uuid
}

// kill ends the process as a power cut ends a machine. dead tells when that is done.
func (p *process) kill() {
	// An error means that it has ended: the descriptor is ours until then.
	_ = p.raw.Control(func(fd uintptr) { _ = unix.PidfdSendSignal(int(fd), unix.SIGKILL, nil, 0) })
}
