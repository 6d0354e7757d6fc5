package compute

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hanok/dc"
	"hanok/manager/store"
)

func TestCreateRefusals(t *testing.T) {
	w := newWorld(t)
	w.addVM("taken", dc.VirtualMachineStatus{})
	w.put(&dc.Datacenter{ID: "datacenter-2", Meta: dc.Meta{Name: "dc2", Parent: dc.ID(dc.RootFolder)}, VMFolder: "group-vm2"},
		&dc.Folder{ID: "group-vm2", Meta: dc.Meta{Name: "vm", Parent: "datacenter-2"}, Type: dc.FolderVM},
		&dc.Folder{ID: "group-network2", Meta: dc.Meta{Name: "network", Parent: "datacenter-2"}, Type: dc.FolderNetwork},
		&dc.PortGroup{ID: "network-2", Meta: dc.Meta{Name: "VM Network", Parent: "group-network2"}})
	for _, tt := range []struct {
		name   string
		by     dc.Caller
		change func(r *CreateRequest)
		kind   dc.ErrorKind
		text   string
	}{
		{"nobody", dc.Caller{}, nil, dc.Unauthenticated, `nobody is logged in`},
		{"climbing name", admin, func(r *CreateRequest) { r.Name = "../etc" }, dc.Invalid,
			`virtual machine "../etc": the name has a slash or backslash in it`},
		{"a second one of a name", admin, func(r *CreateRequest) { r.Name = "taken" }, dc.Exists,
			`virtual machine "taken": its folder has a virtual machine of this name already`},
		{"the name of a folder", admin, func(r *CreateRequest) { r.Name = "sub" }, dc.Exists,
			`virtual machine "sub": its folder has a folder of this name already`},
		{"too many CPUs", admin, func(r *CreateRequest) { r.CPUs = 1000 }, dc.Invalid, `virtual machine "hello": cpus: 1000 is out of range`},
		{"odd disk", admin, func(r *CreateRequest) { r.Disks = []DiskRequest{{CapacityBytes: 1}} }, dc.Invalid,
			`virtual machine "hello": disks[0].capacityBytes: 1 is no multiple of 512`},
		{"disk smaller than its image", admin, func(r *CreateRequest) { r.Disks = []DiskRequest{{CapacityBytes: 1 << 20, Image: "image-1"}} },
			dc.Invalid, `virtual machine "hello": disks[0].capacityBytes: 1048576 is less than the 104857088 of image "starter"`},
		{"too many NICs", admin, func(r *CreateRequest) {
			for range 11 {
				r.NICs = append(r.NICs, NICRequest{PortGroup: "network-1"})
			}
		}, dc.Invalid, `virtual machine "hello": nics: 11 are too many`},
		{"no such image", admin, func(r *CreateRequest) { r.Disks = []DiskRequest{{Image: "image-9"}} }, dc.NotFound, `image "image-9": it does not exist`},
		{"no such folder", admin, func(r *CreateRequest) { r.Folder = "group-9" }, dc.NotFound, `folder "group-9": it does not exist`},
		{"no such pool", admin, func(r *CreateRequest) { r.Pool = "resgroup-9" }, dc.NotFound, `resource pool "resgroup-9": it does not exist`},
		{"no such host", admin, func(r *CreateRequest) { r.Host = "host-9" }, dc.NotFound, `host "host-9": it does not exist`},
		{"no such datastore", admin, func(r *CreateRequest) { r.Datastore = "datastore-9" }, dc.NotFound, `datastore "datastore-9": it does not exist`},
		{"no such port group", admin, func(r *CreateRequest) { r.NICs = []NICRequest{{PortGroup: "network-9"}} }, dc.NotFound,
			`port group "network-9": it does not exist`},
		{"folder for hosts", admin, func(r *CreateRequest) { r.Folder = "group-host" }, dc.Invalid,
			`virtual machine "hello": folder "host" does not hold virtual machines`},
		{"folder elsewhere", admin, func(r *CreateRequest) { r.Folder, r.Pool = "group-vm2", "resgroup-1" }, dc.Invalid,
			`virtual machine "hello": its folder and its resource pool are in different data centers`},
		{"data center without a cluster", admin, func(r *CreateRequest) { r.Folder = "group-vm2" }, dc.NotFound,
			`virtual machine "hello": there is no cluster to run it`},
		{"network elsewhere", admin, func(r *CreateRequest) { r.NICs = []NICRequest{{PortGroup: "network-2"}} }, dc.Invalid,
			`virtual machine "hello": the port group network-2 is in another data center`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := CreateRequest{Name: "hello"}
			if tt.change != nil {
				tt.change(&req)
			}
			before := w.st.View().Revision()
			_, err := w.svc.Create(t.Context(), tt.by, req)
			wantError(t, err, tt.kind, tt.text)
			if w.st.View().Revision() != before {
				t.Error("something was written")
			}
		})
	}
}

