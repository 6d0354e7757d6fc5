package qemu

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

const (
	// serialHistory is how many bytes of output a new viewer sees.
	serialHistory = 64 << 10
	// serialQueue is how many bytes wait for a slow viewer before it misses some.
	serialQueue = 256 << 10
	// typingTime bounds the wait for a guest that reads nothing.
	typingTime = 5 * time.Second
)

// serialHub is the one connection to a machine's serial port, shared by any number of viewers. It always reads, since
// a connection that nobody reads from would halt the guest's output.
type serialHub struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex
	conn    net.Conn      // nil while there is none
	changed chan struct{} // closed, and another one made, when conn or ended has changed
	history []byte        // the last output, serialHistory at most
	viewers map[*viewer]bool
	ended   bool
}

func newSerialHub(path string, log *slog.Logger) *serialHub {
	return &serialHub{path: path, log: log, viewers: map[*viewer]bool{}, changed: make(chan struct{})}
}

// run relays until ctx ends, and then ends all viewers. A connection that ends is made anew.
func (h *serialHub) run(ctx context.Context) {
	defer h.end()
	for ctx.Err() == nil {
		if err := h.relay(ctx); err != nil && ctx.Err() == nil && !ended(err) {
			h.log.Warn("the connection to the serial port has ended; connecting again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryTime):
		}
	}
}

// ended reports whether err says that QEMU has ended, which whoever watches the process tells.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// relay connects and passes on what comes until the connection ends.
func (h *serialHub) relay(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", h.path)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	h.update(func() { h.conn = conn })
	defer func() {
		h.update(func() { h.conn = nil })
		conn.Close()
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := conn.Read(buf)
		h.publish(buf[:n])
		if err != nil {
			return err
		}
	}
}

// publish gives output to all viewers without waiting for any.
func (h *serialHub) publish(data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history = keepLast(append(h.history, data...), serialHistory)
	for v := range h.viewers {
		v.put(data)
	}
}

// keepLast returns the last bytes, at most limit, in a slice that does not grow without bound.
func keepLast(data []byte, limit int) []byte {
	if len(data) <= limit {
		return data
	}
	return append(data[:0], data[len(data)-limit:]...)
}

// open returns a new viewer.
func (h *serialHub) open() (io.ReadWriteCloser, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return nil, dc.Errorf(dc.WrongState, "it is not powered on").Fix("power it on first")
	}
	v := &viewer{hub: h, wake: make(chan struct{}, 1), queue: append([]byte(nil), h.history...)}
	h.viewers[v] = true
	return v, nil
}

// end ends all viewers when they have read what there is.
func (h *serialHub) end() {
	h.update(func() {
		h.ended = true
		for v := range h.viewers {
			v.end()
		}
		clear(h.viewers)
	})
}

func (h *serialHub) update(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	close(h.changed)
	h.changed = make(chan struct{})
}

// write types on the port. It waits for a connection that is just being made, and for a guest that reads slowly.
func (h *serialHub) write(p []byte) (int, error) {
	patience := time.NewTimer(typingTime)
	defer patience.Stop()
	for {
		h.mu.Lock()
		conn, ended, changed := h.conn, h.ended, h.changed
		h.mu.Unlock()
		switch {
		case ended:
			return 0, io.ErrClosedPipe
		case conn != nil:
			if err := conn.SetWriteDeadline(time.Now().Add(typingTime)); err != nil {
				return 0, err
			}
			return conn.Write(p)
		}
		select {
		case <-changed:
		case <-patience.C:
			return 0, dc.Errorf(dc.Unavailable, "the serial port is not connected").Fix("try again in a moment")
		}
	}
}

// viewer is one open serial console.
type viewer struct {
	hub  *serialHub
	wake chan struct{} // holds a token if the queue may have changed

	mu     sync.Mutex
	queue  []byte // what was not read yet
	ended  bool   // there will be no more
	closed bool
}

func (v *viewer) put(data []byte) {
	v.mu.Lock()
	v.queue = keepLast(append(v.queue, data...), serialQueue)
	v.mu.Unlock()
	v.notify()
}

func (v *viewer) end() {
	v.mu.Lock()
	v.ended = true
	v.mu.Unlock()
	v.notify()
}

func (v *viewer) notify() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// Read waits for output. It has one caller at a time.
func (v *viewer) Read(p []byte) (int, error) {
	for {
		v.mu.Lock()
		n := copy(p, v.queue)
		v.queue = v.queue[n:]
		ended, closed := v.ended, v.closed
		v.mu.Unlock()
		switch {
		case closed:
			v.notify() // for a Read that comes later
			return 0, io.ErrClosedPipe
		case n > 0 || len(p) == 0:
			return n, nil
		case ended:
			return 0, io.EOF
		}
		<-v.wake
	}
}

// Write types on the port.
func (v *viewer) Write(p []byte) (int, error) {
	v.mu.Lock()
	closed := v.closed
	v.mu.Unlock()
	if closed {
		return 0, io.ErrClosedPipe
	}
	return v.hub.write(p)
}

// Close ends the viewer; others and the port are not concerned. It is idempotent.
func (v *viewer) Close() error {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.notify()
	v.hub.mu.Lock()
	defer v.hub.mu.Unlock()
	delete(v.hub.viewers, v)
	return nil
}
