package access_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
)

// makeToken makes a token for the caller.
func makeToken(t *testing.T, s *access.Service, by dc.Caller, req dc.TokenRequest) string {
	t.Helper()
	secret, _, err := s.CreateToken(t.Context(), by, req)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// root stores the root folder and a folder in it.
func root(t *testing.T, st *store.Store) dc.ID {
	t.Helper()
	err := st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: dc.RootFolder, Meta: dc.Meta{Name: "Datacenters"}})
		tx.Put(&dc.Folder{ID: "group-web", Meta: dc.Meta{Name: "web", Parent: dc.ID(dc.RootFolder)}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return "group-web"
}

func TestToken(t *testing.T) {
	st, s := open(t)
	web := root(t, st)
	create(t, s, "boss", dc.RoleAdmin)
	create(t, s, "bob", dc.RoleReadOnly)
	_, boss := login(t, s, "boss")
	_, bob := login(t, s, "bob")
	secret := makeToken(t, s, bob, dc.TokenRequest{Name: "ci"})
	if len(secret) != 46 || !strings.HasPrefix(secret, "hanok_") {
		t.Errorf("the token is %q", secret)
	}
	by, err := s.Authenticate(secret)
	if err != nil || by.User != bob.User || by.TokenName != "ci" || by.Narrow || by.Session != "" {
		t.Errorf("%+v, %v", by, err)
	}
	wantKind(t, s.Authorize(by, dc.PrivFolderCreate, web), dc.Denied, "Folder.Create")
	if err := s.SetRole(t.Context(), boss, "bob", dc.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.Authorize(by, dc.PrivFolderCreate, web), "", "")

	for _, bad := range []string{"hanok_", "hanok", secret[:45], secret + "0", "hanok_0" + secret[7:], strings.ToUpper(secret)} {
		_, err := s.Authenticate(bad)
		wantKind(t, err, dc.Unauthenticated, "")
	}
	// What a token can't do.
	_, _, err = s.CreateToken(t.Context(), by, dc.TokenRequest{Name: "child"})
	wantKind(t, err, dc.Denied, "makes no other")
	wantKind(t, s.SetPassword(t.Context(), by, "bob", "another password"), dc.Denied, "sets no password")
	wantKind(t, s.SetPassword(t.Context(), by, "boss", "another password"), dc.Denied, "sets no password")
	other := makeToken(t, s, bob, dc.TokenRequest{Name: "other"})
	wantKind(t, s.RevokeToken(t.Context(), by, "", "other"), dc.Denied, "ends no other")

	// As a password, it opens a session that ends with it.
	wantKind(t, s.Still(by), "", "")
	wrong := func(name string) {
		t.Helper()
		_, _, err := s.Login(t.Context(), "192.0.2.1", name, secret)
		wantKind(t, err, dc.Unauthenticated, "wrong user name or password")
	}
	wrong("boss")
	session, by2, err := s.Login(t.Context(), "192.0.2.1", "Bob", secret)
	if err != nil || by2.TokenName != "ci" {
		t.Fatalf("%+v, %v", by2, err)
	}
	_, _, err = s.CreateToken(t.Context(), by2, dc.TokenRequest{Name: "child"})
	wantKind(t, err, dc.Denied, "makes no other")
	tokens, err := s.Tokens(bob, "", false)
	if err != nil || len(tokens) != 2 || tokens[0].Hash != "" || tokens[0].Used.IsZero() || !tokens[1].Used.IsZero() {
		t.Errorf("%+v, %v", tokens, err)
	}
	if err := s.RevokeToken(t.Context(), by, "", "ci"); err != nil { // the token itself
		t.Fatal(err)
	}
	wrong("bob")
	if authenticated(s, secret) != dc.Unauthenticated || authenticated(s, session) != dc.Unauthenticated {
		t.Error("a token was revoked, and is still good")
	}
	wantKind(t, s.Still(by), dc.Unauthenticated, "was revoked")
	wantKind(t, s.Still(by2), dc.Unauthenticated, "has ended")
	wantKind(t, s.Still(bob), "", "")
	wantKind(t, s.RevokeToken(t.Context(), bob, "", "ci"), dc.NotFound, "")

	// The owner's end is the token's.
	if err := s.SetDisabled(t.Context(), boss, "bob", true); err != nil {
		t.Fatal(err)
	}
	if authenticated(s, other) != dc.Unauthenticated {
		t.Error("the token of a disabled user is good")
	}
	_, _, err = s.Login(t.Context(), "192.0.2.1", "bob", password)
	wantKind(t, err, dc.Unauthenticated, "wrong user name or password")
	if err := s.SetDisabled(t.Context(), boss, "bob", false); err != nil || authenticated(s, other) != "" {
		t.Errorf("enabled again: %v, %v", err, authenticated(s, other))
	}
	if err := s.DeleteUser(t.Context(), boss, "bob"); err != nil || authenticated(s, other) != dc.Unauthenticated {
		t.Errorf("deleted: %v, %v", err, authenticated(s, other))
	}
	wantKind(t, s.SetDisabled(t.Context(), boss, "boss", true), dc.WrongState, "would be left")
	if err := s.SweepTokens(t.Context()); err != nil || count[*dc.APIToken](st) != 0 {
		t.Errorf("%d tokens of nobody, %v", count[*dc.APIToken](st), err)
	}
}

func TestTokenScope(t *testing.T) {
	st, s := open(t)
	web := root(t, st)
	create(t, s, "boss", dc.RoleAdmin)
	_, boss := login(t, s, "boss")
	token := makeToken(t, s, boss, dc.TokenRequest{Name: "web", Scope: dc.TokenScope{
		Privileges: []dc.Privilege{dc.PrivFolderCreate, dc.PrivUsers}, Objects: []dc.ID{web}}})
	by, err := s.Authenticate(token)
	if err != nil || !by.Narrow {
		t.Fatal(by, err)
	}
	wantKind(t, s.Authorize(by, dc.PrivFolderCreate, web), "", "")
	wantKind(t, s.Authorize(by, dc.PrivFolderDelete, web), dc.Denied, "")
	wantKind(t, s.Authorize(by, dc.PrivFolderCreate, dc.ID(dc.RootFolder)), dc.Denied, "")
	wantKind(t, s.SetPermission(t.Context(), by, dc.Permission{Entity: web, Principal: dc.ID(boss.User), Role: dc.RoleAdmin}), dc.Denied, "does not have here")
	_, err = s.Tokens(by, "", true)
	wantKind(t, err, dc.Denied, "")
	// The rights that were found with a token end with it.
	if err := s.RevokeToken(t.Context(), boss, "", "web"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.Authorize(by, dc.PrivFolderCreate, web), dc.NotFound, "")

	for _, tt := range []struct {
		req  dc.TokenRequest
		kind dc.ErrorKind
		text string
	}{
		{dc.TokenRequest{}, dc.Invalid, "the name is empty"},
		{dc.TokenRequest{Name: "x", Life: time.Second}, dc.Invalid, "can't last"},
		{dc.TokenRequest{Name: "x", Life: -time.Hour}, dc.Invalid, "can't last"},
		{dc.TokenRequest{Name: "x", Life: 367 * 24 * time.Hour}, dc.Invalid, "can't last"},
		{dc.TokenRequest{Name: "x", Scope: dc.TokenScope{Privileges: []dc.Privilege{"No.Such"}}}, dc.Invalid, "no privilege"},
		{dc.TokenRequest{Name: "x", Scope: dc.TokenScope{Roles: []dc.RoleID{"role-gone"}}}, dc.Invalid, "no role"},
		{dc.TokenRequest{Name: "x", Scope: dc.TokenScope{Objects: []dc.ID{"vm-1"}}}, dc.NotFound, ""},
		{dc.TokenRequest{Name: "x", Scope: dc.TokenScope{Objects: make([]dc.ID, 101)}}, dc.Invalid, "more than 100"},
		{dc.TokenRequest{Name: "x", User: "nobody"}, dc.NotFound, ""},
	} {
		_, _, err := s.CreateToken(t.Context(), boss, tt.req)
		wantKind(t, err, tt.kind, tt.text)
	}
	makeToken(t, s, boss, dc.TokenRequest{Name: "twice"})
	_, _, err = s.CreateToken(t.Context(), boss, dc.TokenRequest{Name: "twice"})
	wantKind(t, err, dc.Exists, "one of this name")
}

// TestWhoMayBecomeWhom sees that nobody who may change users becomes one who may do more.
func TestWhoMayBecomeWhom(t *testing.T) {
	st, s := open(t)
	root(t, st)
	create(t, s, "boss", dc.RoleAdmin)
	_, boss := login(t, s, "boss")
	role, err := s.CreateRole(t.Context(), boss, "Clerk", "", []dc.Privilege{dc.PrivUsers})
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, "clerk", role.ID)
	create(t, s, "reader", dc.RoleReadOnly)
	if _, err := s.CreateServiceAccount(t.Context(), boss, "robot", dc.RoleReadOnly); err != nil {
		t.Fatal(err)
	}
	_, clerk := login(t, s, "clerk")
	_, _, err = s.CreateToken(t.Context(), clerk, dc.TokenRequest{User: "boss", Name: "mine"})
	wantKind(t, err, dc.Denied, "does not have here")
	wantKind(t, s.SetPassword(t.Context(), clerk, "boss", "another password"), dc.Denied, "does not have here")
	wantKind(t, s.SetDisabled(t.Context(), clerk, "boss", true), dc.Denied, "does not have here")
	wantKind(t, s.SetPassword(t.Context(), clerk, "reader", "another password"), "", "")
	token, _, err := s.CreateToken(t.Context(), clerk, dc.TokenRequest{User: "robot", Name: "mine"})
	if err != nil || authenticated(s, token) != "" {
		t.Errorf("a service account's token: %v", err)
	}
	if _, err := s.Tokens(clerk, "boss", false); err != nil { // who may change users lists all
		t.Error(err)
	}
	// A service account has no password, not even none, and is nobody who may do everything.
	_, _, err = s.Login(t.Context(), "192.0.2.1", "robot", "")
	wantKind(t, err, dc.Unauthenticated, "")
	wantKind(t, s.SetPassword(t.Context(), boss, "robot", "another password"), dc.WrongState, "service account")
	if err := s.SetRole(t.Context(), boss, "robot", dc.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.SetRole(t.Context(), boss, "boss", dc.RoleReadOnly), dc.WrongState, "would be left")
}

func TestTokensExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, s := open(t)
		create(t, s, "boss", dc.RoleAdmin)
		_, boss := login(t, s, "boss")
		token := makeToken(t, s, boss, dc.TokenRequest{Name: "ci"})
		events := len(eventTypes(t, st, s))
		sweep := func(more int) {
			t.Helper()
			for range 2 { // the second has nothing to do
				if err := s.SweepTokens(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := len(eventTypes(t, st, s)); got != events+more {
				t.Errorf("%d events, want %d more than %d", got, more, events)
			}
		}
		time.Sleep(82 * 24 * time.Hour)
		if authenticated(s, token) != "" {
			t.Error("the token is over before its time")
		}
		sweep(0)
		for stored := range store.List[*dc.APIToken](st.View()) {
			if time.Since(stored.Used) > time.Minute {
				t.Errorf("its last use is %s", stored.Used)
			}
		}
		time.Sleep(2 * 24 * time.Hour)
		sweep(1)
		time.Sleep(6*24*time.Hour + time.Second)
		_, err := s.Authenticate(token)
		wantKind(t, err, dc.Unauthenticated, "has expired")
		sweep(1)
		time.Sleep(31 * 24 * time.Hour)
		sweep(1)
		if n := count[*dc.APIToken](st); n != 0 {
			t.Errorf("%d tokens that expired a month ago", n)
		}
	})
}
