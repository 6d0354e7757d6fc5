package inventory

import (
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

// TestDeletionMeetsUse: something comes to an object between the look at it and its deletion. The deletion is refused.
func TestDeletionMeetsUse(t *testing.T) {
	for name, test := range map[string]struct {
		remove func(w *world, ds *dc.Datastore, f *dc.Folder, tx *store.Tx) error
		use    func(w *world, ds *dc.Datastore, f *dc.Folder)
	}{
		"a machine on a datastore": {
			func(w *world, ds *dc.Datastore, _ *dc.Folder, tx *store.Tx) error {
				return deleteDatastore(tx, dc.System, ds.ID)
			},
			func(w *world, ds *dc.Datastore, _ *dc.Folder) {
				w.machine("new", func(vm *dc.VirtualMachine) { vm.Spec.Datastore, vm.Spec.Folder = ds.ID, "new" })
			},
		},
		"a machine on a port group": {
			func(w *world, _ *dc.Datastore, _ *dc.Folder, tx *store.Tx) error {
				return deletePortGroup(tx, dc.System, w.portGroup.ID)
			},
			func(w *world, _ *dc.Datastore, _ *dc.Folder) {
				w.machine("new", func(vm *dc.VirtualMachine) {
					vm.Spec.Hardware.NICs = []dc.NIC{{MAC: "1", PortGroup: w.portGroup.ID}, {MAC: "2", PortGroup: w.portGroup.ID}}
				})
			},
		},
		"a machine in a cluster": {
			func(w *world, _ *dc.Datastore, _ *dc.Folder, tx *store.Tx) error {
				return deleteCluster(tx, dc.System, w.cluster.ID)
			},
			func(w *world, _ *dc.Datastore, _ *dc.Folder) {
				w.machine("new", func(vm *dc.VirtualMachine) { vm.Spec.Pool = w.cluster.RootPool })
			},
		},
		"a host in a cluster": {
			func(w *world, _ *dc.Datastore, _ *dc.Folder, tx *store.Tx) error {
				return deleteCluster(tx, dc.System, w.cluster.ID)
			},
			func(w *world, _ *dc.Datastore, _ *dc.Folder) {
				w.put(&dc.Host{ID: "host-2", Meta: dc.Meta{Name: "new", Parent: dc.ID(w.cluster.ID)}})
			},
		},
		"a folder in a folder": {
			func(w *world, _ *dc.Datastore, f *dc.Folder, tx *store.Tx) error {
				return deleteFolder(tx, dc.System, f.ID)
			},
			func(w *world, _ *dc.Datastore, f *dc.Folder) { w.folder(f.ID, "new") },
		},
		"a machine in a data center": {
			func(w *world, _ *dc.Datastore, _ *dc.Folder, tx *store.Tx) error {
				return deleteDatacenter(tx, dc.System, w.datacenter.ID)
			},
			func(w *world, _ *dc.Datastore, _ *dc.Folder) { w.machine("new", func(*dc.VirtualMachine) {}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			ds, f := w.datastore("ds", "/srv"), w.folder(w.datacenter.VMFolder, "team")
			if name == "a machine in a data center" {
				w.clear(ds, f)
			} else if name != "a machine on a datastore" {
				w.drop(ds, w.host)
			}
			runs := 0
			err := w.store.Change(t.Context(), func(tx *store.Tx) error {
				if runs++; runs == 1 {
					if err := test.remove(w, ds, f, tx); err != nil {
						t.Fatalf("refused before anything came: %v", err)
					}
					test.use(w, ds, f)
					return nil
				}
				return test.remove(w, ds, f, tx)
			})
			w.wantKind(err, dc.WrongState, `"new"`)
			if runs != 2 {
				t.Errorf("%d runs, want 2", runs)
			}
		})
	}
}

// clear leaves the four folders of the data center, empty.
func (w *world) clear(ds *dc.Datastore, f *dc.Folder) {
	w.t.Helper()
	w.drop(ds, w.host)
	for _, err := range []error{
		w.DeleteFolder(w.t.Context(), dc.System, f.ID),
		w.DeletePortGroup(w.t.Context(), dc.System, w.portGroup.ID),
		w.DeleteCluster(w.t.Context(), dc.System, w.cluster.ID),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestUseMeetsDeletion: the other way round, the object is gone before what was to stand in it is committed.
func TestUseMeetsDeletion(t *testing.T) {
	w := open(t)
	f := w.folder(w.datacenter.VMFolder, "team")
	runs := 0
	err := w.store.Change(t.Context(), func(tx *store.Tx) error {
		if runs++; runs == 1 {
			if err := w.DeleteFolder(t.Context(), dc.System, f.ID); err != nil {
				t.Fatal(err)
			}
		}
		created(tx, dc.System, dc.EventGeneral, &dc.Folder{ID: dc.FolderID(newID(dc.KindFolder)), Meta: newMeta("sub", dc.ID(f.ID)), Type: f.Type})
		return nil
	})
	w.wantKind(err, dc.NotFound, string(f.ID))
	if len(all[*dc.Folder](w)) != 5 {
		t.Errorf("the inventory is %s", w.tree())
	}
}
