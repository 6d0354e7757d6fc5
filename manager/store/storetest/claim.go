package storetest

import (
	"hanok/dc"
	"hanok/manager/store"
)

var claimTests = []test{
	{"a taken name is refused", func(b *bench) {
		b.put(folder("group-a", "group-root", "web"))
		err := b.try(folder("group-b", "group-root", "web"))
		b.wantKind(err, dc.Exists)
		b.wantText(err, `folder "web": the name is taken by group-a; choose another name`)
		gone[*dc.Folder](b, "group-b")
	}},
	{"a taken address is refused", func(b *bench) {
		a, c := vm("vm-a", "", "a"), vm("vm-c", "", "c")
		a.Spec.Hardware.NICs = []dc.NIC{{Key: 4000, MAC: "52:54:00:00:00:01"}}
		c.Spec.Hardware.NICs = a.Spec.Hardware.NICs
		b.put(a)
		b.wantText(b.try(c), `virtual machine "c": mac/52:54:00:00:00:01 is taken by vm-a`)
	}},
	{"the same name below another parent is free", func(b *bench) {
		b.put(folder("group-a", "group-x", "web"), folder("group-b", "group-y", "web"))
	}},
	{"an update keeps its own claims", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		if err := update(b.Store, b.ctx, "group-a", func(f *dc.Folder) { f.Type = dc.FolderHost }); err != nil {
			b.Error(err)
		}
		b.wantHolder(dc.NameClaim("", "a"), "group-a")
	}},
	{"a rename moves the claim", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		if err := update(b.Store, b.ctx, "group-a", func(f *dc.Folder) { f.Name = "b" }); err != nil {
			b.Fatal(err)
		}
		b.wantHolder(dc.NameClaim("", "a"), "")
		b.wantHolder(dc.NameClaim("", "b"), "group-a")
		b.put(folder("group-b", "", "a"))
	}},
	{"a rename onto a taken name is refused", func(b *bench) {
		b.put(folder("group-a", "", "a"), folder("group-b", "", "b"))
		b.wantKind(update(b.Store, b.ctx, "group-a", func(f *dc.Folder) { f.Name = "b" }), dc.Exists)
		b.wantHolder(dc.NameClaim("", "a"), "group-a")
		b.wantHolder(dc.NameClaim("", "b"), "group-b")
	}},
	{"a deletion gives claims up", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		if err := remove[*dc.Folder](b, "group-a"); err != nil {
			b.Fatal(err)
		}
		b.wantHolder(dc.NameClaim("", "a"), "")
	}},
	{"two objects of one transaction cannot hold the same", func(b *bench) {
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			tx.Put(folder("group-a", "", "a"))
			tx.Put(folder("group-b", "", "a"))
			return nil
		})
		b.wantKind(err, dc.Exists)
	}},
	{"one transaction hands a claim over", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		b.change(func(tx *store.Tx) error {
			a, err := store.Load[*dc.Folder](tx, "group-a")
			if err != nil {
				return err
			}
			tx.Put(folder("group-b", "", "a"))
			tx.Delete(a)
			return nil
		})
		b.wantHolder(dc.NameClaim("", "a"), "group-b")
	}},
	{"one transaction exchanges claims", func(b *bench) {
		b.put(folder("group-a", "", "a"), folder("group-b", "", "b"))
		b.change(func(tx *store.Tx) error {
			x, _ := store.Load[*dc.Folder](tx, "group-a")
			y, _ := store.Load[*dc.Folder](tx, "group-b")
			x.Name, y.Name = y.Name, x.Name
			tx.Put(x)
			tx.Put(y)
			return nil
		})
		b.wantHolder(dc.NameClaim("", "a"), "group-b")
		b.wantHolder(dc.NameClaim("", "b"), "group-a")
	}},
	{"a task that ends lets its target go", func(b *bench) {
		b.put(&dc.Task{ID: "task-a", Target: "vm-a", State: dc.TaskQueued})
		b.wantKind(b.try(&dc.Task{ID: "task-b", Target: "vm-a", State: dc.TaskQueued}), dc.Exists)
		if err := update(b.Store, b.ctx, "task-a", func(k *dc.Task) { k.State = dc.TaskSuccess }); err != nil {
			b.Fatal(err)
		}
		b.put(&dc.Task{ID: "task-b", Target: "vm-a", State: dc.TaskQueued})
		b.wantHolder(dc.TaskClaim("vm-a"), "task-b")
	}},
}

var deleteTests = []test{
	{"an object with children stays", func(b *bench) {
		b.put(folder("group-a", "", "a"), vm("vm-a", "group-a", "web"))
		err := remove[*dc.Folder](b, "group-a")
		b.wantKind(err, dc.WrongState)
		b.wantText(err, `folder "a": it is not empty; delete or move what is in it first`)
		get[*dc.Folder](b, "group-a")
		if err := remove[*dc.VirtualMachine](b, "vm-a"); err != nil {
			b.Fatal(err)
		}
		if err := remove[*dc.Folder](b, "group-a"); err != nil {
			b.Errorf("delete the empty folder: %v", err)
		}
	}},
	{"an ID that begins like another one is no child of it", func(b *bench) {
		b.put(folder("group-a", "", "a"), folder("group-ab", "", "ab"), vm("vm-a", "group-ab", "web"))
		if err := remove[*dc.Folder](b, "group-a"); err != nil {
			b.Error(err)
		}
	}},
	{"a tree goes in one transaction", func(b *bench) {
		b.put(folder("group-a", "", "a"), folder("group-b", "group-a", "b"), folder("group-c", "group-b", "c"))
		b.change(func(tx *store.Tx) error {
			for _, id := range []dc.ID{"group-a", "group-b", "group-c"} {
				f, err := store.Load[*dc.Folder](tx, id)
				if err != nil {
					return err
				}
				tx.Delete(f)
			}
			return nil
		})
		wantIDs(b, store.List[*dc.Folder](b.View()))
	}},
	{"a transaction cannot put a child into what it deletes", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			a, err := store.Load[*dc.Folder](tx, "group-a")
			if err != nil {
				return err
			}
			tx.Delete(a)
			tx.Put(folder("group-b", "group-a", "b"))
			return nil
		})
		b.wantKind(err, dc.WrongState)
	}},
	{"a deletion needs the stored revision", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		stale := *get[*dc.Folder](b, "group-a")
		if err := update(b.Store, b.ctx, "group-a", func(f *dc.Folder) { f.Type = dc.FolderHost }); err != nil {
			b.Fatal(err)
		}
		b.wantKind(b.Change(b.ctx, func(tx *store.Tx) error { tx.Delete(&stale); return nil }), dc.Conflict)
		get[*dc.Folder](b, "group-a")
	}},
	{"what was never stored cannot be deleted", func(b *bench) {
		err := b.Change(b.ctx, func(tx *store.Tx) error { tx.Delete(folder("group-a", "", "a")); return nil })
		b.wantKind(err, dc.NotFound)
	}},
}
