package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/event"
	"hanok/manager/store"
)

const (
	// checkEvery is how often it is asked whether an account of an identity source that is logged in is still there, and maxUnchecked how
	// long it may go on while the source does not answer.
	checkEvery   = 5 * time.Minute
	maxUnchecked = time.Hour
	// maxAccountName is the longest name of an account with its domain, in bytes.
	maxAccountName = 256
)

// Directory asks identity sources. Errors are of kind Unavailable where a source does not answer or is not to be trusted.
type Directory interface {
	// Login returns the account that has the name and the password; the error is of kind Unauthenticated where there is none.
	Login(ctx context.Context, src *dc.IdentitySource, name, password string) (*dc.Account, error)
	// User and Group return the account of a name, and UserByKey that of a key; the error is of kind NotFound where there is none. A source
	// that can be asked for nobody answers Unsupported.
	User(ctx context.Context, src *dc.IdentitySource, name string) (*dc.Account, error)
	UserByKey(ctx context.Context, src *dc.IdentitySource, key string) (*dc.Account, error)
	Group(ctx context.Context, src *dc.IdentitySource, name string) (*dc.Account, error)
}

// Ask makes the service ask identity sources by d. It is called once, before the first login.
func (s *Service) Ask(d Directory) { s.directory = d }

// sourceOf returns the identity source of an account's name, and the name without its domain; nil where the name is none of a source.
func (s *Service) sourceOf(v *store.View, ref string) (*dc.IdentitySource, string) {
	name, domain := dc.SplitAccount(ref)
	if name == "" || domain == "" {
		return nil, ""
	}
	id, ok := store.Claimed(v, dc.DomainClaim(domain))
	if !ok {
		return nil, ""
	}
	src, err := store.Get[*dc.IdentitySource](v, id)
	if err != nil {
		return nil, ""
	}
	return src, name
}

// fullName returns how an account is called here, or an error of kind Invalid for one that can't have a name here.
func fullName(kind dc.Kind, name string, src *dc.IdentitySource) (string, error) {
	full := strings.ToLower(name) + "@" + src.Spec.Domain
	if err := dc.CheckName(kind, name); err != nil || len(full) > maxAccountName || strings.Contains(name, "@") {
		return "", dc.Errorf(dc.Invalid, "the account has a name that can't be used here").On(dc.Describe(kind, full)).
			Fix("give the account another name in identity source %q", src.Name)
	}
	return full, nil
}

// loginExternal returns the user of an identity source who has the name and the password.
func (s *Service) loginExternal(ctx context.Context, src *dc.IdentitySource, name, password string) (*dc.User, error) {
	if password == "" { // which a directory takes for somebody who wants to be nobody, and lets in
		return nil, errWrong
	}
	account, err := s.directory.Login(ctx, src, name, password)
	if err != nil {
		return nil, err
	}
	return s.Admit(ctx, src, account)
}

// LoginAccount is Login for an account of an identity source that has just shown who it is. Kinds as Admit's.
func (s *Service) LoginAccount(ctx context.Context, src *dc.IdentitySource, account *dc.Account) (token string, c dc.Caller, err error) {
	u, err := s.Admit(ctx, src, account)
	if err != nil {
		return "", dc.Caller{}, err
	}
	token = random.Token()
	session, err := s.startSession(ctx, identity{user: u}, token)
	if err != nil {
		return "", dc.Caller{}, err
	}
	return token, identity{user: u}.caller(session.ID), nil
}

