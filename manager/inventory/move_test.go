package inventory

import (
	"fmt"
	"sync"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

// at returns the ID of what a path names.
func (w *world) at(path string) dc.ID {
	w.t.Helper()
	id, err := w.Resolve(dc.System, "", path)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestMove(t *testing.T) {
	w := open(t)
	ctx := t.Context()
	other, err := w.CreateDatacenter(ctx, dc.System, "Other")
	if err != nil {
		t.Fatal(err)
	}
	w.datastore("ds", "/srv")
	for _, parent := range []dc.FolderID{w.datacenter.VMFolder, w.datacenter.HostFolder, w.datacenter.DatastoreFolder, w.datacenter.NetworkFolder, dc.RootFolder} {
		w.folder(w.folder(parent, "a").ID, "b")
	}
	w.folder(other.VMFolder, "far")
	w.machine("web", func(*dc.VirtualMachine) {})
	w.machine("gone", func(vm *dc.VirtualMachine) { vm.Spec.Deleted = true })
	w.machine("b", func(*dc.VirtualMachine) {})
	alone := &dc.Cluster{ID: "domain-c2", Meta: dc.Meta{Name: "lone", Parent: dc.ID(w.datacenter.HostFolder)}, Standalone: true}
	w.put(alone)
	w.put(&dc.Host{ID: "host-2", Meta: dc.Meta{Name: "lone", Parent: dc.ID(alone.ID)}})
	for _, test := range []struct {
		object, folder string
		want           dc.ErrorKind // "" is success, with the path after it
		text           string
	}{
		{"/Datacenter/vm/web", "/Datacenter/host/a", dc.Invalid, `does not hold a virtual machine`},
		{"/Datacenter/vm/web", "/Other/vm/far", dc.Invalid, `is not in data center "Datacenter"`},
		{"/Datacenter/vm/gone", "/Datacenter/vm/a", dc.WrongState, "being deleted"},
		{"/Datacenter/vm/b", "/Datacenter/vm/a", dc.Exists, `folder "a" has a folder of this name already`},
		{"/Datacenter/vm/a", "/Datacenter/vm/a/b", dc.Invalid, `folder "b" is in it`},
		{"/Datacenter/vm/a", "/Datacenter/vm/a", dc.Invalid, "is in it"},
		{"/Datacenter/vm/a", "/Datacenter/network/a", dc.Invalid, `is of the type "network"`},
		{"/Datacenter/vm/a", "/Other/vm", dc.Invalid, `is not in data center "Datacenter"`},
		{"/Datacenter/vm", "/Datacenter/vm/a", dc.WrongState, "belongs to data center"},
		{"/", "/a", dc.WrongState, "root of the inventory"},
		{"/Datacenter/host/Cluster/box", "/Datacenter/host/a", dc.WrongState, `it is in cluster "Cluster"`},
		{"/Datacenter/host/Cluster/Resources", "/Datacenter/host/a", dc.Unsupported, "no folder"},
		{"/Datacenter/host/Cluster", "/Datacenter/vm/a", dc.Invalid, "does not hold a cluster"},

		{"/Datacenter/vm/web", "/Datacenter/vm/a", "", "/Datacenter/vm/a/web"},
		{"/Datacenter/vm/a/web", "/Datacenter/vm/a", "", "/Datacenter/vm/a/web"},
		{"/Datacenter/vm/a/b", "/Datacenter/vm", dc.Exists, "has a virtual machine of this name already"},
		{"/Datacenter/host/Cluster", "/Datacenter/host/a/b", "", "/Datacenter/host/a/b/Cluster"},
		{"/Datacenter/host/lone/lone", "/Datacenter/host/a", "", "/Datacenter/host/a/lone"},
		{"/Datacenter/network/VM Network", "/Datacenter/network/a", "", "/Datacenter/network/a/VM Network"},
		{"/Datacenter/datastore/ds", "/Datacenter/datastore/a/b", "", "/Datacenter/datastore/a/b/ds"},
		{"/Datacenter/datastore/a/b", "/Datacenter/datastore", "", "/Datacenter/datastore/b"},
		{"/Datacenter", "/a/b", "", "/a/b/Datacenter"},
		{"/a/b", "/", "", "/b"},
	} {
		id := w.at(test.object)
		before := w.store.View().Revision()
		err := w.Move(ctx, dc.System, id, dc.FolderID(w.at(test.folder)))
		if test.want != "" {
			w.wantKind(err, test.want, test.text)
			if after := w.store.View().Revision(); after != before {
				t.Errorf("%s was refused, and something was written", test.object)
			}
			continue
		}
		if moved, _ := moved(w.store.View(), id); err != nil || w.Path(moved) != test.text {
			t.Errorf("%s is at %s, want %s: %v", test.object, w.Path(moved), test.text, err)
		}
	}
	w.wantKind(w.Move(ctx, dc.System, "vm-none", w.datacenter.VMFolder), dc.NotFound)
	w.wantKind(w.Move(ctx, dc.System, w.at("/b/Datacenter/vm/a/web"), "group-none"), dc.NotFound)
}

// TestMoveNeedsPrivileges: on the object, on the folder that it leaves and on the one that it comes to.
func TestMoveNeedsPrivileges(t *testing.T) {
	w := open(t)
	from, to := w.folder(w.datacenter.VMFolder, "from"), w.folder(w.datacenter.VMFolder, "to")
	w.machine("web", func(vm *dc.VirtualMachine) { vm.Parent = dc.ID(from.ID) })
	vm := only[*dc.VirtualMachine](w)
	w.put(&dc.Role{ID: "role-mover", Meta: dc.Meta{Name: "Mover"}, Privileges: []dc.Privilege{dc.PrivView, dc.PrivVMMove}})
	w.put(&dc.Role{ID: "role-viewer", Meta: dc.Meta{Name: "Viewer"}, Privileges: []dc.Privilege{dc.PrivView}})
	w.put(&dc.User{ID: "user-1", Meta: dc.Meta{Name: "ann"}})
	on := []dc.ID{dc.ID(vm.ID), dc.ID(from.ID), dc.ID(to.ID)}
	for lacking := range len(on) + 1 {
		for i, id := range on {
			role := dc.RoleID("role-mover")
			if i == lacking {
				role = "role-viewer"
			}
			p := &dc.Permission{ID: dc.PermissionID(fmt.Sprintf("permission-%d", i)), Entity: id, Principal: "user-1", Role: role}
			if err := w.store.Change(t.Context(), func(tx *store.Tx) error {
				if old, err := store.Load[*dc.Permission](tx, dc.ID(p.ID)); err == nil {
					p.Revision = old.Revision
				}
				tx.Put(p)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		err := w.Move(t.Context(), dc.Caller{User: "user-1", Name: "ann"}, dc.ID(vm.ID), to.ID)
		if lacking < len(on) {
			w.wantKind(err, dc.Denied, string(dc.PrivVMMove))
		} else if err != nil {
			t.Error(err)
		}
	}
}

// TestFoldersMeet: two folders are moved into each other at once, again and again. One is refused, and both stay in the tree.
func TestFoldersMeet(t *testing.T) {
	w := open(t)
	for range 20 {
		a, b := w.folder(w.datacenter.VMFolder, "a"), w.folder(w.datacenter.VMFolder, "b")
		var both sync.WaitGroup
		errs := make([]error, 2)
		both.Go(func() { errs[0] = w.Move(t.Context(), dc.System, dc.ID(a.ID), b.ID) })
		both.Go(func() { errs[1] = w.Move(t.Context(), dc.System, dc.ID(b.ID), a.ID) })
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("moved: %v, %v", errs[0], errs[1])
		}
		for _, id := range []dc.FolderID{a.ID, b.ID, a.ID} { // the inner one first, whichever it is
			_ = w.DeleteFolder(t.Context(), dc.System, id)
		}
		if len(all[*dc.Folder](w)) != 5 {
			t.Fatalf("the inventory is %s", w.tree())
		}
	}
}
