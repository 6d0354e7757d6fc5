package agent

import (
	"context"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"hanok/api/hanok/agent/v1/agentv1connect"
	"hanok/dc"
)

// session is how a host that has joined talks to the manager.
type session struct {
	control agentv1connect.AgentServiceClient
	data    *http.Client // for images and streams
}

func (a *Agent) newSession(id *identity) (*session, error) {
	config, err := id.tlsConfig()
	if err != nil {
		return nil, err
	}
	return &session{
		control: agentv1connect.NewAgentServiceClient(&http.Client{Transport: controlTransport(config)}, a.cfg.Manager),
		data:    &http.Client{Transport: dataTransport(config)},
	}, nil
}

// talk joins the data center if id is nil, and keeps a connection to the manager until ctx ends. It returns an error only
// where trying again can't help.
func (a *Agent) talk(ctx context.Context, id *identity) error {
	delays := backoff.NewExponentialBackOff()
	delays.InitialInterval, delays.MaxInterval = 100*time.Millisecond, 15*time.Second
	for id == nil {
		var err error
		if id, err = a.join(ctx); err == nil {
			break
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
	delay := delays.NextBackOff()
	a.cfg.Log.Warn("no connection to the manager", "error", err, "again", delay)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
