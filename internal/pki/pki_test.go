package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"hanok/internal/pki"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newCA(t *testing.T) *pki.CA {
	t.Helper()
	ca, err := pki.NewCA(now)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func parse(t *testing.T, data []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatalf("not PEM: %q", data)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func hostCertificate(t *testing.T, ca *pki.CA, id string, at time.Time) tls.Certificate {
	t.Helper()
	key, csr, err := pki.NewCSR()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.SignHost(csr, id, at)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestMarshalLoad(t *testing.T) {
	ca := newCA(t)
	data, err := ca.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := pki.LoadCA(data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(loaded.PEM(), ca.PEM()) {
		t.Error("the loaded authority has another certificate")
	}
	if bytes.Contains(ca.PEM(), []byte("PRIVATE")) {
		t.Error("PEM gives the key away")
	}
	cert := parse(t, ca.PEM())
	if got, want := cert.NotAfter, now.AddDate(10, 0, 0); !got.Equal(want) {
		t.Errorf("authority ends at %v, want %v", got, want)
	}
	// What the loaded one signs, the first one's certificate proves.
	leaf := hostCertificate(t, loaded, "host-1", now).Leaf
	if err := leaf.CheckSignatureFrom(cert); err != nil {
		t.Error(err)
	}
}

func TestLoadRefuses(t *testing.T) {
	a, b := newCA(t), newCA(t)
	marshaled, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := bytes.Cut(marshaled, b.PEM())
	hostKey, csr, err := pki.NewCSR()
	if err != nil {
		t.Fatal(err)
	}
	host, err := a.SignHost(csr, "host-1", now)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty":              nil,
		"no key":             a.PEM(),
		"another's key":      append(a.PEM(), key...),
		"a host certificate": append(host, hostKey...),
	} {
		if _, err := pki.LoadCA(data); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}

func TestIssueServer(t *testing.T) {
	ca := newCA(t)
	cert, err := ca.IssueServer([]string{"localhost", "box_1.example.com", "127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0"}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "box_1.example.com", "127.0.0.1", "10.0.0.1", "fe80::1"} {
		if err := cert.Leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if got, want := cert.Leaf.NotAfter, now.AddDate(1, 0, 0); !got.Equal(want) {
		t.Errorf("ends at %v, want %v", got, want)
	}
	for _, names := range [][]string{nil, {""}, {"a b"}, {"*.example.com"}, {"a..b"}, {"-a"}, {strings.Repeat("a", 64)}, {"ok", "a/b"},
		{strings.Repeat("abcdefg.", 32) + "x"}} {
		if _, err := ca.IssueServer(names, now); err == nil {
			t.Errorf("%q: issued", names)
		}
	}
}

func TestSignHost(t *testing.T) {
	ca := newCA(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// A request that asks for far more than it is to get.
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "host-other", Organization: []string{"admins"}},
		DNSNames: []string{"manager.example.com"},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := ca.SignHost(csr, "host-1", now)
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, data)
	if got, want := cert.Subject.String(), "CN=host-1,O=hanok host"; got != want {
		t.Errorf("subject %s, want %s", got, want)
	}
	if len(cert.DNSNames) != 0 || cert.IsCA {
		t.Errorf("the request's extras were taken over: %v, CA %v", cert.DNSNames, cert.IsCA)
	}
	if got, want := cert.NotAfter, now.AddDate(0, 0, 90); !got.Equal(want) {
		t.Errorf("ends at %v, want %v", got, want)
	}
	if at := pki.RenewAt(cert); !at.After(now.AddDate(0, 0, 59)) || !at.Before(now.AddDate(0, 0, 61)) {
		t.Errorf("renewal at %v", at)
	}
}

func TestSignHostRefuses(t *testing.T) {
	ca := newCA(t)
	_, good, err := pki.NewCSR()
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaCSR, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		csr  []byte
		id   string
		want string
	}{
		{"bad signature", forged, "host-1", "signature"},
		{"not a request", []byte("hello"), "host-1", "sign host certificate"},
		{"an RSA key", rsaCSR, "host-1", "not ECDSA P-256"},
		{"no ID", good, "", "host ID"},
		{"long ID", good, strings.Repeat("x", 65), "host ID"},
	} {
		if _, err := ca.SignHost(test.csr, test.id, now); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
}

// shake does a handshake over loopback and returns what each side came to.
func shake(t *testing.T, server, client *tls.Config) (state, clientState tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
			s := tls.Server(conn, server)
			err = s.Handshake()
			state = s.ConnectionState()
		}
		done <- err
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := tls.Client(conn, client)
	clientErr = c.Handshake()
	if clientErr != nil {
		conn.Close()
	}
	serverErr = <-done
	return state, c.ConnectionState(), serverErr, clientErr
}

func clientConfig(t *testing.T, ca *pki.CA, cert *tls.Certificate) *tls.Config {
	t.Helper()
	var source func() (*tls.Certificate, error)
	if cert != nil {
		source = func() (*tls.Certificate, error) { return cert, nil }
	}
	config, err := pki.ClientConfig(ca.PEM(), source)
	if err != nil {
		t.Fatal(err)
	}
	config.ServerName = "localhost"
	config.Time = func() time.Time { return now }
	return config
}

func TestMutualTLS(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	server, err := ca.ServerConfig([]string{"localhost"}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	good := hostCertificate(t, ca, "host-1", now)
	expired := hostCertificate(t, ca, "host-1", now.AddDate(0, 0, -91))
	foreign := hostCertificate(t, other, "host-1", now)
	for _, test := range []struct {
		name      string
		cert      *tls.Certificate
		host      string
		refused   bool   // the handshake fails
		anonymous string // the handshake succeeds, HostID fails with this
	}{
		{name: "a host", cert: &good, host: "host-1"},
		{name: "no certificate", anonymous: "no certificate"},
		{name: "an expired host", cert: &expired, refused: true},
		{name: "another authority's host", cert: &foreign, refused: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			state, _, serverErr, clientErr := shake(t, server, clientConfig(t, ca, test.cert))
			if refused := serverErr != nil; refused != test.refused {
				t.Fatalf("server: %v, client: %v", serverErr, clientErr)
			}
			if test.refused {
				return
			}
			host, issued, err := ca.HostID(state)
			if host != test.host {
				t.Errorf("host %q, want %q", host, test.host)
			}
			if (err == nil) != (test.anonymous == "") || err != nil && !strings.Contains(err.Error(), test.anonymous) {
				t.Errorf("error %v, want %q", err, test.anonymous)
			}
			if host != "" && !issued.Equal(now.Truncate(time.Second)) {
				t.Errorf("issued at %v, want %v", issued, now)
			}
			if _, _, err := other.HostID(state); err == nil {
				t.Error("another authority took the peer for its host")
			}
		})
	}
}

// TestOnlyHosts: a client certificate of the authority without the host's mark is no host's.
func TestOnlyHosts(t *testing.T) {
	ca := newCA(t)
	root := parse(t, ca.PEM())
	leaf := *hostCertificate(t, ca, "host-1", now).Leaf
	leaf.Subject.Organization = []string{"hanok user"}
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{&leaf}, VerifiedChains: [][]*x509.Certificate{{&leaf, root}}}
	if id, _, err := ca.HostID(state); err == nil {
		t.Errorf("taken for host %q", id)
	}
	state.VerifiedChains = nil
	leaf.Subject.Organization = []string{"hanok host"}
	if id, _, err := ca.HostID(state); err == nil {
		t.Errorf("an unverified peer was taken for host %q", id)
	}
}

// TestHostIsNoServer: a host cannot pass for the manager with its certificate.
func TestHostIsNoServer(t *testing.T) {
	ca := newCA(t)
	host := hostCertificate(t, ca, "localhost", now)
	_, _, _, err := shake(t, &tls.Config{Certificates: []tls.Certificate{host}}, clientConfig(t, ca, nil))
	if err == nil {
		t.Fatal("a client took a host for the manager")
	}
}

func TestTLS13Only(t *testing.T) {
	ca := newCA(t)
	server, err := ca.ServerConfig([]string{"localhost"}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	client := clientConfig(t, ca, nil)
	client.MinVersion, client.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, _, err, _ := shake(t, server, client); err == nil {
		t.Fatal("the server spoke TLS 1.2")
	}
	if _, err := pki.ClientConfig([]byte("hello"), nil); err == nil {
		t.Error("a client was made that trusts nobody")
	}
}

// TestServerRenews: a server that runs for longer than its certificate lives shows a new one in time.
func TestServerRenews(t *testing.T) {
	ca := newCA(t)
	clock := now
	server, err := ca.ServerConfig([]string{"localhost"}, func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	serial := func() string {
		client := clientConfig(t, ca, nil)
		client.Time = func() time.Time { return clock }
		_, state, _, err := shake(t, server, client)
		if err != nil {
			t.Fatal(err)
		}
		return state.PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	clock = now.AddDate(0, 7, 0)
	if serial() != first {
		t.Error("the certificate was replaced after seven months")
	}
	clock = now.AddDate(0, 9, 0)
	if serial() == first {
		t.Error("the certificate was not replaced after nine months")
	}
}
