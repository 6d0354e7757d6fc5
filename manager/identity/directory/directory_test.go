package directory_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"hanok/dc"
	"hanok/internal/pki"
	"hanok/internal/testhost"
	"hanok/manager/identity/directory"
	"hanok/test/slapd"
)

// open returns the directory of a server.
func open(t *testing.T, s *slapd.Server, change func(*dc.LDAPSpec)) *directory.Directory {
	t.Helper()
	return openType(t, s, dc.SourceLDAP, change)
}

func openType(t *testing.T, s *slapd.Server, typ dc.SourceType, change func(*dc.LDAPSpec)) *directory.Directory {
	t.Helper()
	spec := dc.IdentitySourceSpec{Type: typ, Domain: "example.com", CA: string(s.CA), LDAP: &dc.LDAPSpec{URLs: []string{s.Secure},
		BindDN: slapd.BindDN, UserBase: slapd.Users, GroupBase: slapd.Groups}}
	if change != nil {
		change(spec.LDAP)
	}
	if err := spec.Complete(); err != nil {
		t.Fatal(err)
	}
	return &directory.Directory{Type: spec.Type, Spec: *spec.LDAP, CA: spec.CA, Password: slapd.Password}
}

func wantKind(t *testing.T, err error, want dc.ErrorKind, text string) {
	t.Helper()
	if dc.KindOf(err) != want || want != "" && !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (kind %q), want kind %q with %q", err, dc.KindOf(err), want, text)
	}
}

func TestAccounts(t *testing.T) {
	testhost.Require(t)
	s := slapd.Start(t)
	d := open(t, s, nil)
	alice, err := d.Login(t.Context(), "ALICE", "alice-has-a-password")
	if err != nil || alice.Name != "alice" || len(alice.Key) != 36 || alice.Disabled {
		t.Fatalf("%+v, %v", alice, err)
	}
	var groups []string // web, which she is in, staff, which that is in, and loop, which is in that and has it in it
	for _, name := range []string{"web", "staff", "loop"} {
		g, err := d.Group(t.Context(), name)
		if err != nil || g.Name != name {
			t.Fatalf("%+v, %v", g, err)
		}
		groups = append(groups, g.Key)
	}
	slices.Sort(groups)
	if !slices.Equal(alice.Groups, groups) {
		t.Errorf("her groups are %v, want %v", alice.Groups, groups)
	}
	again, err := d.UserByKey(t.Context(), alice.Key)
	if err != nil || again.Name != "alice" || !slices.Equal(again.Groups, groups) {
		t.Errorf("%+v, %v", again, err)
	}
	if bob, err := d.Login(t.Context(), "bob", "bob-has-a-password"); err != nil || len(bob.Groups) != 0 {
		t.Errorf("%+v, %v", bob, err)
	}
	// A name with all that means something in a filter or a DN.
	if sly, err := d.Login(t.Context(), "sly,*", "sly-has-a-password"); err != nil || !slices.Equal(sly.Groups, groups) {
		t.Errorf("%+v, %v", sly, err)
	}
	for _, tt := range [][2]string{{"alice", "wrong"}, {"alice", ""}, {"", "x"}, {"nobody", "x"}, {"nobody", ""}, {"*", "alice-has-a-password"},
		{"al*", "alice-has-a-password"}, {"alice)(uid=*", "alice-has-a-password"}, {`alice\00`, "alice-has-a-password"}, {"al\x00ice", "alice-has-a-password"},
		{"hanok", slapd.Password}, {"away", "x"}} {
		_, err := d.Login(t.Context(), tt[0], tt[1])
		wantKind(t, err, dc.Unauthenticated, "")
	}
	_, err = d.User(t.Context(), "nobody")
	wantKind(t, err, dc.NotFound, "")
	_, err = d.Group(t.Context(), "*")
	wantKind(t, err, dc.NotFound, "")

	s.Modify("dn: uid=bob," + slapd.Users + "\nchangetype: delete\n")
	_, err = d.User(t.Context(), "bob")
	wantKind(t, err, dc.NotFound, "")
}

