package identity_test

import (
	"log/slog"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/internal/testhost"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/identity"
	"hanok/manager/store"
	"hanok/test/slapd"
)

const password = "correct horse"

// center is a store with a root folder, an administrator, and the services.
type center struct {
	*identity.Service
	store  *store.Store
	access *access.Service
	boss   dc.Caller
}

func open(t *testing.T) *center {
	t.Helper()
	c := &center{store: store.OpenMemory()}
	t.Cleanup(func() { c.store.Close() })
	c.access = access.New(c.store, slog.New(slog.DiscardHandler))
	c.Service = identity.New(c.store, c.access)
	err := c.store.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: dc.RootFolder, Meta: dc.Meta{Name: "Datacenters"}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.boss = c.user(t, "boss", dc.RoleAdmin)
	return c
}

func (c *center) user(t *testing.T, name string, role dc.RoleID) dc.Caller {
	t.Helper()
	if _, err := c.access.CreateUser(t.Context(), dc.System, name, password, role); err != nil {
		t.Fatal(err)
	}
	_, by, err := c.access.Login(t.Context(), "192.0.2.1", name, password)
	if err != nil {
		t.Fatal(err)
	}
	return by
}

func spec(url string) dc.IdentitySourceSpec {
	return dc.IdentitySourceSpec{Type: dc.SourceLDAP, Domain: "example.com", Alias: "EXAMPLE", LDAP: &dc.LDAPSpec{URLs: []string{url},
		BindDN: slapd.BindDN, UserBase: slapd.Users, GroupBase: slapd.Groups}}
}

func wantKind(t *testing.T, err error, want dc.ErrorKind, text string) {
	t.Helper()
	if dc.KindOf(err) != want || want != "" && !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (kind %q), want kind %q with %q", err, dc.KindOf(err), want, text)
	}
}

func TestPrivilegesComeFirst(t *testing.T) { accesstest.Check(t, open(t).Service) }

