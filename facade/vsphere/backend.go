package vsphere

import (
	"context"
	"time"

	"hanok/dc"
	"hanok/facade/vsphere/model"
)

// Backend is all that this facade needs of the data center. Every method that takes a caller checks that caller's privilege before
// anything else. All methods are safe for concurrent use.
type Backend struct {
	State     model.State
	Access    Access
	Audit     Audit
	Inventory Inventory
	Machines  Machines
	Tasks     Tasks
}

// Access knows the users, their logins and what they see.
type Access interface {
	// Login opens a session and returns its token. from is the network address of who asks.
	Login(ctx context.Context, from, username, password string) (token string, c dc.Caller, err error)
	Logout(ctx context.Context, by dc.Caller) error
	// Authenticate returns who has the token of a session. It is cheap: every call makes it.
	Authenticate(token string) (dc.Caller, error)
	// Authorize returns nil where by has the privilege on the object, and else an error of kind Unauthenticated, Denied or NotFound.
	Authorize(by dc.Caller, p dc.Privilege, on dc.ID) error
	// Visible returns a function that reports whether by may see an object, and whether he may see every one. It is good for one pass.
	Visible(by dc.Caller) (func(dc.Object) bool, error)
	SeesAll(by dc.Caller) bool
	// Shown returns a function that leaves out of the texts of a task or an event what by may not know. It is good for one pass.
	Shown(by dc.Caller) (func(dc.Object) dc.Object, error)
	// ShownFailure is Shown for a failure; own are words that it may have in any case.
	ShownFailure(by dc.Caller, f *dc.Failure, own []string) (*dc.Failure, error)
	// RolesOn returns the numbers of the roles that by has on an object.
	RolesOn(by dc.Caller, on dc.ID) []int32
}

// Audit is the log of who called what.
type Audit interface {
	// Begin records a call before it is carried out. Where it fails, the call must not be; one that helps against a full disk may.
	Begin(r dc.AuditRecord, helps bool) error
	// End records how a call ended.
	End(r dc.AuditRecord)
}

// Inventory changes what is no virtual machine.
type Inventory interface {
	Rename(ctx context.Context, by dc.Caller, id dc.ID, name string) error
	Move(ctx context.Context, by dc.Caller, id dc.ID, folder dc.FolderID) error
	CreateDatacenterIn(ctx context.Context, by dc.Caller, folder dc.FolderID, name string) (*dc.Datacenter, error)
	CreateFolder(ctx context.Context, by dc.Caller, parent dc.FolderID, name string) (*dc.Folder, error)
	CreateClusterIn(ctx context.Context, by dc.Caller, folder dc.FolderID, name string) (*dc.Cluster, error)
}

// Machines changes virtual machines.
type Machines interface {
	Power(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, op dc.PowerOp, timeout time.Duration) (*dc.Task, error)
	Delete(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) (*dc.Task, error)
}

// Tasks keeps the long operations.
type Tasks interface {
	Cancel(ctx context.Context, by dc.Caller, id dc.TaskID) error
}
