package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"hanok/dc"
)

// Contents are what a restore makes of a store.
type Contents struct {
	// Entries are the objects, of the own format (Migrate); their revisions are unused. Claims follow from the objects. Fences and owners are not restored.
	Entries []Entry
	// Base is what all revisions of the store will be above. Hosts take what has a higher revision than what they know: so it
	// must be above every revision that the data center has ever had.
	Base int64
}

// RestoreEmbedded makes a store with the contents in cfg.Dir, a folder that does not exist or is empty. After an
// error or a crash the folder is useless, and OpenEmbedded refuses it: who replaces a store makes the new one beside it. The
// kinds of errors are those of OpenEmbedded, and WrongState for contents that this program can't read.
func RestoreEmbedded(ctx context.Context, cfg EmbeddedConfig, c Contents) error {
	operations, err := c.operations()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e, err := newEmbedded(cfg, nil, cancel)
	if err != nil {
		return err
	}
	err = e.launched(ctx)
	if err == nil {
		err = restore(ctx, &e.etcd, e.etcd.commit, operations, c.Base)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // what followed from it says less
	}
	return errors.Join(err, e.close())
}

// RestoreExternal makes a store with the contents in an etcd that somebody else runs, as the only manager on it. A store that
// is there already is refused with Exists, unless replace erases it; one whose restore was not finished is erased in any case.
// After an error or a crash in the middle OpenExternal refuses the store until a restore is finished. The other kinds of errors
// are those of OpenExternal, and WrongState for contents that this program can't read.
func RestoreExternal(ctx context.Context, cfg ExternalConfig, c Contents, replace bool) error {
	operations, err := c.operations()
	if err != nil {
		return err
	}
	client, prefix, err := dial(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e := &external{endpoints: cfg.Endpoints}
	e.etcd = cfg.etcd(client, prefix, nil, cancel)
	first, cancelFirst := context.WithTimeout(ctx, openTimeout)
	defer cancelFirst()
	if cfg.Owner != "" {
		if err := e.own(first, cfg.Owner); err != nil {
			return cfg.explain(err)
		}
		defer e.disown()
	}
	if err := e.replaceable(first, replace); err != nil {
		return cfg.explain(err)
	}
	err = restore(ctx, &e.etcd, e.commit, operations, c.Base)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // the store is another manager's
	}
	return err
}

// replaceable refuses what a restore must not erase.
func (e *external) replaceable(ctx context.Context, replace bool) error {
	resp, err := e.client.Get(ctx, e.prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return &dc.Error{Kind: dc.Unavailable, Message: "cannot read the store", Err: err}
	}
	there := slices.ContainsFunc(resp.Kvs, func(kv *mvccpb.KeyValue) bool { return string(kv.Key) != e.prefix+ownerKey })
	if !there {
		return nil
	}
	found, err := e.client.Get(ctx, e.prefix+formatKey)
	switch {
	case err != nil:
		return &dc.Error{Kind: dc.Unavailable, Message: "cannot read the store", Err: err}
	case len(found.Kvs) == 0:
		return &dc.Error{Kind: dc.Exists, Object: "the store", Message: fmt.Sprintf("what is below %s in etcd is not a data center's", e.prefix),
			Remedy: "choose another prefix with --etcd-prefix"}
	case !replace && string(found.Kvs[0].Value) != restoring:
		return &dc.Error{Kind: dc.Exists, Object: "the store", Message: fmt.Sprintf("there is a data center below %s in etcd", e.prefix),
			Remedy: "erase it with --replace, or choose another prefix with --etcd-prefix"}
	}
	return nil
}

// operations returns the writes of all keys that follow from the entries.
func (c Contents) operations() ([]keyValue, error) {
	var all []keyValue
	claims := map[string]dc.ID{}
	for _, entry := range c.Entries {
		obj, err := entry.Object()
		switch {
		case err != nil:
			return nil, err
		case obj == nil:
			return nil, unreadable(fmt.Errorf("key %q is not an object's", entry.Key))
		}
		all = append(all, keyValue{key: entry.Key, value: entry.Value})
		for _, claim := range obj.Claims() {
			if other, taken := claims[claim]; taken {
				return nil, unreadable(fmt.Errorf("%s and %s both hold %q", other, obj.Identity(), claim))
			}
			claims[claim] = obj.Identity()
			all = append(all, keyValue{key: claimKeys + claim, value: []byte(obj.Identity())})
		}
	}
	return all, nil
}

// restore replaces everything below the prefix but the owner. The first transaction and the last one make sure that nobody
// opens what is between them.
func restore(ctx context.Context, e *etcd, commit commit, operations []keyValue, base int64) error {
	w := &batches{ctx: ctx, commit: commit, batch: e.batch}
	w.add(keyValue{key: formatKey, value: []byte(restoring)})
	w.flush()
	resp, err := e.client.Get(ctx, e.prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return &dc.Error{Kind: dc.Unavailable, Message: "cannot read the store", Err: err}
	}
	for _, kv := range resp.Kvs {
		if key := e.keyValue(kv).key; key != formatKey && key != ownerKey {
			w.add(keyValue{key: key})
		}
	}
	w.flush() // a transaction has no key twice
	for _, op := range operations {
		w.add(op)
	}
	w.flush()
	w.add(keyValue{key: baseKey, value: []byte(strconv.FormatInt(base, 10))})
	w.add(keyValue{key: formatKey, value: []byte(strconv.Itoa(format))})
	w.flush()
	return w.err
}

// commit is a backend's.
type commit func(ctx context.Context, t transaction) (revision int64, ok bool, err error)

// batches are writes in as few transactions as etcd takes.
type batches struct {
	ctx    context.Context
	commit commit
	batch  batchSize
	next   transaction
	bytes  int64
	// err is the first error; nothing is written after it.
	err error
}

// batchSize is how many operations, of how many bytes together, a transaction of batches has at most.
type batchSize struct {
	operations int
	bytes      int64
}

// An etcd that somebody else runs takes what etcd takes by default; the own one takes more.
var (
	externalBatch = batchSize{100, 1 << 19}
	embeddedBatch = batchSize{4000, 4 << 20}
)

// add adds operations that belong into one transaction.
func (b *batches) add(operations ...keyValue) {
	var bytes int64
	for _, op := range operations {
		bytes += op.size()
	}
	if len(b.next.operations)+len(operations) > b.batch.operations || b.bytes > 0 && b.bytes+bytes > b.batch.bytes {
		b.flush()
	}
	b.next.operations = append(b.next.operations, operations...)
	b.bytes += bytes
}

func (b *batches) flush() {
	// The one condition is the owner's claim, which is made anew when it was lost while etcd was away.
	for ok := false; b.err == nil && !ok && len(b.next.operations) > 0; {
		_, ok, b.err = b.commit(b.ctx, b.next)
	}
	b.next, b.bytes = transaction{}, 0
}
