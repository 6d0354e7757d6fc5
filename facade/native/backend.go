package native

import (
	"context"
	"io"
	"iter"
	"time"

	"hanok/dc"
)

// Backend is all that this facade needs of the data center. Every method that takes a caller checks that caller's
// privilege before anything else. Objects that it returns are shared and not changed here. All methods are safe for
// concurrent use.
type Backend struct {
	Access     Access
	Identity   Identity
	Inventory  Inventory
	Statistics Statistics
	Alarms     Alarms
	Tags       Tags
	Fields     CustomFields
	Hosts      Hosts
	Pools      Pools
	Machines   Machines
	Bulk       Bulk
	Guard      Guard
	Schedules  Schedules
	Tasks      Tasks
	Events     Events
	Audit      Audit
	State      State
	System     System
	Backups    Backups
	Files      Files
	Images     Images
	Packages   Packages
	Exports    Exports
}

// Access knows the users and their logins.
type Access interface {
	// Authorize returns nil where by has the privilege on the object, and else an error of kind Unauthenticated or Denied, or
	// NotFound for an object that by may not see.
	Authorize(by dc.Caller, p dc.Privilege, on dc.ID) error
	// Visible returns a function that reports whether by may see an object of the inventory. It is good for one pass over a view.
	Visible(by dc.Caller) (func(dc.Object) bool, error)
	// Shown returns a function that leaves out of the texts of a task or an event what by may not know. It is good for one pass, too.
	Shown(by dc.Caller) (func(dc.Object) dc.Object, error)
	// ShownFailure leaves out of a failure what by may not know; own are words that it may have in any case.
	ShownFailure(by dc.Caller, f *dc.Failure, own []string) (*dc.Failure, error)
	// Login opens a session and returns its token. from is the network address of who asks.
	Login(ctx context.Context, from, username, password string) (token string, c dc.Caller, err error)
	// Logout ends by's session.
	Logout(ctx context.Context, by dc.Caller) error
	// Authenticate returns who has the token of a session, or the API token. It is cheap: every call makes it.
	Authenticate(token string) (dc.Caller, error)
	// Still returns nil as long as what by has logged in with is good.
	Still(by dc.Caller) error
	// CreateToken makes an API token and returns it with its object.
	CreateToken(ctx context.Context, by dc.Caller, req dc.TokenRequest) (token string, o *dc.APIToken, err error)
	// Tokens returns the API tokens of the user, by's own where that is "", or all. RevokeToken ends one, by name or ID.
	Tokens(by dc.Caller, user string, all bool) ([]*dc.APIToken, error)
	RevokeToken(ctx context.Context, by dc.Caller, user, ref string) error

	Users(by dc.Caller) ([]*dc.User, error)
	CreateUser(ctx context.Context, by dc.Caller, name, password string, role dc.RoleID) (*dc.User, error)
	// CreateServiceAccount makes a user without a password, and SetDisabled keeps one out.
	CreateServiceAccount(ctx context.Context, by dc.Caller, name string, role dc.RoleID) (*dc.User, error)
	SetDisabled(ctx context.Context, by dc.Caller, name string, disabled bool) error
	// SetRole gives a user the role on the root folder.
	SetRole(ctx context.Context, by dc.Caller, name string, role dc.RoleID) error
	// Role returns the role that a user names; the error is of kind Invalid.
	Role(ref string) (*dc.Role, error)
	// NameOf returns the name of a user or a group, or "".
	NameOf(principal dc.ID) string
	// Principal returns the user, or the group, that a name or an ID means; the error is of kind NotFound.
	Principal(ref string, group bool) (dc.ID, error)
	// EnsurePrincipal is Principal, and makes one of an identity source that is not known yet.
	EnsurePrincipal(ctx context.Context, by dc.Caller, ref string, group bool) (dc.ID, error)
	Roles(by dc.Caller) ([]*dc.Role, error)
	CreateRole(ctx context.Context, by dc.Caller, name, summary string, privileges []dc.Privilege) (*dc.Role, error)
	UpdateRole(ctx context.Context, by dc.Caller, id dc.RoleID, name, summary string, privileges []dc.Privilege) error
	DeleteRole(ctx context.Context, by dc.Caller, id dc.RoleID, removePermissions bool) error
	// Permissions returns those on an object, or on all if entity is "".
	Permissions(by dc.Caller, entity dc.ID, inherited bool) ([]*dc.Permission, error)
	SetPermission(ctx context.Context, by dc.Caller, p dc.Permission) error
	RemovePermission(ctx context.Context, by dc.Caller, entity, principal dc.ID) error
	// Privileges returns what a user may do with an object.
	Privileges(by dc.Caller, user dc.UserID, on dc.ID) ([]dc.Privilege, error)
	Groups(by dc.Caller) ([]*dc.Group, error)
	CreateGroup(ctx context.Context, by dc.Caller, name, summary string) (*dc.Group, error)
	DeleteGroup(ctx context.Context, by dc.Caller, id dc.GroupID) error
	AddMember(ctx context.Context, by dc.Caller, id dc.GroupID, member dc.ID) error
	RemoveMember(ctx context.Context, by dc.Caller, id dc.GroupID, member dc.ID) error

	// RoleOf returns the name of the role that a user has on the root folder, or "".
	RoleOf(user dc.UserID) string
	DeleteUser(ctx context.Context, by dc.Caller, name string) error
	SetPassword(ctx context.Context, by dc.Caller, name, password string) error
}

