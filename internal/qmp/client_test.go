package qmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestVersion(t *testing.T) {
	c, _ := connect(t)
	if want := (Version{Major: 10, Minor: 0, Micro: 2, Package: "Test 1"}); c.Version() != want {
		t.Errorf("Version() = %+v, want %+v", c.Version(), want)
	}
}

func TestExecute(t *testing.T) {
	tests := []struct {
		name, reply string // reply is what follows the id
		want        string
		wantErr     string
		wantClass   string
	}{
		{name: "value", reply: `"return": {"status": "running"}`, want: "running"},
		{name: "nothing", reply: `"return": {}`},
		{name: "refusal", reply: `"error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}`,
			wantErr: "qmp query-status: Device 'x' not found (DeviceNotFound)", wantClass: "DeviceNotFound"},
		{name: "other type", reply: `"return": 5`, wantErr: "qmp query-status: understanding the reply: "},
	}
	c, p := connect(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			go func() { p.send(`{"id": %d, %s}`+"\n", *p.receive().ID, test.reply) }()
			var got struct{ Status string }
			err := c.Execute(t.Context(), "query-status", nil, &got)
			if test.wantErr == "" && err != nil || err != nil && !strings.HasPrefix(err.Error(), test.wantErr) || err == nil && test.wantErr != "" {
				t.Fatalf("error %v, want %q", err, test.wantErr)
			}
			var refusal *Error
			if errors.As(err, &refusal); (refusal != nil) != (test.wantClass != "") || refusal != nil && refusal.Class != test.wantClass {
				t.Errorf("class of %v, want %q", err, test.wantClass)
			}
			if got.Status != test.want {
				t.Errorf("status %q, want %q", got.Status, test.want)
			}
		})
	}
}

func TestExecuteArgumentsThatDoNotEncode(t *testing.T) {
	c, p := connect(t)
	if err := c.Execute(t.Context(), "stop", make(chan int), nil); err == nil {
		t.Fatal("no error")
	}
	go func() { p.answer(p.receive(), "{}") }()
	if err := c.Execute(t.Context(), "stop", nil, nil); err != nil {
		t.Errorf("the connection is spoilt: %v", err)
	}
}

// Many commands at once, answered in another order and in pieces that have nothing to do with the lines.
func TestConcurrent(t *testing.T) {
	c, p := connect(t)
	const n = 200
	go func() {
		var stream bytes.Buffer
		var commands []command
		for range n {
			commands = append(commands, p.receive())
		}
		rand.Shuffle(n, func(i, j int) { commands[i], commands[j] = commands[j], commands[i] })
		for _, cmd := range commands {
			stream.WriteString(`{"event": "NOISE", "timestamp": {"seconds": 1, "microseconds": 2}}` + "\r\n")
			stream.WriteString(`{"return": ` + string(cmd.Arguments) + `, "id": ` + strconv.FormatUint(*cmd.ID, 10) + "}\r\n")
		}
		for stream.Len() > 0 {
			p.send("%s", stream.Next(1+rand.IntN(100)))
		}
	}()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			type value struct{ N int }
			var got value
			if err := c.Execute(t.Context(), "echo", value{i}, &got); err != nil || got.N != i {
				t.Errorf("command %d returned %d, %v", i, got.N, err)
			}
		})
	}
	wg.Wait()
}