func TestCreateNeedsAClearCluster(t *testing.T) {
	w := newWorld(t)
	w.put(&dc.Cluster{ID: "domain-c2", Meta: dc.Meta{Name: "c2", Parent: "group-host"}, RootPool: "resgroup-2"},
		&dc.ResourcePool{ID: "resgroup-2", Meta: dc.Meta{Name: "Resources", Parent: "domain-c2"}})
	_, err := w.svc.Create(t.Context(), admin, CreateRequest{Name: "hello"})
	wantError(t, err, dc.Invalid, `virtual machine "hello": there are 2 clusters to run it`)
	if _, err := w.svc.Create(t.Context(), admin, CreateRequest{Name: "hello", Host: "host-a"}); err != nil {
		t.Errorf("the host's own cluster: %v", err)
	}
}

func TestCreateNeedsBothPrivileges(t *testing.T) {
	w := newWorld(t)
	reader := dc.Caller{Name: "bob", Role: dc.RoleReadOnly}
	if _, err := w.svc.Create(t.Context(), reader, CreateRequest{Name: "hello"}); dc.KindOf(err) != dc.Denied || !strings.Contains(err.Error(), string(dc.PrivVMCreate)) {
		t.Errorf("got %v", err)
	}
}

func TestCreateFillsIn(t *testing.T) {
	w := newWorld(t).run()
	req := CreateRequest{Name: "a: b", Folder: "group-sub", Annotation: "note", Disks: []DiskRequest{{Image: "image-1"}, {CapacityBytes: 5 << 20}},
		NICs: []NICRequest{{PortGroup: "network-1"}, {PortGroup: "network-1"}}}
	got := w.succeeded(w.svc.Create(t.Context(), admin, req))
	vm := w.vm(dc.VirtualMachineID(got.Target))
	h := vm.Spec.Hardware
	if h.CPUs != 1 || h.MemoryMB != 1024 || h.Firmware != dc.BIOS || h.GuestID != "debian12_64Guest" || h.UUID == "" {
		t.Errorf("got %+v", h)
	}
	if len(h.Disks) != 2 || h.Disks[0].CapacityBytes != imageMB<<20 || h.Disks[0].Image == "" || h.Disks[0].Key != 2000 ||
		h.Disks[1].CapacityBytes != 5<<20 || h.Disks[1].Image != "" || h.Disks[1].Key != 2001 {
		t.Errorf("got disks %+v", h.Disks)
	}
	if len(h.NICs) != 2 || h.NICs[0].MAC == h.NICs[1].MAC || h.NICs[1].Key != 4001 {
		t.Errorf("got NICs %+v", h.NICs)
	}
	if vm.Parent != "group-sub" || vm.Spec.Pool != "resgroup-1" || vm.Spec.Folder != "a_ b" || vm.Spec.Annotation != "note" || vm.Created.IsZero() {
		t.Errorf("got %+v", vm)
	}
	w.succeeded(w.svc.Create(t.Context(), admin, CreateRequest{Name: "plain"}))
	if plain, _ := store.Named[*dc.VirtualMachine](w.st.View(), "group-vm", "plain"); plain == nil || plain.Spec.Hardware.GuestID != "otherLinux64Guest" {
		t.Errorf("got %+v", plain)
	}
}

func TestFreeMAC(t *testing.T) {
	w := newWorld(t)
	vm := &dc.VirtualMachine{ID: "vm-1", Meta: dc.Meta{Name: "other", Parent: "group-vm"}}
	vm.Spec.Hardware.NICs = []dc.NIC{{MAC: "52:54:00:00:00:01"}}
	w.put(vm)
	drawn := []string{"52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"}
	next := func() string {
		mac := drawn[0]
		drawn = drawn[1:]
		return mac
	}
	if got := freeMAC(w.st.View(), []dc.NIC{{MAC: "52:54:00:00:00:02"}}, next); got != "52:54:00:00:00:03" {
		t.Errorf("got %s", got)
	}
}

func TestCreateLeavesNothingBehind(t *testing.T) {
	full := &dc.Failure{Kind: dc.Exhausted, Object: `datastore "local-a"`, Message: "it is full", Remedy: "make room"}
	for _, tt := range []struct {
		name   string
		set    func(h *hosts)
		req    CreateRequest
		kind   dc.ErrorKind
		text   string
		events string
	}{
		{"larger than any host", func(*hosts) {}, CreateRequest{CPUs: 8}, dc.Exhausted,
			`virtual machine "hello": no host can hold it: host "a": needs 8 CPUs, has 4`, ""},
		{"no room for the image", func(h *hosts) { h.usage["datastore-a"] = dc.DatastoreUsage{FreeBytes: 1 << 20} },
			CreateRequest{Disks: []DiskRequest{{Image: "image-1"}}}, dc.Exhausted,
			`virtual machine "hello": no host can hold it: host "a": datastore "local-a": needs 100 MB, has 1 MB free`, ""},
		{"files fail", func(h *hosts) { h.files = full }, CreateRequest{}, dc.Exhausted, `datastore "local-a": it is full`, ""},
		{"power-on fails", func(h *hosts) {
			h.fail[dc.PowerOn] = &dc.Failure{Kind: dc.Internal, Message: "the log of its host has the cause", Remedy: "look there"}
		},
			CreateRequest{PowerOn: true}, dc.Internal, `virtual machine "hello": the log of its host has the cause`,
			"VmCreatedEvent VmRemovedEvent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t).run()
			w.hosts.set(tt.set)
			req := tt.req
			req.Name = "hello"
			got := w.ended(w.svc.Create(t.Context(), admin, req))
			if f := got.Failure; f == nil || f.Kind != tt.kind || f.Object+": "+f.Message != tt.text || f.Remedy == "" {
				t.Errorf("got %+v, want %s: %s", f, tt.kind, tt.text)
			}
			if p := picture(w.st.View()); p != "" {
				t.Errorf("left behind: %s", p)
			}
			if events := w.events(); events != tt.events {
				t.Errorf("events are %q, want %q", events, tt.events)
			}
			w.hosts.set(func(h *hosts) {
				h.files, h.fail, h.usage["datastore-a"] = nil, nil, dc.DatastoreUsage{FreeBytes: 1 << 30}
			})
			req.CPUs = 1
			w.succeeded(w.svc.Create(t.Context(), admin, req)) // everything that it held is free again
		})
	}
}

func TestCreateWaitsForItsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hosts.set(func(h *hosts) { h.away = true }) // the store does not know yet
		w.run()
		submitted, err := w.svc.Create(t.Context(), admin, CreateRequest{Name: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, message, _ := w.svc.tasks.Progress(submitted.ID); message != `host "a" is not connected; waiting for it to come back` {
			t.Errorf("the progress says %q", message)
		}
		if err := w.svc.tasks.Cancel(t.Context(), submitted.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		vm := w.vm(dc.VirtualMachineID(submitted.Target))
		if !vm.Spec.Deleted {
			t.Error("the canceled machine has no tombstone")
		}
		w.hosts.set(func(h *hosts) { h.away = false })
		if got := w.ended(submitted, nil); got.Failure == nil || got.Failure.Kind != dc.Canceled {
			t.Errorf("got %+v", got)
		}
		if p := picture(w.st.View()); p != "" {
			t.Errorf("left behind: %s", p)
		}
	})
}

// A manager that has just started waits a little for its hosts, and then says what is missing.
func TestTasksWaitForHostsToConnect(t *testing.T) {
	connect := func(w *world, c dc.Connection) {
		w.change(func(tx *store.Tx) error {
			h, err := store.Load[*dc.Host](tx, "host-a")
			h.Status.Connection = c
			tx.Put(h)
			return err
		})
		w.hosts.set(func(h *hosts) { h.away = c != dc.Connected })
	}
	for _, tt := range []struct {
		name    string
		after   time.Duration
		failure dc.ErrorKind
	}{
		{"in time", 29 * time.Second, ""},
		{"too late", 31 * time.Second, dc.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.addVM("old", off)
				var tasks []*dc.Task
				submit := func(submitted *dc.Task, err error) {
					if err != nil {
						t.Fatal(err)
					}
					tasks = append(tasks, submitted)
				}
				submit(w.svc.Create(t.Context(), admin, CreateRequest{Name: "new"}))
				submit(w.svc.Delete(t.Context(), admin, "vm-old"))
				connect(w, dc.NotResponding)
				w.run()
				time.Sleep(tt.after)
				synctest.Wait()
				connect(w, dc.Connected)
				for _, submitted := range tasks {
					got := w.ended(submitted, nil)
					kind := dc.ErrorKind("")
					if got.Failure != nil {
						kind = got.Failure.Kind
					}
					if kind != tt.failure {
						t.Errorf("%s ended with %+v", got.Type, got.Failure)
					}
				}
			})
		})
	}
}

func TestFilesProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t).run()
		w.hosts.set(func(h *hosts) { h.slow = true })
		submitted, err := w.svc.Create(t.Context(), admin, CreateRequest{Name: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		percent, message, ok := w.svc.tasks.Progress(submitted.ID)
		if percent != 25 || message != "making the files: 25 of 100 MB" || !ok {
			t.Errorf("got %d %q", percent, message)
		}
		w.report(dc.VirtualMachineID(submitted.Target), func(s *dc.VirtualMachineStatus) { s.Blocked = diskFull })
		synctest.Wait()
		if _, message, _ := w.svc.tasks.Progress(submitted.ID); message != diskFullMessage {
			t.Errorf("the progress says %q", message)
		}
		w.hosts.set(func(h *hosts) { h.slow = false })
		w.succeeded(submitted, nil)
	})
}

func TestDeleteSaysWhatBlocksTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.addVM("hello", off)
		w.hosts.set(func(h *hosts) { h.hold = true })
		w.run()
		submitted, err := w.svc.Delete(t.Context(), admin, "vm-hello")
		if err != nil {
			t.Fatal(err)
		}
		w.report("vm-hello", func(s *dc.VirtualMachineStatus) { s.Blocked = diskFull })
		synctest.Wait()
		if _, message, _ := w.svc.tasks.Progress(submitted.ID); message != diskFullMessage {
			t.Errorf("the progress says %q", message)
		}
		w.hosts.set(func(h *hosts) { h.hold = false })
		w.succeeded(submitted, nil)
	})
}
