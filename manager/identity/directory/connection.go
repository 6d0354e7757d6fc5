package directory

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"hanok/dc"
)

const (
	// dialTime bounds the making of a connection to one server, and answerTime each answer.
	dialTime   = 5 * time.Second
	answerTime = 10 * time.Second
	// maxPacket bounds one message of a server, and maxAnswers all that it says on one connection, in bytes.
	maxPacket  = 4 << 20
	maxAnswers = 32 << 20
)

// The library takes this bound from here only.
func init() { ber.MaxPacketLengthBytes = maxPacket }

// connection is one to a server, logged in as the bind DN.
type connection struct{ *ldap.Conn }

// ask calls with a connection to the first server that answers. What a server says is final; one that does not answer, or is not to be
// trusted, is passed over.
func (d *Directory) ask(ctx context.Context, with func(*connection) error) error {
	var failed []error
	for _, u := range d.Spec.URLs {
		err := d.askOne(ctx, u, with)
		if dc.KindOf(err) != dc.Unavailable {
			return err
		}
		failed = append(failed, fmt.Errorf("%s: %w", u, err))
	}
	err := dc.Errorf(dc.Unavailable, "no server of the directory can be asked: %w", errors.Join(failed...))
	err.Message = strings.ReplaceAll(err.Message, "\n", "; ")
	return err.Fix("try again later, test the identity source, or log in as a local user")
}

// askOne calls with a connection to one server. What fails that is no *dc.Error becomes one of kind Unavailable.
func (d *Directory) askOne(ctx context.Context, server string, with func(*connection) error) error {
	c, err := d.dial(ctx, server)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer stop()
		defer c.Close()
		if err = d.bind(c); err == nil {
			err = with(&connection{c})
		}
	}
	if err == nil {
		return nil
	}
	if known := new(dc.Error); errors.As(err, &known) {
		return known
	}
	return &dc.Error{Kind: dc.Unavailable, Message: reason(err), Err: err}
}

// bind logs in as who searches.
func (d *Directory) bind(c *ldap.Conn) error {
	if d.Spec.BindDN == "" {
		return nil // connections begin as nobody's
	}
	if d.Password == "" {
		return dc.Errorf(dc.Unavailable, "the bind DN has no password").Fix("give it to the identity source")
	}
	err := c.Bind(d.Spec.BindDN, d.Password)
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax) {
		return dc.Errorf(dc.Unavailable, "it refuses the bind DN or its password").Fix("correct the identity source")
	}
	return err
}

// dial connects to a server, encrypted unless that is not wanted.
func (d *Directory) dial(ctx context.Context, server string) (*ldap.Conn, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	if d.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(d.CA)) {
			return nil, dc.Errorf(dc.Unavailable, "the identity source has no certificate that can be read").Fix("give one in PEM form")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	port := cmp.Or(u.Port(), map[string]string{"ldaps": "636", "ldap": "389"}[u.Scheme])
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	raw = &bounded{Conn: raw, left: maxAnswers}
	if u.Scheme == "ldaps" {
		secure := tls.Client(raw, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		raw = secure
	}
	c := ldap.NewConn(raw, u.Scheme == "ldaps")
	c.Start()
	c.SetTimeout(answerTime)
	if u.Scheme == "ldap" && d.Spec.StartTLS {
		defer context.AfterFunc(ctx, func() { raw.Close() })()
		if err := c.StartTLS(config); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// bounded is a connection on which the other side may say so much only.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the server says too much")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// reason says in words why a server can't be asked.
func reason(err error) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		result    *ldap.Error
	)
	switch {
	case errors.As(err, &authority), strings.Contains(err.Error(), authority.Error()): // StartTLS does not wrap it
		return "its certificate is not one that the identity source's CA vouches for"
	case errors.As(err, &host), errors.As(err, &invalid):
		return "its certificate is not to be trusted: " + err.Error()
	case errors.As(err, &record):
		return "it does not speak TLS on this port"
	case errors.As(err, &result) && result.ResultCode == ldap.LDAPResultReferral:
		return "it refers to another server, which is not asked"
	case errors.As(err, &result) && result.ResultCode == ldap.LDAPResultNoSuchObject:
		return "it has no entry with the base DN"
	case errors.As(err, &result) && result.ResultCode < ldap.ErrorNetwork:
		return "it answers: " + ldap.LDAPResultCodeMap[result.ResultCode]
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(err.Error(), "timed out"):
		return "it does not answer in time"
	case errors.Is(err, io.EOF), strings.Contains(err.Error(), "closed"):
		return "it breaks the connection off"
	}
	return err.Error()
}
