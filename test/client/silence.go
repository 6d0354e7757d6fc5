package client

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUp lets a connection end when the other side is silent for that long, whether this side has something to say or not
// (tcp(7): TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_USER_TIMEOUT, which also decides over keep-alive probes).
func giveUp(_, _ string, conn syscall.RawConn) error {
	var err error
	set := func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds())))
	}
	return errors.Join(conn.Control(set), err)
}
