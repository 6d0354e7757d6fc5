package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"hanok/api/convert"
	"hanok/dc"
	"hanok/host/sim"
)

// anybody, everybody and viewers are what calls need that need no privilege of their own: nothing, a login, and to see what they are
// about. All others need privileges, which make a role together.
var (
	anybody   = []dc.Privilege{"nothing"}
	everybody = []dc.Privilege{"a login"}
	viewers   = []dc.Privilege{dc.PrivRead}
)

// needs are the privileges that each call of the contract asks for, with the request that the test makes.
var needs = map[string][]dc.Privilege{
	"SessionService.Login": anybody, "SystemService.About": anybody, "SessionService.BeginSSO": anybody, "SessionService.FinishSSO": anybody,
	"SessionService.Logout": everybody, "SessionService.WhoAmI": everybody, "RoleService.ListRoles": everybody,
	"RoleService.ListPrivileges": everybody, "StatisticsService.ListCounters": everybody, "WatchService.Watch": everybody,
	"DatacenterService.ListDatacenters": everybody, "FolderService.ListFolders": everybody, "ClusterService.ListClusters": everybody,
	"HostService.ListHosts": everybody, "ResourcePoolService.ListResourcePools": everybody, "DatastoreService.ListDatastores": everybody,
	"PortGroupService.ListPortGroups": everybody, "ImageService.ListImages": everybody, "TaskService.ListTasks": everybody,
	"EventService.ListEvents": everybody, "VirtualMachineService.ListVirtualMachines": everybody,
	"VirtualMachineService.ListOrphans": everybody,

	"HostService.GetHost": viewers, "VirtualMachineService.GetVirtualMachine": viewers, "TaskService.GetTask": viewers,
	"TaskService.WatchTask": viewers, "StatisticsService.QueryStatistics": viewers, "PermissionService.ListPermissions": viewers,
	"UserService.ListUsers": viewers, "GroupService.ListGroups": viewers,

	"CustomFieldService.ListCustomFields": viewers, "CustomFieldService.ListCustomValues": viewers,
	"VirtualMachineService.AnnotateVirtualMachine": {"VirtualMachine.Config.Annotation"},
	"CustomFieldService.CreateCustomField":         {dc.PrivCustomFields}, "CustomFieldService.RenameCustomField": {dc.PrivCustomFields},
	"CustomFieldService.DeleteCustomField": {dc.PrivCustomFields}, "CustomFieldService.SetCustomValue": {dc.PrivCustomValue},
	"TagService.ListTagCategories": viewers, "TagService.ListTags": viewers, "TagService.ListTaggedObjects": viewers,
	"TagService.CreateTagCategory": {dc.PrivCategoryCreate}, "TagService.UpdateTagCategory": {dc.PrivCategoryEdit},
	"TagService.DeleteTagCategory": {dc.PrivCategoryDelete}, "TagService.CreateTag": {dc.PrivTagCreate},
	"TagService.UpdateTag": {dc.PrivTagEdit}, "TagService.DeleteTag": {dc.PrivTagDelete}, "TagService.AttachTag": {dc.PrivTagAttach},
	"TagService.DetachTag": {dc.PrivTagAttach},

	"AlarmService.ListAlarms": viewers, "AlarmService.ListTriggeredAlarms": everybody, "AlarmService.CreateAlarm": {"Alarm.Create"},
	"AlarmService.UpdateAlarm": {"Alarm.Edit"}, "AlarmService.DeleteAlarm": {"Alarm.Delete"},
	"AlarmService.AcknowledgeAlarm": {"Alarm.Acknowledge"}, "AlarmService.ResetAlarm": {"Alarm.SetStatus"},
	"ImageService.GetImageUpload": {dc.PrivImageCreate},

	"BackupService.Backup": {dc.PrivBackup}, "SystemService.Doctor": {dc.PrivDiagnostics}, "AuditService.ListAudit": {dc.PrivDiagnostics},
	"AuditService.VerifyAudit": {dc.PrivDiagnostics}, "TaskService.CancelTask": {dc.PrivTaskCancel},
	"UserService.CreateUser": {dc.PrivUsers}, "UserService.SetRole": {dc.PrivUsers}, "UserService.DeleteUser": {dc.PrivUsers},
	"UserService.DisableUser": {dc.PrivUsers}, "UserService.EnableUser": {dc.PrivUsers},
	"IdentitySourceService.ListIdentitySources":  {dc.PrivSourceRead},
	"IdentitySourceService.CreateIdentitySource": {dc.PrivSourceCreate},
	"IdentitySourceService.UpdateIdentitySource": {dc.PrivSourceManage, dc.PrivSourceRead},
	"IdentitySourceService.DeleteIdentitySource": {dc.PrivSourceManage, dc.PrivSourceRead},
	"IdentitySourceService.TestIdentitySource":   {dc.PrivSourceManage, dc.PrivSourceRead},
	"APITokenService.ListAPITokens":              {dc.PrivUsers}, "APITokenService.CreateAPIToken": {dc.PrivUsers},
	"APITokenService.RevokeAPIToken": {dc.PrivUsers},
	"UserService.SetPassword":        {dc.PrivUsers}, "GroupService.CreateGroup": {dc.PrivUsers}, "GroupService.DeleteGroup": {dc.PrivUsers},
	"GroupService.AddGroupMember": {dc.PrivUsers}, "GroupService.RemoveGroupMember": {dc.PrivUsers},
	"PermissionService.SetPermission": {dc.PrivUsers}, "PermissionService.RemovePermission": {dc.PrivUsers},
	"PermissionService.FetchPrivileges": {dc.PrivUsers}, "RoleService.CreateRole": {dc.PrivRoles}, "RoleService.UpdateRole": {dc.PrivRoles},
	"RoleService.DeleteRole": {dc.PrivRoles},

	"DatacenterService.CreateDatacenter": {dc.PrivDatacenterCreate}, "DatacenterService.DeleteDatacenter": {dc.PrivDatacenterDelete},
	"FolderService.CreateFolder": {dc.PrivFolderCreate}, "FolderService.DeleteFolder": {dc.PrivFolderDelete}, "BulkService.StartBulk": {dc.PrivVMPowerOff},
	"ScheduledTaskService.ListScheduledTasks": everybody, "ScheduledTaskService.GetScheduledTask": viewers,
	"ScheduledTaskService.CreateScheduledTask": {dc.PrivScheduleCreate, dc.PrivVMPowerOff}, "ScheduledTaskService.UpdateScheduledTask": {dc.PrivScheduleEdit},
	"ScheduledTaskService.RunScheduledTask": {dc.PrivScheduleRun}, "ScheduledTaskService.DeleteScheduledTask": {dc.PrivScheduleDelete},
	"GuardService.GetDeletionLimits": viewers, "GuardService.SetDeletionLimits": {dc.PrivBackup}, "GuardService.ReleaseUser": {dc.PrivBackup},
	"InventoryService.RenameObject": {dc.PrivFolderRename}, "InventoryService.MoveObject": {dc.PrivFolderMove}, "ClusterService.CreateCluster": {dc.PrivClusterCreate},
	"ClusterService.DeleteCluster": {dc.PrivClusterDelete}, "HostService.CreateJoinToken": {dc.PrivHostAdd},
	"HostService.EnterMaintenanceMode": {dc.PrivHostMaintenance}, "HostService.ExitMaintenanceMode": {dc.PrivHostMaintenance},
	"HostService.DisconnectHost": {dc.PrivHostConnection}, "HostService.ReconnectHost": {dc.PrivHostConnection},
	"HostService.RemoveHost": {dc.PrivHostRemove}, "HostService.MoveHost": {dc.PrivHostMove}, "PortGroupService.CreatePortGroup": {dc.PrivNetworkCreate},
	"PortGroupService.DeletePortGroup": {dc.PrivNetworkDelete}, "DatastoreService.CreateDatastore": {dc.PrivDatastoreCreate},
	"DatastoreService.DeleteDatastore": {dc.PrivDatastoreDelete}, "DatastoreService.ListFiles": {"Datastore.Browse"},
	"DatastoreService.MakeFolder": {"Datastore.FileManagement"}, "DatastoreService.GetUpload": {"Datastore.FileManagement"},
	"DatastoreService.CopyFile":              {"Datastore.Browse", "Datastore.FileManagement"},
	"DatastoreService.MoveFile":              {"Datastore.FileManagement", "Datastore.DeleteFile"},
	"DatastoreService.ImportDisk":            {"Datastore.FileManagement"},
	"DatastoreService.DeleteFile":            {"Datastore.DeleteFile"},
	"ResourcePoolService.CreateResourcePool": {"Resource.CreatePool"}, "ResourcePoolService.UpdateResourcePool": {"Resource.EditPool"},
	"ResourcePoolService.MoveResourcePool": {"Resource.MovePool"}, "ResourcePoolService.DeleteResourcePool": {"Resource.DeletePool"},

	"VirtualMachineService.CreateVirtualMachine": {dc.PrivVMCreate, dc.PrivAssignVMToPool, dc.PrivAllocateSpace},
	"VirtualMachineService.GetPackageUpload":     {dc.PrivVMCreate, dc.PrivAssignVMToPool, dc.PrivAllocateSpace, dc.PrivVAppImport},
	"VirtualMachineService.AdoptVirtualMachine":  {dc.PrivVMRegister, dc.PrivAssignVMToPool},
	"VirtualMachineService.PowerVirtualMachine":  {dc.PrivVMPowerOff}, "VirtualMachineService.RenameVirtualMachine": {dc.PrivVMRename},
	"VirtualMachineService.CloneVirtualMachine":  {dc.PrivVMClone, dc.PrivVMFromExisting, dc.PrivAssignVMToPool, dc.PrivAllocateSpace},
	"VirtualMachineService.ExportVirtualMachine": {dc.PrivVAppExport}, "VirtualMachineService.GetExportDescriptor": {dc.PrivVAppExport},
	"VirtualMachineService.EndExport":      {dc.PrivVAppExport},
	"VirtualMachineService.MarkAsTemplate": {dc.PrivMarkAsTemplate}, "VirtualMachineService.MarkAsVirtualMachine": {dc.PrivMarkAsVM, dc.PrivAssignVMToPool},
	"VirtualMachineService.RegisterVirtualMachine":   {dc.PrivVMRegister, dc.PrivAssignVMToPool, dc.PrivAllocateSpace, dc.PrivDatastoreBrowse},
	"VirtualMachineService.UnregisterVirtualMachine": {dc.PrivVMUnregister},
	"VirtualMachineService.DeleteVirtualMachine":     {dc.PrivVMDelete}, "VirtualMachineService.OpenConsole": {dc.PrivVMConsole},
	"VirtualMachineService.ScreenshotVirtualMachine":   {dc.PrivVMScreenshot},
	"VirtualMachineService.SetVirtualMachineResources": {"VirtualMachine.Config.Resource"},
	"VirtualMachineService.ReconfigureVirtualMachine":  {"VirtualMachine.Config.Settings"},
	"VirtualMachineService.UpgradeVirtualMachine":      {"VirtualMachine.Config.UpgradeVirtualHardware"},
	"VirtualMachineService.MoveVirtualMachineToPool":   {dc.PrivAssignVMToPool},
}