// Inventory keeps the inventory objects that are not virtual machines.
type Inventory interface {
	// Path returns the inventory path of an object.
	Path(id dc.ID) string
	// Resolve returns the ID of the object of the kind, or of any kind for "", that a user's reference (ID, unique name or inventory path) names.
	Resolve(by dc.Caller, kind dc.Kind, ref string) (dc.ID, error)
	Rename(ctx context.Context, by dc.Caller, id dc.ID, name string) error
	// Move puts an object into another folder.
	Move(ctx context.Context, by dc.Caller, id dc.ID, folder dc.FolderID) error

	Datacenters(by dc.Caller) ([]*dc.Datacenter, error)
	CreateDatacenter(ctx context.Context, by dc.Caller, name string) (*dc.Datacenter, error)
	DeleteDatacenter(ctx context.Context, by dc.Caller, id dc.DatacenterID) error

	Folders(by dc.Caller) ([]*dc.Folder, error)
	CreateFolder(ctx context.Context, by dc.Caller, parent dc.FolderID, name string) (*dc.Folder, error)
	DeleteFolder(ctx context.Context, by dc.Caller, id dc.FolderID) error

	Clusters(by dc.Caller) ([]*dc.Cluster, error)
	CreateCluster(ctx context.Context, by dc.Caller, datacenter dc.DatacenterID, name string) (*dc.Cluster, error)
	DeleteCluster(ctx context.Context, by dc.Caller, id dc.ClusterID) error

	Hosts(by dc.Caller) ([]*dc.Host, error)
	Pools(by dc.Caller) ([]*dc.ResourcePool, error)
	Images(by dc.Caller) ([]*dc.Image, error)

	Datastores(by dc.Caller) ([]*dc.Datastore, error)
	CreateDatastore(ctx context.Context, by dc.Caller, datacenter dc.DatacenterID, name string, spec dc.DatastoreSpec) (*dc.Datastore, error)
	DeleteDatastore(ctx context.Context, by dc.Caller, id dc.DatastoreID) error

	PortGroups(by dc.Caller) ([]*dc.PortGroup, error)
	CreatePortGroup(ctx context.Context, by dc.Caller, datacenter dc.DatacenterID, name string) (*dc.PortGroup, error)
	DeletePortGroup(ctx context.Context, by dc.Caller, id dc.PortGroupID) error
}

