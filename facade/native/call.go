package native

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"hanok/api/convert"
	"hanok/api/hanok/v1/hanokv1connect"
	"hanok/dc"
	"hanok/internal/random"
)

// callTime bounds a call that is no stream, for clients that set no deadline of their own.
const callTime = time.Minute

// guardTime is how often it is looked whether who opened a stream, a console or a transfer is still logged in.
const guardTime = time.Second

// requestHeader names the call in the response, as the log does.
const requestHeader = "Hanok-Request-Id"

// open are the procedures that need no login.
var open = map[string]bool{
	hanokv1connect.SessionServiceLoginProcedure:     true,
	hanokv1connect.SessionServiceBeginSSOProcedure:  true,
	hanokv1connect.SessionServiceFinishSSOProcedure: true,
	hanokv1connect.SystemServiceAboutProcedure:      true,
}

// calls stands around every call: it finds out who calls, has it audited, bounds the time, survives a panic, logs a failure with its
// cause and gives it the form of the protocol.
type calls struct{ *service }

func (c *calls) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		call := newCall(req.Spec(), req.Peer(), req.Header())
		if m, ok := req.Any().(proto.Message); ok {
			call.objects = objectsOf(m)
			call.note(m)
		}
		var res connect.AnyResponse
		err := c.run(ctx, call, func(ctx context.Context) (err error) {
			ctx, cancel := context.WithTimeout(ctx, callTime)
			defer cancel()
			res, err = next(ctx, req)
			return err
		})
		if err != nil {
			err.Meta().Set(requestHeader, call.id)
			return nil, err
		}
		res.Header().Set(requestHeader, call.id)
		return res, nil
	}
}

func (c *calls) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		call := newCall(conn.Spec(), conn.Peer(), conn.RequestHeader())
		conn.ResponseHeader().Set(requestHeader, call.id)
		err := c.run(ctx, call, func(ctx context.Context) error {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			defer context.AfterFunc(c.ended, func() { cancel(errStopping) })()
			go c.guard(ctx, caller(ctx), cancel)
			err := next(ctx, noting{conn, call})
			var why *dc.Error // of errStopping and of guard, where the client's end is none
			if err != nil && errors.As(context.Cause(ctx), &why) {
				return why
			}
			return err
		})
		if err != nil { // a nil *connect.Error is no nil error
			return err
		}
		return nil
	}
}

func (*calls) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// errStopping ends streams when the server is closed. It has one identity, so that it is recognized as a cause.
var errStopping error = &dc.Error{Kind: dc.Unavailable, Message: "the server is stopping", Remedy: "try again when it is back"}

// call is one request, as the log names it.
type call struct {
	id        string
	procedure string
	// from is the network address that it comes from.
	from  string
	token string
	by    dc.Caller
	// changes says that it may change something, and objects what it names: see audit.go.
	changes bool
	objects map[string]string
	// words are those that the request has.
	words []string
	// waits is set of a login that has not ended yet.
	waits bool
	// failed is how a call ended that is no procedure.
	failed error
}

func newCall(spec connect.Spec, peer connect.Peer, header http.Header) *call {
	return &call{id: random.Suffix(), procedure: spec.Procedure, from: hostOf(peer.Addr), token: bearer(header), changes: changes(spec.Procedure)}
}

// hostOf returns a network address without its port.
func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}

// bearer returns the token of the header "Authorization: Bearer TOKEN", or "".
func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

type callKey struct{}

// callOf returns the call that ctx belongs to.
func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// caller returns who makes the call that ctx belongs to.
func caller(ctx context.Context) dc.Caller { return callOf(ctx).by }

// guard cancels what lasts longer than a call when what the caller has logged in with is good no more.
func (s *service) guard(ctx context.Context, by dc.Caller, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(guardTime)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.Access.Still(by); err != nil {
				cancel(err)
				return
			}
		}
	}
}

// run makes one call. Its result is nil or what the client gets.
func (c *calls) run(ctx context.Context, call *call, do func(context.Context) error) *connect.Error {
	start, begun := time.Now(), true
	err := func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			}
		}()
		if !open[call.procedure] {
			if call.by, err = c.Access.Authenticate(call.token); err != nil {
				return err
			}
		}
		if err := c.begin(call); err != nil {
			begun = false
			return err
		}
		return do(context.WithValue(ctx, callKey{}, call))
	}()
	if begun {
		c.finish(call, err)
	}
	if err == nil {
		return nil
	}
	c.report(ctx, call, time.Since(start), err)
	return convert.Error(c.shown(call, err).Err())
}

// report logs a failed call. A client that went away is no failure.
func (c *calls) report(ctx context.Context, call *call, took time.Duration, err error) {
	if ctx.Err() != nil && dc.KindOf(err) == dc.Canceled {
		return
	}
	level := slog.LevelInfo
	if dc.KindOf(err) == dc.Internal {
		level = slog.LevelError
	}
	c.log.Log(ctx, level, "call failed", "request", call.id, "procedure", call.procedure, "user", call.by.Name,
		"kind", dc.KindOf(err), "took", took.Round(time.Millisecond), "error", err)
}

// streams are the procedures that last as long as the client wants.
var streams = map[string]bool{
	hanokv1connect.WatchServiceWatchProcedure:    true,
	hanokv1connect.TaskServiceWatchTaskProcedure: true,
	hanokv1connect.BackupServiceBackupProcedure:  true,
}

// bounded gives a client that sends its request or takes its answer slowly a limited time.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !streams[r.URL.Path] {
			control := http.NewResponseController(w)
			end := time.Now().Add(callTime + 30*time.Second)
			// A connection that knows no deadlines has none, as in a test without a network.
			_ = control.SetReadDeadline(end)
			_ = control.SetWriteDeadline(end)
		}
		next.ServeHTTP(w, r)
	})
}
