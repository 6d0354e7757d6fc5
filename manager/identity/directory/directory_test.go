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
	spec := dc.IdentitySourceSpec{Type: dc.SourceLDAP, Domain: "example.com", CA: string(s.CA), LDAP: &dc.LDAPSpec{URLs: []string{s.Secure},
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
