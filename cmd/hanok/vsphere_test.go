package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/host/sim"
	"hanok/manager/compute"
	"hanok/manager/store"
)

// sdk is a client of a data center's vSphere API.
type sdk struct {
	*testing.T
	*govmomi.Client
	c *center
}

// sdk returns a client that is logged in as the user, or as the first one for "".
func (c *center) sdk(t *testing.T, user, password string) *sdk {
	t.Helper()
	u, err := url.Parse(c.url + "/sdk")
	if err != nil {
		t.Fatal(err)
	}
	if user == "" {
		user, password = c.first.User, c.first.Password
	}
	u.User = url.UserPassword(user, password)
	client, err := govmomi.NewClient(t.Context(), u, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Logout(context.Background()) })
	return &sdk{t, client, c}
}

func (v *sdk) ok(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

// machine makes a virtual machine on the center's host.
func (c *center) machine(t *testing.T, name string) dc.VirtualMachineID {
	t.Helper()
	task, err := c.manager.Machines.Create(t.Context(), dc.System, compute.CreateRequest{Name: name, CPUs: 2, MemoryMB: 64, GuestID: "debian12_64Guest",
		Disks: []compute.DiskRequest{{CapacityBytes: 1 << 30}}})
	if err != nil {
		t.Fatal(err)
	}
	done, err := await(t.Context(), c.manager.Store, func(v *store.View) (*dc.Task, error) {
		if t, err := store.Get[*dc.Task](v, dc.ID(task.ID)); err != nil || t.Done() {
			return t, err
		}
		return nil, nil
	})
	if err != nil || done.State != dc.TaskSuccess {
		t.Fatal(done, err)
	}
	return dc.VirtualMachineID(done.Target)
}

func TestVSphereInventory(t *testing.T) {
	c := startCenter(t, sim.Options{})
	id := c.machine(t, "web")
	v := c.sdk(t, "", "")
	ctx := t.Context()
	f := find.NewFinder(v.Client.Client)
	d, err := f.DefaultDatacenter(ctx)
	v.ok(err)
	f.SetDatacenter(d)
	h, err := f.DefaultHostSystem(ctx)
	v.ok(err)
	var host mo.HostSystem
	v.ok(h.Properties(ctx, h.Reference(), []string{"name", "summary", "parent", "vm", "datastore", "runtime"}, &host))
	if host.Name != "alpha" || host.Summary.Config.Name != "alpha" || host.Parent.Type != "ClusterComputeResource" || len(host.Vm) != 1 || len(host.Datastore) != 1 ||
		host.Runtime.ConnectionState != types.HostSystemConnectionStateConnected {
		t.Errorf("%+v", host)
	}
	stores, err := f.DatastoreList(ctx, "*")
	if err != nil || !slices.ContainsFunc(stores, func(s *object.Datastore) bool { return s.Name() == "datastore1" }) {
		t.Error(stores, err)
	}
	vm, err := f.VirtualMachine(ctx, "web")
	v.ok(err)
	if vm.Reference() != (types.ManagedObjectReference{Type: "VirtualMachine", Value: string(id)}) {
		t.Error(vm.Reference())
	}
	var all mo.VirtualMachine
	v.ok(vm.Properties(ctx, vm.Reference(), nil, &all)) // every property that there is
	if all.Config.Hardware.NumCPU != 2 || all.Config.Files.VmPathName != "[datastore1] web/web.vmx" || all.Config.GuestFullName == "" || all.Summary.Config.NumVirtualDisks != 1 ||
		all.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff || all.ResourcePool == nil || all.Runtime.Host.Value != host.Self.Value && all.Runtime.Host.Value != h.Reference().Value {
		t.Errorf("%+v", all)
	}
	disks := object.VirtualDeviceList(all.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil))
	if len(disks) != 1 || disks[0].(*types.VirtualDisk).CapacityInBytes != 1<<30 {
		t.Errorf("%+v", disks)
	}
	// By path, by UUID and by its key among the devices.
	index := object.NewSearchIndex(v.Client.Client)
	if o, err := index.FindByInventoryPath(ctx, "/Datacenter/vm/web"); err != nil || o == nil || o.Reference() != vm.Reference() {
		t.Error(o, err)
	}
	if o, err := index.FindByUuid(ctx, nil, strings.ToUpper(all.Config.Uuid), true, nil); err != nil || o == nil || o.Reference() != vm.Reference() {
		t.Error(o, err)
	}
	if o, err := index.FindByInventoryPath(ctx, "/Datacenter/vm/nothing"); err != nil || o != nil {
		t.Error(o, err)
	}
	answer, err := property.DefaultCollector(v.Client.Client).RetrieveProperties(ctx, types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{{
		PropSet:   []types.PropertySpec{{Type: "ManagedEntity", PathSet: []string{"name"}}, {Type: "VirtualMachine", PathSet: []string{"config.hardware.device[2000].capacityInBytes"}}},
		ObjectSet: []types.ObjectSpec{{Obj: vm.Reference()}},
	}}})
	v.ok(err)
	if p := answer.Returnval[0].PropSet; len(p) != 2 || p[0].Val != "web" || p[1].Val != int64(1<<30) {
		t.Errorf("%+v", p)
	}
}