// Hosts is what administrators do with hosts, besides looking at them.
type Hosts interface {
	// CreateJoinToken returns a token for a new host of the cluster, and until when it is good.
	CreateJoinToken(ctx context.Context, by dc.Caller, cluster dc.ClusterID) (token string, expires time.Time, err error)
	// CreateStandaloneToken returns one for a new host in a folder, in no cluster.
	CreateStandaloneToken(ctx context.Context, by dc.Caller, folder dc.FolderID) (token string, expires time.Time, err error)
	// CreateRejoinToken returns one for a host that lost its certificate.
	CreateRejoinToken(ctx context.Context, by dc.Caller, host dc.HostID) (token string, expires time.Time, err error)
	EnterMaintenance(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error)
	ExitMaintenance(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error)
	Move(ctx context.Context, by dc.Caller, id dc.HostID, to dc.HostDestination) (*dc.Task, error)
	Disconnect(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error)
	Reconnect(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error)
	Remove(ctx context.Context, by dc.Caller, id dc.HostID) (*dc.Task, error)
}

// Pools keeps the resource pools below the root pools.
type Pools interface {
	// Runtimes returns what is reserved in each resource pool now.
	Runtimes(by dc.Caller) (map[dc.ResourcePoolID]PoolRuntime, error)
	Create(ctx context.Context, by dc.Caller, parent dc.ResourcePoolID, name string, change dc.ResourceChange) (*dc.ResourcePool, error)
	Update(ctx context.Context, by dc.Caller, id dc.ResourcePoolID, change dc.ResourceChange) (*dc.ResourcePool, error)
	Move(ctx context.Context, by dc.Caller, id, parent dc.ResourcePoolID) error
	Delete(ctx context.Context, by dc.Caller, id dc.ResourcePoolID) error
}

// PoolRuntime is what is reserved in a resource pool now, what may still be, and its own reservation.
type PoolRuntime struct{ ReservationUsed, Unreserved, Reservation dc.Amount }

// Machines keeps the virtual machines.
type Machines interface {
	// List returns the machines that the caller may see, by name.
	List(by dc.Caller) ([]*dc.VirtualMachine, error)
	Get(by dc.Caller, id dc.VirtualMachineID) (*dc.VirtualMachine, error)
	Create(ctx context.Context, by dc.Caller, req CreateRequest) (*dc.Task, error)
	// Orphans returns the machines that hosts have and that are not theirs, by ID.
	Orphans(by dc.Caller) ([]dc.Orphan, error)
	Adopt(ctx context.Context, by dc.Caller, req AdoptRequest) (*dc.Task, error)
	// Register makes a machine of files on a datastore. The warnings say what of it is otherwise than in the files.
	Register(ctx context.Context, by dc.Caller, req RegisterRequest) (t *dc.Task, warnings []string, err error)
	// Unregister removes a machine from the inventory, and leaves its files.
	Unregister(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) (*dc.Task, error)
	// Power starts a power operation; timeout bounds the guest's part, and zero is the usual time.
	Power(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, op dc.PowerOp, timeout time.Duration) (*dc.Task, error)
	Rename(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, name string) error
	// Annotate replaces a machine's note.
	Annotate(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, text string) error
	SetResources(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, change dc.ResourceChange) error
	Reconfigure(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, change dc.HardwareChange) (*dc.Task, error)
	// Upgrade changes the hardware version, to the newest for 0.
	Upgrade(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, version int) (*dc.Task, error)
	MoveToPool(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, pool dc.ResourcePoolID) error
	// Clone starts the making of a copy of a machine or a template.
	Clone(ctx context.Context, by dc.Caller, req CloneRequest) (*dc.Task, error)
	MarkAsTemplate(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) error
	MarkAsVirtualMachine(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, pool dc.ResourcePoolID) error
	Delete(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) (*dc.Task, error)
	// Screenshot returns a PNG file.
	Screenshot(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) ([]byte, error)
	// OpenConsole connects to a console; ctx is for the opening only. Closing the connection unblocks its reader.
	OpenConsole(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, kind dc.ConsoleKind) (io.ReadWriteCloser, error)
}

// CreateRequest asks for a virtual machine. What is zero or empty is for the backend to choose.
type CreateRequest struct {
	Name       string
	Folder     dc.FolderID
	Pool       dc.ResourcePoolID
	Host       dc.HostID
	Datastore  dc.DatastoreID
	CPUs       int
	MemoryMB   int64
	Firmware   dc.Firmware
	GuestID    string
	Annotation string
	Version    int
	Disks      []NewDisk
	// Change is the rest of the hardware, network adapters included.
	Change  dc.HardwareChange
	PowerOn bool
}

