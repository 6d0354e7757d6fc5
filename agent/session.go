package agent

import (
	"context"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"hanok/api/hanok/agent/v1/agentv1connect"
	"hanok/dc"
	"hanok/internal/pki"
)

// session is how a host that has joined talks to the manager. Its connections show the certificate that is the newest when
// they are made.
type session struct {
	host    dc.HostID
	shown   *certificate
	control agentv1connect.AgentServiceClient
	data    *http.Client // for images and streams
}

func (a *Agent) newSession(id *identity) (*session, error) {
	shown, err := newCertificate(id)
	if err != nil {
		return nil, err
	}
	config, err := pki.ClientConfig([]byte(id.CA), shown.get)
	if err != nil {
		return nil, err
	}
	return &session{
		host: id.Host, shown: shown,
		control: agentv1connect.NewAgentServiceClient(&http.Client{Transport: controlTransport(config)}, a.cfg.Manager),
		data:    &http.Client{Transport: dataTransport(config)},
	}, nil
}

// talk joins the data center if id is nil or there is a token to join again with, and keeps a connection to the manager
// until ctx ends. It returns an error only where trying again can't help.
func (a *Agent) talk(ctx context.Context, id *identity) error {
	delays := backoff.NewExponentialBackOff()
	delays.InitialInterval, delays.MaxInterval = 100*time.Millisecond, 15*time.Second
	for joined := id != nil && a.cfg.Token == ""; !joined; {
		answer, err := a.join(ctx, id)
		if err == nil {
			id, joined = answer, true
			continue
		}
		if kind := dc.KindOf(err); kind != dc.Unavailable && kind != dc.Exhausted && kind != dc.Conflict {
			return err
		}
		a.wait(ctx, delays, err)
		if ctx.Err() != nil {
			return nil
		}
	}
	s, err := a.newSession(id)
	if err != nil {
		return err
	}
	a.session.Store(s)
	defer s.data.CloseIdleConnections()
	a.tasks.Go(func() { a.renew(ctx, s, id) })
	for ctx.Err() == nil {
		synced, err := a.converse(ctx, s)
		if synced {
			delays.Reset()
		}
		a.wait(ctx, delays, err)
	}
	return nil
}

// wait lets some time pass after err, with jitter, so that the hosts of a manager that was away don't all come back at once.
func (a *Agent) wait(ctx context.Context, delays *backoff.ExponentialBackOff, err error) {
	if ctx.Err() != nil {
		return
	}
	if a.cfg.Waiting != nil {
		a.cfg.Waiting(err)
	}
	delay := delays.NextBackOff()
	a.cfg.Log.Warn("no connection to the manager", "error", err, "again", delay)
	pause(ctx, delay)
}
