// Package provider logs users in at a provider of OpenID Connect, of which the manager is a client: by a browser that comes back with a code,
// or by a code that the user types in at another machine. It keeps nothing and decides nothing; package identity calls it for identity
// sources of this type, and keeps a Flow between its beginning and its end.
//
// What comes from a provider is checked: its certificate, who issued a token and for whom, its time and signature (asymmetric algorithms
// only, with the keys that the provider has now), and that it answers this login. Answers are bounded in size and time.
package provider

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"hanok/dc"
	"hanok/internal/random"
)

const (
	// answerTime bounds each answer of a provider, and maxAnswer its size in bytes.
	answerTime = 10 * time.Second
	maxAnswer  = 1 << 20
	// maxGroups is how many groups a user may be in, and maxName the longest name of one.
	maxGroups = 1000
	maxName   = 256
)

// algorithms are those by which a token may be signed: with a key that the provider alone has.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// ErrPending is what Poll returns while the user has not typed in the code; ErrSlow asks to wait longer each time besides.
var (
	ErrPending error = dc.Errorf(dc.Unavailable, "the user has not confirmed the login yet")
	ErrSlow    error = dc.Errorf(dc.Unavailable, "the user has not confirmed the login yet, and the provider is asked too often")
)

// Provider is one provider, asked anew for each call. Its fields are not changed after the first; then it is safe for concurrent use.
type Provider struct {
	Spec dc.OIDCSpec
	// Domain is that of its users: it is left out where their names end with it.
	Domain string
	// CA are the certificates that vouch for it, in PEM form; "" is those that the machine trusts.
	CA string
	// Secret is the client's, or "" for a client that has none.
	Secret string
}

// Flow is a login that has begun. It holds secrets.
type Flow struct {
	// URL is where the user goes with a browser, and Code what he types in there, "" where he comes back by himself.
	URL, Code string
	// State is what he comes back with.
	State string
	// Interval is how long to wait before each Poll.
	Interval time.Duration
	Expires  time.Time

	redirect, nonce, verifier string
	device                    *oauth2.DeviceAuthResponse
}

// client is the provider as it says now that it is.
type client struct {
	*oidc.Provider
	oauth oauth2.Config
}

