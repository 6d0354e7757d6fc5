package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"time"
)

// ServerConfig returns the settings of a server that answers under the given names with a certificate of this
// authority, issued at once and again whenever RenewAt says so. It speaks TLS 1.3 and later, offers HTTP/2 and HTTP/1.1,
// and verifies a client certificate if one is shown: HostID tells whose it is. now is the clock, for issuing and for
// verifying; it must be safe for concurrent use.
func (ca *CA) ServerConfig(names []string, now func() time.Time) (*tls.Config, error) {
	s := &server{ca: ca, names: names, now: now}
	if _, err := s.certificate(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"h2", "http/1.1"},
		ClientAuth:     tls.VerifyClientCertIfGiven,
		ClientCAs:      ca.pool(),
		Time:           now,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.certificate() },
	}, nil
}

// server keeps the current certificate of a server.
type server struct {
	ca    *CA
	names []string
	now   func() time.Time

	mu   sync.Mutex
	cert *tls.Certificate
}

func (s *server) certificate() (*tls.Certificate, error) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cert != nil && now.Before(RenewAt(s.cert.Leaf)) {
		return s.cert, nil
	}
	cert, err := s.ca.IssueServer(s.names, now)
	if err != nil {
		return nil, err
	}
	s.cert = &cert
	return s.cert, nil
}

// ClientConfig returns the settings of a client that trusts the authority caPEM (what CA.PEM returned) and no other.
// certificate is asked at each handshake for the client's own certificate, so that it can be renewed while connections
// are made; it must be safe for concurrent use. It is nil for a client without one. NextProtos is left to the caller:
// http.Transport sets it by its own ForceAttemptHTTP2.
func ClientConfig(caPEM []byte, certificate func() (*tls.Certificate, error)) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(caPEM) {
		return nil, errors.New("the certificate authority to trust is not a PEM certificate")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}
	if certificate != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate() }
	}
	return config, nil
}