// CloneRequest asks for a copy of a machine. What is zero or empty is for the backend to choose, or as the source has it.
type CloneRequest struct {
	Source       dc.VirtualMachineID
	Name         string
	Folder       dc.FolderID
	Pool         dc.ResourcePoolID
	Host         dc.HostID
	Datastore    dc.DatastoreID
	CPUs         int
	MemoryMB     int64
	Provisioning dc.Provisioning
	Template     bool
	PowerOn      bool
}

// AdoptRequest asks for an orphan to be made a machine of the inventory. What is empty is for the backend to choose; PortGroup is
// for network adapters whose own does not exist.
type AdoptRequest struct {
	ID        dc.VirtualMachineID
	Name      string
	Folder    dc.FolderID
	PortGroup dc.PortGroupID
}

// RegisterRequest asks for a machine whose .vmx is on a datastore. What is empty is for the backend to choose; Networks are port groups
// for the networks of the .vmx, "" is for all that have none of their name.
type RegisterRequest struct {
	File     dc.FileRef
	Name     string
	Folder   dc.FolderID
	Pool     dc.ResourcePoolID
	Template bool
	Identity dc.RegisterIdentity
	Networks map[string]dc.PortGroupID
}

// NewDisk asks for a disk that starts as the image, or empty for no image. Form is the rest about it.
type NewDisk struct {
	CapacityBytes int64
	Image         dc.ImageID
	Form          dc.NewDisk
}

// Bulk does one operation with many objects.
type Bulk interface {
	// Start starts the task that does it with b's machines, and those selected if selection is not nil.
	Start(ctx context.Context, by dc.Caller, b dc.Bulk, selection *dc.BulkSelection) (*dc.Task, error)
	// Destroy starts the task that deletes a folder, a data center or a cluster with what is in it; confirmed is how many objects that is,
	// where they are many.
	Destroy(ctx context.Context, by dc.Caller, id dc.ID, confirmed int) (*dc.Task, error)
}

// Guard keeps the limits of the guard against mass deletion.
type Guard interface {
	Limits(by dc.Caller) (dc.DeletionLimits, error)
	// SetLimits replaces them by what change, which may be called several times, makes of them.
	SetLimits(ctx context.Context, by dc.Caller, change func(*dc.DeletionLimits)) (dc.DeletionLimits, error)
	// Stopped returns until when the deletions of each user are refused who is stopped.
	Stopped(by dc.Caller) (map[string]time.Time, error)
	// Release lets one of them go on.
	Release(ctx context.Context, by dc.Caller, user string) error
}

// Schedules keeps the scheduled tasks.
type Schedules interface {
	List(by dc.Caller) ([]*dc.ScheduledTask, error)
	// Get returns the one that a name or an ID means.
	Get(by dc.Caller, ref string) (*dc.ScheduledTask, error)
	Create(ctx context.Context, by dc.Caller, name string, spec dc.ScheduledTaskSpec) (*dc.ScheduledTask, error)
	// Edit replaces it by what change, which may be called several times, makes of it.
	Edit(ctx context.Context, by dc.Caller, id dc.ScheduledTaskID, change func(*dc.ScheduledTask)) (*dc.ScheduledTask, error)
	Delete(ctx context.Context, by dc.Caller, id dc.ScheduledTaskID) error
	RunNow(ctx context.Context, by dc.Caller, id dc.ScheduledTaskID) (*dc.Task, error)
}

// Tasks keeps the long operations.
type Tasks interface {
	List(by dc.Caller) ([]*dc.Task, error)
	Get(by dc.Caller, id dc.TaskID) (*dc.Task, error)
	Cancel(ctx context.Context, by dc.Caller, id dc.TaskID) error
	// Progress says how far an open task is, where its step says so; ok is false otherwise. It is cheap.
	Progress(by dc.Caller, id dc.TaskID) (percent int, message string, ok bool)
}

