package dc

import (
	"fmt"
	"slices"
	"time"
)

// BulkOp is what a bulk task does with each of its objects: a power operation, by its name, or one of those below.
type BulkOp string

// The operations of bulk tasks besides power operations.
const (
	BulkDelete           BulkOp = "delete" // a virtual machine with its files, a host from the inventory
	BulkMove             BulkOp = "move"
	BulkAttachTag        BulkOp = "attachTag"
	BulkDetachTag        BulkOp = "detachTag"
	BulkCustomValue      BulkOp = "setCustomValue"
	BulkSetPermission    BulkOp = "setPermission"
	BulkRemovePermission BulkOp = "removePermission"

	BulkReconfigure      BulkOp = "reconfigure"
	BulkClone            BulkOp = "clone"
	BulkTemplate         BulkOp = "markAsTemplate"
	BulkVirtualMachine   BulkOp = "markAsVirtualMachine"
	BulkEnterMaintenance BulkOp = "enterMaintenanceMode"
	BulkExitMaintenance  BulkOp = "exitMaintenanceMode"
	BulkDisconnect       BulkOp = "disconnect"
	BulkReconnect        BulkOp = "reconnect"
)

// bulkOf maps the operations that are for objects of one kind to that kind and the privilege; power operations are for machines.
var bulkOf = map[BulkOp]struct {
	kind      Kind
	privilege Privilege
}{
	BulkReconfigure: {KindVirtualMachine, PrivRead}, BulkClone: {KindVirtualMachine, PrivRead}, // and what they are to be needs more
	BulkTemplate: {KindVirtualMachine, PrivMarkAsTemplate}, BulkVirtualMachine: {KindVirtualMachine, PrivMarkAsVM},
	BulkEnterMaintenance: {KindHost, PrivHostMaintenance}, BulkExitMaintenance: {KindHost, PrivHostMaintenance},
	BulkDisconnect: {KindHost, PrivHostConnection}, BulkReconnect: {KindHost, PrivHostConnection},
}

// BulkOps returns the operations that a user may ask for, in a fixed order.
func BulkOps() []BulkOp {
	var ops []BulkOp
	for _, op := range PowerOps() {
		ops = append(ops, BulkOp(op))
	}
	return append(ops, BulkDelete, BulkMove, BulkAttachTag, BulkDetachTag, BulkCustomValue, BulkSetPermission, BulkRemovePermission,
		BulkReconfigure, BulkClone, BulkTemplate, BulkVirtualMachine, BulkEnterMaintenance, BulkExitMaintenance, BulkDisconnect, BulkReconnect)
}

// Power returns the power operation that op is, if it is one.
func (op BulkOp) Power() (PowerOp, bool) {
	return PowerOp(op), slices.Contains(PowerOps(), PowerOp(op))
}

// Privilege returns what op asks for on an object of the kind; ok is false where op is not for such objects.
func (op BulkOp) Privilege(kind Kind) (p Privilege, ok bool) {
	switch op {
	case BulkDelete:
		return DeletePrivilege(kind)
	case BulkMove:
		return MovePrivilege(kind)
	case BulkAttachTag, BulkDetachTag:
		return PrivTagAttach, true
	case BulkCustomValue:
		return PrivCustomValue, true
	case BulkSetPermission, BulkRemovePermission:
		return PrivUsers, true
	}
	if of, ok := bulkOf[op]; ok {
		return of.privilege, of.kind == kind
	}
	return PowerOp(op).Privilege(), kind == KindVirtualMachine
}

// CheckKind returns an error of kind Unsupported where op is not for objects of the kind.
func (op BulkOp) CheckKind(kind Kind) error {
	if _, ok := op.Privilege(kind); ok {
		return nil
	}
	return Errorf(Unsupported, "%q is not for a %s", op, kind.Noun()).Fix("name other objects, or choose another operation")
}

// movePrivileges and deletePrivileges are vSphere's, by the kind of object.
var (
	movePrivileges = map[Kind]Privilege{
		KindDatacenter: PrivDatacenterMove, KindFolder: PrivFolderMove, KindCluster: PrivClusterMove, KindHost: PrivHostMove,
		KindDatastore: PrivDatastoreMove, KindPortGroup: PrivNetworkMove, KindVirtualMachine: PrivVMMove,
	}
	deletePrivileges = map[Kind]Privilege{
		KindDatacenter: PrivDatacenterDelete, KindFolder: PrivFolderDelete, KindCluster: PrivClusterDelete, KindHost: PrivHostRemove,
		KindResourcePool: PrivPoolDelete, KindDatastore: PrivDatastoreDelete, KindPortGroup: PrivNetworkDelete,
		KindVirtualMachine: PrivVMDelete,
	}
)

