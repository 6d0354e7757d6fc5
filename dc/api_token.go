package dc

import "time"

// APIToken lets a program act for a user until it expires, within a scope. Its name is unique among its owner's. The token itself is
// stored nowhere.
type APIToken struct {
	ID APITokenID `json:"id"`
	Meta
	// User is the owner, for whom it acts.
	User UserID `json:"user"`
	// Hash is the SHA-256 of the token, in hexadecimal.
	Hash    string    `json:"hash"`
	Expires time.Time `json:"expires"`
	// Scope never changes.
	Scope TokenScope `json:"scope,omitzero"`
	// By is the name of who made it.
	By string `json:"by,omitempty"`
	// Used is when it was used last, a few minutes late; zero for never. Warned is set when somebody was told that it is about to expire.
	Used   time.Time `json:"used,omitzero"`
	Warned bool      `json:"warned,omitempty"`
}

// TokenScope narrows what a token may do below what its owner may. The zero scope narrows nothing.
type TokenScope struct {
	// Roles and Privileges are what it may do at most: what any of the roles has now, and the privileges. Both empty: what its owner may.
	Roles      []RoleID    `json:"roles,omitempty"`
	Privileges []Privilege `json:"privileges,omitempty"`
	// Objects are where: these and what is below them; empty is everywhere. What stands above them can be seen.
	Objects []ID `json:"objects,omitempty"`
}

// TokenRequest asks for an API token.
type TokenRequest struct {
	// User is the name of the owner; "" is the caller.
	User, Name string
	// Life is how long it lasts; 0 is the usual time.
	Life  time.Duration
	Scope TokenScope
}

// IsZero reports whether the scope narrows nothing.
func (s TokenScope) IsZero() bool {
	return len(s.Roles) == 0 && len(s.Privileges) == 0 && len(s.Objects) == 0
}

func (*APIToken) Kind() Kind     { return KindAPIToken }
func (o *APIToken) Identity() ID { return ID(o.ID) }

func (o *APIToken) Claims() []string {
	return []string{APITokenClaim(o.Hash), "apitoken/" + string(o.User) + "/" + o.Name}
}

// APITokenClaim is the claim of a token by its hash.
func APITokenClaim(hash string) string { return "apitoken/hash/" + hash }
