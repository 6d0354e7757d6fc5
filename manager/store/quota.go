package store

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"hanok/dc"
)

// The quota of an embedded store counts what is in use, history included. At the quota new inventory is refused: what
// exists can still be changed and deleted, and an administrator can still log in. At the limit behind it, all writes but
// deletions are refused. etcd's own quota is switched off, because it answers "no space" both for transactions that it
// has refused and for ones that it has committed.

// limit returns how many bytes may be in use for a transaction to be taken.
func (e *embedded) limit(d demand) int64 {
	if d == grows {
		return e.quota
	}
	return e.quota + e.quota/4 + 16<<20
}

// commit implements backend. Where there is no room it makes some first.
func (e *embedded) commit(ctx context.Context, t transaction) (int64, bool, error) {
	if limit := e.limit(t.demand); t.demand != frees && e.inUse() > limit {
		if err := e.compact(ctx, limit); err != nil {
			return 0, false, err
		}
		if used := e.inUse(); used > limit {
			return 0, false, &dc.Error{Kind: dc.Exhausted, Object: "the store in " + e.dir,
				Message: fmt.Sprintf("it is full: %d bytes of its quota of %d bytes are used", used, e.quota),
				Remedy:  "delete what is no longer needed, or start hanok with a larger quota"}
		}
	}
	return e.etcd.commit(ctx, t)
}

// inUse lags behind by what was written in the last tenth of a second.
func (e *embedded) inUse() int64 { return e.server.Server.Backend().SizeInUse() }

// compact frees the space of everything that the view does not show any more.
func (e *embedded) compact(ctx context.Context, limit int64) error {
	e.compacting.Lock()
	defer e.compacting.Unlock()
	if e.inUse() <= limit {
		return nil // somebody else just did
	}
	resp, err := e.client.Get(ctx, e.prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
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

// usage implements backend.
func (e *embedded) usage(context.Context) (Usage, error) {
	used := e.inUse()
	return Usage{UsedBytes: used, QuotaBytes: e.quota, Full: used > e.quota}, nil
}
