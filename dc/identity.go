package dc

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SourceType is the kind of an identity source.
type SourceType string

// The types of identity sources.
const (
	SourceLDAP            SourceType = "ldap" // OpenLDAP and what is like it
	SourceActiveDirectory SourceType = "ad"
	SourceOIDC            SourceType = "oidc" // an OpenID Connect provider
)

// IdentitySource is somebody else who knows users and groups, as vSphere calls it. Package manager/identity writes it.
type IdentitySource struct {
	ID IdentitySourceID `json:"id"`
	Meta
	Spec IdentitySourceSpec `json:"spec"`
	// Secret is the secret with the password of the bind DN, or of the OIDC client; "" for none.
	Secret SecretID `json:"secret,omitempty"`
}

// IdentitySourceSpec says how to ask an identity source.
type IdentitySourceSpec struct {
	Type SourceType `json:"type"`
	// Domain ends the names of its users and groups: "alice@example.com". Alias is a short form of it, or "": `EXAMPLE\alice`. Both are kept
	// in lower case, and are no other source's.
	Domain string `json:"domain"`
	Alias  string `json:"alias,omitempty"`
	// CA are the certificates, in PEM form, that vouch for its servers; "" is those that the machine trusts.
	CA string `json:"ca,omitempty"`
	// LDAP is set of the types ldap and ad, OIDC of oidc.
	LDAP *LDAPSpec `json:"ldap,omitempty"`
	OIDC *OIDCSpec `json:"oidc,omitempty"`
}

// LDAPSpec is a directory. Zero attributes and filters are the type's own.
type LDAPSpec struct {
	// URLs are its servers, "ldaps://HOST:PORT" or "ldap://HOST:PORT", which are asked in this order until one answers.
	URLs []string `json:"urls"`
	// StartTLS encrypts connections of ldap:// URLs. Plain allows them to stay as they are, with all passwords readable.
	StartTLS bool `json:"startTLS,omitempty"`
	Plain    bool `json:"plain,omitempty"`
	// BindDN is who searches; "" is nobody.
	BindDN string `json:"bindDN,omitempty"`
	// UserBase and GroupBase are the entries below which users and groups are.
	UserBase  string `json:"userBase"`
	GroupBase string `json:"groupBase"`
	// UserFilter and GroupFilter tell users and groups from other entries.
	UserFilter  string `json:"userFilter,omitempty"`
	GroupFilter string `json:"groupFilter,omitempty"`
	// NameAttribute is the name that users log in with, GroupNameAttribute that of groups, MemberAttribute has the DNs of a group's
	// members, and KeyAttribute is what an entry keeps for life and no other has. Groups of the POSIX schema have their members by memberUid and
	// gidNumber, whatever MemberAttribute is.
	NameAttribute      string `json:"nameAttribute,omitempty"`
	GroupNameAttribute string `json:"groupNameAttribute,omitempty"`
	MemberAttribute    string `json:"memberAttribute,omitempty"`
	KeyAttribute       string `json:"keyAttribute,omitempty"`
}

// OIDCSpec is an OpenID Connect provider, of which the manager is a client.
type OIDCSpec struct {
	Issuer   string `json:"issuer"`
	ClientID string `json:"clientID"`
	// Scopes are asked for besides "openid"; empty is "profile" and "email".
	Scopes []string `json:"scopes,omitempty"`
	// UsernameClaim has the name of a user, GroupsClaim the names of its groups.
	UsernameClaim string `json:"usernameClaim,omitempty"`
	GroupsClaim   string `json:"groupsClaim,omitempty"`
	// Lifetime is for how long what the provider has said of a user at his last login counts, his groups among it: then his sessions and API tokens are
	// good for nothing until he logs in again. 0 is DefaultLoginLifetime.
	Lifetime time.Duration `json:"lifetime,omitempty"`
}

// DefaultLoginLifetime is how long a login at a provider counts, if nothing else is said, and minLifetime and maxLifetime bound it.
const (
	DefaultLoginLifetime = 24 * time.Hour
	minLifetime          = 5 * time.Minute
	maxLifetime          = 90 * 24 * time.Hour
)

// LoginLifetime is how long a login counts.
func (o *OIDCSpec) LoginLifetime() time.Duration {
	return cmp.Or(o.Lifetime, DefaultLoginLifetime)
}