// TestEveryCall makes every call of the contract: without a login; as a user who has no permission, who learns nothing of what there
// is; as one who has all privileges that the call needs but one, and who is refused; with an API token of one who has them all, which is
// for other things or for another place, and is refused; and as one who has exactly those. The requests
// name objects that exist, so that nothing but the missing privilege is wrong with them. A call that needs names nothing fails.
func TestEveryCall(t *testing.T) {
	c := startCenter(t, sim.Options{})
	c.must(t, "vm", "create", "hello", "--power-on")
	for _, name := range []string{"web", "team", "elsewhere"} {
		c.must(t, "folder", "create", name, "--parent", "/Datacenter/vm")
	}
	c.must(t, "pool", "create", "gold", "--parent", "Resources")
	c.must(t, "group", "create", "club")
	c.must(t, "role", "create", "Spare")
	c.must(t, "tag", "category", "create", "Tier")
	c.must(t, "identity-source", "add", "company", "--type", "ldap", "--domain", "example.com", "--url", "ldaps://127.0.0.1:1",
		"--user-base", "dc=example", "--group-base", "dc=example")
	c.must(t, "attribute", "create", "owner")
	c.must(t, "tag", "create", "prod", "--category", "Tier")
	c.must(t, "schedule", "create", "nightly", "hello", "--do", "attach-tag", "--use-tag", "prod", "--daily", "22:00")
	tasks, err := c.manager.Tasks.List(dc.System)
	if err != nil {
		t.Fatal(err)
	}
	access := c.manager.Access
	user := func(name string, role dc.RoleID) string {
		t.Helper()
		const password = "may-only-look-around"
		if _, err := access.CreateUser(t.Context(), dc.System, name, password, role); err != nil {
			t.Fatal(err)
		}
		token, _, err := access.Login(t.Context(), "192.0.2.1", name, password)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	role, err := access.CreateRole(t.Context(), dc.System, "Exact", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	user("victim", "")
	stranger, exact := user("stranger", ""), user("exact", role.ID)
	give := func(t *testing.T, privileges []dc.Privilege) {
		t.Helper()
		if err := access.UpdateRole(t.Context(), dc.System, role.ID, "Exact", "", privileges); err != nil {
			t.Fatal(err)
		}
	}

	folders, err := c.manager.Inventory.Folders(dc.System)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := folders[slices.IndexFunc(folders, func(f *dc.Folder) bool { return f.Name == "elsewhere" })]
	give(t, dc.Privileges())
	exactUser, err := access.Authenticate(exact)
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{}
	for name, scope := range map[string]dc.TokenScope{
		"for other things":  {Privileges: []dc.Privilege{dc.PrivRead}},
		"for another place": {Objects: []dc.ID{dc.ID(elsewhere.ID)}},
	} {
		if tokens[name], _, err = access.CreateToken(t.Context(), exactUser, dc.TokenRequest{Name: name, Scope: scope}); err != nil {
			t.Fatal(err)
		}
	}

	methods, denied := everyMethod(), map[string]bool{}
	for name := range needs {
		if !slices.ContainsFunc(methods, func(m protoreflect.MethodDescriptor) bool { return nameOf(m) == name }) {
			t.Errorf("there is no call %s", name)
		}
	}
	for _, m := range methods {
		t.Run(nameOf(m), func(t *testing.T) {
			need, ok := needs[nameOf(m)]
			if !ok {
				t.Fatal("needs does not say which privileges it asks for")
			}
			req := request(m, string(tasks[0].ID))
			isOpen := need[0] == anybody[0]
			err := call(t, c.clientOf(t, ""), m, req)
			if kind := dc.KindOf(err); !isOpen && kind != dc.Unauthenticated || nameOf(m) == "SystemService.About" && err != nil {
				t.Errorf("without a login: %v", err)
			}
			err = call(t, c.clientOf(t, "guess"), m, req)
			if kind := dc.KindOf(err); !isOpen && kind != dc.Unauthenticated {
				t.Errorf("with a token that was never given: %v", err)
			}
			if isOpen || nameOf(m) == "SessionService.Logout" { // which would end the user's other calls
				return
			}
			err = call(t, c.clientOf(t, stranger), m, req)
			denied[nameOf(m)] = dc.KindOf(err) == dc.Denied
			if need[0] == everybody[0] {
				if err != nil {
					t.Errorf("a user without permissions: %v", err)
				}
				return
			}
			if kind := dc.KindOf(err); kind != dc.Denied && kind != dc.NotFound {
				t.Errorf("a user without permissions: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "Secret") {
				t.Errorf("a user without permissions learns of what there is: %v", err)
			}
			for i := range need {
				if need[i] == dc.PrivRead { // which every role has
					continue
				}
				give(t, slices.Delete(slices.Clone(need), i, i+1))
				err = call(t, c.clientOf(t, exact), m, req)
				if kind := dc.KindOf(err); kind != dc.Denied && !(unseen[nameOf(m)] && kind == dc.NotFound) {
					t.Errorf("without %s: %v", need[i], err)
				}
			}
			give(t, need)
			for name, token := range tokens {
				if need[0] == viewers[0] && (name == "for other things" || forAll[nameOf(m)]) {
					continue
				}
				if err := call(t, c.clientOf(t, token), m, req); dc.KindOf(err) != dc.Denied && dc.KindOf(err) != dc.NotFound {
					t.Errorf("with a token %s: %v", name, err)
				}
			}
			err = call(t, c.clientOf(t, exact), m, req)
			if kind := dc.KindOf(err); kind == dc.Denied || kind == dc.Unauthenticated || kind == dc.NotFound && !unseen[nameOf(m)] && !isFile(m) {
				t.Errorf("with exactly %v: %v", need, err)
			}
		})
	}
	wantAudited(t, c, methods, denied, stranger, exact, "may-only-look-around", "correct-horse-battery", c.first.Password)
}

// wantAudited sees that the audit log has each call that changes something, before and after, and each that was denied, what it named,
// and no secret.
func wantAudited(t *testing.T, c *center, methods []protoreflect.MethodDescriptor, denied map[string]bool, secrets ...string) {
	t.Helper()
	records, err := c.manager.Audit.List(dc.System, dc.AuditQuery{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, r := range records {
		has[r.Call+" "+string(r.Result)] = true
		if r.Result != dc.AuditBegun {
			has[r.Call] = true
		}
		if len(r.Objects) > 0 {
			has[r.Call+" objects"] = true
		}
	}
	for _, m := range methods {
		name := nameOf(m)
		if denied[name] && !has[name+" "+string(dc.Denied)] {
			t.Errorf("%s was denied, and the audit log does not have it", name)
		}
		reads := slices.ContainsFunc([]string{"List", "Get", "Query", "Watch", "Fetch", "WhoAmI", "About", "Doctor", "Verify"},
			func(p string) bool { return strings.HasPrefix(string(m.Name()), p) })
		if reads {
			if has[name+" "+string(dc.AuditBegun)] {
				t.Errorf("%s changes nothing, and the audit log has it", name)
			}
			continue
		}
		if name == "SessionService.Logout" || name == "SessionService.BeginSSO" { // which the test does not call as anybody, and which changes nothing
			continue
		}
		if name != "SessionService.Login" && name != "SessionService.FinishSSO" && !has[name+" "+string(dc.AuditBegun)] || !has[name] {
			t.Errorf("%s is not audited", name)
		}
		if !has[name+" objects"] && m.Input().Fields().Len() > 0 && name != "GuardService.SetDeletionLimits" { // which is about nothing but numbers
			t.Errorf("the audit log does not say on what %s was called: add a field to facade/native's naming", name)
		}
	}
	text := fmt.Sprint(records)
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("the audit log has the secret %q", secret)
		}
	}
	if report, err := c.manager.Audit.Verify(dc.System, ""); err != nil || len(report.Problems) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// unseen are the calls about what the test's center does not have, which nobody learns besides.
var unseen = map[string]bool{"VirtualMachineService.GetExportDescriptor": true, "VirtualMachineService.EndExport": true, "VirtualMachineService.AdoptVirtualMachine": true, "PermissionService.RemovePermission": true,
	"GroupService.RemoveGroupMember": true, "DatastoreService.GetUpload": true}

// forAll are the calls that whoever sees anything may make.
var forAll = map[string]bool{"AlarmService.ListAlarms": true, "CustomFieldService.ListCustomFields": true}

// isFile reports whether a call is about a file of a datastore; the center has none.
func isFile(m protoreflect.MethodDescriptor) bool {
	return m.Input().Fields().ByName("path") != nil && m.Name() != "CreateDatastore"
}

// request returns a request of the method about what the center has.
func request(m protoreflect.MethodDescriptor, task string) *dynamicpb.Message {
	values := map[string]string{
		"name": "new", "username": "nobody", "password": "correct-horse-battery", "role": "ReadOnly", "kind": "vnc", "op": "powerOff", "path": "/x",
		"datacenter": "Datacenter", "parent": "/Datacenter/vm", "folder": "web", "cluster": "Cluster", "host": "alpha",
		"datastore": "datastore1", "target_path": "other", "port_group": "VM Network", "virtual_machine": "hello", "task": task, "user": "victim", "object": "team",
		"entity": "web", "principal": "victim", "user_group": "club", "alarm": "Host CPU usage", "member": "victim", "resource_pool": "gold", "pool": "gold",
		"tag_category": "Tier", "tag": "prod", "custom_field": "owner", "api_token": "new", "identity_source": "company", "scheduled_task": "nightly",
	}
	special := map[string]map[string]string{
		"InventoryService.RenameObject": {"kind": "Folder"}, "BulkService.StartBulk": {"kind": "", "folder": "/Datacenter/vm", "resource_pool": "/Datacenter/host/Cluster/Resources"}, "InventoryService.MoveObject": {"kind": "Folder"}, "HostService.CreateJoinToken": {"host": "", "folder": ""}, "HostService.MoveHost": {"folder": "", "resource_pool": ""},
		"IdentitySourceService.UpdateIdentitySource": {"name": ""}, "RoleService.UpdateRole": {"role": "Spare", "name": ""}, "RoleService.DeleteRole": {"role": "Spare"},
		"StatisticsService.QueryStatistics":      {"kind": "VirtualMachine", "object": "hello"},
		"ResourcePoolService.CreateResourcePool": {"parent": "/Datacenter/host/Cluster/Resources"}, "ResourcePoolService.MoveResourcePool": {"parent": "/Datacenter/host/Cluster/Resources"},
		"VirtualMachineService.CreateVirtualMachine": {"resource_pool": ""}, "VirtualMachineService.CloneVirtualMachine": {"resource_pool": ""}, "VirtualMachineService.GetPackageUpload": {"resource_pool": "", "name": "newest"}, "VirtualMachineService.RenameVirtualMachine": {"name": "hello"},
		"AlarmService.AcknowledgeAlarm": {"kind": "Host", "object": "alpha"}, "AlarmService.ResetAlarm": {"kind": "Host", "object": "alpha"},
		"AlarmService.UpdateAlarm": {"name": ""}, "ScheduledTaskService.UpdateScheduledTask": {"name": ""}, "TagService.ListTags": {"kind": "Folder"}, "TagService.AttachTag": {"kind": "Folder"},
		"CustomFieldService.CreateCustomField": {"kind": "Host"}, "CustomFieldService.RenameCustomField": {"name": "owner"},
		"CustomFieldService.ListCustomValues": {"kind": "Folder"}, "CustomFieldService.SetCustomValue": {"kind": "Folder"},
		"TagService.DetachTag": {"kind": "Folder"}, "TagService.CreateTagCategory": {"kind": ""},
		"TagService.UpdateTagCategory": {"name": ""}, "TagService.UpdateTag": {"name": ""},
		"RoleService.CreateRole": {"name": "Newer"}, "PermissionService.SetPermission": {"role": "ReadOnly"},
	}
	for _, file := range []string{"ListFiles", "MakeFolder", "GetUpload", "CopyFile", "MoveFile", "DeleteFile", "ImportDisk"} {
		special["DatastoreService."+file] = map[string]string{"path": "none"}
	}
	req := dynamicpb.NewMessage(m.Input())
	if nameOf(m) == "ScheduledTaskService.CreateScheduledTask" {
		action := `{"action": {"op": "powerOff", "virtualMachines": ["hello"]}, "scheduler": {"type": "daily"}}`
		if err := protojson.Unmarshal([]byte(action), req); err != nil {
			panic(err)
		}
	}
	for k := range m.Input().Fields().Len() {
		field := m.Input().Fields().Get(k)
		value := values[string(field.Name())]
		if v, ok := special[nameOf(m)][string(field.Name())]; ok {
			value = v
		}
		if field.Kind() == protoreflect.StringKind && !field.IsList() && value != "" {
			req.Set(field, protoreflect.ValueOfString(value))
		}
	}
	return req
}

// everyMethod returns every method of the contract, the logins first, with those last that take something away.
func everyMethod() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("hanok.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				all = append(all, f.Services().Get(i).Methods().Get(j))
			}
		}
		return true
	})
	takes := func(m protoreflect.MethodDescriptor) int {
		if m.Name() == "Login" || m.Name() == "FinishSSO" { // before the audit log thins out the calls by nobody
			return -1
		}
		for i, what := range []string{"Disconnect", "Reconnect", "Enter", "Exit", "Power", "Move", "Delete", "Remove"} {
			if strings.HasPrefix(string(m.Name()), what) {
				return i + 1
			}
		}
		return 0
	}
	slices.SortFunc(all, func(a, b protoreflect.MethodDescriptor) int {
		return cmp.Or(cmp.Compare(takes(a), takes(b)), cmp.Compare(nameOf(a), nameOf(b)))
	})
	return all
}

