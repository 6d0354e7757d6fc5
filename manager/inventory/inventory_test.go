package inventory

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/store"
)

// world is a store with the default inventory and a host in its cluster.
type world struct {
	*Service
	t          *testing.T
	store      *store.Store
	datacenter *dc.Datacenter
	cluster    *dc.Cluster
	portGroup  *dc.PortGroup
	host       *dc.Host
}

func empty(t *testing.T) *world {
	t.Helper()
	st := store.OpenMemory()
	t.Cleanup(func() { st.Close() })
	log := slog.New(slog.DiscardHandler)
	return &world{Service: New(st, access.New(st, log), log), t: t, store: st}
}

func open(t *testing.T) *world {
	t.Helper()
	w := empty(t)
	if err := w.Defaults(t.Context(), DefaultNames{}); err != nil {
		t.Fatal(err)
	}
	w.datacenter = only[*dc.Datacenter](w)
	w.cluster = only[*dc.Cluster](w)
	w.portGroup = only[*dc.PortGroup](w)
	w.host = &dc.Host{ID: "host-1", Meta: dc.Meta{Name: "box", Parent: dc.ID(w.cluster.ID)}}
	w.put(w.host)
	return w
}

func all[T dc.Object](w *world) []T { return slices.Collect(store.List[T](w.store.View())) }

func only[T dc.Object](w *world) T {
	w.t.Helper()
	objects := all[T](w)
	if len(objects) != 1 {
		w.t.Fatalf("%d objects, want one: %v", len(objects), objects)
	}
	return objects[0]
}

