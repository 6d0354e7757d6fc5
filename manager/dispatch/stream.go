package dispatch

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"hanok/api/convert"
	"hanok/api/filestream"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/store"
)

// ticketLife is how long a host has to open a stream.
const ticketLife = 15 * time.Second

// The kinds of streams: the bytes of a console, one PNG; and of no machine the host's dc.Inspection as JSON, and one operation on
// the files of its datastores (package filestream).
const (
	StreamVNC        = string(dc.ConsoleVNC)
	StreamSerial     = string(dc.ConsoleSerial)
	StreamScreenshot = "screenshot"
	StreamInspect    = "inspect"
	StreamFiles      = filestream.Kind
)

// ticket is a stream that a host was asked to open.
type ticket struct {
	host   dc.HostID
	opened chan net.Conn
	failed chan error
	done   chan struct{} // closed when nobody waits any more
}

// OpenStream connects to a stream of a virtual machine on the host, or with StreamInspect and StreamFiles of the host itself; kind is one of
// the kinds of streams. The connection is the caller's to close. ctx bounds the opening only. Kinds: Unavailable while the host
// is not connected, WrongState for a machine without power, Invalid for another kind.
func (s *Service) OpenStream(ctx context.Context, host dc.HostID, vm dc.VirtualMachineID, kind string) (net.Conn, error) {
	switch kind {
	case StreamVNC, StreamSerial, StreamScreenshot, StreamInspect, StreamFiles:
		return s.openStream(ctx, host, &agentv1.OpenStream{MachineId: string(vm), Kind: kind})
	}
	return nil, dc.Errorf(dc.Invalid, "no stream of kind %q", kind)
}

// openStream asks the host for a stream, whose ticket it makes.
func (s *Service) openStream(ctx context.Context, host dc.HostID, request *agentv1.OpenStream) (net.Conn, error) {
	away := &dc.Error{Kind: dc.Unavailable, Object: "host " + string(host), Message: "it is not connected",
		Remedy: "try again when it is"}
	if h, err := store.Get[*dc.Host](s.cfg.Store.View(), dc.ID(host)); err == nil {
		away.Object = dc.Describe(dc.KindHost, h.Name)
	}
	l := s.link(host)
	if l == nil {
		return nil, away
	}
	ctx, cancel := context.WithTimeout(ctx, ticketLife)
	defer cancel()
	t := &ticket{host: host, opened: make(chan net.Conn), failed: make(chan error, 1), done: make(chan struct{})}
	name := random.Token()
	s.mu.Lock()
	s.tickets[name] = t
	s.mu.Unlock()
	defer s.takeTicket(name, host)
	defer close(t.done)
	request.Ticket = name
	if !l.send(ctx, &agentv1.ManagerMessage{Message: &agentv1.ManagerMessage_OpenStream{OpenStream: request}}) {
		return nil, away
	}
	select {
	case conn := <-t.opened:
		return conn, nil
	case err := <-t.failed:
		return nil, err
	case <-l.ctx.Done():
		return nil, away
	case <-ctx.Done():
		return nil, dc.Errorf(dc.Unavailable, "the host has not opened the stream: %w", ctx.Err()).On(away.Object)
	}
}

// takeTicket uses a ticket up, or returns nil where the host has no such ticket.
func (s *Service) takeTicket(name string, host dc.HostID) *ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tickets[name]
	if t == nil || t.host != host {
		return nil
	}
	delete(s.tickets, name)
	return t
}

// streamFailed passes on why a host can't open a stream.
func (s *Service) streamFailed(host dc.HostID, m *agentv1.StreamFailed) {
	if t := s.takeTicket(m.Ticket, host); t != nil {
		err := convert.FromFailure(m.Failure).Err()
		if m.Failure == nil {
			err = dc.Errorf(dc.Unavailable, "the host can't open the stream")
		}
		t.failed <- err
	}
}

// serveStream takes the connection that a host opens for a ticket.
func (s *Service) serveStream(w http.ResponseWriter, r *http.Request) {
	host, err := s.hostOf(r.Context())
	if err != nil {
		http.Error(w, err.Error(), status(err))
		return
	}
	t := s.takeTicket(r.PathValue("ticket"), host.ID)
	if t == nil {
		http.NotFound(w, r)
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		t.failed <- dc.Errorf(dc.Unavailable, "the host's stream is no WebSocket: %w", err)
		return
	}
	conn := websocket.NetConn(s.ctx, ws, websocket.MessageBinary)
	select {
	case t.opened <- conn:
	case <-t.done:
		ws.CloseNow()
	}
}
