// Package client is a program of somebody else's that speaks the native API: it logs in, follows machines and tasks, and sits in
// front of consoles. Tests use it where the command line would be too slow or would hide what is asked for; it has no methods for
// what one call of a service does, and tests none of it by itself.
//
// It is used by the tests below test. A client outlives the manager that it has logged in to: the next one on the same store
// knows its session.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"connectrpc.com/connect"

	"hanok/api/hanok/v1"
	"hanok/api/hanok/v1/hanokv1connect"
)

// patience bounds every wait for something that a slow machine may take long over.
const patience = 3 * time.Minute

// silence is how long a client waits for a machine that answers nothing any more: one that has lost its power, or its link.
const silence = 10 * time.Second

// TB is what a client needs of the test that it is part of: a *testing.T, or what a program has in its place. As there, Fatal
// and Fatalf don't return.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Login is what a new data center lets its first user in with: the content of first-login.json.
type Login struct {
	URL, User, Password string
}

// FirstLogin reads the login that a data center has written into its data folder.
func FirstLogin(data string) (Login, error) {
	var first Login
	b, err := os.ReadFile(filepath.Join(data, "first-login.json"))
	if err != nil {
		return first, err
	}
	if err := json.Unmarshal(b, &first); err != nil {
		return first, fmt.Errorf("first-login.json: %w", err)
	}
	return first, nil
}

// Client has a session with a manager. It is for any number of goroutines.
type Client struct {
	// URL is where the manager is.
	URL string
	// HTTP speaks HTTP/1.1 and trusts the data center's authority. Connections to a machine without power end by themselves.
	HTTP *http.Client

	Session    hanokv1connect.SessionServiceClient
	Users      hanokv1connect.UserServiceClient
	Guard      hanokv1connect.GuardServiceClient
	Hosts      hanokv1connect.HostServiceClient
	Datastores hanokv1connect.DatastoreServiceClient
	Machines   hanokv1connect.VirtualMachineServiceClient
	Tasks      hanokv1connect.TaskServiceClient
	Events     hanokv1connect.EventServiceClient
	Watch      hanokv1connect.WatchServiceClient

	token string
}

// New logs in as the first user of the data center whose manager has this data folder, with the initial password. Its
// connections end with the test.
func New(t TB, data string) *Client {
	t.Helper()
	first, err := FirstLogin(data)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", pem)
	}
	dialer := &net.Dialer{Timeout: silence, Control: giveUp}
	transport := &http.Transport{
		// WebSockets need HTTP/1.1, which serves all else too.
		TLSClientConfig:     &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}},
		TLSHandshakeTimeout: silence,
		DialContext:         dialer.DialContext,
		MaxIdleConnsPerHost: 16,
	}
	t.Cleanup(transport.CloseIdleConnections)
	cl := &Client{URL: first.URL, HTTP: &http.Client{Transport: transport}}
	option := connect.WithInterceptors(bearer{cl})
	cl.Session = hanokv1connect.NewSessionServiceClient(cl.HTTP, cl.URL, option)
	cl.Users = hanokv1connect.NewUserServiceClient(cl.HTTP, cl.URL, option)
	cl.Guard = hanokv1connect.NewGuardServiceClient(cl.HTTP, cl.URL, option)
	cl.Hosts = hanokv1connect.NewHostServiceClient(cl.HTTP, cl.URL, option)
	cl.Datastores = hanokv1connect.NewDatastoreServiceClient(cl.HTTP, cl.URL, option)
	cl.Machines = hanokv1connect.NewVirtualMachineServiceClient(cl.HTTP, cl.URL, option)
	cl.Tasks = hanokv1connect.NewTaskServiceClient(cl.HTTP, cl.URL, option)
	cl.Events = hanokv1connect.NewEventServiceClient(cl.HTTP, cl.URL, option)
	cl.Watch = hanokv1connect.NewWatchServiceClient(cl.HTTP, cl.URL, option)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	res, err := cl.Session.Login(ctx, &hanokv1.LoginRequest{Username: first.User, Password: first.Password})
	if err != nil {
		t.Fatal(err)
	}
	cl.token = res.Token
	return cl
}

// bearer adds the token to every call.
type bearer struct{ cl *Client }

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
