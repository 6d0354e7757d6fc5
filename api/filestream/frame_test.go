package filestream

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestMessages(t *testing.T) {
	var b bytes.Buffer
	long := bytes.Repeat([]byte("x"), DataMax)
	for _, content := range [][]byte{[]byte("one"), nil, long} {
		if err := writeMessage(&b, 'd', content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeJSON(&b, 'j', map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"one", "", string(long), `{"a":1}`} {
		kind, got, err := readMessage(&b)
		if err != nil || string(got) != want || kind != map[bool]messageKind{true: 'j', false: 'd'}[i == 3] {
			t.Errorf("message %d: %c, %d bytes, %v", i, kind, len(got), err)
		}
	}
	if _, _, err := readMessage(&b); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if writeMessage(io.Discard, 'd', make([]byte, maxMessage+1)) == nil {
		t.Error("a message was sent that is too long")
	}
}

func TestBrokenMessages(t *testing.T) {
	for _, text := range []string{"d", "d\x00\x00\x00", "d\x00\x00\x00\x02x"} {
		if _, _, err := readMessage(bytes.NewReader([]byte(text))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"d\xff\xff\xff\xff", "\x00\x00\x00\x00\x00"} {
		if _, _, err := readMessage(bytes.NewReader([]byte(text))); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
