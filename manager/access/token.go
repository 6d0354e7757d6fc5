package access

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
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
	// tokenPrefix is how every API token begins, so that it is recognized where it should not be.
	tokenPrefix = "hanok_"
	// tokenSum is how many characters of checksum end it.
	tokenSum = 8

	usualTokenLife = 90 * 24 * time.Hour
	shortTokenLife = time.Minute
	maxTokenLife   = 366 * 24 * time.Hour
	// tokenWarning is how long before its end its owner is told of it.
	tokenWarning = 7 * 24 * time.Hour
	// tokenMemory is how long a token is listed that has expired.
	tokenMemory = 30 * 24 * time.Hour
	// maxTokens is how many a user has at once, and maxScope how many roles, privileges and objects a scope.
	maxTokens = 100
	maxScope  = 100
	// useStep is how old the stored time of a token's last use gets.
	useStep = 10 * time.Minute
)

var (
	errMistyped     = &dc.Error{Kind: dc.Unauthenticated, Message: "the API token is mistyped or cut off", Remedy: "copy it whole"}
	errTokenEnded   = &dc.Error{Kind: dc.Unauthenticated, Message: "the API token was revoked, or there never was one", Remedy: "use another one"}
	errTokenExpired = &dc.Error{Kind: dc.Unauthenticated, Message: "the API token has expired", Remedy: "make another one"}
)

// newToken returns an API token.
func newToken() string {
	secret := tokenPrefix + random.Token()
	return secret + tokenChecksum(secret)
}

func tokenChecksum(s string) string {
	return fmt.Sprintf("%0*x", tokenSum, crc32.ChecksumIEEE([]byte(s)))
}

// isToken reports whether a secret has the form of an API token.
func isToken(secret string) bool { return strings.HasPrefix(secret, tokenPrefix) }

// CreateToken makes an API token and returns it, which nobody can find out later. A user makes his own, logged in without a token; those of others
// need PrivUsers on the root folder and all that they may do. Kinds: Invalid for a name, life or scope that can't be, Exists for a name
// that he has given already, Denied, NotFound for a user, and for objects of the scope that the caller may not see, Exhausted.
func (s *Service) CreateToken(ctx context.Context, by dc.Caller, req dc.TokenRequest) (string, *dc.APIToken, error) {
	owner, err := s.owner(by, req.User)
	if err != nil {
		return "", nil, err
	}
	object := dc.Describe(dc.KindAPIToken, req.Name)
	if by.Token != "" {
		return "", nil, dc.Errorf(dc.Denied, "an API token makes no other").On(object).Fix("log in with a password")
	}
	if err := s.checkToken(by, &req); err != nil {
		return "", nil, err
	}
	secret, now := newToken(), time.Now().UTC()
	t := &dc.APIToken{ID: dc.APITokenID(dc.NewID(dc.KindAPIToken, random.Suffix())), Meta: dc.Meta{Name: req.Name, Created: now},
		User: owner.ID, Hash: fingerprint(secret), Expires: now.Add(req.Life), Scope: req.Scope, By: by.Name}
	err = s.change(ctx, object, func(d *directory) error {
		if owner.ID != by.User {
			if err := s.checkHoldsAllOf(d, by, owner); err != nil {
				return err
			}
		}
		count := 0
		for other := range store.List[*dc.APIToken](d.tx.View()) {
			switch {
			case other.User != owner.ID:
			case other.Name == t.Name:
				return dc.Errorf(dc.Exists, "user %q has one of this name", owner.Name).On(object).Fix("choose another name, or revoke that one")
			default:
				count++
			}
		}
		if count >= maxTokens {
			return dc.Errorf(dc.Exhausted, "user %q has %d of them", owner.Name, count).On(object).Fix("revoke those that nobody uses")
		}
		d.tx.Exists(dc.ID(owner.ID))
		d.tx.Put(t)
		recordToken(d.tx, by.Name, owner, fmt.Sprintf("API token %q of user %q was made; it expires on %s.", t.Name, owner.Name, t.Expires.Format(time.DateOnly)))
		return nil
	})
	if err != nil {
		return "", nil, err
	}
	return secret, t, nil
}

// checkToken completes a request, or returns an error of kind Invalid, or NotFound for an object that the caller may not see.
func (s *Service) checkToken(by dc.Caller, req *dc.TokenRequest) error {
	fail := func(remedy, format string, args ...any) error {
		return dc.Errorf(dc.Invalid, format, args...).On(dc.Describe(dc.KindAPIToken, req.Name)).Fix("%s", remedy)
	}
	if err := dc.CheckName(dc.KindAPIToken, req.Name); err != nil {
		return err
	}
	if req.Life == 0 {
		req.Life = usualTokenLife
	}
	if req.Life < shortTokenLife || req.Life > maxTokenLife {
		return fail("choose a minute to 366 days", "it can't last for %s", req.Life)
	}
	if max(len(req.Scope.Roles), len(req.Scope.Privileges), len(req.Scope.Objects)) > maxScope {
		return fail("make a role of the privileges, or name a folder of the objects", "its scope names more than %d", maxScope)
	}
	for _, p := range req.Scope.Privileges {
		if !p.Known() {
			return fail("choose from the privileges that are listed", "there is no privilege %q", p)
		}
	}
	v := s.store.View()
	for _, id := range req.Scope.Roles {
		if dc.SystemRole(id) == nil && v.Find(dc.ID(id)) == nil {
			return fail("choose one of the roles that are listed", "there is no role %q", id)
		}
	}
	for _, id := range req.Scope.Objects {
		if err := s.Authorize(by, dc.PrivView, id); err != nil {
			return err
		}
		if _, ok := seen[id.Kind()]; !ok {
			return fail("choose objects of the inventory", "a scope has no %s", id.Kind().Noun())
		}
	}
	return nil
}

