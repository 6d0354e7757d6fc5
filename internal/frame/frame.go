// Package frame sends messages of several kinds over one connection: a byte that says the kind, the length in four bytes,
// and the content. Requests and bulk data so share a stream without a length known in advance, and its end is said, not
// guessed. It knows nothing of what the messages mean. Whoever carries files over an agent's streams calls it.
package frame

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// Kind tells messages apart. Zero is no kind.
type Kind byte

// Max is how long a message may be; a longer one ends the connection.
const Max = 16 << 20

// DataMax is how much of bulk data one message carries.
const DataMax = 256 << 10

// header is the kind and the length of a message.
const header = 5

// Write sends one message. Messages of several goroutines need a lock of theirs.
func Write(w io.Writer, kind Kind, content []byte) error {
	if len(content) > Max {
		return fmt.Errorf("a message of %d bytes is too long", len(content))
	}
	b := make([]byte, header, header+len(content))
	b[0] = byte(kind)
	binary.BigEndian.PutUint32(b[1:], uint32(len(content)))
	_, err := w.Write(append(b, content...))
	return err
}

// WriteJSON sends v as a message.
func WriteJSON(w io.Writer, kind Kind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return Write(w, kind, b)
}

// Read receives one message; the content is the caller's. io.EOF means that the connection ended between two messages.
func Read(r io.Reader) (Kind, []byte, error) {
	var h [header]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(h[1:])
	if h[0] == 0 || n > Max {
		return 0, nil, fmt.Errorf("a message of kind %d with %d bytes", h[0], n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return Kind(h[0]), b, nil
}
