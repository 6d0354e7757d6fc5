// Package qmp speaks the QEMU Machine Protocol and the QEMU guest agent's protocol: JSON messages, one a line, over a
// stream socket.
//
// [Client] drives a QEMU process: many commands in flight, events, files handed over as descriptors. [Agent] drives
// the qemu-ga inside a guest over the same kind of socket: one command at a time, no events, and a peer that is not
// trusted.
//
// The room knows the wire and nothing else: which commands a virtual machine needs, and what their answers mean,
// is for its callers (the QEMU driver) to know. It starts no process and opens no file.
//
// The protocol is described in QEMU's docs/interop/qmp-spec.rst and docs/interop/qemu-ga.rst.
package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// MaxReply is the longest message, in bytes, that a [Client] accepts from QEMU. The largest answers seen in practice
// (query-qmp-schema, query-named-block-nodes with deep chains) stay below a megabyte; a peer that exceeds this is
// broken, and the connection is closed rather than the memory filled.
const MaxReply = 64 << 20

// ErrClosed is the error of a connection that was closed from this side, by Close.
var ErrClosed = errors.New("qmp: connection closed")

// ErrTooLong is wrapped by the error of a connection on which the peer sent a message longer than the ceiling.
var ErrTooLong = errors.New("message too long")

// Error is a command's refusal by the peer. The connection remains usable.
type Error struct {
	// Class is QEMU's error class: GenericError, CommandNotFound, DeviceNotFound, DeviceNotActive, KVMMissingCap or
	// one of a newer QEMU. The class is stable, the description is not: decide by the class.
	Class string
	// Desc is QEMU's sentence for people.
	Desc string
	// Command is the command that was refused, for example "device_add".
	Command string
}

// Error returns "qmp COMMAND: DESC (CLASS)".
func (e *Error) Error() string { return fmt.Sprintf("qmp %s: %s (%s)", e.Command, e.Desc, e.Class) }

// message is everything that a peer may send; which members are present tells which kind it is.
type message struct {
	QMP *struct {
		Version struct {
			QEMU    Version `json:"qemu"`
			Package string  `json:"package"`
		} `json:"version"`
	} `json:"QMP"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	ID        *uint64         `json:"id"`
	Event     string          `json:"event"`
	Data      json.RawMessage `json:"data"`
	Timestamp struct {
		Seconds      int64 `json:"seconds"`
		Microseconds int64 `json:"microseconds"`
	} `json:"timestamp"`
}

// result stores what a reply brings: the returned value in *result (nil discards it), or the refusal as *Error.
func (m *message) result(command string, result any) error {
	if m.Error != nil {
		return &Error{Class: m.Error.Class, Desc: m.Error.Desc, Command: command}
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Return, result); err != nil {
		return fmt.Errorf("qmp %s: understanding the reply: %w", command, err)
	}
	return nil
}

// encode renders one command as a line. Without id the peer's answer carries none.
func encode(command string, args any, id *uint64) ([]byte, error) {
	line, err := json.Marshal(struct {
		Execute   string  `json:"execute"`
		Arguments any     `json:"arguments,omitempty"`
		ID        *uint64 `json:"id,omitempty"`
	}{command, args, id})
	if err != nil {
		return nil, fmt.Errorf("qmp %s: encoding the arguments: %w", command, err)
	}
	return append(line, '\n'), nil
}

// readLine returns the next line without regard to the reader's buffer size, up to max bytes.
func readLine(r *bufio.Reader, max int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > max {
			return nil, fmt.Errorf("qmp: %w: the peer sent more than %d bytes in one message", ErrTooLong, max)
		}
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case len(line) > 0:
			return line, err
		default:
			return nil, err
		}
	}
}

// readMessage returns the next message. Its errors say what became of the connection, which is of no more use.
func readMessage(r *bufio.Reader, max int) (*message, error) {
	line, err := readLine(r, max)
	if errors.Is(err, unix.ECONNRESET) {
		err = io.EOF // the peer exited and left input unread, if only the last newline: the kernel calls that a reset
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrTooLong):
		return nil, err
	case len(line) > 0:
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("qmp: connection closed in the middle of a reply (%d bytes): %w", len(line), err)
	default:
		return nil, fmt.Errorf("qmp: connection closed by the peer: %w", err)
	}
	m := new(message)
	if err := json.Unmarshal(line, m); err != nil {
		return nil, fmt.Errorf("qmp: the peer sent what is not a message, %q: %w", shorten(line), err)
	}
	if m.QMP == nil && m.Return == nil && m.Error == nil && m.Event == "" {
		return nil, fmt.Errorf("qmp: the peer sent neither reply nor event, %q", shorten(line))
	}
	return m, nil
}

// shorten returns as much of a line as an error message should quote.
func shorten(line []byte) []byte { return line[:min(len(line), 80)] }

// past is a deadline that every read and write has missed.
var past = time.Unix(1, 0)

// deadline makes ctx's end interrupt what set governs (a connection's SetReadDeadline, SetWriteDeadline or
// SetDeadline), until the returned function is called; after that the connection has no deadline.
func deadline(ctx context.Context, set func(time.Time) error) (release func()) {
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(fired)
		_ = set(past) // fails only on a closed connection, which interrupts as well
	})
	return func() {
		if !stop() {
			<-fired
			_ = set(time.Time{})
		}
	}
}

// dial connects to a unix socket.
func dial(ctx context.Context, path string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("qmp: %w", err)
	}
	return conn, nil
}