func TestCancelLeavesConnectionUsable(t *testing.T) {
	c, p := connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	received := make(chan command)
	go func() {
		received <- p.receive()
	}()
	go func() {
		late := <-received
		cancel()
		next := p.receive()
		p.answer(late, `"late"`)
		p.answer(next, `"next"`)
	}()
	if err := c.Execute(ctx, "slow", nil, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	c.mu.Lock()
	waiting := len(c.waiting)
	c.mu.Unlock()
	if waiting != 0 {
		t.Errorf("%d commands are still waited for", waiting)
	}
	var got string
	if err := c.Execute(t.Context(), "quick", nil, &got); err != nil || got != "next" {
		t.Errorf("got %q, %v; want the reply to the second command", got, err)
	}
}

// A peer that reads nothing fills the socket; a command that did not go out at all leaves no trace.
func TestCancelBeforeWritten(t *testing.T) {
	c, p := connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	raw, err := c.conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	filled := 0
	err = raw.Write(func(fd uintptr) bool { // whole lines, as many as the socket takes
		for err := error(nil); err == nil; filled++ {
			_, err = unix.SendmsgN(int(fd), []byte(`{"execute": "filler"}`+"\n"), nil, nil, unix.MSG_DONTWAIT)
		}
		filled--
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() { failed <- c.Execute(ctx, "lost", nil, nil) }()
	for len(c.turn) > 0 { // until it writes, or is about to
		runtime.Gosched()
	}
	for range 1000 {
		runtime.Gosched()
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	go func() {
		for range filled {
			if got := p.receive().Execute; got != "filler" {
				t.Errorf("peer received %q among the fillers", got)
			}
		}
		cmd := p.receive()
		if cmd.Execute != "next" {
			t.Errorf("peer received %q, want next", cmd.Execute)
		}
		p.answer(cmd, "{}")
	}()
	if err := c.Execute(t.Context(), "next", nil, nil); err != nil {
		t.Errorf("the connection is spoilt: %v", err)
	}
}

func TestLargeReply(t *testing.T) {
	c, p := connect(t)
	want := strings.Repeat("x", 5<<20)
	go func() { p.answer(p.receive(), `"`+want+`"`) }()
	var got string
	if err := c.Execute(t.Context(), "query-large", nil, &got); err != nil || got != want {
		t.Errorf("%d bytes, %v; want %d bytes", len(got), err, len(want))
	}
}

// Whatever ends a connection, every command in flight hears why, and so does every later one.
func TestEnds(t *testing.T) {
	tests := []struct {
		name, sent string
		unread     bool // the peer leaves commands unread, as a process that is killed does
		is         error
		want       string
	}{
		{name: "between messages", is: io.EOF, want: "qmp: connection closed by the peer"},
		{name: "input left unread", unread: true, is: io.EOF, want: "qmp: connection closed by the peer"},
		{name: "middle of a reply", sent: `{"return": {"sta`, is: io.ErrUnexpectedEOF,
			want: "qmp: connection closed in the middle of a reply (16 bytes)"},
		{name: "no JSON", sent: "Segmentation fault\n", want: `qmp: the peer sent what is not a message, "Segmentation fault\n"`},
		{name: "no message", sent: "{}\n", want: "qmp: the peer sent neither reply nor event"},
		{name: "null", sent: "null\n", want: "qmp: the peer sent neither reply nor event"},
		{name: "other id", sent: `{"return": {}, "id": "x"}` + "\n", want: "qmp: the peer sent what is not a message"},
		{name: "unknown id", sent: `{"return": {}, "id": 99}` + "\n", want: "qmp: the peer answered a command that was never sent"},
		{name: "no id", sent: `{"return": {}}` + "\n", want: "qmp: the peer answered a command that was never sent"},
		{name: "not understood", sent: `{"error": {"class": "GenericError", "desc": "JSON parse error"}}` + "\n",
			want: "qmp: the peer did not understand a command: JSON parse error (GenericError)"},
		{name: "second greeting", sent: greeting, want: "qmp: a second greeting"},
		{name: "too long", sent: strings.Repeat(" ", MaxReply+1), is: ErrTooLong, want: "qmp: message too long"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, p := connect(t)
			const n = 5
			failed := make(chan error, n)
			for range n {
				go func() { failed <- c.Execute(t.Context(), "query-status", nil, nil) }()
			}
			if test.unread {
				if _, err := p.conn.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
			} else {
				for range n {
					p.receive()
				}
			}
			_, _ = p.conn.Write([]byte(test.sent)) // the client may hang up before it has everything
			p.conn.Close()
			for range n {
				err := <-failed
				if err == nil || !strings.HasPrefix(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
					t.Fatalf("error %v, want %q", err, test.want)
				}
			}
			<-c.Done()
			if err := c.Execute(t.Context(), "query-status", nil, nil); err == nil || err != c.Err() {
				t.Errorf("a later command: %v, want %v", err, c.Err())
			}
		})
	}
}

// A reply that came before the end counts, whichever of the two the caller notices first.
func TestReplyBeforeEnd(t *testing.T) {
	c, _ := connect(t)
	c.Close()
	for range 100 {
		reply := make(chan *message, 1)
		reply <- new(message)
		if m, err := c.await(t.Context(), reply); m == nil || err != nil {
			t.Fatalf("await returned %v, %v; want the reply", m, err)
		}
	}
}

func TestClose(t *testing.T) {
	c, p := connect(t)
	failed := make(chan error)
	go func() { failed <- c.Execute(t.Context(), "query-status", nil, nil) }()
	p.receive()
	for range 3 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-failed; !errors.Is(err, ErrClosed) {
		t.Errorf("command in flight: %v, want ErrClosed", err)
	}
	<-c.Done()
	if c.Err() != ErrClosed {
		t.Errorf("Err() = %v, want ErrClosed", c.Err())
	}
	if _, err := p.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the peer reads %v, want EOF", err)
	}
}

func TestNegotiationFails(t *testing.T) {
	tests := []struct {
		name, sent string
		canceled   bool
		want       string
	}{
		{name: "no greeting", canceled: true, want: "qmp: no greeting, another client may hold this monitor: context canceled"},
		{name: "another protocol", sent: "RFB 003.008\n", want: "qmp: the peer sent what is not a message"},
		{name: "refusal", sent: greeting + `{"id": 1, "error": {"class": "CommandNotFound", "desc": "no"}}` + "\n",
			want: "qmp qmp_capabilities: no (CommandNotFound)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn, p := socketpair(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.canceled {
				cancel()
			}
			greet, refuse, _ := strings.Cut(test.sent, "\r\n")
			go func() {
				if greet != "" {
					p.send("%s\n", greet)
				}
				if refuse != "" {
					p.receive()
					p.send("%s", refuse)
				}
			}()
			if _, err := New(ctx, conn); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the connection was left open: %v", err)
			}
		})
	}
}

