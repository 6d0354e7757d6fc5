package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hanok/host/sim"
	"hanok/internal/testhost"
	"hanok/test/provider"
	"hanok/test/slapd"
)

// with runs a command line with standard input and other variables, and returns its exit code and all that it printed.
func (c *center) with(t *testing.T, stdin string, vars map[string]string, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), environment{stdin: strings.NewReader(stdin), stdout: &out, stderr: &out, getenv: with(c.getenv, vars), raw: noTerminal}, args)
	return code, out.String()
}

func (c *center) getenv(name string) string { return c.env()[name] }

// TestDirectoryStory goes the way of the README with a real directory.
func TestDirectoryStory(t *testing.T) {
	testhost.Require(t)
	s, c := slapd.Start(t), startCenter(t, sim.Options{})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, s.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	add := []string{"identity-source", "add", "company", "--type", "ldap", "--domain", "example.com", "--alias", "EXAMPLE", "--url", s.Secure,
		"--bind-dn", slapd.BindDN, "--user-base", slapd.Users, "--group-base", slapd.Groups, "--secret-stdin"}
	if code, out := c.with(t, slapd.Password, nil, add...); code != exitOK {
		t.Fatal(out)
	}
	if code, out := c.with(t, "", nil, "identity-source", "test", "company"); code != exitFailure || !strings.Contains(out, "vouches for") {
		t.Errorf("without the CA: %d, %s", code, out)
	}
	if code, out := c.with(t, slapd.Password, nil, "identity-source", "update", "company", "--ca", ca, "--secret-stdin"); code != exitOK {
		t.Fatal(out)
	}
	c.must(t, "identity-source", "test", "company")
	c.must(t, "folder", "create", "web", "--parent", "/Datacenter/vm")
	c.must(t, "permission", "set", "web", "--group", `EXAMPLE\staff`, "--role", "ReadOnly")
	alice := map[string]string{"HANOK_TOKEN": "", "HANOK_USERNAME": `EXAMPLE\alice`, "HANOK_PASSWORD": "alice-has-a-password"}
	if code, out := c.with(t, "", alice, "folder", "list"); code != exitOK || !strings.Contains(out, "web ") {
		t.Errorf("%d, %s", code, out)
	}
	if code, out := c.with(t, "", nil, "user", "list"); code != exitOK || !regexp.MustCompile(`alice@example.com +user-\w+ +- +company `).MatchString(out) {
		t.Errorf("%d, %s", code, out)
	}
	s.Stop()
	if code, out := c.with(t, "", alice, "folder", "list"); code != exitFailure || !strings.Contains(out, "log in as a local user") {
		t.Errorf("while the directory is away: %d, %s", code, out)
	}
	c.must(t, "folder", "list")
	c.must(t, "identity-source", "remove", "company")
}

// TestSSO logs in with a browser, and with a code.
func TestSSO(t *testing.T) {
	s, c := provider.Start(t), startCenter(t, sim.Options{})
	c.must(t, "identity-source", "add", "sso", "--type", "oidc", "--domain", "example.com", "--issuer", s.Issuer, "--client-id", provider.ClientID)
	c.must(t, "identity-source", "test", "sso")
	if code, out := c.with(t, "", nil, "identity-source", "update", "sso", "--login-lifetime", "4m"); code != exitFailure || !strings.Contains(out, "a login can't count for 4m0s") {
		t.Errorf("%d, %s", code, out)
	}
	c.must(t, "identity-source", "update", "sso", "--login-lifetime", "48h")
	if code, out := c.with(t, "", nil, "identity-source", "list", "-o", "json"); code != exitOK || !strings.Contains(out, `"lifetime": "172800s"`) {
		t.Errorf("%d, %s", code, out)
	}
	at := regexp.MustCompile(`(?m)^  (http://\S+)$`)
	logIn := func(confirm func(url string), args ...string) string {
		t.Helper()
		asked, says := io.Pipe()
		var out bytes.Buffer
		ended := make(chan int)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		nobody := with(c.getenv, map[string]string{"HANOK_TOKEN": ""})
		go func() {
			code := run(ctx, environment{stdin: strings.NewReader(""), stdout: &out, stderr: says, getenv: nobody, raw: noTerminal}, append([]string{"login", "--sso", "sso"}, args...))
			says.Close()
			ended <- code
		}()
		var said strings.Builder
		for buffer := make([]byte, 4096); confirm != nil; {
			n, err := asked.Read(buffer)
			said.Write(buffer[:n])
			if url := at.FindStringSubmatch(said.String()); url != nil {
				confirm(url[1])
				break
			}
			if err != nil {
				break
			}
		}
		rest, _ := io.ReadAll(asked)
		return fmt.Sprint(<-ended, out.String(), said.String(), string(rest))
	}
	browser := func(url string) {
		res, err := http.Get(s.LogIn(url).String())
		if err != nil {
			t.Error(err)
			return
		}
		res.Body.Close()
	}
	if got := logIn(browser); !strings.HasPrefix(got, "1") || !strings.Contains(got, "neither the account nor its groups have a permission here") {
		t.Errorf("without a permission: %s", got)
	}
	c.must(t, "folder", "create", "web", "--parent", "/Datacenter/vm")
	c.must(t, "permission", "set", "web", "--group", "web@example.com", "--role", "ReadOnly")
	token := regexp.MustCompile(`HANOK_TOKEN=(\w+)`)
	for name, got := range map[string]string{"browser": logIn(browser), "code": logIn(func(url string) { s.Confirm(url, true) }, "--device")} {
		found := token.FindStringSubmatch(got)
		if found == nil {
			t.Fatalf("%s: %s", name, got)
		}
		if code, out := c.with(t, "", map[string]string{"HANOK_TOKEN": found[1]}, "whoami"); code != exitOK || !strings.Contains(out, "carol@example.com") {
			t.Errorf("%s: %d, %s", name, code, out)
		}
	}
	if got := logIn(func(url string) { s.Confirm(url, false) }, "--device"); !strings.Contains(got, "access_denied") {
		t.Errorf("a login that was denied: %s", got)
	}
	if code, out := c.with(t, "", nil, "audit", "list", "--call", "SessionService.FinishSSO", "--user", "carol@example.com"); code != exitOK || strings.Count(out, " ok ") != 2 {
		t.Errorf("%d, %s", code, out)
	}
	if code, out := c.with(t, "", map[string]string{"HANOK_TOKEN": "", "HANOK_USERNAME": "carol@example.com", "HANOK_PASSWORD": provider.Password}, "whoami"); code != exitFailure || !strings.Contains(out, "hanok login --sso sso") {
		t.Errorf("with a password: %d, %s", code, out)
	}
	s.Stop()
	if got := logIn(nil); !strings.Contains(got, "log in as a local user") {
		t.Errorf("while the provider is away: %s", got)
	}
	c.must(t, "folder", "list")
}