func TestServers(t *testing.T) {
	testhost.Require(t)
	s := slapd.Start(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	other, err := pki.NewCA(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*dc.LDAPSpec)
		ca     string
		kind   dc.ErrorKind
		text   string
	}{
		{"StartTLS", func(l *dc.LDAPSpec) { l.URLs, l.StartTLS = []string{s.Plain}, true }, "", "", ""},
		{"plain, as asked for", func(l *dc.LDAPSpec) { l.URLs, l.Plain = []string{s.Plain}, true }, "", "", ""},
		{"another CA", nil, string(other.PEM()), dc.Unavailable, "not one that the identity source's CA vouches for"},
		{"another CA, StartTLS", func(l *dc.LDAPSpec) { l.URLs, l.StartTLS = []string{s.Plain}, true }, string(other.PEM()), dc.Unavailable, "vouches for"},
		{"no CA that can be read", nil, "nonsense", dc.Unavailable, "no certificate that can be read"},
		{"another name", func(l *dc.LDAPSpec) { l.URLs = []string{strings.Replace(s.Secure, "127.0.0.1", "localhost", 1)} }, "", dc.Unavailable, "not to be trusted"},
		{"no TLS there", func(l *dc.LDAPSpec) { l.URLs = []string{strings.Replace(s.Plain, "ldap:", "ldaps:", 1)} }, "", dc.Unavailable, ""},
		{"nobody there", func(l *dc.LDAPSpec) { l.URLs = []string{"ldaps://127.0.0.1:1"} }, "", dc.Unavailable, "connection refused"},
		{"failover", func(l *dc.LDAPSpec) { l.URLs = []string{"ldaps://127.0.0.1:1", s.Secure} }, "", "", ""},
		{"somebody silent", func(l *dc.LDAPSpec) { l.URLs = []string{"ldaps://" + silent.Addr().String()} }, "", dc.Unavailable, "does not answer in time"},
		{"a bind DN that is not there", func(l *dc.LDAPSpec) { l.BindDN = "cn=other," + slapd.Suffix }, "", dc.Unavailable, "refuses the bind DN"},
		{"a base that is not there", func(l *dc.LDAPSpec) { l.UserBase = "ou=none," + slapd.Suffix }, "", dc.Unavailable, "no entry with the base DN"},
		{"nobody searches", func(l *dc.LDAPSpec) { l.BindDN = "" }, "", dc.Unavailable, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t, s, tt.change)
			if tt.ca != "" {
				d.CA = tt.ca
			}
			ctx := t.Context()
			if strings.Contains(tt.name, "silent") {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
				defer cancel()
			}
			_, err := d.User(ctx, "alice")
			wantKind(t, err, tt.kind, tt.text)
			_, err = d.Login(ctx, "alice", "wrong") // which no server but the right one is told
			if want := tt.kind; want == "" {
				wantKind(t, err, dc.Unauthenticated, "refuses the name or the password")
			} else if dc.KindOf(err) != want {
				t.Errorf("login: %v", err)
			}
		})
	}
	d := open(t, s, func(l *dc.LDAPSpec) { l.URLs = []string{s.Secure, "ldaps://127.0.0.1:1"} })
	checks := d.Test(t.Context())
	if len(checks) != 2 || checks[0].Err != nil || checks[0].Users != 3 || checks[0].Groups != 4 || dc.KindOf(checks[1].Err) != dc.Unavailable {
		t.Errorf("%+v", checks)
	}
	s.Stop()
	_, err = d.User(t.Context(), "alice")
	wantKind(t, err, dc.Unavailable, "no server of the directory can be asked")
	s.Resume()
	if _, err := d.User(t.Context(), "alice"); err != nil {
		t.Error(err)
	}
}

// TestManyGroups sees that somebody in more groups than a directory may say is refused, and not half known.
func TestManyGroups(t *testing.T) {
	testhost.Require(t)
	s := slapd.Start(t)
	var ldif strings.Builder
	for i := range 1001 {
		name := strings.Repeat("g", 1+i%7) + time.Duration(i).String()
		ldif.WriteString("dn: cn=" + name + "," + slapd.Groups + "\nchangetype: add\nobjectClass: groupOfNames\ncn: " + name + "\nmember: uid=bob," + slapd.Users + "\n\n")
	}
	s.Modify(ldif.String())
	_, err := open(t, s, nil).Login(t.Context(), "bob", "bob-has-a-password")
	wantKind(t, err, dc.Exhausted, "more than 1000 groups")
}