// owner returns the user whose tokens a call is about: the caller for "", and another one only for a caller with PrivUsers.
func (s *Service) owner(by dc.Caller, name string) (*dc.User, error) {
	if err := s.Authenticated(by); err != nil {
		return nil, err
	}
	if name == "" || by.User != "" && strings.EqualFold(name, by.Name) {
		return store.Get[*dc.User](s.store.View(), dc.ID(by.User))
	}
	if err := s.Authorize(by, dc.PrivUsers, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	return findUser(s.store.View(), name)
}

// checkHoldsAllOf returns an error of kind Denied where a user, by himself or his groups, may do what the caller may not: who could be
// him would get that.
func (s *Service) checkHoldsAllOf(d *directory, by dc.Caller, u *dc.User) error {
	return s.checkHoldsAll(d, by, append(d.rules().GroupsOfUser(u), dc.ID(u.ID)))
}

// Tokens returns the API tokens of a user, or of all where all is set, by owner and name, as copies without their hashes and with the
// time of their last use. A user asks for his own; others need PrivUsers on the root folder.
func (s *Service) Tokens(by dc.Caller, user string, all bool) ([]*dc.APIToken, error) {
	var owner *dc.User
	err := s.Authenticated(by)
	if err == nil && all {
		err = s.Authorize(by, dc.PrivUsers, dc.ID(dc.RootFolder))
	} else if err == nil {
		owner, err = s.owner(by, user)
	}
	if err != nil {
		return nil, err
	}
	var out []*dc.APIToken
	for t := range store.List[*dc.APIToken](s.store.View()) {
		if all || t.User == owner.ID {
			c := *t
			c.Hash, c.Used = "", s.tokenUses.last(t)
			out = append(out, &c)
		}
	}
	slices.SortFunc(out, func(a, b *dc.APIToken) int {
		return strings.Compare(s.NameOf(dc.ID(a.User))+"/"+a.Name, s.NameOf(dc.ID(b.User))+"/"+b.Name)
	})
	return out, nil
}

// RevokeToken ends an API token of a user ("": the caller's), named by its name or ID, and the sessions that it has opened, at once.
// Who calls with a token may end that one only. Kinds: NotFound, Denied as Tokens says.
func (s *Service) RevokeToken(ctx context.Context, by dc.Caller, user, ref string) error {
	owner, err := s.owner(by, user)
	if err != nil {
		return err
	}
	object := dc.Describe(dc.KindAPIToken, ref)
	return s.store.Change(ctx, func(tx *store.Tx) error {
		for found := range store.List[*dc.APIToken](tx.View()) {
			if found.User != owner.ID || found.Name != ref && string(found.ID) != ref {
				continue
			}
			if by.Token != "" && by.Token != found.ID {
				return dc.Errorf(dc.Denied, "an API token ends no other").On(object).Fix("log in with a password")
			}
			t, err := store.Load[*dc.APIToken](tx, dc.ID(found.ID))
			if err != nil {
				return err
			}
			tx.Delete(t)
			recordToken(tx, by.Name, owner, fmt.Sprintf("API token %q of user %q was revoked.", t.Name, owner.Name))
			return nil
		}
		return dc.Errorf(dc.NotFound, "user %q has none of this name", owner.Name).On(object).Fix("list the API tokens to see their names")
	})
}

// tokenOf returns the owner of an API token that is alive, and the token, and notes its use. It reads the view only.
func (s *Service) tokenOf(secret string) (identity, error) {
	body := secret[:max(0, len(secret)-tokenSum)]
	if len(body) <= len(tokenPrefix) || tokenChecksum(body) != secret[len(body):] {
		return identity{}, errMistyped
	}
	v, now := s.store.View(), time.Now()
	id, ok := store.Claimed(v, dc.APITokenClaim(fingerprint(secret)))
	if !ok {
		return identity{}, errTokenEnded
	}
	who, err := s.alive(v, dc.APITokenID(id), now)
	if err == nil {
		s.tokenUses.note(who.token.ID, now)
	}
	return who, err
}

// alive returns an API token that may be used at now, and its owner.
func (s *Service) alive(v *store.View, id dc.APITokenID, now time.Time) (identity, error) {
	t, err := store.Get[*dc.APIToken](v, dc.ID(id))
	if err != nil {
		return identity{}, errTokenEnded
	}
	u, err := store.Get[*dc.User](v, dc.ID(t.User))
	switch {
	case err != nil || u.Disabled:
		return identity{}, errTokenEnded
	case s.usable(v, u, now) != nil:
		return identity{}, s.usable(v, u, now)
	case !now.Before(t.Expires):
		return identity{}, errTokenExpired
	}
	return identity{u, t}, nil
}

// Still returns nil as long as the session or API token that the caller has logged in with is good, and else the error that Authenticate
// would return. It is for what lasts longer than a call. The session counts as used.
func (s *Service) Still(by dc.Caller) error {
	v, now := s.store.View(), time.Now()
	switch {
	case by.Session != "":
		session, err := store.Get[*dc.Session](v, dc.ID(by.Session))
		if err != nil {
			return errEnded
		}
		if _, ok := s.live(v, session, now); !ok || !s.uses.renew(session, now) {
			return errEnded
		}
		return nil
	case by.Token != "":
		_, err := s.alive(v, by.Token, now)
		return err
	}
	return s.Authenticated(by)
}

// Standing returns nil where something may be done for somebody who is not there: who called is a user who could log in, and the API token
// with which he called is good. Else the error, of kind Denied or Unauthenticated, says why not.
func (s *Service) Standing(by dc.Caller) error {
	v, now := s.store.View(), time.Now()
	if by.User == "" {
		return s.Authenticated(by)
	}
	object := dc.Describe(dc.KindUser, by.Name)
	u, err := store.Get[*dc.User](v, dc.ID(by.User))
	switch {
	case err != nil || u.External != nil && u.External.Gone:
		return dc.Errorf(dc.Denied, "he is not there any more").On(object)
	case u.Disabled:
		return dc.Errorf(dc.Denied, "he is disabled").On(object)
	case by.Token == "":
		return s.usable(v, u, now)
	}
	if _, err = s.alive(v, by.Token, now); err != nil {
		return onToken(err, by.TokenName)
	}
	return nil
}

// onToken returns an error about an API token with its name.
func onToken(err error, name string) error {
	if e, ok := errors.AsType[*dc.Error](err); ok {
		return e.On(dc.Describe(dc.KindAPIToken, name))
	}
	return err
}

// SweepTokens stores when tokens were used last, tells of those that are about to expire, and removes those that have expired a while
// ago or whose owner is gone. The manager calls it from time to time. Errors are those of store.Change; what was done before stays so.
func (s *Service) SweepTokens(ctx context.Context) error {
	v, now := s.store.View(), time.Now().UTC()
	for t := range store.List[*dc.APIToken](v) {
		u, err := store.Get[*dc.User](v, dc.ID(t.User))
		gone := err != nil || now.Sub(t.Expires) > tokenMemory
		warn := !gone && !t.Warned && now.After(t.Expires.Add(-min(tokenWarning, t.Expires.Sub(t.Created)/2)))
		used := s.tokenUses.last(t)
		if !gone && !warn && used.Sub(t.Used) < useStep {
			continue
		}
		err = s.store.Change(ctx, func(tx *store.Tx) error {
			t, err := store.Load[*dc.APIToken](tx, dc.ID(t.ID))
			if dc.KindOf(err) == dc.NotFound {
				return nil // it was revoked
			}
			if err != nil {
				return err
			}
			if gone {
				tx.Delete(t)
				return nil
			}
			if used.After(t.Used) {
				t.Used = used
			}
			if warn && !t.Warned {
				t.Warned = true
				recordToken(tx, dc.System.Name, u, fmt.Sprintf("API token %q of user %q expires on %s.", t.Name, u.Name, t.Expires.Format(time.DateTime)))
			}
			tx.Put(t)
			return nil
		})
		if err != nil {
			return err
		}
	}
	v = s.store.View()
	s.tokenUses.forget(func(id dc.APITokenID) bool { return v.Find(dc.ID(id)) != nil })
	return nil
}

// recordToken adds an event about a token, on its owner.
func recordToken(tx *store.Tx, by string, owner *dc.User, message string) {
	event.Add(tx, time.Now(), dc.Event{Type: dc.EventGeneral, Target: dc.ID(owner.ID), TargetName: owner.Name, User: by, Message: message})
}

// tokenUses is when each API token was used last, as long as that is not stored.
type tokenUses struct {
	mu   sync.Mutex
	when map[dc.APITokenID]time.Time
}

func newTokenUses() *tokenUses { return &tokenUses{when: map[dc.APITokenID]time.Time{}} }

func (u *tokenUses) note(id dc.APITokenID, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.when[id] = now.UTC()
}

// last returns when the token was used last, by this manager or as stored.
func (u *tokenUses) last(t *dc.APIToken) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if when := u.when[t.ID]; when.After(t.Used) {
		return when
	}
	return t.Used
}

func (u *tokenUses) forget(alive func(dc.APITokenID) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id := range u.when {
		if !alive(id) {
			delete(u.when, id)
		}
	}
}
