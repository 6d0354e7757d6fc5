package dc

import "time"

// Privilege is the right to do one thing, by vSphere's identifier.
type Privilege string

// The privileges that the services check.
const (
	PrivAnonymous        Privilege = "System.Anonymous"
	PrivView             Privilege = "System.View" // see that an object exists, its name and its place
	PrivRead             Privilege = "System.Read" // see everything about it
	PrivDatacenterCreate Privilege = "Datacenter.Create"
	PrivDatacenterDelete Privilege = "Datacenter.Delete"
	PrivDatacenterRename Privilege = "Datacenter.Rename"
	PrivFolderCreate     Privilege = "Folder.Create"
	PrivFolderDelete     Privilege = "Folder.Delete"
	PrivFolderRename     Privilege = "Folder.Rename"
	PrivFolderMove       Privilege = "Folder.Move"
	PrivDatacenterMove   Privilege = "Datacenter.Move"
	PrivClusterMove      Privilege = "Host.Inventory.MoveCluster"
	PrivDatastoreMove    Privilege = "Datastore.Move"
	PrivNetworkMove      Privilege = "Network.Move"
	PrivVMMove           Privilege = "VirtualMachine.Inventory.Move"
	PrivClusterRename    Privilege = "Host.Inventory.RenameCluster"
	PrivDatastoreRename  Privilege = "Datastore.Rename"
	PrivClusterCreate    Privilege = "Host.Inventory.CreateCluster"
	PrivClusterDelete    Privilege = "Host.Inventory.DeleteCluster"
	PrivHostAdd          Privilege = "Host.Inventory.AddHostToCluster"
	PrivHostAddAlone     Privilege = "Host.Inventory.AddStandaloneHost"
	PrivHostMove         Privilege = "Host.Inventory.MoveHost"
	PrivHostRemove       Privilege = "Host.Inventory.RemoveHostFromCluster"
	PrivHostMaintenance  Privilege = "Host.Config.Maintenance"
	PrivHostConnection   Privilege = "Host.Config.Connection"
	PrivDatastoreCreate  Privilege = "Host.Config.Storage"
	PrivDatastoreDelete  Privilege = "Datastore.Delete"
	PrivNetworkCreate    Privilege = "Network.Config"
	PrivNetworkAssign    Privilege = "Network.Assign"
	PrivNetworkDelete    Privilege = "Network.Delete"
	PrivVMCreate         Privilege = "VirtualMachine.Inventory.Create"
	PrivVMRegister       Privilege = "VirtualMachine.Inventory.Register"
	PrivVMUnregister     Privilege = "VirtualMachine.Inventory.Unregister"
	PrivAssignVMToPool   Privilege = "Resource.AssignVMToPool"
	PrivDatastoreBrowse  Privilege = "Datastore.Browse"
	PrivFileManagement   Privilege = "Datastore.FileManagement"
	PrivFileDelete       Privilege = "Datastore.DeleteFile"
	PrivAllocateSpace    Privilege = "Datastore.AllocateSpace"
	PrivVMDelete         Privilege = "VirtualMachine.Inventory.Delete"
	PrivVMRename         Privilege = "VirtualMachine.Config.Rename"
	PrivVMPowerOn        Privilege = "VirtualMachine.Interact.PowerOn"
	PrivVMPowerOff       Privilege = "VirtualMachine.Interact.PowerOff"
	PrivVMReset          Privilege = "VirtualMachine.Interact.Reset"
	PrivVMSuspend        Privilege = "VirtualMachine.Interact.Suspend"
	PrivVMAnnotation     Privilege = "VirtualMachine.Config.Annotation"
	PrivVMResources      Privilege = "VirtualMachine.Config.Resource"
	PrivMarkAsTemplate   Privilege = "VirtualMachine.Provisioning.MarkAsTemplate"
	PrivMarkAsVM         Privilege = "VirtualMachine.Provisioning.MarkAsVM"
	PrivVMClone          Privilege = "VirtualMachine.Provisioning.Clone"
	PrivCloneTemplate    Privilege = "VirtualMachine.Provisioning.CloneTemplate"
	PrivDeployTemplate   Privilege = "VirtualMachine.Provisioning.DeployTemplate"
	PrivTemplateFromVM   Privilege = "VirtualMachine.Provisioning.CreateTemplateFromVM"
	PrivVMFromExisting   Privilege = "VirtualMachine.Inventory.CreateFromExisting"
	PrivPoolCreate       Privilege = "Resource.CreatePool"
	PrivPoolDelete       Privilege = "Resource.DeletePool"
	PrivPoolEdit         Privilege = "Resource.EditPool"
	PrivPoolMove         Privilege = "Resource.MovePool"
	PrivPoolRename       Privilege = "Resource.RenamePool"
	PrivVMConsole        Privilege = "VirtualMachine.Interact.ConsoleInteract"
	PrivVMScreenshot     Privilege = "VirtualMachine.Interact.CreateScreenshot"
	PrivImageCreate      Privilege = "ContentLibrary.AddLibraryItem"
	PrivVAppImport       Privilege = "VApp.Import"
	PrivVAppExport       Privilege = "VApp.Export"
	PrivTaskCancel       Privilege = "Global.CancelTask"
	PrivRoles            Privilege = "Authorization.ModifyRoles"
	PrivUsers            Privilege = "Authorization.ModifyPermissions"
	PrivAlarmCreate      Privilege = "Alarm.Create"
	PrivAlarmEdit        Privilege = "Alarm.Edit"
	PrivAlarmDelete      Privilege = "Alarm.Delete"
	PrivAlarmAcknowledge Privilege = "Alarm.Acknowledge"
	PrivAlarmSetStatus   Privilege = "Alarm.SetStatus"
	PrivScheduleCreate   Privilege = "ScheduledTask.Create"
	PrivScheduleEdit     Privilege = "ScheduledTask.Edit"
	PrivScheduleDelete   Privilege = "ScheduledTask.Delete"
	PrivScheduleRun      Privilege = "ScheduledTask.Run"
	PrivCategoryCreate   Privilege = "InventoryService.Tagging.CreateCategory"
	PrivCategoryEdit     Privilege = "InventoryService.Tagging.EditCategory"
	PrivCategoryDelete   Privilege = "InventoryService.Tagging.DeleteCategory"
	PrivTagCreate        Privilege = "InventoryService.Tagging.CreateTag"
	PrivTagEdit          Privilege = "InventoryService.Tagging.EditTag"
	PrivTagDelete        Privilege = "InventoryService.Tagging.DeleteTag"
	PrivTagAttach        Privilege = "InventoryService.Tagging.AttachTag"
	PrivCustomFields     Privilege = "Global.ManageCustomFields"
	PrivCustomValue      Privilege = "Global.SetCustomField"
	PrivDiagnostics      Privilege = "Global.Diagnostics"
	PrivSourceCreate     Privilege = "VcIdentityProviders.Create"
	PrivSourceManage     Privilege = "VcIdentityProviders.Manage"
	PrivSourceRead       Privilege = "VcIdentityProviders.Read"
	PrivBackup           Privilege = "Global.Settings" // take everything, its secrets included

	// Those of hardware.
	PrivVMCPUCount         Privilege = "VirtualMachine.Config.CPUCount"
	PrivVMMemory           Privilege = "VirtualMachine.Config.Memory"
	PrivVMAddExistingDisk  Privilege = "VirtualMachine.Config.AddExistingDisk"
	PrivVMAddNewDisk       Privilege = "VirtualMachine.Config.AddNewDisk"
	PrivVMRemoveDisk       Privilege = "VirtualMachine.Config.RemoveDisk"
	PrivVMDiskExtend       Privilege = "VirtualMachine.Config.DiskExtend"
	PrivVMAddRemoveDevice  Privilege = "VirtualMachine.Config.AddRemoveDevice"
	PrivVMSettings         Privilege = "VirtualMachine.Config.Settings"
	PrivVMEditDevice       Privilege = "VirtualMachine.Config.EditDevice"
	PrivVMUpgrade          Privilege = "VirtualMachine.Config.UpgradeVirtualHardware"
	PrivVMDeviceConnection Privilege = "VirtualMachine.Interact.DeviceConnection"
	PrivVMSetCDMedia       Privilege = "VirtualMachine.Interact.SetCDMedia"
	PrivVMSetFloppyMedia   Privilege = "VirtualMachine.Interact.SetFloppyMedia"
)