func TestSources(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	src, err := c.Create(ctx, c.boss, "company", spec("ldaps://127.0.0.1:1"), "bind-secret")
	if err != nil || src.Spec.Domain != "example.com" || src.Secret == "" {
		t.Fatalf("%+v, %v", src, err)
	}
	_, err = c.Create(ctx, c.boss, "company", spec("ldaps://127.0.0.1:1"), "")
	wantKind(t, err, dc.Exists, "the name is taken")
	other := spec("ldaps://127.0.0.1:1")
	_, err = c.Create(ctx, c.boss, "other", other, "")
	wantKind(t, err, dc.Exists, `"company" has the domain example.com`)
	other.Domain = "example"
	other.Alias = ""
	_, err = c.Create(ctx, c.boss, "other", other, "")
	wantKind(t, err, dc.Exists, `"company" has the domain example`)
	_, err = c.Create(ctx, c.boss, "bad/name", spec("ldaps://127.0.0.1:1"), "")
	wantKind(t, err, dc.Invalid, "slash")

	// The secret goes nowhere where who sends it there does not know it.
	elsewhere := func(o *dc.IdentitySource) { o.Spec.LDAP.URLs = []string{"ldaps://192.0.2.9"} }
	_, err = c.Update(ctx, c.boss, src.ID, elsewhere, "")
	wantKind(t, err, dc.Invalid, "its secret would go to other servers")
	_, err = c.Update(ctx, c.boss, src.ID, func(o *dc.IdentitySource) { o.Spec.CA = "x" }, "")
	wantKind(t, err, dc.Invalid, "its secret would go to other servers")
	_, err = c.Update(ctx, c.boss, src.ID, func(o *dc.IdentitySource) { o.Spec.Domain = "example.org" }, "")
	wantKind(t, err, dc.Invalid, "its domain and type stay")
	if src, err = c.Update(ctx, c.boss, src.ID, func(o *dc.IdentitySource) { o.Name = "firm"; elsewhere(o) }, "again"); err != nil || src.Name != "firm" {
		t.Fatalf("%+v, %v", src, err)
	}
	secrets := 0
	for o := range store.List[*dc.Secret](c.store.View()) {
		if secrets++; string(o.Data) != "again" {
			t.Errorf("the secret is %q", o.Data)
		}
	}
	if secrets != 1 {
		t.Errorf("%d secrets", secrets)
	}

	// Who says where a source is could be any of its users.
	role, err := c.access.CreateRole(ctx, c.boss, "Clerk", "", []dc.Privilege{dc.PrivSourceManage, dc.PrivSourceRead, dc.PrivSourceCreate})
	if err != nil {
		t.Fatal(err)
	}
	clerk := c.user(t, "clerk", role.ID)
	if _, err := c.Update(ctx, clerk, src.ID, elsewhere, "again"); err != nil {
		t.Error(err)
	}
	err = c.store.Change(ctx, func(tx *store.Tx) error {
		tx.Put(&dc.Group{ID: "usergroup-ops", Meta: dc.Meta{Name: "ops@example.com"}, External: &dc.External{Source: src.ID, Key: "ops"}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.access.AddMember(ctx, c.boss, c.group(t, "admins"), "usergroup-ops"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Update(ctx, clerk, src.ID, elsewhere, "again")
	wantKind(t, err, dc.Denied, "does not have here")
	wantKind(t, c.Delete(ctx, clerk, src.ID), dc.Denied, "does not have here")
	if err := c.Delete(ctx, c.boss, src.ID); err != nil {
		t.Fatal(err)
	}
	for range store.List[*dc.Secret](c.store.View()) {
		t.Error("the secret of a source that is gone is there")
	}
}

// group makes a group with the role Admin.
func (c *center) group(t *testing.T, name string) dc.GroupID {
	t.Helper()
	g, err := c.access.CreateGroup(t.Context(), c.boss, name, "")
	if err == nil {
		err = c.access.SetPermission(t.Context(), c.boss, dc.Permission{Entity: dc.ID(dc.RootFolder), Principal: dc.ID(g.ID), Role: dc.RoleAdmin, Propagate: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	return g.ID
}

// TestLogin logs in as users of a real directory, by a group of a group, and while it is away.
func TestLogin(t *testing.T) {
	testhost.Require(t)
	server, c := slapd.Start(t), open(t)
	ctx := t.Context()
	company := spec(server.Secure)
	company.CA = string(server.CA)
	src, err := c.Create(ctx, c.boss, "company", company, slapd.Password)
	if err != nil {
		t.Fatal(err)
	}
	if checks, err := c.Test(ctx, c.boss, src.ID); err != nil || len(checks) != 1 || checks[0].Err != nil || checks[0].Users != 3 {
		t.Errorf("%+v, %v", checks, err)
	}
	try := func(name, password string) (dc.Caller, error) {
		_, by, err := c.access.Login(ctx, "192.0.2.1", name, password)
		return by, err
	}
	_, err = try("alice@example.com", "alice-has-a-password")
	wantKind(t, err, dc.Denied, "have a permission here")
	loop, err := c.access.EnsurePrincipal(ctx, c.boss, `EXAMPLE\loop`, true) // in which staff is, in which web is, in which she is
	if err != nil {
		t.Fatal(err)
	}
	if err := c.access.SetPermission(ctx, c.boss, dc.Permission{Entity: dc.ID(dc.RootFolder), Principal: loop, Role: dc.RoleReadOnly, Propagate: true}); err != nil {
		t.Fatal(err)
	}
	alice, err := try(`example\alice`, "alice-has-a-password")
	if err != nil || alice.Name != "alice@example.com" {
		t.Fatalf("%+v, %v", alice, err)
	}
	wantKind(t, c.access.Authorize(alice, dc.PrivRead, dc.ID(dc.RootFolder)), "", "")
	_, err = try("bob@example.com", "bob-has-a-password")
	wantKind(t, err, dc.Denied, "have a permission here")
	for _, wrong := range []string{"", "wrong", slapd.Password} {
		_, err = try("alice@example.com", wrong)
		wantKind(t, err, dc.Unauthenticated, "wrong user name or password")
	}
	_, err = c.access.EnsurePrincipal(ctx, c.boss, "nobody@example.com", false)
	wantKind(t, err, dc.NotFound, "")

	server.Stop()
	_, err = try("alice@example.com", "alice-has-a-password")
	wantKind(t, err, dc.Unavailable, `identity source "company": no server of the directory can be asked`)
	if _, err := try("boss", password); err != nil {
		t.Error(err)
	}
	if err := c.access.Still(alice); err != nil {
		t.Error(err)
	}
	server.Resume()
	if _, err := try("alice@example.com", "alice-has-a-password"); err != nil {
		t.Error(err)
	}
}
