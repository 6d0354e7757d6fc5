package native

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/api/hanok/v1/hanokv1connect"
	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/audit"
	"hanok/manager/store"
)

const (
	user     = "root"
	password = "correct-horse-battery"
)

// fixture is a served backend with a real access service and what a test puts beside it.
type fixture struct {
	server *Server
	http   *httptest.Server
	token  string
	log    *syncBuffer
}

func serve(t *testing.T, b Backend) *fixture {
	t.Helper()
	f := &fixture{log: new(syncBuffer)}
	log := slog.New(slog.NewTextHandler(f.log, nil))
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	acc := access.New(st, log)
	if _, err := acc.Bootstrap(t.Context(), user, password); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.token, _, err = acc.Login(t.Context(), "192.0.2.1", user, password); err != nil {
		t.Fatal(err)
	}
	b.Access = acc
	trail, err := audit.Open(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close() })
	b.Audit = audit.NewService(trail, acc)
	f.server = New(b, log)
	f.http = httptest.NewUnstartedServer(f.server.Handler())
	f.http.EnableHTTP2 = true
	f.http.StartTLS()
	t.Cleanup(f.http.Close)
	t.Cleanup(f.server.Close)
	return f
}

// context returns a context whose call carries the token, and what is known of the call.
func (f *fixture) context(t *testing.T) (context.Context, connect.CallInfo) {
	ctx, call := connect.NewClientContext(t.Context())
	call.RequestHeader().Set("Authorization", "Bearer "+f.token)
	return ctx, call
}

// syncBuffer is a log that is written and read at once.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// system answers Doctor with what the test says.
type system func() ([]Check, error)

func (system) Version() string                                          { return "1.2.3" }
func (s system) Doctor(_ context.Context, _ dc.Caller) ([]Check, error) { return s() }

func (s system) DeepDoctor(context.Context, dc.Caller) ([]Check, error) {
	return []Check{{Name: "claims", Status: CheckOK, Promise: "claims", Examined: 7}}, nil
}

func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		name   string
		doctor system
		kind   dc.ErrorKind
		shown  string // in the answer
		logged string
	}{
		{"typed", func() ([]Check, error) {
			return nil, &dc.Error{Kind: dc.WrongState, Object: "store", Message: "it is asleep", Remedy: "wake it", Err: errors.New("yawn")}
		}, dc.WrongState, "it is asleep", "level=INFO"},
		{"untyped", func() ([]Check, error) { return nil, errors.New("secret") }, dc.Internal, "internal error", "error=secret"},
		{"panic", func() ([]Check, error) { panic("secret") }, dc.Internal, "internal error", "panic: secret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := serve(t, Backend{System: tc.doctor})
			client := hanokv1connect.NewSystemServiceClient(f.http.Client(), f.http.URL)
			ctx, _ := f.context(t)
			_, err := client.Doctor(ctx, &hanokv1.DoctorRequest{})
			got := convert.FromError(err)
			if dc.KindOf(got) != tc.kind || !strings.Contains(got.Error(), tc.shown) || strings.Contains(got.Error(), "secret") {
				t.Errorf("the client sees %v (%s), want %s with %q", got, dc.KindOf(got), tc.kind, tc.shown)
			}
			var wire *connect.Error
			if !errors.As(err, &wire) {
				t.Fatalf("%v is no error of the protocol", err)
			}
			id := wire.Meta().Get(requestHeader)
			if log := f.log.String(); id == "" || !strings.Contains(log, "request="+id) || !strings.Contains(log, tc.logged) || !strings.Contains(log, "user=root") {
				t.Errorf("the log of request %q lacks %q:\n%s", id, tc.logged, log)
			}
		})
	}
}

func TestDoctorPutsProblemsFirst(t *testing.T) {
	f := serve(t, Backend{System: system(func() ([]Check, error) {
		return []Check{{Name: "a", Status: CheckOK}, {Name: "b", Status: CheckWarning}, {Name: "c", Status: CheckProblem}, {Name: "d", Status: CheckOK}}, nil
	})})
	ctx, call := f.context(t)
	res, err := hanokv1connect.NewSystemServiceClient(f.http.Client(), f.http.URL).Doctor(ctx, &hanokv1.DoctorRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var order string
	for _, c := range res.Checks {
		order += c.Name
	}
	if order != "cbad" {
		t.Errorf("order %q, want cbad", order)
	}
	deep, err := hanokv1connect.NewSystemServiceClient(f.http.Client(), f.http.URL).Doctor(ctx, &hanokv1.DoctorRequest{Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(deep.Checks); n != 5 || deep.Checks[4].Promise != "claims" || deep.Checks[4].Examined != 7 {
		t.Errorf("the deep checks don't follow: %v", deep.Checks)
	}
	if call.ResponseHeader().Get(requestHeader) == "" {
		t.Error("the answer has no request ID")
	}
	if log := f.log.String(); strings.Contains(log, "failed") {
		t.Errorf("a call that went well is logged:\n%s", log)
	}
}

func TestPlainJSON(t *testing.T) {
	f := serve(t, Backend{System: system(nil)})
	for _, tc := range []struct {
		path, token, body string
		status            int
		want              string
	}{
		{"SystemService/About", "", "{}", 200, `"version":"1.2.3"`},
		{"SessionService/WhoAmI", "Bearer " + f.token, "{}", 200, `"username":"root"`},
		{"SessionService/WhoAmI", "bearer  " + f.token, "{}", 200, `"username":"root"`},
		{"SessionService/WhoAmI", "Basic " + f.token, "{}", 401, `"code":"unauthenticated"`},
		{"SessionService/WhoAmI", "", "{}", 401, `"code":"unauthenticated"`},
		{"SessionService/Login", "", `{"username":"root","password":"wrong"}`, 401, `"kind":"Unauthenticated"`},
		{"SessionService/Login", "", `{"username":"` + strings.Repeat("x", maxMessage) + `"}`, 429, `"code":"resource_exhausted"`},
		{"SessionService/Nonsense", "", "{}", 404, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", f.http.URL+"/hanok.v1."+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", tc.token)
		res, err := f.http.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		body.ReadFrom(res.Body)
		res.Body.Close()
		if res.StatusCode != tc.status || !strings.Contains(strings.ReplaceAll(body.String(), " ", ""), tc.want) {
			t.Errorf("%s with %.20q: %d %s, want %d with %s", tc.path, tc.token, res.StatusCode, body.String(), tc.status, tc.want)
		}
	}
}

func TestPage(t *testing.T) {
	f := serve(t, Backend{System: system(nil)})
	res, err := f.http.Client().Get(f.http.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	body.ReadFrom(res.Body)
	for _, want := range []string{"version 1.2.3", "HANOK_SERVER=" + f.http.URL, "HANOK_PASSWORD"} {
		if !strings.Contains(body.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if other, err := f.http.Client().Get(f.http.URL + "/other"); err != nil || other.StatusCode != 404 {
		t.Errorf("another path: %v, %v", other.Status, err)
	}
}

func TestStatusOfEveryKind(t *testing.T) {
	want := map[dc.ErrorKind]int{
		dc.Invalid: 400, dc.Unauthenticated: 401, dc.Denied: 403, dc.NotFound: 404, dc.Exists: 409, dc.Conflict: 409,
		dc.WrongState: 409, dc.Exhausted: 507, dc.Unsupported: 501, dc.Unavailable: 503, dc.Canceled: 499, dc.Internal: 500,
	}
	for _, kind := range dc.ErrorKinds() {
		if got := status(kind); got != want[kind] {
			t.Errorf("%s: %d, want %d", kind, got, want[kind])
		}
	}
}
