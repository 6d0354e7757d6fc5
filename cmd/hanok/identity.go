package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/durationpb"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

var sourceColumns = []column[*hanokv1.IdentitySource]{
	{"Name", (*hanokv1.IdentitySource).GetName},
	{"ID", (*hanokv1.IdentitySource).GetId},
	{"Type", func(o *hanokv1.IdentitySource) string { return o.Spec.GetType() }},
	{"Domain", func(o *hanokv1.IdentitySource) string { return o.Spec.GetDomain() }},
	{"Alias", func(o *hanokv1.IdentitySource) string { return o.Spec.GetAlias() }},
	{"At", func(o *hanokv1.IdentitySource) string {
		return cmp.Or(strings.Join(o.Spec.GetLdap().GetUrls(), " "), o.Spec.GetOidc().GetIssuer())
	}},
}

var sourceCheckColumns = []column[*hanokv1.IdentitySourceCheck]{
	{"At", (*hanokv1.IdentitySourceCheck).GetUrl},
	{"Users", func(o *hanokv1.IdentitySourceCheck) string { return fmt.Sprint(o.Users) }},
	{"Groups", func(o *hanokv1.IdentitySourceCheck) string { return fmt.Sprint(o.Groups) }},
	{"Took", func(o *hanokv1.IdentitySourceCheck) string {
		return o.Took.AsDuration().Round(time.Millisecond).String()
	}},
	{"Problem", (*hanokv1.IdentitySourceCheck).GetProblem},
}

func (a *app) identityCommands() *cobra.Command {
	return group("identity-source", "Identity sources: directories and providers whose users log in here",
		a.client(command{use: "list", short: "List identity sources", args: cobra.NoArgs,
			do: func(ctx context.Context, c *client, _ []string) error {
				res, err := c.identity.ListIdentitySources(ctx, &hanokv1.ListIdentitySourcesRequest{})
				if err != nil {
					return err
				}
				return list(a, res.IdentitySources, sourceColumns)
			}}),
		a.sourceAddCommand(), a.sourceUpdateCommand(),
		a.client(command{use: "test NAME", short: "Ask the servers of an identity source; fails where one can't be asked", args: cobra.ExactArgs(1), object: true, complete: sourceNames,
			do: func(ctx context.Context, c *client, args []string) error {
				res, err := c.identity.TestIdentitySource(ctx, &hanokv1.TestIdentitySourceRequest{IdentitySource: args[0]})
				if err != nil {
					return err
				}
				if err := list(a, res.Checks, sourceCheckColumns); err != nil {
					return err
				}
				for _, check := range res.Checks {
					if check.Problem != "" {
						return errSilent
					}
				}
				return nil
			}}),
		a.client(command{use: "remove NAME", short: "Remove an identity source with its users and groups, and their permissions", args: cobra.ExactArgs(1), object: true, complete: sourceNames,
			do: func(ctx context.Context, c *client, args []string) error {
				_, err := c.identity.DeleteIdentitySource(ctx, &hanokv1.DeleteIdentitySourceRequest{IdentitySource: args[0]})
				return err
			}}),
	)
}

func (a *app) sourceAddCommand() *cobra.Command {
	f := &sourceFlags{}
	cmd := a.client(command{use: "add NAME", short: "Add an identity source", args: cobra.ExactArgs(1), object: true,
		long: `Add an identity source: a directory that is asked by LDAP, or a provider of OpenID Connect.

  hanok identity-source add company --type ad --domain example.com --alias EXAMPLE --url ldaps://dc1.example.com --url ldaps://dc2.example.com \
      --ca ca.pem --bind-dn cn=hanok,cn=Users,dc=example,dc=com --user-base dc=example,dc=com --group-base dc=example,dc=com --secret-stdin < FILE
  hanok identity-source add sso --type oidc --domain example.com --issuer https://id.example.com --client-id hanok

Its users log in as alice@example.com or EXAMPLE\alice, once they or a group of theirs have a permission:

  hanok permission set /Datacenter/vm/web --group web@example.com --role VirtualMachinePowerUser`,
		do: func(ctx context.Context, c *client, args []string) error {
			req := &hanokv1.CreateIdentitySourceRequest{Name: args[0], Spec: &hanokv1.IdentitySourceSpec{}}
			var err error
			if req.Secret, err = f.apply(a, req.Spec); err != nil {
				return err
			}
			res, err := c.identity.CreateIdentitySource(ctx, req)
			if err != nil {
				return err
			}
			return done(a, res.IdentitySource)
		}})
	f.add(cmd)
	required(cmd, "type")
	required(cmd, "domain")
	return cmd
}

