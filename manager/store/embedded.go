package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"

	"hanok/dc"
)

// EmbeddedConfig says where an embedded store keeps its data.
type EmbeddedConfig struct {
	// Dir is the folder of the data; it is made with mode 0700 where it does not exist.
	Dir string
	// QuotaBytes is how much the store holds before it refuses new objects; 0 means 2 GiB.
	QuotaBytes int64
	// Log gets etcd's warnings and errors; nil means slog.Default.
	Log *slog.Logger
}

const (
	defaultQuota = 2 << 30
	// minFree is what must be free on the file system to start: two segments of etcd's log and room to work.
	minFree = 48 << 20
	// history is how long etcd keeps what was overwritten. The view needs none of it; a watch that lags is a bug.
	history = "5m"
	// tick is raft's, in milliseconds. A single member elects itself after up to 20 of them, at every start.
	tick = 10
	// maxOperations and maxRequest bound one transaction: thousands of virtual machines.
	maxOperations = 1 << 16
	maxRequest    = 10 << 20
)

func init() {
	// The log is allocated in segments ahead of its use. etcd's default of 64 MB is for large clusters.
	wal.SegmentSizeBytes = 16 << 20
}

// embedded is an etcd in this process, without any socket: one member, reached by function calls.
type embedded struct {
	etcd
	log    *slog.Logger
	dir    string
	quota  int64
	lock   *os.File
	server *embed.Etcd
	panics *reporter
	// launching is the start that OpenEmbedded did not wait for.
	launching *launching

	// reclaiming is held by the one who makes room.
	reclaiming sync.Mutex
}

