package vapp

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/internal/ovf/ovftest"
	"hanok/manager/access"
	"hanok/manager/access/accesstest"
	"hanok/manager/compute"
	"hanok/manager/image"
	"hanok/manager/resource"
	"hanok/manager/store"
	"hanok/manager/task"
	"hanok/manager/task/tasktest"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	admin = dc.Caller{Name: "alice", Role: dc.RoleAdmin}
)

// world is a data center with one host, which does what the inventory asks for at once.
type world struct {
	st     *store.Store
	folder string
}

func newWorld(t testing.TB) *world {
	w := &world{store.OpenMemory(), t.TempDir()}
	t.Cleanup(func() { w.st.Close() })
	within := func(parent dc.ID, name string) dc.Meta { return dc.Meta{Name: name, Parent: parent} }
	err := w.st.Change(t.Context(), func(tx *store.Tx) error {
		for _, o := range []dc.Object{
			&dc.Folder{ID: dc.RootFolder, Type: dc.FolderDatacenter},
			&dc.Datacenter{ID: "datacenter-1", Meta: within(dc.ID(dc.RootFolder), "dc1"), VMFolder: "group-vm", HostFolder: "group-host"},
			&dc.Folder{ID: "group-vm", Meta: within("datacenter-1", "vm"), Type: dc.FolderVM},
			&dc.Folder{ID: "group-host", Meta: within("datacenter-1", "host"), Type: dc.FolderHost},
			&dc.Folder{ID: "group-network", Meta: within("datacenter-1", "network"), Type: dc.FolderNetwork},
			&dc.Cluster{ID: "domain-c1", Meta: within("group-host", "c1"), RootPool: "resgroup-1"},
			&dc.ResourcePool{ID: "resgroup-1", Meta: within("domain-c1", "Resources")},
			&dc.PortGroup{ID: "network-1", Meta: within("group-network", "VM Network")},
			&dc.Host{ID: "host-a", Meta: within("domain-c1", "a"), Status: dc.HostStatus{Connection: dc.Connected, CPUs: 4, CPUMHz: 1000, MemoryMB: 4096}},
			&dc.Datastore{ID: "datastore-a", Meta: within("group-ds", "local"), Spec: dc.DatastoreSpec{Type: dc.LocalDatastore, Host: "host-a"},
				Status: dc.DatastoreStatus{Accessible: true}},
		} {
			tx.Put(o)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	go w.host(t.Context())
	return w
}

// host reports about each machine of its own what it should.
func (w *world) host(ctx context.Context) {
	for {
		v := w.st.View()
		_ = w.st.Change(ctx, func(tx *store.Tx) error {
			for vm := range store.List[*dc.VirtualMachine](tx.View()) {
				want := dc.FilesReady
				if vm.Spec.Deleted {
					want = dc.FilesRemoved
				}
				if vm.Spec.Host != "" && vm.Status.Files != want {
					vm, err := store.Load[*dc.VirtualMachine](tx, dc.ID(vm.ID))
					if err != nil {
						return err
					}
					vm.Status.Files, vm.Status.Power = want, dc.PoweredOff
					tx.Put(vm)
				}
			}
			return nil
		})
		if w.st.Wait(ctx, v.Revision()) != nil {
			return
		}
	}
}

func (w *world) manager(e *task.Engine) *Service {
	acc := access.New(w.st, quiet)
	return New(compute.New(compute.Config{Store: w.st, Access: acc, Tasks: e, Hosts: hosts{}, Resources: resource.New(w.st, acc), Log: quiet}),
		image.New(image.Config{Store: w.st, Access: acc, Tasks: e, Folder: w.folder}))
}

// hosts are always there.
type hosts struct{}

func (hosts) Connected(dc.HostID) bool                     { return true }
func (hosts) Configures(dc.HostID) bool                    { return true }
func (hosts) Offers(dc.HostID, []dc.HostFeature) bool      { return true }
func (hosts) Executes(dc.HostID, dc.Hardware, string) bool { return true }
func (hosts) OpenStream(context.Context, dc.HostID, dc.VirtualMachineID, string) (net.Conn, error) {
	return nil, fs.ErrNotExist
}
func (hosts) Progress(dc.VirtualMachineID) (int64, int64, bool) { return 0, 0, false }
func (hosts) Usage(dc.DatastoreID) (dc.DatastoreUsage, bool) {
	return dc.DatastoreUsage{CapacityBytes: 1 << 40, FreeBytes: 1 << 40}, true
}
func (hosts) Orphans() []dc.Orphan { return nil }

func (w *world) files(t testing.TB) string {
	all, err := os.ReadDir(w.folder)
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	var names []string
	for _, f := range all {
		names = append(names, f.Name()[:min(5, len(f.Name()))])
	}
	return strings.Join(names, " ")
}

func vmware() []byte {
	d := ovftest.Entry{Name: "web-disk1.vmdk", Text: ovftest.Disk()}
	o := ovftest.VMware(int64(len(d.Text)), 4<<20)
	return ovftest.Archive(o, ovftest.Manifest("web.mf", o, d), d)
}

func request() Request {
	return Request{Machine: compute.CreateRequest{Name: "web"}, Networks: map[string]dc.PortGroupID{"": "network-1"}}
}

func TestPrivileges(t *testing.T) {
	w := newWorld(t)
	accesstest.Check(t, w.manager(task.New(w.st, quiet)))
}

func TestImportTask(t *testing.T) {
	tasktest.Check(t, func(t *testing.T) tasktest.World {
		w := newWorld(t)
		svc := w.manager(task.New(w.st, quiet))
		return tasktest.World{
			Store: w.st,
			Definitions: func() []task.Definition {
				s := w.manager(task.New(w.st, quiet))
				return []task.Definition{s.machines.ImportDefinition(s)}
			},
			Submit: func(ctx context.Context) (*dc.Task, error) {
				t, _, err := svc.Import(ctx, admin, request(), bytes.NewReader(vmware()))
				return t, err
			},
			Picture: func(v *store.View) string {
				text := w.files(t)
				for vm := range store.List[*dc.VirtualMachine](v) {
					text += fmt.Sprint(" ", vm.Name)
				}
				return text
			},
			Succeeded: func(t testing.TB, v *store.View) {
				n := 0
				for vm := range store.List[*dc.VirtualMachine](v) {
					n++
					h := vm.Spec.Hardware
					if vm.Name != "web" || vm.Spec.Host != "host-a" || len(h.Disks) != 1 || h.Disks[0].CapacityBytes != 4<<20 || h.Disks[0].Image == "" || h.MemoryMB != 128 ||
						h.GuestID != "debian12_64Guest" || vm.Spec.Annotation != "the web server" || len(h.NICs) != 1 {
						t.Errorf("got %+v", vm.Spec)
					}
				}
				if left := w.files(t); n != 1 || left != "" {
					t.Errorf("%d machines, left is %q", n, left)
				}
			},
		}
	})
}

// TestSharedContent sees that a content stays while another machine needs it.
func TestSharedContent(t *testing.T) {
	w := newWorld(t)
	digest := "sha256:" + strings.Repeat("1", 64)
	svc := w.manager(task.New(w.st, quiet))
	dir, err := svc.images.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	content := filepath.Join(w.folder, digest[len("sha256:"):])
	if err := os.WriteFile(content, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err = w.st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(&dc.VirtualMachine{ID: "vm-other", Meta: dc.Meta{Name: "other", Parent: "group-vm"},
			Spec: dc.VirtualMachineSpec{Pool: "resgroup-1", Hardware: dc.Hardware{Disks: []dc.Disk{{Image: digest}}}}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	there := func() bool { _, err := os.Stat(content); return err == nil }
	if err := svc.images.Release(dir, digest, "vm-mine"); err != nil || !there() {
		t.Errorf("the content that another machine needs is gone (%v)", err)
	}
	if err := svc.images.Release(dir, digest, "vm-other"); err != nil || there() {
		t.Errorf("the content that nobody needs is still there (%v)", err)
	}
}
