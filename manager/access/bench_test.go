package access_test

import (
	"fmt"
	"log/slog"
	"testing"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/store"
)

// large returns a service over 100,000 machines in 100 folders and 100 pools, and a user in two groups who may see a half of them.
func large(b *testing.B) (*store.Store, *access.Service, dc.Caller) {
	b.Helper()
	st := store.OpenMemory()
	b.Cleanup(func() { st.Close() })
	put := func(objects ...dc.Object) {
		b.Helper()
		err := st.Change(b.Context(), func(tx *store.Tx) error {
			for _, o := range objects {
				tx.Put(o)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	root := dc.ID(dc.RootFolder)
	put(&dc.Folder{ID: dc.RootFolder, Meta: dc.Meta{Name: "Datacenters"}}, &dc.Datacenter{ID: "datacenter-1", Meta: dc.Meta{Name: "dc", Parent: root}},
		&dc.Folder{ID: "group-vms", Meta: dc.Meta{Name: "vm", Parent: "datacenter-1"}}, &dc.Folder{ID: "group-hosts", Meta: dc.Meta{Name: "host", Parent: "datacenter-1"}},
		&dc.Cluster{ID: "domain-c1", Meta: dc.Meta{Name: "c", Parent: "group-hosts"}}, &dc.User{ID: "user-bob", Meta: dc.Meta{Name: "bob"}},
		&dc.Group{ID: "usergroup-a", Meta: dc.Meta{Name: "a"}, Members: []dc.ID{"user-bob"}},
		&dc.Group{ID: "usergroup-b", Meta: dc.Meta{Name: "b"}, Members: []dc.ID{"usergroup-a"}})
	for i := range 100 {
		f, p := dc.FolderID(fmt.Sprintf("group-f%d", i)), dc.ResourcePoolID(fmt.Sprintf("resgroup-%d", i))
		objects := []dc.Object{&dc.Folder{ID: f, Meta: dc.Meta{Name: string(f), Parent: "group-vms"}},
			&dc.ResourcePool{ID: p, Meta: dc.Meta{Name: string(p), Parent: "domain-c1"}}}
		if i%2 == 0 {
			objects = append(objects, &dc.Permission{ID: dc.PermissionID(fmt.Sprintf("permission-%d", i)), Entity: dc.ID(f), Principal: "usergroup-b",
				Role: dc.RoleReadOnly, Propagate: true})
		}
		for n := range 1000 {
			id := fmt.Sprintf("vm-%d", i*1000+n)
			objects = append(objects, &dc.VirtualMachine{ID: dc.VirtualMachineID(id), Meta: dc.Meta{Name: id, Parent: dc.ID(f)}, Spec: dc.VirtualMachineSpec{Pool: p}})
		}
		put(objects...)
	}
	return st, access.New(st, slog.New(slog.DiscardHandler)), dc.Caller{User: "user-bob", Name: "bob"}
}

// BenchmarkAuthorize is one check, four folders deep.
func BenchmarkAuthorize(b *testing.B) {
	_, s, bob := large(b)
	for b.Loop() {
		if err := s.Authorize(bob, dc.PrivRead, "vm-4711"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVisible looks at 100,000 machines for one caller.
func BenchmarkVisible(b *testing.B) {
	st, s, bob := large(b)
	for b.Loop() {
		visible, err := s.Visible(bob)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for vm := range store.List[*dc.VirtualMachine](st.View()) {
			if visible(vm) {
				n++
			}
		}
		if n != 50_000 {
			b.Fatalf("%d machines are visible", n)
		}
	}
}
