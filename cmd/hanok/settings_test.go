package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	fresh, changed, empty := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fresh, "first-login.json", `{"url":"https://dc:8443","user":"admin","password":"first"}`)
	write(fresh, "server.json", `{"url":"https://dc:8443"}`)
	write(changed, "server.json", `{"url":"https://dc:8443"}`)
	host := t.TempDir()
	write(host, "hanok.json", `{"format":1,"run":"x","manager":"https://dc:8443"}`)
	damaged := t.TempDir()
	write(damaged, "first-login.json", `{`)

	for _, tc := range []struct {
		name string
		data string
		env  map[string]string
		want settings
		err  string // in the error, with its remedy
	}{
		{name: "nothing", err: "HANOK_SERVER"},
		{name: "no login", env: map[string]string{"HANOK_SERVER": "https://a"}, err: "HANOK_USERNAME and HANOK_PASSWORD, or HANOK_TOKEN"},
		{name: "no password", env: map[string]string{"HANOK_SERVER": "https://a", "HANOK_USERNAME": "u"}, err: "HANOK_PASSWORD"},
		{name: "no URL", env: map[string]string{"HANOK_SERVER": "a:8443", "HANOK_TOKEN": "t"}, err: "https://ADDR:PORT"},
		{name: "no TLS", env: map[string]string{"HANOK_SERVER": "http://a", "HANOK_TOKEN": "t"}, err: "https://ADDR:PORT"},
		{name: "with a path", env: map[string]string{"HANOK_SERVER": "https://a/b", "HANOK_TOKEN": "t"}, err: "https://ADDR:PORT"},
		{name: "login", env: map[string]string{"HANOK_SERVER": "https://a:1/", "HANOK_USERNAME": "u", "HANOK_PASSWORD": "p", "HANOK_CA": "x.pem"},
			want: settings{server: "https://a:1", username: "u", password: "p", ca: "x.pem"}},
		{name: "token", env: map[string]string{"HANOK_SERVER": "https://a", "HANOK_TOKEN": "t", "HANOK_INSECURE": "1"},
			want: settings{server: "https://a", token: "t", insecure: true}},
		{name: "a login outdoes a token", env: map[string]string{"HANOK_SERVER": "https://a", "HANOK_TOKEN": "t", "HANOK_USERNAME": "u", "HANOK_PASSWORD": "p"},
			want: settings{server: "https://a", username: "u", password: "p"}},

		{name: "data", data: fresh,
			want: settings{server: "https://dc:8443", username: "admin", password: "first", kept: filepath.Join(fresh, "session.json"), ca: filepath.Join(fresh, "ca.pem")}},
		{name: "data with another login", data: fresh, env: map[string]string{"HANOK_USERNAME": "u", "HANOK_PASSWORD": "p"},
			want: settings{server: "https://dc:8443", username: "u", password: "p", ca: filepath.Join(fresh, "ca.pem")}},
		{name: "data outdoes the environment's server", data: fresh, env: map[string]string{"HANOK_SERVER": "https://a", "HANOK_TOKEN": "t", "HANOK_INSECURE": "1"},
			want: settings{server: "https://dc:8443", username: "admin", password: "first", kept: filepath.Join(fresh, "session.json"), ca: filepath.Join(fresh, "ca.pem")}},
		{name: "data with its own token", data: fresh, env: map[string]string{"HANOK_SERVER": "https://dc:8443", "HANOK_TOKEN": "t"},
			want: settings{server: "https://dc:8443", token: "t", ca: filepath.Join(fresh, "ca.pem")}},
		{name: "data after the first change of the password", data: changed, env: map[string]string{"HANOK_USERNAME": "u", "HANOK_PASSWORD": "p"},
			want: settings{server: "https://dc:8443", username: "u", password: "p", ca: filepath.Join(changed, "ca.pem")}},
		{name: "data without a login", data: changed, err: "password was changed"},
		{name: "data of nothing", data: empty, err: "hanok up"},
		{name: "data of a host", data: host, err: "of the data center at https://dc:8443"},
		{name: "damaged data", data: damaged, err: "first-login.json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := &app{environment: environment{getenv: func(k string) string { return tc.env[k] }}, data: tc.data}
			got, err := a.settings()
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want one with %q", err, tc.err)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, tc.want)
			}
		})
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "''",
		"https://10.0.0.1:8443": "https://10.0.0.1:8443",
		"/var/lib/hanok/ca.pem": "/var/lib/hanok/ca.pem",
		"https://[::1]:8443":    "'https://[::1]:8443'",
		"a b":                   "'a b'",
		"it's $HOME":            `'it'\''s $HOME'`,
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", in, got, want)
		}
	}
}
