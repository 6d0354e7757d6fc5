package access_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
)

// book is a directory in memory: accounts by name, whose passwords are their names.
type book struct {
	users, groups map[string]*dc.Account
	away          bool
}

func (b *book) Login(ctx context.Context, src *dc.IdentitySource, name, password string) (*dc.Account, error) {
	if b.away {
		return nil, dc.Errorf(dc.Unavailable, "it is away")
	}
	u, ok := b.users[name]
	if !ok || password != name && password != "" { // a directory lets in who has no password
		return nil, dc.Errorf(dc.Unauthenticated, "no")
	}
	return u, nil
}

func (b *book) find(in map[string]*dc.Account, is func(*dc.Account) bool) (*dc.Account, error) {
	if b.away {
		return nil, dc.Errorf(dc.Unavailable, "it is away")
	}
	for _, a := range in {
		if is(a) {
			return a, nil
		}
	}
	return nil, dc.Errorf(dc.NotFound, "no")
}

func (b *book) User(_ context.Context, _ *dc.IdentitySource, name string) (*dc.Account, error) {
	return b.find(b.users, func(a *dc.Account) bool { return a.Name == name })
}

func (b *book) UserByKey(_ context.Context, _ *dc.IdentitySource, key string) (*dc.Account, error) {
	return b.find(b.users, func(a *dc.Account) bool { return a.Key == key })
}

func (b *book) Group(_ context.Context, _ *dc.IdentitySource, name string) (*dc.Account, error) {
	return b.find(b.groups, func(a *dc.Account) bool { return a.Name == name })
}