// Identity keeps the identity sources.
type Identity interface {
	List(by dc.Caller) ([]*dc.IdentitySource, error)
	// Resolve returns the source that a name or an ID means; the error is of kind NotFound.
	Resolve(by dc.Caller, ref string) (dc.IdentitySourceID, error)
	// Create makes a source with a secret, or "" for none.
	Create(ctx context.Context, by dc.Caller, name string, spec dc.IdentitySourceSpec, secret string) (*dc.IdentitySource, error)
	// Update replaces a source by what change, which may be called several times, makes of it, and its secret unless it is "".
	Update(ctx context.Context, by dc.Caller, id dc.IdentitySourceID, change func(*dc.IdentitySource), secret string) (*dc.IdentitySource, error)
	Delete(ctx context.Context, by dc.Caller, id dc.IdentitySourceID) error
	// Begin begins a login at a provider, whose browser comes back to the redirect, or with a code where that is "".
	Begin(ctx context.Context, source, redirect string) (SSO, error)
	// Finish ends it, and returns the token of a session, or how long to wait before the next call.
	Finish(ctx context.Context, id, state, code string) (token string, by dc.Caller, pending time.Duration, err error)
	// Test returns what it has found of each server.
	Test(ctx context.Context, by dc.Caller, id dc.IdentitySourceID) ([]dc.SourceCheck, error)
}

// SSO is a login at a provider that has begun: where the user goes, and what he types in there or "".
type SSO struct {
	ID, URL, Code string
	Interval      time.Duration
	Expires       time.Time
}

// Audit is the log of who called what.
type Audit interface {
	// Begin records a call before it is carried out. Where it fails, the call must not be; one that helps against a full disk may.
	Begin(r dc.AuditRecord, helps bool) error
	// End records how a call ended.
	End(r dc.AuditRecord)
	// List returns the newest records that q asks for, newest first.
	List(by dc.Caller, q dc.AuditQuery) ([]dc.AuditRecord, error)
	// Verify follows the chain of all records. known is the head of an earlier report, or "".
	Verify(by dc.Caller, known string) (*dc.AuditReport, error)
}

// Events is the memory of what happened.
type Events interface {
	// Newest returns the newest events that q asks for, newest first.
	Newest(by dc.Caller, q EventQuery) ([]*dc.Event, error)
}

// EventQuery says which events to return. What is zero or empty leaves nothing out. Types are patterns of classes, of which those
// that begin with "!" leave out what fits.
type EventQuery struct {
	Target       dc.ID
	Types        []string
	User         string
	Since, Until time.Time
	Limit        int
}

// Statistics is what is measured.
type Statistics interface {
	// Query returns the series of a host, virtual machine or datastore in intervals of the period.
	Query(ctx context.Context, by dc.Caller, period time.Duration, q dc.SeriesQuery) ([]dc.Series, error)
}

// Alarms watches what is measured, what is, and what happens.
type Alarms interface {
	List(by dc.Caller) ([]*dc.Alarm, error)
	// Triggered returns the objects that are not green and that the caller may see, the worst and then the newest first.
	Triggered(by dc.Caller) ([]*dc.AlarmState, error)
	Create(ctx context.Context, by dc.Caller, name string, spec dc.AlarmSpec) (*dc.Alarm, error)
	// Edit replaces an alarm's name and spec by what change, which may be called several times, makes of them.
	Edit(ctx context.Context, by dc.Caller, id dc.AlarmID, change func(*dc.Alarm)) (*dc.Alarm, error)
	Delete(ctx context.Context, by dc.Caller, id dc.AlarmID) error
	Acknowledge(ctx context.Context, by dc.Caller, id dc.AlarmID, object dc.ID) error
	Reset(ctx context.Context, by dc.Caller, id dc.AlarmID, object dc.ID) error
}

