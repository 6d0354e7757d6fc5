package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/event"
	"hanok/manager/store"
)

const (
	// sessionLife is how long a session lasts, used or not.
	sessionLife = 12 * time.Hour
	// sessionIdle is how long a session lasts that nobody uses.
	sessionIdle = 30 * time.Minute
	// maxSessions is how many sessions a user has at once; one more ends his oldest. It bounds what programs that never
	// log out leave in the store.
	maxSessions = 1000
	// sweepBatch is how many sessions go in one transaction: etcd allows 128 conditions in one, and each deletion has two.
	sweepBatch = 50
	// badLoginPatience is how long a failed login waits for its event to be stored.
	badLoginPatience = 5 * time.Second
)

var (
	errWrong = &dc.Error{Kind: dc.Unauthenticated, Message: "wrong user name or password"}
	errEnded = &dc.Error{Kind: dc.Unauthenticated, Message: "the session has ended, or there never was one", Remedy: "log in again"}
)

// Login starts a session and returns its bearer token, which nobody can find out later, and the caller that Authenticate
// will return for it. from is the network address that the login comes from. A wrong name and a wrong password give the same
// error, of kind Unauthenticated, after the same time; after too many of them all logins from that address as that user are
// refused for a while, with Exhausted. A login that fails and one that succeeds is recorded as an event.
func (s *Service) Login(ctx context.Context, from, username, password string) (token string, c dc.Caller, err error) {
	who, err := s.verify(ctx, from, username, password)
	if err != nil {
		return "", dc.Caller{}, err
	}
	token = random.Token()
	session, err := s.startSession(ctx, who, token)
	if err != nil {
		return "", dc.Caller{}, err
	}
	return token, who.caller(session.ID), nil
}

// Verify is Login without a session, for one call of a client that sends the password each time: it returns the caller that such a
// session would have. Only one that fails is recorded as an event.
func (s *Service) Verify(ctx context.Context, from, username, password string) (dc.Caller, error) {
	who, err := s.verify(ctx, from, username, password)
	if err != nil {
		return dc.Caller{}, err
	}
	return who.caller(""), nil
}

// identity is a user, and the API token with which he has shown that he is it, or nil.
type identity struct {
	user  *dc.User
	token *dc.APIToken
}

// caller returns who calls, in a session or in none.
func (i identity) caller(session dc.SessionID) dc.Caller {
	c := dc.Caller{User: i.user.ID, Name: i.user.Name, Session: session}
	if i.token != nil {
		c.Token, c.TokenName, c.Narrow = i.token.ID, i.token.Name, !i.token.Scope.IsZero()
	}
	return c
}

// verify returns the user who has the name and the password, which may be an API token of his.
func (s *Service) verify(ctx context.Context, from, username, password string) (identity, error) {
	name := strings.ToLower(username)
	src, account := s.sourceOf(s.store.View(), username)
	if src != nil {
		name = account + "@" + src.Spec.Domain
	}
	if err := s.guesses.check(from, name, time.Now()); err != nil {
		return identity{}, err
	}
	var who identity
	var err error
	local, unknown := findUser(s.store.View(), name)
	switch {
	case isToken(password):
		who, err = s.ownToken(name, password)
	case src != nil && s.directory != nil && (unknown != nil || local.External != nil):
		who.user, err = s.loginExternal(ctx, src, account, password)
	default:
		who.user, err = s.withPassword(ctx, name, password)
	}
	if dc.KindOf(err) == dc.Unauthenticated {
		locked := s.guesses.failed(from, name, time.Now())
		s.recordBadLogin(ctx, username)
		if locked {
			s.recordLocked(ctx, from, name)
		}
		return identity{}, errWrong
	}
	if err == nil {
		s.guesses.succeeded(from, name)
	}
	return who, err
}