// Admit returns the user that an account of an identity source is here, who has just shown who he is: the one who was, with what the
// source says now, or a new one if one of his groups has a permission. Kinds: Unauthenticated for one who may not log in, Denied for one
// who has no permission, Conflict for one whose name another account had.
func (s *Service) Admit(ctx context.Context, src *dc.IdentitySource, account *dc.Account) (*dc.User, error) {
	if account.Disabled {
		return nil, errWrong
	}
	full, err := fullName(dc.KindUser, account.Name, src)
	if err != nil {
		return nil, err
	}
	var u *dc.User
	err = s.store.Change(ctx, func(tx *store.Tx) error {
		v := tx.View()
		known, err := s.shadow(v, src, account, full)
		if err != nil {
			return err
		}
		if known == nil {
			if !s.rules.of(v).Permitted(s.rules.of(v).GroupsOfAccount("", src.ID, account.Groups)) {
				return dc.Errorf(dc.Denied, "neither the account nor its groups have a permission here").On(dc.Describe(dc.KindUser, full)).
					Fix("ask an administrator for one")
			}
			u = userNamed(random.Suffix(), full)
			u.External = &dc.External{Source: src.ID, Key: account.Key, Groups: account.Groups, Seen: seenNow(src)}
			tx.Exists(dc.ID(src.ID))
			tx.Put(u)
			record(tx, dc.System, dc.EventUserCreated, u, fmt.Sprintf("User %q of identity source %q was created.", full, src.Name))
			return nil
		}
		u = known
		return s.refresh(tx, known, src, account, full)
	})
	if err != nil {
		return nil, err
	}
	if u.Disabled {
		return nil, errWrong
	}
	s.accounts.note(u.ID, time.Now())
	return store.Get[*dc.User](s.store.View(), dc.ID(u.ID))
}

// shadow returns the user that an account is, or nil for one who is not known.
func (s *Service) shadow(v *store.View, src *dc.IdentitySource, account *dc.Account, full string) (*dc.User, error) {
	if id, ok := store.Claimed(v, dc.ExternalClaim(dc.KindUser, src.ID, account.Key)); ok {
		return store.Get[*dc.User](v, id)
	}
	u, ok := store.Named[*dc.User](v, "", full)
	switch {
	case !ok:
		return nil, nil
	case u.External != nil && u.External.Source == src.ID && u.External.Key == "":
		return u, nil
	}
	return nil, dc.Errorf(dc.Conflict, "another account had this name, and has its permissions").On(dc.Describe(dc.KindUser, full)).
		Fix("have the old user deleted here first")
}

// refresh stores what an identity source says of a user now, if it is news.
func (s *Service) refresh(tx *store.Tx, known *dc.User, src *dc.IdentitySource, account *dc.Account, full string) error {
	old := known.External
	seen := seenNow(src)
	if known.Name == full && old.Key == account.Key && old.Gone == account.Disabled && slices.Equal(old.Groups, account.Groups) && seen.IsZero() {
		return nil
	}
	u, err := store.Load[*dc.User](tx, dc.ID(known.ID))
	if err != nil {
		return err
	}
	u.Name = full
	u.External = &dc.External{Source: src.ID, Key: account.Key, Groups: account.Groups, Gone: account.Disabled, Seen: seen}
	tx.Put(u)
	if old.Gone != account.Disabled {
		recordGone(tx, u, src, account.Disabled)
	}
	return nil
}

// seenNow returns when a source that can't be asked says what it says, and zero for others, which are asked again.
func seenNow(src *dc.IdentitySource) time.Time {
	if src.Spec.Type != dc.SourceOIDC {
		return time.Time{}
	}
	return time.Now().UTC()
}

func recordGone(tx *store.Tx, u *dc.User, src *dc.IdentitySource, gone bool) {
	message := fmt.Sprintf("Identity source %q lets user %q in again.", src.Name, u.Name)
	if gone {
		message = fmt.Sprintf("User %q is not in identity source %q any more, or may not log in.", u.Name, src.Name)
	}
	record(tx, dc.System, dc.EventGeneral, u, message)
}

