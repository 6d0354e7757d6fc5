package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/coder/websocket"

	"hanok/api/hanok/v1"
	"hanok/api/hanok/v1/hanokv1connect"
)

// client is a program of somebody else's that speaks the native API, with a session of the first user.
type client struct {
	url   string
	http  *http.Client
	token string

	session  hanokv1connect.SessionServiceClient
	users    hanokv1connect.UserServiceClient
	machines hanokv1connect.VirtualMachineServiceClient
	tasks    hanokv1connect.TaskServiceClient
	watch    hanokv1connect.WatchServiceClient
}

// firstLogin is the content of first-login.json.
type firstLogin struct{ URL, User, Password string }

func (c *center) firstLogin() firstLogin {
	c.t.Helper()
	var first firstLogin
	b, err := os.ReadFile(filepath.Join(c.data, "first-login.json"))
	if err == nil {
		err = json.Unmarshal(b, &first)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return first
}

// client logs in as the first user. It needs the initial password, and ends with the test.
func (c *center) client() *client {
	c.t.Helper()
	pem, err := os.ReadFile(filepath.Join(c.data, "ca.pem"))
	if err != nil {
		c.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		c.t.Fatalf("no certificate in %s", pem)
	}
	// WebSockets need HTTP/1.1, which serves all else too.
	config := &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}}
	first, transport := c.firstLogin(), &http.Transport{TLSClientConfig: config}
	c.t.Cleanup(transport.CloseIdleConnections)
	cl := &client{url: first.URL, http: &http.Client{Transport: transport}}
	option := connect.WithInterceptors(bearer{cl})
	cl.session = hanokv1connect.NewSessionServiceClient(cl.http, cl.url, option)
	cl.users = hanokv1connect.NewUserServiceClient(cl.http, cl.url, option)
	cl.machines = hanokv1connect.NewVirtualMachineServiceClient(cl.http, cl.url, option)
	cl.tasks = hanokv1connect.NewTaskServiceClient(cl.http, cl.url, option)
	cl.watch = hanokv1connect.NewWatchServiceClient(cl.http, cl.url, option)
	res, err := cl.session.Login(c.t.Context(), &hanokv1.LoginRequest{Username: first.User, Password: first.Password})
	if err != nil {
		c.t.Fatal(err)
	}
	cl.token = res.Token
	return cl
}

// await follows the machines until one with the name is as cond wants it, and returns it.
func (cl *client) await(t *testing.T, name, what string, cond func(*hanokv1.VirtualMachine) bool) *hanokv1.VirtualMachine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := cl.watch.Watch(ctx, &hanokv1.WatchRequest{Kinds: []string{"VirtualMachine"}})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var last *hanokv1.VirtualMachine
	for stream.Receive() {
		for _, change := range stream.Msg().Changes {
			if vm := change.GetVirtualMachine(); vm != nil && vm.Name == name {
				if last = vm; cond(vm) {
					return vm
				}
			}
		}
	}
	t.Fatalf("waiting until %s %s: %v; it was last\n%v", name, what, stream.Err(), last)
	return nil
}

// ticket returns the path of a console, which is good for one connection, and when it expires.
func (cl *client) ticket(t *testing.T, name, kind string) *hanokv1.OpenConsoleResponse {
	t.Helper()
	res, err := cl.machines.OpenConsole(t.Context(), &hanokv1.OpenConsoleRequest{VirtualMachine: name, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// dial connects to a console.
func (cl *client) dial(ctx context.Context, path string) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(ctx, "wss"+strings.TrimPrefix(cl.url, "https")+path,
		&websocket.DialOptions{HTTPClient: cl.http, Subprotocols: []string{"binary"}})
}

// console opens a console of a machine.
func (cl *client) console(t *testing.T, name, kind string) net.Conn {
	t.Helper()
	socket, _, err := cl.dial(t.Context(), cl.ticket(t, name, kind).Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.CloseNow() })
	return websocket.NetConn(t.Context(), socket, websocket.MessageBinary)
}

// bearer adds the token to every call.
type bearer struct{ cl *client }

func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		req.Header().Set("Authorization", "Bearer "+b.cl.token)
		return next(ctx, req)
	}
}

func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		conn.RequestHeader().Set("Authorization", "Bearer "+b.cl.token)
		return conn
	}
}

func (bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
