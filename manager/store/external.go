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
	// Log gets the client's warnings; nil means slog.Default.
	Log *slog.Logger
}

// openTimeout bounds how long an external etcd may take to answer at first.
const openTimeout = 15 * time.Second

// external is an etcd that somebody else runs, compacts and backs up.
type external struct {
	etcd
	endpoints []string
}

// OpenExternal returns the store in an etcd of version 3.4 or newer that is there already. It waits for an answer until
// ctx ends, 15 seconds at most; the error is then of kind Unavailable and names the endpoints. Later losses of the
// connection are bridged: views stay as they are, changes fail with Unavailable, and when etcd answers again the view
// catches up.
func OpenExternal(ctx context.Context, cfg ExternalConfig) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if !strings.HasSuffix(cfg.Prefix, "/") {
		return nil, dc.Errorf(dc.Invalid, "the prefix %q of the store's keys does not end with a slash", cfg.Prefix)
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	client, err := clientv3.New(clientv3.Config{
		Endpoints: cfg.Endpoints, TLS: cfg.TLS, DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second,
		Logger: zap.New(slogCore{cfg.Log, new(atomic.Bool)}),
	})
	if err != nil {
		return nil, dc.Errorf(dc.Invalid, "the endpoints of etcd: %w", err)
	}
	s := newStore()
	e := &external{endpoints: cfg.Endpoints}
	e.etcd = etcd{client: client, prefix: cfg.Prefix, sink: s, failed: s.end}
	s.backend = e
	if err := e.start(ctx); err != nil {
		s.Close()
		if dc.KindOf(err) == dc.Unavailable {
			return nil, &dc.Error{Kind: dc.Unavailable, Object: "etcd at " + strings.Join(cfg.Endpoints, ", "), Err: err,
				Message: "it does not answer", Remedy: "check that it runs, and its address and certificates"}
		}
		return nil, err
	}
	return s, nil
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
