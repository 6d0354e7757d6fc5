package qmp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// MaxAgentReply is the longest message, in bytes, that an [Agent] accepts. It is far below [MaxReply] because a
// guest is not trusted: each can make its host hold this much.
const MaxAgentReply = 4 << 20

// sentinel is the byte that both sides of the agent's protocol use to begin anew; it occurs in no JSON.
const sentinel = 0xff

// Agent is a connection to the guest agent (qemu-ga) of one guest, through the socket of a virtio-serial port. Its methods
// are safe for concurrent use; commands run one after the other, as they do inside the guest.
//
// The socket belongs to QEMU and is there whether or not an agent listens: without one, a command takes as long as its
// context, so every call needs a deadline.
type Agent struct {
	conn   net.Conn
	r      *bufio.Reader
	turn   chan struct{} // holds one token: whoever took it may write and read
	syncs  uint64        // the last id given to guest-sync-delimited; guarded by turn
	closed atomic.Bool
}

// DialAgent connects to the unix socket at path (107 bytes at most) to which QEMU has bound the agent's port.
func DialAgent(ctx context.Context, path string) (*Agent, error) {
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	return NewAgent(conn), nil
}

// NewAgent speaks the agent's protocol over conn, which it owns from here on. Nothing is sent before the first command.
func NewAgent(conn net.Conn) *Agent {
	a := &Agent{conn: conn, r: bufio.NewReader(conn), turn: make(chan struct{}, 1)}
	// Replies to an earlier connection's commands come out of this one: its numbers must not be ours.
	a.syncs = rand.Uint64N(1 << 53)
	a.turn <- struct{}{}
	return a
}

// Close ends the connection; a command in flight returns an error that wraps [ErrClosed]. It is idempotent and returns nil.
func (a *Agent) Close() error {
	a.closed.Store(true)
	a.conn.Close()
	return nil
}

// Execute sends a command with args (encodes to a JSON object; nil for none) and decodes what it returns into result
// (a pointer; nil discards it). A refusal is an [*Error]. After ctx's end the command may still take effect and the
// connection stays usable: each command first synchronizes with the agent, which discards what is left of earlier ones.
//
// guest-shutdown and guest-suspend-* have no reply when they succeed: give them a short deadline, and take
// context.DeadlineExceeded as a sign that they may have been heard.
func (a *Agent) Execute(ctx context.Context, command string, args, result any) error {
	line, err := encode(command, args, nil)
	if err != nil {
		return err
	}
	select {
	case <-a.turn:
		defer func() { a.turn <- struct{}{} }()
	case <-ctx.Done():
		return fmt.Errorf("qmp %s: another command is under way: %w", command, ctx.Err())
	}
	m, err := a.exchange(ctx, line)
	switch {
	case err == nil:
		return m.result(command, result)
	case a.closed.Load():
		return fmt.Errorf("qmp %s: %w", command, ErrClosed)
	case ctx.Err() != nil:
		return fmt.Errorf("qmp %s: no reply from the guest agent: %w", command, ctx.Err())
	default:
		return fmt.Errorf("qmp %s: %w", command, err)
	}
}

// exchange synchronizes, sends a line and reads the reply.
func (a *Agent) exchange(ctx context.Context, line []byte) (*message, error) {
	defer deadline(ctx, a.conn.SetDeadline)()
	if err := a.synchronize(); err != nil {
		return nil, fmt.Errorf("synchronizing with the guest agent: %w", err)
	}
	if _, err := a.conn.Write(line); err != nil {
		return nil, err
	}
	m, err := readMessage(a.r, MaxAgentReply)
	if err != nil {
		return nil, err
	}
	if m.Return == nil && m.Error == nil {
		return nil, errors.New("the guest agent sent something other than a reply")
	}
	return m, nil
}

// synchronize brings both parsers to the beginning of a message, whatever was cut off before: the sentinel resets the
// agent's, and everything up to the sentinel in front of the reply with this call's number is discarded.
func (a *Agent) synchronize() error {
	a.syncs++
	line, err := encode("guest-sync-delimited", map[string]uint64{"id": a.syncs}, nil)
	if err != nil {
		return err
	}
	if _, err := a.conn.Write(append([]byte{sentinel}, line...)); err != nil {
		return err
	}
	for {
		if err := skipTo(a.r, sentinel); err != nil {
			return err
		}
		reply, err := readLine(a.r, MaxAgentReply)
		if err != nil {
			return err
		}
		var m struct {
			Return uint64 `json:"return"`
		}
		reply = reply[bytes.LastIndexByte(reply, sentinel)+1:]
		if json.Unmarshal(reply, &m) == nil && m.Return == a.syncs {
			return nil
		}
	}
}

// skipTo discards everything up to and including the next byte b, whatever its length.
func skipTo(r *bufio.Reader, b byte) error {
	for {
		switch _, err := r.ReadSlice(b); {
		case err == nil:
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
