package dc

import (
	"fmt"
	"time"
)

// Object is anything that the store keeps. All implementations are pointers to the structs of this package; their
// Kind method works on a nil pointer.
type Object interface {
	// Kind returns the object's kind; it must not look at the object.
	Kind() Kind
	// Identity returns the object's ID without its type.
	Identity() ID
	// Metadata returns the part that all objects share, for reading and (by the store) for setting the revision.
	Metadata() *Meta
	// Claims returns the keys that no two living objects may hold at once, such as a name in a folder. The store
	// enforces them in the same transaction as the write.
	Claims() []string
}

// Meta is the part that all objects share.
type Meta struct {
	// Name is what users call the object: unique among the children of Parent for inventory objects.
	Name string `json:"name,omitempty"`
	// Parent is the object above this one in the inventory, or "" for what stands in no tree.
	Parent ID `json:"parent,omitempty"`
	// Created is when the object was made, in UTC.
	Created time.Time `json:"created,omitzero"`
	// Tags are the tags that are attached to an object of the inventory, each once, in the order of their IDs. One that is not there
	// any more is attached to nothing. The manager's tag service writes them.
	Tags []TagID `json:"tags,omitempty"`
	// CustomValues are the object's custom attributes, by their keys. A key whose attribute is not there any more means nothing. The
	// manager's attribute service writes them.
	CustomValues map[int32]string `json:"customValues,omitempty"`
	// Revision is the store's revision of the last change; 0 means not stored yet. The store alone sets it.
	Revision int64 `json:"-"`
}

// Metadata implements Object for every struct that embeds Meta.
func (m *Meta) Metadata() *Meta { return m }

// NameClaim returns the claim of a name among the children of parent. Names are compared as they are: case counts, as
// in vSphere's inventory on a case-sensitive file system.
func NameClaim(parent ID, name string) string { return ChildClaims(parent) + name }

// ChildClaims returns the prefix that the name claims of all children of parent share, and the claims of those that use
// it (UseClaim). The store refuses to delete an object while such a claim is held.
func ChildClaims(parent ID) string { return fmt.Sprintf("name/%s/", parent) }

// UseClaim returns the claim by which user, which stands elsewhere in the inventory, keeps used from being deleted: it
// begins as the name claims of used's children do, and is no child's, whose names have no slash.
func UseClaim(used, user ID) string { return ChildClaims(used) + "/" + string(user) }

// nameClaim is the Claims method of an inventory object.
func (m *Meta) nameClaim() []string { return []string{NameClaim(m.Parent, m.Name)} }

// Describe returns an object as a user knows it: `virtual machine "hello"`.
func Describe(kind Kind, name string) string {
	return fmt.Sprintf("%s %q", kind.Noun(), name)
}

// Noun returns the kind in words: "virtual machine".
func (k Kind) Noun() string {
	for _, known := range kinds {
		if known.kind == k {
			return known.noun
		}
	}
	return string(k)
}

// NewObject returns an empty object of the kind, or nil for a kind that there is not.
func NewObject(kind Kind) Object {
	for _, known := range kinds {
		if known.kind == kind {
			return known.empty()
		}
	}
	return nil
}
