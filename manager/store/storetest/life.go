package storetest

import (
	"context"
	"errors"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

var lifeTests = []test{
	{"wait returns at once for what has been", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		if err := b.Wait(b.ctx, b.View().Revision()-1); err != nil {
			b.Error(err)
		}
	}},
	{"wait wakes with a change", func(b *bench) {
		since := b.View().Revision()
		woken := make(chan error, 1)
		go func() { woken <- b.Wait(b.ctx, since) }()
		b.put(folder("group-a", "", "a"))
		if err := <-woken; err != nil {
			b.Error(err)
		}
	}},
	{"wait ends with its context", func(b *bench) {
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		if err := b.Wait(ctx, b.View().Revision()); !errors.Is(err, context.Canceled) {
			b.Errorf("error %v, want the context's", err)
		}
	}},
	{"a canceled change writes nothing", func(b *bench) {
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		err := b.Change(ctx, func(tx *store.Tx) error { tx.Put(folder("group-a", "", "a")); return nil })
		b.wantKind(err, dc.Canceled)
		b.put(folder("group-b", "", "b"))
		gone[*dc.Folder](b, "group-a")
	}},
	{"usage grows with what is stored", func(b *bench) {
		b.put(&dc.Secret{ID: "secret-a", Data: make([]byte, 1<<19)})
		for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C { // etcd counts what has reached its file
			u, err := b.Usage(b.ctx)
			if err != nil || u.Full {
				b.Fatalf("usage %+v, %v", u, err)
			}
			if u.UsedBytes > 1<<19 {
				return
			}
		}
	}},
	{"a closed store refuses, and its views stay", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		waiting := make(chan error, 1)
		go func() { waiting <- b.Wait(b.ctx, b.View().Revision()) }()
		if err := b.Close(); err != nil {
			b.Errorf("Close: %v", err)
		}
		b.wantKind(<-waiting, dc.Unavailable)
		b.wantText(b.try(folder("group-b", "", "b")), "the store is closed")
		_, err := b.Usage(b.ctx)
		b.wantKind(err, dc.Unavailable)
		_, err = b.TakeFence(b.ctx, "manager")
		b.wantKind(err, dc.Unavailable)
		<-b.Done()
		get[*dc.Folder](b, "group-a")
		if err := b.Close(); err != nil {
			b.Errorf("second Close: %v", err)
		}
	}},
}
