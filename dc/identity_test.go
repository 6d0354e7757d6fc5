package dc

import (
	"strings"
	"testing"
)

func TestSourceComplete(t *testing.T) {
	ldap := func(change func(*IdentitySourceSpec)) IdentitySourceSpec {
		s := IdentitySourceSpec{Type: SourceLDAP, Domain: "Example.com", Alias: "EXAMPLE",
			LDAP: &LDAPSpec{URLs: []string{"ldaps://ldap.example.com"}, UserBase: "ou=people", GroupBase: "ou=groups"}}
		change(&s)
		return s
	}
	oidc := func(change func(*OIDCSpec)) IdentitySourceSpec {
		s := IdentitySourceSpec{Type: SourceOIDC, Domain: "example.com", OIDC: &OIDCSpec{Issuer: "https://id.example.com/realm", ClientID: "hanok"}}
		change(s.OIDC)
		return s
	}
	for _, tt := range []struct {
		name string
		spec IdentitySourceSpec
		want string
	}{
		{"a directory", ldap(func(*IdentitySourceSpec) {}), ""},
		{"StartTLS", ldap(func(s *IdentitySourceSpec) { s.LDAP.URLs, s.LDAP.StartTLS = []string{"ldap://[::1]:389"}, true }), ""},
		{"plain", ldap(func(s *IdentitySourceSpec) { s.LDAP.URLs = []string{"ldap://ldap.example.com"} }), "passwords that everybody on the way can read"},
		{"plain, as asked for", ldap(func(s *IdentitySourceSpec) { s.LDAP.URLs, s.LDAP.Plain = []string{"ldap://ldap.example.com"}, true }), ""},
		{"plain among others", ldap(func(s *IdentitySourceSpec) { s.LDAP.URLs = append(s.LDAP.URLs, "ldap://b") }), "passwords"},
		{"no URL", ldap(func(s *IdentitySourceSpec) { s.LDAP.URLs = nil }), "it has 0 URLs"},
		{"a URL with a search in it", ldap(func(s *IdentitySourceSpec) { s.LDAP.URLs = []string{"ldaps://a/dc=x??sub"} }), "no URL of a directory"},
		{"a password in a URL", ldap(func(s *IdentitySourceSpec) { s.LDAP.URLs = []string{"ldaps://u:p@a"} }), "no URL of a directory"},
		{"another scheme", ldap(func(s *IdentitySourceSpec) { s.LDAP.URLs = []string{"ldapi://a"} }), "no URL of a directory"},
		{"an attribute with a filter in it", ldap(func(s *IdentitySourceSpec) { s.LDAP.NameAttribute = "uid=*)(x" }), "no name of an attribute"},
		{"no base", ldap(func(s *IdentitySourceSpec) { s.LDAP.UserBase = "" }), "no base DN"},
		{"no domain", ldap(func(s *IdentitySourceSpec) { s.Domain = "" }), "it has no domain"},
		{"a domain with a backslash", ldap(func(s *IdentitySourceSpec) { s.Domain = `a\b` }), "no name of a domain"},
		{"much text", ldap(func(s *IdentitySourceSpec) { s.LDAP.UserFilter = strings.Repeat("x", 1025) }), "longer than 1024"},
		{"many certificates", ldap(func(s *IdentitySourceSpec) { s.CA = strings.Repeat("x", 64<<10+1) }), "longer than 64 KiB"},
		{"both", ldap(func(s *IdentitySourceSpec) { s.OIDC = &OIDCSpec{} }), "no identity source of the type"},
		{"neither", IdentitySourceSpec{Type: "nis", Domain: "x"}, `type "nis"`},
		{"a provider", oidc(func(*OIDCSpec) {}), ""},
		{"a provider on loopback", oidc(func(o *OIDCSpec) { o.Issuer = "http://127.0.0.1:9998/" }), ""},
		{"a provider without TLS", oidc(func(o *OIDCSpec) { o.Issuer = "http://id.example.com" }), "is no issuer"},
		{"a provider with a query", oidc(func(o *OIDCSpec) { o.Issuer += "?a=b" }), "is no issuer"},
		{"no client", oidc(func(o *OIDCSpec) { o.ClientID = "" }), "no client ID"},
	} {
		err := tt.spec.Complete()
		if tt.want == "" && err != nil || tt.want != "" && (KindOf(err) != Invalid || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	s := ldap(func(s *IdentitySourceSpec) { s.Type = SourceActiveDirectory })
	if err := s.Complete(); err != nil || s.LDAP.NameAttribute != "sAMAccountName" || s.LDAP.KeyAttribute != "objectGUID" || s.Domain != "example.com" || s.Alias != "example" {
		t.Errorf("%+v, %+v, %v", s, s.LDAP, err)
	}
}

func TestSplitAccount(t *testing.T) {
	for ref, want := range map[string][2]string{
		`EXAMPLE\Alice`: {"alice", "example"}, "Alice@Example.COM": {"alice", "example.com"}, "a@b@c": {"a@b", "c"}, "alice": {}, "": {},
		`\alice`: {"alice", ""}, "@c": {"", "c"}, `D\a@b`: {"a@b", "d"},
	} {
		if name, domain := SplitAccount(ref); name != want[0] || domain != want[1] {
			t.Errorf("%q is %q of %q", ref, name, domain)
		}
	}
}