func nameOf(m protoreflect.MethodDescriptor) string {
	return string(m.Parent().Name()) + "." + string(m.Name())
}

// call makes a call of any method and returns its error; of a stream it takes the first message only.
func call(t *testing.T, c *client, m protoreflect.MethodDescriptor, req proto.Message) error {
	t.Helper()
	_, err := answer(t, c, m, req)
	return err
}

// answer is call with what was answered, as JSON.
func answer(t *testing.T, c *client, m protoreflect.MethodDescriptor, req proto.Message) (string, error) {
	t.Helper()
	url := c.server + "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	rpc := connect.NewClient[dynamicpb.Message, dynamicpb.Message](c.http, url, connect.WithSchema(m), connect.WithInterceptors(bearer{c}),
		connect.WithResponseInitializer(func(_ connect.Spec, msg any) error {
			if msg, ok := msg.(*dynamicpb.Message); ok {
				*msg = *dynamicpb.NewMessage(m.Output())
			}
			return nil
		}))
	if !m.IsStreamingServer() {
		res, err := rpc.CallUnary(t.Context(), connect.NewRequest(req.(*dynamicpb.Message)))
		if err != nil {
			return "", convert.FromError(err)
		}
		return protojson.Format(res.Msg), nil
	}
	stream, err := rpc.CallServerStream(t.Context(), connect.NewRequest(req.(*dynamicpb.Message)))
	if err != nil {
		return "", convert.FromError(err)
	}
	defer stream.Close()
	if !stream.Receive() {
		return "", convert.FromError(stream.Err())
	}
	return protojson.Format(stream.Msg()), nil
}

