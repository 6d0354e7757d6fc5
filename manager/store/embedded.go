package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"

	"hanok/dc"
	"hanok/internal/durable"
	"hanok/internal/sabotage"
)

// EmbeddedConfig says where an embedded store keeps its data.
type EmbeddedConfig struct {
	// Dir is the folder of the data; it is made with mode 0700 where it does not exist.
	Dir string
	// QuotaBytes is how much the store holds before it refuses new objects; 0 means 2 GiB.
	QuotaBytes int64
	// Unsynced is for a store that need not outlast a loss of power: nobody waits for the disk.
	Unsynced bool
	// Log gets etcd's warnings and errors; nil means slog.Default.
	Log *slog.Logger
}

const (
	defaultQuota = 2 << 30
	// minFree is what must be free on the file system to start: two segments of etcd's log and room to work.
	minFree = 48 << 20
	// history is how long etcd keeps what was overwritten. The view needs none of it; a watch that lags is a bug.
	history = "1m"
	// tick is raft's, in milliseconds. A single member elects itself after up to 20 of them, at every start.
	tick = 10
	// snapshotEvery is after how many transactions etcd need not read its log from the beginning at the next start, and catchUp
	// how many of them it keeps in memory for members that lag behind, of which there are none.
	snapshotEvery, catchUp = 2000, 1
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
	log   *slog.Logger
	dir   string
	quota int64
	// unsynced is the configuration's.
	unsynced bool
	lock     *os.File
	server   *embed.Etcd
	panics   *reporter
	// launching is the start that OpenEmbedded did not wait for.
	launching *launching

	// compacting is held by the one who makes room.
	compacting sync.Mutex
}

// OpenEmbedded starts etcd within this process and returns the store in it. No other process can open the same folder
// meanwhile (kind WrongState), not even over the network: it has no socket. The error names the folder and what to do:
// when it belongs to somebody else (Denied), when its file system is full (Exhausted), when etcd cannot read its files
// (Unavailable). After an error of etcd itself the process should end before it tries again.
func OpenEmbedded(ctx context.Context, cfg EmbeddedConfig) (*Store, error) {
	s := newStore()
	e, err := newEmbedded(cfg, s, s.end)
	if err != nil {
		return nil, err
	}
	s.backend = e
	if err := e.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newEmbedded locks the folder.
func newEmbedded(cfg EmbeddedConfig, sink sink, failed func(error)) (*embedded, error) {
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
	e := &embedded{log: cfg.Log, dir: cfg.Dir, quota: cfg.QuotaBytes, unsynced: cfg.Unsynced, lock: lock}
	e.etcd = etcd{prefix: defaultPrefix, sink: sink, log: cfg.Log, batch: embeddedBatch, failed: failed}
	e.panics = newReporter(cfg.Log, func(err error) { failed(e.broken(err)) })
	return e, nil
}

// open starts etcd and what follows it.
func (e *embedded) open(ctx context.Context) error {
	if err := e.launched(ctx); err != nil {
		return err
	}
	return e.start(ctx, 0)
}

// launched starts etcd on its files, which are made where they are missing.
func (e *embedded) launched(ctx context.Context) error {
	data := filepath.Join(e.dir, "etcd")
	if err := e.create(ctx, data); err != nil {
		return err
	}
	if err := e.launch(ctx, data); err != nil {
		return err
	}
	e.client = v3client.New(e.server.Server)
	return nil
}

// create makes the files of a new store. They get their name when they are whole: an etcd that is killed in its first
// moments leaves files with which it never starts again, because no member is in them yet.
func (e *embedded) create(ctx context.Context, data string) error {
	if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unfinished := data + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return e.broken(err)
	}
	if err := e.launch(ctx, unfinished); err != nil {
		return err
	}
	e.panics.closing.Store(true)
	e.server.Close()
	e.panics.closing.Store(false)
	e.server = nil
	if err := os.Rename(unfinished, data); err != nil {
		return e.broken(err)
	}
	return durable.SyncDir(e.dir)
}

// launch starts the server on its files and waits until it is ready. etcd ends the process on many failures; the reporter makes it
// end the goroutine instead, which is why it gets one.
func (e *embedded) launch(ctx context.Context, data string) error {
	l := &launching{done: make(chan struct{}), err: errors.New("etcd gave up")}
	go l.run(e.config(data))
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
			l.err = fmt.Errorf("its files seem to be damaged: %v", r)
		}
	}()
	l.server, l.err = embed.StartEtcd(cfg)
}

func (e *embedded) config(data string) *embed.Config {
	c := embed.NewConfig()
	c.Name, c.Dir = "hanok", data
	c.ListenClientUrls, c.AdvertiseClientUrls, c.ListenPeerUrls = nil, nil, nil
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.TickMs, c.ElectionMs = tick, 10*tick
	c.QuotaBackendBytes = -1 // quota.go has it
	c.SnapshotCount, c.SnapshotCatchUpEntries = snapshotEvery, catchUp
	c.MaxTxnOps, c.MaxRequestBytes = maxOperations, maxRequest
	c.AutoCompactionMode, c.AutoCompactionRetention = embed.CompactorModePeriodic, history
	c.EnableGRPCGateway = false
	c.UnsafeNoFsync = e.unsynced || sabotage.Is(sabotage.UnsyncedStore)
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
	e.panics.closing.Store(true)
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
		Remedy: "look into the log, repair the cause or restore a backup, and start again"}
	if outOfSpace(err) {
		out.Kind, out.Remedy = dc.Exhausted, "free space on its file system and start again"
	}
	return out
}
