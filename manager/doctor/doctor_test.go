package doctor_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"hanok/dc"
	"hanok/manager/access"
	"hanok/manager/dispatch"
	"hanok/manager/doctor"
	"hanok/manager/store"
)

// hosts is what the connections know.
type hosts struct {
	usage   map[dc.DatastoreID]dc.DatastoreUsage
	orphans []dc.Orphan
	refused []dispatch.Refusal
}

func (h hosts) Usage(ds dc.DatastoreID) (dc.DatastoreUsage, bool) {
	u, ok := h.usage[ds]
	return u, ok
}

func (h hosts) Orphans() []dc.Orphan { return h.orphans }

func (h hosts) Refused() []dispatch.Refusal { return h.refused }

const (
	year = 365 * 24 * time.Hour
	gb   = 1 << 30
)

func connected(y dc.Hypervisor) *dc.Host {
	return &dc.Host{ID: "host-1", Meta: dc.Meta{Name: "alpha"}, Status: dc.HostStatus{Connection: dc.Connected, Version: "v2", Hypervisor: y}}
}

func datastore(status dc.DatastoreStatus) *dc.Datastore {
	return &dc.Datastore{ID: "datastore-1", Meta: dc.Meta{Name: "ds"}, Status: status}
}

func machine(status dc.VirtualMachineStatus) *dc.VirtualMachine {
	return &dc.VirtualMachine{ID: "vm-1", Meta: dc.Meta{Name: "web", Parent: "group-v1"}, Spec: dc.VirtualMachineSpec{Host: "host-1"}, Status: status}
}

func using(free int64) hosts {
	return hosts{usage: map[dc.DatastoreID]dc.DatastoreUsage{"datastore-1": {CapacityBytes: 100 * gb, FreeBytes: free}}}
}

