package native

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hanok/dc"
)

func TestTickets(t *testing.T) {
	now := time.Unix(1000, 0)
	tickets := newTickets(func() time.Time { return now })
	by := dc.Caller{User: "user-1", Name: "root"}

	secret, expires := tickets.issue(by, "vm-1", dc.ConsoleSerial)
	if got := expires.Sub(now); got != ticketTime {
		t.Errorf("it lasts %v, want %v", got, ticketTime)
	}
	got, err := tickets.redeem(secret)
	if err != nil || got.by != by || got.machine != "vm-1" || got.kind != dc.ConsoleSerial {
		t.Errorf("redeem: %+v, %v", got, err)
	}
	for name, secret := range map[string]func() string{
		"used":    func() string { return secret },
		"unknown": func() string { return "guess" },
		"expired": func() string {
			s, _ := tickets.issue(by, "vm-1", dc.ConsoleVNC)
			now = now.Add(ticketTime + 1)
			return s
		},
	} {
		if got, err := tickets.redeem(secret()); dc.KindOf(err) != dc.Unauthenticated || got != (ticket{}) {
			t.Errorf("%s ticket: %+v, %v", name, got, err)
		}
	}
	tickets.issue(by, "vm-1", dc.ConsoleVNC)
	now = now.Add(ticketTime + 1)
	tickets.issue(by, "vm-2", dc.ConsoleVNC)
	if len(tickets.waiting) != 1 {
		t.Errorf("%d tickets are kept, want 1: the expired one is to go", len(tickets.waiting))
	}
}

// consoles is a backend of machines whose consoles are pipes.
type consoles struct {
	Machines
	opened chan opened
	err    error
}

type opened struct {
	by      dc.Caller
	machine dc.VirtualMachineID
	kind    dc.ConsoleKind
	conn    net.Conn // the machine's end
}

func (c consoles) OpenConsole(_ context.Context, by dc.Caller, id dc.VirtualMachineID, kind dc.ConsoleKind) (io.ReadWriteCloser, error) {
	if c.err != nil {
		return nil, c.err
	}
	ours, theirs := net.Pipe()
	c.opened <- opened{by, id, kind, theirs}
	return ours, nil
}

func dial(t *testing.T, f *fixture, secret, origin string) (*websocket.Conn, string, error) {
	t.Helper()
	options := &websocket.DialOptions{HTTPClient: f.http.Client(), Subprotocols: []string{"binary"}, HTTPHeader: map[string][]string{}}
	if origin != "" {
		options.HTTPHeader.Set("Origin", origin)
	}
	conn, res, err := websocket.Dial(t.Context(), f.http.URL+"/console/"+secret, options)
	if err != nil {
		var text []byte
		if res != nil {
			text, _ = io.ReadAll(res.Body)
		}
		return nil, string(text), err
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn, conn.Subprotocol(), nil
}

func serveConsoles(t *testing.T, err error) (*fixture, chan opened) {
	machines := consoles{opened: make(chan opened, 1), err: err}
	f := serve(t, Backend{Machines: machines})
	f.http.Client().Transport = http1(f)
	return f, machines.opened
}

func TestConsole(t *testing.T) {
	f, machines := serveConsoles(t, nil)
	by := dc.Caller{User: "user-1", Name: "root"}
	secret, _ := f.server.service.tickets.issue(by, "vm-1", dc.ConsoleSerial)
	socket, protocol, err := dial(t, f, secret, f.http.URL)
	if err != nil || protocol != "binary" {
		t.Fatalf("dial: %q, %v", protocol, err)
	}
	machine := <-machines
	if machine.by != by || machine.machine != "vm-1" || machine.kind != dc.ConsoleSerial {
		t.Errorf("opened %+v", machine)
	}
	client := websocket.NetConn(t.Context(), socket, websocket.MessageBinary)
	talk(t, client, machine.conn, "to the machine")
	talk(t, machine.conn, client, "to the client")

	if _, text, err := dial(t, f, secret, ""); err == nil || !strings.Contains(text, "used, expired or unknown") {
		t.Errorf("a second use: %q, %v", text, err)
	}
	machine.conn.Close()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the machine's end the client reads %v, want EOF", err)
	}
}

