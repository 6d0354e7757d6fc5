package storetest

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"hanok/dc"
	"hanok/manager/store"
)

var viewTests = []test{
	{"list is in the order of IDs", func(b *bench) {
		b.put(vm("vm-c", "", "1"), vm("vm-a", "", "2"))
		b.put(vm("vm-b", "", "3"), folder("group-a", "", "4"))
		wantIDs(b, store.List[*dc.VirtualMachine](b.View()), "vm-a", "vm-b", "vm-c")
	}},
	{"children are those of one parent, by name", func(b *bench) {
		b.put(vm("vm-a", "group-a", "zoe"), vm("vm-b", "group-a", "amy"), vm("vm-c", "group-ab", "bob"),
			folder("group-c", "group-a", "max"))
		wantIDs(b, store.Children[*dc.VirtualMachine](b.View(), "group-a"), "vm-b", "vm-a")
		wantIDs(b, store.Children[*dc.Folder](b.View(), "group-a"), "group-c")
		wantIDs(b, store.Children[*dc.VirtualMachine](b.View(), "group-x"))
		wantIDs(b, store.InTree[*dc.VirtualMachine](b.View()), "vm-b", "vm-a", "vm-c")
	}},
	{"children follow a move", func(b *bench) {
		b.put(vm("vm-a", "group-a", "web"))
		if err := update(b.Store, b.ctx, "vm-a", func(v *dc.VirtualMachine) { v.Parent = "group-b" }); err != nil {
			b.Fatal(err)
		}
		wantIDs(b, store.Children[*dc.VirtualMachine](b.View(), "group-a"))
		wantIDs(b, store.Children[*dc.VirtualMachine](b.View(), "group-b"), "vm-a")
	}},
	{"named finds the one with exactly that name", func(b *bench) {
		b.put(vm("vm-a", "group-a", "web"), vm("vm-b", "group-a", "web2"), vm("vm-c", "group-b", "web"))
		if v, ok := store.Named[*dc.VirtualMachine](b.View(), "group-a", "web"); !ok || v.ID != "vm-a" {
			b.Errorf("found %v, %v; want vm-a", v, ok)
		}
		if v, ok := store.Named[*dc.VirtualMachine](b.View(), "group-a", "we"); ok {
			b.Errorf("found %v for a name that nobody has", v)
		}
		b.put(&dc.User{ID: "user-a", Meta: dc.Meta{Name: "ann"}})
		if _, ok := store.Named[*dc.User](b.View(), "", "ann"); !ok {
			b.Error("did not find a user by name")
		}
	}},
	{"machines of a host", func(b *bench) {
		placed := func(id dc.VirtualMachineID, host dc.HostID) *dc.VirtualMachine {
			v := vm(id, "", string(id))
			v.Spec.Host = host
			return v
		}
		b.put(placed("vm-b", "host-a"), placed("vm-a", "host-a"), placed("vm-c", "host-ab"), placed("vm-d", ""))
		wantIDs(b, store.OnHost(b.View(), "host-a"), "vm-a", "vm-b")
		if err := update(b.Store, b.ctx, "vm-a", func(v *dc.VirtualMachine) { v.Spec.Host = "host-b" }); err != nil {
			b.Fatal(err)
		}
		wantIDs(b, store.OnHost(b.View(), "host-a"), "vm-b")
		wantIDs(b, store.OnHost(b.View(), "host-b"), "vm-a")
	}},
	{"what machines were given is counted by host", func(b *bench) {
		sized := func(id dc.VirtualMachineID, host dc.HostID, memoryMB int64) *dc.VirtualMachine {
			v := vm(id, "", string(id))
			v.Spec.Host, v.Spec.Hardware.MemoryMB = host, memoryMB
			return v
		}
		want := func(v *store.View, host dc.HostID, want store.Given) {
			b.Helper()
			if got := store.GivenOn(v, host); got != want {
				b.Errorf("%s: given %+v, want %+v", host, got, want)
			}
		}
		b.put(sized("vm-a", "host-a", 100), sized("vm-b", "host-a", 20), sized("vm-c", "host-ab", 3), sized("vm-d", "", 4))
		old := b.View()
		want(old, "host-a", store.Given{Machines: 2, MemoryMB: 120})
		want(old, "host-ab", store.Given{Machines: 1, MemoryMB: 3})
		want(old, "", store.Given{})
		must := func(err error) {
			b.Helper()
			if err != nil {
				b.Fatal(err)
			}
		}
		must(update(b.Store, b.ctx, "vm-a", func(v *dc.VirtualMachine) { v.Spec.Hardware.MemoryMB = 50 }))
		must(update(b.Store, b.ctx, "vm-b", func(v *dc.VirtualMachine) { v.Spec.Host = "host-b" }))
		must(update(b.Store, b.ctx, "vm-d", func(v *dc.VirtualMachine) { v.Spec.Host = "host-b" }))
		want(b.View(), "host-a", store.Given{Machines: 1, MemoryMB: 50})
		want(b.View(), "host-b", store.Given{Machines: 2, MemoryMB: 24})
		must(b.Change(b.ctx, func(tx *store.Tx) error {
			v, err := store.Load[*dc.VirtualMachine](tx, "vm-a")
			if err == nil {
				tx.Delete(v)
			}
			return err
		}))
		want(b.View(), "host-a", store.Given{})
		want(old, "host-a", store.Given{Machines: 2, MemoryMB: 120})
	}},
	{"a view never changes", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		old := b.View()
		if err := update(b.Store, b.ctx, "group-a", func(f *dc.Folder) { f.Name = "b" }); err != nil {
			b.Fatal(err)
		}
		b.put(folder("group-c", "", "c"))
		wantIDs(b, store.List[*dc.Folder](old), "group-a")
		if f, err := store.Get[*dc.Folder](old, "group-a"); err != nil || f.Name != "a" {
			b.Errorf("the old view has %v, %v", f, err)
		}
		if _, ok := store.Claimed(old, dc.NameClaim("", "b")); ok {
			b.Error("the old view has a new claim")
		}
	}},
	{"a transaction's view is without its own writes", func(b *bench) {
		b.change(func(tx *store.Tx) error {
			tx.Put(folder("group-a", "", "a"))
			wantIDs(b, store.List[*dc.Folder](tx.View()))
			return nil
		})
	}},
	{"nobody sees half a transaction", func(b *bench) {
		pair := []dc.ID{"secret-a", "secret-b"}
		b.put(&dc.Secret{ID: "secret-a"}, &dc.Secret{ID: "secret-b"})
		ctx, stop := context.WithCancel(b.ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			for since := int64(0); b.Wait(ctx, since) == nil; {
				v := b.View()
				x, _ := store.Get[*dc.Secret](v, pair[0])
				y, _ := store.Get[*dc.Secret](v, pair[1])
				if !bytes.Equal(x.Data, y.Data) || x.Revision != y.Revision {
					b.Errorf("at %d: %v and %v", v.Revision(), x, y)
				}
				since = v.Revision()
			}
		})
		for n := range byte(100) {
			b.change(func(tx *store.Tx) error {
				for _, id := range pair {
					secret, err := store.Load[*dc.Secret](tx, id)
					if err != nil {
						return err
					}
					secret.Data = []byte{n}
					tx.Put(secret)
				}
				return nil
			})
		}
		stop()
		wg.Wait()
	}},
}

