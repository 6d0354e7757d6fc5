package dispatch

import (
	"context"
	"net/http"
	"sync"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

// peer is the other end of a request.
type peer struct {
	host   dc.HostID // by its certificate; "" without one
	issued time.Time // when that was issued
	err    error     // why host is ""

	mu      sync.Mutex
	control *http.ResponseController // nil when the request has ended
}

type peerKey struct{}

// withPeer tells next who is calling.
func (s *Service) withPeer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &peer{control: http.NewResponseController(w)}
		if r.TLS == nil {
			p.err = dc.Errorf(dc.Unauthenticated, "the connection is not encrypted")
		} else if id, issued, err := s.cfg.CA.HostID(*r.TLS); err != nil {
			p.err = dc.Errorf(dc.Unauthenticated, "%w", err).Fix("join the host to the data center first")
		} else {
			p.host, p.issued = dc.HostID(id), issued
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, p)))
		p.mu.Lock()
		p.control = nil
		p.mu.Unlock()
	})
}

func peerOf(ctx context.Context) *peer { return ctx.Value(peerKey{}).(*peer) }

// stopReading ends a read of the request that is in progress.
func (p *peer) stopReading() { p.deadline((*http.ResponseController).SetReadDeadline) }

// stopWriting ends a write of the response that is in progress.
func (p *peer) stopWriting() { p.deadline((*http.ResponseController).SetWriteDeadline) }

func (p *peer) deadline(set func(*http.ResponseController, time.Time) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.control != nil {
		set(p.control, time.Unix(1, 0)) // it fails only where there is nothing left to stop
	}
}

// hostOf returns the host that calls, if it is one of the inventory, has not shown a newer certificate before, and nobody wants
// it disconnected.
func (s *Service) hostOf(ctx context.Context) (*dc.Host, error) {
	p := peerOf(ctx)
	if p.err != nil {
		return nil, p.err
	}
	host, err := store.Get[*dc.Host](s.cfg.Store.View(), dc.ID(p.host))
	if err != nil {
		return nil, errRemoved(p.host)
	}
	return host, p.checkWelcome(host)
}

func errRemoved(host dc.HostID) error {
	return dc.Errorf(dc.NotFound, "it was removed from the inventory").On("host " + string(host)).Fix("join it to the data center again")
}

// checkWelcome refuses the host h by a certificate from before the one that it has shown last, and as checkWelcome.
func (p *peer) checkWelcome(h *dc.Host) error {
	if p.issued.Before(h.Certified) {
		return dc.Errorf(dc.Unauthenticated, "it has shown a newer certificate since").On(dc.Describe(dc.KindHost, h.Name)).
			Fix("let it join again, with a token for this host")
	}
	return checkWelcome(h)
}

// checkWelcome refuses a host that somebody wants disconnected.
func checkWelcome(h *dc.Host) error {
	if h.Spec.Disconnected {
		return dc.Errorf(dc.WrongState, "an administrator has disconnected it").On(dc.Describe(dc.KindHost, h.Name)).
			Fix("let it reconnect on the manager")
	}
	return nil
}

// status is the HTTP status of an error outside of the protocol's messages.
func status(err error) int {
	switch dc.KindOf(err) {
	case dc.Unauthenticated:
		return http.StatusUnauthorized
	case dc.NotFound, dc.WrongState:
		return http.StatusForbidden // of a host; what a host asks for and is not there, is answered with 404
	}
	return http.StatusInternalServerError
}
