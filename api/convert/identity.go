package convert

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

// IdentitySource returns an identity source for the wire, without its secret.
func IdentitySource(o *dc.IdentitySource) *hanokv1.IdentitySource {
	spec := &hanokv1.IdentitySourceSpec{Type: string(o.Spec.Type), Domain: o.Spec.Domain, Alias: o.Spec.Alias, Ca: o.Spec.CA}
	if l := o.Spec.LDAP; l != nil {
		spec.Ldap = &hanokv1.LDAPSpec{Urls: l.URLs, StartTls: l.StartTLS, Plain: l.Plain, BindDn: l.BindDN, UserBase: l.UserBase,
			GroupBase: l.GroupBase, UserFilter: l.UserFilter, GroupFilter: l.GroupFilter, NameAttribute: l.NameAttribute,
			GroupNameAttribute: l.GroupNameAttribute, MemberAttribute: l.MemberAttribute, KeyAttribute: l.KeyAttribute}
	}
	if p := o.Spec.OIDC; p != nil {
		spec.Oidc = &hanokv1.OIDCSpec{Issuer: p.Issuer, ClientId: p.ClientID, Scopes: p.Scopes, UsernameClaim: p.UsernameClaim, GroupsClaim: p.GroupsClaim}
		if p.Lifetime != 0 {
			spec.Oidc.Lifetime = durationpb.New(p.Lifetime)
		}
	}
	return &hanokv1.IdentitySource{Id: string(o.ID), Name: o.Name, Created: Time(o.Created), Revision: o.Revision, Spec: spec, HasSecret: o.Secret != ""}
}

// FromIdentitySourceSpec returns the settings of an identity source from the wire; nil is the zero ones.
func FromIdentitySourceSpec(m *hanokv1.IdentitySourceSpec) dc.IdentitySourceSpec {
	spec := dc.IdentitySourceSpec{Type: dc.SourceType(m.GetType()), Domain: m.GetDomain(), Alias: m.GetAlias(), CA: m.GetCa()}
	if l := m.GetLdap(); l != nil {
		spec.LDAP = &dc.LDAPSpec{URLs: l.Urls, StartTLS: l.StartTls, Plain: l.Plain, BindDN: l.BindDn, UserBase: l.UserBase,
			GroupBase: l.GroupBase, UserFilter: l.UserFilter, GroupFilter: l.GroupFilter, NameAttribute: l.NameAttribute,
			GroupNameAttribute: l.GroupNameAttribute, MemberAttribute: l.MemberAttribute, KeyAttribute: l.KeyAttribute}
	}
	if p := m.GetOidc(); p != nil {
		spec.OIDC = &dc.OIDCSpec{Issuer: p.Issuer, ClientID: p.ClientId, Scopes: p.Scopes, UsernameClaim: p.UsernameClaim, GroupsClaim: p.GroupsClaim,
			Lifetime: p.Lifetime.AsDuration()}
	}
	return spec
}

// SourceCheck returns what a test of an identity source has found of one server for the wire.
func SourceCheck(c dc.SourceCheck) *hanokv1.IdentitySourceCheck {
	out := &hanokv1.IdentitySourceCheck{Url: c.URL, Users: int32(c.Users), Groups: int32(c.Groups), Took: durationpb.New(c.Took)}
	if c.Err != nil {
		out.Problem = dc.FailureOf(c.Err).Err().Error()
	}
	return out
}