// TestVSphereWait sees a machine get power, another one come and go, and a wait end with its session.
func TestVSphereWait(t *testing.T) {
	c := startCenter(t, sim.Options{})
	c.machine(t, "web")
	v := c.sdk(t, "", "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all, err := view.NewManager(v.Client.Client).CreateContainerView(ctx, v.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	v.ok(err)
	pc, err := property.DefaultCollector(v.Client.Client).Create(ctx)
	v.ok(err)
	_, err = pc.CreateFilter(ctx, types.CreateFilter{Spec: types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: all.Reference(), Skip: types.NewBool(true), SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: "ContainerView", Path: "view"}}}},
		PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name", "runtime.powerState"}}},
	}})
	v.ok(err)
	// next returns what is told, as "kind name=value".
	version := ""
	next := func() (told []string) {
		t.Helper()
		req := &types.WaitForUpdatesEx{This: pc.Reference(), Version: version}
		res, err := methods.WaitForUpdatesEx(ctx, v.Client.Client, req)
		v.ok(err)
		version = res.Returnval.Version
		for _, f := range res.Returnval.FilterSet {
			for _, o := range f.ObjectSet {
				text := string(o.Kind)
				for _, p := range o.ChangeSet {
					text += " " + p.Name + "=" + strings.ToLower(strings.TrimSpace(toText(p.Val)))
				}
				told = append(told, text)
			}
		}
		return told
	}
	until := func(want string) {
		t.Helper()
		for told := []string(nil); !slices.Contains(told, want); {
			told = next()
		}
	}
	until("enter name=web runtime.powerState=poweredoff")
	vm, err := find.NewFinder(v.Client.Client).VirtualMachine(ctx, "/Datacenter/vm/web")
	v.ok(err)
	power, err := vm.PowerOn(ctx)
	v.ok(err)
	until("modify runtime.powerState=poweredon")
	v.ok(power.Wait(ctx))
	var refused *types.InvalidPowerState
	if _, err := vm.PowerOn(ctx); !fault.Is(err, refused) {
		t.Errorf("a second power-on: %v", err)
	}
	c.machine(t, "db")
	until("enter name=db runtime.powerState=poweredoff")
	db, err := find.NewFinder(v.Client.Client).VirtualMachine(ctx, "/Datacenter/vm/db")
	v.ok(err)
	gone, err := db.Destroy(ctx)
	v.ok(err)
	v.ok(gone.Wait(ctx))
	until("leave")

	ended := make(chan error, 1)
	go func() {
		for {
			res, err := methods.WaitForUpdatesEx(ctx, v.Client.Client, &types.WaitForUpdatesEx{This: pc.Reference(), Version: version})
			if err != nil {
				ended <- err
				return
			}
			if res.Returnval != nil {
				version = res.Returnval.Version
			}
		}
	}()
	v.ok(v.Client.Logout(ctx))
	var out *types.NotAuthenticated
	if err := <-ended; !fault.Is(err, out) {
		t.Errorf("a wait whose session ended: %v", err)
	}
}

func toText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case types.VirtualMachinePowerState:
		return string(v)
	}
	return ""
}

