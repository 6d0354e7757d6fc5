// Package directory asks directories by LDAP for users and groups: OpenLDAP, Active Directory and what is like them. It keeps nothing,
// knows no permissions and stores nothing; package identity calls it for identity sources of these types.
//
// What a directory says is not trusted: its certificate is checked, answers are bounded in number, size and time, names are escaped before
// they go into a filter, and referrals to other servers are not followed.
package directory

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"hanok/dc"
)

const (
	// maxGroups is how many groups a user may be in, and maxDepth how deep one in another.
	maxGroups = 1000
	maxDepth  = 10
	// batch is how many groups are asked for at once whose members others are.
	batch = 50
	// shown is how many users and groups a test counts.
	shown = 100
)

// Directory is one directory, asked anew for each call. Its fields are not changed after the first; then it is safe for concurrent use.
type Directory struct {
	Type dc.SourceType
	Spec dc.LDAPSpec
	// CA are the certificates that vouch for its servers, in PEM form; "" is those that the machine trusts.
	CA string
	// Password is the bind DN's.
	Password string
}

var errNobody = dc.Errorf(dc.NotFound, "the directory has no such account")

// Login returns the user who has the name and the password. Kinds: Unauthenticated where there is none, Unavailable, Conflict where the
// name means several.
func (d *Directory) Login(ctx context.Context, name, password string) (*dc.Account, error) {
	if password == "" || name == "" {
		return nil, dc.Errorf(dc.Unauthenticated, "there is no password")
	}
	var account *dc.Account
	err := d.ask(ctx, func(c *connection) error {
		entry, err := d.user(c, d.Spec.NameAttribute, name)
		dn := ""
		switch {
		case dc.KindOf(err) == dc.NotFound: // costs the same, and succeeds for nobody
			dn = d.nobody()
		case err != nil:
			return err
		default:
			dn = entry.DN
		}
		account = nil
		if entry != nil { // while the connection is still the bind DN's
			if account, err = d.account(c, entry); err != nil {
				return err
			}
		}
		if err := c.Bind(dn, password); err != nil {
			if ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax,
				ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultConstraintViolation,
				ldap.LDAPResultInsufficientAccessRights) {
				return dc.Errorf(dc.Unauthenticated, "the directory refuses the name or the password")
			}
			return err
		}
		if entry == nil {
			return dc.Errorf(dc.Unauthenticated, "the directory has no such account")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return account, nil
}

// nobody returns a DN that nothing has.
func (d *Directory) nobody() string {
	return d.Spec.GroupNameAttribute + "=" + rand.Text() + "," + d.Spec.UserBase
}

// User returns the user of a name, and UserByKey that of a key. Kinds: NotFound, Unavailable, Conflict.
func (d *Directory) User(ctx context.Context, name string) (*dc.Account, error) {
	return d.find(ctx, d.Spec.NameAttribute, name)
}

// UserByKey is User by what a user keeps for life.
func (d *Directory) UserByKey(ctx context.Context, key string) (*dc.Account, error) {
	return d.find(ctx, d.Spec.KeyAttribute, key)
}

func (d *Directory) find(ctx context.Context, attribute, value string) (account *dc.Account, err error) {
	err = d.ask(ctx, func(c *connection) error {
		entry, err := d.user(c, attribute, value)
		if err != nil {
			return err
		}
		account, err = d.account(c, entry)
		return err
	})
	return account, err
}

// Group returns the group of a name. Kinds as User's.
func (d *Directory) Group(ctx context.Context, name string) (account *dc.Account, err error) {
	err = d.ask(ctx, func(c *connection) error {
		filter := fmt.Sprintf("(&%s(%s=%s))", d.Spec.GroupFilter, d.Spec.GroupNameAttribute, ldap.EscapeFilter(name))
		entry, err := d.one(c, d.Spec.GroupBase, filter, d.Spec.GroupNameAttribute)
		if err != nil {
			return err
		}
		account, err = d.named(entry, d.Spec.GroupNameAttribute)
		return err
	})
	return account, err
}

// Test asks each server, and returns what it has found, in the order of the URLs.
func (d *Directory) Test(ctx context.Context) (checks []dc.SourceCheck) {
	for _, url := range d.Spec.URLs {
		check, start := dc.SourceCheck{URL: url}, time.Now()
		check.Err = d.askOne(ctx, url, func(c *connection) (err error) {
			if check.Users, err = d.count(c, d.Spec.UserBase, d.Spec.UserFilter, d.Spec.NameAttribute); err != nil {
				return err
			}
			check.Groups, err = d.count(c, d.Spec.GroupBase, d.Spec.GroupFilter, d.Spec.GroupNameAttribute)
			return err
		})
		check.Took = time.Since(start)
		checks = append(checks, check)
	}
	return checks
}

func (d *Directory) count(c *connection, base, filter, attribute string) (int, error) {
	entries, err := d.search(c, base, filter, shown, attribute)
	if ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		err = nil
	}
	return len(entries), err
}

// user returns the one user whose attribute has the value.
func (d *Directory) user(c *connection, attribute, value string) (*ldap.Entry, error) {
	filter := fmt.Sprintf("(&%s(%s=%s))", d.Spec.UserFilter, attribute, d.escape(attribute, value))
	return d.one(c, d.Spec.UserBase, filter, d.Spec.NameAttribute, "uid", "gidNumber", "userAccountControl", "accountExpires", "pwdAccountLockedTime", "nsAccountLock")
}

// escape returns a value for a filter. Keys that are bytes are written in hexadecimal here.
func (d *Directory) escape(attribute, value string) string {
	if raw, err := hex.DecodeString(value); err == nil && attribute == d.Spec.KeyAttribute && d.binaryKey() {
		value = string(raw)
	}
	return ldap.EscapeFilter(value)
}

func (d *Directory) binaryKey() bool { return strings.EqualFold(d.Spec.KeyAttribute, "objectGUID") }

// one returns the one entry that a filter finds, with the attributes and its key.
func (d *Directory) one(c *connection, base, filter string, attributes ...string) (*ldap.Entry, error) {
	entries, err := d.search(c, base, filter, 2, append(attributes, d.Spec.KeyAttribute)...)
	switch {
	case len(entries) > 1:
		return nil, dc.Errorf(dc.Conflict, "the directory has several accounts of this name").Fix("narrow the identity source's base DN or filter")
	case err != nil:
		return nil, err
	case len(entries) == 0 || entries[0].DN == "":
		return nil, errNobody
	}
	return entries[0], nil
}

// account returns the account of a user's entry, with its groups.
func (d *Directory) account(c *connection, entry *ldap.Entry) (*dc.Account, error) {
	account, err := d.named(entry, d.Spec.NameAttribute)
	if err != nil {
		return nil, err
	}
	account.Disabled = disabled(entry, time.Now())
	account.Groups, err = d.groups(c, entry.DN, d.posix(entry))
	return account, err
}

// named returns an account of an entry's name and key.
func (d *Directory) named(entry *ldap.Entry, attribute string) (*dc.Account, error) {
	name, key := strings.ToLower(entry.GetEqualFoldAttributeValue(attribute)), d.key(entry)
	if name == "" || key == "" {
		return nil, dc.Errorf(dc.Unavailable, "the directory shows no %s or no %s of the account", attribute, d.Spec.KeyAttribute).
			Fix("let the bind DN read both, or choose other attributes")
	}
	return &dc.Account{Name: name, Key: key}, nil
}

func (d *Directory) key(entry *ldap.Entry) string {
	if d.binaryKey() {
		return hex.EncodeToString(entry.GetEqualFoldRawAttributeValue(d.Spec.KeyAttribute))
	}
	return entry.GetEqualFoldAttributeValue(d.Spec.KeyAttribute)
}

// posix returns the conditions by which a group of the POSIX schema (RFC 2307) has a user: by his name, or as his primary group. Active Directory
// has those attributes, too, and does not mean them.
func (d *Directory) posix(entry *ldap.Entry) string {
	if d.Type != dc.SourceLDAP {
		return ""
	}
	filter := ""
	if uid := entry.GetEqualFoldAttributeValue("uid"); uid != "" {
		filter = "(&(objectClass=posixGroup)(memberUid=" + ldap.EscapeFilter(uid) + "))"
	}
	if gid := entry.GetEqualFoldAttributeValue("gidNumber"); gid != "" {
		filter += "(&(objectClass=posixGroup)(gidNumber=" + ldap.EscapeFilter(gid) + "))"
	}
	return filter
}

// groups returns the keys of the groups that have the DN as a member, or satisfy one of the conditions, and of those that have these, sorted.
func (d *Directory) groups(c *connection, dn, conditions string) ([]string, error) {
	var keys []string
	known := map[string]bool{}
	for next, depth := []string{dn}, 0; len(next) > 0 && depth < maxDepth; depth++ {
		var found []string
		for part := range slices.Chunk(next, batch) {
			filter := conditions
			conditions = ""
			for _, member := range part {
				filter += "(" + d.Spec.MemberAttribute + "=" + ldap.EscapeFilter(member) + ")"
			}
			entries, err := d.search(c, d.Spec.GroupBase, "(&"+d.Spec.GroupFilter+"(|"+filter+"))", maxGroups+1, d.Spec.KeyAttribute)
			if len(keys)+len(entries) > maxGroups || ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
				return nil, dc.Errorf(dc.Exhausted, "the account is in more than %d groups", maxGroups).Fix("narrow the identity source's base DN or filter of groups")
			}
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				if id := strings.ToLower(e.DN); !known[id] {
					known[id], found = true, append(found, e.DN)
					if key := d.key(e); key != "" {
						keys = append(keys, key)
					}
				}
			}
		}
		next = found
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// search returns what a filter finds below base.
func (d *Directory) search(c *connection, base, filter string, limit int, attributes ...string) ([]*ldap.Entry, error) {
	result, err := c.Search(&ldap.SearchRequest{BaseDN: base, Scope: ldap.ScopeWholeSubtree, DerefAliases: ldap.NeverDerefAliases,
		SizeLimit: limit, EnforceSizeLimit: true, TimeLimit: int(answerTime / time.Second), Filter: filter, Attributes: attributes})
	if result == nil {
		return nil, err
	}
	return result.Entries, err
}
