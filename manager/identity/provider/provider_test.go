package provider_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"hanok/dc"
	"hanok/manager/identity/provider"
	server "hanok/test/provider"
)

const redirect = "http://127.0.0.1:7777/callback"

func open(t *testing.T, s *server.Server) *provider.Provider {
	t.Helper()
	spec := dc.IdentitySourceSpec{Type: dc.SourceOIDC, Domain: "example.com", OIDC: &dc.OIDCSpec{Issuer: s.Issuer, ClientID: server.ClientID}}
	if err := spec.Complete(); err != nil {
		t.Fatal(err)
	}
	return &provider.Provider{Spec: *spec.OIDC, Domain: spec.Domain}
}

func wantKind(t *testing.T, err error, want dc.ErrorKind, text string) {
	t.Helper()
	if dc.KindOf(err) != want || want != "" && !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (kind %q), want kind %q with %q", err, dc.KindOf(err), want, text)
	}
}

// logIn goes through a login with a browser.
func logIn(t *testing.T, s *server.Server, p *provider.Provider) (*dc.Account, error) {
	t.Helper()
	f, err := p.Begin(t.Context(), redirect)
	if err != nil {
		t.Fatal(err)
	}
	back := s.LogIn(f.URL)
	if !strings.HasPrefix(back.String(), redirect) {
		t.Fatalf("the browser is sent to %s", back)
	}
	return p.Finish(t.Context(), f, back.Query().Get("state"), back.Query().Get("code"))
}

func TestBrowser(t *testing.T) {
	s := server.Start(t)
	p := open(t, s)
	carol, err := logIn(t, s, p)
	if err != nil || carol.Name != "carol" || carol.Key != server.Subject || !slices.Equal(carol.Groups, []string{"staff", "web"}) {
		t.Fatalf("%+v, %v", carol, err)
	}
	s.Rotate() // another key, of which nobody has heard
	if _, err := logIn(t, s, p); err != nil {
		t.Error(err)
	}
	f, err := p.Begin(t.Context(), redirect)
	if err != nil {
		t.Fatal(err)
	}
	back := s.LogIn(f.URL).Query()
	_, err = p.Finish(t.Context(), f, "guess", back.Get("code"))
	wantKind(t, err, dc.Unauthenticated, "from another login")
	_, err = p.Finish(t.Context(), f, f.State, "guess")
	wantKind(t, err, dc.Unauthenticated, "refuses the login")
	other, err := p.Begin(t.Context(), redirect) // whose verifier is another one: a code that was stolen is worth nothing
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Finish(t.Context(), other, other.State, back.Get("code"))
	wantKind(t, err, dc.Unauthenticated, "refuses the login")

	p.Spec.UsernameClaim = "email" // which is verified, and ends with the domain
	if carol, err := logIn(t, s, p); err != nil || carol.Name != "carol" {
		t.Errorf("%+v, %v", carol, err)
	}
	p.Spec.UsernameClaim = "nickname"
	_, err = logIn(t, s, p)
	wantKind(t, err, dc.Unauthenticated, `no claim "nickname"`)
	s.Stop()
	_, err = p.Begin(t.Context(), redirect)
	wantKind(t, err, dc.Unavailable, "can't be asked")
	wantKind(t, p.Test(t.Context()), dc.Unavailable, "can't be asked")
}

func TestGroups(t *testing.T) {
	s := server.Start(t)
	p := open(t, s)
	many := make([]string, 1001)
	for i := range many {
		many[i] = strings.Repeat("x", 1+i%9)
	}
	for _, tt := range []struct {
		groups any
		want   []string
		text   string
	}{
		{"One", []string{"one"}, ""}, {[]string{}, nil, ""}, {[]string{"a", "A"}, []string{"a"}, ""}, {nil, nil, ""},
		{many, nil, "no list of 1000 groups"}, {[]any{1}, nil, "no name"}, {[]string{""}, nil, "no name"}, {map[string]any{"a": 1}, nil, "no list"},
		{[]string{strings.Repeat("x", 257)}, nil, "no name"},
	} {
		s.Groups(tt.groups)
		carol, err := logIn(t, s, p)
		switch {
		case tt.text != "":
			wantKind(t, err, dc.Unauthenticated, tt.text)
		case err != nil || !slices.Equal(carol.Groups, tt.want):
			t.Errorf("%v: %+v, %v", tt.groups, carol, err)
		}
	}
}

