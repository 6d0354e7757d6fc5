package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"hanok/dc"
)

// defaultPrefix is where the keys of a data center are in etcd.
const defaultPrefix = "/hanok/v1/"

// etcd is the part that the embedded and the external backend share: a backend over any client.
type etcd struct {
	client *clientv3.Client
	prefix string
	// base is added to etcd's revisions wherever they leave this backend, and subtracted where they come in: restore.go.
	base int64
	sink sink
	log  *slog.Logger
	// batch is how much one transaction of many may write.
	batch batchSize
	// failed is called once when the stream cannot go on.
	failed func(error)
	// stream is the context of the watch; progress requests must carry the same one.
	stream context.Context
	stop   context.CancelFunc
	ended  chan struct{}
}

// start loads everything and follows it from there, until close. bound bounds each of its parts but a migration, which takes as long
// as it takes; 0 is no bound.
func (e *etcd) start(ctx context.Context, bound time.Duration) error {
	e.stream, e.stop = context.WithCancel(clientv3.WithRequireLeader(context.Background()))
	e.ended = make(chan struct{})
	revision, err := e.loaded(ctx, bound)
	if err != nil {
		close(e.ended)
		return err
	}
	go e.follow(revision)
	return nil
}

// loaded returns the revision at which everything was loaded.
func (e *etcd) loaded(ctx context.Context, bound time.Duration) (int64, error) {
	bounded := func() (context.Context, context.CancelFunc) {
		if bound == 0 {
			return ctx, func() {}
		}
		return context.WithTimeout(ctx, bound)
	}
	preparing, done := bounded()
	defer done()
	old, err := e.prepare(preparing)
	if err == nil && old != nil {
		err = e.migrate(ctx, e.commit, *old)
	}
	if err != nil {
		return 0, err
	}
	loading, done := bounded()
	defer done()
	return e.load(loading, 0)
}

// prepare marks an empty store with the format and finds out the base. It returns the format's key of a store that is to be
// migrated.
func (e *etcd) prepare(ctx context.Context) (*keyValue, error) {
	resp, err := e.client.Txn(ctx).Then(clientv3.OpGet(e.prefix+baseKey), clientv3.OpGet(e.prefix+formatKey)).Commit()
	if err != nil {
		return nil, &dc.Error{Kind: dc.Unavailable, Message: "cannot read the store", Err: err}
	}
	if found := resp.Responses[0].GetResponseRange().Kvs; len(found) > 0 {
		if e.base, err = strconv.ParseInt(string(found[0].Value), 10, 64); err != nil {
			return nil, unreadable(fmt.Errorf("key %q: %w", baseKey, err))
		}
	}
	if known := resp.Responses[1].GetResponseRange().Kvs; len(known) > 0 {
		if current, err := readFormat(known[0].Value); err != nil || current {
			return nil, err
		}
		found := e.keyValue(known[0])
		return &found, nil
	}
	_, _, err = e.commit(ctx, begin())
	if dc.KindOf(err) == dc.Exhausted {
		return nil, nil // it would be the first key: an etcd that is full of others' keys says so again
	}
	return nil, err
}

// load hands everything to the sink and returns the revision at which it was read, which must not be below after.
func (e *etcd) load(ctx context.Context, after int64) (int64, error) {
	revision, all, err := e.read(ctx)
	if err != nil {
		return 0, err
	}
	if revision < after {
		return 0, &dc.Error{Kind: dc.WrongState, Object: "the store",
			Message: "etcd has gone back to an older state while the manager was running", Remedy: "restart the manager"}
	}
	return revision, e.sink.reset(revision, all)
}

// read implements backend. One request has one revision.
func (e *etcd) read(ctx context.Context) (int64, []keyValue, error) {
	resp, err := e.client.Get(ctx, e.prefix, clientv3.WithPrefix())
	if err != nil {
		return 0, nil, &dc.Error{Kind: dc.Unavailable, Message: "cannot read the store", Err: err}
	}
	all := make([]keyValue, len(resp.Kvs))
	for i, kv := range resp.Kvs {
		all[i] = e.keyValue(kv)
	}
	return e.base + resp.Header.Revision, all, nil
}

func (e *etcd) keyValue(kv *mvccpb.KeyValue) keyValue {
	return keyValue{key: string(kv.Key[len(e.prefix):]), value: kv.Value, revision: e.base + kv.ModRevision}
}

// modRevision returns etcd's own revision for one of the store's. 0 stands for a key that is not there; what was before the
// restore that set the base is at no revision of this etcd.
func (e *etcd) modRevision(revision int64) int64 {
	switch {
	case revision == 0:
		return 0
	case revision <= e.base:
		return -1
	}
	return revision - e.base
}

// follow delivers the changes after revision until the stream's context ends. When etcd ends the watch, because it has
// compacted what comes next or has lost its leader, everything is loaded anew.
func (e *etcd) follow(revision int64) {
	defer close(e.ended)
	for {
		var err error
		if revision, err = e.watch(revision); err == nil {
			revision, err = e.reload(revision)
		}
		if e.stream.Err() != nil {
			return
		}
		if err != nil {
			e.failed(err)
			return
		}
	}
}

