package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/internal/random"
	"hanok/manager/event"
	"hanok/manager/store"
)

// tokenLife is how long a join token is good for.
const tokenLife = time.Hour

// CreateJoinToken returns a token that lets one host join the cluster, within an hour. It is shown once and not stored.
// Privilege: PrivHostAdd. Kinds: NotFound for the cluster.
func (s *Service) CreateJoinToken(ctx context.Context, by dc.Caller, cluster dc.ClusterID) (string, error) {
	if err := s.cfg.Access.Authorize(by, dc.PrivHostAdd, "cluster "+string(cluster)); err != nil {
		return "", err
	}
	token, now := random.Token(), time.Now().UTC()
	err := s.cfg.Store.Change(ctx, func(tx *store.Tx) error {
		for old := range store.List[*dc.JoinToken](tx.View()) {
			if !now.Before(old.Expires) {
				tx.Delete(old)
			}
		}
		tx.Exists(dc.ID(cluster))
		tx.Put(&dc.JoinToken{ID: dc.JoinTokenID(dc.NewID(dc.KindJoinToken, random.Suffix())), Meta: dc.Meta{Created: now},
			Cluster: cluster, TokenHash: hash(token), Expires: now.Add(tokenLife)})
		return nil
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// join makes a host of whoever has the token. The certificate is signed before the transaction that uses the token up: a
// failure leaves the token as it is.
//
// A host whose agent died before it had the answer can't prove who it is. It has never been connected and so has never had
// a machine: another one that joins under its name takes its place, with an ID of its own.
func (s *Service) join(ctx context.Context, r *agentv1.JoinRequest) (*agentv1.JoinResponse, error) {
	if err := dc.CheckName(dc.KindHost, r.Name); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	host := &dc.Host{ID: dc.HostID(dc.NewID(dc.KindHost, random.Suffix())), Status: convert.FromHostFacts(r.Facts)}
	certificate, err := s.cfg.CA.SignHost(r.Csr, string(host.ID), now)
	if err != nil {
		return nil, dc.Errorf(dc.Invalid, "%w", err).On(dc.Describe(dc.KindHost, r.Name))
	}
	err = s.cfg.Store.Change(ctx, func(tx *store.Tx) error {
		token, err := useToken(tx, r.Token, now)
		if err != nil {
			return err
		}
		if old, ok := store.Named[*dc.Host](tx.View(), dc.ID(token.Cluster), r.Name); ok {
			if old.Status.Connection != "" {
				return dc.Errorf(dc.Exists, "a host of this name has joined already").On(dc.Describe(dc.KindHost, r.Name)).
					Fix("give this host another name")
			}
			tx.Delete(old)
		}
		tx.Exists(dc.ID(token.Cluster))
		added := *host
		added.Meta = dc.Meta{Name: r.Name, Parent: dc.ID(token.Cluster), Created: now}
		tx.Put(&added)
		event.Add(tx, now, dc.Event{Type: dc.EventHostAdded, Target: dc.ID(host.ID), TargetName: r.Name,
			Message: dc.Describe(dc.KindHost, r.Name) + " has joined"})
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.cfg.Log.Info("a host has joined", "host", host.ID, "name", r.Name)
	return &agentv1.JoinResponse{HostId: string(host.ID), Certificate: certificate, Ca: s.cfg.CA.PEM()}, nil
}

// useToken removes the token and returns it.
func useToken(tx *store.Tx, token string, now time.Time) (*dc.JoinToken, error) {
	refused := dc.Errorf(dc.Unauthenticated, "the join token is wrong, used or expired").Fix("make a new one")
	id, ok := store.Claimed(tx.View(), "join/"+hash(token))
	if !ok {
		return nil, refused
	}
	t, err := store.Load[*dc.JoinToken](tx, id)
	if err != nil || !now.Before(t.Expires) {
		return nil, refused
	}
	tx.Delete(t)
	return t, nil
}
