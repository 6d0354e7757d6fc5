package storetest

import (
	"fmt"
	"reflect"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

var objectTests = []test{
	{"create makes an object as it was put", func(b *bench) {
		made := time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)
		u := &dc.User{ID: "user-a", Meta: dc.Meta{Name: "ann", Created: made}, PasswordHash: "h"}
		b.put(u)
		got := get[*dc.User](b, "user-a")
		if got == u {
			b.Error("the view shares the caller's object")
		}
		if !reflect.DeepEqual(got, u) {
			b.Errorf("got %+v, want %+v", got, u)
		}
		if got.Revision == 0 || got.Revision != b.View().Revision() {
			b.Errorf("object revision %d, view revision %d; want the same, above 0", got.Revision, b.View().Revision())
		}
	}},
	{"every kind can be stored", func(b *bench) {
		objects := oneOfEachKind()
		if len(objects) != len(dc.Kinds()) {
			b.Errorf("the suite has %d kinds, package dc %d", len(objects), len(dc.Kinds()))
		}
		for _, obj := range objects {
			b.put(obj)
			b.change(func(tx *store.Tx) error { tx.Delete(obj); return nil })
		}
	}},
	{"create refuses a taken ID", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		b.wantText(b.try(folder("group-a", "", "b")), `folder "group-a": its ID is taken`)
		if got := get[*dc.Folder](b, "group-a"); got.Name != "a" {
			b.Errorf("name %q, want the first one", got.Name)
		}
	}},
	{"an ID of another kind is refused", func(b *bench) {
		b.wantKind(b.try(folder("vm-a", "", "a")), dc.Internal)
	}},
	{"get names what is missing", func(b *bench) {
		_, err := store.Get[*dc.VirtualMachine](b.View(), "vm-a")
		b.wantKind(err, dc.NotFound)
		b.wantText(err, `virtual machine "vm-a": it does not exist`)
	}},
	{"load returns a private copy", func(b *bench) {
		v := vm("vm-a", "", "a")
		v.Spec.Hardware.Disks = []dc.Disk{{Key: 2000}}
		b.put(v)
		b.change(func(tx *store.Tx) error {
			c, err := store.Load[*dc.VirtualMachine](tx, "vm-a")
			if err == nil {
				c.Spec.Hardware.Disks[0].Key = 1
			}
			return err
		})
		if got := get[*dc.VirtualMachine](b, "vm-a"); got.Spec.Hardware.Disks[0].Key != 2000 {
			b.Error("changing a loaded object has changed the view")
		}
	}},
	{"load sees what the transaction has put and deleted", func(b *bench) {
		b.put(folder("group-a", "", "a"), folder("group-b", "", "b"))
		b.change(func(tx *store.Tx) error {
			for _, name := range []string{"one", "two"} {
				a, err := store.Load[*dc.Folder](tx, "group-a")
				if err != nil {
					return err
				}
				a.Name += name
				tx.Put(a)
			}
			deleted, _ := store.Load[*dc.Folder](tx, "group-b")
			tx.Delete(deleted)
			_, err := store.Load[*dc.Folder](tx, "group-b")
			b.wantKind(err, dc.NotFound)
			return nil
		})
		if got := get[*dc.Folder](b, "group-a"); got.Name != "aonetwo" {
			b.Errorf("name %q, want both changes", got.Name)
		}
	}},
	{"put keeps no reference", func(b *bench) {
		f := folder("group-a", "", "a")
		b.change(func(tx *store.Tx) error { tx.Put(f); f.Name = "later"; return nil })
		if got := get[*dc.Folder](b, "group-a"); got.Name != "a" {
			b.Errorf("name %q, want what it was at the put", got.Name)
		}
	}},
	{"what is made and deleted in one transaction never was", func(b *bench) {
		before := b.View().Revision()
		b.change(func(tx *store.Tx) error {
			f := folder("group-a", "", "a")
			tx.Put(f)
			tx.Delete(f)
			return nil
		})
		gone[*dc.Folder](b, "group-a")
		b.wantHolder(dc.NameClaim("", "a"), "")
		if changes, _, ok := b.Changes(before); !ok || len(changes) != 0 {
			b.Errorf("changes %v, %v; want none", changes, ok)
		}
	}},
	{"an update needs the stored revision", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		stale := *get[*dc.Folder](b, "group-a")
		if err := update(b.Store, b.ctx, "group-a", func(f *dc.Folder) { f.Name = "new" }); err != nil {
			b.Fatal(err)
		}
		stale.Name = "old"
		b.wantText(b.try(&stale),
			`folder "group-a": somebody else changed it meanwhile; read it again and repeat the change`)
		if got := get[*dc.Folder](b, "group-a"); got.Name != "new" {
			b.Errorf("name %q, want the newer one", got.Name)
		}
	}},
	{"an update of what was deleted finds nothing", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		stale := *get[*dc.Folder](b, "group-a")
		if err := remove[*dc.Folder](b, "group-a"); err != nil {
			b.Fatal(err)
		}
		b.wantKind(b.try(&stale), dc.NotFound)
		gone[*dc.Folder](b, "group-a")
	}},
	{"the function's error comes back and nothing is written", func(b *bench) {
		before := b.View().Revision()
		err := b.Change(b.ctx, func(tx *store.Tx) error { tx.Put(folder("group-a", "", "a")); return errAbort })
		if err != errAbort {
			b.Errorf("error %v, want the function's own", err)
		}
		gone[*dc.Folder](b, "group-a")
		if after := b.View().Revision(); after != before {
			b.Errorf("revision %d, want %d as before", after, before)
		}
	}},
	{"one refused write stops all of the transaction", func(b *bench) {
		b.put(folder("group-a", "", "a"))
		err := b.Change(b.ctx, func(tx *store.Tx) error {
			tx.Put(folder("group-b", "", "b"))
			tx.Put(folder("group-c", "", "a"))
			return nil
		})
		b.wantKind(err, dc.Exists)
		gone[*dc.Folder](b, "group-b")
	}},
	{"exists needs the object", func(b *bench) {
		create := func(parent dc.ID) error {
			return b.Change(b.ctx, func(tx *store.Tx) error {
				tx.Exists(parent)
				tx.Put(folder("group-b", parent, "b"))
				return nil
			})
		}
		b.wantKind(create("group-a"), dc.NotFound)
		gone[*dc.Folder](b, "group-b")
		b.put(folder("group-a", "", "a"))
		if err := create("group-a"); err != nil {
			b.Error(err)
		}
	}},
	{"exists holds for what the same transaction makes", func(b *bench) {
		b.change(func(tx *store.Tx) error {
			tx.Put(folder("group-a", "", "a"))
			tx.Exists("group-a")
			tx.Put(folder("group-b", "group-a", "b"))
			return nil
		})
	}},
	{"a change may do nothing", func(b *bench) {
		before := b.View().Revision()
		b.change(func(*store.Tx) error { return nil })
		if after := b.View().Revision(); after != before {
			b.Errorf("revision %d, want %d as before", after, before)
		}
	}},
	{"a thousand machines in batches", func(b *bench) {
		const batch = 40 // three keys each, within etcd's default of 128 writes
		for n := 0; n < 1000; n += batch {
			b.change(func(tx *store.Tx) error {
				for i := n; i < n+batch; i++ {
					v := vm(vmID(i), "group-a", fmt.Sprint("vm", i))
					v.Spec.Hardware.NICs = []dc.NIC{{Key: 4000, MAC: fmt.Sprint("mac", i)}}
					tx.Put(v)
				}
				return nil
			})
		}
		n := 0
		for v := range store.List[*dc.VirtualMachine](b.View()) {
			if v.ID != vmID(n) {
				b.Fatalf("machine %d is %s, want %s", n, v.ID, vmID(n))
			}
			n++
		}
		if n != 1000 {
			b.Errorf("%d machines, want 1000", n)
		}
	}},
}

