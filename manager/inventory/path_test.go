package inventory

import (
	"fmt"
	"testing"

	"hanok/dc"
)

func TestResolve(t *testing.T) {
	w := open(t)
	team := w.folder(w.datacenter.VMFolder, "Team A & B (100%)")
	busan, err := w.CreateDatacenter(t.Context(), dc.System, "Busan")
	if err != nil {
		t.Fatal(err)
	}
	vm := func(id dc.VirtualMachineID, name string, parent dc.FolderID) {
		w.put(&dc.VirtualMachine{ID: id, Meta: dc.Meta{Name: name, Parent: dc.ID(parent)}})
	}
	vm("vm-1", "hello", w.datacenter.VMFolder)
	vm("vm-2", "web server", team.ID)
	vm("vm-3", "twice", team.ID)
	vm("vm-4", "twice", busan.VMFolder)
	vm("vm-5", "vm-1", busan.VMFolder) // named like another one's ID
	vm("vm-6", "vm-9", busan.VMFolder) // named like nobody's ID
	for i := range 7 {
		vm(dc.VirtualMachineID(fmt.Sprintf("vm-1%d", i)), "many", w.folder(w.datacenter.VMFolder, fmt.Sprint("f", i)).ID)
	}
	w.put(&dc.Image{ID: "image-1", Meta: dc.Meta{Name: "starter"}})
	w.put(&dc.User{ID: "user-1", Meta: dc.Meta{Name: "alice"}})

	for _, test := range []struct {
		kind  dc.Kind
		ref   string
		want  dc.ID
		fails dc.ErrorKind
		text  string
	}{
		{kind: dc.KindVirtualMachine, ref: "vm-1", want: "vm-1"},
		{kind: dc.KindVirtualMachine, ref: "hello", want: "vm-1"},
		{kind: dc.KindVirtualMachine, ref: "web server", want: "vm-2"},
		{kind: dc.KindVirtualMachine, ref: "vm-9", want: "vm-6"},
		{kind: dc.KindVirtualMachine, ref: "/Datacenter/vm/hello", want: "vm-1"},
		{kind: dc.KindVirtualMachine, ref: "/Datacenter/vm/hello/", want: "vm-1"},
		{kind: dc.KindVirtualMachine, ref: "/Datacenter/vm/Team A & B (100%)/web server", want: "vm-2"},
		{kind: dc.KindVirtualMachine, ref: "/Busan/vm/twice", want: "vm-4"},
		{kind: dc.KindVirtualMachine, ref: "/Busan/vm/vm-1", want: "vm-5"},
		{kind: dc.KindFolder, ref: "/", want: dc.ID(dc.RootFolder)},
		{kind: dc.KindFolder, ref: "group-root", want: dc.ID(dc.RootFolder)},
		{kind: dc.KindFolder, ref: "/Busan/vm", want: dc.ID(busan.VMFolder)},
		{kind: dc.KindFolder, ref: "Team A & B (100%)", want: dc.ID(team.ID)},
		{kind: dc.KindDatacenter, ref: "/Busan", want: dc.ID(busan.ID)},
		{kind: dc.KindHost, ref: "/Datacenter/host/Cluster/box", want: "host-1"},
		{kind: dc.KindResourcePool, ref: "/Datacenter/host/Cluster/Resources", want: dc.ID(w.cluster.RootPool)},
		{kind: dc.KindResourcePool, ref: "Resources", want: dc.ID(w.cluster.RootPool)},
		{kind: dc.KindPortGroup, ref: "VM Network", want: dc.ID(w.portGroup.ID)},
		{kind: dc.KindImage, ref: "starter", want: "image-1"},
		{kind: dc.KindImage, ref: "image-1", want: "image-1"},

		{kind: dc.KindVirtualMachine, ref: "", fails: dc.NotFound, text: `virtual machine ""`},
		{kind: dc.KindVirtualMachine, ref: "Hello", fails: dc.NotFound, text: `virtual machine "Hello"`},
		{kind: dc.KindVirtualMachine, ref: "vm-7", fails: dc.NotFound, text: "none of this name"},
		{kind: dc.KindVirtualMachine, ref: "host-1", fails: dc.NotFound, text: "none of this name"},
		{kind: dc.KindVirtualMachine, ref: "Datacenter/vm/hello", fails: dc.NotFound, text: "begins with a slash"},
		{kind: dc.KindVirtualMachine, ref: "twice", fails: dc.Invalid,
			text: "several have this name: /Busan/vm/twice, /Datacenter/vm/Team A & B (100%)/twice"},
		{kind: dc.KindVirtualMachine, ref: "many", fails: dc.Invalid, text: "/Datacenter/vm/f4/many, 2 more"},
		{kind: dc.KindVirtualMachine, ref: "/Datacenter/vm/nobody", fails: dc.NotFound, text: `there is no "nobody" in /Datacenter/vm`},
		{kind: dc.KindVirtualMachine, ref: "/Datacenter//hello", fails: dc.NotFound, text: `there is no "" in /Datacenter`},
		{kind: dc.KindVirtualMachine, ref: "/Datacenter/vm/../vm/hello", fails: dc.NotFound, text: `there is no ".."`},
		{kind: dc.KindVirtualMachine, ref: "/Nowhere/vm/hello", fails: dc.NotFound, text: `there is no "Nowhere" in /`},
		{kind: dc.KindVirtualMachine, ref: "/Datacenter/vm", fails: dc.Invalid, text: "this is a folder"},
		{kind: dc.KindVirtualMachine, ref: "/", fails: dc.Invalid, text: "this is a folder"},
		{kind: dc.KindUser, ref: "alice", fails: dc.Invalid, text: "have no names in the inventory"},
	} {
		got, err := w.Resolve(dc.System, test.kind, test.ref)
		if got != test.want {
			t.Errorf("%s %q: %q, want %q", test.kind, test.ref, got, test.want)
		}
		w.wantKind(err, test.fails, test.text)
	}
}

// TestPathResolves: what Path returns leads back to the object, for everything that there is.
func TestPathResolves(t *testing.T) {
	w := open(t)
	w.datastore("my datastore", "/srv/1")
	w.machine("my machine", func(*dc.VirtualMachine) {})
	v, seen := w.store.View(), 0
	for kind, a := range named {
		for o := range a.all(v) {
			seen++
			path := Path(v, o.Identity())
			if id, err := w.Resolve(dc.System, kind, path); id != o.Identity() || err != nil {
				t.Errorf("%s: %q leads to %q, %v", o.Identity(), path, id, err)
			}
		}
	}
	if seen != 12 {
		t.Errorf("tried %d objects, want 12", seen)
	}
	w.put(&dc.Image{ID: "image-1", Meta: dc.Meta{Name: "starter"}})
	w.put(&dc.User{ID: "user-1", Meta: dc.Meta{Name: "alice"}})
	for id, want := range map[dc.ID]string{"image-1": "starter", "user-1": "", "vm-none": "", "": "", "hello": ""} {
		if got := Path(w.store.View(), id); got != want {
			t.Errorf("the path of %q is %q, want %q", id, got, want)
		}
	}
}