// openBook returns a service with the identity source example.com, in which alice is in web, and an administrator.
func openBook(t *testing.T) (*store.Store, *access.Service, *book, dc.Caller, dc.ID) {
	t.Helper()
	st, s := open(t)
	web := root(t, st)
	err := st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.IdentitySource{ID: "identitysource-1", Meta: dc.Meta{Name: "company"},
			Spec: dc.IdentitySourceSpec{Type: dc.SourceLDAP, Domain: "example.com", Alias: "example"}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &book{users: map[string]*dc.Account{"alice": {Key: "key-alice", Name: "alice", Groups: []string{"key-web"}}, "bob": {Key: "key-bob", Name: "bob"}},
		groups: map[string]*dc.Account{"web": {Key: "key-web", Name: "web"}}}
	s.Ask(b)
	create(t, s, "boss", dc.RoleAdmin)
	_, boss := login(t, s, "boss")
	return st, s, b, boss, web
}

func permit(t *testing.T, s *access.Service, by dc.Caller, on dc.ID, ref string, group bool, role dc.RoleID) dc.ID {
	t.Helper()
	id, err := s.EnsurePrincipal(t.Context(), by, ref, group)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPermission(t.Context(), by, dc.Permission{Entity: on, Principal: id, Role: role, Propagate: true}); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestExternalLogin(t *testing.T) {
	st, s, b, boss, web := openBook(t)
	try := func(name, password string) (dc.Caller, error) {
		t.Helper()
		_, c, err := s.Login(t.Context(), "192.0.2.1", name, password)
		return c, err
	}
	_, err := try("alice@example.com", "alice")
	wantKind(t, err, dc.Denied, "neither the account nor its groups have a permission here")
	if n := count[*dc.User](st); n != 1 {
		t.Errorf("%d users after a login of one who may not", n)
	}
	group := permit(t, s, boss, web, `EXAMPLE\web`, true, dc.RoleReadOnly)
	for _, name := range []string{"alice@example.com", `EXAMPLE\alice`, `example.com\Alice`} {
		c, err := try(name, "alice")
		if err != nil || c.Name != "alice@example.com" {
			t.Fatalf("%s: %+v, %v", name, c, err)
		}
		wantKind(t, s.Authorize(c, dc.PrivRead, web), "", "")
		wantKind(t, s.Authorize(c, dc.PrivFolderCreate, web), dc.Denied, "")
	}
	for _, tt := range [][2]string{{"alice@example.com", "wrong"}, {"alice@example.com", ""}, {"alice", "alice"}, {"alice@example.org", "alice"}, {`\alice`, "alice"}, {"@example.com", ""}} {
		_, err := try(tt[0], tt[1])
		wantKind(t, err, dc.Unauthenticated, "wrong user name or password")
	}
	// The group in a local group, and her own permission, which comes first.
	club, err := s.CreateGroup(t.Context(), boss, "club", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddMember(t.Context(), boss, club.ID, group); err != nil {
		t.Fatal(err)
	}
	if err := s.SetPermission(t.Context(), boss, dc.Permission{Entity: dc.ID(dc.RootFolder), Principal: dc.ID(club.ID), Role: dc.RoleReadOnly, Propagate: true}); err != nil {
		t.Fatal(err)
	}
	c, _ := try("alice@example.com", "alice")
	wantKind(t, s.Authorize(c, dc.PrivRead, dc.ID(dc.RootFolder)), "", "")
	permit(t, s, boss, web, "alice@example.com", false, dc.RoleNoAccess)
	wantKind(t, s.Authorize(c, dc.PrivRead, web), dc.NotFound, "")

	// Local names and passwords are not an identity source's to have.
	_, err = s.CreateUser(t.Context(), boss, "carol@example.com", password, "")
	wantKind(t, err, dc.Invalid, "one of identity source")
	wantKind(t, s.SetPassword(t.Context(), boss, "alice@example.com", password), dc.WrongState, "its identity source's")
	wantKind(t, s.AddMember(t.Context(), boss, dc.GroupID(group), dc.ID(boss.User)), dc.WrongState, "knows its members")

	// Away: who is logged in stays, nobody else comes, but local users.
	b.away = true
	_, err = try("alice@example.com", "alice")
	wantKind(t, err, dc.Unavailable, "it is away")
	_, err = s.EnsurePrincipal(t.Context(), boss, "bob@example.com", false)
	wantKind(t, err, dc.Unavailable, "it is away")
	if _, err := try("boss", password); err != nil {
		t.Error(err)
	}
	wantKind(t, s.Authorize(c, dc.PrivRead, dc.ID(dc.RootFolder)), "", "")
	b.away = false

	// Another account of the name gets nothing of hers; the same account under another name keeps all.
	b.users["alice"] = &dc.Account{Key: "key-other", Name: "alice", Groups: []string{"key-web"}}
	_, err = try("alice@example.com", "alice")
	wantKind(t, err, dc.Conflict, "another account had this name")
	b.users["alison"] = &dc.Account{Key: "key-alice", Name: "alison", Groups: []string{"key-web"}}
	again, err := try("alison@example.com", "alison")
	if err != nil || again.User != c.User || again.Name != "alison@example.com" {
		t.Errorf("%+v, %v", again, err)
	}
	// Nobody of a source is the administrator who is always left.
	permit(t, s, boss, dc.ID(dc.RootFolder), "alison@example.com", false, dc.RoleAdmin)
	wantKind(t, s.SetRole(t.Context(), again, "boss", dc.RoleReadOnly), dc.WrongState, "would be left")
	if err := s.SetDisabled(t.Context(), boss, "alison@example.com", true); err != nil {
		t.Fatal(err)
	}
	_, err = try("alison@example.com", "alison")
	wantKind(t, err, dc.Unauthenticated, "wrong user name or password")
}

func TestAccountsAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, s, b, boss, web := openBook(t)
		permit(t, s, boss, web, "web@example.com", true, dc.RoleReadOnly)
		token, c, err := s.Login(t.Context(), "192.0.2.1", "alice@example.com", "alice")
		if err != nil {
			t.Fatal(err)
		}
		api, _, err := s.CreateToken(t.Context(), c, dc.TokenRequest{Name: "ci"})
		if err != nil {
			t.Fatal(err)
		}
		check := func(after time.Duration, session, program dc.ErrorKind) {
			t.Helper()
			time.Sleep(after)
			if err := s.CheckAccounts(t.Context()); err != nil {
				t.Fatal(err)
			}
			if authenticated(s, token) != session || authenticated(s, api) != program {
				t.Errorf("the session is %q, want %q, the token %q, want %q", authenticated(s, token), session, authenticated(s, api), program)
			}
		}
		check(6*time.Minute, "", "")
		b.users["alice"].Groups = nil
		check(time.Minute, "", "") // nobody asks so soon
		wantKind(t, s.Authorize(c, dc.PrivRead, web), "", "")
		check(6*time.Minute, "", "")
		wantKind(t, s.Authorize(c, dc.PrivRead, web), dc.NotFound, "")
		b.users["alice"].Groups = []string{"key-web"}

		b.users["alice"].Disabled = true
		check(6*time.Minute, dc.Unauthenticated, dc.Unauthenticated)
		_, _, err = s.Login(t.Context(), "192.0.2.1", "alice@example.com", "alice")
		wantKind(t, err, dc.Unauthenticated, "")
		b.users["alice"].Disabled = false
		check(6*time.Minute, "", "")
		gone := b.users["alice"]
		delete(b.users, "alice")
		check(6*time.Minute, dc.Unauthenticated, dc.Unauthenticated)
		b.users["alice"] = gone
		if token, _, err = s.Login(t.Context(), "192.0.2.1", "alice@example.com", "alice"); err != nil {
			t.Fatal(err)
		}
		check(time.Second, "", "")

		// Without an answer it goes on for an hour.
		b.away = true
		for range 4 {
			check(14*time.Minute, "", "")
		}
		check(5*time.Minute, dc.Unauthenticated, dc.Unauthenticated)
		_, err = s.Authenticate(api)
		wantKind(t, err, dc.Unauthenticated, "has not answered for an hour")
		b.away = false
		check(time.Minute, "", "")

		// A source that is deleted takes its users along.
		err = st.Change(t.Context(), func(tx *store.Tx) error {
			src, err := store.Load[*dc.IdentitySource](tx, "identitysource-1")
			if err == nil {
				tx.Delete(src)
			}
			return err
		})
		if err != nil || authenticated(s, token) != dc.Unauthenticated || authenticated(s, api) != dc.Unauthenticated {
			t.Errorf("%v, %q, %q", err, authenticated(s, token), authenticated(s, api))
		}
		check(time.Minute, dc.Unauthenticated, dc.Unauthenticated)
		if users, groups, permissions := count[*dc.User](st), count[*dc.Group](st), count[*dc.Permission](st); users != 1 || groups != 0 || permissions != 1 {
			t.Errorf("%d users, %d groups and %d permissions are left", users, groups, permissions)
		}
		if slices.Contains(eventTypes(t, st, s), "") {
			t.Error("an event has no type")
		}
	})
}

