package frame_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"hanok/internal/frame"
)

func TestMessages(t *testing.T) {
	var b bytes.Buffer
	long := bytes.Repeat([]byte("x"), frame.DataMax)
	for _, content := range [][]byte{[]byte("one"), nil, long} {
		if err := frame.Write(&b, 'd', content); err != nil {
			t.Fatal(err)
		}
	}
	if err := frame.WriteJSON(&b, 'j', map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"one", "", string(long), `{"a":1}`} {
		kind, got, err := frame.Read(&b)
		if err != nil || string(got) != want || kind != map[bool]frame.Kind{true: 'j', false: 'd'}[i == 3] {
			t.Errorf("message %d: %c, %d bytes, %v", i, kind, len(got), err)
		}
	}
	if _, _, err := frame.Read(&b); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if frame.Write(io.Discard, 'd', make([]byte, frame.Max+1)) == nil {
		t.Error("a message was sent that is too long")
	}
}

func TestBrokenMessages(t *testing.T) {
	for _, text := range []string{"d", "d\x00\x00\x00", "d\x00\x00\x00\x02x"} {
		if _, _, err := frame.Read(bytes.NewReader([]byte(text))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"d\xff\xff\xff\xff", "\x00\x00\x00\x00\x00"} {
		if _, _, err := frame.Read(bytes.NewReader([]byte(text))); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