func oneOfEachKind() []dc.Object {
	meta := dc.Meta{Name: "one"}
	return []dc.Object{
		&dc.Folder{ID: "group-a", Meta: meta}, &dc.Datacenter{ID: "datacenter-a", Meta: meta}, &dc.Cluster{ID: "domain-ca", Meta: meta},
		&dc.Host{ID: "host-a", Meta: meta}, &dc.ResourcePool{ID: "resgroup-a", Meta: meta}, &dc.Datastore{ID: "datastore-a", Meta: meta},
		&dc.PortGroup{ID: "network-a", Meta: meta}, &dc.Image{ID: "image-a", Meta: meta}, vm("vm-a", "", "one"),
		&dc.Task{ID: "task-a"}, &dc.Event{ID: "event-a"}, &dc.User{ID: "user-a", Meta: meta}, &dc.Session{ID: "session-a"},
		&dc.JoinToken{ID: "join-a"}, &dc.Secret{ID: "secret-a", Data: []byte{0, 1}},
		&dc.Role{ID: "role-a"}, &dc.Permission{ID: "permission-a"}, &dc.Group{ID: "usergroup-a"}, &dc.Sequence{ID: "sequence-a"},
		&dc.Alarm{ID: "alarm-a", Meta: meta}, &dc.AlarmState{ID: "alarmstate-a"},
		&dc.TagCategory{ID: "tagcategory-a", Meta: meta}, &dc.Tag{ID: "tag-a", Meta: meta},
		&dc.CustomField{ID: "customfield-a", Meta: meta},
		&dc.APIToken{ID: "apitoken-a", Meta: meta},
		&dc.DeletionGuard{ID: dc.TheDeletionGuard, Meta: meta},
		&dc.IdentitySource{ID: "identitysource-a", Meta: meta},
		&dc.ScheduledTask{ID: "schedule-a", Meta: meta},
	}
}
