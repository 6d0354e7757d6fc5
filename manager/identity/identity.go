// Package identity keeps the identity sources, as vSphere calls them: directories and providers that know users and groups, so that
// nobody has to be made here. It stores how to reach them, tests them, and asks them for package access, which decides who may do what;
// package directory below speaks LDAP, package provider OpenID Connect.
//
// Local users never depend on it. The passwords with which it asks are secrets of the store and never leave the manager.
package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/access"
	"hanok/manager/event"
	"hanok/manager/identity/directory"
	"hanok/manager/identity/provider"
	"hanok/manager/store"
)

const (
	// maxSources is how many identity sources there are at most.
	maxSources = 32
	// maxSecret bounds the secret of a source, in bytes.
	maxSecret = 1024
	// askTime bounds one question to a source, over all its servers.
	askTime = 30 * time.Second
	// maxAsked is how many questions are under way at once: anybody may cause one.
	maxAsked = 16
)

// Service keeps the identity sources. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	access *access.Service
	slots  chan struct{}
	flows  *flows
}

// New returns the service, and makes the access service ask sources by it.
func New(st *store.Store, acc *access.Service) *Service {
	s := &Service{store: st, access: acc, slots: make(chan struct{}, maxAsked), flows: newFlows()}
	acc.Ask(s)
	return s
}

