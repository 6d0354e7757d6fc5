package qmp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds what would otherwise hang a broken test for ever; no test measures time.
const patience = 30 * time.Second

const greeting = `{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": "Test 1"}, "capabilities": ["oob"]}}` + "\r\n"

// peer is the other end of a client's connection: it speaks the wire format by hand.
type peer struct {
	t    testing.TB
	conn *net.UnixConn
	r    *bufio.Reader
}

// command is what a peer received.
type command struct {
	Execute   string
	Arguments json.RawMessage
	ID        *uint64
}

// socketpair returns a unix socket's two ends, both closed with the test.
func socketpair(t testing.TB) (net.Conn, *peer) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		t.Cleanup(func() { ends[i].Close() })
	}
	p := &peer{t: t, conn: ends[1].(*net.UnixConn), r: bufio.NewReader(ends[1])}
	p.conn.SetDeadline(time.Now().Add(patience))
	return ends[0], p
}

// connect returns a client past its negotiation with the peer.
func connect(t testing.TB) (*Client, *peer) {
	t.Helper()
	conn, p := socketpair(t)
	go func() {
		p.send(greeting)
		p.answer(p.receive(), "{}")
	}()
	c, err := New(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, p
}

func (p *peer) send(format string, args ...any) {
	if _, err := fmt.Fprintf(p.conn, format, args...); err != nil {
		p.t.Errorf("peer: %v", err)
	}
}

func (p *peer) receive() command {
	var c command
	line, err := p.r.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c)
	}
	if err != nil {
		p.t.Errorf("peer: %v", err)
	}
	return c
}

func (p *peer) answer(c command, value string) {
	p.send(`{"return": %s, "id": %d}`+"\r\n", value, *c.ID)
}