// withPassword returns the user who has the name and the password.
func (s *Service) withPassword(ctx context.Context, username, password string) (*dc.User, error) {
	u, err := findUser(s.store.View(), username)
	if err != nil {
		u = &dc.User{} // with no hash, which costs the same
	}
	ok, err := s.hasher.matches(ctx, u.PasswordHash, password)
	switch {
	case err != nil:
		return nil, err
	case !ok || u.Disabled || u.External != nil:
		return nil, errWrong
	}
	return u, nil
}

// ownToken returns the user of the name, whose API token the password is.
func (s *Service) ownToken(username, password string) (identity, error) {
	who, err := s.tokenOf(password)
	if err == nil && !strings.EqualFold(who.user.Name, username) {
		err = errWrong
	}
	return who, err
}

// startSession stores a session of somebody whose password was checked. If he has got another password since, or is gone, the
// session is none from the beginning: see live.
func (s *Service) startSession(ctx context.Context, who identity, token string) (*dc.Session, error) {
	u, now := who.user, time.Now().UTC()
	session := &dc.Session{
		ID:        dc.SessionID(dc.NewID(dc.KindSession, random.Ordered(now))),
		Meta:      dc.Meta{Created: now},
		User:      u.ID,
		TokenHash: fingerprint(token),
		Password:  fingerprint(u.PasswordHash),
		Expires:   now.Add(sessionLife),
	}
	if who.token != nil {
		session.APIToken = who.token.ID
	}
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		if err := makeRoom(tx, u.ID); err != nil {
			return err
		}
		tx.Put(session)
		record(tx, who.caller(session.ID), dc.EventUserLogin, u, fmt.Sprintf("User %q logged in.", u.Name))
		return nil
	})
	return session, err
}

// makeRoom ends the oldest session of a user who has as many as he may.
func makeRoom(tx *store.Tx, user dc.UserID) error {
	var oldest *dc.Session // the first one: sessions' IDs are in the order of their making
	count := 0
	for session := range store.List[*dc.Session](tx.View()) {
		if session.User != user {
			continue
		}
		if count++; oldest == nil {
			oldest = session
		}
	}
	if count < maxSessions {
		return nil
	}
	session, err := store.Load[*dc.Session](tx, dc.ID(oldest.ID))
	if err != nil {
		return err
	}
	tx.Delete(session)
	return nil
}

// recordBadLogin records that somebody failed to log in, even if he has gone away. Anybody can cause these events, so a
// flood of them is thinned out: it would wash away all others.
func (s *Service) recordBadLogin(ctx context.Context, username string) {
	now := time.Now()
	more, ok := s.failed.admit(now)
	if !ok {
		return
	}
	e := dc.Event{Type: dc.EventBadLogin, Message: "A login with an impossible user name failed."}
	if name, err := CleanName(username); err == nil {
		e.User, e.Message = name, fmt.Sprintf("A login as %q failed: wrong user name or password.", name)
	}
	if more > 0 {
		e.Message += fmt.Sprintf(" %d more failed logins before it are not listed.", more)
	}
	s.recordFailure(ctx, e)
}

// recordLocked records that somebody is locked out. There is one such event for five failed logins, and as many as those at most.
func (s *Service) recordLocked(ctx context.Context, from, name string) {
	s.log.Warn("logins are refused for a while: too many have failed", "name", name, "from", from)
	if _, ok := s.failed.admit(time.Now()); !ok {
		return
	}
	who := "with an impossible user name"
	if name, err := CleanName(name); err == nil {
		who = fmt.Sprintf("as %q", name)
	}
	s.recordFailure(ctx, dc.Event{Type: dc.EventBadLogin, Message: fmt.Sprintf("Logins %s from %s are refused for %d minutes: %d have failed within %d minutes.",
		who, from, int(lockFor.Minutes()), lockAfter, int(lockWithin.Minutes()))})
}

