package storetest

import (
	"fmt"
	"sync"

	"hanok/dc"
	"hanok/manager/store"
)

// meanwhile returns a function that does something once, at its first call: what happens between the view that a
// transaction runs against and its commit.
func (b *bench) meanwhile(do func() error) func() {
	var once sync.Once
	return func() {
		b.Helper()
		once.Do(func() {
			if err := do(); err != nil {
				b.Fatalf("meanwhile: %v", err)
			}
		})
	}
}

var conflictTests = []test{
	{"a change runs again when its object was changed meanwhile", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		other := b.meanwhile(func() error {
			return update(b.Store, b.ctx, "group-a", func(f *dc.Folder) { f.Name += "-other" })
		})
		runs := 0
		b.change(func(tx *store.Tx) error {
			runs++
			f, err := store.Load[*dc.Folder](tx, "group-a")
			if err != nil {
				return err
			}
			other()
			f.Name += "-mine"
			tx.Put(f)
			return nil
		})
		if got := get[*dc.Folder](b, "group-a"); got.Name != "a-other-mine" || runs != 2 {
			b.Errorf("name %q after %d runs, want both changes after 2", got.Name, runs)
		}
	}},
	{"a change that always collides gives up", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			f, err := store.Load[*dc.Folder](tx, "group-a")
			if err != nil {
				return err
			}
			tx.Put(f)
			stolen := *f
			return b.Change(b.ctx, func(tx *store.Tx) error { tx.Put(&stolen); return nil })
		})
		b.wantKind(err, dc.Conflict)
	}},
	{"an ID taken meanwhile is refused", func(b *bench) {
		other := b.meanwhile(func() error { return b.try(&dc.Secret{ID: "secret-a", Data: []byte("other")}) })
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			other()
			tx.Put(&dc.Secret{ID: "secret-a", Data: []byte("mine")})
			return nil
		})
		b.wantKind(err, dc.Exists)
		if got := get[*dc.Secret](b, "secret-a"); string(got.Data) != "other" {
			b.Errorf("data %q, want the first one's", got.Data)
		}
	}},
	{"a name taken meanwhile is refused", func(b *bench) {
		other := b.meanwhile(func() error { return b.try(folder("group-b", "", "web")) })
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			other()
			tx.Put(folder("group-a", "", "web"))
			return nil
		})
		b.wantKind(err, dc.Exists)
		b.wantHolder(dc.NameClaim("", "web"), "group-b")
	}},
	{"a parent deleted meanwhile takes no child", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		other := b.meanwhile(func() error { return remove[*dc.Folder](b, "group-a") })
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			other()
			tx.Exists("group-a")
			tx.Put(vm("vm-a", "group-a", "web"))
			return nil
		})
		b.wantKind(err, dc.NotFound)
		gone[*dc.VirtualMachine](b, "vm-a")
	}},
	{"a parent that got a child meanwhile stays", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		other := b.meanwhile(func() error { return b.try(vm("vm-a", "group-a", "web")) })
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			f, err := store.Load[*dc.Folder](tx, "group-a")
			if err != nil {
				return err
			}
			other()
			tx.Delete(f)
			return nil
		})
		b.wantKind(err, dc.WrongState)
		get[*dc.Folder](b, "group-a")
	}},
	{"a parent that lost its last child meanwhile goes", func(b *bench) {
		b.put(folder("group-a", "", "a"), vm("vm-a", "group-a", "web"))
		other := b.meanwhile(func() error { return remove[*dc.VirtualMachine](b, "vm-a") })
		b.change(func(tx *store.Tx) error {
			f, err := store.Load[*dc.Folder](tx, "group-a")
			if err != nil {
				return err
			}
			child, err := store.Load[*dc.VirtualMachine](tx, "vm-a")
			if err == nil {
				tx.Delete(child)
			}
			other()
			tx.Delete(f)
			return nil
		})
		gone[*dc.Folder](b, "group-a")
	}},
	{"many writers of one object lose no update", func(b *bench) {
		const writers, each = 8, 25
		b.put(&dc.Task{ID: "task-a"})
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					if err := update(b.Store, b.ctx, "task-a", func(k *dc.Task) { k.Cursor++ }); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := get[*dc.Task](b, "task-a").Cursor; got != writers*each {
			b.Errorf("counted %d, want %d", got, writers*each)
		}
	}},
	{"of many who want one name exactly one gets it", func(b *bench) {
		const wanting = 16
		errs := make([]error, wanting)
		var wg sync.WaitGroup
		for n := range wanting {
			wg.Go(func() { errs[n] = b.try(vm(vmID(n), "group-a", "web")) })
		}
		wg.Wait()
		winners := 0
		for n, err := range errs {
			if err == nil {
				winners++
				b.wantHolder(dc.NameClaim("group-a", "web"), dc.ID(vmID(n)))
			} else {
				b.wantKind(err, dc.Exists)
			}
		}
		if winners != 1 {
			b.Errorf("%d got the name, want 1", winners)
		}
	}},
	{"a parent and its new child never miss each other", func(b *bench) {
		for n := range 20 {
			id := dc.ID(fmt.Sprintf("group-%04d", n))
			b.put(folder(dc.FolderID(id), "", string(id)))
			var wg sync.WaitGroup
			wg.Go(func() { _ = remove[*dc.Folder](b, id) })
			wg.Go(func() {
				_ = b.Change(b.ctx, func(tx *store.Tx) error {
					tx.Exists(id)
					tx.Put(vm(vmID(n), id, "web"))
					return nil
				})
			})
			wg.Wait()
			_, parent := store.Get[*dc.Folder](b.View(), id)
			_, child := store.Get[*dc.VirtualMachine](b.View(), dc.ID(vmID(n)))
			if (parent == nil) != (child == nil) {
				b.Fatalf("round %d: parent %v, child %v; want both or none", n, parent, child)
			}
		}
	}},
}

