package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hanok/api/hanok/v1"
	"hanok/test/client"
	"hanok/test/guest"
)

// serialConsole works in the guest as a program of somebody else's does, and through the command line.
func serialConsole(t *testing.T, c *center, cl *client.Client) {
	ticket := cl.Ticket(t, "hello", "serial")
	socket, _, err := cl.Dial(t.Context(), ticket.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	conn := websocket.NetConn(t.Context(), socket, websocket.MessageBinary)
	term := guest.NewTerminal(t, conn, conn)
	term.Login()
	if who := term.Run("id -un; hostname"); who != "root\nhello" {
		t.Errorf("in the guest I am %q", who)
	}

	for name, path := range map[string]string{"used": ticket.Path, "made up": "/console/" + strings.Repeat("a", 32)} {
		refuseTicket(t, cl, name, path)
	}

	// The command line types what it reads and leaves at Ctrl-].
	cmd := exec.Command(program(t), "--data", c.data, "vm", "console", "hello")
	keys, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	screen, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	second := guest.NewTerminal(t, screen, keys)
	if out := second.Run("echo $((6*7))"); out != "42" {
		t.Errorf("the guest has calculated %q", out)
	}
	term.Await("42") // whoever else looks on sees it
	if _, err := io.WriteString(keys, "\x1d"); err != nil {
		t.Fatal(err)
	}
	second.Ended()
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "detached") {
		t.Errorf("the console's command ends with %v:\n%s", err, said.String())
	}
}

// refuseTicket expects that a ticket opens nothing.
func refuseTicket(t *testing.T, cl *client.Client, name, path string) {
	t.Helper()
	socket, res, err := cl.Dial(t.Context(), path)
	if err == nil {
		socket.CloseNow()
		t.Fatalf("a ticket that is %s opens a console", name)
	}
	if res == nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusUnauthorized || !strings.Contains(string(text), "used, expired or unknown") || !strings.Contains(string(text), "ask for a new one") {
		t.Errorf("a ticket that is %s: %s, %q, %v", name, res.Status, text, err)
	}
}

// expire tries a ticket that was never used when its time is over, which it mostly is by now.
func expire(t *testing.T, cl *client.Client, ticket *hanokv1.OpenConsoleResponse) {
	select {
	case <-time.After(time.Until(ticket.Expires.AsTime())):
	case <-t.Context().Done():
	}
	refuseTicket(t, cl, "expired", ticket.Path)
}

// screen looks at the guest's screen: once, and as VNC viewers do (RFC 6143, section 7).
func screen(t *testing.T, c *center, cl *client.Client) {
	file := filepath.Join(t.TempDir(), "hello.png")
	c.ok("vm", "screenshot", "hello", "-f", file)
	shot, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer shot.Close()
	picture, err := png.Decode(shot)
	if err != nil {
		t.Fatal(err)
	}
	colors := map[any]bool{}
	for x := range picture.Bounds().Dx() {
		for y := range picture.Bounds().Dy() {
			colors[picture.At(x, y)] = true
		}
	}
	if len(colors) < 2 {
		t.Errorf("the screen of %v has %d colors, and is to show a login", picture.Bounds(), len(colors))
	}

	address := strings.TrimSpace(c.ok("vm", "console", "hello", "--vnc"))
	path, ok := strings.CutPrefix(address, "wss"+strings.TrimPrefix(cl.URL, "https"))
	if !ok {
		t.Fatalf("the address is %q", address)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	socket, _, err := cl.Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	conn := websocket.NetConn(ctx, socket, websocket.MessageBinary)
	read := func(n int) []byte {
		t.Helper()
		b := make([]byte, n)
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	write := func(b ...byte) {
		t.Helper()
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if greeting := string(read(12)); greeting != "RFB 003.008\n" {
		t.Fatalf("the greeting is %q", greeting)
	}
	write([]byte("RFB 003.008\n")...)
	const none = 1 // the ticket was the password
	if types := read(int(read(1)[0])); !bytes.Equal(types, []byte{none}) {
		t.Fatalf("the security types are %v", types)
	}
	write(none)
	if result := binary.BigEndian.Uint32(read(4)); result != 0 {
		t.Fatalf("the security handshake ends with %d", result)
	}
	write(1) // shared
	init := read(24)
	width, height := binary.BigEndian.Uint16(init), binary.BigEndian.Uint16(init[2:])
	if int(width) != picture.Bounds().Dx() || int(height) != picture.Bounds().Dy() {
		t.Errorf("the screen has %dx%d, and its picture %v", width, height, picture.Bounds())
	}
	if name := string(read(int(binary.BigEndian.Uint32(init[20:])))); !strings.Contains(name, "hello") {
		t.Errorf("the screen's name is %q", name)
	}
	refuseTicket(t, cl, "used", path)
}
