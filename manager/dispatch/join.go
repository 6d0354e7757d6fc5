package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"hanok/api/convert"
	"hanok/api/hanok/agent/v1"
	"hanok/dc"
	"hanok/internal/pki"
	"hanok/internal/random"
	"hanok/manager/event"
	"hanok/manager/inventory"
	"hanok/manager/store"
)

// tokenLife is how long a join token is good for.
const tokenLife = time.Hour

// CreateJoinToken returns a token that lets one host join the cluster, and until when it is good. It is shown once and not
// stored, and carries the fingerprint of the authority behind a dot. Privilege: PrivHostAdd. Kinds: NotFound for the cluster, Invalid for
// the compute resource of a host that stands alone.
func (s *Service) CreateJoinToken(ctx context.Context, by dc.Caller, cluster dc.ClusterID) (string, time.Time, error) {
	if err := s.cfg.Access.Authorize(by, dc.PrivHostAdd, dc.ID(cluster)); err != nil {
		return "", time.Time{}, err
	}
	if c, err := store.Get[*dc.Cluster](s.cfg.Store.View(), dc.ID(cluster)); err == nil && c.Standalone {
		return "", time.Time{}, dc.Errorf(dc.Invalid, "it is the compute resource of one host").On(dc.Describe(dc.KindCluster, c.Name)).
			Fix("choose a cluster, or let the new host stand alone")
	}
	return s.createToken(ctx, dc.JoinToken{Cluster: cluster}, dc.ID(cluster))
}

// CreateStandaloneToken returns a token that lets one host join in a folder of hosts, alone; see CreateJoinToken. Privilege:
// PrivHostAddAlone. Kinds: NotFound for the folder, Invalid for one of another type.
func (s *Service) CreateStandaloneToken(ctx context.Context, by dc.Caller, folder dc.FolderID) (string, time.Time, error) {
	if err := s.cfg.Access.Authorize(by, dc.PrivHostAddAlone, dc.ID(folder)); err != nil {
		return "", time.Time{}, err
	}
	f, err := store.Get[*dc.Folder](s.cfg.Store.View(), dc.ID(folder))
	if err != nil {
		return "", time.Time{}, err
	}
	if f.Type != dc.FolderHost {
		return "", time.Time{}, dc.Errorf(dc.Invalid, "it does not hold hosts").On(dc.Describe(dc.KindFolder, f.Name)).Fix("choose a folder for hosts")
	}
	return s.createToken(ctx, dc.JoinToken{Folder: folder}, dc.ID(folder))
}

// CreateRejoinToken returns a token that lets a host in again as the one that it was, after its certificate or its key was
// lost; see CreateJoinToken. Kinds: NotFound for the host.
func (s *Service) CreateRejoinToken(ctx context.Context, by dc.Caller, host dc.HostID) (string, time.Time, error) {
	if err := s.cfg.Access.Authorize(by, dc.PrivHostAdd, dc.ID(host)); err != nil {
		return "", time.Time{}, err
	}
	return s.createToken(ctx, dc.JoinToken{Host: host}, dc.ID(host))
}

