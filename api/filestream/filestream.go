// Package filestream is how manager and agent talk about files of a datastore, over a stream that the agent has opened
// (hanok.agent.v1.OpenStream with the kind Kind). The manager asks with one request; the agent answers with progress, bulk
// data and replies. Data has messages of its own and the connection's flow control; nothing of it goes over the control
// connection. Who closes the stream before its end gives the operation up.
//
//	an operation without data   request, progress..., reply
//	reading                     request, reply with the file, data..., reply with the SHA-256 of what was sent
//	an upload                   request, reply, data..., end with the SHA-256 of the whole file, reply with the file
//
// Instead of a reply there may be a failure, which is the last message.
package filestream

import (
	"encoding/json"
	"errors"
	"io"

	"hanok/dc"
)

// Kind is the kind of these streams.
const Kind = "files"

const (
	request  messageKind = 'Q' // dc.FileRequest
	data     messageKind = 'D'
	end      messageKind = 'E' // the SHA-256 in hexadecimal, or nothing
	progress messageKind = 'P' // Progress
	reply    messageKind = 'R' // dc.FileReply
	failed   messageKind = 'F' // dc.Failure
)

// Progress is how far an operation is, in bytes.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// Call is the manager's end of one operation. It is used by one goroutine; Close may be called by any.
type Call struct {
	conn io.ReadWriteCloser
	rest []byte
	last *dc.FileReply
	err  error
}

// Start sends the request over conn, which is the call's from then on.
func Start(conn io.ReadWriteCloser, req dc.FileRequest) (*Call, error) {
	if err := writeJSON(conn, request, req); err != nil {
		conn.Close()
		return nil, broken(err)
	}
	return &Call{conn: conn}, nil
}

func broken(err error) error {
	return dc.Errorf(dc.Unavailable, "the connection to the host broke: %w", err).Fix("try again")
}

// Reply waits for a reply, and passes progress on, which may be nil. Its error is the host's failure, or Unavailable.
func (c *Call) Reply(on func(done, total int64)) (dc.FileReply, error) {
	for {
		r, err := c.receive(on)
		if r != nil || err != nil {
			if r == nil {
				r = &dc.FileReply{}
			}
			return *r, err
		}
	}
}

// receive takes one message: data is kept in rest.
func (c *Call) receive(on func(done, total int64)) (*dc.FileReply, error) {
	kind, content, err := readMessage(c.conn)
	if err != nil {
		return nil, broken(err)
	}
	switch kind {
	case data:
		c.rest = content
		return nil, nil
	case progress:
		var p Progress
		if err := json.Unmarshal(content, &p); err != nil {
			return nil, broken(err)
		}
		if on != nil {
			on(p.Done, p.Total)
		}
		return nil, nil
	case reply:
		var r dc.FileReply
		if err := json.Unmarshal(content, &r); err != nil {
			return nil, broken(err)
		}
		return &r, nil
	case failed:
		var f dc.Failure
		if err := json.Unmarshal(content, &f); err != nil {
			return nil, broken(err)
		}
		return nil, f.Err()
	}
	return nil, broken(errors.New("the host sent a message that is not known"))
}

// Read reads the data up to the last reply.
func (c *Call) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.last != nil {
			return 0, io.EOF
		}
		if c.err != nil {
			return 0, c.err
		}
		c.last, c.err = c.receive(nil)
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// SHA256 is what the host has sent in all, when Read has returned io.EOF.
func (c *Call) SHA256() string {
	if c.last == nil {
		return ""
	}
	return c.last.SHA256
}

// Write sends data. Where the host has given up, its reason is the next Reply's to say.
func (c *Call) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		n := min(len(p)-sent, DataMax)
		if err := writeMessage(c.conn, data, p[sent:sent+n]); err != nil {
			return sent, broken(err)
		}
		sent += n
	}
	return len(p), nil
}

// End says that all data was sent, and what the whole file's SHA-256 is, or "".
func (c *Call) End(sha256 string) error {
	if err := writeMessage(c.conn, end, []byte(sha256)); err != nil {
		return broken(err)
	}
	return nil
}

// Close ends the call, and gives up what is not done.
func (c *Call) Close() error { return c.conn.Close() }

// Serving is the agent's end of one operation.
type Serving struct{ conn io.ReadWriteCloser }

// Accept waits for the request.
func Accept(conn io.ReadWriteCloser) (*Serving, dc.FileRequest, error) {
	var req dc.FileRequest
	kind, content, err := readMessage(conn)
	if err == nil && kind != request {
		err = errors.New("the manager sent no request")
	}
	if err == nil {
		err = json.Unmarshal(content, &req)
	}
	return &Serving{conn}, req, err
}

// Progress says how far the operation is.
func (s *Serving) Progress(done, total int64) error {
	return writeJSON(s.conn, progress, Progress{done, total})
}

// Reply sends a reply.
func (s *Serving) Reply(r dc.FileReply) error { return writeJSON(s.conn, reply, r) }

// Fail sends the end of an operation that failed.
func (s *Serving) Fail(err error) error { return writeJSON(s.conn, failed, dc.FailureOf(err)) }

// Write sends data.
func (s *Serving) Write(p []byte) (int, error) {
	if err := writeMessage(s.conn, data, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Receive takes the data that comes, up to its end, and returns the SHA-256 that the manager says the whole file has. The error
// is take's, or says that the connection ended before the data did.
func (s *Serving) Receive(take func([]byte) error) (sha256 string, err error) {
	for {
		kind, content, err := readMessage(s.conn)
		switch {
		case err != nil:
			return "", dc.Errorf(dc.Canceled, "the upload was broken off: %w", err)
		case kind == end:
			return string(content), nil
		case kind != data:
			return "", dc.Errorf(dc.Invalid, "a message of kind %d came amid the data", kind)
		}
		if err := take(content); err != nil {
			return "", err
		}
	}
}

// Gone returns when the manager has closed the stream. Nothing else reads then.
func (s *Serving) Gone() {
	for {
		if _, _, err := readMessage(s.conn); err != nil {
			return
		}
	}
}
