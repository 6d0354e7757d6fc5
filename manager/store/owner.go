package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"hanok/dc"
)

const (
	// ownerKey names the manager that works on a store in an external etcd. It has a lease: when that manager dies it goes.
	ownerKey = "owner"
	// ownerLife is after how many seconds without a sign of life it does.
	ownerLife = 10
)

// owner is a manager's claim on a store that others could open, too. Each of its transactions is conditional on the claim.
type owner struct {
	name string
	// claiming is held by who makes the claim anew.
	claiming sync.Mutex

	mu sync.Mutex
	// revision is that of the claim's write, as etcd counts.
	revision int64
	lease    clientv3.LeaseID
	alive    <-chan *clientv3.LeaseKeepAliveResponse
}

// claim makes this manager the owner. A claim of an earlier process under the same name is taken over if take is set, since
// nobody else has that name; any other is an error of kind Conflict.
func (e *external) claim(ctx context.Context, take bool) error {
	lease, err := e.client.Grant(ctx, ownerLife)
	if err != nil {
		return &dc.Error{Kind: dc.Unavailable, Message: "etcd grants no lease", Err: err}
	}
	key := e.prefix + ownerKey
	put := clientv3.OpPut(key, e.owner.name, clientv3.WithLease(lease.ID))
	free := clientv3.Compare(clientv3.ModRevision(key), "=", 0)
	resp, err := e.client.Txn(ctx).If(free).Then(put).Else(clientv3.OpGet(key)).Commit()
	if err == nil && !resp.Succeeded {
		found := resp.Responses[0].GetResponseRange().Kvs[0]
		if !take || string(found.Value) != e.owner.name {
			_, _ = e.client.Revoke(ctx, lease.ID) // else it ends by itself
			return ownedBy(string(found.Value))
		}
		same := clientv3.Compare(clientv3.ModRevision(key), "=", found.ModRevision)
		resp, err = e.client.Txn(ctx).If(same).Then(put).Commit()
	}
	if err != nil || !resp.Succeeded {
		return &dc.Error{Kind: dc.Unavailable, Message: "the store could not be claimed", Err: err}
	}
	alive, err := e.client.KeepAlive(e.life, lease.ID)
	if err != nil {
		return &dc.Error{Kind: dc.Unavailable, Message: "the claim on the store can't be kept", Err: err}
	}
	e.owner.mu.Lock()
	defer e.owner.mu.Unlock()
	e.owner.revision, e.owner.lease, e.owner.alive = resp.Header.Revision, lease.ID, alive
	return nil
}

func ownedBy(name string) error {
	return &dc.Error{Kind: dc.Conflict, Object: "the store", Message: "another manager works on it: " + name,
		Remedy: fmt.Sprintf("end that one; if it has died, try again in %d seconds", ownerLife)}
}

// reclaim makes the claim anew that was at revision lost, unless somebody just did.
func (e *external) reclaim(ctx context.Context, lost int64) error {
	e.owner.claiming.Lock()
	defer e.owner.claiming.Unlock()
	if revision, _ := e.owner.now(); revision != lost {
		return nil
	}
	return e.claim(ctx, false)
}

func (o *owner) now() (revision int64, alive <-chan *clientv3.LeaseKeepAliveResponse) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.revision, o.alive
}

// keepClaim makes the claim anew when it was lost while etcd was away, until the store ends or another manager has it.
func (e *external) keepClaim() {
	defer close(e.kept)
	for e.life.Err() == nil {
		claim, alive := e.owner.now()
		for range alive {
		}
		if e.life.Err() != nil {
			return
		}
		err := e.reclaim(e.life, claim)
		if dc.KindOf(err) == dc.Conflict {
			e.failed(err)
			return
		}
		if err != nil {
			select {
			case <-time.After(pause):
			case <-e.life.Done():
			}
		}
	}
}

// commit implements backend. It commits nothing that another manager does not expect.
func (e *external) commit(ctx context.Context, t transaction) (int64, bool, error) {
	if e.owner == nil {
		return e.etcd.commit(ctx, t)
	}
	claim, _ := e.owner.now()
	t.conditions = append(slices.Clip(t.conditions), unchanged(ownerKey, e.base+claim))
	revision, ok, err := e.etcd.commit(ctx, t)
	if err != nil || ok {
		return revision, ok, err
	}
	found, err := e.client.Get(ctx, e.prefix+ownerKey)
	switch {
	case err != nil:
		return 0, false, &dc.Error{Kind: dc.Unavailable, Message: "cannot read the store", Err: err}
	case len(found.Kvs) == 0: // it was lost while etcd was away
		err = e.reclaim(ctx, claim)
	case found.Kvs[0].ModRevision != claim:
		if now, _ := e.owner.now(); found.Kvs[0].ModRevision != now {
			err = ownedBy(string(found.Kvs[0].Value))
		}
	}
	if dc.KindOf(err) == dc.Conflict {
		e.failed(err)
	}
	return revision, false, err // without an error it is tried again
}

// close implements backend: the next manager need not wait.
func (e *external) close() error {
	e.disown()
	return e.etcd.close()
}

// disown gives the claim up.
func (e *external) disown() {
	if e.owner == nil {
		return
	}
	e.endLife()
	<-e.kept
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = e.client.Revoke(ctx, e.owner.lease) // else it ends by itself
}
