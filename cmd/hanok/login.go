package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hanok/api/hanok/v1"
)

// loginCommand opens a session that lasts, unlike those of all other commands.
func (a *app) loginCommand() *cobra.Command {
	token, sso, code := false, "", false
	cmd := &cobra.Command{
		Use: "login", Short: "Log in and print the settings of the session for a shell", Args: cobra.NoArgs,
		Long: `Log in and print the settings of the session, to be used as

  eval "$(hanok --data DIR login)"

The session lasts for 12 hours, or until "hanok logout". With --token, the settings are those of an API token, which is read from the
first line of standard input:

  eval "$(hanok login --token < FILE)"

With --sso, the login is one at an identity source of the type oidc, with a browser on this machine, or with --device on any.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			if token {
				secret, err := a.readSecret("API token")
				if err != nil {
					return err
				}
				a.getenv = with(a.getenv, map[string]string{"HANOK_TOKEN": secret, "HANOK_USERNAME": "", "HANOK_PASSWORD": ""})
			}
			a.nobody = sso != ""
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.http.CloseIdleConnections()
			switch {
			case token:
				_, err = c.session.WhoAmI(cmd.Context(), &hanokv1.WhoAmIRequest{})
				err = c.explain(err)
			case sso != "":
				err = a.loginSSO(cmd.Context(), c, sso, code)
			case c.token == "":
				err = c.login(cmd.Context())
			}
			if err != nil {
				return err
			}
			values := [][2]string{{"HANOK_SERVER", c.server}, {"HANOK_TOKEN", c.token}}
			if c.insecure {
				values = append(values, [2]string{"HANOK_INSECURE", "1"})
			} else if c.ca != "" {
				ca, err := filepath.Abs(c.ca)
				if err != nil {
					return err
				}
				values = append(values, [2]string{"HANOK_CA", ca})
			}
			for _, v := range values {
				fmt.Fprintf(a.stdout, "export %s=%s\n", v[0], shellQuote(v[1]))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&token, "token", false, "with an API token from standard input")
	cmd.Flags().StringVar(&sso, "sso", "", "at the identity source of this name or domain")
	cmd.Flags().BoolVar(&code, "device", false, "with --sso: with a browser on another machine, and a code")
	cmd.MarkFlagsMutuallyExclusive("token", "sso")
	return cmd
}

// with returns an environment in which some variables have other values.
func with(getenv func(string) string, values map[string]string) func(string) string {
	return func(name string) string {
		if v, ok := values[name]; ok {
			return v
		}
		return getenv(name)
	}
}

// logoutCommand ends the session of HANOK_TOKEN.
func (a *app) logoutCommand() *cobra.Command {
	return a.client(command{use: "logout", short: "End the session of HANOK_TOKEN", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			if a.getenv("HANOK_TOKEN") != c.token {
				return missing("there is no session to end", "set HANOK_SERVER and HANOK_TOKEN as \"hanok login\" printed them")
			}
			_, err := c.session.Logout(ctx, &hanokv1.LogoutRequest{})
			return err
		}})
}

func (a *app) whoamiCommand() *cobra.Command {
	columns := []column[*hanokv1.WhoAmIResponse]{
		{"User", (*hanokv1.WhoAmIResponse).GetUsername},
		{"ID", (*hanokv1.WhoAmIResponse).GetUserId},
		{"Role", (*hanokv1.WhoAmIResponse).GetRole},
		{"API token", (*hanokv1.WhoAmIResponse).GetApiToken},
	}
	return a.client(command{use: "whoami", short: "Show who is logged in", args: cobra.NoArgs,
		do: func(ctx context.Context, c *client, _ []string) error {
			res, err := c.session.WhoAmI(ctx, &hanokv1.WhoAmIRequest{})
			if err != nil {
				return err
			}
			return show(a, res, columns)
		}})
}

// shellQuote returns s as one word of a POSIX shell.
func shellQuote(s string) string {
	special := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/:.-_", r)
	}
	if s != "" && strings.IndexFunc(s, special) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
