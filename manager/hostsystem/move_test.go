package hostsystem

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
	"hanok/manager/task/tasktest"
)

// newFleet is a world with two clusters, a folder of hosts and a host "beta" that stands alone, with a nested pool and more machines than
// one transaction moves; "alpha" is in the first cluster.
func newFleet(t *testing.T) *world {
	w := newWorld(t, func(h *dc.Host, vm *dc.VirtualMachine) {
		h.Spec.Maintenance, vm.Spec.Pool = dc.InMaintenance, "resgroup-1"
	})
	in := func(parent dc.ID, name string) dc.Meta { return dc.Meta{Name: name, Parent: parent} }
	w.change(func(tx *store.Tx) error {
		for _, o := range []dc.Object{
			&dc.Folder{ID: dc.RootFolder, Type: dc.FolderDatacenter},
			&dc.Datacenter{ID: "datacenter-1", Meta: in("group-root", "dc1")},
			&dc.Datacenter{ID: "datacenter-2", Meta: in("group-root", "dc2")},
			&dc.Folder{ID: "group-v1", Meta: in("datacenter-1", "vm"), Type: dc.FolderVM},
			&dc.Folder{ID: "group-h1", Meta: in("datacenter-1", "host"), Type: dc.FolderHost},
			&dc.Folder{ID: "group-h2", Meta: in("group-h1", "racks"), Type: dc.FolderHost},
			&dc.Folder{ID: "group-h3", Meta: in("datacenter-2", "host"), Type: dc.FolderHost},
			&dc.Cluster{ID: "domain-c1", Meta: in("group-h1", "c1"), RootPool: "resgroup-1"},
			&dc.ResourcePool{ID: "resgroup-1", Meta: in("domain-c1", "Resources")},
			&dc.Cluster{ID: "domain-c2", Meta: in("group-h1", "c2"), RootPool: "resgroup-2"},
			&dc.ResourcePool{ID: "resgroup-2", Meta: in("domain-c2", "Resources")},
			&dc.ResourcePool{ID: "resgroup-3", Meta: in("resgroup-2", "gold")},
			&dc.Cluster{ID: "domain-c3", Meta: in("group-h1", "beta"), RootPool: "resgroup-4", Standalone: true},
			&dc.ResourcePool{ID: "resgroup-4", Meta: in("domain-c3", "Resources")},
			&dc.ResourcePool{ID: "resgroup-5", Meta: in("resgroup-4", "nested")},
			&dc.Host{ID: "host-2", Meta: in("domain-c3", "beta"), Status: dc.HostStatus{Connection: dc.Connected}},
		} {
			tx.Put(o)
		}
		for i := range batch + 5 {
			pool := dc.ResourcePoolID("resgroup-4")
			if i%2 == 0 {
				pool = "resgroup-5"
			}
			tx.Put(&dc.VirtualMachine{ID: dc.VirtualMachineID(fmt.Sprintf("vm-b%02d", i)), Meta: in("group-v1", fmt.Sprintf("b%02d", i)),
				Spec: dc.VirtualMachineSpec{Host: "host-2", Pool: pool}, Status: dc.VirtualMachineStatus{Power: dc.PoweredOn}})
		}
		return nil
	})
	return w
}

