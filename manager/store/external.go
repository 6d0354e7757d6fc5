package store

import (
	"context"
	"crypto/tls"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"hanok/dc"
)

// ExternalConfig says where an etcd is that somebody else runs.
type ExternalConfig struct {
	// Endpoints are the URLs of its members: "https://10.0.0.1:2379", "unix:///run/etcd.sock".
	Endpoints []string
	// TLS is for https endpoints; nil for others.
	TLS *tls.Config
	// Prefix is what the keys of this data center begin with; "" means "/hanok/v1/". Data centers that share an etcd
	// need different ones, each ending with a slash.
	Prefix string
	// Owner names this manager among all that could open the store: of two names at once the second is refused. The same
	// name takes over, so it must be sure that no other process has it. Empty: nobody is kept out, and nobody kept out by.
	Owner string
	// Log gets the client's warnings; nil means slog.Default.
	Log *slog.Logger
}

// openTimeout bounds how long an external etcd may take to answer at first.
const openTimeout = 15 * time.Second

// external is an etcd that somebody else runs, compacts and backs up.
type external struct {
	etcd
	endpoints []string
	// owner is the claim on the store, or nil; life is that of its lease, and kept is closed when nobody keeps it any more.
	owner   *owner
	life    context.Context
	endLife context.CancelFunc
	kept    chan struct{}
}

// OpenExternal returns the store in an etcd of version 3.4 or newer that is there already. It waits for each answer until
// ctx ends, 15 seconds at most; the error is then of kind Unavailable and names the endpoints. Later losses of the
// connection are bridged: views stay as they are, changes fail with Unavailable, and when etcd answers again the view
// catches up. A store of the format before is migrated first, which takes as long as it takes.
func OpenExternal(ctx context.Context, cfg ExternalConfig) (*Store, error) {
	client, prefix, err := dial(cfg)
	if err != nil {
		return nil, err
	}
	s := newStore()
	e := &external{endpoints: cfg.Endpoints}
	e.etcd = cfg.etcd(client, prefix, s, s.end)
	s.backend = e
	if cfg.Owner != "" {
		first, cancel := context.WithTimeout(ctx, openTimeout)
		defer cancel()
		if err := e.own(first, cfg.Owner); err != nil {
			client.Close()
			return nil, cfg.explain(err)
		}
	}
	if err := e.start(ctx, openTimeout); err != nil {
		s.Close()
		return nil, cfg.explain(err)
	}
	return s, nil
}

// etcd returns the part of the backend that all backends on etcd share.
func (cfg ExternalConfig) etcd(client *clientv3.Client, prefix string, sink sink, failed func(error)) etcd {
	return etcd{client: client, prefix: prefix, sink: sink, log: cfg.log(), batch: externalBatch, failed: failed}
}

func (cfg ExternalConfig) log() *slog.Logger {
	if cfg.Log == nil {
		return slog.Default()
	}
	return cfg.Log
}

// own makes the store this manager's for as long as it is open.
func (e *external) own(ctx context.Context, name string) error {
	e.owner, e.kept = &owner{name: name}, make(chan struct{})
	e.life, e.endLife = context.WithCancel(context.Background())
	if err := e.claim(ctx, true); err != nil {
		e.endLife()
		return err
	}
	go e.keepClaim()
	return nil
}

// EraseExternal removes everything that a data center has in an etcd, as OpenExternal finds it. What is not Hanok's is
// refused, and so is what another manager than cfg.Owner works on. It can be repeated.
func EraseExternal(ctx context.Context, cfg ExternalConfig) error {
	client, prefix, err := dial(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if owners, err := client.Get(ctx, prefix+ownerKey); err == nil && len(owners.Kvs) > 0 && string(owners.Kvs[0].Value) != cfg.Owner {
		return ownedBy(string(owners.Kvs[0].Value))
	}
	found, err := client.Get(ctx, prefix+formatKey)
	if err != nil {
		return cfg.explain(&dc.Error{Kind: dc.Unavailable, Message: "cannot read the store", Err: err})
	}
	if len(found.Kvs) == 0 {
		return nil
	}
	if _, err := readFormat(found.Kvs[0].Value); err != nil && string(found.Kvs[0].Value) != restoring {
		return err
	}
	if _, err := client.Delete(ctx, prefix, clientv3.WithPrefix()); err != nil {
		return cfg.explain(&dc.Error{Kind: dc.Unavailable, Message: "cannot erase the store", Err: err})
	}
	return nil
}

// dial returns a client for an etcd, whether it answers or not, and what the keys begin with.
func dial(cfg ExternalConfig) (client *clientv3.Client, prefix string, err error) {
	prefix = cfg.Prefix
	if prefix == "" {
		prefix = defaultPrefix
	}
	if !strings.HasSuffix(prefix, "/") {
		return nil, "", dc.Errorf(dc.Invalid, "the prefix %q of the store's keys does not end with a slash", prefix)
	}
	client, err = clientv3.New(clientv3.Config{
		Endpoints: cfg.Endpoints, TLS: cfg.TLS, DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second,
		Logger: zap.New(slogCore{cfg.log(), new(atomic.Bool)}),
	})
	if err != nil {
		return nil, "", dc.Errorf(dc.Invalid, "the endpoints of etcd: %w", err)
	}
	return client, prefix, nil
}

// explain says which etcd does not answer.
func (cfg ExternalConfig) explain(err error) error {
	if dc.KindOf(err) != dc.Unavailable {
		return err
	}
	return &dc.Error{Kind: dc.Unavailable, Object: "etcd at " + strings.Join(cfg.Endpoints, ", "), Err: err,
		Message: "it does not answer", Remedy: "check that it runs, and its address and certificates"}
}

// usage implements backend with what the first endpoint that answers says of itself.
func (e *external) usage(ctx context.Context) (Usage, error) {
	var last error
	for _, endpoint := range e.endpoints {
		st, err := e.client.Status(ctx, endpoint)
		if err != nil {
			last = err
			continue
		}
		full := false
		for _, alarm := range st.Errors {
			full = full || strings.Contains(alarm, "NOSPACE")
		}
		return Usage{UsedBytes: st.DbSizeInUse, QuotaBytes: st.DbSizeQuota, Full: full}, nil
	}
	return Usage{}, dc.Errorf(dc.Unavailable, "etcd does not say how full it is: %w", last)
}
