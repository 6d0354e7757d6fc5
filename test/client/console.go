package client

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/coder/websocket"

	"hanok/api/hanok/v1"
)

// Ticket returns the path of a console, which is good for one connection, and when it expires. The kind is "serial" or "vnc".
func (cl *Client) Ticket(t TB, machine, kind string) *hanokv1.OpenConsoleResponse {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	res, err := cl.Machines.OpenConsole(ctx, &hanokv1.OpenConsoleRequest{VirtualMachine: machine, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Dial connects to a console.
func (cl *Client) Dial(ctx context.Context, path string) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(ctx, "wss"+strings.TrimPrefix(cl.URL, "https")+path,
		&websocket.DialOptions{HTTPClient: cl.HTTP, Subprotocols: []string{"binary"}})
}

// Connect opens a console of a machine, until ctx ends. It fails while the manager or the machine's host is away.
func (cl *Client) Connect(ctx context.Context, machine, kind string) (net.Conn, error) {
	res, err := cl.Machines.OpenConsole(ctx, &hanokv1.OpenConsoleRequest{VirtualMachine: machine, Kind: kind})
	if err != nil {
		return nil, err
	}
	socket, _, err := cl.Dial(ctx, res.Path)
	if err != nil {
		return nil, err
	}
	return websocket.NetConn(ctx, socket, websocket.MessageBinary), nil
}

// Console opens a console of a machine. It ends with the test.
func (cl *Client) Console(t TB, machine, kind string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	conn, err := cl.Connect(ctx, machine, kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