// createToken stores a token for the object target.
func (s *Service) createToken(ctx context.Context, t dc.JoinToken, target dc.ID) (string, time.Time, error) {
	fingerprint, err := pki.Fingerprint(s.cfg.CA.PEM())
	if err != nil {
		return "", time.Time{}, err
	}
	secret, now := random.Token(), time.Now().UTC()
	t.ID, t.Meta = dc.JoinTokenID(dc.NewID(dc.KindJoinToken, random.Suffix())), dc.Meta{Created: now}
	t.TokenHash, t.Expires = hash(secret), now.Add(tokenLife)
	err = s.cfg.Store.Change(ctx, func(tx *store.Tx) error {
		for old := range store.List[*dc.JoinToken](tx.View()) {
			if !now.Before(old.Expires) {
				tx.Delete(old)
			}
		}
		tx.Exists(target)
		added := t
		tx.Put(&added)
		return nil
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return secret + "." + fingerprint, t.Expires, nil
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
	now := time.Now().UTC()
	token, err := findToken(s.cfg.Store.View(), r.Token, now)
	if err != nil {
		return nil, err
	}
	id, former, replaces := token.Host, dc.HostID(r.FormerHostId), false
	if id == "" {
		if old, err := store.Get[*dc.Host](s.cfg.Store.View(), dc.ID(former)); err == nil {
			return nil, dc.Errorf(dc.Exists, "this machine is that host already").On(dc.Describe(dc.KindHost, old.Name)).
				Fix("make a token for it: hanok host token --host %s", old.Name)
		}
		replaces = former != ""
		if err := dc.CheckName(dc.KindHost, r.Name); err != nil {
			return nil, err
		}
		id = dc.HostID(dc.NewID(dc.KindHost, random.Suffix()))
	}
	certificate, err := s.cfg.CA.SignHost(r.Csr, string(id), now)
	if err != nil {
		return nil, dc.Errorf(dc.Invalid, "%w", err).On(dc.Describe(dc.KindHost, r.Name))
	}
	var joined *dc.Host
	err = s.cfg.Store.Change(ctx, func(tx *store.Tx) error {
		token, err := findToken(tx.View(), r.Token, now)
		if err != nil {
			return err
		}
		tx.Delete(token)
		what := "has joined"
		if token.Host != "" {
			joined, err = store.Load[*dc.Host](tx, dc.ID(token.Host))
			what = "has joined again, with a new certificate"
		} else {
			joined, err = addHost(tx, token, id, r.Name, convert.FromHostFacts(r.Facts), now)
		}
		if err != nil {
			return err
		}
		event.Add(tx, now, dc.Event{Type: dc.EventHostAdded, Target: dc.ID(id), TargetName: joined.Name,
			Message: dc.Describe(dc.KindHost, joined.Name) + " " + what})
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.cfg.Log.Info("a host has joined", "host", id, "name", joined.Name)
	return &agentv1.JoinResponse{HostId: string(id), Certificate: certificate, Ca: s.cfg.CA.PEM(), ReplacesFormer: replaces}, nil
}

// addHost makes a host where the token says.
func addHost(tx *store.Tx, token *dc.JoinToken, id dc.HostID, name string, facts dc.HostStatus, now time.Time) (*dc.Host, error) {
	cluster := token.Cluster
	if token.Folder != "" {
		cluster = resourceAlone(tx, token.Folder, name)
	}
	if old, ok := store.Named[*dc.Host](tx.View(), dc.ID(cluster), name); ok {
		if old.Status.Connection != "" {
			return nil, dc.Errorf(dc.Exists, "a host of this name has joined already").On(dc.Describe(dc.KindHost, name)).
				Fix("give this host another name; or, if it is that host, make a token for it")
		}
		tx.Delete(old)
	}
	if token.Folder == "" {
		tx.Exists(dc.ID(cluster))
	}
	h := &dc.Host{ID: id, Meta: dc.Meta{Name: name, Parent: dc.ID(cluster), Created: now}, Status: facts}
	tx.Put(h)
	return h, nil
}

// resourceAlone returns the compute resource of a host that stands alone in a folder: the one that is left of a host which died
// before it was ever connected, or a new one.
func resourceAlone(tx *store.Tx, folder dc.FolderID, name string) dc.ClusterID {
	tx.Exists(dc.ID(folder))
	if old, ok := store.Named[*dc.Cluster](tx.View(), dc.ID(folder), name); ok && old.Standalone {
		tx.Exists(dc.ID(old.ID))
		return old.ID
	}
	return inventory.PutStandalone(tx, folder, name).ID
}

// findToken returns the token whose secret is given.
func findToken(v *store.View, secret string, now time.Time) (*dc.JoinToken, error) {
	refused := dc.Errorf(dc.Unauthenticated, "the join token is wrong, used or expired").Fix("make a new one")
	id, ok := store.Claimed(v, "join/"+hash(secret))
	if !ok {
		return nil, refused
	}
	t, err := store.Get[*dc.JoinToken](v, id)
	if err != nil || !now.Before(t.Expires) {
		return nil, refused
	}
	return t, nil
}

// renew signs a new certificate for the host that calls.
func (s *Service) renew(ctx context.Context, r *agentv1.RenewRequest) (*agentv1.RenewResponse, error) {
	host, err := s.hostOf(ctx)
	if err != nil {
		return nil, err
	}
	certificate, err := s.cfg.CA.SignHost(r.Csr, string(host.ID), time.Now())
	if err != nil {
		return nil, dc.Errorf(dc.Invalid, "%w", err).On(dc.Describe(dc.KindHost, host.Name))
	}
	s.cfg.Log.Info("renewed a host's certificate", "host", host.ID, "name", host.Name)
	return &agentv1.RenewResponse{Certificate: certificate, Ca: s.cfg.CA.PEM()}, nil
}

// serveAuthority sends the authority's certificate to anybody: a host that joins has its fingerprint.
func (s *Service) serveAuthority(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(s.cfg.CA.PEM()) // an error is the caller's, who is gone
}
