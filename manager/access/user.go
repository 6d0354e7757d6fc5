package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hanok/dc"
	"hanok/internal/random"
	"hanok/internal/sabotage"
	"hanok/manager/event"
	"hanok/manager/store"
)

// maxUserName is the longest user name, in characters.
const maxUserName = 64

// CleanName returns the form in which a user name is kept and compared, lower case, or an error of kind Invalid that
// says what a user name may be.
func CleanName(name string) (string, error) {
	fail := func(msg string) (string, error) {
		return "", &dc.Error{Kind: dc.Invalid, Object: dc.Describe(dc.KindUser, name), Message: msg,
			Remedy: "choose 1 to 64 letters and digits of ASCII and . _ - @, with a letter or digit first"}
	}
	switch {
	case name == "":
		return fail("the user name is empty")
	case len(name) > maxUserName:
		return fail("the user name is longer than 64 characters")
	}
	for i, c := range name { // before ToLower, which makes ASCII of some other letters
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-@", c)) {
			return fail(fmt.Sprintf("the user name has %q at the wrong place", c))
		}
	}
	clean := strings.ToLower(name)
	if clean == dc.System.Name {
		return fail("the user name is the manager's own")
	}
	return clean, nil
}

// Users returns all users in the order of names, as copies without their password hashes. The errors are those of
// Authorize.
func (s *Service) Users(by dc.Caller) ([]*dc.User, error) {
	if err := s.Authorize(by, dc.PrivRead, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	var users []*dc.User
	for u := range store.List[*dc.User](s.store.View()) {
		users = append(users, public(u))
	}
	slices.SortFunc(users, func(a, b *dc.User) int { return strings.Compare(a.Name, b.Name) })
	return users, nil
}

// public returns a copy of u without its password hash.
func public(u *dc.User) *dc.User {
	c := *u
	c.PasswordHash = ""
	return &c
}

// CreateUser makes a user who may log in, and returns a copy without the password hash. With a
// role he has a permission with it on the root folder, which counts everywhere; "" is none. Errors: Unauthenticated,
// Denied, also for a role with privileges that the caller does not have, Invalid for a name, password or role that cannot be, Exists.
func (s *Service) CreateUser(ctx context.Context, by dc.Caller, name, password string, role dc.RoleID) (*dc.User, error) {
	if err := s.Authorize(by, dc.PrivUsers, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	u, err := s.newUser(ctx, random.Suffix(), name, password)
	if err != nil {
		return nil, err
	}
	return s.addUser(ctx, by, u, role)
}

// CreateServiceAccount is CreateUser for a program: without a password, so that only API tokens that an administrator makes act for it.
func (s *Service) CreateServiceAccount(ctx context.Context, by dc.Caller, name string, role dc.RoleID) (*dc.User, error) {
	if err := s.Authorize(by, dc.PrivUsers, dc.ID(dc.RootFolder)); err != nil {
		return nil, err
	}
	name, err := CleanName(name)
	if err != nil {
		return nil, err
	}
	u := userNamed(random.Suffix(), name)
	u.Service = true
	return s.addUser(ctx, by, u, role)
}

// addUser stores a new user, with a role on the root folder unless it is "".
func (s *Service) addUser(ctx context.Context, by dc.Caller, u *dc.User, role dc.RoleID) (*dc.User, error) {
	if src, _ := s.sourceOf(s.store.View(), u.Name); src != nil {
		return nil, dc.Errorf(dc.Invalid, "the user name is one of identity source %q", src.Name).On(dc.Describe(dc.KindUser, u.Name)).
			Fix("choose another name, or give the account there a permission")
	}
	if sabotage.Is(sabotage.LostWrite) {
		return public(u), nil
	}
	err := s.change(ctx, dc.Describe(dc.KindUser, u.Name), func(d *directory) error {
		d.put(u)
		record(d.tx, by, dc.EventUserCreated, u, fmt.Sprintf("User %q was created.", u.Name))
		if role == "" {
			return nil
		}
		return s.permit(d, by, dc.Permission{Entity: dc.ID(dc.RootFolder), Principal: dc.ID(u.ID), Role: role, Propagate: true})
	})
	if err != nil {
		return nil, err
	}
	return public(u), nil
}

// newUser makes a user that is not stored yet.
func (s *Service) newUser(ctx context.Context, suffix, name, password string) (*dc.User, error) {
	name, err := CleanName(name)
	if err != nil {
		return nil, err
	}
	if err := checkPassword(name, password); err != nil {
		return nil, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	u := userNamed(suffix, name)
	u.PasswordHash = hash
	return u, nil
}

func userNamed(suffix, name string) *dc.User {
	return &dc.User{ID: dc.UserID(dc.NewID(dc.KindUser, suffix)), Meta: dc.Meta{Name: name, Created: time.Now().UTC()}}
}

// Bootstrap makes the first user, with the role Admin everywhere, whose password is marked as Initial, and reports whether it did: where there
// is any user already, it does nothing. It may be called at every start, by several managers at once.
func (s *Service) Bootstrap(ctx context.Context, username, password string) (created bool, err error) {
	if anyUser(s.store.View()) {
		return false, nil
	}
	// One fixed ID: of two managers that start at the same time, one makes the user.
	u, err := s.newUser(ctx, "initial", username, password)
	if err != nil {
		return false, err
	}
	u.Initial = true
	err = s.change(ctx, dc.Describe(dc.KindUser, u.Name), func(d *directory) error {
		if created = len(d.users) == 0; !created {
			return nil
		}
		d.put(u)
		record(d.tx, dc.System, dc.EventUserCreated, u, fmt.Sprintf("The first user %q was created.", u.Name))
		return s.permit(d, dc.System, dc.Permission{Entity: dc.ID(dc.RootFolder), Principal: dc.ID(u.ID), Role: dc.RoleAdmin, Propagate: true})
	})
	return created && err == nil, err
}

func anyUser(v *store.View) bool {
	for range store.List[*dc.User](v) {
		return true
	}
	return false
}

// DeleteUser removes a user with his permissions, and ends all his sessions. The last Admin stays (WrongState). Errors besides:
// Unauthenticated, Denied, NotFound.
func (s *Service) DeleteUser(ctx context.Context, by dc.Caller, name string) error {
	for gone := false; !gone; {
		err := s.changeUser(ctx, by, name, func(d *directory, u *dc.User) (err error) {
			if gone, err = s.forget(d, by, dc.ID(u.ID)); gone {
				d.delete(u)
				record(d.tx, by, dc.EventUserRemoved, u, fmt.Sprintf("User %q was removed.", u.Name))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// SetRole gives a user another role on the root folder, which counts everywhere and at once for the sessions that he has. The last
// Admin stays one (WrongState). Errors besides: Unauthenticated, Denied, Invalid for an unknown role, NotFound.
func (s *Service) SetRole(ctx context.Context, by dc.Caller, name string, role dc.RoleID) error {
	return s.changeUser(ctx, by, name, func(d *directory, u *dc.User) error {
		return s.permit(d, by, dc.Permission{Entity: dc.ID(dc.RootFolder), Principal: dc.ID(u.ID), Role: role, Propagate: true})
	})
}

// SetDisabled says whether a user may not log in. When he may not, his sessions end, and his API tokens rest until he may again. Somebody
// who may do everything stays able to (WrongState). Errors besides: Unauthenticated, Denied also for a user who may do what the caller
// may not, NotFound.
func (s *Service) SetDisabled(ctx context.Context, by dc.Caller, name string, disabled bool) error {
	return s.changeUser(ctx, by, name, func(d *directory, u *dc.User) error {
		if u.Disabled == disabled {
			return nil
		}
		if err := s.checkHoldsAllOf(d, by, u); err != nil {
			return err
		}
		u.Disabled = disabled
		d.put(u)
		record(d.tx, by, dc.EventGeneral, u, fmt.Sprintf("User %q was %s.", u.Name, map[bool]string{true: "disabled", false: "enabled"}[disabled]))
		return nil
	})
}

// SetPassword gives a user another password. His sessions end, except the caller's own; the password is no longer the
// Initial one. Users may set their own password, other ones need PrivUsers and all that the user may do; no API token sets one. Errors
// besides: Unauthenticated, Denied, Invalid for a password that cannot be, NotFound, WrongState for a service account and a user of
// an identity source.
func (s *Service) SetPassword(ctx context.Context, by dc.Caller, name, password string) error {
	clean, err := CleanName(name)
	own, need := err == nil && by.User != "" && clean == by.Name, dc.PrivUsers
	if own {
		need = "" // nothing
	}
	if err := s.Authenticated(by); err != nil {
		return err
	}
	if need != "" {
		if err := s.Authorize(by, need, dc.ID(dc.RootFolder)); err != nil {
			return err
		}
	}
	if by.Token != "" {
		return dc.Errorf(dc.Denied, "an API token sets no password").On(dc.Describe(dc.KindUser, name)).Fix("log in with a password")
	}
	found, err := findUser(s.store.View(), name)
	if err != nil {
		return err
	}
	if err := checkPassword(found.Name, password); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.change(ctx, dc.Describe(dc.KindUser, name), func(d *directory) error {
		tx := d.tx
		u, err := store.Load[*dc.User](tx, dc.ID(found.ID))
		if err != nil {
			return err
		}
		if own {
			err = s.carryOver(tx, by, u, hash)
		} else {
			err = s.checkHoldsAllOf(d, by, u)
		}
		switch {
		case err != nil:
			return err
		case u.External != nil:
			return dc.Errorf(dc.WrongState, "its password is its identity source's").On(dc.Describe(dc.KindUser, u.Name)).Fix("change it there")
		case u.Service:
			return dc.Errorf(dc.WrongState, "it is a service account, which has no password").On(dc.Describe(dc.KindUser, u.Name)).
				Fix("make an API token for it")
		}
		u.PasswordHash, u.Initial = hash, false
		d.put(u)
		record(tx, by, dc.EventPasswordChanged, u, fmt.Sprintf("The password of user %q was changed.", u.Name))
		return nil
	})
}

// carryOver keeps the session in which u, as he is before the change, gives himself the password of the hash. A caller
// whose session has ended in the meantime, perhaps because an administrator locked him out, is refused.
func (s *Service) carryOver(tx *store.Tx, by dc.Caller, u *dc.User, hash string) error {
	if by.User != u.ID {
		return errEnded
	}
	if by.Session == "" {
		return nil
	}
	session, err := store.Load[*dc.Session](tx, dc.ID(by.Session))
	if err != nil {
		return errEnded
	}
	if _, ok := s.live(tx.View(), session, time.Now()); !ok || session.User != u.ID {
		return errEnded
	}
	session.Password = fingerprint(hash)
	tx.Put(session)
	return nil
}

// changeUser checks PrivUsers and runs change on a private copy of the named user, in a transaction.
func (s *Service) changeUser(ctx context.Context, by dc.Caller, name string, change func(*directory, *dc.User) error) error {
	if err := s.Authorize(by, dc.PrivUsers, dc.ID(dc.RootFolder)); err != nil {
		return err
	}
	return s.change(ctx, dc.Describe(dc.KindUser, name), func(d *directory) error {
		found, err := findUser(d.tx.View(), name)
		if err != nil {
			return err
		}
		u, err := store.Load[*dc.User](d.tx, dc.ID(found.ID))
		if err != nil {
			return err
		}
		return change(d, u)
	})
}

// findUser returns the shared object of the user of that name, in any case of letters.
func findUser(v *store.View, name string) (*dc.User, error) {
	clean, err := CleanName(name)
	if account, domain := dc.SplitAccount(name); err != nil && account != "" && domain != "" { // an identity source has other names
		clean, err = account+"@"+domain, nil
	}
	if err == nil {
		if u, ok := store.Named[*dc.User](v, "", clean); ok {
			return u, nil
		}
	}
	return nil, &dc.Error{Kind: dc.NotFound, Object: dc.Describe(dc.KindUser, name), Message: "there is no user of this name",
		Remedy: "list the users to see their names"}
}

// record adds an event about a user.
func record(tx *store.Tx, by dc.Caller, typ dc.EventType, u *dc.User, message string) {
	event.Add(tx, time.Now(), dc.Event{Type: typ, Target: dc.ID(u.ID), TargetName: u.Name, User: by.Name, Message: message})
}
