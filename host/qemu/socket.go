package qemu

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The sockets in a machine's folder.
const (
	monitorSocket = "monitor"
	serialSocket  = "serial"
	agentSocket   = "agent"
	checkSocket   = "check" // a second monitor; host/inspect finds it by this name
)

// backlog is how many connections wait while QEMU serves another one.
const backlog = 8

// listen opens a listening socket for QEMU to inherit: whoever connects to its path waits until QEMU accepts, so nobody
// has to find out when QEMU is ready.
func listen(dir, name string) (*os.File, error) {
	path := filepath.Join(dir, name)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
