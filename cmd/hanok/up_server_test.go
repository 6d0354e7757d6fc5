package main

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanok/host/sim"
)

// The certificate is for the names that the administrator has given, for the machine's own, and for no others.
func TestCertificateNames(t *testing.T) {
	c := startCenter(t, sim.Options{})
	pem, err := os.ReadFile(filepath.Join(c.data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for name, want := range map[string]bool{"center.example": true, "localhost": true, "127.0.0.1": true, "other.example": false} {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(c.url, "https://"), &tls.Config{RootCAs: roots, ServerName: name})
		if (err == nil) != want {
			t.Errorf("a client that looks for %s gets the error %v", name, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

func TestBadNames(t *testing.T) {
	for _, name := range []string{"", "https://center.example", "center.example:443", "[::1]", "a b"} {
		if _, err := serve(nil, nil, "127.0.0.1:0", []string{name}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "no name or address") {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"center", "center.example", "192.0.2.1", "2001:db8::1"} {
		if notAName(name) {
			t.Errorf("%q is refused", name)
		}
	}
}