// Privilege returns the right that a power operation asks for.
func (op PowerOp) Privilege() Privilege {
	switch op {
	case PowerOn:
		return PrivVMPowerOn
	case PowerOff, ShutdownGuest:
		return PrivVMPowerOff
	case Suspend:
		return PrivVMSuspend
	}
	return PrivVMReset
}

// User is somebody who may log in. Its name is unique.
type User struct {
	ID UserID `json:"id"`
	Meta
	// PasswordHash is an argon2id hash in PHC string form. It never leaves the manager. "" is no password.
	PasswordHash string `json:"passwordHash"`
	// Initial is set while the password is the one that the installation made.
	Initial bool `json:"initial,omitempty"`
	// Disabled is set while he may not log in, nor use what he has logged in with.
	Disabled bool `json:"disabled,omitempty"`
	// Service is set of an account for programs, which has no password and never gets one.
	Service bool `json:"service,omitempty"`
	// External is set of a user of an identity source, whose name ends with "@" and its domain, and who has no password here.
	External *External `json:"external,omitempty"`
}

// Session is a login. The token itself is stored nowhere.
type Session struct {
	ID SessionID `json:"id"`
	Meta
	User UserID `json:"user"`
	// TokenHash is the SHA-256 of the bearer token, in hexadecimal.
	TokenHash string `json:"tokenHash"`
	// Password tells the user's password at the login from all others: the SHA-256 of its hash, in hexadecimal. The
	// session ends when the user has another password.
	Password string `json:"password"`
	// Expires is when the session ends at the latest.
	Expires time.Time `json:"expires"`
	// APIToken is the token that was the login's password, which narrows the session and ends it; "" for a real one.
	APIToken APITokenID `json:"apiToken,omitempty"`
}

