package main

import (
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"hanok/api/convert"
	"hanok/dc"
	"hanok/host/sim"
)

// viewing are the calls that a user may make who may only look.
var viewing = map[string]bool{
	"SessionService.Login": true, "SessionService.Logout": true, "SessionService.WhoAmI": true, "SystemService.About": true,
	"DatacenterService.ListDatacenters": true, "FolderService.ListFolders": true, "ClusterService.ListClusters": true,
	"HostService.ListHosts": true, "HostService.GetHost": true, "ResourcePoolService.ListResourcePools": true,
	"DatastoreService.ListDatastores": true, "PortGroupService.ListPortGroups": true, "ImageService.ListImages": true,
	"VirtualMachineService.ListVirtualMachines": true, "VirtualMachineService.GetVirtualMachine": true,
	"VirtualMachineService.ListOrphans": true,
	"TaskService.ListTasks":             true, "TaskService.GetTask": true, "TaskService.WatchTask": true,
	"StatisticsService.ListCounters": true, "StatisticsService.QueryStatistics": true, "EventService.ListEvents": true,
	"AlarmService.ListAlarms": true, "AlarmService.ListTriggeredAlarms": true, "UserService.ListUsers": true, "WatchService.Watch": true,
}

// TestEveryCall makes every call of the contract: without a login, which only two calls allow, and as a user who may only
// look. The requests name objects that exist, so that nothing but the missing privilege is wrong with them.
func TestEveryCall(t *testing.T) {
	c := startCenter(t, sim.Options{})
	c.must(t, "vm", "create", "hello", "--power-on")
	c.must(t, "folder", "create", "web", "--parent", "/Datacenter/vm")
	tasks, err := c.manager.Tasks.List(dc.System)
	if err != nil {
		t.Fatal(err)
	}
	viewer := c.readOnly(t)
	values := map[string]string{
		"name": "new", "username": "nobody", "password": "correct-horse-battery", "role": "ReadOnly", "kind": "vnc", "op": "powerOff", "path": "/x",
		"datacenter": "Datacenter", "parent": "/Datacenter/vm", "folder": "web", "cluster": "Cluster", "host": "alpha",
		"datastore": "datastore1", "port_group": "VM Network", "virtual_machine": "hello", "resource_pool": "Resources", "task": string(tasks[0].ID),
		"user": c.first.User, "object": "web", "alarm": "Host CPU usage",
	}
	special := map[string]map[string]string{"InventoryService.RenameObject": {"kind": "Folder"},
		"HostService.CreateJoinToken": {"host": "", "folder": ""}, "StatisticsService.QueryStatistics": {"kind": "Host", "object": "alpha"},
		"ResourcePoolService.CreateResourcePool": {"parent": "Resources"}, "ResourcePoolService.MoveResourcePool": {"parent": "Resources"},
		"AlarmService.AcknowledgeAlarm": {"kind": "Host", "object": "alpha"}, "AlarmService.ResetAlarm": {"kind": "Host", "object": "alpha"}}
	// unseen are the calls about what the center does not have, which nobody learns besides.
	unseen := map[string]bool{"VirtualMachineService.AdoptVirtualMachine": true}

	seen := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("hanok.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				name := string(m.Parent().Name()) + "." + string(m.Name())
				req := dynamicpb.NewMessage(m.Input())
				for k := range m.Input().Fields().Len() {
					field := m.Input().Fields().Get(k)
					value := values[string(field.Name())]
					if v, ok := special[name][string(field.Name())]; ok {
						value = v
					}
					if field.Kind() == protoreflect.StringKind && !field.IsList() && value != "" {
						req.Set(field, protoreflect.ValueOfString(value))
					}
				}
				seen++
				t.Run(name, func(t *testing.T) {
					open := name == "SessionService.Login" || name == "SystemService.About"
					err := call(t, c.clientOf(t, ""), m, req)
					if kind := dc.KindOf(err); !open && kind != dc.Unauthenticated || name == "SystemService.About" && err != nil {
						t.Errorf("without a login: %v", err)
					}
					err = call(t, c.clientOf(t, "guess"), m, req)
					if kind := dc.KindOf(err); !open && kind != dc.Unauthenticated {
						t.Errorf("with a token that was never given: %v", err)
					}
					if name == "SessionService.Logout" { // it would end the viewer's other calls
						return
					}
					err = call(t, c.clientOf(t, viewer), m, req)
					if denied := dc.KindOf(err) == dc.Denied || unseen[name] && dc.KindOf(err) == dc.NotFound; denied == viewing[name] {
						t.Errorf("a user who may only look: %v", err)
					}
				})
			}
		}
		return true
	})
	if seen < len(viewing)+20 {
		t.Errorf("only %d calls were found", seen)
	}
}

// call makes a call of any method and returns its error; of a stream it takes the first message only.
func call(t *testing.T, c *client, m protoreflect.MethodDescriptor, req proto.Message) error {
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
		_, err := rpc.CallUnary(t.Context(), connect.NewRequest(req.(*dynamicpb.Message)))
		return convert.FromError(err)
	}
	stream, err := rpc.CallServerStream(t.Context(), connect.NewRequest(req.(*dynamicpb.Message)))
	if err != nil {
		return convert.FromError(err)
	}
	defer stream.Close()
	stream.Receive()
	return convert.FromError(stream.Err())
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
