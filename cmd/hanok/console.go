package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/coder/websocket"
	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// escape is Ctrl-], which ends a console session.
const escape = 0x1d

func (a *app) vmConsoleCommand() *cobra.Command {
	var vnc bool
	cmd := a.client(command{use: "console VM", short: "Attach this terminal to the serial console; Ctrl-] detaches", args: cobra.ExactArgs(1), object: true, complete: vmNames,
		do: func(ctx context.Context, c *client, args []string) error {
			kind := dc.ConsoleSerial
			if vnc {
				kind = dc.ConsoleVNC
			}
			res, err := c.machines.OpenConsole(ctx, &hanokv1.OpenConsoleRequest{VirtualMachine: args[0], Kind: string(kind)})
			if err != nil {
				return err
			}
			address := "wss" + strings.TrimPrefix(c.server, "https") + res.Path
			if vnc {
				_, err := fmt.Fprintln(a.stdout, address)
				return err
			}
			return a.attach(ctx, c, address, args[0])
		}})
	cmd.Flags().BoolVar(&vnc, "vnc", false, "print the address of a WebSocket to the screen, good for one connection within 30 seconds")
	return cmd
}

// attach joins the terminal and a console until one of them ends.
func (a *app) attach(ctx context.Context, c *client, address, name string) error {
	// WebSockets are opened with HTTP/1.1: the other client's connections speak HTTP/2.
	config, err := c.tls()
	if err != nil {
		return err
	}
	config.NextProtos = []string{"http/1.1"}
	transport := &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	socket, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"binary"},
	})
	if err != nil {
		return refusal(res, err)
	}
	defer socket.CloseNow()
	console := websocket.NetConn(ctx, socket, websocket.MessageBinary)

	restore, err := a.raw()
	if err != nil {
		return err
	}
	defer restore()
	fmt.Fprintf(a.stderr, "attached to the serial console of %s; Ctrl-] detaches\r\n", name)
	defer fmt.Fprint(a.stderr, "\r\ndetached\r\n")
	detached := make(chan error, 1)
	go func() {
		if err := copyKeys(console, a.stdin); err != io.EOF {
			detached <- err
		}
	}()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(a.stdout, console)
		ended <- err
	}()
	select {
	case err := <-detached:
		return err
	case err := <-ended:
		if err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
			return &dc.Error{Kind: dc.Unavailable, Message: "the console's connection broke", Remedy: "attach again", Err: err}
		}
	case <-ctx.Done():
	}
	return nil
}

// copyKeys copies what is typed until the escape key, which returns nil, or the end of the input, which returns io.EOF: the
// console then only shows.
func copyKeys(console io.Writer, keys io.Reader) error {
	buf := make([]byte, 1024)
	for {
		n, err := keys.Read(buf)
		typed, _, found := bytes.Cut(buf[:n], []byte{escape})
		if len(typed) > 0 {
			if _, err := console.Write(typed); err != nil {
				return io.EOF // the other direction says why
			}
		}
		if found {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// refusal returns why the server opened no console.
func refusal(res *http.Response, err error) error {
	if res == nil || res.Body == nil {
		return &dc.Error{Kind: dc.Unavailable, Message: "no connection to the console: " + err.Error(), Remedy: "try again", Err: err}
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1024))
	return &dc.Error{Kind: dc.Unavailable, Message: strings.TrimSpace(string(text)), Err: err}
}
