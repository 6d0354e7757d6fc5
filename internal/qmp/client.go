package qmp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Version is QEMU's version as its greeting tells it.
type Version struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
	Micro int `json:"micro"`
	// Package is the distribution's suffix, for example "Debian 1:10.0.2+ds-2".
	Package string `json:"-"`
}

// Client is a connection to QEMU's monitor. All methods are safe for concurrent use.
//
// QEMU serves one client a monitor socket at a time: a second connection waits in the socket's queue, without a
// greeting, until the first is closed; when the queue, which is short, is full, connecting fails with EAGAIN. The greeting
// comes before QEMU has made its machine: only what [New] returns without error is a QEMU that accepted its options.
type Client struct {
	conn    net.Conn
	version Version
	greeted chan struct{} // closed by the reader when version is set
	turn    chan struct{} // holds one token: whoever took it may write

	done chan struct{} // closed when err is set, for good

	mu      sync.Mutex
	err     error                    // why the connection ended
	lastID  uint64                   // the last id given to a command
	waiting map[uint64]chan *message // by id: commands without a reply; each channel has room for it
	first   *queue                   // takes events until the first Subscribe; nil afterwards
	queues  map[*queue]struct{}      // one a subscriber, and first
}

// Dial connects to the monitor that listens on the unix socket at path (107 bytes at most) and negotiates as [New] does.
func Dial(ctx context.Context, path string) (*Client, error) {
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	return New(ctx, conn)
}

// New waits for QEMU's greeting on conn and leaves negotiation mode. It owns conn from here on, and closes it on failure.
// ctx governs the negotiation only.
func New(ctx context.Context, conn net.Conn) (*Client, error) {
	c := &Client{
		conn:    conn,
		greeted: make(chan struct{}),
		turn:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		waiting: map[uint64]chan *message{},
		first:   newQueue(),
	}
	c.queues = map[*queue]struct{}{c.first: {}}
	c.turn <- struct{}{}
	go c.read()
	select {
	case <-c.greeted:
	case <-c.done:
		return nil, c.Err()
	case <-ctx.Done():
		c.Close()
		return nil, fmt.Errorf("qmp: no greeting, another client may hold this monitor: %w", ctx.Err())
	}
	if err := c.Execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Version returns the peer's version.
func (c *Client) Version() Version { return c.version }

// Done is closed when the connection has ended, for whichever reason; [Client.Err] tells it.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns nil while the connection is usable, and afterwards why it is not: [ErrClosed] after Close, else an error
// that wraps the cause (io.EOF when QEMU exited or closed the socket between two messages, io.ErrUnexpectedEOF within one).
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection; commands in flight return [ErrClosed]. QEMU itself goes on. It is idempotent and
// returns nil.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	return nil
}

// Execute sends a command with args (anything that encodes to a JSON object; nil for none) and decodes what it returns
// into result (a pointer; nil discards it).
//
// A refusal is an [*Error]. When ctx ends first, the error wraps ctx's: the command may still take effect, its reply is
// dropped, and the connection stays usable. When the connection ends first, the error is that of [Client.Err], and
// whether the command took effect is unknown.
func (c *Client) Execute(ctx context.Context, command string, args, result any) error {
	return c.execute(ctx, command, args, result, nil)
}

// ExecuteFD is [Client.Execute] with an open file handed over beside the command, as getfd and add-fd expect. QEMU gets a
// duplicate: file stays the caller's, who may close it when ExecuteFD has returned. The connection must be a unix socket.
func (c *Client) ExecuteFD(ctx context.Context, command string, args, result any, file *os.File) error {
	return c.execute(ctx, command, args, result, file)
}

func (c *Client) execute(ctx context.Context, command string, args, result any, file *os.File) error {
	id, reply, err := c.register()
	if err != nil {
		return err
	}
	defer c.forget(id)
	line, err := encode(command, args, &id)
	if err != nil {
		return err
	}
	if err := c.write(ctx, line, file); err != nil {
		if ended := c.Err(); ended != nil {
			return ended
		}
		return fmt.Errorf("qmp %s: %w", command, err)
	}
	m, err := c.await(ctx, reply)
	switch {
	case err == nil:
		return m.result(command, result)
	case err == ctx.Err():
		return fmt.Errorf("qmp %s: no reply yet: %w", command, err)
	default:
		return err
	}
}