// recordFailure records an event of somebody who may have gone away.
func (s *Service) recordFailure(ctx context.Context, e dc.Event) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), badLoginPatience)
	defer cancel()
	err := s.store.Change(ctx, func(tx *store.Tx) error {
		event.Add(tx, time.Now(), e)
		return nil
	})
	if err != nil {
		s.log.Warn("cannot record a failed login", "err", err)
	}
}

// Logout ends the caller's session. Ending one that has ended already does nothing. Errors: Unauthenticated, and
// WrongState for a caller who has no session.
func (s *Service) Logout(ctx context.Context, by dc.Caller) error {
	if err := s.Authenticated(by); err != nil { // every role may see, and log out
		return err
	}
	if by.Session == "" {
		return &dc.Error{Kind: dc.WrongState, Object: dc.Describe(dc.KindUser, by.Name), Message: "there is no session to end"}
	}
	return s.store.Change(ctx, func(tx *store.Tx) error {
		session, err := store.Load[*dc.Session](tx, dc.ID(by.Session))
		if dc.KindOf(err) == dc.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		tx.Delete(session)
		event.Add(tx, time.Now(), dc.Event{Type: dc.EventUserLogout, Target: dc.ID(by.User), TargetName: by.Name, User: by.Name,
			Message: fmt.Sprintf("User %q logged out.", by.Name)})
		return nil
	})
}

// Authenticate returns the caller whose session or API token the token is, or an error of kind
// Unauthenticated. It reads the view only: cheap enough for every request.
func (s *Service) Authenticate(token string) (dc.Caller, error) {
	if isToken(token) {
		who, err := s.tokenOf(token)
		if err != nil {
			return dc.Caller{}, err
		}
		return who.caller(""), nil
	}
	v := s.store.View()
	id, ok := store.Claimed(v, (&dc.Session{TokenHash: fingerprint(token)}).Claims()[0])
	if !ok {
		return dc.Caller{}, errEnded
	}
	session, err := store.Get[*dc.Session](v, id)
	if err != nil {
		return dc.Caller{}, errEnded
	}
	now := time.Now()
	who, ok := s.live(v, session, now)
	if !ok || !s.uses.renew(session, now) {
		return dc.Caller{}, errEnded
	}
	return who.caller(session.ID), nil
}

// live returns whose session it is, and whether it is one of the user as he is now.
func (s *Service) live(v *store.View, session *dc.Session, now time.Time) (identity, bool) {
	u, err := store.Get[*dc.User](v, dc.ID(session.User))
	if err != nil || s.usable(v, u, now) != nil || session.Password != fingerprint(u.PasswordHash) || !now.Before(session.Expires) {
		return identity{}, false
	}
	if session.APIToken == "" {
		return identity{user: u}, true
	}
	who, err := s.alive(v, session.APIToken, now)
	return who, err == nil && who.user.ID == u.ID
}

// SweepSessions removes the sessions that have ended. The manager calls it from time to time; it may run in several
// managers at once. Errors are those of store.Change; what was removed before stays so.
func (s *Service) SweepSessions(ctx context.Context) error {
	v, now := s.store.View(), time.Now()
	var ended []dc.ID
	for session := range store.List[*dc.Session](v) {
		if _, ok := s.live(v, session, now); !ok || s.uses.idle(session, now) {
			ended = append(ended, dc.ID(session.ID))
		}
	}
	for len(ended) > 0 {
		batch := ended[:min(sweepBatch, len(ended))]
		ended = ended[len(batch):]
		err := s.store.Change(ctx, func(tx *store.Tx) error {
			for _, id := range batch {
				session, err := store.Load[*dc.Session](tx, id)
				if dc.KindOf(err) == dc.NotFound {
					continue // another manager was quicker
				}
				if err != nil {
					return err
				}
				tx.Delete(session)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	v = s.store.View()
	s.uses.forget(func(id dc.SessionID) bool {
		_, err := store.Get[*dc.Session](v, dc.ID(id))
		return err == nil
	})
	return nil
}
