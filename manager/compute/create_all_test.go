package compute

import (
	"fmt"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/manager/store"
)

func TestCreateAll(t *testing.T) {
	w := newWorld(t)
	w.addVM("taken", dc.VirtualMachineStatus{})
	request := func(name string, change func(*CreateRequest)) CreateRequest {
		req := CreateRequest{Name: name, Host: "host-a", Datastore: "datastore-a", MemoryMB: 512, PowerOn: true,
			Disks: []DiskRequest{{CapacityBytes: 1 << 20}}, NICs: []NICRequest{{PortGroup: "network-1"}}}
		if change != nil {
			change(&req)
		}
		return req
	}
	w.addHost("host-b", "b")
	w.change(func(tx *store.Tx) error {
		host, err := store.Load[*dc.Host](tx, "host-b")
		host.Spec.Maintenance = dc.InMaintenance
		tx.Put(host)
		return err
	})
	for _, tt := range []struct {
		name     string
		by       dc.Caller
		requests []CreateRequest
		kind     dc.ErrorKind
		text     string
	}{
		{"none", admin, nil, dc.Invalid, "0 machines at once are none or too many"},
		{"too many", admin, make([]CreateRequest, maxBatch+1), dc.Invalid, "1001 machines at once are none or too many"},
		{"nobody", dc.Caller{}, []CreateRequest{request("a", nil)}, dc.Unauthenticated, "nobody is logged in"},
		{"who may only read", dc.Caller{Name: "eve", User: "user-2", Role: dc.RoleReadOnly}, []CreateRequest{request("a", nil)}, dc.Denied, ""},
		{"no place", admin, []CreateRequest{request("a", nil), request("b", func(r *CreateRequest) { r.Host = "" })}, dc.Invalid,
			`virtual machine "b": a machine that is made together with others needs a host and a datastore`},
		{"a name that is taken", admin, []CreateRequest{request("a", nil), request("taken", nil)}, dc.Exists,
			`virtual machine "taken": its folder has a virtual machine of this name already`},
		{"a name twice", admin, []CreateRequest{request("a", nil), request("a", nil)}, dc.Exists, `virtual machine "a"`},
		{"a bad name", admin, []CreateRequest{request("a", nil), request("../b", nil)}, dc.Invalid, `virtual machine "../b"`},
		{"a host in maintenance", admin, []CreateRequest{request("a", nil), request("b", func(r *CreateRequest) { r.Host, r.Datastore = "host-b", "datastore-b" })},
			dc.Exhausted, `virtual machine "b": no host can hold it: host "b": it is in maintenance mode`},
		{"a datastore of another host", admin, []CreateRequest{request("a", func(r *CreateRequest) { r.Datastore = "datastore-b" })},
			dc.Exhausted, `virtual machine "a": no host can hold it: host "a": does not reach the datastore datastore-b`},
		{"more memory than there is", admin, []CreateRequest{request("a", func(r *CreateRequest) { r.MemoryMB = 2048 }), request("b", func(r *CreateRequest) { r.MemoryMB = 2560 })},
			dc.Exhausted, `host "a": 2646 MB of memory are requested`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.st.View().Revision()
			_, err := w.svc.CreateAll(t.Context(), tt.by, tt.requests)
			if dc.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %s with %q", err, tt.kind, tt.text)
			}
			if w.st.View().Revision() != before {
				t.Error("something was written")
			}
		})
	}

	ids, err := w.svc.CreateAll(t.Context(), admin, []CreateRequest{
		request("first", nil), request("second", func(r *CreateRequest) { r.PowerOn = false }),
		request("third", func(r *CreateRequest) { r.Folder, r.Name = "group-sub", "first" }),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	macs := map[string]bool{}
	for _, id := range ids {
		vm, err := store.Get[*dc.VirtualMachine](w.st.View(), dc.ID(id))
		if err != nil {
			t.Fatal(err)
		}
		macs[vm.Spec.Hardware.NICs[0].MAC] = true
		got = append(got, fmt.Sprint(vm.Name, " ", vm.Spec.Host, " ", vm.Spec.Datastore, " ", vm.Spec.Folder, " ", vm.Spec.Power))
	}
	want := []string{"first host-a datastore-a first {1 powerOn 0s}", "second host-a datastore-a second {0  0s}",
		"first host-a datastore-a first_1 {1 powerOn 0s}"}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(macs) != 3 {
		t.Errorf("made %q with the addresses %v, want %q", got, macs, want)
	}
}

func TestDistinct(t *testing.T) {
	n := 0
	next := distinct(map[string]bool{"1": true, "3": true}, func() string { n++; return fmt.Sprint(n) })
	if a, b := next(), next(); a != "2" || b != "4" {
		t.Errorf("got %s and %s, want 2 and 4", a, b)
	}
}