// await returns the reply, or what came first of the ends of ctx and the connection. A reply that came before the
// connection's end counts, whichever is noticed first.
func (c *Client) await(ctx context.Context, reply <-chan *message) (*message, error) {
	select {
	case m := <-reply:
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
	}
	select {
	case m := <-reply:
		return m, nil
	default:
		return nil, c.Err()
	}
}

// register gives out the next id, and the channel on which its reply will arrive.
func (c *Client) register() (uint64, <-chan *message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, nil, c.err
	}
	c.lastID++
	reply := make(chan *message, 1)
	c.waiting[c.lastID] = reply
	return c.lastID, reply, nil
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// write sends one line, with file's descriptor beside its first byte unless it is nil. A line that ctx cuts off after a
// part has gone out would spoil whatever follows it, so that ends the connection.
func (c *Client) write(ctx context.Context, line []byte, file *os.File) error {
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer deadline(ctx, c.conn.SetWriteDeadline)()

	sent, err := 0, error(nil)
	if file != nil {
		sent, err = sendFile(c.conn, line, file)
	}
	if err == nil {
		var n int
		n, err = c.conn.Write(line[sent:])
		sent += n
	}
	switch {
	case err == nil:
		return nil
	case sent > 0:
		c.fail(fmt.Errorf("qmp: connection closed in the middle of a command: %w", err))
		return c.Err()
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET), errors.Is(err, net.ErrClosed):
		<-c.done // the reader takes in what the peer said at last, and tells the reason
		return c.Err()
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return err // nothing was sent: the connection is as it was
	}
}

// sendFile writes the beginning of line, at least one byte, with file's descriptor as ancillary data.
func sendFile(conn net.Conn, line []byte, file *os.File) (int, error) {
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("a file can be passed over a unix socket only, not over %T", conn)
	}
	raw, err := file.SyscallConn() // unlike Fd, this leaves the file's blocking mode alone
	if err != nil {
		return 0, fmt.Errorf("passing a file: %w", err)
	}
	var sent int
	var sendErr error
	if err := raw.Control(func(fd uintptr) {
		sent, _, sendErr = uc.WriteMsgUnix(line, unix.UnixRights(int(fd)), nil)
	}); err != nil {
		return 0, fmt.Errorf("passing a file: %w", err)
	}
	return sent, sendErr
}

// read is the connection's only reader. It never waits for anybody, so no caller can hold up another.
func (c *Client) read() {
	r := bufio.NewReaderSize(c.conn, 64<<10)
	for greeted := false; ; {
		m, err := readMessage(r, MaxReply)
		if err != nil {
			c.fail(err)
			return
		}
		switch {
		case m.QMP != nil && !greeted:
			greeted = true
			c.version = m.QMP.Version.QEMU
			c.version.Package = m.QMP.Version.Package
			close(c.greeted)
		case !greeted:
			// QEMU had this to say to the client before, which was gone when it was ready.
		case m.QMP != nil:
			c.fail(errors.New("qmp: a second greeting"))
			return
		case m.Event != "":
			c.publish(m)
		default:
			if err := c.reply(m); err != nil {
				c.fail(err)
				return
			}
		}
	}
}

// reply hands a reply to the command that waits for it; nobody waits for one whose caller has given up.
func (c *Client) reply(m *message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case m.ID == nil && m.Error != nil:
		return fmt.Errorf("qmp: the peer did not understand a command: %s (%s)", m.Error.Desc, m.Error.Class)
	case m.ID == nil || *m.ID > c.lastID:
		return errors.New("qmp: the peer answered a command that was never sent")
	}
	if waiter, ok := c.waiting[*m.ID]; ok {
		delete(c.waiting, *m.ID)
		waiter <- m
	}
	return nil
}

// fail ends the connection; the first reason stays.
func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	close(c.done)
	c.conn.Close()
	for q := range c.queues {
		q.end()
	}
}