// List returns all identity sources by name. They are shared and must not be changed. Privilege: PrivSourceRead on the root folder.
func (s *Service) List(by dc.Caller) ([]*dc.IdentitySource, error) {
	if err := s.access.Authorize(by, dc.PrivSourceRead, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	return slices.SortedFunc(store.List[*dc.IdentitySource](s.store.View()), func(a, b *dc.IdentitySource) int {
		return strings.Compare(a.Name, b.Name)
	}), nil
}

// Resolve returns the source that a name or an ID means, for a caller who may see it. Kinds: NotFound. Privilege: PrivSourceRead.
func (s *Service) Resolve(by dc.Caller, ref string) (dc.IdentitySourceID, error) {
	all, err := s.List(by)
	if err != nil {
		return "", err
	}
	for _, src := range all {
		if src.Name == ref || string(src.ID) == ref {
			return src.ID, nil
		}
	}
	return "", dc.Errorf(dc.NotFound, "there is none of this name").On(dc.Describe(dc.KindIdentitySource, ref)).Fix("list the identity sources to see their names")
}

// Create makes an identity source. secret is the password of its bind DN or its client's secret, or "". Nobody is asked yet. Kinds:
// Invalid, Exists for a name or domain that another one has, Exhausted. Privilege: PrivSourceCreate on the root folder.
func (s *Service) Create(ctx context.Context, by dc.Caller, name string, spec dc.IdentitySourceSpec, secret string) (*dc.IdentitySource, error) {
	if err := s.access.Authorize(by, dc.PrivSourceCreate, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	src := &dc.IdentitySource{ID: dc.IdentitySourceID(dc.NewID(dc.KindIdentitySource, random.Suffix())),
		Meta: dc.Meta{Name: name, Created: time.Now().UTC()}, Spec: spec}
	if err := complete(src, secret); err != nil {
		return nil, err
	}
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		count := 0
		for other := range store.List[*dc.IdentitySource](tx.View()) {
			if err := clash(src, other); err != nil {
				return err
			}
			count++
		}
		if count >= maxSources {
			return dc.Errorf(dc.Exhausted, "there are %d of them", count).On(describe(src)).Fix("remove one that nobody uses")
		}
		putSecret(tx, src, secret)
		tx.Put(src)
		record(tx, by, src, "was added")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return src, nil
}

// Update replaces what an identity source is by what change, which may be called several times, makes of it; secret "" leaves the one
// that it has, but for a source whose servers change: whoever says where it goes has to know it. Kinds besides Create's: NotFound, Denied
// for a caller who may not do all that users of the source may. Privilege: PrivSourceManage on the root folder.
func (s *Service) Update(ctx context.Context, by dc.Caller, id dc.IdentitySourceID, change func(*dc.IdentitySource), secret string) (*dc.IdentitySource, error) {
	if err := s.access.Authorize(by, dc.PrivSourceManage, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	var src *dc.IdentitySource
	err := s.store.Change(ctx, func(tx *store.Tx) (err error) {
		if src, err = store.Load[*dc.IdentitySource](tx, dc.ID(id)); err != nil {
			return err
		}
		before, domain, kind := where(src), src.Spec.Domain, src.Spec.Type
		change(src)
		if err := complete(src, secret); err != nil {
			return err
		}
		switch {
		case src.Spec.Domain != domain || src.Spec.Type != kind:
			return dc.Errorf(dc.Invalid, "its domain and type stay: the names of its users have the domain").On(describe(src)).Fix("add another identity source")
		case where(src) != before && src.Secret != "" && secret == "":
			return dc.Errorf(dc.Invalid, "its secret would go to other servers").On(describe(src)).Fix("give the password or client secret, too")
		}
		for other := range store.List[*dc.IdentitySource](tx.View()) {
			if err := clash(src, other); err != nil {
				return err
			}
		}
		if err := s.access.HoldsAllOf(tx, by, id); err != nil {
			return err
		}
		if secret != "" && src.Secret != "" {
			old, err := store.Load[*dc.Secret](tx, dc.ID(src.Secret))
			if err != nil {
				return err
			}
			tx.Delete(old)
		}
		putSecret(tx, src, secret)
		tx.Put(src)
		record(tx, by, src, "was changed")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return src, nil
}

// Delete removes an identity source. Its users are logged out at once, and deleted with its groups and their permissions soon. Kinds:
// NotFound, Denied as Update says. Privilege: PrivSourceManage on the root folder.
func (s *Service) Delete(ctx context.Context, by dc.Caller, id dc.IdentitySourceID) error {
	if err := s.access.Authorize(by, dc.PrivSourceManage, dc.ID(dc.RootFolder)); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		src, err := store.Load[*dc.IdentitySource](tx, dc.ID(id))
		if err != nil {
			return err
		}
		if err := s.access.HoldsAllOf(tx, by, id); err != nil {
			return err
		}
		if src.Secret != "" {
			secret, err := store.Load[*dc.Secret](tx, dc.ID(src.Secret))
			if err != nil {
				return err
			}
			tx.Delete(secret)
		}
		tx.Delete(src)
		record(tx, by, src, "was removed")
		return nil
	})
}

// Test asks the servers of an identity source, and returns what it has found of each. Kinds: NotFound. Privilege: PrivSourceManage on the root
// folder.
func (s *Service) Test(ctx context.Context, by dc.Caller, id dc.IdentitySourceID) ([]dc.SourceCheck, error) {
	if err := s.access.Authorize(by, dc.PrivSourceManage, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	src, err := store.Get[*dc.IdentitySource](s.store.View(), dc.ID(id))
	if err != nil {
		return nil, err
	}
	if src.Spec.OIDC != nil {
		start := time.Now()
		err := s.askProvider(ctx, src, func(ctx context.Context, p *provider.Provider) error { return p.Test(ctx) })
		return []dc.SourceCheck{{URL: src.Spec.OIDC.Issuer, Err: err, Took: time.Since(start)}}, nil
	}
	var checks []dc.SourceCheck
	err = s.ask(ctx, src, func(ctx context.Context, d *directory.Directory) error {
		checks = d.Test(ctx)
		return nil
	})
	return checks, err
}

// Login, User, UserByKey and Group implement access.Directory.
func (s *Service) Login(ctx context.Context, src *dc.IdentitySource, name, password string) (a *dc.Account, err error) {
	err = s.ask(ctx, src, func(ctx context.Context, d *directory.Directory) error {
		a, err = d.Login(ctx, name, password)
		return err
	})
	return a, err
}

func (s *Service) User(ctx context.Context, src *dc.IdentitySource, name string) (a *dc.Account, err error) {
	err = s.ask(ctx, src, func(ctx context.Context, d *directory.Directory) error { a, err = d.User(ctx, name); return err })
	return a, err
}

func (s *Service) UserByKey(ctx context.Context, src *dc.IdentitySource, key string) (a *dc.Account, err error) {
	err = s.ask(ctx, src, func(ctx context.Context, d *directory.Directory) error { a, err = d.UserByKey(ctx, key); return err })
	return a, err
}

func (s *Service) Group(ctx context.Context, src *dc.IdentitySource, name string) (a *dc.Account, err error) {
	err = s.ask(ctx, src, func(ctx context.Context, d *directory.Directory) error { a, err = d.Group(ctx, name); return err })
	return a, err
}

// ask calls with a source's directory, of which a few are asked at once. Errors name the source.
func (s *Service) ask(ctx context.Context, src *dc.IdentitySource, with func(context.Context, *directory.Directory) error) error {
	if src.Spec.LDAP == nil {
		return dc.Errorf(dc.Unsupported, "its users log in with a browser, and it can't be asked for them").On(describe(src)).
			Fix("log in with \"hanok login --sso %s\"", src.Name)
	}
	return s.slot(ctx, src, func(ctx context.Context, secret string) error {
		return with(ctx, &directory.Directory{Type: src.Spec.Type, Spec: *src.Spec.LDAP, CA: src.Spec.CA, Password: secret})
	})
}

// slot calls with the secret of a source when few others are asking. Errors name the source.
func (s *Service) slot(ctx context.Context, src *dc.IdentitySource, with func(ctx context.Context, secret string) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return dc.Errorf(dc.Unavailable, "too many are asking it").On(describe(src)).Fix("try again later")
	}
	secret, err := s.secret(src)
	if err != nil {
		return err
	}
	err = with(ctx, secret)
	if known, ok := err.(*dc.Error); ok {
		return known.On(describe(src))
	}
	return err
}

// secret returns the secret of a source, or "" for one that has none.
func (s *Service) secret(src *dc.IdentitySource) (string, error) {
	if src.Secret == "" {
		return "", nil
	}
	secret, err := store.Get[*dc.Secret](s.store.View(), dc.ID(src.Secret))
	if err != nil {
		return "", err
	}
	return string(secret.Data), nil
}

// complete fills in a source's defaults, or returns an error of kind Invalid.
func complete(src *dc.IdentitySource, secret string) error {
	if err := dc.CheckName(dc.KindIdentitySource, src.Name); err != nil {
		return err
	}
	if len(secret) > maxSecret {
		return dc.Errorf(dc.Invalid, "its secret is longer than %d bytes", maxSecret).On(describe(src))
	}
	if err := src.Spec.Complete(); err != nil {
		if known, ok := err.(*dc.Error); ok {
			return known.On(describe(src))
		}
		return err
	}
	return nil
}

// clash returns an error of kind Exists where two sources have the same name or a domain in common.
func clash(src, other *dc.IdentitySource) error {
	if src.ID == other.ID {
		return nil
	}
	if src.Name == other.Name {
		return dc.Errorf(dc.Exists, "the name is taken").On(describe(src)).Fix("choose another name")
	}
	for _, d := range []string{src.Spec.Domain, src.Spec.Alias} {
		if d != "" && (d == other.Spec.Domain || d == other.Spec.Alias) {
			return dc.Errorf(dc.Exists, "identity source %q has the domain %s", other.Name, d).On(describe(src)).Fix("choose another domain or alias")
		}
	}
	return nil
}

// where returns what decides to whom the secret of a source goes.
func where(src *dc.IdentitySource) string {
	if l := src.Spec.LDAP; l != nil {
		return fmt.Sprintf("%q %v %v %q", l.URLs, l.StartTLS, l.Plain, src.Spec.CA)
	}
	return fmt.Sprintf("%q %q", src.Spec.OIDC.Issuer, src.Spec.CA)
}

// putSecret stores the secret of a source, unless it is "".
func putSecret(tx *store.Tx, src *dc.IdentitySource, secret string) {
	if secret == "" {
		return
	}
	o := &dc.Secret{ID: dc.SecretID(dc.NewID(dc.KindSecret, random.Suffix())), Meta: dc.Meta{Name: "of " + describe(src), Created: time.Now().UTC()},
		Data: []byte(secret)}
	tx.Put(o)
	src.Secret = o.ID
}

func describe(src *dc.IdentitySource) string { return dc.Describe(dc.KindIdentitySource, src.Name) }

func record(tx *store.Tx, by dc.Caller, src *dc.IdentitySource, what string) {
	event.Add(tx, time.Now(), dc.Event{Type: dc.EventGeneral, Target: dc.ID(src.ID), TargetName: src.Name, User: by.Name,
		Message: fmt.Sprintf("Identity source %q %s.", src.Name, what)})
}
