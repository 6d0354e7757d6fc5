package access_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/event"
	"hanok/manager/store"
)

const password = "correct horse"

func open(t *testing.T) (*store.Store, *access.Service) {
	t.Helper()
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	return st, access.New(st, slog.New(slog.DiscardHandler))
}

func create(t *testing.T, s *access.Service, name string, role dc.RoleID) {
	t.Helper()
	if _, err := s.CreateUser(t.Context(), dc.System, name, password, role); err != nil {
		t.Fatal(err)
	}
}

func login(t *testing.T, s *access.Service, name string) (token string, c dc.Caller) {
	t.Helper()
	token, c, err := s.Login(t.Context(), "192.0.2.1", name, password)
	if err != nil {
		t.Fatal(err)
	}
	return token, c
}

// authenticated returns how Authenticate ends for the token.
func authenticated(s *access.Service, token string) dc.ErrorKind {
	_, err := s.Authenticate(token)
	return dc.KindOf(err)
}

func wantKind(t *testing.T, err error, want dc.ErrorKind, text string) {
	t.Helper()
	if dc.KindOf(err) != want || want != "" && !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (kind %q), want kind %q with %q", err, dc.KindOf(err), want, text)
	}
}

func count[T dc.Object](st *store.Store) int {
	return len(slices.Collect(store.List[T](st.View())))
}