// JoinToken lets one host join, or join again. It is removed by its use.
type JoinToken struct {
	ID JoinTokenID `json:"id"`
	Meta
	// Cluster is where a new host joins.
	Cluster ClusterID `json:"cluster,omitempty"`
	// Folder is the folder of hosts in which a new host stands alone, instead of in a cluster.
	Folder FolderID `json:"folder,omitempty"`
	// Host is the host that joins again, or "" for a new one.
	Host HostID `json:"host,omitempty"`
	// TokenHash is the SHA-256 of the token, in hexadecimal.
	TokenHash string    `json:"tokenHash"`
	Expires   time.Time `json:"expires"`
}

// Secret is something that only the manager may know, such as the key of its certificate authority.
type Secret struct {
	ID SecretID `json:"id"`
	Meta
	Data []byte `json:"data"`
}

// Caller is who makes a call, as the one authorization check sees it.
type Caller struct {
	// User is the user's ID, or "" for the system itself.
	User UserID
	// Name is the name that tasks and events record.
	Name string
	// Role is the role that a caller who is no user has everywhere. It is empty for users: theirs are in permissions.
	Role RoleID
	// Session is the login that the call belongs to, or "".
	Session SessionID
	// Token is the API token with which he calls, or "", and TokenName its name.
	Token     APITokenID
	TokenName string
	// Narrow says that the token has a scope: he may do less than the user.
	Narrow bool
}

// System is the caller of what the manager does by itself.
var System = Caller{Name: "system", Role: RoleAdmin}

func (*User) Kind() Kind      { return KindUser }
func (*Session) Kind() Kind   { return KindSession }
func (*JoinToken) Kind() Kind { return KindJoinToken }
func (*Secret) Kind() Kind    { return KindSecret }

func (o *User) Identity() ID      { return ID(o.ID) }
func (o *Session) Identity() ID   { return ID(o.ID) }
func (o *JoinToken) Identity() ID { return ID(o.ID) }
func (o *Secret) Identity() ID    { return ID(o.ID) }

func (o *User) Claims() []string      { return o.External.claim(KindUser, "user/"+o.Name) }
func (o *Session) Claims() []string   { return []string{"session/" + o.TokenHash} }
func (o *JoinToken) Claims() []string { return []string{"join/" + o.TokenHash} }
func (o *Secret) Claims() []string    { return nil }
