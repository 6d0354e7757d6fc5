package native

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/dc"
)

const (
	// openTime bounds the connecting to a console.
	openTime = 20 * time.Second
	// pingTime is how often a console's client is asked whether it is still there.
	pingTime = 30 * time.Second
)

func (s *service) OpenConsole(ctx context.Context, req *hanokv1.OpenConsoleRequest) (*hanokv1.OpenConsoleResponse, error) {
	by, kind := caller(ctx), dc.ConsoleKind(req.Kind)
	if kind != dc.ConsoleVNC && kind != dc.ConsoleSerial {
		return nil, dc.Errorf(dc.Invalid, "there is no console of the kind %q", req.Kind).
			Fix("ask for %q or %q", dc.ConsoleVNC, dc.ConsoleSerial)
	}
	vm, err := s.machine(ctx, req.VirtualMachine)
	if err != nil {
		return nil, err
	}
	if err := s.Access.Authorize(by, dc.PrivVMConsole, dc.ID(vm.ID)); err != nil {
		return nil, err
	}
	if vm.Status.Power != dc.PoweredOn {
		return nil, &dc.Error{Kind: dc.WrongState, Object: dc.Describe(dc.KindVirtualMachine, vm.Name),
			Message: "it is not powered on", Remedy: "power it on first"}
	}
	secret, expires := s.tickets.issue(by, vm.ID, kind)
	return &hanokv1.OpenConsoleResponse{Ticket: secret, Path: "/console/" + secret, Expires: convert.Time(expires)}, nil
}

// console joins a WebSocket and a machine's console until one of them ends.
func (s *service) console(w http.ResponseWriter, r *http.Request) {
	t, err := s.tickets.redeem(r.PathValue("ticket"))
	if err != nil {
		s.refuse(w, r, t, err)
		return
	}
	if err := s.Access.Still(t.by); err != nil {
		s.refuse(w, r, t, err)
		return
	}
	opening, cancel := context.WithTimeout(r.Context(), openTime)
	machine, err := s.Machines.OpenConsole(opening, t.by, t.machine, t.kind)
	cancel()
	if err != nil {
		s.refuse(w, r, t, err)
		return
	}
	defer machine.Close()
	// Accept refuses pages of other origins, and answers by itself when it fails.
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"binary"}})
	if err != nil {
		return
	}
	defer socket.CloseNow()

	ctx, endFor := context.WithCancelCause(r.Context())
	end := func() { endFor(nil) }
	defer end()
	defer context.AfterFunc(s.ended, end)()
	go s.guard(ctx, t.by, endFor)
	client := websocket.NetConn(ctx, socket, websocket.MessageBinary)
	go func() {
		defer end()
		_, _ = io.Copy(machine, client) // which side ended it, and how, matters to nobody
	}()
	go func() {
		defer end()
		_, _ = io.Copy(client, machine)
		socket.Close(websocket.StatusNormalClosure, "the console has ended")
	}()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(pingTime):
			ping, cancel := context.WithTimeout(ctx, pingTime)
			if socket.Ping(ping) != nil {
				end()
			}
			cancel()
		}
	}
}

// refuse answers a request for a console that failed.
func (s *service) refuse(w http.ResponseWriter, r *http.Request, t ticket, err error) {
	s.log.InfoContext(r.Context(), "console failed", "user", t.by.Name, "machine", t.machine, "kind", t.kind, "error", err)
	f := dc.FailureOf(err)
	http.Error(w, f.Err().Error(), status(f.Kind))
}

// status returns the HTTP status of a kind of error, for the paths that do not speak the Connect protocol.
func status(kind dc.ErrorKind) int {
	switch kind {
	case dc.Invalid:
		return http.StatusBadRequest
	case dc.Unauthenticated:
		return http.StatusUnauthorized
	case dc.Denied:
		return http.StatusForbidden
	case dc.NotFound:
		return http.StatusNotFound
	case dc.Exists, dc.Conflict, dc.WrongState:
		return http.StatusConflict
	case dc.Exhausted:
		return http.StatusInsufficientStorage
	case dc.Unsupported:
		return http.StatusNotImplemented
	case dc.Unavailable:
		return http.StatusServiceUnavailable
	case dc.Canceled:
		return 499 // nginx's "client closed request": nobody reads it
	}
	return http.StatusInternalServerError
}