func TestExamine(t *testing.T) {
	kvm := dc.Hypervisor{Name: "qemu", Version: "10.0.2", Accelerator: dc.KVM, Reason: "It works."}
	tests := []struct {
		name   string
		object dc.Object
		hosts  hosts
		// ends is how long the certificate authority is still good; zero means ten years.
		ends time.Duration
		// status and parts are of the one check named check.
		check  string
		status doctor.Status
		parts  []string
	}{
		{"empty store", nil, hosts{}, 0, "store", doctor.OK, []string{"used"}},
		{"good authority", nil, hosts{}, 0, "certificate authority", doctor.OK, []string{"good until"}},
		{"old authority", nil, hosts{}, year / 8, "certificate authority", doctor.Warning, []string{"good until", "replacement"}},
		{"initial password", &dc.User{ID: "user-1", Meta: dc.Meta{Name: "root"}, Initial: true}, hosts{}, 0, "passwords", doctor.Warning, []string{`"root"`, "user password root"}},
		{"changed password", &dc.User{ID: "user-1", Meta: dc.Meta{Name: "root"}}, hosts{}, 0, "passwords", doctor.OK, nil},
		{"host", connected(kvm), hosts{}, 0, `host "alpha"`, doctor.OK, []string{"qemu 10.0.2 with kvm: It works."}},
		{"host of another version", &dc.Host{ID: "host-1", Meta: dc.Meta{Name: "alpha"}, Status: dc.HostStatus{Connection: dc.Connected, Version: "v1"}}, hosts{}, 0,
			`host "alpha"`, doctor.Warning, []string{"it runs hanok v1, and the manager v2", "the manager first"}},
		{"silent host", &dc.Host{ID: "host-1", Meta: dc.Meta{Name: "alpha"}, Status: dc.HostStatus{Connection: dc.NotResponding}}, hosts{}, 0,
			`host "alpha"`, doctor.Problem, []string{"does not respond", "may still run", "reaches the manager"}},
		{"refused host", &dc.Host{ID: "host-1", Meta: dc.Meta{Name: "alpha"}, Status: dc.HostStatus{Connection: dc.NotResponding}},
			hosts{refused: []dispatch.Refusal{{Host: "host-1", Failure: dc.Failure{Message: "an old copy", Remedy: "restore it"}}}}, 0,
			`host "alpha"`, doctor.Problem, []string{"it is refused: an old copy", "restore it"}},
		{"datastore", datastore(dc.DatastoreStatus{Accessible: true}), using(50 * gb), 0, `datastore "ds"`, doctor.OK, []string{"50.0 GB of 100.0 GB free"}},
		{"nearly full", datastore(dc.DatastoreStatus{Accessible: true}), using(4 * gb), 0, `datastore "ds"`, doctor.Warning, []string{"4.0 GB", "paused when it is full"}},
		{"full", datastore(dc.DatastoreStatus{Accessible: true}), using(4096), 0, `datastore "ds"`, doctor.Problem, []string{"paused", "free some space"}},
		{"of unknown size", datastore(dc.DatastoreStatus{Accessible: true}), hosts{}, 0, `datastore "ds"`, doctor.Warning, []string{"not known"}},
		{"not opened", datastore(dc.DatastoreStatus{}), hosts{}, 0, `datastore "ds"`, doctor.Problem, []string{"not opened"}},
		{"gone", datastore(dc.DatastoreStatus{Failure: &dc.Failure{Message: "no such folder", Remedy: "mount it"}}), hosts{}, 0,
			`datastore "ds"`, doctor.Problem, []string{"no such folder", "mount it"}},
		{"paused", machine(dc.VirtualMachineStatus{Paused: &dc.Failure{Message: "the datastore is full", Remedy: "make room"}}), hosts{}, 0,
			`virtual machine "web"`, doctor.Problem, []string{"the datastore is full", "make room"}},
		{"paused by its datastore", machine(dc.VirtualMachineStatus{Paused: &dc.Failure{Object: `datastore "ds"`, Message: "it is full"}}), hosts{}, 0,
			`virtual machine "web"`, doctor.Problem, []string{`datastore "ds": it is full`}},
		{"crashed", machine(dc.VirtualMachineStatus{Fault: &dc.Failure{Message: "killed by signal 9"}}), hosts{}, 0,
			`virtual machine "web"`, doctor.Problem, []string{"signal 9"}},
		{"without files", machine(dc.VirtualMachineStatus{FilesFailure: &dc.Failure{Message: "its folder is gone"}}), hosts{}, 0,
			`virtual machine "web"`, doctor.Problem, []string{"its folder is gone"}},
		{"blocked", machine(dc.VirtualMachineStatus{Blocked: &dc.Failure{Message: "the disk is full", Remedy: "free space there"}}), hosts{}, 0,
			`virtual machine "web"`, doctor.Problem, []string{`host "host-1": the disk is full`, "free space there"}},
		{"orphan", connected(kvm), hosts{orphans: []dc.Orphan{{Machine: dc.Machine{ID: "vm-7", Name: "lost"}, Host: "host-1"}}}, 0,
			`host "alpha"`, doctor.Problem, []string{`"lost" (vm-7)`, "left as it is", "hanok vm adopt vm-7"}},
		{"orphan of an unknown host", nil, hosts{orphans: []dc.Orphan{{Machine: dc.Machine{ID: "vm-7", Name: "lost"}, Host: "host-9"}}}, 0,
			`host "host-9"`, doctor.Problem, []string{`"lost"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			st := store.OpenMemory()
			defer st.Close()
			if test.object != nil {
				if err := st.Change(t.Context(), func(tx *store.Tx) error { tx.Put(test.object); return nil }); err != nil {
					t.Fatal(err)
				}
			}
			if test.ends == 0 {
				test.ends = 10 * year
			}
			s := doctor.New(st, access.New(st, slog.New(slog.DiscardHandler)), test.hosts, time.Now().Add(test.ends), "v2")
			checks, err := s.Examine(t.Context(), dc.System)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range checks {
				if c.Status == doctor.OK && c.Remedy != "" {
					t.Errorf("%s is well, and has the remedy %q", c.Name, c.Remedy)
				}
				if c.Name == test.check && c.Status == test.status {
					for _, p := range test.parts {
						if !strings.Contains(c.Message+"\n"+c.Remedy, p) {
							t.Errorf("%s does not say %q: %+v", c.Name, p, c)
						}
					}
					return
				}
			}
			t.Errorf("no check %q with status %q: %+v", test.check, test.status, checks)
		})
	}
}

func TestWarningsOfTheHypervisor(t *testing.T) {
	st := store.OpenMemory()
	defer st.Close()
	err := st.Change(t.Context(), func(tx *store.Tx) error {
		tx.Put(connected(dc.Hypervisor{Accelerator: dc.TCG, Warnings: []string{"labs only"}}))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	checks, err := doctor.New(st, access.New(st, slog.New(slog.DiscardHandler)), hosts{}, time.Now().Add(10*year), "v2").Examine(t.Context(), dc.System)
	if err != nil {
		t.Fatal(err)
	}
	last := checks[len(checks)-1]
	if want := (doctor.Check{Name: `host "alpha"`, Status: doctor.Warning, Message: "labs only"}); last != want {
		t.Errorf("the last check is %+v, want %+v", last, want)
	}
}