func TestDialNobody(t *testing.T) {
	_, err := Dial(t.Context(), filepath.Join(t.TempDir(), "none"))
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "qmp: ") {
		t.Errorf("error %v, want one that wraps os.ErrNotExist", err)
	}
}

func TestExecuteFD(t *testing.T) {
	c, p := connect(t)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	go func() {
		line, oob := make([]byte, 4096), make([]byte, 4096)
		n, oobn, _, _, err := p.conn.ReadMsgUnix(line, oob)
		if err != nil {
			t.Errorf("peer: %v", err)
		}
		p.r.Reset(io.MultiReader(bytes.NewReader(line[:n]), p.conn))
		cmd := p.receive()
		got := make([]byte, 7)
		if messages, err := unix.ParseSocketControlMessage(oob[:oobn]); err != nil || len(messages) != 1 {
			t.Errorf("peer: %d control messages, %v", len(messages), err)
		} else if fds, err := unix.ParseUnixRights(&messages[0]); err != nil || len(fds) != 1 {
			t.Errorf("peer: descriptors %v, %v", fds, err)
		} else if _, err := unix.Pread(fds[0], got, 0); err != nil || string(got) != "content" {
			t.Errorf("peer reads %q, %v from the descriptor", got, err)
		}
		p.answer(cmd, `{"fd": 7}`)
		if cmd = p.receive(); cmd.Execute != "next" {
			t.Errorf("peer received %q after the file, want next", cmd.Execute)
		}
		p.answer(cmd, "{}")
	}()
	var got struct{ FD int }
	if err := c.ExecuteFD(t.Context(), "add-fd", nil, &got, file); err != nil || got.FD != 7 {
		t.Errorf("fd %d, %v", got.FD, err)
	}
	if err := c.Execute(t.Context(), "next", nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := file.WriteString("."); err != nil {
		t.Errorf("the caller's file was closed: %v", err)
	}
}

func TestExecuteFDClosedFile(t *testing.T) {
	c, p := connect(t)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if err := c.ExecuteFD(t.Context(), "getfd", nil, nil, file); err == nil || err.Error() != "qmp getfd: passing a file: use of closed file" {
		t.Errorf("error %v, want one that names the closed file", err)
	}
	go func() { p.answer(p.receive(), "{}") }()
	if err := c.Execute(t.Context(), "stop", nil, nil); err != nil {
		t.Errorf("the connection is spoilt: %v", err)
	}
}

// Whatever a peer sends, a client neither panics nor hangs.
func FuzzClient(f *testing.F) {
	f.Add([]byte(`{"return": {}, "id": 2}` + "\n"))
	f.Add([]byte(`{"event": "STOP", "data": {}, "timestamp": {"seconds": 1, "microseconds": 2}}` + "\n" + `{"error": {}, "id": 2}` + "\n"))
	f.Add([]byte(`[{"QMP"`))
	f.Fuzz(func(t *testing.T, sent []byte) {
		c, p := connect(t)
		events, cancel := c.Subscribe()
		defer cancel()
		go func() {
			p.receive()
			_, _ = p.conn.Write(sent)
			p.conn.Close()
		}()
		_ = c.Execute(t.Context(), "query-status", nil, nil)
		for range events {
		}
		<-c.Done()
	})
}

// TestAnswersToTheClientBefore: QEMU sends what it owed to a client that is gone to the next one, before it greets that.
func TestAnswersToTheClientBefore(t *testing.T) {
	conn, p := socketpair(t)
	go func() {
		p.send(`{"return": {}, "id": 7}` + "\r\n")
		p.send(greeting)
		p.answer(p.receive(), "{}")
	}()
	c, err := New(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