// TestLoginLifetime: what a provider has said of somebody counts for so long; then his sessions and tokens are good for nothing until he has
// logged in again, with the groups that he has then.
func TestLoginLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, s, b, boss, web := openBook(t)
		b.users = nil // a provider can't be asked
		if err := st.Change(t.Context(), func(tx *store.Tx) error {
			src, err := store.Load[*dc.IdentitySource](tx, "identitysource-1")
			if err == nil {
				src.Spec = dc.IdentitySourceSpec{Type: dc.SourceOIDC, Domain: "example.com", OIDC: &dc.OIDCSpec{Issuer: "https://sso.example.com", ClientID: "hanok", Lifetime: 2 * time.Hour}}
				tx.Put(src)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		src, err := store.Get[*dc.IdentitySource](st.View(), "identitysource-1")
		if err != nil {
			t.Fatal(err)
		}
		permit(t, s, boss, web, "web@example.com", true, dc.RoleReadOnly)
		account := func(groups ...string) *dc.Account { return &dc.Account{Key: "sub-1", Name: "carol", Groups: groups} }
		token, c, err := s.LoginAccount(t.Context(), src, account("key-web"))
		if err != nil {
			t.Fatal(err)
		}
		api, _, err := s.CreateToken(t.Context(), c, dc.TokenRequest{Name: "ci"})
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.Authorize(c, dc.PrivRead, web), "", "")
		for range 4 {
			time.Sleep(25 * time.Minute)
			if authenticated(s, token) != "" || authenticated(s, api) != "" {
				t.Fatal("it has ended too early")
			}
		}
		time.Sleep(25 * time.Minute)
		_, err = s.Authenticate(api)
		wantKind(t, err, dc.Unauthenticated, "older than 2h0m0s")
		if authenticated(s, token) != dc.Unauthenticated {
			t.Error("the session goes on")
		}
		// He logs in again, and is not in the group any more.
		if _, _, err = s.LoginAccount(t.Context(), src, account()); err != nil {
			t.Fatal(err)
		}
		if authenticated(s, api) != "" {
			t.Error("the token is not good again")
		}
		wantKind(t, s.Authorize(c, dc.PrivRead, web), dc.NotFound, "")
	})
}