// maxSourceURLs is how many servers a directory has at most, maxSourceText bounds each text of a source, and maxSourceCA its certificates.
const (
	maxSourceURLs = 8
	maxSourceText = 1024
	maxSourceCA   = 64 << 10
)

// Complete fills in what is the type's own, or returns an error of kind Invalid that names what can't be.
func (s *IdentitySourceSpec) Complete() error {
	s.Domain, s.Alias = strings.ToLower(s.Domain), strings.ToLower(s.Alias)
	fail := func(format string, args ...any) *Error { return Errorf(Invalid, format, args...) }
	for _, d := range []string{s.Domain, s.Alias} {
		if d != "" && (len(d) > 253 || strings.Trim(d, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "") {
			return fail("%q is no name of a domain", d).Fix("use letters, digits, dots and hyphens")
		}
	}
	switch {
	case s.Domain == "":
		return fail("it has no domain").Fix("name the domain that ends the names of its users, such as example.com")
	case s.Alias == s.Domain:
		s.Alias = ""
	case len(s.CA) > maxSourceCA:
		return fail("its certificates are longer than 64 KiB").Fix("give those only that vouch for its servers")
	}
	if text, err := json.Marshal(s); err != nil || slices.ContainsFunc(s.texts(), func(t string) bool { return len(t) > maxSourceText }) || len(text) > 2*maxSourceCA {
		return fail("a field is longer than %d bytes", maxSourceText).Fix("shorten it")
	}
	switch {
	case (s.Type == SourceLDAP || s.Type == SourceActiveDirectory) && s.LDAP != nil && s.OIDC == nil:
		return s.LDAP.complete(s.Type)
	case s.Type == SourceOIDC && s.OIDC != nil && s.LDAP == nil:
		return s.OIDC.complete()
	}
	return fail("there is no identity source of the type %q with these settings", s.Type).Fix("choose ldap, ad or oidc, and its settings")
}

// texts returns the fields of a source but its certificates.
func (s *IdentitySourceSpec) texts() []string {
	if l := s.LDAP; l != nil {
		return append(slices.Clone(l.URLs), l.BindDN, l.UserBase, l.GroupBase, l.UserFilter, l.GroupFilter, l.NameAttribute,
			l.GroupNameAttribute, l.MemberAttribute, l.KeyAttribute)
	}
	if o := s.OIDC; o != nil {
		return append(slices.Clone(o.Scopes), o.Issuer, o.ClientID, o.UsernameClaim, o.GroupsClaim)
	}
	return nil
}

func (l *LDAPSpec) complete(t SourceType) error {
	defaults := LDAPSpec{UserFilter: "(objectClass=inetOrgPerson)", NameAttribute: "uid", GroupNameAttribute: "cn", MemberAttribute: "member",
		GroupFilter: "(|(objectClass=groupOfNames)(objectClass=posixGroup))", KeyAttribute: "entryUUID"}
	if t == SourceActiveDirectory {
		defaults.UserFilter, defaults.GroupFilter = "(&(objectCategory=person)(objectClass=user))", "(objectClass=group)"
		defaults.NameAttribute, defaults.GroupNameAttribute, defaults.KeyAttribute = "sAMAccountName", "sAMAccountName", "objectGUID"
	}
	for _, f := range [][2]*string{{&l.UserFilter, &defaults.UserFilter}, {&l.GroupFilter, &defaults.GroupFilter},
		{&l.NameAttribute, &defaults.NameAttribute}, {&l.GroupNameAttribute, &defaults.GroupNameAttribute},
		{&l.MemberAttribute, &defaults.MemberAttribute}, {&l.KeyAttribute, &defaults.KeyAttribute}} {
		if *f[0] == "" {
			*f[0] = *f[1]
		}
	}
	if len(l.URLs) == 0 || len(l.URLs) > maxSourceURLs {
		return Errorf(Invalid, "it has %d URLs", len(l.URLs)).Fix("give 1 to %d, such as ldaps://ldap.example.com", maxSourceURLs)
	}
	for _, text := range l.URLs {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Scheme != "ldap" && u.Scheme != "ldaps":
			return Errorf(Invalid, "%q is no URL of a directory", text).Fix("give ldaps://HOST:PORT or ldap://HOST:PORT")
		case u.Scheme == "ldap" && !l.StartTLS && !l.Plain:
			return Errorf(Invalid, "%s would send passwords that everybody on the way can read", text).
				Fix("use ldaps:// or StartTLS, or allow plain connections explicitly")
		}
	}
	if l.UserBase == "" || l.GroupBase == "" {
		return Errorf(Invalid, "it has no base DN of users or none of groups").Fix("name the entries below which they are")
	}
	for _, a := range []string{l.NameAttribute, l.GroupNameAttribute, l.MemberAttribute, l.KeyAttribute} {
		if strings.Trim(strings.ToLower(a), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return Errorf(Invalid, "%q is no name of an attribute", a).Fix("use letters, digits and hyphens")
		}
	}
	return nil
}

