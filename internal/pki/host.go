package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// hostOrganization marks a host's certificate, so that no other client certificate that the authority may sign one day
// passes for a host.
const hostOrganization = "hanok host"

// maxCommonName is the longest common name in a certificate (RFC 5280, appendix A, ub-common-name).
const maxCommonName = 64

// NewCSR makes a key and a certificate signing request for it. The key comes in PEM form, as tls.X509KeyPair takes it
// together with what SignHost answers; it is a secret and stays where it was made. The request is DER and names nobody:
// who the host is, is decided by the one who signs.
func NewCSR() (keyPEM, csrDER []byte, err error) {
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	csrDER, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("make a certificate request: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("marshal a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), csrDER, nil
}

// SignHost answers a host's request with a client certificate in PEM form, valid for 90 days from now, whose common
// name is hostID. The caller has made sure that the request comes from that host. Only the key is taken from the
// request, names and extensions in it are ignored; a request that is not signed by its own key, or whose key is not
// ECDSA P-256, is refused.
func (ca *CA) SignHost(csrDER []byte, hostID string, now time.Time) (certPEM []byte, err error) {
	if hostID == "" || len(hostID) > maxCommonName {
		return nil, fmt.Errorf("sign host certificate: the host ID %q is not of 1 to %d bytes", hostID, maxCommonName)
	}
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return nil, fmt.Errorf("sign host certificate: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("sign host certificate: the request's signature: %w", err)
	}
	if key, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("sign host certificate: the request's key is not ECDSA P-256")
	}
	cert, err := ca.sign(&x509.Certificate{
		Subject:     pkix.Name{Organization: []string{hostOrganization}, CommonName: hostID},
		NotBefore:   now.Add(-backdate),
		NotAfter:    now.AddDate(0, 0, 90),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, csr.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("sign host certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: cert.Raw}), nil
}

// HostID returns the ID of the host at the other end of a connection that ServerConfig accepted, and when its certificate was
// issued, in whole seconds. It is an error if the peer showed no certificate, or one that is not a host's of this authority.
// Validity in time was checked by the handshake.
func (ca *CA) HostID(state tls.ConnectionState) (id string, issued time.Time, err error) {
	for _, chain := range state.VerifiedChains {
		if !ca.signed(chain) {
			continue
		}
		if s := chain[0].Subject; len(s.Organization) == 1 && s.Organization[0] == hostOrganization && s.CommonName != "" {
			return s.CommonName, chain[0].NotBefore.Add(backdate), nil
		}
	}
	if len(state.PeerCertificates) == 0 {
		return "", time.Time{}, errors.New("the peer showed no certificate")
	}
	return "", time.Time{}, errors.New("the peer's certificate is not one that this data center's authority signed for a host")
}