// Tags keeps tags in categories, and what has them.
type Tags interface {
	Categories(by dc.Caller) ([]*dc.TagCategory, error)
	// CreateCategory makes one of o's name, description, cardinality and kinds.
	CreateCategory(ctx context.Context, by dc.Caller, o dc.TagCategory) (*dc.TagCategory, error)
	// UpdateCategory replaces a category by what change, which may be called several times, makes of it; so does Update with a tag.
	UpdateCategory(ctx context.Context, by dc.Caller, id dc.TagCategoryID, change func(*dc.TagCategory)) (*dc.TagCategory, error)
	DeleteCategory(ctx context.Context, by dc.Caller, id dc.TagCategoryID) error

	// Tags returns all tags by category and name, and Attached those of an object.
	Tags(by dc.Caller) ([]*dc.Tag, error)
	Attached(by dc.Caller, object dc.ID) ([]*dc.Tag, error)
	Create(ctx context.Context, by dc.Caller, category dc.TagCategoryID, name, description string) (*dc.Tag, error)
	Update(ctx context.Context, by dc.Caller, id dc.TagID, change func(*dc.Tag)) (*dc.Tag, error)
	Delete(ctx context.Context, by dc.Caller, id dc.TagID) error
	Attach(ctx context.Context, by dc.Caller, id dc.TagID, object dc.ID) error
	Detach(ctx context.Context, by dc.Caller, id dc.TagID, object dc.ID) error
	// Objects returns what has the tag, by kind and name.
	Objects(by dc.Caller, tag dc.TagID) ([]dc.Object, error)
}

// CustomFields keeps custom attributes and their values.
type CustomFields interface {
	List(by dc.Caller) ([]*dc.CustomField, error)
	// Create makes a custom attribute of objects of the kind, or of all for "".
	Create(ctx context.Context, by dc.Caller, name string, of dc.Kind) (*dc.CustomField, error)
	Rename(ctx context.Context, by dc.Caller, id dc.CustomFieldID, name string) error
	Delete(ctx context.Context, by dc.Caller, id dc.CustomFieldID) error
	// Values returns those of an object, by name.
	Values(by dc.Caller, object dc.ID) ([]dc.CustomValue, error)
	// Set gives an object a value; "" takes it away.
	Set(ctx context.Context, by dc.Caller, id dc.CustomFieldID, object dc.ID, value string) error
}

// State is the data center as it is now, and what changes in it. It checks no privilege: this package authorizes the
// caller before it shows anything of it.
type State interface {
	// View returns the newest state.
	View() View
	// Changes returns what changed after the revision since, in order, and the revision up to which that goes. ok is false
	// where that is not remembered: start again from View.
	Changes(since int64) (changes []Change, upto int64, ok bool)
	// Wait returns when the state's revision is above since.
	Wait(ctx context.Context, since int64) error
	// Usage says how full a datastore is, where that is known now.
	Usage(id dc.DatastoreID) (dc.DatastoreUsage, bool)
}

// View is the state at one revision. It is immutable.
type View interface {
	Revision() int64
	// Object returns the object with the ID, or nil.
	Object(id dc.ID) dc.Object
	// Objects yields every object of a kind, in the order of IDs.
	Objects(kind dc.Kind) iter.Seq[dc.Object]
}

// Change is one object that was made, changed or deleted.
type Change struct {
	Kind     dc.Kind
	ID       dc.ID
	Revision int64
	// Object is nil when it was deleted, and Old when it was made.
	Object, Old dc.Object
}

// Files keeps the files on datastores.
type Files interface {
	Browse(ctx context.Context, by dc.Caller, ref dc.FileRef, query dc.FileQuery) (files []dc.File, truncated bool, err error)
	MakeFolder(ctx context.Context, by dc.Caller, ref dc.FileRef, parents bool) error
	Copy(ctx context.Context, by dc.Caller, from, to dc.FileRef, overwrite bool) (*dc.Task, error)
	Move(ctx context.Context, by dc.Caller, from, to dc.FileRef, overwrite bool) (*dc.Task, error)
	Delete(ctx context.Context, by dc.Caller, ref dc.FileRef) (*dc.Task, error)
	// ImportDisk starts the task that makes a disk of an image on the same datastore.
	ImportDisk(ctx context.Context, by dc.Caller, from, to dc.FileRef, removeSource bool) (*dc.Task, error)
	// Open opens a file for reading; ctx is for as long as it is read.
	Open(ctx context.Context, by dc.Caller, ref dc.FileRef) (Download, error)
	// Uploaded says how much of an upload is there, and what it is.
	Uploaded(ctx context.Context, by dc.Caller, ref dc.FileRef) (offset int64, sha256 string, err error)
	// Upload makes a file of what content has from the offset on. sha256 is called when all of it was read, and returns that
	// of the whole file or "". The result is what the file is then, with its SHA-256.
	Upload(ctx context.Context, by dc.Caller, ref dc.FileRef, offset int64, overwrite bool, sha256 func() string, content io.Reader) (dc.File, string, error)
}