// watch delivers until the watch ends and returns the last revision. An error is the sink's.
func (e *etcd) watch(revision int64) (int64, error) {
	ctx, cancel := context.WithCancel(e.stream)
	defer cancel()
	for resp := range e.client.Watch(ctx, e.prefix, clientv3.WithPrefix(), clientv3.WithRev(e.modRevision(revision)+1)) {
		if resp.Err() != nil {
			return revision, nil
		}
		for events := resp.Events; len(events) > 0; {
			n, at := 0, events[0].Kv.ModRevision
			for n < len(events) && events[n].Kv.ModRevision == at {
				n++
			}
			at += e.base
			if err := e.deliver(at, events[:n]); err != nil {
				return revision, err
			}
			events, revision = events[n:], at
		}
		if now := e.base + resp.Header.Revision; resp.IsProgressNotify() && now > revision {
			revision = now
			if err := e.sink.apply(revision, nil); err != nil {
				return revision, err
			}
		}
	}
	return revision, nil
}

// deliver hands the events of one transaction to the sink.
func (e *etcd) deliver(revision int64, events []*clientv3.Event) error {
	changes := make([]keyValue, len(events))
	for i, ev := range events {
		changes[i] = e.keyValue(ev.Kv)
		if ev.Type == clientv3.EventTypeDelete {
			changes[i].value = nil
		}
	}
	return e.sink.apply(revision, changes)
}

// pause is between two attempts to reach an etcd that is away.
const pause = 500 * time.Millisecond

// reload loads until it works. An error is final.
func (e *etcd) reload(revision int64) (int64, error) {
	for {
		next, err := e.load(e.stream, revision)
		if dc.KindOf(err) != dc.Unavailable {
			return next, err
		}
		select {
		case <-time.After(pause):
		case <-e.stream.Done():
			return revision, nil
		}
	}
}

// commit implements backend.
func (e *etcd) commit(ctx context.Context, t transaction) (int64, bool, error) {
	resp, err := e.client.Txn(ctx).If(e.compares(t.conditions)...).Then(e.ops(t.operations)...).Commit()
	if err != nil {
		return 0, false, commitError(ctx, err, len(t.operations))
	}
	return e.base + resp.Header.Revision, resp.Succeeded, nil
}

func (e *etcd) compares(conditions []condition) []clientv3.Cmp {
	cmps := make([]clientv3.Cmp, len(conditions))
	for i, c := range conditions {
		cmps[i] = clientv3.Compare(clientv3.ModRevision(e.prefix+c.key), string(c.compare), e.modRevision(c.revision))
		if c.prefix {
			cmps[i] = cmps[i].WithPrefix()
		}
	}
	return cmps
}

func (e *etcd) ops(operations []keyValue) []clientv3.Op {
	ops := make([]clientv3.Op, len(operations))
	for i, o := range operations {
		if o.value == nil {
			ops[i] = clientv3.OpDelete(e.prefix + o.key)
		} else {
			ops[i] = clientv3.OpPut(e.prefix+o.key, string(o.value))
		}
	}
	return ops
}

// commitError says what became of a transaction. Only what etcd refuses before it does anything has a known outcome.
func commitError(ctx context.Context, err error, operations int) error {
	switch {
	case errors.Is(err, rpctypes.ErrNoSpace):
		// etcd says so before a transaction, but also after one with which it became full.
		return &dc.Error{Kind: dc.Exhausted, Object: "the store", Err: err,
			Message: "etcd has no space left, outcome unknown: the change may have been made or not",
			Remedy:  "compact and defragment etcd, or raise its quota, and disarm its alarm NOSPACE"}
	case errors.Is(err, rpctypes.ErrTooManyOps):
		return dc.Errorf(dc.Exhausted, "the change has %d writes, more than etcd takes at once: %w", operations, err).
			Fix("change fewer objects at once, or raise etcd's --max-txn-ops")
	case errors.Is(err, rpctypes.ErrRequestTooLarge):
		return dc.Errorf(dc.Exhausted, "the change is larger than etcd takes at once: %w", err).
			Fix("change fewer objects at once, or raise etcd's --max-request-bytes")
	case errors.Is(err, rpctypes.ErrTooManyRequests):
		return dc.Errorf(dc.Unavailable, "etcd is too busy: %w", err).Fix("try again")
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return dc.Errorf(dc.Unavailable, "etcd does not let this manager write: %w", err)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return &dc.Error{Kind: dc.Unavailable, Err: err,
		Message: "the store did not answer, outcome unknown: the change may have been made or not: " + err.Error(),
		Remedy:  "look whether it was made before you repeat it"}
}

// advance implements backend.
func (e *etcd) advance(ctx context.Context) {
	asking, cancel := context.WithCancel(e.stream)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	_ = e.client.RequestProgress(asking) // who still waits asks again
}

// close ends the stream and the client.
func (e *etcd) close() error {
	e.stop()
	<-e.ended
	return e.client.Close()
}

// compacted reports whether there was nothing to compact.
func compacted(err error) bool { return errors.Is(err, rpctypes.ErrCompacted) }
