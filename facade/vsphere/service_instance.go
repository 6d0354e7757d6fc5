package vsphere

import (
	"time"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
	"hanok/facade/vsphere/model"
	"hanok/facade/vsphere/property"
)

// Version of the vCenter that clients are to take this for: some look at it, and choose by it what they call.
const vcenterVersion = "8.0.0"

func init() {
	register(map[string]method{
		"RetrieveServiceContent": open(do("ServiceInstance", func(c *call, _ *types.RetrieveServiceContent) (any, error) { return c.content(), nil })),
		"CurrentTime":            do("ServiceInstance", func(*call, *types.CurrentTime) (any, error) { return time.Now().UTC(), nil }),
	})
}

func open(m method) method {
	m.open = true
	return m
}

// content says where everything is. What is not there yet is left out, as far as the schema allows it.
func (s *Server) content() types.ServiceContent {
	ref := func(kind, value string) *types.ManagedObjectReference {
		return &types.ManagedObjectReference{Type: kind, Value: value}
	}
	return types.ServiceContent{
		RootFolder: types.ManagedObjectReference{Type: "Folder", Value: string(dc.RootFolder)}, PropertyCollector: *ref("PropertyCollector", defaultCollector),
		ViewManager: ref("ViewManager", "ViewManager"), SessionManager: ref("SessionManager", "SessionManager"), SearchIndex: ref("SearchIndex", "SearchIndex"),
		TaskManager: ref("TaskManager", "TaskManager"),
		About: types.AboutInfo{
			Name: "VMware vCenter Server", FullName: "Hanok, which speaks the API of VMware vCenter Server " + vcenterVersion, Vendor: "Hanok", Version: vcenterVersion, Build: "0",
			LocaleVersion: "INTL", LocaleBuild: "000", OsType: "linux-x64", ProductLineId: "vpx", ApiType: "VirtualCenter", ApiVersion: model.APIVersion, InstanceUuid: s.instance,
			LicenseProductName: "VMware VirtualCenter Server", LicenseProductVersion: "8.0",
		},
	}
}

// The services that have properties.
var (
	instanceType       = property.NewType(mo.ServiceInstance{}, []string{"serverClock", "content", "capability"})
	sessionManagerType = property.NewType(mo.SessionManager{}, []string{"sessionList", "currentSession", "message", "messageLocaleList", "supportedLocaleList", "defaultLocale"})
	taskManagerType    = property.NewType(mo.TaskManager{}, []string{"recentTask", "maxCollector"})
	viewManagerType    = property.NewType(mo.ViewManager{}, []string{"viewList"})
	searchIndexType    = property.NewType(mo.SearchIndex{}, nil)
)

// ownTypes adds the types of managed objects that are this package's to others.
func ownTypes(all map[string]*property.Type) map[string]*property.Type {
	for _, t := range []*property.Type{instanceType, sessionManagerType, taskManagerType, viewManagerType, searchIndexType, containerViewType, listViewType, collectorType, filterType} {
		all[t.Name] = t
	}
	return all
}

// service returns one of the services, or nil.
func (c *call) service(value string) property.Object {
	values, ok := map[string]*property.Type{
		"ServiceInstance": instanceType, "SessionManager": sessionManagerType, "TaskManager": taskManagerType, "ViewManager": viewManagerType, "SearchIndex": searchIndexType,
	}[value]
	if !ok {
		return nil
	}
	return thing{types.ManagedObjectReference{Type: values.Name, Value: value}, values, func(name string) any {
		switch value + "." + name {
		case "ServiceInstance.serverClock":
			return time.Now().UTC()
		case "ServiceInstance.content":
			return c.content()
		case "ServiceInstance.capability":
			return types.Capability{ProvisioningSupported: true, MultiHostSupported: true}
		case "SessionManager.currentSession":
			return c.userSession()
		case "SessionManager.sessionList":
			return []types.UserSession{c.userSession()}
		case "SessionManager.defaultLocale":
			return locale
		case "SessionManager.messageLocaleList", "SessionManager.supportedLocaleList":
			return []string{locale}
		case "TaskManager.maxCollector":
			return int32(32)
		}
		return nil
	}}
}

// thing is a managed object whose properties are all the client's own.
type thing struct {
	ref   types.ManagedObjectReference
	t     *property.Type
	value func(name string) any
}

func (o thing) Ref() types.ManagedObjectReference { return o.ref }
func (o thing) Type() *property.Type              { return o.t }
func (o thing) Value(name string) any             { return o.value(name) }
func (o thing) Stamp(string) (int64, bool)        { return 0, false }