var fenceTests = []test{
	{"the newest holder may write", func(b *bench) {
		f := b.fence("manager")
		b.change(func(tx *store.Tx) error { tx.Require(f); tx.Put(folder("group-a", "", "a")); return nil })
	}},
	{"an older holder is refused", func(b *bench) {
		old := b.fence("manager")
		b.fence("manager")
		runs := 0
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			runs++
			tx.Require(old)
			tx.Put(folder("group-a", "", "a"))
			return nil
		})
		b.wantText(err, "another one has taken over manager")
		b.wantKind(err, dc.Conflict)
		gone[*dc.Folder](b, "group-a")
		if runs != 1 {
			b.Errorf("the function ran %d times, want once", runs)
		}
	}},
	{"a holder that is replaced meanwhile is refused and not run again", func(b *bench) {
		old := b.fence("manager")
		other := b.meanwhile(func() error { _, err := b.TakeFence(b.ctx, "manager"); return err })
		runs := 0
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			runs++
			tx.Require(old)
			tx.Put(folder("group-a", "", "a"))
			other()
			return nil
		})
		b.wantKind(err, dc.Conflict)
		gone[*dc.Folder](b, "group-a")
		if runs != 1 {
			b.Errorf("the function ran %d times, want once", runs)
		}
	}},
	{"a requirement alone is checked", func(b *bench) {
		old := b.fence("manager")
		require := func(tx *store.Tx) error { tx.Require(old); return nil }
		b.change(require)
		b.fence("manager")
		b.wantKind(b.Change(b.ctx, require), dc.Conflict)
	}},
	{"fences of different names do not touch", func(b *bench) {
		f := b.fence("host/host-a")
		b.fence("host/host-b")
		b.change(func(tx *store.Tx) error { tx.Require(f); return nil })
	}},
	{"nobody has the zero fence", func(b *bench) {
		b.wantKind(b.Change(b.ctx, func(tx *store.Tx) error { tx.Require(store.Fence{}); return nil }), dc.Conflict)
	}},
}

func (b *bench) fence(name string) store.Fence {
	b.Helper()
	f, err := b.TakeFence(b.ctx, name)
	if err != nil {
		b.Fatalf("TakeFence: %v", err)
	}
	return f
}
