package filestream

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// A message is a byte that says its kind, its length in four bytes, and its content: requests and bulk data share a stream without
// a length known in advance, and the end is said, not guessed.

// messageKind tells messages apart. Zero is no kind.
type messageKind byte

// maxMessage is how long a message may be; a longer one ends the connection.
const maxMessage = 16 << 20

// DataMax is how much of bulk data one message carries.
const DataMax = 256 << 10

// header is the kind and the length of a message.
const header = 5

// writeMessage sends one message. Messages of several goroutines need a lock of theirs.
func writeMessage(w io.Writer, kind messageKind, content []byte) error {
	if len(content) > maxMessage {
		return fmt.Errorf("a message of %d bytes is too long", len(content))
	}
	b := make([]byte, header, header+len(content))
	b[0] = byte(kind)
	binary.BigEndian.PutUint32(b[1:], uint32(len(content)))
	_, err := w.Write(append(b, content...))
	return err
}

// writeJSON sends v as a message.
func writeJSON(w io.Writer, kind messageKind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeMessage(w, kind, b)
}

// readMessage receives one message; the content is the caller's. io.EOF means that the connection ended between two messages.
func readMessage(r io.Reader) (messageKind, []byte, error) {
	var h [header]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(h[1:])
	if h[0] == 0 || n > maxMessage {
		return 0, nil, fmt.Errorf("a message of kind %d with %d bytes", h[0], n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return messageKind(h[0]), b, nil
}
