package dc

import (
	"slices"
	"time"
)

// BulkOp is what a bulk task does with each of its objects: a power operation, by its name, or one of those below.
type BulkOp string

// The operations of bulk tasks besides power operations.
const (
	BulkDelete      BulkOp = "delete" // a virtual machine with its files
	BulkMove        BulkOp = "move"
	BulkAttachTag   BulkOp = "attachTag"
	BulkDetachTag   BulkOp = "detachTag"
	BulkCustomValue BulkOp = "setCustomValue"
)

// BulkOps returns the operations that a user may ask for, in a fixed order.
func BulkOps() []BulkOp {
	var ops []BulkOp
	for _, op := range PowerOps() {
		ops = append(ops, BulkOp(op))
	}
	return append(ops, BulkDelete, BulkMove, BulkAttachTag, BulkDetachTag, BulkCustomValue)
}

// Power returns the power operation that op is, if it is one.
func (op BulkOp) Power() (PowerOp, bool) {
	return PowerOp(op), slices.Contains(PowerOps(), PowerOp(op))
}

// Privilege returns what op asks for on each object.
func (op BulkOp) Privilege() Privilege {
	switch op {
	case BulkDelete:
		return PrivVMDelete
	case BulkMove:
		return PrivVMMove
	case BulkAttachTag, BulkDetachTag:
		return PrivTagAttach
	case BulkCustomValue:
		return PrivCustomValue
	}
	return PowerOp(op).Privilege()
}

// MaxBulk is how many objects one bulk task works on.
const MaxBulk = 1000

// Bulk asks for one operation with many virtual machines.
type Bulk struct {
	Op BulkOp `json:"op"`
	// Timeout bounds the guest's part of ShutdownGuest and RebootGuest; 0 is GuestTimeout.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Folder is where BulkMove moves to.
	Folder FolderID `json:"folder,omitempty"`
	// Tag is that of BulkAttachTag and BulkDetachTag.
	Tag TagID `json:"tag,omitempty"`
	// Field and Value are those of BulkCustomValue.
	Field CustomFieldID `json:"field,omitempty"`
	Value string        `json:"value,omitempty"`
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

// BulkSelection selects virtual machines: those that are below the folder, in the resource pool or in one below it, and that have all
// the tags; what is empty leaves nothing out.
type BulkSelection struct {
	Folder FolderID
	Pool   ResourcePoolID
	Tags   []TagID
}

// CheckBulk returns an error of kind Invalid for an operation that there is not, for too many objects, and for none.
func CheckBulk(b Bulk) error {
	switch {
	case !slices.Contains(BulkOps(), b.Op):
		return Errorf(Invalid, "no bulk operation %q", b.Op).Fix("choose one of %q", BulkOps())
	case len(b.Objects) > MaxBulk:
		return Errorf(Invalid, "these are %d virtual machines", len(b.Objects)).Fix("name %d at most in one call", MaxBulk)
	case len(b.Objects) == 0:
		return Errorf(Invalid, "no virtual machine is named or selected").Fix("name some, or select a folder, resource pool or tag that has some")
	}
	return nil
}