// EnsurePrincipal is Principal for one who gets a permission or a membership: a user or group of an identity source who is not known here
// is asked for there, and made. The caller's privilege has been checked. Kinds besides: those of Directory.
func (s *Service) EnsurePrincipal(ctx context.Context, by dc.Caller, ref string, group bool) (dc.ID, error) {
	id, err := s.Principal(ref, group)
	if dc.KindOf(err) != dc.NotFound {
		return id, err
	}
	if err := s.Authenticated(by); err != nil {
		return "", err
	}
	src, name := s.sourceOf(s.store.View(), ref)
	if src == nil || s.directory == nil {
		return "", err
	}
	kind, ask := dc.KindUser, s.directory.User
	if group {
		kind, ask = dc.KindGroup, s.directory.Group
	}
	account, err := ask(ctx, src, name)
	if dc.KindOf(err) == dc.Unsupported { // it can't be asked: a group is its name, and a user shows his key when he logs in
		account, err = &dc.Account{Name: name}, nil
		if group {
			account.Key = name
		}
	}
	if err != nil {
		return "", err
	}
	full, err := fullName(kind, account.Name, src)
	if err != nil {
		return "", err
	}
	err = s.change(ctx, dc.Describe(kind, full), func(d *directory) error {
		if known, err := s.Principal(full, group); err == nil {
			id = known
			return nil
		}
		d.tx.Exists(dc.ID(src.ID))
		if group {
			g := &dc.Group{ID: dc.GroupID(dc.NewID(dc.KindGroup, random.Suffix())), Meta: dc.Meta{Name: full, Created: time.Now().UTC()},
				External: &dc.External{Source: src.ID, Key: account.Key}}
			d.put(g)
			recordGroup(d, by, g, fmt.Sprintf("of identity source %q was created", src.Name))
			id = dc.ID(g.ID)
			return nil
		}
		u := userNamed(random.Suffix(), full)
		u.External = &dc.External{Source: src.ID, Key: account.Key, Groups: account.Groups, Gone: account.Disabled}
		d.put(u)
		record(d.tx, by, dc.EventUserCreated, u, fmt.Sprintf("User %q of identity source %q was created.", full, src.Name))
		id = dc.ID(u.ID)
		return nil
	})
	return id, err
}

// usable returns nil where a user may use what he has logged in with, as far as he himself is concerned.
func (s *Service) usable(v *store.View, u *dc.User, now time.Time) error {
	if u.Disabled {
		return errEnded
	}
	if u.External == nil {
		return nil
	}
	src, err := store.Get[*dc.IdentitySource](v, dc.ID(u.External.Source))
	switch {
	case err != nil || u.External.Gone:
		return errEnded
	case src.Spec.OIDC != nil && s.lastSeen(u, now) > src.Spec.OIDC.LoginLifetime():
		return dc.Errorf(dc.Unauthenticated, "what identity source %q has said at the last login is older than %s", src.Name, src.Spec.OIDC.LoginLifetime()).
			Fix("log in with \"hanok login --sso %s\"", src.Name)
	case src.Spec.OIDC == nil && s.accounts.since(u.ID, now) > maxUnchecked:
		return dc.Errorf(dc.Unauthenticated, "identity source %q has not answered for an hour", src.Name).Fix("log in again when it does, or as a local user")
	}
	return nil
}

// lastSeen returns for how long a provider has said nothing of a user: one of whom no login is known, of an older program's, since the manager began.
func (s *Service) lastSeen(u *dc.User, now time.Time) time.Duration {
	if u.External.Seen.IsZero() {
		return s.accounts.since(u.ID, now)
	}
	return now.Sub(u.External.Seen)
}