// discover asks the provider how to reach it. The context is for all calls of the client.
func (p *Provider) discover(ctx context.Context, redirect string) (context.Context, *client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(p.CA)) {
			return nil, nil, dc.Errorf(dc.Unavailable, "the identity source has no certificate that can be read").Fix("give one in PEM form")
		}
	}
	transport := &http.Transport{TLSClientConfig: config, TLSHandshakeTimeout: answerTime, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	ctx = oidc.ClientContext(ctx, &http.Client{Transport: bounded{transport}, Timeout: answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
	found, err := oidc.NewProvider(ctx, p.Spec.Issuer)
	if err != nil {
		return nil, nil, failed(err)
	}
	return ctx, &client{found, oauth2.Config{ClientID: p.Spec.ClientID, ClientSecret: p.Secret, RedirectURL: redirect, Endpoint: found.Endpoint(),
		Scopes: append([]string{oidc.ScopeOpenID}, p.Spec.Scopes...)}}, nil
}

// bounded cuts answers off.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}

// Test sees whether the provider answers as an OpenID Connect provider of this issuer. The error is of kind Unavailable.
func (p *Provider) Test(ctx context.Context) error {
	_, _, err := p.discover(ctx, "")
	return err
}

// Begin begins a login with a browser, which comes back to the redirect. The error is of kind Unavailable.
func (p *Provider) Begin(ctx context.Context, redirect string) (*Flow, error) {
	_, c, err := p.discover(ctx, redirect)
	if err != nil {
		return nil, err
	}
	f := &Flow{State: random.Token(), redirect: redirect, nonce: random.Token(), verifier: oauth2.GenerateVerifier()}
	f.URL = c.oauth.AuthCodeURL(f.State, oidc.Nonce(f.nonce), oauth2.S256ChallengeOption(f.verifier))
	return f, nil
}

// BeginDevice begins a login with a code (RFC 8628). Kinds: Unavailable, Unsupported for a provider that knows none.
func (p *Provider) BeginDevice(ctx context.Context) (*Flow, error) {
	ctx, c, err := p.discover(ctx, "")
	if err != nil {
		return nil, err
	}
	if c.oauth.Endpoint.DeviceAuthURL == "" {
		return nil, dc.Errorf(dc.Unsupported, "the provider has no login by a code").Fix("log in with a browser on this machine")
	}
	var options []oauth2.AuthCodeOption
	if p.Secret != "" {
		options = append(options, oauth2.SetAuthURLParam("client_secret", p.Secret))
	}
	device, err := c.oauth.DeviceAuth(ctx, options...)
	if err != nil {
		return nil, failed(err)
	}
	f := &Flow{URL: device.VerificationURI, Code: device.UserCode, Interval: time.Duration(max(device.Interval, 1)) * time.Second, Expires: device.Expiry, device: device}
	if device.VerificationURIComplete != "" {
		f.URL = device.VerificationURIComplete
	}
	return f, nil
}

// Finish returns who has logged in with the browser that came back with the state and the code. Kinds: Unauthenticated, Unavailable.
func (p *Provider) Finish(ctx context.Context, f *Flow, state, code string) (*dc.Account, error) {
	if f.State == "" || subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) != 1 {
		return nil, dc.Errorf(dc.Unauthenticated, "the browser came back from another login").Fix("log in again")
	}
	ctx, c, err := p.discover(ctx, f.redirect)
	if err != nil {
		return nil, err
	}
	token, err := c.oauth.Exchange(ctx, code, oauth2.VerifierOption(f.verifier))
	if err != nil {
		return nil, failed(err)
	}
	return p.account(ctx, c, token, f.nonce)
}

// Poll returns who has confirmed the login with the code, or ErrPending or ErrSlow. Kinds besides: Unauthenticated, Unavailable.
func (p *Provider) Poll(ctx context.Context, f *Flow) (*dc.Account, error) {
	ctx, c, err := p.discover(ctx, "")
	if err != nil {
		return nil, err
	}
	// Not DeviceAccessToken, which asks until somebody confirms: the caller's caller is the one who waits.
	token, err := c.oauth.Exchange(ctx, "", oauth2.SetAuthURLParam("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
		oauth2.SetAuthURLParam("device_code", f.device.DeviceCode))
	var answer *oauth2.RetrieveError
	switch {
	case errors.As(err, &answer) && answer.ErrorCode == "slow_down":
		return nil, ErrSlow
	case errors.As(err, &answer) && answer.ErrorCode == "authorization_pending":
		return nil, ErrPending
	case err != nil:
		return nil, failed(err)
	}
	return p.account(ctx, c, token, "")
}

// account returns who the tokens are of, after all checks. nonce is what the login was begun with; "" is none.
func (p *Provider) account(ctx context.Context, c *client, token *oauth2.Token, nonce string) (*dc.Account, error) {
	refuse := func(format string, args ...any) error {
		return dc.Errorf(dc.Unauthenticated, format, args...).Fix("log in again")
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, refuse("the provider gives no ID token")
	}
	id, err := c.Verifier(&oidc.Config{ClientID: p.Spec.ClientID, SupportedSigningAlgs: algorithms}).Verify(ctx, raw)
	if err != nil {
		return nil, refuse("the provider's ID token is not to be trusted: %w", err)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return nil, refuse("the provider's ID token can't be read: %w", err)
	}
	switch {
	case nonce != "" && subtle.ConstantTimeCompare([]byte(nonce), []byte(id.Nonce)) != 1:
		return nil, refuse("the provider's ID token is of another login")
	case len(id.Audience) > 1 && claims["azp"] != p.Spec.ClientID, claims["azp"] != nil && claims["azp"] != p.Spec.ClientID:
		return nil, refuse("the provider's ID token is for another client")
	case id.Subject == "" || len(id.Subject) > maxName:
		return nil, refuse("the provider's ID token names nobody")
	}
	if claims[p.Spec.UsernameClaim] == nil || claims[p.Spec.GroupsClaim] == nil { // which many providers say elsewhere
		if err := p.more(ctx, c, token, id.Subject, claims); err != nil {
			return nil, err
		}
	}
	return p.named(id.Subject, claims)
}

// more adds what the provider says of the user besides the ID token.
func (p *Provider) more(ctx context.Context, c *client, token *oauth2.Token, subject string, claims map[string]any) error {
	if c.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := c.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return failed(err)
	}
	if info.Subject != subject {
		return dc.Errorf(dc.Unauthenticated, "the provider speaks of somebody else").Fix("log in again")
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return dc.Errorf(dc.Unavailable, "what the provider says of the user can't be read: %w", err)
	}
	for name, value := range more {
		if claims[name] == nil {
			claims[name] = value
		}
	}
	return nil
}

// named returns the account of a subject's claims.
func (p *Provider) named(subject string, claims map[string]any) (*dc.Account, error) {
	name, _ := claims[p.Spec.UsernameClaim].(string)
	name = strings.TrimSuffix(strings.ToLower(name), "@"+p.Domain)
	if name == "" {
		return nil, dc.Errorf(dc.Unauthenticated, "the provider gives no claim %q", p.Spec.UsernameClaim).
			Fix("have the provider give it to this client, or name another claim in the identity source")
	}
	if p.Spec.UsernameClaim == "email" && claims["email_verified"] != true {
		return nil, dc.Errorf(dc.Unauthenticated, "the provider has not verified the user's address").Fix("verify it there")
	}
	account := &dc.Account{Key: subject, Name: name}
	groups, ok := claims[p.Spec.GroupsClaim].([]any)
	if one, is := claims[p.Spec.GroupsClaim].(string); is {
		groups, ok = []any{one}, true
	}
	if !ok && claims[p.Spec.GroupsClaim] != nil || len(groups) > maxGroups {
		return nil, dc.Errorf(dc.Unauthenticated, "the provider's claim %q is no list of %d groups at most", p.Spec.GroupsClaim, maxGroups).
			Fix("have the provider give fewer, or name another claim in the identity source")
	}
	for _, g := range groups {
		name, ok := g.(string)
		if !ok || name == "" || len(name) > maxName {
			return nil, dc.Errorf(dc.Unauthenticated, "the provider's claim %q has something in it that is no name", p.Spec.GroupsClaim)
		}
		account.Groups = append(account.Groups, strings.ToLower(name))
	}
	slices.Sort(account.Groups)
	account.Groups = slices.Compact(account.Groups)
	return account, nil
}

// failed returns the error of a call to the provider: what it says of a login is final, all else is that it can't be asked.
func failed(err error) error {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.ErrorCode != "" {
		switch answer.ErrorCode {
		case "invalid_grant", "access_denied", "expired_token":
			return &dc.Error{Kind: dc.Unauthenticated, Message: "the provider refuses the login: " + answer.ErrorCode, Remedy: "log in again", Err: err}
		}
		return &dc.Error{Kind: dc.Unavailable, Message: fmt.Sprintf("the provider refuses this client: %.100q", answer.ErrorCode),
			Remedy: "correct the identity source, or the client at the provider", Err: err}
	}
	return &dc.Error{Kind: dc.Unavailable, Message: fmt.Sprintf("the provider can't be asked: %.300s", err.Error()), Err: err,
		Remedy: "try again later, test the identity source, or log in as a local user"}
}
