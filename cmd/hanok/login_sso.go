package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// ssoTime bounds a login with a browser; the data center ends it then, too.
const ssoTime = 10 * time.Minute

// loginSSO opens a session at an identity source, with a browser on this machine or, with a code, on any.
func (a *app) loginSSO(ctx context.Context, c *client, source string, code bool) error {
	ctx, cancel := context.WithTimeout(ctx, ssoTime)
	defer cancel()
	login := a.browserLogin
	if code {
		login = a.codeLogin
	}
	res, err := login(ctx, c, source)
	if errors.Is(err, context.DeadlineExceeded) {
		return dc.Errorf(dc.Unauthenticated, "nobody has logged in in time").Fix("log in again")
	}
	if err != nil {
		return c.explain(err)
	}
	c.token = res.Token
	return nil
}

// browserLogin prints where to go with a browser, and takes what it comes back with.
func (a *app) browserLogin(ctx context.Context, c *client, source string) (*hanokv1.FinishSSOResponse, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	begun, err := c.session.BeginSSO(ctx, &hanokv1.BeginSSORequest{IdentitySource: source, RedirectUri: "http://" + ln.Addr().String() + "/callback"})
	if err != nil {
		ln.Close()
		return nil, err
	}
	type result struct {
		res *hanokv1.FinishSSOResponse
		err error
	}
	results := make(chan result, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		var got result
		if code := q.Get("error"); code != "" {
			got.err = dc.Errorf(dc.Unauthenticated, "the provider refuses the login: %.100q", code).Fix("log in again")
		} else {
			got.res, got.err = c.session.FinishSSO(ctx, &hanokv1.FinishSSORequest{Flow: begun.Flow, IdentitySource: source, State: q.Get("state"), Code: q.Get("code")})
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if got.err != nil {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintln(w, "The login has failed. The command says why.")
		} else {
			fmt.Fprintln(w, "You are logged in. You can close this page.")
		}
		select {
		case results <- got:
		default: // the browser has come back twice
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(ln)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // when the page is written
	}()
	fmt.Fprintf(a.stderr, "Log in with a browser on this machine:\n\n  %s\n\n", begun.Url)
	select {
	case got := <-results:
		return got.res, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// codeLogin prints where to go with any browser and what to type in there, and asks until somebody has.
func (a *app) codeLogin(ctx context.Context, c *client, source string) (*hanokv1.FinishSSOResponse, error) {
	begun, err := c.session.BeginSSO(ctx, &hanokv1.BeginSSORequest{IdentitySource: source})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(a.stderr, "Log in with any browser:\n\n  %s\n\nand confirm the code %s.\n", begun.Url, begun.UserCode)
	wait := begun.Interval.AsDuration()
	for {
		select {
		case <-time.After(cmp.Or(wait, time.Second)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		res, err := c.session.FinishSSO(ctx, &hanokv1.FinishSSORequest{Flow: begun.Flow, IdentitySource: source})
		if err != nil || res.Pending == nil {
			return res, err
		}
		wait = res.Pending.AsDuration()
	}
}