// TestNoTextLeaks makes every call that reads as somebody who may see one machine, a folder, a pool and a datastore, and what stands above
// them: no answer has the name of anything else in it, not even in the sentences of events and tasks that are about what he sees.
func TestNoTextLeaks(t *testing.T) {
	c := startCenter(t, sim.Options{})
	for _, name := range []string{"web", "elsewhere"} {
		c.must(t, "folder", "create", name, "--parent", "/Datacenter/vm")
	}
	c.must(t, "pool", "create", "gold", "--parent", "Resources")
	c.must(t, "vm", "create", "hello", "--power-on", "--network", "VM Network")
	c.must(t, "vm", "create", "hidden-machine", "--folder", "elsewhere")
	c.must(t, "vm", "power-off", "hello")
	c.must(t, "role", "create", "Maker", "VirtualMachine.Inventory.Create", "Resource.AssignVMToPool", "Datastore.AllocateSpace", "VirtualMachine.Config.Rename")
	token := func() string {
		const password = "may-only-look-around"
		access := c.manager.Access
		if _, err := access.CreateUser(t.Context(), dc.System, "tenant", password, ""); err != nil {
			t.Fatal(err)
		}
		for entity, role := range map[string]string{"/Datacenter/vm/hello": "ReadOnly", "/Datacenter/vm/web": "Maker", "/Datacenter/host/Cluster/Resources/gold": "Maker",
			"/Datacenter/datastore/datastore1": "Maker"} {
			c.must(t, "permission", "set", entity, "--user", "tenant", "--role", role)
		}
		token, _, err := access.Login(t.Context(), "192.0.2.1", "tenant", password)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}()
	tenant := map[string]string{"HANOK_TOKEN": token}
	// A task of his own that fails, with a sentence about each host.
	if code, out := c.with(t, "", tenant, "vm", "create", "huge", "--memory", "4T", "--folder", "web", "--pool", "gold"); code != exitFailure || strings.Contains(out, "alpha") || !strings.Contains(out, "…") {
		t.Errorf("%d, %s", code, out)
	}
	tasks, err := c.manager.Tasks.List(dc.System)
	if err != nil {
		t.Fatal(err)
	}
	hidden := []string{"alpha", "elsewhere", "hidden-machine", "VM Network"}
	told := map[string]bool{}
	for _, m := range everyMethod() {
		if !slices.ContainsFunc([]string{"List", "Get", "Query", "Watch", "Fetch"}, func(p string) bool { return strings.HasPrefix(string(m.Name()), p) }) {
			continue
		}
		for _, task := range tasks {
			req := request(m, string(task.ID))
			for _, name := range []string{"object", "entity", "user", "tag", "tag_category"} { // which the tenant can't name: he asks for all
				if f := m.Input().Fields().ByName(protoreflect.Name(name)); f != nil && nameOf(m) != "StatisticsService.QueryStatistics" {
					req.Clear(f)
				}
			}
			text, err := answer(t, c.clientOf(t, token), m, req)
			if err == nil {
				told[nameOf(m)] = true
			}
			for _, name := range hidden {
				for line := range strings.Lines(text) {
					if strings.Contains(line, name) {
						t.Errorf("%s says %q: %s", nameOf(m), name, line)
					}
				}
			}
			if m.Input().Fields().ByName("task") == nil {
				break
			}
		}
	}
	for _, name := range []string{"EventService.ListEvents", "TaskService.ListTasks", "TaskService.GetTask", "TaskService.WatchTask", "WatchService.Watch",
		"VirtualMachineService.ListVirtualMachines", "AlarmService.ListTriggeredAlarms", "PermissionService.ListPermissions"} {
		if !told[name] {
			t.Errorf("%s has told the tenant nothing", name)
		}
	}
}