func (a *app) sourceUpdateCommand() *cobra.Command {
	f, name := &sourceFlags{}, ""
	cmd := a.client(command{use: "update NAME", short: "Change settings of an identity source", args: cobra.ExactArgs(1), object: true, complete: sourceNames,
		do: func(ctx context.Context, c *client, args []string) error {
			res, err := c.identity.ListIdentitySources(ctx, &hanokv1.ListIdentitySourcesRequest{})
			if err != nil {
				return err
			}
			for _, o := range res.IdentitySources {
				if o.Name != args[0] && o.Id != args[0] {
					continue
				}
				req := &hanokv1.UpdateIdentitySourceRequest{IdentitySource: o.Id, Name: name, Spec: o.Spec}
				if req.Secret, err = f.apply(a, req.Spec); err != nil {
					return err
				}
				res, err := c.identity.UpdateIdentitySource(ctx, req)
				if err != nil {
					return err
				}
				return done(a, res.IdentitySource)
			}
			return dc.Errorf(dc.NotFound, "there is none of this name").Fix("choose one that is listed (hanok identity-source list)")
		}})
	cmd.Flags().StringVar(&name, "name", "", "the new name")
	f.add(cmd)
	return cmd
}

// sourceFlags are the settings of an identity source as flags. Those that are not given stay as they are.
type sourceFlags struct {
	lifetime             time.Duration
	flags                *pflag.FlagSet
	typ, domain, alias   string
	ca                   string
	secret               bool
	ldap                 hanokv1.LDAPSpec
	oidc                 hanokv1.OIDCSpec
	ldapTexts, oidcTexts map[string]*string
}

func (f *sourceFlags) add(cmd *cobra.Command) {
	f.flags = cmd.Flags()
	f.flags.StringVar(&f.typ, "type", "", "ldap, ad (Active Directory) or oidc")
	f.flags.StringVar(&f.domain, "domain", "", "the domain that ends the names of its users: example.com")
	f.flags.StringVar(&f.alias, "alias", "", "a short form of the domain: EXAMPLE")
	f.flags.StringVar(&f.ca, "ca", "", "the file with the certificates that vouch for its servers")
	f.flags.BoolVar(&f.secret, "secret-stdin", false, "read the password of the bind DN, or the client secret, from the first line of standard input")
	f.flags.StringArrayVar(&f.ldap.Urls, "url", nil, "ldap: a server, ldaps://HOST[:PORT]; may be given again for others")
	f.flags.BoolVar(&f.ldap.StartTls, "start-tls", false, "ldap: encrypt connections of ldap:// URLs")
	f.flags.BoolVar(&f.ldap.Plain, "allow-plain", false, "ldap: allow ldap:// without encryption, so that everybody on the way can read passwords")
	f.ldapTexts = map[string]*string{}
	text := func(texts map[string]*string, into *string, name, usage string) {
		f.flags.StringVar(into, name, "", usage)
		texts[name] = into
	}
	text(f.ldapTexts, &f.ldap.BindDn, "bind-dn", "ldap: who searches")
	text(f.ldapTexts, &f.ldap.UserBase, "user-base", "ldap: the entry below which users are")
	text(f.ldapTexts, &f.ldap.GroupBase, "group-base", "ldap: the entry below which groups are")
	text(f.ldapTexts, &f.ldap.UserFilter, "user-filter", "ldap: what tells users from other entries (default: the type's own)")
	text(f.ldapTexts, &f.ldap.GroupFilter, "group-filter", "ldap: what tells groups from other entries (default: the type's own)")
	text(f.ldapTexts, &f.ldap.NameAttribute, "name-attribute", "ldap: the name that users log in with (default: uid, or sAMAccountName)")
	text(f.ldapTexts, &f.ldap.GroupNameAttribute, "group-name-attribute", "ldap: the name of groups (default: cn, or sAMAccountName)")
	text(f.ldapTexts, &f.ldap.MemberAttribute, "member-attribute", "ldap: the DNs of a group's members (default: member)")
	text(f.ldapTexts, &f.ldap.KeyAttribute, "key-attribute", "ldap: what an entry keeps for life (default: entryUUID, or objectGUID)")
	f.oidcTexts = map[string]*string{}
	text(f.oidcTexts, &f.oidc.Issuer, "issuer", "oidc: the provider's URL")
	text(f.oidcTexts, &f.oidc.ClientId, "client-id", "oidc: what the manager is called there")
	text(f.oidcTexts, &f.oidc.UsernameClaim, "username-claim", "oidc: what has a user's name (default: preferred_username)")
	text(f.oidcTexts, &f.oidc.GroupsClaim, "groups-claim", "oidc: what has the names of a user's groups (default: groups)")
	f.flags.DurationVar(&f.lifetime, "login-lifetime", 0, "oidc: how long a login there counts, with the groups that it has shown (default 24h)")
	f.flags.StringArrayVar(&f.oidc.Scopes, "scope", nil, "oidc: what is asked for besides openid; may be given again (default: profile and email)")
}

