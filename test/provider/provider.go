// Package provider runs an OpenID Connect provider for tests, on loopback: zitadel's, with its example's storage and pages, through which
// a test logs in as a browser would. It is no part of the program; tests of identity sources call it.
package provider

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// What every provider knows: a client that may use a browser on loopback and codes, and a user.
const (
	ClientID = "hanok"
	Username = "carol"
	Password = "carol-has-a-password"
	Subject  = "sub-carol"
)

// Server is a provider. Its methods fail the test.
type Server struct {
	// Issuer is its URL.
	Issuer string

	t       testing.TB
	http    *httptest.Server
	storage *memory

	mu     sync.Mutex
	tamper func(claims map[string]any) (key any, algorithm jose.SignatureAlgorithm)
}

// memory is the example's storage with other users, groups, and keys that change.
type memory struct {
	*storage.Storage
	mu     sync.Mutex
	key    *key
	groups any
}

// users is the one user.
type users struct{}

func (users) GetUserByID(id string) *storage.User {
	if id != Subject {
		return nil
	}
	return &storage.User{ID: Subject, Username: Username, Password: Password, FirstName: "Carol", LastName: "Example", Email: "carol@example.com", EmailVerified: true}
}

func (u users) GetUserByUsername(name string) *storage.User {
	if name != Username {
		return nil
	}
	return u.GetUserByID(Subject)
}

func (users) ExampleClientID() string { return "service" }

// key is a signing key and its public half.
type key struct {
	id      string
	private *rsa.PrivateKey
}

func newKey(t testing.TB) *key {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &key{rand.Text(), private}
}

func (k *key) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *key) Algorithm() jose.SignatureAlgorithm          { return jose.RS256 }
func (k *key) Use() string                                 { return "sig" }
func (k *key) ID() string                                  { return k.id }
func (k *key) Key() any                                    { return k.private }

type public struct{ *key }

func (p public) Key() any { return &p.private.PublicKey }

func (m *memory) current() *key {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.key
}

func (m *memory) SigningKey(context.Context) (op.SigningKey, error) { return m.current(), nil }
func (m *memory) KeySet(context.Context) ([]op.Key, error)          { return []op.Key{public{m.current()}}, nil }

func (m *memory) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := m.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	info.AppendClaims("groups", m.groups)
	return nil
}

// CompleteDeviceAuthorization takes the user's name for his subject, which it is in the example.
func (m *memory) CompleteDeviceAuthorization(ctx context.Context, code, _ string) error {
	return m.Storage.CompleteDeviceAuthorization(ctx, code, Subject)
}

// device is a client that may use codes, too.
type device struct{ op.Client }

func (d device) GrantTypes() []oidc.GrantType {
	return append(d.Client.GrantTypes(), oidc.GrantTypeDeviceCode)
}

func (m *memory) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := m.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return device{c}, nil
}

// Start starts a provider, which ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the example logs there
	s := &Server{t: t}
	s.storage = &memory{key: newKey(t), groups: []string{"Web", "staff"}, Storage: storage.NewStorageWithClients(users{}, map[string]*storage.Client{
		ClientID: storage.NativeClient(ClientID, "http://127.0.0.1/callback"),
	})}
	s.http = httptest.NewServer(nil)
	s.Issuer = s.http.URL + "/"
	s.http.Config.Handler = s.middle(exampleop.SetupServer(s.Issuer, s.storage, nil, false, op.WithAllowInsecure()))
	t.Cleanup(s.http.Close)
	return s
}

// Stop ends the provider.
func (s *Server) Stop() { s.http.Close() }

// Rotate gives the provider another signing key, and forgets the one that it has.
func (s *Server) Rotate() {
	k := newKey(s.t)
	s.storage.mu.Lock()
	defer s.storage.mu.Unlock()
	s.storage.key = k
}

// Groups sets what the claim "groups" is.
func (s *Server) Groups(groups any) {
	s.storage.mu.Lock()
	defer s.storage.mu.Unlock()
	s.storage.groups = groups
}

// Tamper makes the provider change the claims of each ID token; a key signs it instead of the provider's unless it is nil, and "none"
// signs it not at all. The nil function ends it.
func (s *Server) Tamper(change func(claims map[string]any) (key any, algorithm jose.SignatureAlgorithm)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tamper = change
}

// middle stands between the provider and its clients, and changes ID tokens.
func (s *Server) middle(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		change := s.tamper
		s.mu.Unlock()
		if change == nil || r.URL.Path != "/oauth/token" {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		answer := map[string]any{}
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
			s.t.Error(err)
		}
		if raw, ok := answer["id_token"].(string); ok {
			answer["id_token"] = s.forge(raw, change)
		}
		body, _ := json.Marshal(answer)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(rec.Code)
		w.Write(body)
	})
}

// forge returns an ID token with other claims.
func (s *Server) forge(raw string, change func(map[string]any) (any, jose.SignatureAlgorithm)) string {
	token, err := jose.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		s.t.Error(err)
		return raw
	}
	claims := map[string]any{}
	if err := json.Unmarshal(token.UnsafePayloadWithoutVerification(), &claims); err != nil {
		s.t.Error(err)
	}
	with, algorithm := change(claims)
	payload, _ := json.Marshal(claims)
	if algorithm == "none" {
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
	}
	k := s.storage.current()
	if with == nil {
		with, algorithm = k.private, jose.RS256
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: with, KeyID: k.id}}, nil)
	if err != nil {
		s.t.Error(err)
		return raw
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		s.t.Error(err)
		return raw
	}
	out, _ := signed.CompactSerialize()
	return out
}

// browser returns a client that keeps cookies and stops where a redirect leaves the provider.
func (s *Server) browser() *http.Client {
	jar, _ := cookiejar.New(nil)
	home, _ := url.Parse(s.Issuer)
	return &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host != home.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

var (
	loginID  = regexp.MustCompile(`name="id" value="([^"]+)"`)
	userCode = regexp.MustCompile(`name="user_code" value="([^"]+)"`)
)

// LogIn goes where a login begins, logs in as the user, and returns where the browser is sent at last.
func (s *Server) LogIn(begin string) *url.URL {
	s.t.Helper()
	client := s.browser()
	page := s.page(client.Get(begin))
	id := loginID.FindStringSubmatch(page)
	if id == nil {
		s.t.Fatalf("the provider shows no login:\n%s", page)
	}
	res, err := client.PostForm(s.Issuer+"login/username", url.Values{"username": {Username}, "password": {Password}, "id": {id[1]}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	back, err := res.Location()
	if err != nil {
		text, _ := io.ReadAll(res.Body)
		s.t.Fatalf("the provider sends nobody back: %v\n%s", err, text)
	}
	return back
}

// Confirm goes where a login by a code is confirmed, and does so as the user, or denies it.
func (s *Server) Confirm(at string, allow bool) {
	s.t.Helper()
	client := s.browser()
	code := userCode.FindStringSubmatch(s.page(client.Get(at)))
	if code == nil {
		s.t.Fatalf("the provider does not ask for a login at %s", at)
	}
	s.page(client.PostForm(s.Issuer+"device/login", url.Values{"username": {Username}, "password": {Password}, "user_code": {code[1]}}))
	action := map[bool]string{true: "allowed", false: "denied"}[allow]
	s.page(client.Get(s.Issuer + "device/confirm?action=" + action))
}

func (s *Server) page(res *http.Response, err error) string {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 400 {
		s.t.Fatalf("the provider answers %s, %v:\n%s", res.Status, err, text)
	}
	return string(text)
}