func eventTypes(t *testing.T, st *store.Store, s *access.Service) (types []dc.EventType) {
	t.Helper()
	events, err := event.NewService(st, s).List(dc.System, event.Query{OldestFirst: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}

func TestEveryCallIsAuthorized(t *testing.T) {
	st, s := open(t)
	accesstest.Check(t, s, "Authenticated", "Authorize", "Visible", "Users", "Logout", "Roles", "Still", "Shown", "ShownText", "ShownFailure",
		"Groups", "Permissions")
	accesstest.Check(t, event.NewService(st, s), "List")
}

func TestAuthorize(t *testing.T) {
	st, s := open(t)
	vm := &dc.VirtualMachine{ID: "vm-1", Meta: dc.Meta{Name: "x", Parent: dc.ID(dc.RootFolder)}}
	if err := st.Change(t.Context(), func(tx *store.Tx) error { tx.Put(vm); return nil }); err != nil {
		t.Fatal(err)
	}
	reader := dc.Caller{User: "user-1", Name: "reader", Role: dc.RoleReadOnly}
	admin := dc.Caller{User: "user-2", Name: "admin", Role: dc.RoleAdmin}
	for _, test := range []struct {
		by   dc.Caller
		p    dc.Privilege
		want dc.ErrorKind
		text string
	}{
		{dc.Caller{}, dc.PrivView, dc.Unauthenticated, "log in first"},
		{dc.Caller{Role: dc.RoleAdmin}, dc.PrivView, dc.Unauthenticated, "nobody"},
		{dc.Caller{Name: "x", Role: "Boss"}, dc.PrivView, dc.NotFound, `virtual machine "vm-1": it does not exist`},
		{reader, dc.PrivView, "", ""},
		{reader, dc.PrivVMCreate, dc.Denied, `virtual machine "x": this needs the privilege VirtualMachine.Inventory.Create, which user "reader"`},
		{admin, dc.PrivVMCreate, "", ""},
		{dc.System, dc.PrivUsers, "", ""},
	} {
		wantKind(t, s.Authorize(test.by, test.p, "vm-1"), test.want, test.text)
	}
	wantKind(t, s.Authorize(reader, dc.PrivUsers, dc.ID(dc.RootFolder)), dc.Denied, "the data center: this needs")
	wantKind(t, s.Authorize(admin, dc.PrivView, "vm-2"), dc.NotFound, `virtual machine "vm-2": it does not exist`)
}

func TestCreateUser(t *testing.T) {
	st, s := open(t)
	create(t, s, "Alice@vsphere.local", dc.RoleReadOnly)
	long := strings.Repeat("a", 65)
	for _, test := range []struct {
		name, password string
		role           dc.RoleID
		want           dc.ErrorKind
		text           string
	}{
		{"ALICE@vsphere.local", password, dc.RoleAdmin, dc.Exists, "alice@vsphere.local"},
		{"", password, dc.RoleAdmin, dc.Invalid, "empty"},
		{long, password, dc.RoleAdmin, dc.Invalid, "longer than 64"},
		{"../etc", password, dc.RoleAdmin, dc.Invalid, `'.' at the wrong place`},
		{"a/b", password, dc.RoleAdmin, dc.Invalid, `'/' at the wrong place`},
		{"a b", password, dc.RoleAdmin, dc.Invalid, "wrong place"},
		{"ma\u00f1ana", password, dc.RoleAdmin, dc.Invalid, "wrong place"},
		{"\u212aelvin", password, dc.RoleAdmin, dc.Invalid, "wrong place"}, // the Kelvin sign, k in lower case
		{"System", password, dc.RoleAdmin, dc.Invalid, "manager's own"},
		{"bob", "short12", dc.RoleAdmin, dc.Invalid, "too short"},
		{"bob", "\u00e9\u00e9\u00e9\u00e9", dc.RoleAdmin, dc.Invalid, "too short"}, // 8 bytes, 4 characters
		{"bob", strings.Repeat("a", 129), dc.RoleAdmin, dc.Invalid, "too long"},
		{"bob", "12345678\xff", dc.RoleAdmin, dc.Invalid, "UTF-8"},
		{"bob.builder", "Bob.Builder", dc.RoleAdmin, dc.Invalid, "is the user name"},
		{"bob", password, "Boss", dc.Invalid, `no role "Boss"`},
	} {
		_, err := s.CreateUser(t.Context(), dc.System, test.name, test.password, test.role)
		if wantKind(t, err, test.want, test.text); t.Failed() {
			t.Fatalf("user %q, password %q", test.name, test.password)
		}
	}
	users, err := s.Users(dc.System)
	if err != nil || len(users) != 1 || users[0].Name != "alice@vsphere.local" || users[0].PasswordHash != "" {
		t.Errorf("users %+v, error %v", users, err)
	}
	for u := range store.List[*dc.User](st.View()) {
		if !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("the stored hash is %q", u.PasswordHash)
		}
	}
}

func TestLogin(t *testing.T) {
	st, s := open(t)
	create(t, s, "alice", dc.RoleReadOnly)
	token, c := login(t, s, "Alice")
	if c.Name != "alice" || s.RoleOf(c.User) != "ReadOnly" || c.User == "" || c.Session == "" {
		t.Errorf("the caller is %+v", c)
	}
	if got, err := s.Authenticate(token); err != nil || got != c {
		t.Errorf("Authenticate: %+v, %v; want %+v", got, err, c)
	}
	for session := range store.List[*dc.Session](st.View()) {
		if strings.Contains(session.TokenHash, token) || len(session.TokenHash) != 64 {
			t.Errorf("stored as %q, the token is %q", session.TokenHash, token)
		}
	}
	_, _, wrong := s.Login(t.Context(), "192.0.2.1", "alice", password+" ")
	_, _, unknown := s.Login(t.Context(), "192.0.2.1", "bob", password)
	_, _, impossible := s.Login(t.Context(), "192.0.2.1", "../bob", password)
	for _, err := range []error{wrong, unknown, impossible} {
		if dc.KindOf(err) != dc.Unauthenticated || err.Error() != "wrong user name or password" {
			t.Errorf("a wrong login: %v (%v)", err, dc.KindOf(err))
		}
	}
	want := []dc.EventType{dc.EventUserCreated, dc.EventPermissionAdded, dc.EventUserLogin, dc.EventBadLogin, dc.EventBadLogin, dc.EventBadLogin}
	if got := eventTypes(t, st, s); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	for _, token := range []string{"", "x", c.Name, string(c.Session)} {
		if kind := authenticated(s, token); kind != dc.Unauthenticated {
			t.Errorf("the token %q: %q", token, kind)
		}
	}
}

func TestLogout(t *testing.T) {
	st, s := open(t)
	create(t, s, "alice", dc.RoleReadOnly)
	token, c := login(t, s, "alice")
	other, _ := login(t, s, "alice")
	for range 2 {
		if err := s.Logout(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if authenticated(s, token) != dc.Unauthenticated || authenticated(s, other) != "" {
		t.Error("logging out did not end this session and no other")
	}
	if types := eventTypes(t, st, s); types[len(types)-1] != dc.EventUserLogout || len(types) != 5 {
		t.Errorf("events %v", types)
	}
	wantKind(t, s.Logout(t.Context(), dc.System), dc.WrongState, "no session")
}

func TestSessionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := store.OpenMemory()
		defer st.Close()
		s := access.New(st, slog.New(slog.DiscardHandler))
		create(t, s, "alice", dc.RoleReadOnly)
		first, _ := login(t, s, "alice")
		for range 12*60 - 1 { // used all the time
			time.Sleep(time.Minute)
			authenticated(s, first)
		}
		time.Sleep(time.Minute - time.Second)
		second, _ := login(t, s, "alice")
		if kind := authenticated(s, first); kind != "" {
			t.Errorf("a second before its end: %q", kind)
		}
		time.Sleep(time.Second)
		if kind := authenticated(s, first); kind != dc.Unauthenticated {
			t.Errorf("at its end: %q", kind)
		}
		if err := s.SweepSessions(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count[*dc.Session](st); n != 1 || authenticated(s, second) != "" {
			t.Errorf("%d sessions are left, want the second one", n)
		}
	})
}

func TestSetPassword(t *testing.T) {
	st, s := open(t)
	if created, err := s.Bootstrap(t.Context(), "root", password); err != nil || !created {
		t.Fatal(created, err)
	}
	create(t, s, "alice", dc.RoleReadOnly)
	mine, alice := login(t, s, "alice")
	other, stale := login(t, s, "alice")
	root, admin := login(t, s, "root")

	// One's own: needs no privilege, keeps the session that did it, and no other.
	if err := s.SetPassword(t.Context(), alice, "ALICE", "battery staple"); err != nil {
		t.Fatal(err)
	}
	if authenticated(s, mine) != "" || authenticated(s, other) != dc.Unauthenticated || authenticated(s, root) != "" {
		t.Errorf("mine %q, other %q, root's %q", authenticated(s, mine), authenticated(s, other), authenticated(s, root))
	}
	if _, _, err := s.Login(t.Context(), "192.0.2.1", "alice", password); dc.KindOf(err) != dc.Unauthenticated {
		t.Errorf("the old password: %v", err)
	}
	if _, _, err := s.Login(t.Context(), "192.0.2.1", "alice", "battery staple"); err != nil {
		t.Error(err)
	}
	// A call that was under way in a session that has ended since.
	wantKind(t, s.SetPassword(t.Context(), stale, "alice", "stale password"), dc.Unauthenticated, "ended")
	wantKind(t, s.SetPassword(t.Context(), alice, "root", "mine now, is it"), dc.Denied, "Authorization.ModifyPermissions")
	wantKind(t, s.SetPassword(t.Context(), alice, "alice", "short"), dc.Invalid, "too short")
	wantKind(t, s.SetPassword(t.Context(), admin, "nobody", "battery staple"), dc.NotFound, "nobody")

	// An administrator's: ends all sessions of the user.
	if err := s.SetPassword(t.Context(), admin, "alice", password); err != nil {
		t.Fatal(err)
	}
	if authenticated(s, mine) != dc.Unauthenticated || authenticated(s, root) != "" {
		t.Errorf("alice's %q, root's %q", authenticated(s, mine), authenticated(s, root))
	}
	if u, _ := store.Named[*dc.User](st.View(), "", "root"); !u.Initial {
		t.Error("root's password is not marked as the initial one")
	}
	if err := s.SetPassword(t.Context(), admin, "root", "battery staple"); err != nil {
		t.Fatal(err)
	}
	if u, _ := store.Named[*dc.User](st.View(), "", "root"); u.Initial {
		t.Error("root's password is marked as the initial one still")
	}
	if err := s.SweepSessions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count[*dc.Session](st); n != 1 || authenticated(s, root) != "" {
		t.Errorf("%d sessions are left, want root's", n)
	}
}

func TestChangedUser(t *testing.T) {
	st, s := open(t)
	create(t, s, "root", dc.RoleAdmin)
	create(t, s, "alice", dc.RoleReadOnly)
	token, first := login(t, s, "alice")
	if err := s.SetRole(t.Context(), dc.System, "alice", dc.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Authenticate(token); err != nil || s.Authorize(c, dc.PrivUsers, dc.ID(dc.RootFolder)) != nil {
		t.Errorf("after the change of role: %+v, %v", c, err)
	}
	wantKind(t, s.SetRole(t.Context(), dc.System, "alice", "Boss"), dc.Invalid, "no role")
	if err := s.DeleteUser(t.Context(), dc.System, "Alice"); err != nil {
		t.Fatal(err)
	}
	if kind := authenticated(s, token); kind != dc.Unauthenticated {
		t.Errorf("after the removal: %q", kind)
	}
	create(t, s, "alice", dc.RoleReadOnly)
	if kind := authenticated(s, token); kind != dc.Unauthenticated {
		t.Errorf("as another user of the same name: %q", kind)
	}
	wantKind(t, s.SetPassword(t.Context(), first, "alice", "battery staple"), dc.Unauthenticated, "ended")
	first.Session = ""
	wantKind(t, s.SetPassword(t.Context(), first, "alice", "battery staple"), dc.Unauthenticated, "ended")
	if err := s.SweepSessions(t.Context()); err != nil || count[*dc.Session](st) != 0 {
		t.Errorf("sessions are left; %v", err)
	}
	want := []dc.EventType{dc.EventUserCreated, dc.EventPermissionAdded, dc.EventUserCreated, dc.EventPermissionAdded, dc.EventUserLogin,
		dc.EventPermissionUpdated, dc.EventPermissionRemoved, dc.EventUserRemoved, dc.EventUserCreated, dc.EventPermissionAdded}
	if got := eventTypes(t, st, s); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestLastAdmin(t *testing.T) {
	_, s := open(t)
	create(t, s, "root", dc.RoleAdmin)
	create(t, s, "alice", dc.RoleReadOnly)
	wantKind(t, s.DeleteUser(t.Context(), dc.System, "root"), dc.WrongState, "nobody with the role Admin")
	wantKind(t, s.SetRole(t.Context(), dc.System, "root", dc.RoleReadOnly), dc.WrongState, "nobody with the role Admin")
	if err := s.SetRole(t.Context(), dc.System, "root", dc.RoleAdmin); err != nil {
		t.Error(err)
	}
	if err := s.SetRole(t.Context(), dc.System, "alice", dc.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteUser(t.Context(), dc.System, "root"); err != nil {
		t.Error(err)
	}
	wantKind(t, s.DeleteUser(t.Context(), dc.System, "root"), dc.NotFound, "root")
}

func TestBootstrap(t *testing.T) {
	st, s := open(t)
	if _, err := s.Bootstrap(t.Context(), "root", "short"); dc.KindOf(err) != dc.Invalid {
		t.Errorf("a short password: %v", err)
	}
	var wg sync.WaitGroup
	results := make(chan bool, 4)
	for range cap(results) {
		wg.Go(func() {
			created, err := s.Bootstrap(t.Context(), "root", password)
			if err != nil {
				t.Error(err)
			}
			results <- created
		})
	}
	wg.Wait()
	made := 0
	for range cap(results) {
		if <-results {
			made++
		}
	}
	if made != 1 || count[*dc.User](st) != 1 {
		t.Errorf("%d calls made a user, there are %d", made, count[*dc.User](st))
	}
	// The first user may go when there is another one, and does not come back.
	create(t, s, "alice", dc.RoleAdmin)
	if err := s.DeleteUser(t.Context(), dc.System, "root"); err != nil {
		t.Fatal(err)
	}
	if created, err := s.Bootstrap(t.Context(), "root", password); created || err != nil {
		t.Errorf("made again: %v, %v", created, err)
	}
}

// Somebody who guesses is slowed down, from his address and as that user only; time lets him try again, and a right password
// is no guess.
func TestGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, s := open(t)
		create(t, s, "alice", dc.RoleReadOnly)
		create(t, s, "bob", dc.RoleReadOnly)
		try := func(from, name, password string) error {
			_, _, err := s.Login(t.Context(), from, name, password)
			return err
		}
		for range 12 {
			if err := try("192.0.2.9", "alice", password); err != nil {
				t.Fatalf("a right password: %v", err)
			}
		}
		for n := range 4 {
			wantKind(t, try("192.0.2.9", []string{"alice", "ALICE"}[n%2], "guess"), dc.Unauthenticated, "wrong user name or password")
		}
		wantKind(t, try("192.0.2.9", "alice", password), "", "") // which makes up for the others
		for range 5 {
			wantKind(t, try("192.0.2.9", "alice", "guess"), dc.Unauthenticated, "")
		}
		wantKind(t, try("192.0.2.9", "alice", password), dc.Exhausted, "too many failed logins; wait 300 seconds")
		wantKind(t, try("192.0.2.9", "alice", "guess"), dc.Exhausted, "")
		wantKind(t, try("192.0.2.9", "bob", password), "", "")
		wantKind(t, try("192.0.2.8", "alice", password), "", "")
		time.Sleep(299 * time.Second)
		wantKind(t, try("192.0.2.9", "alice", password), dc.Exhausted, "wait 1 second")
		time.Sleep(time.Second)
		for range 10 { // slowly enough
			wantKind(t, try("192.0.2.9", "alice", "guess"), dc.Unauthenticated, "")
			time.Sleep(46 * time.Second)
		}
		wantKind(t, try("192.0.2.9", "alice", password), "", "")
		for range 5 { // of somebody who is not there, the same
			wantKind(t, try("192.0.2.9", "nobody", "guess"), dc.Unauthenticated, "")
		}
		wantKind(t, try("192.0.2.9", "nobody", "guess"), dc.Exhausted, "wait 300 seconds")
		locked := 0
		for e := range store.List[*dc.Event](st.View()) {
			if strings.Contains(e.Message, "from 192.0.2.9 are refused for 5 minutes: 5 have failed within 3 minutes") {
				locked++
			}
		}
		if locked != 2 {
			t.Errorf("%d events of somebody who is locked out, want 2", locked)
		}

		// One password for everybody.
		for n := range 100 {
			wantKind(t, try("192.0.2.7", fmt.Sprint("user", n), "guess"), dc.Unauthenticated, "")
		}
		wantKind(t, try("192.0.2.7", "bob", password), dc.Exhausted, "")
		wantKind(t, try("192.0.2.8", "bob", password), "", "")
	})
}

// A session that nobody uses ends, and what uses it keeps it.
func TestIdleSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, s := open(t)
		create(t, s, "alice", dc.RoleReadOnly)
		time.Sleep(time.Hour) // the service is older than its sessions
		idle, _ := login(t, s, "alice")
		used, _ := login(t, s, "alice")
		for range 3 {
			time.Sleep(29 * time.Minute)
			if kind := authenticated(s, used); kind != "" {
				t.Fatalf("a session in use ended: %s", kind)
			}
		}
		if kind := authenticated(s, idle); kind != dc.Unauthenticated {
			t.Errorf("an idle session: %q, want %q", kind, dc.Unauthenticated)
		}
		if err := s.SweepSessions(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count[*dc.Session](st); n != 1 {
			t.Errorf("%d sessions are left, want the one in use", n)
		}
		// A manager that has just started knows nobody's use, and ends nobody's session.
		time.Sleep(29 * time.Minute)
		next := access.New(st, slog.New(slog.DiscardHandler))
		time.Sleep(29 * time.Minute)
		if kind := authenticated(next, used); kind != "" {
			t.Errorf("a session after the restart: %q", kind)
		}
	})
}