// CheckAccounts asks the identity sources for their users who are logged in, or have API tokens or scheduled tasks, and ends what those use who are gone or may
// not log in; groups are what they are there now. Users and groups of sources that were deleted are deleted. The manager calls it from
// time to time; a source that does not answer is asked again at the next call. Errors are those of store.Change.
func (s *Service) CheckAccounts(ctx context.Context) error {
	if err := s.sweepSources(ctx); err != nil || s.directory == nil {
		return err
	}
	v, now := s.store.View(), time.Now()
	active := map[dc.UserID]bool{}
	for session := range store.List[*dc.Session](v) {
		active[session.User] = true
	}
	for t := range store.List[*dc.APIToken](v) {
		active[t.User] = true
	}
	for o := range store.List[*dc.ScheduledTask](v) {
		active[o.Spec.Runner.User] = true
	}
	silent := map[dc.IdentitySourceID]bool{}
	for u := range store.List[*dc.User](v) {
		if u.External == nil || !active[u.ID] || u.External.Key == "" || silent[u.External.Source] || s.accounts.since(u.ID, now) < checkEvery {
			continue
		}
		src, err := store.Get[*dc.IdentitySource](v, dc.ID(u.External.Source))
		if err != nil {
			continue
		}
		account, err := s.directory.UserByKey(ctx, src, u.External.Key)
		full := u.Name
		switch kind := dc.KindOf(err); {
		case kind == dc.NotFound:
			account = &dc.Account{Key: u.External.Key, Groups: u.External.Groups, Disabled: true}
		case kind == dc.Unsupported:
			silent[src.ID] = true
			continue
		case err != nil:
			silent[src.ID] = true
			s.log.Warn("an identity source can't be asked for its users", "source", src.Name, "err", err)
			continue
		default:
			if full, err = fullName(dc.KindUser, account.Name, src); err != nil {
				full = u.Name
			}
		}
		err = s.store.Change(ctx, func(tx *store.Tx) error {
			known, err := store.Get[*dc.User](tx.View(), dc.ID(u.ID))
			if err != nil || known.External == nil {
				return nil
			}
			return s.refresh(tx, known, src, account, full)
		})
		if kind := dc.KindOf(err); kind == dc.Exists { // another has the new name
			s.log.Warn("a user of an identity source keeps an old name", "user", u.Name, "err", err)
		} else if err != nil {
			return err
		}
		s.accounts.note(u.ID, now)
	}
	return nil
}

// sweepSources deletes the users and groups of identity sources that are gone, with their permissions.
func (s *Service) sweepSources(ctx context.Context) error {
	stale := func(v *store.View, e *dc.External) bool { return e != nil && v.Find(dc.ID(e.Source)) == nil }
	for {
		v := s.store.View()
		var gone []dc.Object
		for u := range store.List[*dc.User](v) {
			if stale(v, u.External) {
				gone = append(gone, u)
			}
		}
		for g := range store.List[*dc.Group](v) {
			if stale(v, g.External) {
				gone = append(gone, g)
			}
		}
		if len(gone) == 0 {
			return nil
		}
		for _, o := range gone {
			err := s.change(ctx, "", func(d *directory) error {
				if d.tx.View().Find(o.Identity()) == nil {
					return nil
				}
				done, err := s.forget(d, dc.System, o.Identity())
				if done {
					d.delete(o)
					event.Add(d.tx, time.Now(), dc.Event{Type: dc.EventGeneral, Message: dc.Describe(o.Kind(), o.Metadata().Name) + " went with its identity source."})
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
}

// HoldsAllOf returns an error of kind Denied where users or groups of an identity source may do what the caller may not: whoever could say
// where the source is could be them.
// Privilege: PrivSourceManage on the root folder.
func (s *Service) HoldsAllOf(tx *store.Tx, by dc.Caller, source dc.IdentitySourceID) error {
	if err := s.Authorize(by, dc.PrivSourceManage, dc.ID(dc.RootFolder)); err != nil {
		return err
	}
	d := newDirectory(tx, nil)
	var all []dc.ID
	rules := d.rules()
	for _, g := range d.groups {
		if g.External != nil && g.External.Source == source {
			all = append(append(all, dc.ID(g.ID)), rules.GroupsOf(dc.ID(g.ID))...)
		}
	}
	for _, u := range d.users {
		if u.External != nil && u.External.Source == source {
			all = append(append(all, dc.ID(u.ID)), rules.GroupsOfUser(u)...)
		}
	}
	return s.checkHoldsAll(d, by, all)
}

// accounts is when the identity source of each user has answered for him last. It is kept in memory only: a manager that starts gives
// everybody the time that he has without an answer.
type accounts struct {
	mu    sync.Mutex
	begin time.Time
	last  map[dc.UserID]time.Time
}

func newAccounts() *accounts { return &accounts{begin: time.Now(), last: map[dc.UserID]time.Time{}} }

func (a *accounts) note(id dc.UserID, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last[id] = now
}

// since returns for how long nobody has answered for the user.
func (a *accounts) since(id dc.UserID, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, ok := a.last[id]
	if !ok {
		last = a.begin
	}
	return now.Sub(last)
}