func (o *OIDCSpec) complete() error {
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"profile", "email"}
	}
	if o.UsernameClaim == "" {
		o.UsernameClaim = "preferred_username"
	}
	if o.GroupsClaim == "" {
		o.GroupsClaim = "groups"
	}
	if o.Lifetime != 0 && (o.Lifetime < minLifetime || o.Lifetime > maxLifetime) {
		return Errorf(Invalid, "a login can't count for %s", o.Lifetime).Fix("give %s to %s, or 0 for %s", minLifetime, maxLifetime, DefaultLoginLifetime)
	}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return Errorf(Invalid, "%q is no issuer", o.Issuer).Fix("give its URL, https://HOST/PATH, as the provider says it")
	}
	if o.ClientID == "" || len(o.Scopes) > maxSourceURLs {
		return Errorf(Invalid, "it has no client ID, or more than %d scopes", maxSourceURLs).Fix("register a client at the provider, and give its ID")
	}
	return nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// SplitAccount returns the name and the domain, or alias, of `DOMAIN\name` and name@domain, in lower case; both are "" for a name
// without a domain.
func SplitAccount(ref string) (name, domain string) {
	ref = strings.ToLower(ref)
	if domain, name, ok := strings.Cut(ref, `\`); ok {
		return name, domain
	}
	if i := strings.LastIndexByte(ref, '@'); i >= 0 {
		return ref[:i], ref[i+1:]
	}
	return "", ""
}

// External is what an identity source says of one of its users or groups.
type External struct {
	Source IdentitySourceID `json:"source"`
	// Key is what the source calls it for life: another one of the same name has another. "" of a user who has been named here before
	// the source has shown him.
	Key string `json:"key,omitempty"`
	// Groups are the keys of the groups that a user is in, by other groups, too.
	Groups []string `json:"groups,omitempty"`
	// Seen is when a provider, which can't be asked, has last said this of a user: at his login.
	Seen time.Time `json:"seen,omitzero"`
	// Gone is set while the source does not have it, or does not let it in.
	Gone bool `json:"gone,omitempty"`
}

// Account is a user or a group as an identity source has it now.
type Account struct {
	// Key is its own for life; Name is what the source calls it, without the domain, in lower case.
	Key, Name string
	// Groups are the keys of a user's groups, sorted.
	Groups []string
	// Disabled says that the user may not log in.
	Disabled bool
}

// SourceCheck is what a test of an identity source has found of one server.
type SourceCheck struct {
	URL string
	// Err is why it can't be used, or nil.
	Err error
	// Users and Groups are how many it shows, up to a bound that the test sets; Took is how long that took.
	Users, Groups int
	Took          time.Duration
}

// ExternalClaim is the claim of a source's key by a user or a group.
func ExternalClaim(kind Kind, source IdentitySourceID, key string) string {
	return "external/" + string(kind) + "/" + string(source) + "/" + key
}

// claim returns the claims of a user or a group with its name's.
func (e *External) claim(kind Kind, name string) []string {
	if e == nil || e.Key == "" {
		return []string{name}
	}
	return []string{name, ExternalClaim(kind, e.Source, e.Key)}
}

// DomainClaim is the claim of a source's domain or alias.
func DomainClaim(domain string) string { return "domain/" + domain }

func (*IdentitySource) Kind() Kind     { return KindIdentitySource }
func (o *IdentitySource) Identity() ID { return ID(o.ID) }

func (o *IdentitySource) Claims() []string {
	claims := []string{"identitysource/" + o.Name, DomainClaim(o.Spec.Domain)}
	if o.Spec.Alias != "" {
		claims = append(claims, DomainClaim(o.Spec.Alias))
	}
	return claims
}
