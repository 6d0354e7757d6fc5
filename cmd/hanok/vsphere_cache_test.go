package main

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"hanok/dc"
	"hanok/facade/vsphere"
	"hanok/host/sim"
	"hanok/manager/store"
)

// everything asks for all properties of the whole inventory.
const everything = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>` +
	`<RetrieveProperties xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this><specSet><propSet><type>ManagedEntity</type><all>true</all></propSet>` +
	`<objectSet><obj type="Folder">group-root</obj>` +
	`<selectSet xsi:type="TraversalSpec"><name>f</name><type>Folder</type><path>childEntity</path>%[1]s</selectSet>` +
	`<selectSet xsi:type="TraversalSpec"><name>v</name><type>Datacenter</type><path>vmFolder</path>%[1]s</selectSet>` +
	`<selectSet xsi:type="TraversalSpec"><name>h</name><type>Datacenter</type><path>hostFolder</path>%[1]s</selectSet>` +
	`<selectSet xsi:type="TraversalSpec"><name>d</name><type>Datacenter</type><path>datastoreFolder</path>%[1]s</selectSet>` +
	`<selectSet xsi:type="TraversalSpec"><name>n</name><type>Datacenter</type><path>networkFolder</path>%[1]s</selectSet>` +
	`<selectSet xsi:type="TraversalSpec"><name>c</name><type>ComputeResource</type><path>host</path></selectSet>` +
	`<selectSet xsi:type="TraversalSpec"><name>r</name><type>ComputeResource</type><path>resourcePool</path>%[1]s</selectSet>` +
	`<selectSet xsi:type="TraversalSpec"><name>p</name><type>ResourcePool</type><path>resourcePool</path>%[1]s</selectSet>` +
	`</objectSet></specSet></RetrieveProperties></s:Body></s:Envelope>`

// inventory returns every object with all that a server says of it, by its reference.
func inventory(t *testing.T, s *vsphere.Server, token string) map[string]string {
	t.Helper()
	names := ""
	for _, n := range strings.Split("fvhdncrp", "") {
		names += `<selectSet xsi:type="SelectionSpec"><name>` + n + `</name></selectSet>`
	}
	r := httptest.NewRequest("POST", "/sdk", strings.NewReader(fmt.Sprintf(everything, names)))
	r.AddCookie(&http.Cookie{Name: "vmware_soap_session", Value: token})
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatal(w.Body.String())
	}
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`<returnval><obj type="\w+">([^<]+)</obj>(.*?)</returnval>`).FindAllStringSubmatch(w.Body.String(), -1) {
		out[m[1]] = m[2]
	}
	return out
}

// TestVSphereKeepsNothingOld compares, after each of many changes, what a server says that has been asked all along with what one says
// that was started just now.
func TestVSphereKeepsNothingOld(t *testing.T) {
	c := startCenter(t, sim.Options{})
	m, ctx := c.manager, t.Context()
	log := slog.New(slog.NewTextHandler(testWriter(t), nil))
	long := newVSphere(m, log)
	defer long.Close()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ended := func(task *dc.Task, err error) {
		t.Helper()
		ok(err)
		done, err := await(ctx, m.Store, func(v *store.View) (*dc.Task, error) {
			if t, err := store.Get[*dc.Task](v, dc.ID(task.ID)); err != nil || t.Done() {
				return t, err
			}
			return nil, nil
		})
		if err != nil || done.State != dc.TaskSuccess {
			t.Fatal(done, err)
		}
	}
	compare := func(after string) {
		t.Helper()
		fresh := newVSphere(m, log)
		defer fresh.Close()
		for {
			before := inventory(t, long, c.token)
			want, have := inventory(t, fresh, c.token), inventory(t, long, c.token)
			if !maps.Equal(before, have) {
				continue // the agent has reported meanwhile
			}
			if len(have) != len(want) || len(have) < 10 {
				t.Errorf("after %s: %d objects, and there are %d", after, len(have), len(want))
			}
			for ref, text := range want {
				for i, p := range strings.SplitAfter(text, "</propSet>") {
					if old := strings.SplitAfter(have[ref], "</propSet>"); i >= len(old) || old[i] != p {
						t.Errorf("after %s: %s has\n%s, which is said to be otherwise", after, ref, p)
					}
				}
			}
			return
		}
	}

	compare("the start")
	id := c.machine(t, "web")
	compare("a new machine")
	ended(m.Machines.Power(ctx, dc.System, id, dc.PowerOn, 0))
	compare("a power-on")
	ok(m.Machines.Rename(ctx, dc.System, id, "www"))
	compare("a machine's new name")
	datacenters, err := m.Inventory.Datacenters(dc.System)
	ok(err)
	f, err := m.Inventory.CreateFolder(ctx, dc.System, datacenters[0].VMFolder, "sites")
	ok(err)
	compare("a new folder")
	ok(m.Inventory.Move(ctx, dc.System, dc.ID(id), f.ID))
	compare("a move")
	vm, err := m.Machines.Get(dc.System, id)
	ok(err)
	ok(m.Inventory.Rename(ctx, dc.System, dc.ID(vm.Spec.Datastore), "disks"))
	compare("a datastore's new name")
	pool, err := m.Pools.Create(ctx, dc.System, vm.Spec.Pool, "gold", dc.ResourceChange{})
	ok(err)
	ok(m.Machines.MoveToPool(ctx, dc.System, id, pool.ID))
	compare("a move to a pool")
	high := dc.SharesHigh
	ok(m.Machines.SetResources(ctx, dc.System, id, dc.ResourceChange{CPU: dc.AllocationChange{Level: &high}}))
	compare("more shares")
	portGroup, err := m.Inventory.CreatePortGroup(ctx, dc.System, datacenters[0].ID, "lan")
	ok(err)
	ended(m.Machines.Reconfigure(ctx, dc.System, id, dc.HardwareChange{AddNICs: []dc.NewNIC{{PortGroup: portGroup.ID}}}))
	compare("a new network adapter")
	ok(m.Inventory.Rename(ctx, dc.System, dc.ID(portGroup.ID), "wan"))
	compare("a port group's new name")
	field, err := m.Fields.Create(ctx, dc.System, "owner", dc.KindVirtualMachine)
	ok(err)
	ok(m.Fields.Set(ctx, dc.System, field.ID, dc.ID(id), "anna"))
	compare("a custom attribute")
	user, err := m.Access.CreateUser(ctx, dc.System, "anna", "anna's password", "")
	ok(err)
	ok(m.Access.SetPermission(ctx, dc.System, dc.Permission{Entity: dc.ID(id), Principal: dc.ID(user.ID), Role: dc.RoleReadOnly}))
	compare("a permission")
	ended(m.Hosts.Disconnect(ctx, dc.System, vm.Spec.Host))
	compare("a host that was disconnected")
	ended(m.Hosts.Reconnect(ctx, dc.System, vm.Spec.Host))
	_, err = await(ctx, m.Store, func(v *store.View) (*dc.Host, error) {
		if h, err := store.Get[*dc.Host](v, dc.ID(vm.Spec.Host)); err != nil || h.Status.Connection == dc.Connected {
			return h, err
		}
		return nil, nil
	})
	ok(err)
	compare("a host that is back")
	ended(m.Machines.Power(ctx, dc.System, id, dc.PowerOff, 0))
	ok(m.Machines.MarkAsTemplate(ctx, dc.System, id))
	compare("a template")
	ended(m.Machines.Delete(ctx, dc.System, id))
	compare("a deletion")
}