// OpenEmbedded starts etcd within this process and returns the store in it. No other process can open the same folder
// meanwhile (kind WrongState), not even over the network: it has no socket. The error names the folder and what to do:
// when it belongs to somebody else (Denied), when its file system is full (Exhausted), when etcd finds its files damaged
// (Internal). After an error of etcd itself the process should end before it tries again.
func OpenEmbedded(ctx context.Context, cfg EmbeddedConfig) (*Store, error) {
	if cfg.QuotaBytes == 0 {
		cfg.QuotaBytes = defaultQuota
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	lock, err := claimDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := newStore()
	e := &embedded{log: cfg.Log, dir: cfg.Dir, quota: cfg.QuotaBytes, lock: lock}
	e.etcd = etcd{prefix: defaultPrefix, sink: s, failed: s.end}
	e.panics = newReporter(cfg.Log, func(err error) { s.end(e.broken(err)) })
	s.backend = e
	if err := e.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (e *embedded) open(ctx context.Context) error {
	if err := e.launch(ctx); err != nil {
		return err
	}
	e.client = v3client.New(e.server.Server)
	if err := e.disarm(ctx); err != nil {
		return err
	}
	return e.start(ctx)
}

// launch starts the server and waits until it is ready. etcd ends the process on many failures; the reporter makes it
// end the goroutine instead, which is why it gets one.
func (e *embedded) launch(ctx context.Context) error {
	l := &launching{done: make(chan struct{}), err: errors.New("etcd gave up")}
	go l.run(e.config())
	select {
	case <-l.done:
	case <-e.panics.reported:
		return e.broken(e.panics.err())
	case <-ctx.Done():
		e.launching = l
		return ctx.Err()
	}
	if l.err != nil {
		return e.broken(cmp.Or(e.panics.err(), l.err))
	}
	e.server = l.server
	select {
	case <-e.server.Server.ReadyNotify():
		return nil
	case err := <-e.server.Err():
		return e.broken(err)
	case <-e.panics.reported:
		return e.broken(e.panics.err())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// launching is a start of etcd that is under way until done is closed.
type launching struct {
	done   chan struct{}
	server *embed.Etcd
	err    error
}

func (l *launching) run(cfg *embed.Config) {
	defer close(l.done)
	defer func() {
		if r := recover(); r != nil {
			l.err = fmt.Errorf("etcd panicked: %v", r)
		}
	}()
	l.server, l.err = embed.StartEtcd(cfg)
}

func (e *embedded) config() *embed.Config {
	c := embed.NewConfig()
	c.Name, c.Dir = "hanok", filepath.Join(e.dir, "etcd")
	c.ListenClientUrls, c.AdvertiseClientUrls, c.ListenPeerUrls = nil, nil, nil
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.TickMs, c.ElectionMs = tick, 10*tick
	c.QuotaBackendBytes = hardQuota(e.quota)
	c.MaxTxnOps, c.MaxRequestBytes = maxOperations, maxRequest
	c.AutoCompactionMode, c.AutoCompactionRetention = embed.CompactorModePeriodic, history
	c.EnableGRPCGateway = false
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(e.panics.logger())
	return c
}

// close implements backend. An etcd that has failed is left as it is: it may hold its locks for ever.
func (e *embedded) close() error {
	if l := e.launching; l != nil {
		go func() { // whenever it comes to an end: the caller does not wait for it
			<-l.done
			e.server = l.server
			e.shut()
		}()
		return nil
	}
	return e.shut()
}

func (e *embedded) shut() error {
	if e.stop != nil {
		_ = e.etcd.close() // a client within the process returns its own cancellation
	}
	if e.server != nil && e.panics.err() == nil {
		e.server.Close()
	}
	return e.lock.Close()
}

// broken makes the public error of a failure of etcd.
func (e *embedded) broken(err error) error {
	out := &dc.Error{Kind: dc.Unavailable, Object: "the store in " + e.dir, Message: "etcd has failed: " + err.Error(), Err: err,
		Remedy: "look into the log, repair the cause and start again"}
	if outOfSpace(err) {
		out.Kind, out.Remedy = dc.Exhausted, "free space on its file system and start again"
	}
	return out
}

// The quota. It counts what is in use, history included, and refuses new inventory only: what exists can still be
// changed and deleted, an administrator can still log in. Behind it etcd's own quota on the file's size refuses all
// writes but deletions.

func hardQuota(quota int64) int64 { return quota + quota/4 + 16<<20 }

// commit implements backend. Where there is no room it makes some first.
func (e *embedded) commit(ctx context.Context, t transaction) (int64, bool, error) {
	if t.grows && e.inUse() > e.quota {
		if err := e.compact(ctx); err != nil {
			return 0, false, err
		}
		if e.inUse() > e.quota {
			return 0, false, e.full()
		}
	}
	revision, ok, err := e.etcd.commit(ctx, t)
	if dc.KindOf(err) != dc.Exhausted || !noSpace(err) {
		return revision, ok, err
	}
	if err := e.defragment(ctx); err != nil {
		return 0, false, err
	}
	if revision, ok, err = e.etcd.commit(ctx, t); noSpace(err) {
		return 0, false, e.full()
	}
	return revision, ok, err
}

func (e *embedded) full() *dc.Error {
	return &dc.Error{Kind: dc.Exhausted, Object: "the store in " + e.dir,
		Message: fmt.Sprintf("it is full: %d bytes of its quota of %d bytes are used", e.inUse(), e.quota),
		Remedy:  "delete what is no longer needed, or start hanok with a larger quota"}
}

func (e *embedded) inUse() int64 { return e.server.Server.Backend().SizeInUse() }

// compact frees the space of everything that the view does not show any more.
func (e *embedded) compact(ctx context.Context) error {
	e.reclaiming.Lock()
	defer e.reclaiming.Unlock()
	if e.inUse() <= e.quota {
		return nil // somebody else just did
	}
	return e.compactNow(ctx)
}

func (e *embedded) compactNow(ctx context.Context) error {
	resp, err := e.client.Get(ctx, e.prefix, clientv3.WithCountOnly())
	if err != nil {
		return dc.Errorf(dc.Unavailable, "the store does not answer: %w", err)
	}
	_, err = e.client.Compact(ctx, resp.Header.Revision, clientv3.WithCompactPhysical())
	if err != nil && !compacted(err) {
		return dc.Errorf(dc.Unavailable, "the store could not be compacted: %w", err)
	}
	// Pages are free only when the commit that freed them is on the disk and another one has begun.
	for range 2 {
		e.server.Server.Backend().ForceCommit()
	}
	return nil
}

// defragment makes the file as small as its content and takes etcd's alarm back.
func (e *embedded) defragment(ctx context.Context) error {
	e.reclaiming.Lock()
	defer e.reclaiming.Unlock()
	if err := e.compactNow(ctx); err != nil {
		return err
	}
	start := time.Now()
	if err := e.server.Server.Backend().Defrag(); err != nil {
		return dc.Errorf(dc.Unavailable, "the store could not be defragmented: %w", err)
	}
	e.log.Warn("store: was full and is defragmented", "took", time.Since(start), "bytes", e.inUse())
	if _, err := e.client.AlarmDisarm(ctx, &clientv3.AlarmMember{}); err != nil {
		return dc.Errorf(dc.Unavailable, "the store's alarm could not be disarmed: %w", err)
	}
	return nil
}

// disarm makes room where etcd stopped for the lack of it.
func (e *embedded) disarm(ctx context.Context) error {
	resp, err := e.client.AlarmList(ctx)
	if err != nil {
		return dc.Errorf(dc.Unavailable, "the store does not answer: %w", err)
	}
	if len(resp.Alarms) == 0 {
		return nil
	}
	return e.defragment(ctx)
}

// usage implements backend.
func (e *embedded) usage(context.Context) (Usage, error) {
	used := e.inUse()
	return Usage{UsedBytes: used, QuotaBytes: e.quota, Full: used > e.quota}, nil
}