func TestConsoleEndsWithItsClient(t *testing.T) {
	f, machines := serveConsoles(t, nil)
	secret, _ := f.server.service.tickets.issue(dc.System, "vm-1", dc.ConsoleVNC)
	socket, _, err := dial(t, f, secret, "")
	if err != nil {
		t.Fatal(err)
	}
	machine := <-machines
	socket.CloseNow()
	if _, err := machine.conn.Read(make([]byte, 1)); err == nil {
		t.Error("the machine's end stays open")
	}
}

func TestConsoleEndsWithTheServer(t *testing.T) {
	f, machines := serveConsoles(t, nil)
	secret, _ := f.server.service.tickets.issue(dc.System, "vm-1", dc.ConsoleVNC)
	socket, _, err := dial(t, f, secret, "")
	if err != nil {
		t.Fatal(err)
	}
	machine := <-machines
	f.server.Close()
	if _, err := machine.conn.Read(make([]byte, 1)); err == nil {
		t.Error("the machine's end stays open")
	}
	if _, _, err := socket.Read(t.Context()); err == nil {
		t.Error("the client's end stays open")
	}
}

func TestConsoleEndsWithTheLogin(t *testing.T) {
	f, machines := serveConsoles(t, nil)
	access := f.server.service.Access
	_, by, err := access.Login(t.Context(), "192.0.2.1", user, password)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := access.CreateToken(t.Context(), by, dc.TokenRequest{Name: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	program, err := access.Authenticate(token)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := f.server.service.tickets.issue(program, "vm-1", dc.ConsoleVNC)
	late, _ := f.server.service.tickets.issue(program, "vm-1", dc.ConsoleVNC)
	if _, _, err := dial(t, f, secret, ""); err != nil {
		t.Fatal(err)
	}
	machine := <-machines
	if err := access.RevokeToken(t.Context(), by, "", "ci"); err != nil {
		t.Fatal(err)
	}
	if _, err := machine.conn.Read(make([]byte, 1)); err == nil {
		t.Error("the console of a token that was revoked stays open")
	}
	if _, text, err := dial(t, f, late, ""); err == nil || !strings.Contains(text, "was revoked") {
		t.Errorf("a ticket of a token that was revoked: %q, %v", text, err)
	}
}

func TestConsoleRefusals(t *testing.T) {
	away := &dc.Error{Kind: dc.Unavailable, Object: `host "debian"`, Message: "it does not answer", Remedy: "wait"}
	f, _ := serveConsoles(t, away)
	secret, _ := f.server.service.tickets.issue(dc.System, "vm-1", dc.ConsoleVNC)
	if _, text, err := dial(t, f, secret, ""); err == nil || !strings.Contains(text, `host "debian": it does not answer; wait`) {
		t.Errorf("a host that is away: %q, %v", text, err)
	}

	f, machines := serveConsoles(t, nil)
	secret, _ = f.server.service.tickets.issue(dc.System, "vm-1", dc.ConsoleVNC)
	if _, _, err := dial(t, f, secret, "https://evil.example"); err == nil {
		t.Error("a page of another origin opens a console")
	}
	if _, err := (<-machines).conn.Read(make([]byte, 1)); err == nil {
		t.Error("the machine's end stays open after a refused client")
	}
}

// http1 returns the client's transport without HTTP/2, which has no WebSockets here.
func http1(f *fixture) *http.Transport {
	config := f.http.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	return &http.Transport{TLSClientConfig: config}
}

// talk writes text at one end and expects it at the other.
func talk(t *testing.T, from io.Writer, to io.Reader, text string) {
	t.Helper()
	go io.WriteString(from, text)
	got := make([]byte, len(text))
	if _, err := io.ReadFull(to, got); err != nil || string(got) != text {
		t.Errorf("got %q, %v, want %q", got, err, text)
	}
}
