package property

import (
	"reflect"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// Object is one managed object in one Picture.
type Object interface {
	Ref() types.ManagedObjectReference
	Type() *Type
	// Value returns the value of one of Type's properties, or nil where it is unset. It is of govmomi's types; a list is a slice, and
	// an empty one that is not nil is a list without elements.
	Value(property string) any
	// Stamp returns the clock's time of the last change of what the property may depend on. Shared says that the value is the same for
	// all clients.
	Stamp(property string) (stamp int64, shared bool)
}

// Picture is the data center at one moment, as one client sees it. It is used by one goroutine at a time.
type Picture interface {
	// Object returns the object with the value of a reference, or nil for what is not there for the client. The type in the client's
	// reference does not matter: it may be a base type.
	Object(value string) Object
	// Ref returns the reference with a value, of what may be gone.
	Ref(value string) types.ManagedObjectReference
	// Clock is when the picture was taken. It counts changes.
	Clock() int64
	// Touched returns the objects that changed after since, each once. Structural says that others may be selected than before. ok is false where
	// that is not remembered: everything may have changed.
	Touched(since int64) (values []string, structural, ok bool)
}

// Type is a type of managed objects.
type Type struct {
	// Name is the API's: "VirtualMachine".
	Name string
	// Names are the properties that are ever set.
	Names []string

	of    reflect.Type
	bases map[string]bool
	paths sync.Map // of string to *Path
}

// NewType returns the type of govmomi's structure, such as mo.VirtualMachine{}, and the properties of it that are ever set.
func NewType(of any, names []string) *Type {
	t := &Type{Names: names, of: reflect.TypeOf(of), bases: map[string]bool{}}
	t.Name = t.of.Name()
	for at := t.of; ; {
		t.bases[at.Name()] = true
		if at.NumField() == 0 || !at.Field(0).Anonymous {
			return t
		}
		at = at.Field(0).Type
	}
}

// Is reports whether the type is the one with the name, or extends it.
func (t *Type) Is(name string) bool { return t.bases[name] || name == "ManagedObject" }
