// Package access decides who may do what: users, their passwords, their sessions, and the one authorization check that
// every service of the manager makes before it does anything for a caller.
// What a user may do follows from permissions (dc.Rules).
//
// A user logs in with a name and a password and gets a bearer token; of both, only hashes are stored. A dialect turns
// the token of each request into a dc.Caller (Authenticate) and hands that to the services, which call Authorize.
//
// User names are compared without regard to case, as vSphere's are, and are kept in lower case: 1 to 64 letters and
// digits of ASCII and the characters . _ - @, with a letter or digit first. "system" is the manager's own name.
//
// A session ends by Logout, when nobody has used it for 30 minutes, after 12 hours, when its user is removed, and when the
// user's password changes (except the session that changed it). Each of these takes effect at once; SweepSessions only
// cleans up.
//
// Users and groups of identity sources are users and groups here, too, named with the domain of their source, which has their
// passwords and says who is in which group; package identity asks it.
//
// An API token is for a program: it acts for its owner, within its scope, until it expires or is revoked (CreateToken).
//
// The room knows no protocol: cookies, headers and faults are the dialects'. Certificates of hosts are package pki's.
package access

import (
	"fmt"
	"log/slog"

	"hanok/dc"
	"hanok/manager/store"
)

// Service keeps the users and sessions. It is safe for concurrent use.
type Service struct {
	store   *store.Store
	log     *slog.Logger
	hasher  *hasher
	failed  *throttle // of the events of failed logins
	guesses *guesses
	uses    *uses
	rules   rulesCache

	tokenUses *tokenUses
	accounts  *accounts
	directory Directory // nil without identity sources
}

// New returns the service over the store's users.
func New(st *store.Store, log *slog.Logger) *Service {
	return &Service{store: st, log: log, hasher: newHasher(), failed: &throttle{}, guesses: newGuesses(), uses: newUses(),
		tokenUses: newTokenUses(), accounts: newAccounts()}
}

// Authorize returns nil when the caller has the privilege on an object of the inventory: the one that is used or changed, the parent
// of one that is created, dc.RootFolder for what concerns the data center as a whole. The error is of kind Unauthenticated for
// the zero Caller, and Denied for a caller who may see the object. For one who may not, it is NotFound, the same as for an
// object that is not there: he learns neither its name nor that it exists.
func (s *Service) Authorize(by dc.Caller, p dc.Privilege, on dc.ID) error {
	if err := s.Authenticated(by); err != nil {
		return err
	}
	v := s.store.View()
	object, root := v.Find(on), on == dc.ID(dc.RootFolder)
	if object == nil && !root {
		return notThere(on)
	}
	first, second := parents(object)
	may := s.rights(v, by).OnChild(on, first, second)
	switch {
	case may.Has(p):
		return nil
	case !root && !may.Has(dc.PrivView):
		return notThere(on)
	}
	described := "the data center"
	if !root {
		described = dc.Describe(on.Kind(), object.Metadata().Name)
	}
	return &dc.Error{Kind: dc.Denied, Object: described,
		Message: fmt.Sprintf("this needs the privilege %s, which user %q does not have here", p, by.Name),
		Remedy:  "ask an administrator to do it, or for a role that has it", Err: &dc.MissingPrivilege{Privilege: p, On: on}}
}

// notThere is the error about an object that does not exist as far as the caller knows.
func notThere(id dc.ID) error {
	if id.Kind() == "" {
		return dc.Errorf(dc.NotFound, "%q is the ID of no object", id)
	}
	return dc.Errorf(dc.NotFound, "it does not exist").On(dc.Describe(id.Kind(), string(id)))
}

// Authenticated returns an error of kind Unauthenticated for the zero Caller.
func (s *Service) Authenticated(by dc.Caller) error {
	if by.Name == "" {
		return &dc.Error{Kind: dc.Unauthenticated, Message: "nobody is logged in", Remedy: "log in first"}
	}
	return nil
}