// TestPOSIX: somebody is in the groups of the POSIX schema that have his name, in his primary one, and in those that have one of these as a
// member; and nobody is by a name that is part of a filter.
func TestPOSIX(t *testing.T) {
	testhost.Require(t)
	s := slapd.Start(t)
	s.Modify(`dn: uid=bob,` + slapd.Users + `
changetype: modify
add: objectClass
objectClass: posixAccount
-
add: uidNumber
uidNumber: 1000
-
add: gidNumber
gidNumber: 100
-
add: homeDirectory
homeDirectory: /home/bob

dn: cn=users,` + slapd.Groups + `
changetype: add
objectClass: posixGroup
cn: users
gidNumber: 100

dn: cn=wheel,` + slapd.Groups + `
changetype: add
objectClass: posixGroup
cn: wheel
gidNumber: 10
memberUid: bob
memberUid: sly,*

dn: cn=audio,` + slapd.Groups + `
changetype: add
objectClass: posixGroup
cn: audio
gidNumber: 29
memberUid: BOB
memberUid: alice

dn: cn=nested,` + slapd.Groups + `
changetype: add
objectClass: groupOfNames
cn: nested
member: cn=wheel,` + slapd.Groups + `
`)
	for _, change := range []func(*dc.LDAPSpec){nil, func(l *dc.LDAPSpec) { l.GroupFilter = "(objectClass=posixGroup)" }, func(l *dc.LDAPSpec) { l.GroupFilter = "(objectClass=groupOfNames)" }} {
		d := open(t, s, change)
		for user, want := range map[string]string{"bob": "nested users wheel", "sly,*": "loop nested staff web wheel", "alice": "loop staff web"} {
			a, err := d.User(t.Context(), user)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, name := range []string{"audio", "loop", "nested", "staff", "users", "web", "wheel"} {
				if g, err := open(t, s, nil).Group(t.Context(), name); err != nil {
					t.Error(err)
				} else if slices.Contains(a.Groups, g.Key) {
					names = append(names, name)
				}
			}
			posix := func(name string) bool { return slices.Contains([]string{"users", "wheel", "audio"}, name) }
			want := slices.DeleteFunc(strings.Fields(want), func(name string) bool {
				switch d.Spec.GroupFilter {
				case "(objectClass=posixGroup)":
					return !posix(name)
				case "(objectClass=groupOfNames)": // no group of the POSIX schema counts, nor what has it as a member
					return posix(name) || name == "nested"
				}
				return false
			})
			if !slices.Equal(names, want) {
				t.Errorf("%s by %s is in %v, want %v", user, d.Spec.GroupFilter, names, want)
			}
		}
	}
}

// TestActiveDirectory asks a server with the schema of an Active Directory, as far as slapd can have that: names and keys, nested groups, accounts
// that are disabled. What it can't: primary groups and tokenGroups, ranges of members, and a Windows server's bind.
func TestActiveDirectory(t *testing.T) {
	testhost.Require(t)
	s := slapd.Start(t)
	s.Modify(`dn: cn=Carol Example,` + slapd.Users + `
changetype: add
objectClass: user
cn: Carol Example
sn: Example
sAMAccountName: Carol
userPrincipalName: carol@example.com
objectCategory: person
objectGUID:: AAECAwQFBgcICQoLDA0ODw==
userAccountControl: 512
userPassword: carol-has-a-password

dn: cn=Dave Example,` + slapd.Users + `
changetype: add
objectClass: user
cn: Dave Example
sn: Example
sAMAccountName: dave
objectCategory: person
objectGUID:: EBECAwQFBgcICQoLDA0ODw==
userAccountControl: 514
userPassword: dave-has-a-password

dn: cn=WebAdmins,` + slapd.Groups + `
changetype: add
objectClass: group
cn: WebAdmins
sAMAccountName: WebAdmins
objectGUID:: IBECAwQFBgcICQoLDA0ODw==
member: cn=Carol Example,` + slapd.Users + `

dn: cn=All,` + slapd.Groups + `
changetype: add
objectClass: group
cn: All
sAMAccountName: All
objectGUID:: MBECAwQFBgcICQoLDA0ODw==
member: cn=WebAdmins,` + slapd.Groups + `
`)
	active := func(change func(*dc.LDAPSpec)) *directory.Directory {
		return openType(t, s, dc.SourceActiveDirectory, change)
	}
	d := active(nil)
	carol, err := d.Login(t.Context(), "carol", "carol-has-a-password")
	want := []string{"20110203040506070809" + "0a0b0c0d0e0f", "30110203040506070809" + "0a0b0c0d0e0f"}
	if err != nil || carol.Name != "carol" || carol.Key != "000102030405060708090a0b0c0d0e0f" || carol.Disabled || !slices.Equal(carol.Groups, want) {
		t.Errorf("%+v, %v", carol, err)
	}
	if again, err := d.UserByKey(t.Context(), "000102030405060708090a0b0c0d0e0f"); err != nil || again.Name != "carol" {
		t.Errorf("%+v, %v", again, err)
	}
	if dave, err := d.User(t.Context(), "dave"); err != nil || !dave.Disabled {
		t.Errorf("%+v, %v", dave, err)
	}
	if g, err := d.Group(t.Context(), "webadmins"); err != nil || g.Key != want[0] {
		t.Errorf("%+v, %v", g, err)
	}
	byName := active(func(l *dc.LDAPSpec) { l.NameAttribute = "userPrincipalName" })
	if carol, err := byName.Login(t.Context(), "Carol@example.com", "carol-has-a-password"); err != nil || carol.Name != "carol@example.com" {
		t.Errorf("%+v, %v", carol, err)
	}
	_, err = d.Login(t.Context(), "alice", "alice-has-a-password") // who is no user of this schema
	wantKind(t, err, dc.Unauthenticated, "")
}