// MovePrivilege returns what it takes to move an object of the kind from one folder into another, on the object and on both folders;
// ok is false for kinds that stand in no folder.
func MovePrivilege(kind Kind) (p Privilege, ok bool) {
	p, ok = movePrivileges[kind]
	return p, ok
}

// DeletePrivilege returns what it takes to delete an object of the kind; ok is false for kinds that stand in no inventory.
func DeletePrivilege(kind Kind) (p Privilege, ok bool) {
	p, ok = deletePrivileges[kind]
	return p, ok
}

// MaxBulk is how many objects one bulk task works on.
const MaxBulk = 1000

// Bulk asks for one operation with many objects of the inventory.
type Bulk struct {
	Op BulkOp `json:"op"`
	// Timeout bounds the guest's part of ShutdownGuest and RebootGuest; 0 is GuestTimeout.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Folder is where BulkMove moves to, and Cluster, for hosts, in its place.
	Folder  FolderID  `json:"folder,omitempty"`
	Cluster ClusterID `json:"cluster,omitempty"`
	// Tag is that of BulkAttachTag and BulkDetachTag.
	Tag TagID `json:"tag,omitempty"`
	// Field and Value are those of BulkCustomValue.
	Field CustomFieldID `json:"field,omitempty"`
	Value string        `json:"value,omitempty"`
	// Principal is whose permission BulkSetPermission and BulkRemovePermission are about, Role and Propagate what the former gives.
	Principal ID     `json:"principal,omitempty"`
	Role      RoleID `json:"role,omitempty"`
	Propagate bool   `json:"propagate,omitempty"`
	// Pool is that of BulkVirtualMachine, and for hosts of BulkMove; "" is the root pool of each host.
	Pool ResourcePoolID `json:"pool,omitempty"`
	// Change is what BulkReconfigure changes: see HardwareChange.Common.
	Change *HardwareChange `json:"change,omitempty"`
	// Clone is what BulkClone makes.
	Clone *CloneSpec `json:"clone,omitempty"`
	// Lenient takes a power operation on a machine that is as the operation would leave it for done.
	Lenient bool `json:"lenient,omitempty"`
	// Confirmed is, for a deletion of many objects, how many they are.
	Confirmed int `json:"confirmed,omitempty"`
	// Objects are those that it is done with, each once, in this order.
	Objects []BulkObject `json:"objects"`
}

// BulkObject is one object of a bulk task.
type BulkObject struct {
	// ID is the object's, or "" for one that is not there; then Failure says why not.
	ID ID `json:"id,omitempty"`
	// Name is what the user called it, or its name.
	Name    string   `json:"name"`
	Failure *Failure `json:"failure,omitempty"`
	// Rank orders: an object's turn comes when all of a lower rank are done.
	Rank int `json:"rank,omitempty"`
}

// BulkSelection selects objects of a kind: those that are below the folder, in the resource pool or in one below it (machines alone are
// in pools), and that have all the tags; what is empty leaves nothing out.
type BulkSelection struct {
	// Kind is theirs; "" is virtual machines.
	Kind   Kind           `json:"kind,omitempty"`
	Folder FolderID       `json:"folder,omitempty"`
	Pool   ResourcePoolID `json:"pool,omitempty"`
	Tags   []TagID        `json:"tags,omitempty"`
}

// CheckBulk returns an error of kind Invalid for an operation that there is not, for too many objects, and for none.
func CheckBulk(b Bulk) error {
	switch {
	case !slices.Contains(BulkOps(), b.Op):
		return Errorf(Invalid, "no bulk operation %q", b.Op).Fix("choose one of %q", BulkOps())
	case len(b.Objects) > MaxBulk:
		return Errorf(Invalid, "these are %s", b.What()).Fix("name %d at most in one call", MaxBulk)
	case len(b.Objects) == 0:
		return Errorf(Invalid, "no object is named or selected").Fix("name some, or select a folder, resource pool or tag that has some")
	case b.Op == BulkReconfigure && (b.Change == nil || !b.Change.Common()):
		return Errorf(Invalid, "change: it is missing, or is about devices, which are each machine's own").Fix("change CPUs, memory and settings only")
	case b.Op == BulkClone:
		return checkClone(b)
	}
	return nil
}

// What says how many objects of which kind there are: "12 virtual machines", and "12 objects" for those of several kinds.
func (b *Bulk) What() string {
	noun := ""
	for _, o := range b.Objects {
		switch of := o.ID.Kind().Noun(); {
		case o.ID == "":
		case noun == "":
			noun = of
		case noun != of:
			noun = "object"
		}
	}
	if noun == "" {
		noun = "object"
	}
	if len(b.Objects) != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", len(b.Objects), noun)
}
