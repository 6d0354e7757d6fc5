package agent

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/internal/pki"
)

// certificate is what the host shows to the manager. It is replaced while connections are made.
type certificate struct {
	pair atomic.Pointer[tls.Certificate]
}

func newCertificate(id *identity) (*certificate, error) {
	c := new(certificate)
	return c, c.set(id)
}

func (c *certificate) set(id *identity) error {
	pair, err := tls.X509KeyPair([]byte(id.Certificate), []byte(id.Key))
	if err != nil {
		return fmt.Errorf("the host's certificate: %w", err)
	}
	c.pair.Store(&pair)
	return nil
}

func (c *certificate) get() (*tls.Certificate, error) { return c.pair.Load(), nil }

// renewPause bounds how long the host waits before it asks for a certificate again that it could not get. The last third of a
// certificate's life has hundreds of such pauses.
const renewPause = time.Hour

// renew asks for a new certificate whenever two thirds of the present one's life are over, until ctx ends. A host that can't
// have one, because the manager is away or does not want it, goes on with what it has, and without a connection when that
// has ended; its machines don't notice.
//
// When the power goes between the manager's answer and the file, the old certificate is still good and is renewed again.
func (a *Agent) renew(ctx context.Context, s *session, id *identity) {
	delays := backoff.NewExponentialBackOff()
	delays.InitialInterval, delays.MaxInterval = time.Second, renewPause
	for {
		due := time.Until(pki.RenewAt(s.shown.pair.Load().Leaf))
		if !pause(ctx, due) {
			return
		}
		renewed, err := a.fetchCertificate(ctx, s, id)
		if err != nil {
			delay := delays.NextBackOff()
			a.cfg.Log.Warn("the host's certificate could not be renewed", "error", err, "ends", s.shown.pair.Load().Leaf.NotAfter, "again", delay)
			if !pause(ctx, delay) {
				return
			}
			continue
		}
		delays.Reset()
		id = renewed
		a.cfg.Log.Info("renewed the host's certificate", "until", s.shown.pair.Load().Leaf.NotAfter)
	}
}

// fetchCertificate gets a certificate for a new key, writes it down and then shows it.
func (a *Agent) fetchCertificate(ctx context.Context, s *session, id *identity) (*identity, error) {
	key, csr, err := pki.NewCSR()
	if err != nil {
		return nil, err
	}
	answer, err := s.control.Renew(ctx, &agentv1.RenewRequest{Csr: csr})
	if err != nil {
		return nil, convert.FromError(err)
	}
	renewed := &identity{Host: id.Host, Key: string(key), Certificate: string(answer.Certificate), CA: string(answer.Ca)}
	if err := a.keepIdentity(renewed); err != nil {
		return nil, err
	}
	if err := s.shown.set(renewed); err != nil {
		return nil, err
	}
	s.data.CloseIdleConnections() // they have shown the old one, which is worth nothing when the new one was seen
	return renewed, nil
}

// pause waits for d, and returns false at the end of ctx.
func pause(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