var changesTests = []test{
	{"changes come in order with the object before and after", func(b *bench) {
		start := b.View().Revision()
		b.put(folder("group-a", "", "a"))
		if err := update(b.Store, b.ctx, "group-a", func(f *dc.Folder) { f.Name = "b" }); err != nil {
			b.Fatal(err)
		}
		made := get[*dc.Folder](b, "group-a")
		if err := remove[*dc.Folder](b, "group-a"); err != nil {
			b.Fatal(err)
		}
		changes, upto, ok := b.Changes(start)
		if !ok || upto != b.View().Revision() || len(changes) != 3 {
			b.Fatalf("changes %v up to %d, %v; want 3 up to %d", changes, upto, ok, b.View().Revision())
		}
		for i, want := range []struct{ old, new string }{{"", "a"}, {"a", "b"}, {"b", ""}} {
			c := changes[i]
			if c.Kind != dc.KindFolder || c.ID != "group-a" || nameOf(c.Old) != want.old || nameOf(c.Object) != want.new {
				b.Errorf("change %d is %+v, want from %q to %q", i, c, want.old, want.new)
			}
			if i > 0 && c.Revision <= changes[i-1].Revision {
				b.Errorf("change %d has revision %d after %d", i, c.Revision, changes[i-1].Revision)
			}
		}
		if changes[1].Object != dc.Object(made) {
			b.Error("a change and the view do not share the object")
		}
	}},
	{"changes of one transaction have one revision", func(b *bench) {
		start := b.View().Revision()
		b.put(folder("group-a", "", "a"), folder("group-b", "", "b"))
		changes, upto, ok := b.Changes(start)
		if !ok || len(changes) != 2 || changes[0].Revision != upto || changes[1].Revision != upto {
			b.Errorf("changes %+v up to %d, %v; want 2 of that revision", changes, upto, ok)
		}
	}},
	{"changes start after since", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		mid := b.View().Revision()
		b.put(folder("group-b", "", "b"))
		changes, upto, ok := b.Changes(mid)
		if !ok || len(changes) != 1 || changes[0].ID != "group-b" {
			b.Errorf("changes %+v, %v; want only the second", changes, ok)
		}
		if rest, again, ok := b.Changes(upto); !ok || len(rest) != 0 || again != upto {
			b.Errorf("after all: %+v up to %d, %v; want none", rest, again, ok)
		}
	}},
	{"fences are no changes", func(b *bench) {
		start := b.View().Revision()
		b.fence("manager")
		if changes, upto, ok := b.Changes(start); !ok || len(changes) != 0 || upto <= start {
			b.Errorf("changes %+v up to %d, %v; want none, after %d", changes, upto, ok, start)
		}
	}},
	{"too old and not yet are refused", func(b *bench) {
		if _, _, ok := b.Changes(-1); ok {
			b.Error("changes before the beginning")
		}
		if _, _, ok := b.Changes(b.View().Revision() + 1); ok {
			b.Error("changes after the end")
		}
	}},
	{"every change is reported once, whoever makes it", func(b *bench) {
		start := b.View().Revision()
		var wg sync.WaitGroup
		for n := range 50 {
			wg.Go(func() { b.put(vm(vmID(n), "", string(vmID(n)))) })
		}
		seen := map[dc.ID]int{}
		for since := start; len(seen) < 50; {
			if err := b.Wait(b.ctx, since); err != nil {
				b.Fatal(err)
			}
			changes, upto, ok := b.Changes(since)
			if !ok || !slices.IsSortedFunc(changes, func(x, y store.Change) int { return int(x.Revision - y.Revision) }) {
				b.Fatalf("changes %+v, %v", changes, ok)
			}
			for _, c := range changes {
				seen[c.ID]++
			}
			since = upto
		}
		wg.Wait()
		for id, n := range seen {
			if n != 1 {
				b.Errorf("%s was reported %d times", id, n)
			}
		}
	}},
}

func nameOf(o dc.Object) string {
	if o == nil {
		return ""
	}
	return o.Metadata().Name
}