func TestForgedTokens(t *testing.T) {
	s := server.Start(t)
	p := open(t, s)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) func(map[string]any) (any, jose.SignatureAlgorithm) {
		return func(claims map[string]any) (any, jose.SignatureAlgorithm) {
			claims[name] = value
			return nil, ""
		}
	}
	for _, tt := range []struct {
		name   string
		change func(map[string]any) (any, jose.SignatureAlgorithm)
		text   string
	}{
		{"nothing", set("x", 1), ""},
		{"another issuer", set("iss", "https://evil.example"), "not to be trusted"},
		{"another client", set("aud", "other"), "not to be trusted"},
		{"no client", set("aud", []string{}), "not to be trusted"},
		{"for several clients, of another", func(c map[string]any) (any, jose.SignatureAlgorithm) {
			c["aud"], c["azp"] = []string{server.ClientID, "other"}, "other"
			return nil, ""
		}, "for another client"},
		{"for several clients, of nobody", func(c map[string]any) (any, jose.SignatureAlgorithm) {
			delete(c, "azp")
			c["aud"] = []string{server.ClientID, "other"}
			return nil, ""
		}, "for another client"},
		{"another nonce", set("nonce", "guess"), "of another login"},
		{"no nonce", func(c map[string]any) (any, jose.SignatureAlgorithm) { delete(c, "nonce"); return nil, "" }, "of another login"},
		{"expired", set("exp", time.Now().Add(-time.Minute).Unix()), "not to be trusted"},
		{"not yet", set("nbf", time.Now().Add(time.Hour).Unix()), "not to be trusted"},
		{"nobody", set("sub", ""), "names nobody"},
		{"somebody else", set("sub", "sub-mallory"), "speaks of somebody else"},
		{"another key", func(map[string]any) (any, jose.SignatureAlgorithm) { return stranger, jose.RS256 }, "not to be trusted"},
		{"a key that is public", func(map[string]any) (any, jose.SignatureAlgorithm) {
			return []byte(strings.Repeat("the client's secret or a public key", 2)), jose.HS256
		}, "not to be trusted"},
		{"no signature", func(map[string]any) (any, jose.SignatureAlgorithm) { return nil, "none" }, "not to be trusted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Tamper(tt.change)
			defer s.Tamper(nil)
			_, err := logIn(t, s, p)
			if tt.text == "" {
				wantKind(t, err, "", "")
				return
			}
			wantKind(t, err, dc.Unauthenticated, tt.text)
		})
	}
}

func TestDevice(t *testing.T) {
	s := server.Start(t)
	p := open(t, s)
	f, err := p.BeginDevice(t.Context())
	if err != nil || f.Code == "" || !strings.HasPrefix(f.URL, s.Issuer) || f.Interval <= 0 || time.Until(f.Expires) <= 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	_, err = p.Poll(t.Context(), f)
	if !errors.Is(err, provider.ErrPending) && !errors.Is(err, provider.ErrSlow) {
		t.Fatalf("nobody has confirmed, and the error is %v", err)
	}
	_, err = p.Finish(t.Context(), f, "", "") // it is no login with a browser
	wantKind(t, err, dc.Unauthenticated, "from another login")
	s.Confirm(f.URL, true)
	carol, err := p.Poll(t.Context(), f)
	if err != nil || carol.Name != "carol" || carol.Key != server.Subject {
		t.Errorf("%+v, %v", carol, err)
	}
	if f, err = p.BeginDevice(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Confirm(f.URL, false)
	_, err = p.Poll(t.Context(), f)
	wantKind(t, err, dc.Unauthenticated, "access_denied")
}

// TestOddProviders sees what becomes of servers that are no providers.
func TestOddProviders(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"nothing":  func(w http.ResponseWriter, _ *http.Request) {},
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"another":  func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"issuer":"https://evil.example"}`)) },
		"much": func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"issuer":"` + strings.Repeat("x", 2<<20)))
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		},
		"broken off":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"not a object": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`[]`)) },
	} {
		t.Run(name, func(t *testing.T) {
			odd := httptest.NewServer(answer)
			defer odd.Close()
			p := &provider.Provider{Spec: dc.OIDCSpec{Issuer: odd.URL, ClientID: "hanok"}}
			_, err := p.Begin(t.Context(), redirect)
			wantKind(t, err, dc.Unavailable, "")
		})
	}
}