// put stores an object that other packages make.
func (w *world) put(o dc.Object) {
	w.t.Helper()
	if err := w.store.Change(w.t.Context(), func(tx *store.Tx) error { tx.Put(o); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// machine stores a virtual machine in the default data center's folder.
func (w *world) machine(name string, change func(*dc.VirtualMachine)) {
	w.t.Helper()
	vm := &dc.VirtualMachine{
		ID:   dc.VirtualMachineID(newID(dc.KindVirtualMachine)),
		Meta: dc.Meta{Name: name, Parent: dc.ID(w.datacenter.VMFolder)},
	}
	change(vm)
	w.put(vm)
}

func (w *world) datastore(name, path string) *dc.Datastore {
	w.t.Helper()
	ds, err := w.CreateDatastore(w.t.Context(), dc.System, w.datacenter.ID, name, dc.DatastoreSpec{Host: w.host.ID, Path: path})
	if err != nil {
		w.t.Fatal(err)
	}
	return ds
}

func (w *world) folder(parent dc.FolderID, name string) *dc.Folder {
	w.t.Helper()
	f, err := w.CreateFolder(w.t.Context(), dc.System, parent, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *world) wantKind(err error, want dc.ErrorKind, texts ...string) {
	w.t.Helper()
	if dc.KindOf(err) != want {
		w.t.Errorf("error %v (kind %q), want kind %q", err, dc.KindOf(err), want)
		return
	}
	for _, text := range texts {
		if err != nil && !strings.Contains(err.Error(), text) {
			w.t.Errorf("error %q, want one with %q", err, text)
		}
	}
}

func TestEveryCallIsAuthorized(t *testing.T) {
	accesstest.Check(t, open(t).Service, "Datacenters", "Folders", "Clusters", "Pools", "Hosts", "Datastores", "PortGroups",
		"Images", "Resolve")
}

func TestDefaults(t *testing.T) {
	w := empty(t)
	w.wantKind(w.Defaults(t.Context(), DefaultNames{Cluster: "a/b"}), dc.Invalid, `cluster "a/b"`)
	var wg sync.WaitGroup
	for range 4 { // several managers at once
		wg.Go(func() {
			if err := w.Defaults(t.Context(), DefaultNames{Datacenter: "Seoul"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want := "/ /Seoul /Seoul/datastore /Seoul/host /Seoul/host/Cluster /Seoul/host/Cluster/Resources /Seoul/network " +
		"/Seoul/network/VM Network /Seoul/vm"
	if got := w.tree(); got != want {
		t.Errorf("the inventory is %s, want %s", got, want)
	}
	events := all[*dc.Event](w)
	if len(events) != 3 || events[0].User != "" || events[0].Type != dc.EventDatacenterCreated {
		t.Errorf("events %+v", events)
	}
	// What was renamed stays, what was deleted does not come back.
	w.datacenter = only[*dc.Datacenter](w)
	if err := w.Rename(t.Context(), dc.System, dc.ID(w.datacenter.ID), "Busan"); err != nil {
		t.Fatal(err)
	}
	if err := w.DeletePortGroup(t.Context(), dc.System, only[*dc.PortGroup](w).ID); err != nil {
		t.Fatal(err)
	}
	before := w.store.View().Revision()
	if err := w.Defaults(t.Context(), DefaultNames{Datacenter: "Seoul"}); err != nil {
		t.Fatal(err)
	}
	if after := w.store.View().Revision(); after != before {
		t.Errorf("a later start changed the inventory to %s", w.tree())
	}
}

// tree returns the paths of everything, in order.
func (w *world) tree() string {
	var out []string
	v := w.store.View()
	for _, a := range named {
		for o := range a.all(v) {
			out = append(out, Path(v, o.Identity()))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestCreateRefuses(t *testing.T) {
	w := open(t)
	ctx, d := t.Context(), w.datacenter.ID
	create := map[string]func(name string) error{
		"data center": func(name string) error { _, err := w.CreateDatacenter(ctx, dc.System, name); return err },
		"cluster":     func(name string) error { _, err := w.CreateCluster(ctx, dc.System, d, name); return err },
		"port group":  func(name string) error { _, err := w.CreatePortGroup(ctx, dc.System, d, name); return err },
		"folder": func(name string) error {
			_, err := w.CreateFolder(ctx, dc.System, w.datacenter.VMFolder, name)
			return err
		},
		"datastore": func(name string) error {
			_, err := w.CreateDatastore(ctx, dc.System, d, name, dc.DatastoreSpec{Host: w.host.ID, Path: "/srv/" + fmt.Sprint(len(all[*dc.Datastore](w)))})
			return err
		},
		"image": func(name string) error {
			_, err := w.CreateImage(ctx, dc.System, dc.Image{Meta: dc.Meta{Name: name}, Digest: "sha256:" + strings.Repeat("0", 64),
				SizeBytes: 1, GuestID: "otherLinux64Guest"})
			return err
		},
	}
	for noun, create := range create {
		w.wantKind(create("../x"), dc.Invalid, noun+` "../x"`, "slash")
		if err := create("a name"); err != nil {
			t.Errorf("%s: %v", noun, err)
		}
		w.wantKind(create("a name"), dc.Exists, noun+` "a name"`)
		if err := create("A name"); err != nil {
			t.Errorf("%s: names differ by case: %v", noun, err)
		}
	}
	if image := all[*dc.Image](w)[0]; image.Created.IsZero() || image.Parent != "" {
		t.Errorf("the image is %+v", image)
	}
	_, err := w.CreateCluster(ctx, dc.System, "datacenter-none", "c")
	w.wantKind(err, dc.NotFound, "datacenter-none")
	_, err = w.CreatePortGroup(ctx, dc.System, "datacenter-none", "c")
	w.wantKind(err, dc.NotFound, "datacenter-none")
	_, err = w.CreateFolder(ctx, dc.System, "group-none", "c")
	w.wantKind(err, dc.NotFound, "group-none")
	_, err = w.CreateImage(ctx, dc.System, dc.Image{Meta: dc.Meta{Name: "x"}})
	w.wantKind(err, dc.Invalid, "no digest")
}

func TestCreateDatastore(t *testing.T) {
	w := open(t)
	ds := w.datastore("ds 1", "/srv/ds 1")
	if ds.Spec.Type != dc.LocalDatastore || ds.Parent != dc.ID(w.datacenter.DatastoreFolder) || ds.Revision == 0 {
		t.Errorf("the datastore is %+v", ds)
	}
	other, err := w.CreateDatacenter(t.Context(), dc.System, "Busan")
	if err != nil {
		t.Fatal(err)
	}
	second := &dc.Host{ID: "host-2", Meta: dc.Meta{Name: "second", Parent: dc.ID(w.cluster.ID)}}
	w.put(second)
	for _, test := range []struct {
		datacenter dc.DatacenterID
		host       dc.HostID
		path       string
		want       dc.ErrorKind
		texts      []string
	}{
		{w.datacenter.ID, w.host.ID, "/srv/ds 1", dc.Exists, []string{`datastore "new"`, `/srv/ds 1 on host "box" is datastore "ds 1" already`}},
		{w.datacenter.ID, w.host.ID, "srv", dc.Invalid, []string{"not absolute"}},
		{w.datacenter.ID, w.host.ID, "/srv/../etc", dc.Invalid, []string{"not clean"}},
		{w.datacenter.ID, "host-none", "/srv/2", dc.NotFound, []string{"host-none"}},
		{"datacenter-none", w.host.ID, "/srv/2", dc.NotFound, []string{"datacenter-none"}},
		{other.ID, w.host.ID, "/srv/2", dc.Invalid, []string{`host "box" is not in data center "Busan"`}},
		{w.datacenter.ID, second.ID, "/srv/ds 1", "", nil},
	} {
		_, err := w.CreateDatastore(t.Context(), dc.System, test.datacenter, "new", dc.DatastoreSpec{Host: test.host, Path: test.path})
		w.wantKind(err, test.want, test.texts...)
	}
	// A path is free again when its datastore is gone.
	if err := w.DeleteDatastore(t.Context(), dc.System, ds.ID); err != nil {
		t.Fatal(err)
	}
	w.datastore("again", "/srv/ds 1")
}

func TestDeleteOnlyEmpty(t *testing.T) {
	w := open(t)
	ctx := t.Context()
	ds := w.datastore("ds", "/srv/ds")
	folder := w.folder(w.datacenter.VMFolder, "team")
	w.folder(folder.ID, "sub")
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.machine(name, func(vm *dc.VirtualMachine) {
			vm.Spec.Datastore, vm.Spec.Folder, vm.Spec.Pool = ds.ID, vm.Name, w.cluster.RootPool
			vm.Spec.Hardware.NICs = []dc.NIC{{MAC: vm.Name, PortGroup: w.portGroup.ID}}
		})
	}
	w.wantKind(w.DeleteDatacenter(ctx, dc.System, w.datacenter.ID), dc.WrongState, `data center "Datacenter"`, `folder "team"`, "more")
	w.wantKind(w.DeleteCluster(ctx, dc.System, w.cluster.ID), dc.WrongState, `cluster "Cluster"`, `host "box"`, "virtual machine", "3 more")
	w.wantKind(w.DeleteDatastore(ctx, dc.System, ds.ID), dc.WrongState, `datastore "ds"`, "virtual machine", "2 more")
	w.wantKind(w.DeletePortGroup(ctx, dc.System, w.portGroup.ID), dc.WrongState, `port group "VM Network"`, "virtual machine", "2 more")
	w.wantKind(w.DeleteFolder(ctx, dc.System, folder.ID), dc.WrongState, `folder "team"`, `it still has folder "sub";`)
	w.wantKind(w.DeleteFolder(ctx, dc.System, w.datacenter.VMFolder), dc.WrongState, `belongs to data center "Datacenter"`)
	w.wantKind(w.DeleteFolder(ctx, dc.System, dc.RootFolder), dc.WrongState, "root of the inventory")

	w.wantKind(w.DeleteDatacenter(ctx, dc.System, "datacenter-none"), dc.NotFound)
	w.wantKind(w.DeleteCluster(ctx, dc.System, "domain-cnone"), dc.NotFound)
	w.wantKind(w.DeleteDatastore(ctx, dc.System, "datastore-none"), dc.NotFound)
	w.wantKind(w.DeletePortGroup(ctx, dc.System, "network-none"), dc.NotFound)
	w.wantKind(w.DeleteFolder(ctx, dc.System, "group-none"), dc.NotFound)

	// From the leaves to the root, all of it goes.
	for _, vm := range all[*dc.VirtualMachine](w) {
		w.drop(vm)
	}
	if err := w.DeleteDatastore(ctx, dc.System, ds.ID); err != nil {
		t.Error(err)
	}
	w.drop(w.host)
	for _, f := range []string{"/Datacenter/vm/team/sub", "/Datacenter/vm/team"} {
		id, err := w.Resolve(dc.System, dc.KindFolder, f)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.DeleteFolder(ctx, dc.System, dc.FolderID(id)); err != nil {
			t.Error(err)
		}
	}
	for _, err := range []error{
		w.DeletePortGroup(ctx, dc.System, w.portGroup.ID),
		w.DeleteCluster(ctx, dc.System, w.cluster.ID), w.DeleteDatacenter(ctx, dc.System, w.datacenter.ID),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if got := w.tree(); got != "/" {
		t.Errorf("left are %s", got)
	}
}

// drop deletes objects of other packages.
func (w *world) drop(objects ...dc.Object) {
	w.t.Helper()
	err := w.store.Change(w.t.Context(), func(tx *store.Tx) error {
		for _, o := range objects {
			tx.Delete(o)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestEvents(t *testing.T) {
	w := open(t)
	ctx, by := t.Context(), dc.Caller{User: "user-1", Name: "alice", Role: dc.RoleAdmin}
	before := len(all[*dc.Event](w))
	d, err1 := w.CreateDatacenter(ctx, by, "d")
	f, err2 := w.CreateFolder(ctx, by, d.VMFolder, "f")
	c, err3 := w.CreateCluster(ctx, by, d.ID, "c")
	p, err4 := w.CreatePortGroup(ctx, by, d.ID, "p")
	ds, err5 := w.CreateDatastore(ctx, by, w.datacenter.ID, "ds", dc.DatastoreSpec{Host: w.host.ID, Path: "/srv"})
	for _, err := range []error{err1, err2, err3, err4, err5, w.DeleteDatastore(ctx, by, ds.ID), w.DeletePortGroup(ctx, by, p.ID),
		w.DeleteCluster(ctx, by, c.ID), w.DeleteFolder(ctx, by, f.ID), w.DeleteDatacenter(ctx, by, d.ID)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, e := range all[*dc.Event](w)[before:] {
		got = append(got, fmt.Sprintf("%s %s %s %s: %s", e.User, e.Type, e.Target.Kind(), e.TargetName, e.Message))
	}
	want := []string{
		`alice DatacenterCreatedEvent Datacenter d: Data center "d" was created.`,
		`alice GeneralUserEvent Folder f: Folder "f" was created.`,
		`alice ClusterCreatedEvent Cluster c: Cluster "c" was created.`,
		`alice DVPortgroupCreatedEvent PortGroup p: Port group "p" was created.`,
		`alice LocalDatastoreCreatedEvent Datastore ds: Datastore "ds" was created.`,
		`alice DatastoreRemovedOnHostEvent Datastore ds: Datastore "ds" was removed.`,
		`alice DVPortgroupDestroyedEvent PortGroup p: Port group "p" was removed.`,
		`alice ClusterDestroyedEvent Cluster c: Cluster "c" was removed.`,
		`alice GeneralUserEvent Folder f: Folder "f" was removed.`,
		`alice TaskEvent Datacenter d: Data center "d" was removed.`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRename(t *testing.T) {
	w := open(t)
	ctx := t.Context()
	ds := w.datastore("ds", "/srv/ds")
	folder := w.folder(w.datacenter.VMFolder, "team")
	w.folder(w.datacenter.VMFolder, "other")
	image := &dc.Image{ID: "image-1", Meta: dc.Meta{Name: "starter"}}
	w.put(image)
	for _, id := range []dc.ID{dc.ID(w.datacenter.ID), dc.ID(w.cluster.ID), dc.ID(ds.ID), dc.ID(w.portGroup.ID), dc.ID(folder.ID)} {
		if err := w.Rename(ctx, dc.System, id, "new name"); err != nil {
			t.Error(err)
		}
		if o, _ := find(w.store.View(), id); o.Metadata().Name != "new name" {
			t.Errorf("%s is called %q", id, o.Metadata().Name)
		}
		w.wantKind(w.Rename(ctx, dc.System, id, "a/b"), dc.Invalid, "slash")
	}
	before := w.store.View().Revision()
	for _, test := range []struct {
		id    dc.ID
		name  string
		want  dc.ErrorKind
		texts []string
	}{
		{dc.ID(folder.ID), "new name", "", nil},
		{dc.ID(folder.ID), "other", dc.Exists, []string{`folder "other"`}},
		{dc.ID(dc.RootFolder), "x", dc.WrongState, []string{"root of the inventory"}},
		{dc.ID(w.datacenter.VMFolder), "x", dc.WrongState, []string{`belongs to data center "new name"`}},
		{"group-none", "x", dc.NotFound, []string{"group-none"}},
		{dc.ID(w.host.ID), "x", dc.Unsupported, []string{`host "host-1": it keeps its name`}},
		{"image-1", "x", dc.Unsupported, []string{"it keeps its name"}},
		{"hello", "x", dc.NotFound, []string{`"hello" is the ID of no object`}},
	} {
		w.wantKind(w.Rename(ctx, dc.System, test.id, test.name), test.want, test.texts...)
	}
	if after := w.store.View().Revision(); after != before {
		t.Error("a refused or empty renaming wrote something")
	}
}

func TestListsAreSorted(t *testing.T) {
	w := open(t)
	for _, name := range []string{"b", "c", "a"} {
		w.datastore(name, "/srv/"+name)
	}
	datastores, err := w.Datastores(dc.System)
	if err != nil || len(datastores) != 3 || datastores[0].Name != "a" || datastores[2].Name != "c" {
		t.Errorf("%v, %v", datastores, err)
	}
	hosts, err := w.Hosts(dc.System)
	if err != nil || len(hosts) != 1 || hosts[0].ID != w.host.ID {
		t.Errorf("%v, %v", hosts, err)
	}
}

func TestRoot(t *testing.T) {
	w := empty(t)
	for range 2 {
		if err := w.Root(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if f := only[*dc.Folder](w); f.ID != dc.RootFolder || f.Type != dc.FolderDatacenter || len(all[*dc.Datacenter](w)) != 0 {
		t.Errorf("the root is %+v", f)
	}
}

func TestCreateInFolders(t *testing.T) {
	w := open(t)
	ctx := t.Context()
	hosts, networks := w.folder(w.datacenter.HostFolder, "F0"), w.folder(w.datacenter.NetworkFolder, "F0")
	stores, sites := w.folder(w.datacenter.DatastoreFolder, "F0"), w.folder(dc.RootFolder, "F0")
	c, err := w.CreateClusterIn(ctx, dc.System, hosts.ID, "inner")
	if err != nil || c.Parent != dc.ID(hosts.ID) {
		t.Errorf("the cluster is %+v, %v", c, err)
	}
	pg, err := w.CreatePortGroupIn(ctx, dc.System, networks.ID, "inner")
	if err != nil || pg.Parent != dc.ID(networks.ID) {
		t.Errorf("the port group is %+v, %v", pg, err)
	}
	ds, err := w.CreateDatastoreIn(ctx, dc.System, stores.ID, "inner", dc.DatastoreSpec{Host: w.host.ID, Path: "/srv"})
	if err != nil || ds.Parent != dc.ID(stores.ID) {
		t.Errorf("the datastore is %+v, %v", ds, err)
	}
	d, err := w.CreateDatacenterIn(ctx, dc.System, sites.ID, "inner")
	if err != nil || d.Parent != dc.ID(sites.ID) {
		t.Errorf("the data center is %+v, %v", d, err)
	}
	_, err = w.CreateClusterIn(ctx, dc.System, networks.ID, "x")
	w.wantKind(err, dc.Invalid, `of the type "network"`)
	_, err = w.CreatePortGroupIn(ctx, dc.System, hosts.ID, "x")
	w.wantKind(err, dc.Invalid, `of the type "host"`)
	_, err = w.CreateDatastoreIn(ctx, dc.System, hosts.ID, "x", dc.DatastoreSpec{Host: w.host.ID, Path: "/srv/x"})
	w.wantKind(err, dc.Invalid, `of the type "host"`)
	_, err = w.CreateDatacenterIn(ctx, dc.System, hosts.ID, "x")
	w.wantKind(err, dc.Invalid, `of the type "host"`)
}

func TestSimulatedDatastore(t *testing.T) {
	w := open(t)
	simulated := &dc.Host{ID: "host-2", Meta: dc.Meta{Name: "sim", Parent: dc.ID(w.cluster.ID)},
		Status: dc.HostStatus{Hypervisor: dc.Hypervisor{Name: dc.SimulatedHypervisor}}}
	w.put(simulated)
	create := func(spec dc.DatastoreSpec) error {
		spec.Type, spec.Path = dc.SimulatedDatastore, "/LocalDS_0"
		_, err := w.CreateDatastore(t.Context(), dc.System, w.datacenter.ID, "LocalDS_0", spec)
		return err
	}
	w.wantKind(create(dc.DatastoreSpec{Sharing: []dc.HostID{simulated.ID, w.host.ID}}), dc.Invalid, `host "box" is not simulated`)
	w.wantKind(create(dc.DatastoreSpec{Sharing: []dc.HostID{"host-9"}}), dc.NotFound)
	w.wantKind(create(dc.DatastoreSpec{Host: simulated.ID}), dc.Invalid, "in common")
	w.wantKind(create(dc.DatastoreSpec{Sharing: []dc.HostID{simulated.ID}}), "")
}
