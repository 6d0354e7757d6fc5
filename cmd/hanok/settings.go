package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"hanok/dc"
)

// settings are what a client needs to reach a data center.
type settings struct {
	// server is the URL, without a path.
	server string
	// username and password are for a login; with a token they are empty.
	username, password string
	token              string
	// kept is the file with the token of the session that the commands on a DATA folder share, or "".
	kept string
	// ca is the path of the certificates to trust, or "" for the system's.
	ca string
	// insecure trusts any certificate.
	insecure bool
}

// login is the content of first-login.json; server.json has the URL only.
type login struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// settings reads --data and the environment.
func (a *app) settings() (settings, error) {
	s := settings{
		server:   a.getenv("HANOK_SERVER"),
		username: a.getenv("HANOK_USERNAME"), password: a.getenv("HANOK_PASSWORD"), token: a.getenv("HANOK_TOKEN"),
		ca: a.getenv("HANOK_CA"), insecure: a.getenv("HANOK_INSECURE") == "1",
	}
	if a.data != "" {
		if err := s.readData(a.data); err != nil {
			return s, err
		}
	}
	u, err := url.Parse(s.server)
	switch {
	case s.server == "":
		return s, missing("no server is named", "set HANOK_SERVER=https://ADDR:PORT, or give --data DIR on the machine that it runs on")
	case err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "":
		return s, missing(fmt.Sprintf("the server %q is no URL such as https://ADDR:PORT", s.server), "correct HANOK_SERVER")
	}
	s.server = "https://" + u.Host
	if a.nobody {
		s.username, s.password, s.token, s.kept = "", "", "", ""
		return s, nil
	}
	if s.username != "" { // a login that is named outdoes a token
		s.token = ""
	}
	switch {
	case s.token != "":
	case s.username == "" && a.data != "":
		return s, missing("the initial login is gone: its password was changed", "set HANOK_USERNAME and HANOK_PASSWORD, or HANOK_TOKEN from \"hanok login\"")
	case s.username == "":
		return s, missing("no login is given", "set HANOK_USERNAME and HANOK_PASSWORD, or HANOK_TOKEN from \"hanok login\"")
	case s.password == "":
		return s, missing("no password is given", "set HANOK_PASSWORD")
	}
	return s, nil
}

// readData takes the URL and the certificate of the data center in dir, and its first login where the environment has no
// other for it.
func (s *settings) readData(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	var first login
	err = readJSON(filepath.Join(dir, "first-login.json"), &first)
	if errors.Is(err, fs.ErrNotExist) {
		err = readJSON(filepath.Join(dir, "server.json"), &first)
	}
	if errors.Is(err, fs.ErrNotExist) {
		var m marker
		if readJSON(filepath.Join(dir, "hanok.json"), &m) == nil && m.Manager != "" {
			return missing(fmt.Sprintf("%s is the folder of a host, of the data center at %s", dir, m.Manager),
				"run it on the manager's machine, or without --data and with HANOK_SERVER and a login")
		}
		return missing(fmt.Sprintf("there is no data center in %s, or it was never started", dir), "start it with \"hanok up --data DIR\", or name another folder")
	}
	if err != nil {
		return missing(err.Error(), "run as the user that started the data center, or set HANOK_SERVER and a login")
	}
	if s.server != "" && s.server != first.URL {
		s.token = "" // it is another server's
	}
	s.server, s.ca, s.insecure = first.URL, filepath.Join(dir, "ca.pem"), false
	if s.username == "" && s.token == "" {
		s.username, s.password = first.User, first.Password
		if s.username != "" {
			s.kept = filepath.Join(dir, "session.json")
		}
	}
	return nil
}

// readJSON reads a small file.
func readJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// tls returns what the connection trusts.
func (s settings) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.insecure}
	if s.ca == "" || s.insecure {
		return c, nil
	}
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, missing(err.Error(), "set HANOK_CA to the data center's ca.pem, or HANOK_INSECURE=1 to trust any certificate")
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, missing(fmt.Sprintf("there is no certificate in %s", s.ca), "set HANOK_CA to the data center's ca.pem")
	}
	return c, nil
}

// missing is an error of the settings.
func missing(message, remedy string) error {
	return &dc.Error{Kind: dc.Invalid, Message: message, Remedy: remedy}
}
