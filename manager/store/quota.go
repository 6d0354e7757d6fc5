package store

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"hanok/dc"
)

// The quota of an embedded store counts what is in use, history included, and refuses new inventory only: what exists can
// still be changed and deleted, an administrator can still log in. Behind it etcd's own quota on the size of its file
// refuses all writes but deletions.

// hardQuota returns etcd's own quota.
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

// usage implements backend.
func (e *embedded) usage(context.Context) (Usage, error) {
	used := e.inUse()
	return Usage{UsedBytes: used, QuotaBytes: e.quota, Full: used > e.quota}, nil
}