// apply changes what was given, and returns the secret, or "".
func (f *sourceFlags) apply(a *app, spec *hanokv1.IdentitySourceSpec) (secret string, err error) {
	changed := f.flags.Changed
	for name, into := range map[string]*string{"type": &spec.Type, "domain": &spec.Domain, "alias": &spec.Alias} {
		if changed(name) {
			*into = map[string]string{"type": f.typ, "domain": f.domain, "alias": f.alias}[name]
		}
	}
	if changed("ca") {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return "", missing(err.Error(), "name a file with certificates in PEM form")
		}
		spec.Ca = string(pem)
	}
	if spec.Type == string(dc.SourceOIDC) {
		if spec.Oidc == nil {
			spec.Oidc = &hanokv1.OIDCSpec{}
		}
		for name, into := range map[string]*string{"issuer": &spec.Oidc.Issuer, "client-id": &spec.Oidc.ClientId,
			"username-claim": &spec.Oidc.UsernameClaim, "groups-claim": &spec.Oidc.GroupsClaim} {
			if changed(name) {
				*into = *f.oidcTexts[name]
			}
		}
		if changed("login-lifetime") {
			spec.Oidc.Lifetime = durationpb.New(f.lifetime)
		}
		if changed("scope") {
			spec.Oidc.Scopes = f.oidc.Scopes
		}
	} else {
		if spec.Ldap == nil {
			spec.Ldap = &hanokv1.LDAPSpec{}
		}
		l := spec.Ldap
		for name, into := range map[string]*string{"bind-dn": &l.BindDn, "user-base": &l.UserBase, "group-base": &l.GroupBase,
			"user-filter": &l.UserFilter, "group-filter": &l.GroupFilter, "name-attribute": &l.NameAttribute,
			"group-name-attribute": &l.GroupNameAttribute, "member-attribute": &l.MemberAttribute, "key-attribute": &l.KeyAttribute} {
			if changed(name) {
				*into = *f.ldapTexts[name]
			}
		}
		if changed("url") {
			l.Urls = f.ldap.Urls
		}
		if changed("start-tls") {
			l.StartTls = f.ldap.StartTls
		}
		if changed("allow-plain") {
			l.Plain = f.ldap.Plain
		}
	}
	if f.secret {
		return a.readSecret("secret")
	}
	return "", nil
}

func sourceNames(ctx context.Context, c *client) ([]string, error) {
	res, err := c.identity.ListIdentitySources(ctx, &hanokv1.ListIdentitySourcesRequest{})
	return namesOf(res.GetIdentitySources()), err
}
