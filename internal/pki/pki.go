// Package pki is a small certificate authority and the TLS settings that go with it: ECDSA P-256 throughout, TLS 1.3
// only. The manager keeps one [CA] and signs with it its own server certificate and the certificates of hosts, which
// prove who they are by mutual TLS. Hosts make a key and a request with [NewCSR]; the key never travels.
//
// It touches no file and no store: bytes in, bytes out. What a host is, it does not know: a host's ID is a name in a
// certificate.
package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// backdate is how far before its making a certificate's life begins, so that peers whose clocks are slow accept it.
const backdate = time.Hour

// The PEM block types in use.
const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY" // PKCS #8
)

// CA is a certificate authority: a self-signed certificate and its key. It is immutable and safe for concurrent use.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes a certificate authority that is valid for ten years from now. Its name has random digits in it:
// browsers refuse two authorities of one name that have different keys.
func NewCA(now time.Time) (*CA, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	id := make([]byte, 4)
	rand.Read(id) // never fails since Go 1.24
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"hanok"}, CommonName: "hanok CA " + hex.EncodeToString(id)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign the authority's own certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse the authority's own certificate: %w", err)
	}
	return &CA{cert: cert, key: key}, nil
}

// LoadCA reads what Marshal wrote. It refuses a key that is not the certificate's and a certificate that may not sign.
func LoadCA(marshaled []byte) (*CA, error) {
	pair, err := tls.X509KeyPair(marshaled, marshaled)
	if err != nil {
		return nil, fmt.Errorf("load certificate authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("load certificate authority: the key is a %T, not an ECDSA key", pair.PrivateKey)
	}
	if !pair.Leaf.IsCA {
		return nil, errors.New("load certificate authority: the certificate is not an authority's")
	}
	return &CA{cert: pair.Leaf, key: key}, nil
}

// Marshal returns the certificate and the key in PEM form. It is a secret.
func (ca *CA) Marshal() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, fmt.Errorf("marshal the authority's key: %w", err)
	}
	return append(ca.PEM(), pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der})...), nil
}

// PEM returns the certificate alone, in PEM form: what everybody who talks to the manager has to trust.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: ca.cert.Raw})
}

// Fingerprint returns the SHA-256 of an authority's certificate, which is given in PEM form, in hexadecimal: what tells it
// from every other.
func Fingerprint(caPEM []byte) (string, error) {
	block, _ := pem.Decode(caPEM)
	if block == nil || block.Type != pemCertificate {
		return "", errors.New("the certificate authority is not a PEM certificate")
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:]), nil
}

// pool returns a pool with the authority in it and nothing else.
func (ca *CA) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// IssueServer makes a key and a certificate for a server that answers under the given names: host names and IP
// addresses, at least one. It is valid for a year from now.
func (ca *CA) IssueServer(names []string, now time.Time) (tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"hanok"}, CommonName: "hanok manager"},
		NotBefore:   now.Add(-backdate),
		NotAfter:    now.AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if len(names) == 0 {
		return tls.Certificate{}, errors.New("issue server certificate: no names")
	}
	for _, name := range names {
		if ip, err := netip.ParseAddr(name); err == nil {
			template.IPAddresses = append(template.IPAddresses, net.IP(ip.WithZone("").Unmap().AsSlice()))
		} else if validHostName(name) {
			template.DNSNames = append(template.DNSNames, name)
		} else {
			return tls.Certificate{}, fmt.Errorf("issue server certificate: %q is neither a host name nor an IP address", name)
		}
	}
	key, err := newKey()
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := ca.sign(template, key.Public())
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue server certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// RenewAt returns when cert should be replaced: when a third of its life is left.
func RenewAt(cert *x509.Certificate) time.Time {
	return cert.NotAfter.Add(-cert.NotAfter.Sub(cert.NotBefore) / 3)
}

func (ca *CA) sign(template *x509.Certificate, public any) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, public, ca.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// signed reports whether chain is a verified chain that ends at this authority.
func (ca *CA) signed(chain []*x509.Certificate) bool {
	return len(chain) > 1 && bytes.Equal(chain[len(chain)-1].Raw, ca.cert.Raw)
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

// validHostName reports whether name is a host name as in RFC 1123, section 2.1; underscores are let through, since
// machines with such names exist.
func validHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
