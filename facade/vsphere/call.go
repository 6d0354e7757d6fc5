package vsphere

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/facade/vsphere/model"
	"hanok/facade/vsphere/property"
	"hanok/facade/vsphere/wire"
	"hanok/internal/random"
)

// cookieName is that of the cookie with a session's token.
const cookieName = "vmware_soap_session"

const (
	xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	prologue  = xmlHeader + `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" ` +
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>`
	epilogue = "</soapenv:Body></soapenv:Envelope>"
)

// method is one method of the API.
type method struct {
	// on is the type of managed object that has it, and takes that of its parameters.
	on    string
	takes reflect.Type
	// open needs no login; logsIn, too, and it is recorded in the audit log as changes is. helps may be carried out even if that can't
	// be written.
	open, logsIn, changes, helps bool

	run func(c *call, body any) (any, error)
}

// do makes a method of a function of its parameters. What it returns is written as "returnval": nil for nothing, several of a slice.
func do[T any](on string, run func(c *call, r *T) (any, error)) method {
	return method{on: on, takes: reflect.TypeFor[T](), run: func(c *call, body any) (any, error) { return run(c, body.(*T)) }}
}

// changing is do for a method that changes something.
func changing[T any](on string, run func(c *call, r *T) (any, error)) method {
	m := do(on, run)
	m.changes = true
	return m
}

// raw is a value that is XML already: the elements "returnval".
type raw []byte

// stream is a value that is written piece by piece.
type stream func(out func([]byte) error) error

// call is one request.
type call struct {
	*Server
	ctx     context.Context
	id      string
	from    string
	token   string
	by      dc.Caller
	session *session
	version wire.Version
	request *wire.Request
	w       http.ResponseWriter
	// objects is what the audit log names.
	objects map[string]string
}

// picture returns the data center as the caller sees it now.
func (c *call) picture() (*model.Picture, error) {
	sees, err := c.Access.Visible(c.by)
	if err != nil {
		return nil, err
	}
	shown, err := c.Access.Shown(c.by)
	if err != nil {
		return nil, err
	}
	return c.feed.Picture(model.Client{
		Sees: sees, SeesAll: c.Access.SeesAll(c.by), Shown: shown,
		Roles: func(id dc.ID) []int32 { return c.Access.RolesOn(c.by, id) },
		Own:   c.own,
	}), nil
}

// own returns a managed object of the session, or one of the services.
func (c *call) own(p *model.Picture, value string) property.Object {
	if c.session != nil {
		if o := c.session.find(value); o != nil {
			return o.in(p)
		}
	}
	return c.service(value)
}

func (c *call) reader() property.Reader {
	return property.Reader{Cache: c.cache, Version: c.version}
}

// soap answers one request.
func (s *Server) soap(w http.ResponseWriter, r *http.Request) {
	c := &call{Server: s, ctx: r.Context(), id: random.Suffix(), from: hostOf(r.RemoteAddr), version: versionOf(r.Header.Get("SOAPAction")), w: w, objects: map[string]string{}}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Hanok-Request-Id", c.id)
	var err error
	if c.request, err = wire.ReadRequest(http.MaxBytesReader(w, r.Body, wire.MaxRequest+1)); err != nil {
		c.fail(time.Now(), "", faultf(&types.InvalidRequest{}, "%s", err.Error()))
		return
	}
	if cookie, err := r.Cookie(cookieName); err == nil {
		c.token = strings.Trim(cookie.Value, `"`)
	}
	start := time.Now()
	value, err := c.run()
	if err != nil {
		c.fail(start, c.request.Method, err)
		return
	}
	c.answer(value)
}

// versionOf returns what a client speaks, by its SOAPAction "urn:vim25/8.0.1.0"; what is newer than all that is known, or unknown, is
// the newest.
func versionOf(action string) wire.Version {
	_, text, ok := strings.Cut(strings.Trim(action, `"`), "vim25/")
	if !ok {
		return newest
	}
	v, err := wire.ParseVersion(text)
	if err != nil || newest.Before(v) {
		return newest
	}
	return v
}

func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}

// run carries out a call.
func (c *call) run() (value any, err error) {
	m, ok := methods[c.request.Method]
	if !ok {
		if c.token == "" {
			return nil, notAuthenticated(c.request.This)
		}
		return nil, faultf(&types.NotSupported{}, "%s is not there yet", c.request.Method)
	}
	if !m.open && !m.logsIn {
		if c.by, err = c.Access.Authenticate(c.token); err != nil {
			c.sessions.end(c.token)
			return nil, notAuthenticated(c.request.This)
		}
		c.session = c.sessions.of(c.token, c.by)
	}
	if m.changes {
		if err := c.Audit.Begin(c.record(dc.AuditBegun), m.helps); err != nil {
			return nil, err
		}
	}
	value, err = c.safely(m)
	c.finish(m, err)
	return value, err
}

// safely carries out a method, and survives a panic.
func (c *call) safely(m method) (value any, err error) {
	defer func() {
		if v := recover(); v != nil {
			value, err = nil, fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return m.run(c, c.request.Body)
}

// finish records how a call ended: one that changes something, every login, and whatever was denied.
func (c *call) finish(m method, err error) {
	denied := dc.KindOf(err) == dc.Denied
	if !m.changes && !m.logsIn && !denied {
		return
	}
	result := dc.AuditOK
	if err != nil {
		result = dc.AuditResult(dc.KindOf(err))
	}
	c.Audit.End(c.record(result))
}

func notAuthenticated(this types.ManagedObjectReference) error {
	return faultf(&types.NotAuthenticated{NoPermission: types.NoPermission{Object: &this, PrivilegeId: string(dc.PrivView)}}, "The session is not authenticated.")
}

// record returns the call as the audit log has it.
func (c *call) record(r dc.AuditResult) dc.AuditRecord {
	objects := map[string]string{"this": c.request.This.Value}
	for k, v := range c.objects {
		objects[k] = v
	}
	return dc.AuditRecord{
		User: c.by.Name, UserID: c.by.User, Session: c.by.Session, Token: c.by.TokenName, TokenID: c.by.Token, From: c.from, Request: c.id,
		Call: "sdk." + c.request.Method, Objects: objects, Result: r,
	}
}

// fail answers with a fault, and logs it.
func (c *call) fail(start time.Time, method string, err error) {
	if c.ctx.Err() != nil {
		return // the client went away
	}
	level := slog.LevelInfo
	if internal(err) {
		level = slog.LevelError
	}
	c.log.Log(c.ctx, level, "call failed", "request", c.id, "procedure", "sdk."+method, "user", c.by.Name, "took", time.Since(start).Round(time.Millisecond), "error", err)
	f, message := c.fault(err)
	c.w.WriteHeader(http.StatusInternalServerError)
	_, _ = c.w.Write(append(appendFault([]byte(prologue), c.version, f, message), epilogue...))
}

// answer writes what a method returned.
func (c *call) answer(value any) {
	name := c.request.Method + "Response"
	b := append([]byte(prologue), "<"+name+` xmlns="urn:vim25">`...)
	switch v := value.(type) {
	case raw:
		b = append(b, v...)
	case stream:
		err := v(func(piece []byte) error {
			b = append(b, piece...)
			if len(b) < 64<<10 {
				return nil
			}
			_, err := c.w.Write(b)
			b = b[:0]
			return err
		})
		if err != nil {
			return // the client went away
		}
	default:
		b = wire.Append(b, c.version, "returnval", value, false)
	}
	_, _ = c.w.Write(append(append(append(b, "</"...), name...), ">"+epilogue...))
}
