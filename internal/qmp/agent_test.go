package qmp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// receiveSynced takes a synchronization, answers it with noise before, and returns the command that follows.
func (p *peer) receiveSynced(noise string) command {
	if b, err := p.r.ReadByte(); err != nil || b != sentinel {
		p.t.Errorf("peer: %#x, %v; want the sentinel first", b, err)
	}
	p.sync(noise)
	return p.receive()
}

func (p *peer) sync(noise string) {
	cmd := p.receive()
	var args struct{ ID uint64 }
	if err := json.Unmarshal(cmd.Arguments, &args); err != nil || cmd.Execute != "guest-sync-delimited" {
		p.t.Errorf("peer: received %+v, want a synchronization: %v", cmd, err)
	}
	p.send("%s\xff"+`{"return": %d}`+"\n", noise, args.ID)
}

func TestAgentExecute(t *testing.T) {
	tests := []struct {
		name, noise, reply string
		want, wantErr      string
	}{
		{name: "value", reply: `{"return": "hello"}` + "\n", want: "hello"},
		{name: "leftovers", noise: `{"return": "old"}` + "\n" + `{"retu`, reply: `{"return": "hello"}` + "\n", want: "hello"},
		{name: "leftover synchronization", noise: "\xff" + `{"return": 9007199254740999}` + "\n", reply: `{"return": "hello"}` + "\n", want: "hello"},
		{name: "much noise", noise: strings.Repeat("x", 100_000), reply: `{"return": "hello"}` + "\n", want: "hello"},
		{name: "refusal", reply: `{"error": {"class": "CommandNotFound", "desc": "disabled"}}` + "\n", wantErr: "qmp guest-info: disabled (CommandNotFound)"},
		{name: "garbage", reply: "login: \n", wantErr: "qmp guest-info: qmp: the peer sent what is not a message"},
		{name: "an event", reply: `{"event": "X"}` + "\n", wantErr: "qmp guest-info: the guest agent sent something other than a reply"},
		{name: "too long", reply: strings.Repeat("x", MaxAgentReply+64<<10), wantErr: "qmp guest-info: qmp: message too long"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn, p := socketpair(t)
			a := NewAgent(conn)
			defer a.Close()
			go func() {
				if cmd := p.receiveSynced(test.noise); cmd.Execute != "guest-info" || cmd.ID != nil {
					t.Errorf("peer received %+v", cmd)
				}
				_, _ = p.conn.Write([]byte(test.reply))
			}()
			var got string
			err := a.Execute(t.Context(), "guest-info", nil, &got)
			if test.wantErr == "" && err != nil || test.wantErr != "" && (err == nil || !strings.HasPrefix(err.Error(), test.wantErr)) {
				t.Errorf("error %v, want %q", err, test.wantErr)
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A command that nobody answered in time is answered later, and nobody takes that for the next one's reply.
func TestAgentCancel(t *testing.T) {
	conn, p := socketpair(t)
	a := NewAgent(conn)
	defer a.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		p.receiveSynced("")
		p.send(`{"return": "la`)
		cancel()
		next := p.receiveSynced(`te"}` + "\n")
		if next.Execute != "second" {
			t.Errorf("peer received %+v", next)
		}
		p.send(`{"return": "right"}` + "\n")
	}()
	if err := a.Execute(ctx, "first", nil, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	var got string
	if err := a.Execute(t.Context(), "second", nil, &got); err != nil || got != "right" {
		t.Errorf("got %q, %v", got, err)
	}
}

// What an earlier connection left in the guest comes out of the next one, and is not mistaken for its own.
func TestAgentAfterEarlierConnection(t *testing.T) {
	conn, p := socketpair(t)
	earlier := NewAgent(conn)
	defer earlier.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var stale struct{ ID uint64 }
	go func() {
		_, _ = p.r.ReadByte()
		if err := json.Unmarshal(p.receive().Arguments, &stale); err != nil {
			t.Errorf("peer: %v", err)
		}
		cancel()
	}()
	if err := earlier.Execute(ctx, "guest-ping", nil, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}

	conn, p = socketpair(t)
	a := NewAgent(conn)
	defer a.Close()
	go func() {
		p.receiveSynced(fmt.Sprintf("\xff{\"return\": %d}\n", stale.ID))
		p.send(`{"return": "right"}` + "\n")
	}()
	var got string
	if err := a.Execute(t.Context(), "guest-get-host-name", nil, &got); err != nil || got != "right" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAgentEnds(t *testing.T) {
	conn, p := socketpair(t)
	a := NewAgent(conn)
	go func() {
		p.receiveSynced("")
		p.send(`{"return`)
		p.conn.Close()
	}()
	err := a.Execute(t.Context(), "guest-ping", nil, nil)
	if want := "qmp guest-ping: qmp: connection closed in the middle of a reply (8 bytes)"; !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := a.Execute(t.Context(), "guest-ping", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

// Whatever a guest sends, it is skipped in finite steps.
func FuzzSkipTo(f *testing.F) {
	f.Add([]byte("abc\xffrest"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(sent), 16)
		err := skipTo(r, sentinel)
		rest, _ := io.ReadAll(r)
		_, want, found := bytes.Cut(sent, []byte{sentinel})
		if found != (err == nil) || !bytes.Equal(rest, want) {
			t.Errorf("skipTo left %q, %v; want %q", rest, err, want)
		}
	})
}
