// Package access decides who may do what: users, their passwords, their sessions, and the one authorization check that
// every service of the manager makes before it does anything for a caller.
//
// A user logs in with a name and a password and gets a bearer token; of both, only hashes are stored. A dialect turns
// the token of each request into a dc.Caller (Authenticate) and hands that to the services, which call Authorize. Roles
// count for the whole inventory.
//
// User names are compared without regard to case, as vSphere's are, and are kept in lower case: 1 to 64 letters and
// digits of ASCII and the characters . _ - @, with a letter or digit first. "system" is the manager's own name.
//
// A session ends by Logout, when nobody has used it for 30 minutes, after 12 hours, when its user is removed, and when the
// user's password changes (except the session that changed it). Each of these takes effect at once; SweepSessions only
// cleans up.
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
}

// New returns the service over the store's users.
func New(st *store.Store, log *slog.Logger) *Service {
	return &Service{store: st, log: log, hasher: newHasher(), failed: &throttle{}, guesses: newGuesses(), uses: newUses()}
}

// Authorize returns nil when the caller has the privilege. object names what the call is about, as a user knows it, for
// the error: Unauthenticated for the zero Caller, else Denied. It costs nothing and reads nothing.
func (s *Service) Authorize(by dc.Caller, p dc.Privilege, object string) error {
	if by.Name == "" {
		return &dc.Error{Kind: dc.Unauthenticated, Object: object, Message: "nobody is logged in", Remedy: "log in first"}
	}
	if !by.Role.Grants(p) {
		return &dc.Error{Kind: dc.Denied, Object: object,
			Message: fmt.Sprintf("this needs the privilege %s, which user %q with the role %s does not have", p, by.Name, by.Role),
			Remedy:  "ask an administrator to do it or to change the role"}
	}
	return nil
}