// fleet says where each host is, how many machines are in the pool of which name there, and which compute resources there are.
func fleet(v *store.View) string {
	var lines []string
	for h := range store.List[*dc.Host](v) {
		c, err := store.Get[*dc.Cluster](v, h.Parent)
		if err != nil {
			return err.Error()
		}
		f := v.Find(c.Parent)
		pools := map[string]int{}
		for vm := range store.OnHost(v, h.ID) {
			p, err := store.Get[*dc.ResourcePool](v, dc.ID(vm.Spec.Pool))
			if err != nil {
				return err.Error()
			}
			pools[v.Find(p.Parent).Metadata().Name+"/"+p.Name]++
		}
		lines = append(lines, fmt.Sprintf("%s in %s/%s %v", h.Name, f.Metadata().Name, c.Name, pools))
	}
	n := 0
	for range store.List[*dc.Cluster](v) {
		n++
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ") + fmt.Sprintf(", %d clusters", n)
}

func TestMove(t *testing.T) {
	before := "alpha in host/c1 map[c1/Resources:1], beta in host/beta map[Resources/nested:13 beta/Resources:12], 3 clusters"
	for _, test := range []struct {
		name string
		host dc.HostID
		to   dc.HostDestination
		want string
	}{
		{"out of a cluster", host, dc.HostDestination{Folder: "group-h2"},
			"alpha in racks/alpha map[alpha/Resources:1], beta in host/beta map[Resources/nested:13 beta/Resources:12], 4 clusters"},
		{"between clusters", host, dc.HostDestination{Cluster: "domain-c2"},
			"alpha in host/c2 map[c2/Resources:1], beta in host/beta map[Resources/nested:13 beta/Resources:12], 3 clusters"},
		{"into a pool of a cluster", host, dc.HostDestination{Cluster: "domain-c2", Pool: "resgroup-3"},
			"alpha in host/c2 map[Resources/gold:1], beta in host/beta map[Resources/nested:13 beta/Resources:12], 3 clusters"},
		{"into a cluster with what runs", "host-2", dc.HostDestination{Cluster: "domain-c1"},
			"alpha in host/c1 map[c1/Resources:1], beta in host/c1 map[c1/Resources:25], 2 clusters"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tasktest.Check(t, func(t *testing.T) tasktest.World {
				w := newFleet(t)
				if got := fleet(w.st.View()); got != before {
					t.Fatalf("there is %s", got)
				}
				return tasktest.World{Store: w.st, Definitions: definitions, Picture: fleet,
					Submit: func(ctx context.Context) (*dc.Task, error) { return w.svc.Move(ctx, dc.System, test.host, test.to) },
					Succeeded: func(t testing.TB, v *store.View) {
						if got := fleet(v); got != test.want {
							t.Errorf("afterwards there is\n%s, want\n%s", got, test.want)
						}
						n := 0
						for e := range store.List[*dc.Event](v) {
							if e.Type == dc.EventTask {
								n++
							}
						}
						if n != 1 {
							t.Errorf("%d events say that it was moved", n)
						}
					},
				}
			})
		})
	}
}

// A host that stands alone stays so in another folder, with everything it has.
func TestMoveStandalone(t *testing.T) {
	w := newFleet(t)
	done, err := w.svc.Move(t.Context(), dc.System, "host-2", dc.HostDestination{Folder: "group-h2"})
	if err != nil || done.State != dc.TaskSuccess {
		t.Fatalf("%+v, %v", done, err)
	}
	want := "alpha in host/c1 map[c1/Resources:1], beta in racks/beta map[Resources/nested:13 beta/Resources:12], 3 clusters"
	if got := fleet(w.st.View()); got != want {
		t.Errorf("there is %s", got)
	}
}

func TestMoveRefusals(t *testing.T) {
	w := newFleet(t)
	before := fleet(w.st.View())
	refuse := func(id dc.HostID, to dc.HostDestination, want dc.ErrorKind, part string) {
		t.Helper()
		_, err := w.svc.Move(t.Context(), dc.System, id, to)
		if dc.KindOf(err) != want || !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("%s to %+v: %v, want %s, %q", id, to, err, want, part)
		}
	}
	refuse(host, dc.HostDestination{}, dc.NotFound, "")
	refuse(host, dc.HostDestination{Cluster: "domain-c2", Folder: "group-h2"}, dc.Invalid, "into a cluster, or into a folder")
	refuse(host, dc.HostDestination{Cluster: "domain-c1"}, dc.WrongState, "already")
	refuse(host, dc.HostDestination{Cluster: "domain-c3"}, dc.Invalid, "compute resource of one host")
	refuse(host, dc.HostDestination{Cluster: "domain-c9"}, dc.NotFound, "domain-c9")
	refuse(host, dc.HostDestination{Cluster: "domain-c2", Pool: "resgroup-5"}, dc.Invalid, "does not have this resource pool")
	refuse(host, dc.HostDestination{Folder: "group-v1"}, dc.Invalid, "holds no hosts")
	refuse(host, dc.HostDestination{Folder: "group-h3"}, dc.Invalid, "another data center")
	refuse("host-9", dc.HostDestination{Cluster: "domain-c2"}, dc.NotFound, "host-9")
	w.change(func(tx *store.Tx) error {
		tx.Put(&dc.Folder{ID: "group-h4", Meta: dc.Meta{Name: "alpha", Parent: "group-h2"}, Type: dc.FolderHost})
		h, err := store.Load[*dc.Host](tx, dc.ID(host))
		if err == nil {
			h.Spec.Maintenance = ""
			tx.Put(h)
		}
		return err
	})
	refuse(host, dc.HostDestination{Folder: "group-h2"}, dc.Exists, "of this name already")
	refuse(host, dc.HostDestination{Cluster: "domain-c2"}, dc.WrongState, "maintenance mode first")
	if after := fleet(w.st.View()); after != before {
		t.Errorf("a refusal left %s, there was %s", after, before)
	}
}
