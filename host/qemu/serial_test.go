package qemu

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// hub returns a hub and the connections that it makes to its port.
func hub(t *testing.T) (h *serialHub, ports <-chan net.Conn, stop func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	accepted := make(chan net.Conn)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	h = newSerialHub(path, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		h.run(ctx)
		close(done)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return h, accepted, stop
}

func view(t *testing.T, h *serialHub) io.ReadWriteCloser {
	t.Helper()
	v, err := h.open()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantRead(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got, err, want)
	}
}

func TestSerialHub(t *testing.T) {
	h, ports, stop := hub(t)
	port := <-ports
	early := view(t, h)
	io.WriteString(port, "hello\n")
	wantRead(t, early, "hello\n")
	late := view(t, h)
	wantRead(t, late, "hello\n") // what was said before
	io.WriteString(port, "x")
	wantRead(t, early, "x")
	wantRead(t, late, "x")
	io.WriteString(early, "typed")
	wantRead(t, port, "typed")
	io.WriteString(late, "too")
	wantRead(t, port, "too")

	late.Close()
	late.Close()
	for range 2 {
		if _, err := late.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("reading a closed console: %v", err)
		}
	}
	if _, err := late.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("writing to a closed console: %v", err)
	}

	// A connection that ends is made anew, and nobody notices.
	port.Close()
	port = <-ports
	io.WriteString(port, "again")
	wantRead(t, early, "again")
	io.WriteString(early, "typed")
	wantRead(t, port, "typed")

	stop()
	if n, err := early.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if _, err := h.open(); err == nil {
		t.Error("a console of a port that is gone")
	}
}

// A viewer that does not read holds up nobody and keeps a bounded number of bytes: the last ones.
func TestSlowViewer(t *testing.T) {
	h, ports, stop := hub(t)
	port := <-ports
	slow, quick := view(t, h), view(t, h)
	line := strings.Repeat("x", 1023) + "\n"
	for range 2 * serialQueue / len(line) {
		io.WriteString(port, line)
		wantRead(t, quick, line)
	}
	io.WriteString(port, "end")
	wantRead(t, quick, "end")
	late := view(t, h)
	stop()
	for name, c := range map[string]struct {
		viewer io.Reader
		limit  int
	}{"slow": {slow, serialQueue}, "late": {late, serialHistory}} {
		got, err := io.ReadAll(c.viewer)
		if err != nil || len(got) != c.limit || !bytes.HasSuffix(got, []byte("\nend")) {
			t.Errorf("the %s viewer has read %d bytes, %v, want the last %d", name, len(got), err, c.limit)
		}
	}
}

// A Read that waits ends with Close.
func TestViewerCloseEndsRead(t *testing.T) {
	h, _, _ := hub(t)
	v := view(t, h)
	done := make(chan error)
	go func() {
		_, err := v.Read(make([]byte, 1))
		done <- err
	}()
	v.Close()
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}