// TestNoErrorLeaks makes every call as somebody who may do everything with one machine, and may make others in a folder and a pool, and sees nothing
// else but what stands above them: no error has the name of anything in it that he has not named himself. What he names and may not see is
// refused alike whether it is there or not.
func TestNoErrorLeaks(t *testing.T) {
	c := startCenter(t, sim.Options{})
	for _, name := range []string{"web", "team", "hidden-folder"} {
		c.must(t, "folder", "create", name, "--parent", "/Datacenter/vm")
	}
	c.must(t, "pool", "create", "gold", "--parent", "Resources")
	c.must(t, "pool", "create", "hidden-pool", "--parent", "Resources")
	c.must(t, "vm", "create", "hello", "--network", "VM Network", "--folder", "team")
	c.must(t, "vm", "create", "hidden-machine", "--folder", "hidden-folder")
	c.must(t, "host", "enter-maintenance", "alpha")
	const password = "may-only-look-around"
	if _, err := c.manager.Access.CreateUser(t.Context(), dc.System, "tenant", password, ""); err != nil {
		t.Fatal(err)
	}
	for _, entity := range []string{"/Datacenter/vm/team/hello", "/Datacenter/vm/web", "/Datacenter/host/Cluster/Resources/gold"} {
		c.must(t, "permission", "set", entity, "--user", "tenant", "--role", "Admin")
	}
	token, _, err := c.manager.Access.Login(t.Context(), "192.0.2.1", "tenant", password)
	if err != nil {
		t.Fatal(err)
	}
	hidden := []string{"alpha", "hidden-folder", "hidden-machine", "hidden-pool", "VM Network", "datastore1"}
	if code, out := c.with(t, "", map[string]string{"HANOK_TOKEN": token}, "vm", "start", "hello"); code != exitFailure || !strings.Contains(out, `host "…": it is in maintenance mode`) {
		t.Errorf("%d, %s", code, out)
	}
	for _, m := range everyMethod() {
		told := map[string]string{}
		for _, ref := range []string{"", "hidden-machine", "no-such-thing"} {
			req := request(m, "task-1")
			for i := range m.Input().Fields().Len() {
				field := m.Input().Fields().Get(i)
				name := string(field.Name())
				switch {
				case ref != "" && slices.Contains([]string{"virtual_machine", "object", "entity"}, name):
					req.Set(field, protoreflect.ValueOfString(ref))
				case slices.Contains([]string{"host", "datastore", "port_group", "datacenter"}, name):
					req.Clear(field)
				}
			}
			err := call(t, c.clientOf(t, token), m, req)
			if err == nil {
				continue
			}
			asked := protojson.Format(req)
			for _, name := range hidden {
				if strings.Contains(err.Error(), name) && !strings.Contains(asked, name) {
					t.Errorf("%s says %q: %v", nameOf(m), name, err)
				}
			}
			told[ref] = strings.ReplaceAll(err.Error(), ref, "it")
		}
		if told["hidden-machine"] != told["no-such-thing"] {
			t.Errorf("%s: of what is there and hidden it is said %q, of what is not there %q", nameOf(m), told["hidden-machine"], told["no-such-thing"])
		}
	}
}

// TestPagesOfCommandsAreComplete sees that every command says what it is for.
func TestPagesOfCommandsAreComplete(t *testing.T) {
	a := new(app)
	commands := a.root().Commands()
	for len(commands) > 0 {
		cmd := commands[0]
		commands = append(commands[1:], cmd.Commands()...)
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: its line of help is %q", cmd.CommandPath(), cmd.Short)
		}
	}
}
