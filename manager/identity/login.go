package identity

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/identity/provider"
	"hanok/manager/store"
)

const (
	// flowTime is how long a login may take, and maxFlows how many may have begun; one more ends the oldest.
	flowTime = 10 * time.Minute
	maxFlows = 1000
	// beginPace and beginBurst are how often anybody may begin a login.
	beginPace, beginBurst = 100 * time.Millisecond, 100
)

var errNoFlow = dc.Errorf(dc.Unauthenticated, "the login was not begun, has taken too long, or has ended").Fix("log in again")

// Login is one at a provider that has begun.
type Login struct {
	// ID is a secret between the client and the manager.
	ID string
	// URL is where the user goes, and Code what he types in there; "" where his browser comes back by itself.
	URL, Code string
	// Interval is how long to wait before each Finish of a login with a code.
	Interval time.Duration
	Expires  time.Time
}

// flow is what is kept of a Login.
type flow struct {
	*provider.Flow
	id      string
	source  dc.IdentitySourceID
	expires time.Time
	// busy is locked while a Finish is under way.
	busy sync.Mutex
}

// flows are the logins that have begun. They are in memory only: a restart ends them.
type flows struct {
	mu    sync.Mutex
	limit *rate.Limiter
	all   []*flow // oldest first
}

func newFlows() *flows { return &flows{limit: rate.NewLimiter(rate.Every(beginPace), beginBurst)} }

func (f *flows) add(n *flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for len(f.all) > 0 && (len(f.all) >= maxFlows || now.After(f.all[0].expires)) {
		f.all = f.all[1:]
	}
	f.all = append(f.all, n)
}

// find returns the login of an ID, or nil.
func (f *flows) find(id string) *flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.all {
		if n.id == id && time.Now().Before(n.expires) {
			return n
		}
	}
	return nil
}

func (f *flows) remove(n *flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, other := range f.all {
		if other == n {
			f.all = append(f.all[:i:i], f.all[i+1:]...)
			return
		}
	}
}

// Begin begins a login of anybody at the provider that is the source of this name or domain. The user's browser comes back to the redirect,
// which is on loopback; "" is a login with a code. Kinds: NotFound, Invalid for another redirect, Unsupported for a source that is no
// provider, Exhausted where too many begin, Unavailable.
func (s *Service) Begin(ctx context.Context, source, redirect string) (*Login, error) {
	if !s.flows.limit.Allow() {
		return nil, dc.Errorf(dc.Exhausted, "too many logins begin").Fix("wait a few seconds")
	}
	src, err := s.provider(source)
	if err != nil {
		return nil, err
	}
	if redirect != "" {
		if err := checkRedirect(redirect); err != nil {
			return nil, err
		}
	}
	n := &flow{id: random.Token(), source: src.ID, expires: time.Now().Add(flowTime)}
	err = s.askProvider(ctx, src, func(ctx context.Context, p *provider.Provider) (err error) {
		if redirect == "" {
			n.Flow, err = p.BeginDevice(ctx)
		} else {
			n.Flow, err = p.Begin(ctx, redirect)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if e := n.Flow.Expires; !e.IsZero() && e.Before(n.expires) {
		n.expires = e
	}
	s.flows.add(n)
	return &Login{ID: n.id, URL: n.Flow.URL, Code: n.Flow.Code, Interval: n.Flow.Interval, Expires: n.expires}, nil
}

// Finish ends a login: with what the browser came back with, or with nothing where a code was typed in. It returns the token of a session
// and who has logged in. Of one that waits for the user, pending is how long to wait before the next call. Kinds: Unauthenticated,
// Denied for who has no permission here, Conflict for who has the name of another, Unavailable.
func (s *Service) Finish(ctx context.Context, id, state, code string) (token string, by dc.Caller, pending time.Duration, err error) {
	n := s.flows.find(id)
	if n == nil || !n.busy.TryLock() {
		return "", dc.Caller{}, 0, errNoFlow
	}
	defer n.busy.Unlock()
	src, err := store.Get[*dc.IdentitySource](s.store.View(), dc.ID(n.source))
	if err != nil {
		return "", dc.Caller{}, 0, errNoFlow
	}
	var account *dc.Account
	err = s.askProvider(ctx, src, func(ctx context.Context, p *provider.Provider) (err error) {
		if n.Code == "" {
			account, err = p.Finish(ctx, n.Flow, state, code)
		} else {
			account, err = p.Poll(ctx, n.Flow)
		}
		return err
	})
	switch {
	case errors.Is(err, provider.ErrSlow):
		n.Interval += 5 * time.Second // RFC 8628, section 3.5
		return "", dc.Caller{}, n.Interval, nil
	case errors.Is(err, provider.ErrPending):
		return "", dc.Caller{}, n.Interval, nil
	case dc.KindOf(err) != dc.Unavailable || n.Code == "": // a code is good once
		s.flows.remove(n)
	}
	if err != nil {
		return "", dc.Caller{}, 0, err
	}
	token, by, err = s.access.LoginAccount(ctx, src, account)
	return token, by, 0, err
}

// provider returns the source of the type oidc that has the name or the domain.
func (s *Service) provider(ref string) (*dc.IdentitySource, error) {
	for src := range store.List[*dc.IdentitySource](s.store.View()) {
		if src.Name != ref && src.Spec.Domain != ref {
			continue
		}
		if src.Spec.OIDC == nil {
			return nil, dc.Errorf(dc.Unsupported, "its users log in with a password").On(describe(src)).Fix("log in as NAME@%s", src.Spec.Domain)
		}
		return src, nil
	}
	return nil, dc.Errorf(dc.NotFound, "there is none of this name").On(dc.Describe(dc.KindIdentitySource, ref)).Fix("ask an administrator for its name")
}

// checkRedirect returns an error of kind Invalid for a redirect that leads anywhere but to the client's own machine (RFC 8252, section 7.3):
// whoever has the code has the login.
func checkRedirect(text string) error {
	u, err := url.Parse(text)
	if err == nil && u.Scheme == "http" && u.User == nil && u.Fragment == "" {
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && addr.IsLoopback() {
			return nil
		}
	}
	return dc.Errorf(dc.Invalid, "the redirect %.100q leads elsewhere", text).Fix("use http://127.0.0.1:PORT/PATH")
}

// askProvider calls with a source's provider, of which a few are asked at once. Errors name the source.
func (s *Service) askProvider(ctx context.Context, src *dc.IdentitySource, with func(context.Context, *provider.Provider) error) error {
	return s.slot(ctx, src, func(ctx context.Context, secret string) error {
		return with(ctx, &provider.Provider{Spec: *src.Spec.OIDC, Domain: src.Spec.Domain, CA: src.Spec.CA, Secret: secret})
	})
}