// Download is a file that is being read.
type Download interface {
	io.ReadSeekCloser
	// Stat returns what the file is.
	Stat() dc.File
	// SHA256 returns that of the file, when all of it was read from its beginning to io.EOF; else "".
	SHA256() string
}

// Images takes the content of new images.
type Images interface {
	// Uploaded says how much of the upload for an image of the name is there, and what it is.
	Uploaded(ctx context.Context, by dc.Caller, name string) (offset int64, sha256 string, err error)
	// Import takes the content from the offset on, and starts the task that makes an image of it. sha256 is as that of Files.
	Import(ctx context.Context, by dc.Caller, name, guestID string, offset int64, sha256 func() string, content io.Reader) (*dc.Task, error)
}

// Packages imports packages of virtual machines.
type Packages interface {
	// Uploaded says how much of the caller's upload for a machine is there, and what it is; it fails as Import would whatever the
	// package is.
	Uploaded(ctx context.Context, by dc.Caller, req CreateRequest) (offset int64, sha256 string, err error)
	// Import takes the package from the offset on, and starts the task that makes the machine. The hardware is the package's.
	// networks are the port groups for its networks by name, with "" for all others; sha256 is as that of Files. warnings say what of
	// the machine is other than it was.
	Import(ctx context.Context, by dc.Caller, req CreateRequest, networks map[string]dc.PortGroupID, offset int64, sha256 func() string,
		content io.Reader) (t *dc.Task, warnings []string, err error)
}

// Exports lends machines to those who take them away as packages.
type Exports interface {
	// Begin lends a machine.
	Begin(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) (Export, error)
	// Open begins to read a disk by its place, from the offset on; ctx is for as long as it is read.
	Open(ctx context.Context, by dc.Caller, lease dc.TaskID, disk int, offset int64) (ExportedFile, error)
	// Descriptor returns the package's, whose disks have the sizes.
	Descriptor(by dc.Caller, lease dc.TaskID, sizes []int64) ([]byte, error)
	End(ctx context.Context, by dc.Caller, lease dc.TaskID, complete bool) error
}

// Export is a machine that is lent.
type Export struct {
	Lease *dc.Task
	// Name is what the files of the package are called, without their endings.
	Name  string
	Disks []ExportedDisk
}

// ExportedDisk is a disk of a package: the name of its file, and its size as a disk.
type ExportedDisk struct {
	Name          string
	CapacityBytes int64
}

// ExportedFile is a disk that is being read.
type ExportedFile interface {
	io.ReadCloser
	// SHA256 returns that of the whole file, when Read has returned io.EOF.
	SHA256() string
}

// Backups makes backups of the manager.
type Backups interface {
	// Write writes the file of a backup as of now. What was written before an error is worth nothing.
	Write(ctx context.Context, by dc.Caller, w io.Writer) error
}

// System is the installation itself.
type System interface {
	// Version is that of the program.
	Version() string
	// Doctor examines the installation.
	Doctor(ctx context.Context, by dc.Caller) ([]Check, error)
	// DeepDoctor compares the store, the hosts' disks and processes, and what executes machines, with what is promised. Its
	// checks are ordered by promises.
	DeepDoctor(ctx context.Context, by dc.Caller) ([]Check, error)
}

// Check is one thing that was examined.
type Check struct {
	// Name says what: "store".
	Name   string
	Status CheckStatus
	// Message says what was found, and Remedy what to do about it.
	Message, Remedy string
	// Promise, Object and Examined are of deep checks: the promise, the object that breaks it, and how many things were
	// examined where all keep it.
	Promise, Object string
	Examined        int
}

// CheckStatus is how one check ended.
type CheckStatus string

// The outcomes of a check.
const (
	CheckOK      CheckStatus = "ok"
	CheckWarning CheckStatus = "warning"
	CheckProblem CheckStatus = "problem"
)