// TestVSpherePermissions is a user who may see one machine of two, and change none.
func TestVSpherePermissions(t *testing.T) {
	c := startCenter(t, sim.Options{})
	mine, others := c.machine(t, "mine"), c.machine(t, "secret")
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	user, err := c.manager.Access.CreateUser(ctx, dc.System, "anna", "anna's password", "")
	ok(err)
	ok(c.manager.Access.SetPermission(ctx, dc.System, dc.Permission{Entity: dc.ID(mine), Principal: dc.ID(user.ID), Role: dc.RoleReadOnly}))
	v := c.sdk(t, "anna", "anna's password")
	list, err := find.NewFinder(v.Client.Client).VirtualMachineList(ctx, "/Datacenter/vm/*")
	ok(err)
	if len(list) != 1 || list[0].Name() != "mine" {
		t.Errorf("%v", list)
	}
	var denied *types.NoPermission
	_, err = list[0].PowerOn(ctx)
	if _, is := fault.As(err, &denied); !is || denied.PrivilegeId != "VirtualMachine.Interact.PowerOn" || denied.Object.Value != string(mine) {
		t.Errorf("%v %+v", err, denied)
	}
	hidden := object.NewVirtualMachine(v.Client.Client, types.ManagedObjectReference{Type: "VirtualMachine", Value: string(others)})
	var gone *types.ManagedObjectNotFound
	var got mo.VirtualMachine
	if err := hidden.Properties(ctx, hidden.Reference(), []string{"name"}, &got); !fault.Is(err, gone) {
		t.Errorf("a machine that he may not see: %v", err)
	}
	if _, err := hidden.PowerOn(ctx); !fault.Is(err, gone) {
		t.Errorf("a machine that he may not see: %v", err)
	}
	records, err := c.manager.Audit.List(dc.System, dc.AuditQuery{User: "anna", Limit: 100})
	ok(err)
	if !slices.ContainsFunc(records, func(r dc.AuditRecord) bool {
		return r.Call == "sdk.PowerOnVM_Task" && r.Objects["this"] == string(mine) && r.Result == dc.AuditResult(dc.Denied)
	}) || !slices.ContainsFunc(records, func(r dc.AuditRecord) bool { return r.Call == "sdk.Login" && r.Result == dc.AuditOK }) {
		t.Errorf("%+v", records)
	}
}

// TestVSphereRefuses sends what no client should.
func TestVSphereRefuses(t *testing.T) {
	c := startCenter(t, sim.Options{})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	post := func(body string) string {
		t.Helper()
		res, err := client.Post(c.url+"/sdk", "text/xml", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusInternalServerError {
			t.Error(res.Status, err)
		}
		return string(text)
	}
	envelope := func(call string) string {
		return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` + call + `</s:Body></s:Envelope>`
	}
	login := func(user string) string {
		return envelope(`<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this><userName>` + user + `</userName><password>guess</password></Login>`)
	}
	for want, body := range map[string]string{
		"InvalidRequestFault": "GET me all", "no method": envelope("<Explode/>"), "document type": `<!DOCTYPE a [<!ENTITY b "c">]>` + envelope("<Login/>"),
		"InvalidLoginFault": login(c.first.User), "incorrect user name": login("nobody"),
	} {
		if text := post(body); !strings.Contains(text, want) {
			t.Errorf("%.40s: %s, want %s", body, text, want)
		}
	}
	v := c.sdk(t, "", "")
	for want, call := range map[string]func() error{
		"NotSupported": func() error {
			_, err := methods.ReconfigVM_Task(t.Context(), v.Client.Client, &types.ReconfigVM_Task{This: types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-1"}})
			return err
		},
		"InvalidProperty": func() error {
			var m mo.Folder
			return v.Client.RetrieveOne(t.Context(), v.ServiceContent.RootFolder, []string{"colour"}, &m)
		},
		"ManagedObjectNotFound": func() error {
			_, err := methods.DestroyView(t.Context(), v.Client.Client, &types.DestroyView{This: types.ManagedObjectReference{Type: "ContainerView", Value: "session[1]view-1"}})
			return err
		},
		"InvalidCollectorVersion": func() error {
			_, err := methods.WaitForUpdatesEx(t.Context(), v.Client.Client, &types.WaitForUpdatesEx{This: v.ServiceContent.PropertyCollector, Version: "77"})
			return err
		},
	} {
		err := call()
		if !soap.IsSoapFault(err) || fmt.Sprintf("%T", soap.ToSoapFault(err).VimFault()) != "types."+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
